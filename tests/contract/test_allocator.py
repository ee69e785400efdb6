"""Allocators that the program brings (contract_rt section 10)."""

from typing import Any, NamedTuple

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import refuse

SETTERS = {
    "Obj": ("aclrtAllocator", "allocator"),
    "AllocFunc": ("aclrtAllocatorAllocFunc", "func"),
    "FreeFunc": ("aclrtAllocatorFreeFunc", "func"),
    "AllocAdviseFunc": ("aclrtAllocatorAllocAdviseFunc", "func"),
    "GetAddrFromBlockFunc": ("aclrtAllocatorGetAddrFromBlockFunc", "func"),
}
ADVISE = "AllocAdviseFunc"


class Found(NamedTuple):
    """What aclrtAllocatorGetByStream tells: the desc, and address by address what was set in it."""

    desc: Any
    addresses: dict[str, int]


def set_(acl: Acl, desc: Any, **addresses: int) -> None:
    """Set the object and the functions of a desc, which nobody calls here, to addresses."""
    for name, address in addresses.items():
        acl.ok(getattr(acl, f"aclrtAllocatorSet{name}ToDesc")(desc, acl.pointer(address, SETTERS[name][0])))


def complete(acl: Acl, start: int = 0x1000) -> Any:
    """A desc with everything in it."""
    desc = acl.aclrtAllocatorCreateDesc()
    set_(acl, desc, **{name: start + index for index, name in enumerate(SETTERS)})
    return desc


def places(acl: Acl) -> list[Any]:
    """Places for the answers of aclrtAllocatorGetByStream."""
    return [acl.out("aclrtAllocatorDesc"), *(acl.out(c_type) for c_type, _ in SETTERS.values())]


def find(acl: Acl, stream: Any) -> Found:
    """Ask for the allocator of a stream."""
    desc, *others = places(acl)
    acl.ok(acl.aclrtAllocatorGetByStream(stream, desc, *others))
    return Found(desc[0], {name: acl.address(place[0]) for name, place in zip(SETTERS, others, strict=True)})


@pytest.mark.row("RT10.10")
class TestAllocatorDesc:
    """aclrtAllocatorCreateDesc, aclrtAllocatorDestroyDesc and what sets the fields."""

    def test_destroy(self, acl: Acl, open_acl: OpenAcl) -> None:
        """NULL is 100000; so is a desc that was destroyed or is of another machine (a choice)."""
        desc, foreign = acl.aclrtAllocatorCreateDesc(), open_acl().aclrtAllocatorCreateDesc()
        refuse(acl, 100000, "aclrtAllocatorDestroyDesc", NULL, says="allocatorDesc is NULL")
        refuse(acl, 100000, "aclrtAllocatorDestroyDesc", foreign, says="another backend")
        assert acl.aclrtAllocatorDestroyDesc(desc) == 0
        refuse(acl, 100000, "aclrtAllocatorDestroyDesc", desc, says="was destroyed")

    @pytest.mark.parametrize("name", SETTERS)
    def test_setters(self, acl: Acl, name: str) -> None:
        """NULL for the desc, before the value, or for the value is 100000 and keeps what was set."""
        c_type, parameter = SETTERS[name]
        setter, desc, stream = f"aclrtAllocatorSet{name}ToDesc", complete(acl), acl.pointer(64, "aclrtStream")
        refuse(acl, 100000, setter, NULL, NULL, says="allocatorDesc is NULL")
        refuse(acl, 100000, setter, desc, NULL, says=f"{parameter} is NULL")
        for address in (0x5000, 0x6000):
            assert getattr(acl, setter)(desc, acl.pointer(address, c_type)) == 0
        refuse(acl, 100000, setter, desc, NULL)
        acl.ok(acl.aclrtAllocatorRegister(stream, desc))
        wanted = {other: 0x1000 + index for index, other in enumerate(SETTERS)}
        assert find(acl, stream).addresses == {**wanted, name: 0x6000}


@pytest.mark.row("RT10.11")
class TestAllocatorRegister:
    """aclrtAllocatorRegister."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL for the stream, then for the desc, then what is missing in the desc: the first that is wrong decides."""
        stream, desc, name = ready.stream(), ready.aclrtAllocatorCreateDesc(), "aclrtAllocatorRegister"
        refuse(ready, 100000, name, NULL, NULL, says="stream is NULL")
        refuse(ready, 100000, name, stream, NULL, says="allocatorDesc is NULL")
        for field, words in [
            ("Obj", "no allocator"),
            ("AllocFunc", "no allocate"),
            ("FreeFunc", "no free"),
            ("GetAddrFromBlockFunc", "no address"),
        ]:
            refuse(ready, 100000, name, stream, desc, says=words)
            assert ready.aclrtAllocatorGetByStream(stream, *places(ready)) == 100000
            set_(ready, desc, **{field: 0x1000})
        assert ready.aclrtAllocatorRegister(stream, desc) == 0

    def test_advise_is_optional(self, acl: Acl) -> None:
        """Without the function that takes an advice it is NULL."""
        stream, desc = acl.pointer(64, "aclrtStream"), acl.aclrtAllocatorCreateDesc()
        set_(acl, desc, **{name: 0x1000 for name in SETTERS if name != ADVISE})
        assert acl.aclrtAllocatorRegister(stream, desc) == 0
        assert find(acl, stream).addresses[ADVISE] == 0

    def test_the_desc_is_copied(self, ready: Acl) -> None:
        """What is set in the desc later, and its end, change nothing of what is registered."""
        stream, desc = ready.stream(), complete(ready)
        ready.ok(ready.aclrtAllocatorRegister(stream, desc))
        before = find(ready, stream)
        set_(ready, desc, Obj=0x9000, FreeFunc=0x9000)
        assert find(ready, stream) == before
        ready.ok(ready.aclrtAllocatorDestroyDesc(desc))
        assert find(ready, stream) == before

    def test_registering_again_replaces(self, ready: Acl) -> None:
        """The last desc counts; other streams keep theirs; a refused call replaces nothing."""
        streams, first, second = [ready.stream(), ready.stream()], complete(ready), complete(ready, 0x2000)
        for stream, desc in [(streams[0], first), (streams[1], first), (streams[0], second)]:
            assert ready.aclrtAllocatorRegister(stream, desc) == 0
        assert [find(ready, stream).desc for stream in streams] == [second, first]
        assert find(ready, streams[0]).addresses["Obj"] == 0x2000
        assert ready.aclrtAllocatorRegister(streams[0], ready.aclrtAllocatorCreateDesc()) == 100000
        assert find(ready, streams[0]).desc == second


@pytest.mark.row("RT10.12")
class TestAllocatorGetByStream:
    """aclrtAllocatorGetByStream."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """No place for the desc, no stream, a stream without an allocator: each 100000; nothing is written."""
        name, answers, stream = "aclrtAllocatorGetByStream", places(ready), ready.stream()
        refuse(ready, 100000, name, NULL, NULL, *answers[1:], says="allocatorDesc is NULL")
        refuse(ready, 100000, name, NULL, *answers, says="stream is NULL")
        refuse(ready, 100000, name, stream, *answers, says="no allocator is registered")
        assert [place[0] for place in answers] == [NULL] * len(answers)

    def test_gives_what_was_registered(self, ready: Acl) -> None:
        """The desc's handle and all that was in it; every place but that for the desc may be NULL."""
        stream, desc = ready.stream(), complete(ready)
        ready.ok(ready.aclrtAllocatorRegister(stream, desc))
        assert find(ready, stream) == (desc, {name: 0x1000 + index for index, name in enumerate(SETTERS)})
        place = ready.out("aclrtAllocatorDesc")
        assert ready.aclrtAllocatorGetByStream(stream, place, NULL, NULL, NULL, NULL, NULL) == 0
        assert place[0] == desc

    def test_of_a_stream_that_is_gone(self, ready: Acl) -> None:
        """A destroyed stream keeps its allocator, until it is unregistered."""
        stream, desc = ready.stream(), complete(ready)
        ready.ok(ready.aclrtAllocatorRegister(stream, desc))
        ready.ok(ready.aclrtDestroyStream(stream))
        assert find(ready, stream).desc == desc
        ready.ok(ready.aclrtAllocatorUnregister(stream))
        assert ready.aclrtAllocatorGetByStream(stream, *places(ready)) == 100000


@pytest.mark.row("RT10.13")
def test_unregister(ready: Acl) -> None:
    """NULL is 100000; a stream without an allocator is 0; one with an allocator loses it, others keep theirs."""
    first, second, desc = ready.stream(), ready.stream(), complete(ready)
    refuse(ready, 100000, "aclrtAllocatorUnregister", NULL, says="stream is NULL")
    assert ready.aclrtAllocatorUnregister(first) == 0
    for stream in (first, second):
        ready.ok(ready.aclrtAllocatorRegister(stream, desc))
    assert [ready.aclrtAllocatorUnregister(first) for _ in range(2)] == [0, 0]
    refuse(ready, 100000, "aclrtAllocatorGetByStream", first, *places(ready))
    assert find(ready, second).desc == desc

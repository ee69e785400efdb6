"""Registered host memory, pointers, and the rarer ways to allocate and free (contract_rt section 8.1)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import refuse

SIZE_MAX = (1 << 64) - 1
CONFIGURED = ("aclrtMallocWithCfg", "aclrtMallocForTaskScheduler")
REGISTER = ("aclrtHostRegister", "aclrtHostRegisterV2")


def config(acl: Acl, attributes: int, count: int | None = None) -> Any:
    """A configuration with so many attributes, or that says that it has `count`."""
    made = acl.out("aclrtMallocConfig")
    made.numAttrs = attributes if count is None else count
    if attributes:
        array = acl.ffi.new("aclrtMallocAttribute[]", attributes)
        made.attrs = array
        acl.ffi.gc(made, lambda _: array)
    return made


@pytest.mark.row("RT8.03")
class TestMallocWithCfg:
    """aclrtMallocWithCfg, aclrtMallocForTaskScheduler, and aclrtMallocHostWithCfg."""

    @pytest.mark.parametrize("name", CONFIGURED)
    def test_order_of_checks(self, acl: Acl, name: str) -> None:
        """NULL, attributes that are missing, size 0, too large, no context, no room: the first that is wrong decides."""
        place, broken = acl.out("void *"), config(acl, 0, 3)
        refuse(acl, 100000, name, NULL, 0, 0, broken, says="devPtr is NULL")
        refuse(acl, 100000, name, place, 0, 0, broken, says="cfg.numAttrs is 3")
        for cfg in (NULL, config(acl, 0), config(acl, 2)):
            refuse(acl, 100000, name, place, 0, 0, cfg, says="size is 0")
        refuse(acl, 100000, name, place, SIZE_MAX, 0, NULL, says=f"size is {SIZE_MAX}")
        refuse(acl, 107002, name, place, 1 << 60, 0, NULL)
        acl.start()
        refuse(acl, 207001, name, place, 1 << 60, 0, NULL)
        assert place[0] == NULL

    @pytest.mark.parametrize("name", CONFIGURED)
    @pytest.mark.parametrize("attributes", [None, 0, 2])
    def test_allocates_as_malloc_does(self, ready: Acl, name: str, attributes: int | None) -> None:
        """With a configuration or none it is device memory like any other, rounded up and padded."""
        place, before = ready.out("void *"), ready.free_bytes()
        cfg = NULL if attributes is None else config(ready, attributes)
        assert getattr(ready, name)(place, 100, 0, cfg) == 0
        assert before - ready.free_bytes() == 128 + 32
        ready.write(place[0], b"x" * 100)
        assert ready.read(place[0], 100) == b"x" * 100
        assert ready.aclrtFree(place[0]) == 0
        assert ready.free_bytes() == before

    def test_host_memory(self, acl: Acl) -> None:
        """On the host the checks and the memory are those of aclrtMallocHost."""
        place, name = acl.out("void *"), "aclrtMallocHostWithCfg"
        refuse(acl, 100000, name, NULL, 0, NULL, says="ptr is NULL")
        refuse(acl, 100000, name, place, 0, NULL, says="size is 0")
        refuse(acl, 107002, name, place, 8, NULL)
        acl.start()
        refuse(acl, 207001, name, place, SIZE_MAX, NULL)
        assert acl.aclrtMallocHostWithCfg(place, 8, config(acl, 1)) == 0
        acl.ffi.memmove(place[0], b"contents", 8)
        assert acl.content(place[0], 8) == b"contents"
        assert acl.aclrtFreeHost(place[0]) == 0


FREES: dict[str, tuple[str, Callable[[Acl], Any]]] = {
    "aclrtFreeWithDevSync": ("devPtr", lambda acl: acl.malloc(64)),
    "aclrtFreeHostWithDevSync": ("hostPtr", lambda acl: acl.malloc_host(64)),
}


@pytest.mark.row("RT8.08")
@pytest.mark.parametrize("name", FREES)
class TestFreeWithDevSync:
    """aclrtFreeWithDevSync and aclrtFreeHostWithDevSync."""

    def test_refuses_as_the_plain_ones_do(self, ready: Acl, open_acl: OpenAcl, name: str) -> None:
        """NULL is 100000; freed, inside, foreign and of the other kind is 107000, and nothing runs."""
        parameter, make = FREES[name]
        other_kind = next(make for each, (_, make) in FREES.items() if each != name)(ready)
        other = open_acl()
        other.start()
        memory, freed, work = make(ready), make(ready), ready.work()
        ready.ok(getattr(ready, name.removesuffix("WithDevSync"))(freed))
        refuse(ready, 100000, name, NULL, says=f"{parameter} is NULL")
        for bad in (freed, ready.offset(memory, 32), make(other), other_kind, ready.host(64)):
            refuse(ready, 107000, name, bad, says=parameter)
        assert not work.ran()

    def test_waits_for_the_device(self, ready: Acl, name: str) -> None:
        """All work of the device is done before, of all its contexts, and of no other device; then the memory is gone."""
        memory = FREES[name][1](ready)
        works = [ready.work(), ready.work(ready.stream())]
        ready.context()
        works.append(ready.work())
        there = ready.context(1)
        elsewhere = ready.work()
        ready.ok(ready.aclrtSetDevice(0))
        assert getattr(ready, name)(memory) == 0
        assert [work.ran() for work in works] == [True] * 3
        ready.ok(ready.aclrtSetCurrentContext(there))
        assert not elsewhere.ran()
        refuse(ready, 107000, name, memory)

    def test_work_that_uses_the_memory(self, ready: Acl, name: str) -> None:
        """A queued copy with the memory finds it there."""
        memory, target, stream = FREES[name][1](ready), ready.malloc(64), ready.stream()
        ready.ok(ready.aclrtMemset(memory, 64, 7, 64))
        ready.copy(target, memory, 64, stream, ready.lib.ACL_MEMCPY_DEFAULT)
        assert getattr(ready, name)(memory) == 0
        ready.synchronize(stream)
        assert ready.read(target, 64) == b"\x07" * 64

    def test_errors_stay_with_their_streams(self, ready: Acl, name: str) -> None:
        """A task that fails meanwhile is no error of the call."""
        memory, stream = FREES[name][1](ready), ready.stream()
        ready.failing_work(stream)
        assert getattr(ready, name)(memory) == 0
        assert ready.aclrtSynchronizeStream(stream) == 507053


@pytest.mark.parametrize("name", ["aclrtMemFlush", "aclrtMemInvalidate"])
def test_caches(ready: Acl, name: str) -> None:
    """NULL and size 0 are 100000, memory that is not there 107000; else there is nothing to do."""
    memory, freed = ready.malloc(64), ready.malloc(64)
    ready.ok(ready.aclrtFree(freed))
    refuse(ready, 100000, name, NULL, 0, says="devPtr is NULL")
    refuse(ready, 100000, name, memory, 0, says="size is 0")
    refuse(ready, 107000, name, freed, 64, says="was freed")
    refuse(ready, 107000, name, memory, SIZE_MAX, says="over the end")
    assert getattr(ready, name)(memory, 64) == 0


def register(acl: Acl, name: str, memory: Any, size: int) -> int:
    """Register host memory in one of the two ways."""
    if name == "aclrtHostRegister":
        return acl.aclrtHostRegister(memory, size, acl.lib.ACL_HOST_REGISTER_MAPPED, acl.out("void *"))
    return acl.aclrtHostRegisterV2(memory, size, 0)


@pytest.mark.row("RT8.09")
class TestHostRegister:
    """aclrtHostRegister and aclrtHostRegisterV2."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL for the memory or the answer, then size 0, then memory that is registered already."""
        name, place, memory = "aclrtHostRegister", ready.out("void *"), ready.host(64)
        mapped = ready.lib.ACL_HOST_REGISTER_MAPPED
        refuse(ready, 100000, name, NULL, 0, mapped, NULL, says="ptr is NULL")
        refuse(ready, 100000, name, memory, 0, mapped, NULL, says="devPtr is NULL")
        refuse(ready, 100000, name, memory, 0, mapped, place, says="size is 0")
        ready.ok(register(ready, name, memory, 64))
        refuse(ready, 507910, name, memory, 64, mapped, place)
        refuse(ready, 100000, "aclrtHostRegisterV2", NULL, 0, 0, says="ptr is NULL")
        refuse(ready, 100000, "aclrtHostRegisterV2", memory, 0, 0, says="size is 0")
        refuse(ready, 507910, "aclrtHostRegisterV2", memory, 64, 0)
        assert place[0] == NULL

    @pytest.mark.parametrize("name", REGISTER)
    def test_refuses_what_overlaps(self, ready: Acl, name: str) -> None:
        """Memory that shares a byte with registered or page-locked memory is 507910; next to it is fine."""
        memory, pinned = ready.host(256), ready.malloc_host(64)
        ready.ok(register(ready, name, ready.offset(memory, 64), 64))
        for start, size in [(64, 64), (64, 1), (0, 65), (127, 1), (100, 100), (0, 256)]:
            assert register(ready, name, ready.offset(memory, start), size) == 507910
            assert "page-locked already" in ready.message()
        assert register(ready, name, pinned, 64) == 507910
        assert register(ready, name, ready.offset(memory, 128), 128) == 0
        assert register(ready, name, memory, 64) == 0

    @pytest.mark.parametrize("name", REGISTER)
    def test_refuses_device_memory(self, ready: Acl, name: str) -> None:
        """A device address, and a range that leaves the address space, is 100000."""
        assert register(ready, name, ready.malloc(64), 64) == 100000
        assert "only host memory can be registered" in ready.message()
        for size in (SIZE_MAX, SIZE_MAX >> 1, 1 << 63):
            assert register(ready, name, ready.host(64), size) == 100000
            assert size < SIZE_MAX or "leaves the address space" in ready.message()

    @pytest.mark.parametrize("name", REGISTER)
    def test_page_locks(self, ready: Acl, name: str) -> None:
        """An asynchronous copy with the memory, from anywhere in it, waits in its stream."""
        memory, device, stream = ready.host(b"....host...."), ready.malloc(4, b"0000"), ready.stream()
        assert register(ready, name, memory, 12) == 0
        ready.copy(device, ready.offset(memory, 4), 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        ready.ffi.memmove(memory, b"....late....", 12)
        assert ready.read(device, 4) == b"0000"
        ready.synchronize(stream)
        assert ready.read(device, 4) == b"late"
        ready.copy(memory, device, 4, stream, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST)
        assert ready.content(memory, 4) == b"...."
        ready.synchronize(stream)
        assert ready.content(memory, 4) == b"late"

    def test_gives_the_address_for_the_device(self, ready: Acl) -> None:
        """The address that comes back works in copies as the memory itself does."""
        memory, place = ready.host(b"host"), ready.out("void *")
        ready.ok(ready.aclrtHostRegister(memory, 4, ready.lib.ACL_HOST_REGISTER_MAPPED, place))
        assert ready.read(place[0], 4) == b"host"

    def test_is_not_for_free_host(self, ready: Acl) -> None:
        """Registered memory is the caller's: aclrtFreeHost refuses it with 107000."""
        memory = ready.host(64)
        ready.ok(register(ready, "aclrtHostRegisterV2", memory, 64))
        refuse(ready, 107000, "aclrtFreeHost", memory, says="aclrtHostUnregister")


@pytest.mark.row("RT8.10")
class TestHostUnregister:
    """aclrtHostUnregister."""

    def test_refuses(self, ready: Acl) -> None:
        """NULL is 100000; what was not registered, or is not the beginning of it, is 507911."""
        memory = ready.host(64)
        ready.ok(register(ready, "aclrtHostRegisterV2", memory, 64))
        refuse(ready, 100000, "aclrtHostUnregister", NULL, says="ptr is NULL")
        for bad in (ready.host(8), ready.offset(memory, 8), ready.malloc(8), ready.malloc_host(8)):
            refuse(ready, 507911, "aclrtHostUnregister", bad, says="not the beginning of memory")
        assert ready.aclrtHostUnregister(memory) == 0
        refuse(ready, 507911, "aclrtHostUnregister", memory)

    def test_unlocks(self, ready: Acl) -> None:
        """A copy with the memory then waits for its stream and copies at once; it can be registered again."""
        memory, device, stream = ready.host(b"host"), ready.malloc(4), ready.stream()
        ready.ok(register(ready, "aclrtHostRegisterV2", memory, 4))
        ready.ok(ready.aclrtHostUnregister(memory))
        ready.copy(device, memory, 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert ready.read(device, 4) == b"host"
        assert register(ready, "aclrtHostRegister", memory, 4) == 0

    def test_with_a_copy_queued(self, ready: Acl) -> None:
        """A copy that is still queued fails when it runs: its memory is not page-locked any more."""
        memory, device, stream = ready.host(b"host"), ready.malloc(4, b"0000"), ready.stream()
        ready.ok(register(ready, "aclrtHostRegisterV2", memory, 4))
        ready.copy(device, memory, 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert ready.aclrtHostUnregister(memory) == 0
        assert ready.aclrtSynchronizeStream(stream) == 507053
        assert ready.read(device, 4) == b"0000"


@pytest.mark.row("RT8.11")
class TestHostGetDevicePointer:
    """aclrtHostGetDevicePointer."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL for either, then a flag that is not 0, is 100000; memory that is not page-locked is 107000 (a choice)."""
        name, place, pageable = "aclrtHostGetDevicePointer", ready.out("void *"), ready.host(8)
        refuse(ready, 100000, name, NULL, NULL, 1, says="pHost is NULL")
        refuse(ready, 100000, name, pageable, NULL, 1, says="pDevice is NULL")
        for flag in (1, 0xFFFFFFFF):
            refuse(ready, 100000, name, pageable, place, flag, says=f"flag is {flag}")
        for bad in (pageable, ready.malloc(8)):
            refuse(ready, 107000, name, bad, place, 0, says="not page-locked")
        assert place[0] == NULL

    @pytest.mark.parametrize("registered", [True, False])
    def test_gives_an_address_for_the_device(self, ready: Acl, registered: bool) -> None:
        """What it gives for page-locked memory, registered or allocated, works in copies and anywhere inside it."""
        memory, place = (
            ready.host(b"01234567") if registered else ready.malloc_host(8, b"01234567"),
            ready.out("void *"),
        )
        if registered:
            ready.ok(register(ready, "aclrtHostRegisterV2", memory, 8))
        for offset in (0, 4):
            assert ready.aclrtHostGetDevicePointer(ready.offset(memory, offset), place, 0) == 0
            assert ready.read(place[0], 4) == b"01234567"[offset : offset + 4]


@pytest.mark.row("RT8.13")
class TestPointerGetAttributes:
    """aclrtPointerGetAttributes."""

    def test_refuses(self, ready: Acl) -> None:
        """NULL for either is 100000; a device address without memory is 107000 (a choice), and nothing is written."""
        name, place, freed = "aclrtPointerGetAttributes", ready.out("aclrtPtrAttributes"), ready.malloc(64)
        ready.ok(ready.aclrtFree(freed))
        place.location.id = 99
        refuse(ready, 100000, name, NULL, NULL, says="ptr is NULL")
        refuse(ready, 100000, name, NULL, place, says="ptr is NULL")
        refuse(ready, 100000, name, freed, NULL, says="attributes is NULL")
        refuse(ready, 107000, name, freed, place, says="was freed")
        assert place.location.id == 99

    def test_says_where_memory_lies(self, ready: Acl) -> None:
        """HOST 0 for page-locked and registered memory, DEVICE 1 with its device, UNREGISTERED 2 for all other."""
        lib, place = ready.lib, ready.out("aclrtPtrAttributes")
        first, pinned, registered, pageable = ready.malloc(64), ready.malloc_host(64), ready.host(64), ready.host(64)
        ready.ok(register(ready, "aclrtHostRegisterV2", registered, 64))
        ready.context(1)
        second = ready.malloc(64)
        numbers = (
            lib.ACL_MEM_LOCATION_TYPE_HOST,
            lib.ACL_MEM_LOCATION_TYPE_DEVICE,
            lib.ACL_MEM_LOCATION_TYPE_UNREGISTERED,
        )
        assert (*numbers, lib.ACL_MEM_LOCATION_TYPE_HOST_NUMA) == (0, 1, 2, 4)
        for pointer, type_, id_ in [
            (first, 1, 0),
            (second, 1, 1),
            (pinned, 0, 0),
            (registered, 0, 0),
            (pageable, 2, 0),
        ]:
            for offset in (0, 63):
                place.location.id, place.rsv[3] = 99, 99
                assert ready.aclrtPointerGetAttributes(ready.offset(pointer, offset), place) == 0
                assert (place.location.type, place.location.id) == (type_, id_)
                assert place.pageSize > 0
                assert list(place.rsv) == [0, 0, 0, 0]
        ready.ok(ready.aclrtHostUnregister(registered))
        assert ready.aclrtPointerGetAttributes(registered, place) == 0
        assert place.location.type == 2

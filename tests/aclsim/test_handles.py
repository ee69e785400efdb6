"""Handles: typed, told apart by machine and by life, never used twice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aclsim.core.handles import HandleTable, HandleValues, world_of

from tests.contract.acl import Acl, OpenAcl

EINVAL = 100000


@dataclass(frozen=True)
class Kind:
    """A kind of handle: how to make and destroy one, and which code its destruction answers for a dead one."""

    name: str
    c_type: str
    make: Callable[[Acl], Any]
    destroy: str
    code: int

    def end(self, acl: Acl, handle: Any) -> int:
        """Destroy a handle; returns the code."""
        return int(getattr(acl, self.destroy)(handle))


def _context(acl: Acl) -> Any:
    return acl.context()


def _stream(acl: Acl) -> Any:
    return acl.stream()


def _buffer(acl: Acl) -> Any:
    return acl.aclCreateDataBuffer(acl.pointer(0), 0)


KINDS = [
    Kind("context", "aclrtContext", _context, "aclrtDestroyContext", 107002),
    Kind("stream", "aclrtStream", _stream, "aclrtDestroyStream", 107017),
    Kind(
        "stream config handle",
        "aclrtStreamConfigHandle *",
        lambda acl: acl.aclrtCreateStreamConfigHandle(),
        "aclrtDestroyStreamConfigHandle",
        EINVAL,
    ),
    Kind("data buffer", "aclDataBuffer *", _buffer, "aclDestroyDataBuffer", EINVAL),
    Kind("dataset", "aclmdlDataset *", lambda acl: acl.aclmdlCreateDataset(), "aclmdlDestroyDataset", EINVAL),
    Kind("model description", "aclmdlDesc *", lambda acl: acl.aclmdlCreateDesc(), "aclmdlDestroyDesc", EINVAL),
    Kind(
        "config handle",
        "aclmdlConfigHandle *",
        lambda acl: acl.aclmdlCreateConfigHandle(),
        "aclmdlDestroyConfigHandle",
        EINVAL,
    ),
    Kind(
        "exec config handle",
        "aclmdlExecConfigHandle *",
        lambda acl: acl.aclmdlCreateExecConfigHandle(),
        "aclmdlDestroyExecConfigHandle",
        EINVAL,
    ),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
OPAQUE = [kind for kind in KINDS if kind.name != "stream config handle"]


@each_kind
def test_a_stale_handle_is_refused(ready: Acl, kind: Kind) -> None:
    """Destroying an object twice answers the code of its kind, says so, and hurts no object that lives."""
    handle, other = kind.make(ready), kind.make(ready)
    assert kind.end(ready, handle) == 0
    assert kind.end(ready, handle) == kind.code
    assert "destroyed" in ready.message() or kind.name == "stream config handle"
    assert kind.end(ready, other) == 0


@each_kind
def test_a_handle_of_another_machine_is_refused(ready: Acl, open_acl: OpenAcl, kind: Kind) -> None:
    """A handle that another backend made names nothing here, and goes on living there."""
    other = open_acl()
    other.start()
    handle = kind.make(other)
    kind.make(ready)
    assert kind.end(ready, handle) == kind.code
    assert "another backend" in ready.message() or kind.name == "stream config handle"
    assert kind.end(other, handle) == 0


@each_kind
def test_a_made_up_handle_is_refused(ready: Acl, kind: Kind) -> None:
    """A number that no machine gave out is refused, not followed."""
    for number in (0x10, 0x1234500, (1 << 64) - 16, 0xAC << 56):
        assert kind.end(ready, ready.pointer(number, kind.c_type)) == kind.code
        assert f"0x{number:x}" in ready.message()


@each_kind
@pytest.mark.parametrize("other", KINDS, ids=lambda kind: kind.name)
def test_a_handle_of_another_kind_is_a_type_error(ready: Acl, kind: Kind, other: Kind) -> None:
    """Passing a handle where another kind is expected raises TypeError, as cffi does, and changes nothing."""
    handle = other.make(ready)
    if kind is not other:
        with pytest.raises(TypeError):
            kind.end(ready, handle)
    assert other.end(ready, handle) == 0


@each_kind
@pytest.mark.parametrize("value", [None, 0, 16, "handle", 1.5])
def test_what_is_no_handle_is_a_type_error(ready: Acl, kind: Kind, value: object) -> None:
    """None, numbers and texts are no handles."""
    with pytest.raises(TypeError):
        kind.end(ready, value)


@pytest.mark.parametrize("kind", OPAQUE, ids=lambda kind: kind.name)
def test_a_cast_handle_of_another_kind_is_refused(ready: Acl, kind: Kind) -> None:
    """A live handle that was cast to another kind's type names no object of that kind."""
    for other in OPAQUE:
        if other is not kind:
            ready.ok(ready.aclrtSetDevice(0))
            handle = other.make(ready)
            assert kind.end(ready, ready.ffi.cast(kind.c_type, handle)) == kind.code
            assert "of another kind" in ready.message()
            assert other.end(ready, handle) == 0


@pytest.mark.parametrize("kind", OPAQUE, ids=lambda kind: kind.name)
def test_values_are_never_used_again(ready: Acl, open_acl: OpenAcl, kind: Kind) -> None:
    """Objects that come and go, and those of another machine, all have values of their own, multiples of 16."""
    other = open_acl()
    other.start()
    seen = set()
    for _ in range(300):
        for acl in (ready, other):
            handle = kind.make(acl)
            seen.add(acl.address(handle))
            acl.ok(kind.end(acl, handle))
    assert len(seen) == 600
    assert {value % 16 for value in seen} == {0}
    assert len({world_of(value) for value in seen}) == 2


def test_values_carry_their_machine() -> None:
    """A value tells which machine gave it out; any other number tells that it is none."""
    for world in (1, 2, 77, (1 << 24) - 1):
        values = HandleValues(world)
        assert {world_of(values.next()) for _ in range(100)} == {world}
    assert [world_of(number) for number in (0, 16, 1 << 40, (1 << 64) - 1)] == [None] * 4


def test_a_machine_that_gave_out_all_values_says_so() -> None:
    """Values end before they repeat or run into another machine's."""
    values = HandleValues(1)
    values._serial = iter([(1 << 32) - 16, 1 << 32])  # type: ignore[assignment]
    assert world_of(values.next()) == 1
    with pytest.raises(MemoryError, match="all its handle values"):
        values.next()


def test_a_table_forgets_what_was_removed() -> None:
    """A table finds an object by its handle until it is removed; what is left is what was added and not removed."""

    @dataclass(eq=False)
    class Thing:
        handle: Any = None

    table: HandleTable[Thing] = HandleTable("thing", HandleValues(1), lambda value: value)
    things = [table.add(Thing()) for _ in range(5)]
    table.remove(things[2])
    assert [table.get(thing.handle) is thing for thing in things] == [True, True, False, True, True]
    assert (len(table), list(table)) == (4, [*things[:2], *things[3:]])

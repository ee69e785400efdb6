"""The binder: values are accepted, refused and converted as cffi does it for C, on the way to the simulator's functions.

One table of values goes through both routes for each parameter of each declared function: the compiled wrapper, whose
slot holds a C callback that notes what arrives, and the binder, with a stand-in that does the same.
"""

import collections
import gc
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from aclsim.api.binder import bind, signature
from aclsim.core.world import World

from aclcffi import ffi, lib
from aclcffi.functions import FUNCTIONS, SLOTS
from tests.aclsim.binder_values import VALUES, zero

# -- the routes ------------------------------------------------------------------------------------------------------


class Arrived(NamedTuple):
    """What C gets for one argument: a number, or an address; of a temporary the bytes in its place."""

    kind: str
    value: Any


def arrived(c_type: Any, value: Any, given: Any) -> Arrived:
    """Note an argument in the moment of the call."""
    if c_type.kind in ("pointer", "function"):
        assert ffi.typeof(value) is c_type
        if isinstance(given, (list, tuple)):
            size = len(given) * ffi.sizeof(c_type.item)
            return Arrived("temporary", bytes(ffi.buffer(ffi.cast("char *", value), size)))
        if isinstance(given, bytes):
            assert bytes(ffi.buffer(ffi.cast("char *", value), len(given) + 1)) == given + b"\0"
        return Arrived("address", int(ffi.cast("uintptr_t", value)))
    if c_type.kind == "struct":
        # What an initialiser leaves out is whatever lies on the stack, as cffi calls C; the binder has zeros there.
        whole = isinstance(given, ffi.CData)
        return Arrived("struct", bytes(ffi.buffer(ffi.addressof(value))) if whole else b"")
    return Arrived(type(value).__name__, repr(value))


class Note:
    """Notes what arrives of a call's arguments; `given` is what the call was given."""

    def __init__(self, c_type: Any) -> None:
        self.c_type = c_type
        self.given: list[Any] = []
        self.seen: list[list[Arrived]] = []

    def __call__(self, *arguments: Any) -> Any:
        self.seen.append(
            [
                arrived(c_type, value, given)
                for c_type, value, given in zip(self.c_type.args, arguments, self.given, strict=True)
            ]
        )
        return zero(self.c_type.result)

    def of(self, function: Callable[..., Any], given: list[Any]) -> list[Arrived] | str:
        """What arrives when the function is called, or the name of the exception that it raises."""
        self.given = given
        self.seen.clear()
        try:
            function(*given)
        except Exception as error:  # noqa: BLE001 - compared
            assert not self.seen
            return type(error).__name__
        (seen,) = self.seen
        return seen


LOG = "void(aclLogLevel, const char *, const char *, uint32_t, const char *, const char *)"


def without_format(note: Note, *arguments: Any) -> None:
    """aclAppLog is variadic in C: its wrapper hands the text over behind a fixed format."""
    note(*arguments[:4], arguments[5])


@pytest.mark.usefixtures("slots")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_arrive_as_they_do_in_c(world: World, name: str) -> None:
    """For each parameter, each value of the table is accepted or refused alike, and arrives as the same C value."""
    c_type = signature(name)
    compiled, bound = Note(c_type), Note(c_type)
    callback = (
        ffi.callback(LOG, partial(without_format, compiled)) if name == "aclAppLog" else ffi.callback(c_type, compiled)
    )
    lib.aclcffi_set_slot(SLOTS[name], ffi.cast("void *", callback))
    functions = getattr(lib, name), bind(world, name, lambda _world, *arguments: bound(*arguments))
    wrong = {}
    for index in range(len(c_type.args)):
        for label, value in VALUES:
            given = [zero(each) for each in c_type.args]
            given[index] = value
            expected, got = compiled.of(functions[0], given), bound.of(functions[1], given)
            if got != expected:
                wrong[index, label] = expected, got
    lib.aclcffi_set_slot(SLOTS[name], ffi.NULL)
    assert wrong == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.10 warns of __int__ before it accepts it
@pytest.mark.filterwarnings("ignore:implicit cast")  # cffi 1.17 warns of what newer ones refuse
@pytest.mark.usefixtures("slots")
def test_the_table_tells_the_kinds_apart() -> None:
    """The test of the table: each kind of parameter has values that are accepted, and values for each refusal."""
    places = {each: (name, index) for name in FUNCTIONS for index, each in enumerate(signature(name).args)}
    seen = collections.defaultdict(set)
    for parameter, (name, index) in places.items():
        for _label, value in VALUES:
            given = [zero(each) for each in signature(name).args]
            given[index] = value
            try:
                getattr(lib, name)(*given)
                seen[parameter.kind].add("accepted")
            except Exception as error:  # noqa: BLE001 - noted
                seen[parameter.kind].add(type(error).__name__)
    assert seen == {
        "primitive": {"accepted", "TypeError", "OverflowError"},
        "enum": {"accepted", "TypeError", "OverflowError"},
        "pointer": {"accepted", "TypeError", "OverflowError", "IndexError", "ValueError"},
        "function": {"accepted", "TypeError"},
        "struct": {"accepted", "TypeError", "OverflowError", "KeyError", "ValueError"},
    }


@pytest.mark.usefixtures("slots")
@pytest.mark.parametrize("name", ["aclInit", "aclFinalize", "aclrtMemcpy", "aclmdlSetAIPPCscParams", "aclAppLog"])
def test_the_number_of_arguments_is_checked(world: World, name: str) -> None:
    """One argument too few, one too many, and arguments by name are a TypeError on both routes."""
    good = [zero(each) for each in signature(name).args]
    for function in (getattr(lib, name), bind(world, name, None)):
        for arguments in ([*good, 0], good[:-1] if good else [0, 0]):
            with pytest.raises(TypeError):
                function(*arguments)
        with pytest.raises(TypeError):
            function(*good, a0=0)
        with pytest.raises(TypeError):
            function(**{f"a{index}": value for index, value in enumerate(good)}, a9=0)


# -- arguments -------------------------------------------------------------------------------------------------------


def test_temporaries_live_during_the_call(world: World) -> None:
    """What only the call holds, given as another type or as bytes or lists, is there until the function returns."""
    seen: list[bytes] = []
    content = bytes(range(32, 96))

    def look(_world: World, *arguments: Any) -> None:
        gc.collect()
        waste = [ffi.new("char[]", b"!" * len(content)) for _ in range(500)]
        seen.extend(bytes(ffi.buffer(ffi.cast("char *", pointer), len(content))) for pointer in arguments[:1])
        seen.append(bytes(ffi.buffer(ffi.cast("char *", arguments[2]), len(content))))
        waste.clear()

    copy = bind(world, "aclrtMemcpy", look)
    numbers = [int.from_bytes(content[start : start + 8], "little") for start in range(0, len(content), 8)]
    for _ in range(20):
        copy(ffi.new("char[]", content), 0, ffi.new("uint64_t[]", numbers), 0, 0)
        copy(bytes(bytearray(content)), 0, ffi.from_buffer(bytearray(content)), 0, 0)
    assert set(seen) == {content}
    seen.clear()
    values = bind(
        world, "aclSetTensorShapeRange", lambda _world, *arguments: look(_world, arguments[2], 0, arguments[2])
    )
    for _ in range(20):
        values(ffi.NULL, 0, [tuple(numbers[pair : pair + 2]) for pair in range(0, len(numbers), 2)])
    assert set(seen) == {content}


def test_a_struct_by_value_is_a_copy(world: World) -> None:
    """A function gets a struct of its own, as in C: what the caller does to its struct later does not show."""
    kept = []
    function = bind(world, "aclrtIpcOpenEventHandle", lambda _world, handle, _event: kept.append(handle))
    given = ffi.new("aclrtIpcEventHandle *")
    ffi.buffer(given)[:3] = b"abc"
    assert function(given[0], ffi.NULL) == 0
    ffi.buffer(given)[:3] = b"xyz"
    assert bytes(ffi.buffer(ffi.addressof(kept[0])))[:3] == b"abc"


def test_what_has_its_c_type_is_not_converted(world: World) -> None:
    """The fast way: pointers of the very type, also those that ffi.new gives, and ints in range meet no converter."""
    copy = bind(world, "aclrtMemcpyAsync", lambda _world, *arguments: int(arguments[1] != 64))
    count = bind(world, "aclrtGetDeviceCount", lambda _world, place: int(place != own))
    own = ffi.new("uint32_t *")

    def fail(_value: object) -> Any:
        raise AssertionError("converted")

    for function in (copy, count):
        converters = [name for name in function.__globals__ if name.startswith("convert_")]
        assert converters
        function.__globals__.update(dict.fromkeys(converters, fail))
    pointer, stream = ffi.cast("void *", 8), ffi.cast("aclrtStream", 8)
    assert copy(pointer, 64, pointer, (1 << 64) - 1, 0, stream) == 0
    assert count(own) == 0
    assert count(ffi.cast("uint32_t *", own)) == 0
    with pytest.raises(AssertionError, match="converted"):
        copy(pointer, True, pointer, 64, 0, stream)
    with pytest.raises(AssertionError, match="converted"):
        copy(pointer, 64, pointer, 1 << 64, 0, stream)
    with pytest.raises(AssertionError, match="converted"):
        count("uint32_t *")

"""The binder: values are accepted, refused and converted as cffi does it for C, on the way to the simulator's functions.

One table of values goes through both routes for each parameter of each declared function: the compiled wrapper, whose
slot holds a C callback that notes what arrives, and the binder, with a stand-in that does the same.
"""

import collections
import ctypes
import enum
import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from aclsim.api import answers
from aclsim.api.binder import bind, signature
from aclsim.api.types import make_key
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World
from aclsim.products import load_product

from aclcffi import ffi, lib
from aclcffi.functions import FUNCTIONS, SLOTS

# -- the table -------------------------------------------------------------------------------------------------------


class Member(enum.IntEnum):
    """A member of an enumeration is an int."""

    ONE = 1


class Index:
    """A number by __index__."""

    def __index__(self) -> int:
        return 3


class Whole:
    """A number by __int__."""

    def __int__(self) -> int:
        return 3


class Text(bytes):
    """Bytes of a class of their own."""


class Row(list):  # type: ignore[type-arg]
    """A list of a class of its own."""


@ffi.callback("void(void *)")  # type: ignore[untyped-decorator]
def nothing_with(_data: Any) -> None:
    """A callback without a result."""


@ffi.callback("int(void *)")  # type: ignore[untyped-decorator]
def zero_with(_data: Any) -> int:
    """A callback with a result."""
    return 0


OBJECT = object()
HANDLE = ffi.new_handle(OBJECT)

EDGES = sorted(
    {sign * (1 << bits) + step for bits in (7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1) for step in (-1, 0, 1)}
)
POINTERS = (
    "void *",
    "char *",
    "signed char *",
    "unsigned char *",
    "uint8_t *",
    "int *",
    "int32_t *",
    "uint32_t *",
    "int64_t *",
    "uint64_t *",
    "size_t *",
    "bool *",
    "float *",
    "double *",
    "void **",
    "char **",
    "int64_t(*)[2]",
    "aclrtStream",
    "aclrtStream *",
    "aclrtEvent",
    "aclrtContext",
    "aclmdlDesc *",
    "aclDataBuffer *",
    "aclmdlDataset *",
    "aclTensorDesc *",
    "aclmdlIODims *",
    "aclDataType *",
    "void(*)(void *)",
    "int(*)(void *)",
)
OWNED = (
    "char *",
    "uint8_t *",
    "int32_t *",
    "uint32_t *",
    "int64_t *",
    "size_t *",
    "float *",
    "void **",
    "int64_t(*)[2]",
    "aclrtStream *",
    "aclmdlIODims *",
    "aclDataType *",
)
ARRAYS = (
    "char[4]",
    "signed char[2]",
    "uint8_t[3]",
    "bool[2]",
    "int[2]",
    "int32_t[2]",
    "uint32_t[1]",
    "int64_t[2]",
    "int64_t[2][2]",
    "uint64_t[1]",
    "size_t[2]",
    "float[1]",
    "void *[2]",
    "aclrtStream[1]",
    "aclmdlIODims[1]",
)
NUMBERS = (
    "char",
    "int",
    "uint8_t",
    "int64_t",
    "uint64_t",
    "float",
    "double",
    "long double",
    "bool",
    "wchar_t",
    "aclDataType",
)
STRUCTS = ("aclmdlIODims", "struct dim3", "aclrtMemManagedLocation", "aclrtIpcEventHandle", "aclmdlRICondTaskParams")


def table() -> Iterator[tuple[str, Any]]:
    """Every value with its name."""
    yield "None", None
    for number in (0, 1, -1, 2, 5, *EDGES, 10**30):
        yield f"int {number}", number
    for value in (
        True,
        False,
        Member.ONE,
        Index(),
        Whole(),
        0.0,
        1.0,
        1.5,
        -2.0,
        1e300,
        float("inf"),
        float("nan"),
        1j,
    ):
        yield f"{type(value).__name__} {value}", value
    for text in ("", "a", "1", "int", "void *", "ACL_FLOAT", "ACL_MEMCPY_HOST_TO_DEVICE"):
        yield f"str {text!r}", text
    for data in (b"", b"a", b"\0\1", b"abc", b"a\0b", Text(b"x"), bytes(1000)):
        yield f"{type(data).__name__} {data[:4]!r}", data
    yield "bytearray", bytearray(b"abc")
    yield "memoryview", memoryview(b"abc")
    rows: tuple[Any, ...] = (
        [],
        (),
        [0],
        [1],
        [1, 2],
        (1,),
        (1, 2, 3),
        [0] * 200,
        Row([1]),
        [None],
        ["a"],
        [b"a"],
        [b"ab"],
        [1.5],
        [-1],
        [256],
        [1 << 40],
        [1 << 64],
        [True],
        [np.int32(7)],
        [{}],
        [[]],
        [[1, 2]],
        [[1, 2], [3, 4]],
        [(1, 2, 3)],
    )
    for row in rows:
        yield f"{type(row).__name__} {row!r:.20}", row
    for pointer in (ffi.NULL, ffi.cast("void *", 8), ffi.cast("aclrtStream", 8), nothing_with):
        yield f"list of {ffi.typeof(pointer).cname} {pointer}", [pointer]
    for thing in ({}, {"x": 1}, {"nothing": 1}, set(), OBJECT, range(3), iter([1]), print, len, ctypes.c_int(5)):
        yield f"{type(thing).__name__} {thing!r:.20}", thing
    for scalar in (np.int8(-5), np.int64(5), np.uint64(1 << 63), np.bool_(True), np.float32(1.5), np.float64(1)):
        yield f"numpy {scalar.dtype} {scalar}", scalar
    yield "numpy array", np.zeros(3, np.int64)
    yield "numpy array of one", np.array([5], np.int32)
    yield "numpy 0-d array", np.array(5)
    yield "NULL", ffi.NULL
    for c_type in POINTERS:
        yield f"NULL as {c_type}", ffi.cast(c_type, 0)
        yield f"address as {c_type}", ffi.cast(c_type, 0x1000)
    for c_type in ARRAYS:
        yield f"new {c_type}", ffi.new(c_type)
    for c_type in OWNED:
        yield f"new {c_type}", ffi.new(c_type)
    for c_type in NUMBERS:
        yield f"{c_type} 3", ffi.cast(c_type, 3)
    yield "int -1", ffi.cast("int", -1)
    yield "float 1.5", ffi.cast("float", 1.5)
    yield "uint64_t max", ffi.cast("uint64_t", (1 << 64) - 1)
    for c_type in STRUCTS:
        made = ffi.new(f"{c_type} *")
        ffi.buffer(made)[:] = bytes(range(1, 251))[: ffi.sizeof(c_type)].ljust(ffi.sizeof(c_type), b"\7")
        yield f"struct {c_type}", made[0]
        yield f"pointer to {c_type}", made
    yield "from_buffer", ffi.from_buffer(b"abcd")
    yield "from_buffer uint32_t", ffi.from_buffer("uint32_t[]", bytearray(8))
    yield "callback without a result", nothing_with
    yield "callback with a result", zero_with
    yield "address of a function", ffi.addressof(lib, "aclrtSetDevice")
    yield "compiled function", lib.aclrtSetDevice
    yield "Python handle", HANDLE
    yield "pointer with a destructor", ffi.gc(ffi.cast("void *", 0x2000), nothing_with)
    yield "lambda", lambda: None
    yield "type", ffi.typeof("int")


VALUES = list(table())


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


def zero(c_type: Any) -> Any:
    """NULL or zero of a type."""
    if c_type.kind in ("pointer", "function"):
        return ffi.cast(c_type, 0)
    if c_type.kind == "struct":
        return ffi.new(ffi.getctype(c_type, "*"))[0]
    return None if c_type.kind == "void" else 0


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


@pytest.fixture
def slots() -> Iterator[None]:
    """Empty all slots for the test, and put back what was in them."""
    before = [lib.aclcffi_get_slot(slot) for slot in range(lib.aclcffi_slot_count())]
    for slot in range(len(before)):
        lib.aclcffi_set_slot(slot, ffi.NULL)
    yield
    for slot, function in enumerate(before):
        lib.aclcffi_set_slot(slot, function)


@pytest.fixture
def world() -> Iterator[World]:
    """A machine of product "generic"."""
    made = World(load_product("generic"), key=make_key)
    yield made
    made.close()


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


# -- results ---------------------------------------------------------------------------------------------------------


def shown(value: Any) -> tuple[Any, ...]:
    """A result with its Python type and, for a cdata, its C type and address."""
    if isinstance(value, ffi.CData):
        return ("cdata", ffi.typeof(value).cname, int(ffi.cast("uintptr_t", value)))
    return (type(value).__name__, value)


TEXTS = ("aclmdlGetInputNameByIndex", "aclmdlGetOutputNameByIndex", "aclGetTensorDescName")
"""Functions that answer "" where the compiled wrapper, which knows no model, has NULL (MD6.08)."""


@pytest.mark.usefixtures("slots")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "aclGetRecentErrMsg"])
def test_what_is_not_modelled_answers_as_a_missing_function(world: World, name: str) -> None:
    """A function that the simulator does not model answers 200001, NULL, 0 or -1 with the type of the compiled one,
    and says a sentence about it."""
    arguments = [zero(each) for each in signature(name).args]
    answer, expected = bind(world, name, None)(*arguments), getattr(lib, name)(*arguments)
    if name in TEXTS:
        assert ffi.typeof(answer) is ffi.typeof("char *")
        assert ffi.string(answer) == b""
    else:
        assert shown(answer) == shown(expected)
    (message,) = world.thread.messages
    assert message.startswith(f"{name}: the simulator declares this function but does not model it yet")
    assert message.endswith("[200001 ACL_ERROR_API_NOT_SUPPORT]")


@pytest.mark.parametrize(
    ("name", "returned", "expected"),
    [
        ("aclrtSetDevice", None, ("int", 0)),
        ("aclrtSetDevice", 107001, ("int", 107001)),
        ("aclGetRecentErrMsg", ffi.NULL, ("cdata", "char *", 0)),
        ("aclmdlGetDatasetBuffer", ffi.NULL, ("cdata", "struct aclDataBuffer *", 0)),
        ("aclmdlGetDatasetBuffer", ffi.cast("aclDataBuffer *", 64), ("cdata", "struct aclDataBuffer *", 64)),
        ("aclGetDataBufferAddr", ffi.cast("char *", 64), ("cdata", "void *", 64)),
        ("aclmdlGetInputFormat", 2, ("int", 2)),
        ("aclGetDataBufferSizeV2", 7, ("int", 7)),
        ("aclFloat16ToFloat", 1.5, ("float", 1.5)),
        ("aclDestroyTensorDesc", None, ("NoneType", None)),
    ],
)
def test_results_have_the_types_of_c(world: World, name: str, returned: Any, expected: tuple[Any, ...]) -> None:
    """Codes are ints and 0 where nothing is returned, pointers have their own C type, everything else is as it is."""
    arguments = [zero(each) for each in signature(name).args]
    assert shown(bind(world, name, lambda *_arguments: returned)(*arguments)) == expected


def test_a_pointer_of_the_right_type_is_returned_itself(world: World) -> None:
    """A pointer that owns what it points to is not exchanged for one that does not."""
    owner = ffi.new("aclrtStreamConfigHandle *")
    assert bind(world, "aclrtCreateStreamConfigHandle", lambda _world: owner)() is owner


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


# -- calls -----------------------------------------------------------------------------------------------------------


def holder(world: World) -> bool:
    """Whether another thread can take the world's lock."""
    taken = []

    def take() -> None:
        taken.append(world.lock.acquire(blocking=False))
        if taken[0]:
            world.lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken[0]


def test_the_lock_is_held_during_the_call_and_free_afterwards(world: World) -> None:
    """A function runs with the world's lock, which is free again when it returns, faults or raises."""
    seen = []

    def look(_world: World, device: int) -> None:
        seen.append(holder(world))
        if device == 1:
            raise Fault(codes.ACL_ERROR_RT_INVALID_DEVICEID, "no")
        if device == 2:
            raise ZeroDivisionError

    function = bind(world, "aclrtSetDevice", look)
    assert (function(0), holder(world)) == (0, True)
    assert (function(1), holder(world)) == (107001, True)
    with pytest.raises(ZeroDivisionError):
        function(2)
    assert holder(world)
    assert seen == [False] * 3


def test_the_world_is_the_first_argument(world: World) -> None:
    """The function gets the world and then the arguments in C's order."""
    seen: list[Any] = []
    bind(world, "aclrtGetMemInfo", lambda *arguments: seen.extend(arguments))(1, ffi.NULL, ffi.NULL)
    assert seen == [world, 1, ffi.NULL, ffi.NULL]


def test_a_bound_function_has_name_and_words(world: World) -> None:
    """A bound function has the C name and the words of the function that it stands for."""

    def call(_world: World) -> None:
        """Words."""

    assert bind(world, "aclFinalize", call).__name__ == "aclFinalize"
    assert bind(world, "aclFinalize", call).__doc__ == "Words."
    assert bind(world, "aclFinalize", None).__doc__ is None


# -- faults and messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aclrtSetDevice", ("int", 107000)),
        ("aclmdlCreateDataset", ("cdata", "struct aclmdlDataset *", 0)),
        ("aclGetDataBufferSizeV2", ("int", 0)),
        ("aclmdlGetInputDataType", ("int", -1)),
        ("aclFloat16ToFloat", ("float", 0.0)),
        ("aclDestroyTensorDesc", ("NoneType", None)),
    ],
)
def test_a_fault_is_an_answer_with_a_sentence(world: World, name: str, expected: tuple[Any, ...]) -> None:
    """A fault becomes the code, or what a function without codes has for it, and leaves function, words and code."""

    def fail(*_arguments: Any) -> None:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "something is wrong")

    function = bind(world, name, fail)
    assert shown(function(*(zero(each) for each in signature(name).args))) == expected
    assert world.thread.messages == [f"{name}: something is wrong [107000 ACL_ERROR_RT_PARAM_INVALID]"]
    assert world.thread.last_error == 107000


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "x"), 107000),
        (Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "x", quiet=True), 0),
        (Fault(codes.ACL_ERROR_INVALID_PARAM, "x"), 0),
    ],
)
def test_only_the_runtimes_errors_are_the_last_error(world: World, fault: Fault, last: int) -> None:
    """The last error is that of the runtime layer; quiet faults and those of the ACL layer leave it alone."""
    answers.remember(world, "aclrtFree", fault)
    assert world.thread.last_error == last
    assert len(world.thread.messages) == 1


def test_only_the_newest_messages_are_kept(world: World) -> None:
    """A thread that never asks keeps sixteen sentences, the newest ones."""
    for number in range(20):
        answers.remember(world, "aclrtFree", Fault(100000, f"number {number}"))
    assert [message.split()[2] for message in world.thread.messages] == [str(number) for number in range(4, 20)]


def test_messages_of_the_process_are_in_one_place(world: World) -> None:
    """Where the configuration asks for one queue of messages, the thread's own stays empty."""
    world.library.messages = []
    answers.remember(world, "aclrtFree", Fault(100000, "x"))
    assert world.thread.messages == []
    assert world.library.messages == ["aclrtFree: x [100000 ACL_ERROR_INVALID_PARAM]"]


def test_a_closed_machine_calls_nothing(world: World) -> None:
    """After the end no function is called; arguments are still converted, the answer is 100001 with a sentence."""
    called: list[object] = []
    function = bind(world, "aclrtSetDevice", lambda *arguments: called.append(arguments))
    world.close("it is over")
    assert function(0) == codes.ACL_ERROR_UNINITIALIZE
    with pytest.raises(OverflowError):
        function(1 << 31)
    assert called == []
    assert world.thread.messages == ["aclrtSetDevice: it is over [100001 ACL_ERROR_UNINITIALIZE]"]


def test_after_a_fork_the_child_gets_answers() -> None:
    """In a forked child calls answer 100001 with a sentence, even if another thread held the machine's lock."""
    script = """
import os, threading, warnings
from aclcffi import ffi, open_backend

warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads, from Python 3.12 on
backend = open_backend("simulator")
set_device, message = backend.aclrtSetDevice, backend.aclGetRecentErrMsg
held, done = threading.Event(), threading.Event()

def hold():
    with backend._world.lock:
        held.set()
        done.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    code = set_device(0)
    print(code, ffi.string(message()).decode(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
done.set()
backend.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith(
        "100001 aclrtSetDevice: this backend was opened before a fork and is dead in the child"
    )

"""The values that the tests of the binder give to functions: one table for all of them."""

import ctypes
import enum
from collections.abc import Iterator
from typing import Any

import numpy as np

from aclcffi import ffi, lib


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


def zero(c_type: Any) -> Any:
    """NULL or zero of a type."""
    if c_type.kind in ("pointer", "function"):
        return ffi.cast(c_type, 0)
    if c_type.kind == "struct":
        return ffi.new(ffi.getctype(c_type, "*"))[0]
    return None if c_type.kind == "void" else 0

"""Sizes of data types, half-precision numbers and the log."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.aclsim.machine import world_of
from tests.contract.acl import BACKEND, NULL, Acl

SIZES = {
    "ACL_STRING": 0,
    "ACL_DT_UNDEFINED": 0,
    **dict.fromkeys(("ACL_INT8", "ACL_UINT8", "ACL_BOOL", "ACL_INT4", "ACL_UINT1"), 1),
    **dict.fromkeys(("ACL_FLOAT16", "ACL_BF16", "ACL_INT16", "ACL_UINT16"), 2),
    **dict.fromkeys(("ACL_FLOAT", "ACL_INT32", "ACL_UINT32", "ACL_COMPLEX32"), 4),
    **dict.fromkeys(("ACL_DOUBLE", "ACL_INT64", "ACL_UINT64", "ACL_COMPLEX64"), 8),
    "ACL_COMPLEX128": 16,
}


@pytest.fixture(scope="module")
def machine() -> Any:
    """One machine for all: these functions keep nothing."""
    with aclcffi.open_backend(BACKEND) as backend:
        yield Acl(backend)


class TestDataTypeSize:
    """aclDataTypeSize, as MD3.17 has it for tensors."""

    @pytest.mark.parametrize("name", SIZES)
    def test_known_types(self, acl: Acl, name: str) -> None:
        """Bytes of an element; strings and the undefined type none, what is less than a byte one."""
        assert acl.aclDataTypeSize(getattr(acl.lib, name)) == SIZES[name]

    @pytest.mark.parametrize("number", [99, 1000, -2, 2**31 - 1])
    def test_unknown_types(self, acl: Acl, number: int) -> None:
        """A number that is no data type counts 8 bytes."""
        assert acl.aclDataTypeSize(number) == 8

    def test_every_type_has_a_size(self, acl: Acl) -> None:
        """No data type of the declarations is taken for an unknown one but those of 8 bytes."""
        types = {name: getattr(acl.lib, name) for name in acl.ffi.typeof("aclDataType").relements}
        eight = {name for name, number in types.items() if acl.aclDataTypeSize(number) == 8}
        assert eight == {name for name, size in SIZES.items() if size == 8}


@given(bits=st.integers(0, 0xFFFF))
def test_halves_to_floats(machine: Acl, bits: int) -> None:
    """Every 16 bits are the number that IEEE 754 has for them."""
    expected = np.uint16(bits).view(np.float16).astype(np.float32)
    got = np.float32(machine.aclFloat16ToFloat(bits))
    assert got == expected or (np.isnan(got) and np.isnan(expected))


@given(number=st.floats(width=32))
def test_floats_to_halves(machine: Acl, number: float) -> None:
    """A float becomes the nearest half-precision number, ties to even, too large ones infinity."""
    with np.errstate(over="ignore"):
        expected = np.float32(number).astype(np.float16)
    bits = machine.aclFloatToFloat16(number)
    got = struct.unpack("<e", struct.pack("<H", bits))[0]
    assert got == float(expected) or (got != got and np.isnan(expected))
    assert got != got or np.signbit(np.float16(got)) == np.signbit(expected)


class TestAppLog:
    """aclAppLog."""

    def test_is_no_error(self, acl: Acl) -> None:
        """Any level and any text, or none, is kept with the machine as it is, and leaves no message."""
        levels = (0, 1, 2, 3, 99)
        for level in levels:
            acl.aclAppLog(level, b"function", b"file.c", 12, b"text %d")
        acl.aclAppLog(0, NULL, NULL, 0, NULL)
        assert acl.message() == ""
        assert world_of(acl).library.log == [
            *(f"[{level}] file.c:12 function: text %d" for level in levels),
            "[0] :0 : ",
        ]

    def test_refuses_device_addresses(self, ready: Acl) -> None:
        """Text on a device cannot be read: nothing is logged, and a message says so."""
        text = ready.ffi.cast("char *", ready.malloc(8))
        ready.aclAppLog(0, b"function", b"file.c", 1, text)
        assert "fmt is the device address" in ready.message()

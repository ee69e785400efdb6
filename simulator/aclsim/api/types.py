"""The compiled declarations, as the C functions of the simulator use them."""

from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

if TYPE_CHECKING:
    CData = Any
else:
    CData = ffi.CData

NULL = ffi.NULL

__all__ = ["NULL", "CData", "address_of", "ffi", "lib"]

_ADDRESS = ffi.typeof("uintptr_t")


def address_of(pointer: CData) -> int:
    """The number behind a pointer."""
    return int(ffi.cast(_ADDRESS, pointer))


def make_key(c_type: str, value: int) -> CData:
    """The pointer that users hold for a number: handles and addresses are looked up by it."""
    return ffi.cast(c_type, value)

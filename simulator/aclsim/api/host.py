"""What the C functions read from and write to the caller's memory."""

from aclsim.api.types import CData, address_of, ffi
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.reservation import ADDRESSES

_LOW = ffi.cast("char *", ADDRESSES.base)
_HIGH = ffi.cast("char *", ADDRESSES.end)


def on_host(pointer: CData, parameter: str) -> CData:
    """Return a pointer that the host may follow.

    Raises:
        Fault: 100000 for NULL and for a device address.
    """
    if not pointer:
        raise null(parameter)
    if _LOW <= pointer < _HIGH:
        raise Fault(
            codes.ACL_ERROR_INVALID_PARAM,
            f"{parameter} is the device address 0x{address_of(pointer):x}; host memory is needed",
        )
    return pointer


def null(parameter: str) -> Fault:
    """The answer to a NULL that may not be one (MD2.04)."""
    return Fault(codes.ACL_ERROR_INVALID_PARAM, f"{parameter} is NULL")


def invalid(message: str) -> Fault:
    """The ACL layer's answer to a bad argument."""
    return Fault(codes.ACL_ERROR_INVALID_PARAM, message)


def text(pointer: CData, parameter: str) -> bytes:
    """The C string at `pointer`."""
    return bytes(ffi.string(on_host(pointer, parameter)))


def c_string(value: bytes) -> CData:
    """A C string that lives as long as anybody holds the pointer: a name used too late is old, not a crash."""
    characters = ffi.new("char[]", value)

    def keep(_pointer: CData, _characters: CData = characters) -> None:
        """Hold the characters until the pointer goes."""

    return ffi.gc(ffi.cast("char *", characters), keep)

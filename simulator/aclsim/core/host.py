"""Host memory: the one place that touches it."""

import ctypes
import errno
import os
from collections.abc import Callable

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.reservation import ADDRESSES

_READ, _WRITE = 0x100, 0x200  # PyBUF_READ and PyBUF_WRITE of the C API
_PAGE = 4096

_view = ctypes.pythonapi.PyMemoryView_FromMemory
_view.restype = ctypes.py_object
_view.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]
_make_view: Callable[[int, int, int], memoryview] = _view


def read_host(address: int, size: int) -> memoryview:
    """Return a read-only view of `size` bytes of host memory at `address`.

    Whether the caller's word about address and size is true is not known here, as in C.

    Raises:
        Fault: 100000 when the bytes touch the range of device addresses.
    """
    refuse_device(address, size)
    return _make_view(address, size, _READ)


def write_host(address: int, size: int) -> memoryview:
    """Return a writable view of `size` bytes of host memory at `address`. Refuses what `read_host` refuses."""
    refuse_device(address, size)
    return _make_view(address, size, _WRITE)


def refuse_device(address: int, size: int) -> None:
    """Check that bytes can be host memory.

    Raises:
        Fault: 100000 when they leave the address space, or touch the range of device addresses.
    """
    if address <= 0 or address + size > 1 << 64:
        raise Fault(codes.ACL_ERROR_INVALID_PARAM, f"{size} bytes at 0x{address:x} leave the address space")
    if address < ADDRESSES.base < address + size:
        raise Fault(
            codes.ACL_ERROR_INVALID_PARAM, f"{size} bytes at the host address 0x{address:x} run into device addresses"
        )
    if address < ADDRESSES.end and address + size > ADDRESSES.base:
        raise Fault(
            codes.ACL_ERROR_INVALID_PARAM,
            f"0x{address:x} is a device address of no live allocation; the host cannot read or write it",
        )


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def accessible(address: int, size: int) -> bool:
    """Whether the process may read every page of these bytes, found without a fault.

    Asks the kernel to read one byte of each page of this very process: a bad address is an error code there. Where the
    kernel does not let a process ask (some containers), nothing is known, and the caller's word counts.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    byte = ctypes.create_string_buffer(1)
    target = _Vector(ctypes.addressof(byte), 1)
    last = address + size - 1
    for page in (address, *range(address // _PAGE * _PAGE + _PAGE, last + 1, _PAGE)):
        source = _Vector(page, 1)
        if libc.process_vm_readv(os.getpid(), ctypes.byref(target), 1, ctypes.byref(source), 1, 0) != 1:
            return ctypes.get_errno() != errno.EFAULT
    return True

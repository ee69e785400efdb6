"""Device addresses: one reserved, inaccessible range of the process's address space, handed out to worlds in pieces.

The range is never readable: a host dereference of a device pointer faults as it does on hardware. What a device address
stands for lies elsewhere (see `memory`).
"""

import ctypes
import mmap
import os
import threading
from collections import deque

_PROT_NONE = 0
_MAP_NORESERVE = 0x4000  # Linux's number; Python 3.11's mmap module has no name for it
_SIZES = (1 << 45, 1 << 42, 1 << 40)
_NON_CANONICAL = 0x00AC_0000_0000_0000  # no address of a process on x86-64 or AArch64 with 48-bit addresses
_PIECE = 1 << 21  # pieces are multiples of a huge page


def _reserve(size: int) -> int:
    """Reserve `size` bytes without access. Returns the address, 0 when the platform refuses."""
    libc = ctypes.CDLL(None)
    reserve = libc.mmap
    reserve.restype = ctypes.c_void_p
    reserve.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
    address = reserve(None, size, _PROT_NONE, flags, -1, 0)
    return 0 if address in (None, ctypes.c_void_p(-1).value) else int(address)


class AddressSpace:
    """Hands out pieces of one address range, and takes them back.

    Fresh addresses come first: a stale pointer should not soon mean something new. Only when the range has been handed
    out once are returned pieces used again.
    """

    def __init__(self, sizes: tuple[int, ...] = _SIZES) -> None:
        self._lock = threading.Lock()
        self.base, self.size = _NON_CANONICAL, sizes[0]
        for size in sizes:
            if address := _reserve(size):
                self.base, self.size = -(-address // _PIECE) * _PIECE, size - _PIECE
                break
        self._fresh = self.base
        self._free: list[tuple[int, int]] = []
        self._returned: deque[tuple[int, int]] = deque()

    @property
    def end(self) -> int:
        """The first address behind the range."""
        return self.base + self.size

    def __contains__(self, address: int) -> bool:
        return self.base <= address < self.base + self.size

    def take(self, size: int) -> tuple[int, int]:
        """Take a piece of at least `size` bytes. Returns (address, size).

        Raises:
            MemoryError: The range has no piece of that size left.
        """
        size = max(-(-size // _PIECE), 1) * _PIECE
        with self._lock:
            if self._fresh + size <= self.end:
                address = self._fresh
                self._fresh += size
                return address, size
            self._merge()
            for index, (address, length) in enumerate(self._free):
                if length >= size:
                    self._free[index : index + 1] = [(address + size, length - size)] if length > size else []
                    return address, size
        raise MemoryError(f"no {size} bytes of device addresses left in this process")

    def give_back(self, address: int, size: int) -> None:
        """Return a piece that `take` gave.

        Takes no lock: finalizers of worlds come here, at any moment, also in a thread that is inside `take`.
        """
        self._returned.append((address, size))

    def _merge(self) -> None:
        while self._returned:
            self._free.append(self._returned.popleft())
        merged: list[tuple[int, int]] = []
        for address, size in sorted(self._free):
            if merged and sum(merged[-1]) == address:
                merged[-1] = (merged[-1][0], merged[-1][1] + size)
            else:
                merged.append((address, size))
        self._free = merged

    def after_fork_in_child(self) -> None:
        """Forget who held the lock: that thread stayed behind."""
        self._lock = threading.Lock()


ADDRESSES = AddressSpace()
"""The process's device addresses. Reserving them costs no memory."""

os.register_at_fork(after_in_child=ADDRESSES.after_fork_in_child)

"""Device memory and the host memory that ACL handed out."""

import contextlib
import ctypes
import mmap
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Hashable

from aclsim.core import codes, host
from aclsim.core.fault import Fault
from aclsim.core.reservation import ADDRESSES, AddressSpace

_ALIGNMENT = 64  # RT8.01: addresses are 64-byte aligned
GRANULE = 32  # RT8.01: sizes are rounded up to a multiple of this
PADDING = 32  # RT8.01: what most allocations get on top
_PIECE = 1 << 26  # device addresses that a world takes at a time
_MAPPED_FROM = 1 << 18  # from here on an allocation is a mapping of its own: untouched pages cost nothing
_MAP_NORESERVE = 0x4000
BRIEF = 1 << 16
"""Bytes up to which a copy keeps the world's lock: it is over in microseconds."""

_HUGE = 1 << 22  # from here on huge pages are worth it: copies are a third faster
_LONG = 1 << 18  # bytes from which on a copy lets go of the interpreter
_REMEMBERED = 1024  # freed allocations kept by address and size, for messages only


def padded(size: int) -> int:
    """Bytes that an allocation of `size` takes on the device (RT8.01)."""
    return -(-size // GRANULE) * GRANULE + PADDING


def _backing(size: int) -> memoryview:
    """Zeroed bytes behind an allocation. Private to this process, also after a fork."""
    if size < _MAPPED_FROM:
        return memoryview(bytearray(size))
    mapping = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)
    if size >= _HUGE:
        with contextlib.suppress(OSError, AttributeError):  # a wish; a kernel without huge pages refuses it
            mapping.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(mapping)


class Allocation:
    """One live or freed piece of memory: device memory of a device, or page-locked host memory (device None).

    `data` is a writable view of `extent` bytes; `size` is what the caller asked for, and `whole` a view of that. Queued
    tasks keep the object, so its bytes outlive aclrtFree, but `freed` tells that they are no longer the program's.
    `room` is how much a brief copy from or to its beginning can take; `held` says that a model remembers it.
    """

    __slots__ = (
        "_keep",
        "_origin",
        "address",
        "data",
        "device",
        "extent",
        "freed",
        "held",
        "pointer",
        "registered",
        "room",
        "size",
        "whole",
    )

    def __init__(self, address: int, size: int, data: memoryview, device: int | None) -> None:
        self.address = address
        self.size = size
        self.data = data
        self.whole = data[:size]
        self.extent = len(data)
        self.room = min(self.extent, BRIEF)
        self.device = device
        self.freed = False
        self.held = False
        self.registered = False
        self.pointer: Hashable = address
        self._keep: object = None
        self._origin = 0

    @property
    def origin(self) -> int:
        """Where in this process its bytes really lie."""
        if not self._origin:
            self._origin = ctypes.addressof(ctypes.c_char.from_buffer(self.data)) if self.extent else self.address
        return self._origin

    @property
    def on_host(self) -> bool:
        """Whether this is page-locked host memory."""
        return self.device is None

    def __repr__(self) -> str:
        where = "page-locked host" if self.device is None else f"device {self.device}"
        return f"{where} memory of {self.size} bytes at 0x{self.address:x}" + (" (freed)" if self.freed else "")


class _Table:
    """Live allocations of one kind by address."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._by_start: dict[int, Allocation] = {}

    def add(self, allocation: Allocation) -> None:
        insort(self._starts, allocation.address)
        self._by_start[allocation.address] = allocation

    def remove(self, allocation: Allocation) -> None:
        del self._starts[bisect_right(self._starts, allocation.address) - 1]
        del self._by_start[allocation.address]

    def at(self, address: int) -> Allocation | None:
        return self._by_start.get(address)

    def around(self, address: int) -> Allocation | None:
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        allocation = self._by_start[self._starts[index]]
        return allocation if address < allocation.address + allocation.extent else None

    def any_in(self, address: int, size: int) -> bool:
        """Whether an allocation starts within these addresses."""
        index = bisect_left(self._starts, address)
        return index < len(self._starts) and self._starts[index] < address + size


class Span:
    """`size` bytes somewhere in the machine: in an allocation, or in host memory that only the caller knows."""

    __slots__ = ("address", "allocation", "offset", "size")

    def __init__(self, allocation: Allocation | None, address: int, offset: int, size: int) -> None:
        self.allocation = allocation
        self.address = address
        self.offset = offset
        self.size = size

    def read(self) -> memoryview:
        """The bytes, to read."""
        if self.allocation is None:
            return host.read_host(self.address, self.size)
        return self.allocation.data[self.offset : self.offset + self.size]

    def write(self) -> memoryview:
        """The bytes, to write."""
        if self.allocation is None:
            return host.write_host(self.address, self.size)
        return self.allocation.data[self.offset : self.offset + self.size]


def move(destination: Span, source: Span) -> None:
    """Copy all of `source` to the beginning of `destination`; they may overlap. Large copies let other threads run."""
    to, from_, size = destination.allocation, source.allocation, source.size
    if to is not None and from_ is not None and size < _LONG:
        to.data[destination.offset : destination.offset + size] = from_.data[source.offset : source.offset + size]
        return
    # Addresses that nobody handed out are the caller's word; those of the reservation never get here.
    target = destination.address if to is None else to.origin + destination.offset
    ctypes.memmove(target, source.address if from_ is None else from_.origin + source.offset, size)


class Memory:
    """All memory of one world.

    Device allocations are counted against the capacity of their device. Addresses come from the process's reservation
    and are used again only when no fresh ones are left. Where host and device share memory (`shared`, the run mode
    ACL_DEVICE) they are real addresses instead. `check_host` asks the kernel about host memory that is not ACL's.
    """

    def __init__(
        self, devices: int, capacity: int, pointer: Callable[[int], Hashable], space: AddressSpace = ADDRESSES
    ) -> None:
        self.capacity = capacity
        self.used = [0] * devices
        self.check_host = False
        self.shared = False
        self._pointer = pointer
        self._space = space
        self._reserved = _Table()  # addresses in the reservation: device memory that the host cannot read
        self._real = _Table()  # addresses of the process: page-locked memory, and device memory where it is shared
        self._by_pointer: dict[Hashable, Allocation] = {}
        self.by_pointer = self._by_pointer.get  # the live allocation whose first byte a pointer names
        self.pieces: list[tuple[int, int]] = []
        self._fresh = self._end = 0
        self._freed: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED)

    def allocate(self, device: int, size: int, extent: int) -> Allocation:
        """Allocate `size` bytes of device memory that take `extent` bytes there.

        Raises:
            Fault: 207001 when the device has not that much left.
        """
        free = self.capacity - self.used[device]
        if extent > free:
            raise Fault(
                codes.ACL_ERROR_RT_MEMORY_ALLOCATION,
                f"device {device} has {free} of {self.capacity} bytes left, {extent} are needed for {size}",
            )
        if self.shared:
            allocation = self._at_real_address(size, extent, device)
            self.used[device] += extent
            return allocation
        step = -(-extent // _ALIGNMENT) * _ALIGNMENT
        try:
            if self._fresh + step > self._end:
                self._take_piece(max(step, _PIECE))
            data = _backing(extent)
        except (MemoryError, OSError) as error:
            raise Fault(
                codes.ACL_ERROR_RT_MEMORY_ALLOCATION, f"the host cannot hold {extent} bytes of device memory: {error}"
            ) from None
        allocation = Allocation(self._fresh, size, data, device)
        self._fresh += step
        self.used[device] += extent
        self._reserved.add(allocation)
        return self._publish(allocation)

    def _take_piece(self, size: int) -> None:
        """Take addresses for the next allocations, if need be after returning all that nothing lives on any more."""
        try:
            piece = self._space.take(size)
        except MemoryError:
            unused = [piece for piece in self.pieces if not self._reserved.any_in(*piece)]
            if unused and unused[-1] == self.pieces[-1]:  # where the next allocations would have gone
                self._fresh = self._end = 0
            for piece in unused:
                self.pieces.remove(piece)
                self._space.give_back(*piece)
            piece = self._space.take(size)
        self.pieces.append(piece)
        self._fresh, self._end = piece[0], sum(piece)

    def allocate_host(self, size: int) -> Allocation:
        """Allocate `size` bytes of page-locked host memory.

        Raises:
            Fault: 207001 when the host has not that much.
        """
        return self._at_real_address(size, size, None)

    def _at_real_address(self, size: int, extent: int, device: int | None) -> Allocation:
        try:
            data = _backing(extent + _ALIGNMENT)
        except (MemoryError, OSError, OverflowError) as error:
            raise Fault(codes.ACL_ERROR_RT_MEMORY_ALLOCATION, f"the host has no {size} bytes left: {error}") from None
        start = ctypes.c_char.from_buffer(data)
        skip = -ctypes.addressof(start) % _ALIGNMENT
        allocation = Allocation(ctypes.addressof(start) + skip, size, data[skip : skip + extent], device)
        allocation._keep = start
        self._real.add(allocation)
        return self._publish(allocation)

    def register(self, address: int, size: int) -> Allocation:
        """Page-lock host memory of the caller, which nothing page-locked overlaps.

        Raises:
            Fault: 100000 for what is no host memory.
        """
        allocation = Allocation(address, size, host.write_host(address, size).cast("B"), None)
        allocation.registered = True
        self._real.add(allocation)
        return self._publish(allocation)

    def overlaps(self, address: int, size: int) -> bool:
        """Whether page-locked memory touches a range of host addresses."""
        return self._real.any_in(address, size) or self._real.around(address) is not None

    def _publish(self, allocation: Allocation) -> Allocation:
        allocation.pointer = self._pointer(allocation.address)
        self._by_pointer[allocation.pointer] = allocation
        return allocation

    def free(self, allocation: Allocation) -> None:
        """Free at once, whatever is still queued on it (RT12.19)."""
        allocation.freed = True
        del self._by_pointer[allocation.pointer]
        self._freed.append((allocation.address, allocation.extent))
        (self._reserved if allocation.address in self._space else self._real).remove(allocation)
        if allocation.device is not None:
            self.used[allocation.device] -= allocation.extent

    def at(self, address: int) -> Allocation | None:
        """The live allocation that starts at `address`."""
        return (self._reserved if address in self._space else self._real).at(address)

    def find(self, address: int) -> Allocation | None:
        """The live allocation that holds `address`."""
        return (self._reserved if address in self._space else self._real).around(address)

    def is_device(self, address: int) -> bool:
        """Whether `address` is a device address, live or not."""
        return address in self._space

    def span(self, address: int, size: int) -> Span:
        """Say what `size` bytes at `address` are.

        Raises:
            Fault: 107000 for device addresses that are freed, foreign or outside their allocation, and for a range
                that runs over the end of page-locked memory.
        """
        allocation = self.find(address)
        if allocation is not None:
            offset = address - allocation.address
            if offset + size > allocation.extent:
                raise Fault(
                    codes.ACL_ERROR_RT_PARAM_INVALID,
                    f"{size} bytes at 0x{address:x} run over the end of {allocation!r} (offset {offset})",
                )
            return Span(allocation, address, offset, size)
        if address in self._space:
            raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, self.explain(address))
        if self.check_host and not host.accessible(address, size):
            raise Fault(codes.ACL_ERROR_INVALID_PARAM, f"{size} bytes at 0x{address:x} are not memory of this process")
        host.refuse_device(address, size)
        return Span(None, address, 0, size)

    def explain(self, address: int) -> str:
        """Say in words why `address` is no usable device address."""
        for start, extent in reversed(self._freed):
            if start <= address < start + extent:
                return f"device address 0x{address:x} lies in memory of {extent} bytes at 0x{start:x} that was freed"
        for start, size in self.pieces:
            if start <= address < start + size:
                return f"device address 0x{address:x} lies in no live allocation"
        return f"device address 0x{address:x} was not allocated by this backend"

    def live(self) -> tuple[int, int]:
        """How many device and page-locked allocations live."""
        host = sum(allocation.on_host for allocation in self._by_pointer.values())
        return len(self._by_pointer) - host, host


def release_pieces(pieces: list[tuple[int, int]], space: AddressSpace = ADDRESSES) -> None:
    """Return a world's pieces of addresses to the process; a finalizer calls it, when the world is gone."""
    while pieces:
        space.give_back(*pieces.pop())

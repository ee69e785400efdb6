"""Copies and sets as tasks of a stream."""

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Allocation, Span, move
from aclsim.core.stream import Stream
from aclsim.core.task import QUEUED, Range, Task


class Copy(Task):
    """A copy between the beginnings of two allocations, on a device or page-locked; both are touched when it runs."""

    __slots__ = ("destination", "size", "source")

    name = "copy"
    brief = plain = True

    def __init__(self, stream: Stream, duration: int, destination: Allocation, source: Allocation, size: int) -> None:
        # Not by way of Task.__init__: this is the hottest way through the simulator.
        self.stream = stream
        self.duration = duration
        self.state = QUEUED
        self.destination = destination
        self.source = source
        self.size = size

    @property
    def reads(self) -> tuple[Range, ...]:
        """The source."""
        return ((self.source.address, self.size),)

    @property
    def writes(self) -> tuple[Range, ...]:
        """The destination."""
        return ((self.destination.address, self.size),)

    def run(self) -> None:
        """Copy the bytes.

        Raises:
            Fault: 507053 when one side was freed meanwhile.
        """
        destination, source = self.destination, self.source
        if source.freed or destination.freed:
            raise self._freed()
        size = self.size
        if source.size == size == destination.size:  # the usual case: whole buffers, whose views are at hand
            destination.whole[:] = source.whole
        else:
            destination.data[:size] = source.data[:size]

    def _freed(self) -> Fault:
        what, which = ("source", self.source) if self.source.freed else ("destination", self.destination)
        return Fault(codes.ACL_ERROR_RT_DEVICE_MEM_ERROR, f"the {what}, {which!r}, was freed before the copy ran")

    def describe(self) -> str:
        """Give size and addresses."""
        return f"copy of {self.size} bytes from 0x{self.reads[0][0]:x} to 0x{self.writes[0][0]:x}"


class PartCopy(Copy):
    """A copy from somewhere in one allocation to somewhere in another (or the same); it may take long."""

    __slots__ = ("source_offset", "to_offset")

    brief = plain = False

    def __init__(
        self,
        stream: Stream,
        duration: int,
        destination: Allocation,
        to_offset: int,
        source: Allocation,
        source_offset: int,
        size: int,
    ) -> None:
        super().__init__(stream, duration, destination, source, size)
        self.to_offset = to_offset
        self.source_offset = source_offset

    @property
    def reads(self) -> tuple[Range, ...]:
        """The source."""
        return ((self.source.address + self.source_offset, self.size),)

    @property
    def writes(self) -> tuple[Range, ...]:
        """The destination."""
        return ((self.destination.address + self.to_offset, self.size),)

    def run(self) -> None:
        """Copy the bytes; where the two ranges overlap, as if by way of a third place.

        Raises:
            Fault: 507053 when one side was freed meanwhile.
        """
        if self.source.freed or self.destination.freed:
            raise self._freed()
        move(
            Span(self.destination, self.writes[0][0], self.to_offset, self.size),
            Span(self.source, self.reads[0][0], self.source_offset, self.size),
        )

"""Copies and sets as tasks of a stream."""

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.core.task import Range, Task


def _live(span: Span, what: str) -> None:
    if span.allocation is not None and span.allocation.freed:
        raise Fault(codes.ACL_ERROR_RT_DEVICE_MEM_ERROR, f"{what} {span.allocation!r} was freed before the copy ran")


class Copy(Task):
    """A copy between device memory and page-locked host memory; both are touched when it runs."""

    __slots__ = ("destination", "source")

    name = "copy"

    def __init__(self, stream: Stream, duration: int, destination: Span, source: Span) -> None:
        super().__init__(stream, duration)
        self.destination = destination
        self.source = source

    @property
    def reads(self) -> tuple[Range, ...]:
        """The source."""
        return ((self.source.address, self.source.size),)

    @property
    def writes(self) -> tuple[Range, ...]:
        """The destination."""
        return ((self.destination.address, self.destination.size),)

    def run(self) -> None:
        """Copy the bytes.

        Raises:
            Fault: 507053 when one side was freed meanwhile.
        """
        _live(self.source, "the source,")
        _live(self.destination, "the destination,")
        self.destination.write()[:] = self.source.read()

    def describe(self) -> str:
        """Give size and addresses."""
        return f"copy of {self.source.size} bytes from 0x{self.source.address:x} to 0x{self.destination.address:x}"

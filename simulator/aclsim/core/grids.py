"""Copies of rectangles, and fills, as tasks of a stream."""

from collections.abc import Iterator

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.core.task import Range, Task

_CHUNK = 1 << 20


def check_live(span: Span, what: str) -> None:
    """Refuse memory that was freed since the task was queued.

    Raises:
        Fault: 507053.
    """
    if span.allocation is not None and span.allocation.freed:
        raise Fault(codes.ACL_ERROR_RT_DEVICE_MEM_ERROR, f"the {what}, {span.allocation!r}, was freed before it ran")


def copy_rows(destination: memoryview, to_pitch: int, source: memoryview, pitch: int, width: int, height: int) -> None:
    """Copy `height` rows of `width` bytes."""
    for row in range(height):
        to, from_ = row * to_pitch, row * pitch
        destination[to : to + width] = source[from_ : from_ + width]


def fill(view: memoryview, pattern: bytes) -> None:
    """Fill a view with a pattern whose length divides the view's; in pieces, so that no second large buffer is made."""
    piece = pattern * (min(len(view), _CHUNK) // len(pattern))
    for start in range(0, len(view), len(piece) or 1):
        part = view[start : start + len(piece)]
        part[:] = piece[: len(part)]


class RowCopy(Task):
    """A copy of a rectangle between device and page-locked memory."""

    __slots__ = ("destination", "height", "pitch", "source", "to_pitch", "width")

    name = "copy of rows"

    def __init__(
        self,
        stream: Stream,
        duration: int,
        destination: Span,
        to_pitch: int,
        source: Span,
        pitch: int,
        width: int,
        height: int,
    ) -> None:
        super().__init__(stream, duration)
        self.destination = destination
        self.to_pitch = to_pitch
        self.source = source
        self.pitch = pitch
        self.width = width
        self.height = height

    def _rows(self, span: Span, pitch: int) -> Iterator[Range]:
        return ((span.address + row * pitch, self.width) for row in range(self.height))

    @property
    def reads(self) -> tuple[Range, ...]:
        """The rows of the source."""
        return tuple(self._rows(self.source, self.pitch))

    @property
    def writes(self) -> tuple[Range, ...]:
        """The rows of the destination."""
        return tuple(self._rows(self.destination, self.to_pitch))

    def run(self) -> None:
        """Copy.

        Raises:
            Fault: 507053 when one side was freed meanwhile.
        """
        check_live(self.source, "source")
        check_live(self.destination, "destination")
        rows = (self.to_pitch, self.source.read(), self.pitch, self.width, self.height)
        copy_rows(self.destination.write(), *rows)


class Fill(Task):
    """Sets memory to a pattern."""

    __slots__ = ("pattern", "span")

    name = "memset"

    def __init__(self, stream: Stream, duration: int, span: Span, pattern: bytes) -> None:
        super().__init__(stream, duration)
        self.span = span
        self.pattern = pattern

    @property
    def writes(self) -> tuple[Range, ...]:
        """What is set."""
        return ((self.span.address, self.span.size),)

    def run(self) -> None:
        """Set.

        Raises:
            Fault: 507053 when the memory was freed meanwhile.
        """
        check_live(self.span, "memory to set")
        fill(self.span.write(), self.pattern)

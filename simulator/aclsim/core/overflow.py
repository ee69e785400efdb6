"""Overflow detection in streams. Simulated computations never overflow in the device's saturation mode."""

from aclsim.core.grids import Fill
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.core.task import Task

STATUS_SIZE = 64
"""Bytes of the status, which is 0 where nothing overflowed."""


class OverflowStatus(Fill):
    """Writes the status: nothing overflowed."""

    __slots__ = ()

    name = "overflow status"

    def __init__(self, stream: Stream, duration: int, place: Span) -> None:
        super().__init__(stream, duration, place, bytes(1))


class OverflowReset(Task):
    """Clears a status that is always clear."""

    __slots__ = ()

    name = "reset of the overflow status"
    brief = True

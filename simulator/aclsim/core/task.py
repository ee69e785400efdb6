"""What streams execute, and what it may have to wait for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

from aclsim.core.stream import Stream

if TYPE_CHECKING:
    from aclsim.core.scheduler import Scheduler

QUEUED, RUNNING, DONE = "queued", "running", "done"

Range = tuple[int, int]
"""An address range: first address, number of bytes."""


class Source(Protocol):
    """Something that changes and that waits look at: an event's record, a notify, memory."""

    waiters: list[Stream]
    """Streams whose head was found waiting for it. Kept for schedules that must know what is ready."""


class Wait(Protocol):
    """What a task may have to wait for besides its turn in its stream."""

    source: Source

    def holds(self) -> bool:
        """Whether the task may start."""

    def since(self) -> int:
        """The virtual time (ns) at which it began to hold."""

    def bringers(self) -> "Iterable[Task]":
        """Queued tasks whose end can make it hold, the likeliest first."""

    def describe(self) -> str:
        """What is waited for, for the hang report."""


class Task:
    """One entry of a stream: runs after everything before it in the stream, and after its wait holds.

    `duration` is virtual nanoseconds. `reads` and `writes` are the address ranges that `run` touches.
    """

    __slots__ = ("begin", "duration", "end", "state", "stream", "submitted")

    name: ClassVar[str] = "task"

    # Virtual nanoseconds, set by the scheduler when it happens.
    submitted: int
    begin: int
    end: int

    wait: Wait | None = None
    """What must hold before it may start; tasks that wait have a slot for it."""

    brief: ClassVar[bool] = False
    """Whether `run` takes microseconds and calls nothing foreign: it keeps the world's lock then."""

    detached: ClassVar[bool] = False
    """Whether `run` only hands the work to somebody else, who ends it with `Scheduler.end`."""

    plain: ClassVar[bool] = False
    """Whether it is brief, never waits and never settles anything."""

    settles: ClassVar[bool] = False
    """Whether `settle` does anything."""

    def __init__(self, stream: Stream, duration: int) -> None:
        self.stream = stream
        self.duration = duration
        self.state = QUEUED

    @property
    def reads(self) -> tuple[Range, ...]:
        """The address ranges that the task reads."""
        return ()

    @property
    def writes(self) -> tuple[Range, ...]:
        """The address ranges that the task writes."""
        return ()

    def run(self) -> None:
        """Do the work: without the world's lock, unless the task is brief.

        Raises:
            Fault: The task fails with this code; the stream delivers it.
        """

    def settle(self, scheduler: "Scheduler") -> None:
        """Change the machine's state when the work succeeded, with the world's lock held."""

    def describe(self) -> str:
        """The task in words, for messages."""
        return self.name

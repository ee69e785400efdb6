"""What streams execute, and what it may have to wait for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

from aclsim.core import codes
from aclsim.core.fault import Fault
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

    @property
    def source(self) -> Source:
        """What it looks at."""

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

    timeout: int | None = None
    """Virtual nanoseconds after its turn in the stream at which a task that still waits fails; None: never."""

    brief: ClassVar[bool] = False
    """Whether `run` takes microseconds and calls nothing foreign: it keeps the world's lock then."""

    detached: ClassVar[bool] = False
    """Whether `run` only hands the work to somebody else, who ends it with `Scheduler.end`."""

    plain: ClassVar[bool] = False
    """Whether it is brief and never waits."""

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

    def dropped(self) -> None:
        """Change the machine's state when the stream forgets the task before it began."""

    def describe(self) -> str:
        """The task in words, for messages."""
        return self.name

    def expired(self) -> Fault:
        """The failure of a task whose timeout was over (107020, RT13.07; which code a chip gives is not settled)."""
        seconds = (self.timeout or 0) / 1_000_000_000
        return Fault(
            codes.ACL_ERROR_RT_TASK_TIMEOUT,
            f"the {self.describe()} on {self.stream!r} was not over within {seconds:g} s",
        )


class WaitingTask(Task):
    """A task that does nothing but wait."""

    __slots__ = ("timeout", "wait")

    brief = True

    def __init__(self, stream: Stream, wait: Wait, timeout: int | None) -> None:
        super().__init__(stream, 0)
        self.wait = wait
        self.timeout = timeout

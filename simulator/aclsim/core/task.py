"""What streams execute."""

from collections.abc import Iterable
from typing import Protocol

from aclsim.core.stream import Stream

QUEUED, RUNNING, DONE = "queued", "running", "done"

Range = tuple[int, int]
"""An address range: first address, number of bytes."""


class Wait(Protocol):
    """What a task may have to wait for besides its turn in its stream."""

    def holds(self) -> bool:
        """Whether the task may start."""

    def since(self) -> int:
        """The virtual time (ns) at which it began to hold."""

    def bringers(self) -> "Iterable[Task]":
        """Queued tasks whose end can make it hold."""

    def describe(self) -> str:
        """What is waited for, for the hang report."""


class Task:
    """One entry of a stream: runs after everything before it in the stream, and after its wait holds.

    `duration` is virtual nanoseconds. `reads` and `writes` are the address ranges that `run` touches.
    """

    __slots__ = ("begin", "duration", "end", "state", "stream", "submitted", "wait")

    name = "task"

    def __init__(self, stream: Stream, duration: int, wait: Wait | None = None) -> None:
        self.stream = stream
        self.duration = duration
        self.wait = wait
        self.state = QUEUED
        self.submitted = self.begin = self.end = 0

    @property
    def reads(self) -> tuple[Range, ...]:
        """The address ranges that the task reads."""
        return ()

    @property
    def writes(self) -> tuple[Range, ...]:
        """The address ranges that the task writes."""
        return ()

    def run(self) -> None:
        """Do the work. Called without the world's lock.

        Raises:
            Fault: The task fails with this code; the stream delivers it.
        """

    def describe(self) -> str:
        """The task in words, for messages."""
        return self.name

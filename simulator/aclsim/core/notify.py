"""Notifies: binary semaphores, and counters, between streams (contract_rt section 7)."""

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from aclsim.core.device import Device
from aclsim.core.stream import Stream
from aclsim.core.task import Task, WaitingTask

if TYPE_CHECKING:
    from aclsim.core.scheduler import Scheduler

_MASK = (1 << 32) - 1

SET, ADD, BIT_OR, BIT_AND = 0, 1, 2, 4
WRITES: dict[int, Callable[[int, int], int]] = {
    SET: lambda _count, value: value,
    # What ADD does on overflow is not known: it wraps here, as an unsigned register would.
    ADD: lambda count, value: count + value & _MASK,
    BIT_OR: lambda count, value: count | value,
    BIT_AND: lambda count, value: count & ~value & _MASK,
}
"""What a record of a count notify does, by mode (RT7.08)."""

CHECKS: dict[int, tuple[str, Callable[[int, int], bool]]] = {
    0: ("less than", lambda count, value: count < value),
    1: ("equal to", lambda count, value: count == value),
    2: ("greater than", lambda count, value: count > value),
    3: ("at least", lambda count, value: count >= value),
    4: ("with all bits of", lambda count, value: count & value == value),
}
"""What a wait for a count notify looks at, by mode (RT7.09)."""


class Notify:
    """A notify or a count notify. `count` is 0 or 1 for a plain one; `set_at` is when it last changed."""

    __slots__ = ("count", "counts", "device", "handle", "number", "pending", "set_at", "waiters")

    def __init__(self, device: Device, number: int, *, counts: bool) -> None:
        self.device = device
        self.number = number
        self.counts = counts
        self.count = 0
        self.set_at = 0
        self.pending: dict[NotifyRecord, None] = {}
        self.waiters: list[Stream] = []
        self.handle: Hashable = None

    def __repr__(self) -> str:
        return f"{'count ' if self.counts else ''}notify {self.number}"


class NotifyRecord(Task):
    """Sets a notify, or writes to the count of one."""

    __slots__ = ("mode", "notify", "value")

    name = "record of a notify"
    brief = plain = True
    settles = True

    def __init__(self, stream: Stream, notify: Notify, mode: int = SET, value: int = 1) -> None:
        super().__init__(stream, 0)
        self.notify = notify
        self.mode = mode
        self.value = value

    def settle(self, scheduler: "Scheduler") -> None:
        """Write, and wake up who waits."""
        notify = self.notify
        notify.count = WRITES[self.mode](notify.count, self.value)
        notify.set_at = self.end
        notify.pending.pop(self, None)
        scheduler.signal(notify)

    def dropped(self) -> None:
        """The stream forgets it."""
        self.notify.pending.pop(self, None)

    def describe(self) -> str:
        """Name the notify."""
        return f"record of {self.notify!r}"


class Counted:
    """Holds while the count of a notify fits."""

    __slots__ = ("mode", "source", "value")

    def __init__(self, notify: Notify, mode: int, value: int) -> None:
        self.source: Notify = notify
        self.mode = mode
        self.value = value

    def holds(self) -> bool:
        """Whether it fits now."""
        return CHECKS[self.mode][1](self.source.count, self.value)

    def since(self) -> int:
        """When it was written last."""
        return self.source.set_at

    def bringers(self) -> Iterable[Task]:
        """The records that are on their way."""
        return list(self.source.pending)

    def describe(self) -> str:
        """Say what is waited for."""
        what = f"a count {CHECKS[self.mode][0]} {self.value}, it is {self.source.count}" if self.source.counts else "it"
        from_ = next((f"recorded on {task.stream!r}" for task in self.source.pending), "which no queued task records")
        return f"waits for {self.source!r} ({what}), {from_}"


class NotifyWait(WaitingTask):
    """A stream waits for a notify; `clears` says whether the wait takes the count back to 0."""

    __slots__ = ("clears", "notify")

    name = "wait for a notify"
    settles = True

    def __init__(self, stream: Stream, wait: Counted, timeout: int | None, *, clears: bool) -> None:
        super().__init__(stream, wait, timeout)
        self.notify = wait.source
        self.clears = clears

    def settle(self, scheduler: "Scheduler") -> None:  # noqa: ARG002
        """Take what was waited for."""
        if self.clears:
            self.notify.count = 0

    def describe(self) -> str:
        """Name the notify."""
        return f"wait for {self.notify!r}"

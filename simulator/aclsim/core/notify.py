"""Notifies: binary semaphores, and counters, between streams (contract_rt section 7)."""

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING

from aclsim.core.device import Device
from aclsim.core.fault import Fault
from aclsim.core.history import History
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
    # The docs have count & value; the implementation writes to the register that clears bits (RT7.08: "clear").
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
    """A notify or a count notify. `count` is 0 or 1 for a plain one.

    `pending` are the queued tasks that can bring on who waits for it: records, and waits that clear the count of a
    count notify. `waits` counts the queued waits.
    """

    __slots__ = ("counts", "device", "handle", "history", "number", "pending", "waiters", "waits")

    def __init__(self, device: Device, number: int, *, counts: bool) -> None:
        self.device = device
        self.number = number
        self.counts = counts
        self.history = History(0)
        self.pending: dict[Task, None] = {}
        self.waits = 0
        self.waiters: list[Stream] = []
        self.handle: Hashable = None

    @property
    def count(self) -> int:
        """What it counts now."""
        return self.history.state

    def write(self, count: int, moment: int, now: int) -> None:
        """It counts something else from the virtual time `moment` on; the host's time is `now`."""
        if not self.waits:
            self.history.forget(now)
        self.history.write(count, moment)
        if not count and not self.counts:
            self.history.restart()  # a wait for a plain notify never looks behind the last wait

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
        notify.pending[self] = None

    def settle(self, scheduler: "Scheduler") -> None:
        """Write, and wake up who waits."""
        notify = self.notify
        notify.write(WRITES[self.mode](notify.count, self.value), self.end, scheduler._clock.now)
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

    def _fits(self, count: int) -> bool:
        return CHECKS[self.mode][1](count, self.value)

    def holds(self) -> bool:
        """Whether it fits now."""
        return self._fits(self.source.count)

    def since(self) -> int:
        """When it was written so that it fits."""
        return self.source.history.since(self._fits)

    def bringers(self) -> Iterable[Task]:
        """The records that are on their way, and waits that clear the count."""
        return list(self.source.pending)

    def describe(self) -> str:
        """Say what is waited for."""
        notify = self.source
        what = f" to be {CHECKS[self.mode][0]} {self.value} (it is {notify.count})" if notify.counts else ""
        from_ = next((f"recorded on {task.stream!r}" for task in notify.pending), "which no queued task records")
        return f"waits for {notify!r}{what}, {from_}"


class NotifyWait(WaitingTask):
    """A stream waits for a notify; `clears` says whether the wait takes the count back to 0."""

    __slots__ = ("clears", "notify")

    name = "wait for a notify"
    settles = True

    def __init__(self, stream: Stream, wait: Counted, timeout: int | None, *, clears: bool) -> None:
        super().__init__(stream, wait, timeout)
        self.notify = wait.source
        self.clears = clears
        self.notify.waits += 1
        if clears and self.notify.counts:
            self.notify.pending[self] = None

    def settle(self, scheduler: "Scheduler") -> None:
        """Take what was waited for."""
        notify = self.notify
        self._leave()
        if self.clears:
            notify.write(0, self.end, scheduler._clock.now)
            if notify.counts:
                scheduler.signal(notify)

    def _leave(self) -> None:
        self.notify.waits -= 1
        self.notify.pending.pop(self, None)

    def dropped(self) -> None:
        """The stream forgets it."""
        self._leave()

    def expired(self) -> Fault:
        """It waits no longer, and takes nothing."""
        self._leave()
        return super().expired()

    def describe(self) -> str:
        """Name the notify."""
        return f"wait for {self.notify!r}"

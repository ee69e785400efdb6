"""Events: markers in streams that other streams and the host wait for.

There are three families (contract_rt section 6). EX and DEF events are their newest record: a wait looks at the record
that was newest when the wait was queued. An OLD event is a flag that records set and resets clear, and a wait looks at
the flag.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from aclsim.core.device import Device
from aclsim.core.fault import Fault
from aclsim.core.stream import Stream
from aclsim.core.task import DONE, QUEUED, Task, WaitingTask

if TYPE_CHECKING:
    from aclsim.core.scheduler import Scheduler

DEF, OLD, EX = "DEF", "OLD", "EX"

SYNC, PROGRESS, TIME_LINE, DEVICE_USE_ONLY, EXTERNAL, IPC = 1, 2, 8, 0x10, 0x20, 0x40


class Event:
    """An event. `record` is its newest record, `flag` the record that set it (of an OLD event; None: not set).

    `number` is its hardware id while it has one. `pending` are its records that have not run yet, in order; `waits` its
    waits that have not run yet. `record_flag` is how it was first recorded or waited for (aclrtRecordEventWithFlag).
    `gone` says that the program destroyed it; what is queued keeps it alive inside. `label` is its name in messages.
    """

    __slots__ = (
        "device",
        "family",
        "flag",
        "flags",
        "gone",
        "handle",
        "label",
        "number",
        "pending",
        "record",
        "record_flag",
        "waiters",
        "waits",
    )

    def __init__(self, device: Device, family: str, flags: int) -> None:
        self.device = device
        self.family = family
        self.flags = flags
        self.record: Record | None = None
        self.flag: Record | None = None
        self.record_flag: int | None = None
        self.number: int | None = None
        self.pending: dict[Record, None] = {}
        self.waits: dict[EventWait, None] = {}
        self.waiters: list[Stream] = []
        self.gone = False
        self.handle: Hashable = None
        self.label = ""

    @property
    def syncs(self) -> bool:
        """Whether streams can wait for it: not if it only takes the time or shows progress (RT6.07)."""
        return bool(self.flags & ~(TIME_LINE | PROGRESS))

    @property
    def times(self) -> bool:
        """Whether its records take the time."""
        return bool(self.flags & TIME_LINE)

    @property
    def keeps_number(self) -> bool:
        """Whether it has its hardware id from creation on (RT6.02)."""
        return self.family == OLD and bool(self.flags & SYNC)

    def release_number(self) -> None:
        """Let go of the hardware id when nothing needs it any more (RT6.03, RT6.04)."""
        kept = self.keeps_number and not (self.gone and not self.waits)
        if self.number is not None and not self.pending and not kept:
            self.device.event_numbers.give_back(self.number)
            self.number = None

    def __repr__(self) -> str:
        return f"{self.family} event {self.label}"


class Record(Task):
    """The marker: when it runs, everything before it in its stream is done. `timed` says whether it took the time."""

    __slots__ = ("_scheduler", "event", "timed", "waiters")

    name = "record of an event"
    brief = True
    settles = True

    def __init__(self, stream: Stream, event: Event, scheduler: "Scheduler") -> None:
        super().__init__(stream, 0)
        self._scheduler = scheduler
        self.event = event
        self.timed = False
        self.waiters: list[Stream] = []
        event.record = self
        event.pending[self] = None

    def settle(self, scheduler: "Scheduler") -> None:
        """Set the event, and let go of its hardware id when this was the last record on its way."""
        event = self.event
        if event.flag is None:  # a flag that is set stays as it is
            event.flag = self
        self.timed = event.times
        self._leave()
        scheduler.signal(self)
        scheduler.signal(event)

    def _leave(self) -> None:
        self.event.pending.pop(self, None)
        self.event.release_number()

    def dropped(self) -> None:
        """The stream forgets it: whoever waits for this record need not any more."""
        self._leave()
        self._scheduler.signal(self)

    def describe(self) -> str:
        """Name the event."""
        return f"record of {self.event!r}"


class Recorded:
    """Holds when one record has run (EX and DEF events)."""

    __slots__ = ("source",)

    def __init__(self, record: Record) -> None:
        self.source: Record = record

    def holds(self) -> bool:
        """Whether it has run."""
        return self.source.state is DONE

    def since(self) -> int:
        """When it ran."""
        return self.source.end

    def bringers(self) -> Iterable[Task]:
        """The record."""
        return (self.source,) if self.source.state is QUEUED else ()

    def describe(self) -> str:
        """Say which one."""
        return f"waits for the {self.source.describe()} on {self.source.stream!r}"


class FlagSet:
    """Holds while the flag of an OLD event is set."""

    __slots__ = ("source",)

    def __init__(self, event: Event) -> None:
        self.source: Event = event

    def holds(self) -> bool:
        """Whether the flag is set."""
        return self.source.flag is not None

    def since(self) -> int:
        """When it was set."""
        return self.source.flag.end if self.source.flag is not None else 0

    def bringers(self) -> Iterable[Task]:
        """The records that are on their way."""
        return list(self.source.pending)

    def describe(self) -> str:
        """Say which event."""
        record = next(iter(self.source.pending), None)
        from_ = f"recorded on {record.stream!r}" if record is not None else "which no queued task records"
        return f"waits for {self.source!r}, {from_}"


class EventWait(WaitingTask):
    """A stream waits for an event. `timeout` is virtual nanoseconds, None: no limit."""

    __slots__ = ("event",)

    name = "wait for an event"
    settles = True

    def __init__(self, stream: Stream, event: Event, wait: Recorded | FlagSet, timeout: int | None) -> None:
        super().__init__(stream, wait, timeout)
        self.event = event
        event.waits[self] = None

    def settle(self, scheduler: "Scheduler") -> None:  # noqa: ARG002
        """The wait is over."""
        self._leave()

    def _leave(self) -> None:
        self.event.waits.pop(self, None)
        self.event.release_number()

    def dropped(self) -> None:
        """The stream forgets it."""
        self._leave()

    def expired(self) -> Fault:
        """The wait is over, without success."""
        self._leave()
        return super().expired()

    def describe(self) -> str:
        """Name the event."""
        return f"wait for {self.event!r}"


class Reset(Task):
    """Clears the flag of an OLD event. For the host, and for waits on a DEF event, it was never recorded then.

    The second sentence is a choice: the contract leaves open what a reset does to a DEF event (RT6.25, RT15.15), and
    what the host sees of a reset event.
    """

    __slots__ = ("event",)

    name = "reset of an event"
    brief = True
    settles = True

    def __init__(self, stream: Stream, event: Event) -> None:
        super().__init__(stream, 0)
        self.event = event

    def settle(self, scheduler: "Scheduler") -> None:  # noqa: ARG002
        """Clear it."""
        event = self.event
        event.flag = None
        if event.record is not None and event.record.state is DONE:
            event.record = None

    def describe(self) -> str:
        """Name the event."""
        return f"reset of {self.event!r}"

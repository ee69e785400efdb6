"""Events: markers in streams that other streams and the host wait for.

There are three families (contract_rt section 6). EX and DEF events are their newest record: a wait looks at the record
that was newest when the wait was queued. An OLD event is a flag that records set and resets clear, and a wait looks at
the flag.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from aclsim.core.device import Device
from aclsim.core.stream import Stream
from aclsim.core.task import DONE, QUEUED, Task, WaitingTask

if TYPE_CHECKING:
    from aclsim.core.scheduler import Scheduler

DEF, OLD, EX = "DEF", "OLD", "EX"

SYNC, PROGRESS, TIME_LINE, DEVICE_USE_ONLY, EXTERNAL, IPC = 1, 2, 8, 0x10, 0x20, 0x40


class Event:
    """An event. `record` is its newest record, `flag` the task that set it last (of an OLD event; None: not set).

    `number` is its hardware id while it has one. `pending` are its records that have not run yet, in order; `waits` its
    waits that have not run yet. `record_flag` is how it was first recorded or waited for (aclrtRecordEventWithFlag).
    """

    __slots__ = (
        "device",
        "family",
        "flag",
        "flags",
        "handle",
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
        self.handle: Hashable = None

    @property
    def syncs(self) -> bool:
        """Whether streams can wait for it."""
        return self.family == DEF or bool(self.flags & SYNC)

    @property
    def times(self) -> bool:
        """Whether its records take the time."""
        return self.family == DEF or bool(self.flags & TIME_LINE)

    @property
    def keeps_number(self) -> bool:
        """Whether it holds its hardware id from creation to destruction (RT6.02)."""
        return self.family == OLD and bool(self.flags & SYNC)

    def __repr__(self) -> str:
        return f"{self.family} event {self.handle}"


class Record(Task):
    """The marker: when it runs, everything before it in its stream is done."""

    __slots__ = ("event", "waiters")

    name = "record of an event"
    brief = plain = True
    settles = True

    def __init__(self, stream: Stream, event: Event) -> None:
        super().__init__(stream, 0)
        self.event = event
        self.waiters: list[Stream] = []

    def settle(self, scheduler: "Scheduler") -> None:
        """Set the event, and let go of its hardware id when this was the last record on its way."""
        event = self.event
        event.flag = self
        self.leave()
        scheduler.signal(self)
        scheduler.signal(event)

    def leave(self) -> None:
        """The record is over, or was dropped."""
        event = self.event
        event.pending.pop(self, None)
        if not event.pending and not event.keeps_number and event.number is not None:
            event.device.event_numbers.give_back(event.number)
            event.number = None

    def dropped(self) -> None:
        """The stream forgets it."""
        self.leave()

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
        """When it was set last."""
        return self.source.flag.end if self.source.flag is not None else 0

    def bringers(self) -> Iterable[Task]:
        """The records that are on their way."""
        return list(self.source.pending)

    def describe(self) -> str:
        """Say which event."""
        return (
            f"waits for {self.source!r}, which no queued task records"
            if not self.source.pending
            else (f"waits for {self.source!r}, recorded on {next(iter(self.source.pending)).stream!r}")
        )


class EventWait(WaitingTask):
    """A stream waits for an event. `timeout` is virtual nanoseconds, None: no limit."""

    __slots__ = ("event",)

    name = "wait for an event"
    settles = True

    def __init__(self, stream: Stream, event: Event, wait: Recorded | FlagSet, timeout: int | None) -> None:
        super().__init__(stream, wait, timeout)
        self.event = event

    def settle(self, scheduler: "Scheduler") -> None:  # noqa: ARG002
        """The wait is over."""
        self.event.waits.pop(self, None)

    def dropped(self) -> None:
        """The stream forgets it."""
        self.event.waits.pop(self, None)

    def describe(self) -> str:
        """Name the event."""
        return f"wait for {self.event!r}"


class Reset(Task):
    """Clears the flag of an OLD event; a DEF event is as if it was never recorded (RT6.25, a choice)."""

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

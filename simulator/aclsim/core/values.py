"""Values in device memory that streams write and wait for (contract_rt section 10)."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.core.task import Range, Task, WaitingTask
from aclsim.core.writes import SIZE, Cell

if TYPE_CHECKING:
    from aclsim.core.scheduler import Scheduler

_BITS = (1 << 64) - 1
_HALF = 1 << 63

CHECKS: dict[int, tuple[str, Callable[[int, int], bool]]] = {
    0: ("at least", lambda held, value: (held - value) & _BITS < _HALF),  # the signed difference is not negative
    1: ("equal to", lambda held, value: held == value),
    2: ("with a bit of", lambda held, value: held & value != 0),
    3: ("whose NOR is not zero with", lambda held, value: ~(held | value) & _BITS != 0),
}
"""What a wait looks at, by flag (RT10.08)."""


def _check(span: Span) -> None:
    if span.allocation is not None and span.allocation.freed:
        raise Fault(codes.ACL_ERROR_RT_DEVICE_MEM_ERROR, f"{span.allocation!r}, the value's memory, was freed before")


def watched_value(scheduler: "Scheduler", place: Span) -> Cell:
    """The value at a place, watched from now on."""
    return scheduler.memory.cell(place, scheduler._clock.now)


class ValueWrite(Task):
    """Writes a 64-bit value."""

    __slots__ = ("_scheduler", "place", "value")

    name = "value write"
    brief = True

    def __init__(self, stream: Stream, scheduler: "Scheduler", place: Span, value: int) -> None:
        super().__init__(stream, 0)
        self._scheduler = scheduler
        self.place = place
        self.value = value

    @property
    def writes(self) -> tuple[Range, ...]:
        """The eight bytes."""
        return ((self.place.address, SIZE),)

    def run(self) -> None:
        """Write.

        Raises:
            Fault: 507053 when the memory was freed meanwhile.
        """
        _check(self.place)
        # Watched before anybody waits: a schedule may run the write long before its virtual time has come.
        watched_value(self._scheduler, self.place)
        self.place.write()[:] = self.value.to_bytes(SIZE, "little")

    def describe(self) -> str:
        """Say what is written where."""
        return f"write of 0x{self.value:x} to 0x{self.place.address:x}"


class ValueFits:
    """Holds while a value in memory fits. Freed memory ends the wait: the task then fails."""

    def __init__(self, scheduler: "Scheduler", place: Span, flag: int, value: int) -> None:
        self._scheduler = scheduler
        self._place = place
        self._what, self._fits = CHECKS[flag]
        self._value = value
        self.source = scheduler.memory
        self.cell = watched_value(scheduler, place)

    def _check(self, held: int) -> bool:
        return self._fits(held, self._value)

    def holds(self) -> bool:
        """Whether it fits now."""
        allocation = self._place.allocation
        gone = allocation is not None and allocation.freed
        return gone or self._check(self.cell.read())

    def since(self) -> int:
        """When a task wrote what fits."""
        return self.cell.history.since(self._check)

    def bringers(self) -> Iterable[Task]:
        """Queued tasks that write there."""
        return self._scheduler.writers(self._place.address, SIZE)

    def describe(self) -> str:
        """Say what is waited for."""
        bringer = next(iter(self.bringers()), None)
        from_ = f"written on {bringer.stream!r}" if bringer is not None else "which no queued task writes"
        what = f"a value {self._what} 0x{self._value:x} at 0x{self._place.address:x}"
        return f"waits for {what} (it is 0x{self.cell.read():x}), {from_}"


class ValueWait(WaitingTask):
    """A stream waits for a value in memory."""

    __slots__ = ("cell", "place")

    name = "wait for a value"

    def __init__(self, stream: Stream, wait: ValueFits, place: Span) -> None:
        super().__init__(stream, wait, None)
        self.place = place
        self.cell = wait.cell
        self.cell.waits += 1

    @property
    def reads(self) -> tuple[Range, ...]:
        """The eight bytes."""
        return ((self.place.address, SIZE),)

    def run(self) -> None:
        """Look whether the memory is still there.

        Raises:
            Fault: 507053 when it was freed meanwhile.
        """
        self.cell.waits -= 1
        _check(self.place)

    def dropped(self) -> None:
        """The stream forgets it."""
        self.cell.waits -= 1

    def describe(self) -> str:
        """Say where."""
        return f"{self.name} at 0x{self.place.address:x}"

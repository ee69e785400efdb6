"""What was written where and when, for waits that look at memory."""

from collections.abc import Iterable

from aclsim.core.history import History
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.core.task import Range

SIZE = 8
"""Bytes of a value. Its address is a multiple of this."""

_FEW = 16


class Cell:
    """A 64-bit value in memory that somebody watches. `waits` counts the queued tasks that wait for it."""

    __slots__ = ("history", "place", "waits")

    def __init__(self, place: Span) -> None:
        self.place = place
        self.history = History(self.read())
        self.waits = 0

    def read(self) -> int:
        """The value, little-endian as the devices are."""
        return int.from_bytes(self.place.read(), "little")


class MemoryWrites:
    """The values that somebody watches, by address, and what tasks wrote there.

    Writes that ran before the first value operation on an address are not known here: they count as there from the
    beginning.
    """

    def __init__(self) -> None:
        self.waiters: list[Stream] = []
        self.watched: dict[int, Cell] = {}
        self._many = _FEW

    def cell(self, place: Span, now: int) -> Cell:
        """The value at a place, watched from now on, at the virtual time `now`."""
        cell = self.watched.get(place.address)
        if cell is None or cell.place.allocation is not place.allocation:
            if len(self.watched) >= self._many:
                self._forget(now)
            cell = self.watched[place.address] = Cell(place)
        elif not cell.waits:
            cell.history.forget(now)
        return cell

    def _forget(self, now: int) -> None:
        """Drop the values that nobody waits for and that did not change since: a later wait needs to know no more."""
        self.watched = {
            address: cell for address, cell in self.watched.items() if cell.waits or cell.history.settled_at > now
        }
        self._many = max(_FEW, 2 * len(self.watched))

    def written(self, ranges: Iterable[Range], moment: int) -> bool:
        """A task wrote, or the host. Returns whether a watched value was touched."""
        touched = False
        for address, size in ranges:
            for cell in self._touched(address, size):
                cell.history.write(cell.read(), moment)
                touched = True
        return touched

    def _touched(self, address: int, size: int) -> list[Cell]:
        """The values in a range, found by way of the shorter list: its addresses, or all values."""
        first, end = address - address % SIZE, address + size
        if size < SIZE * len(self.watched):
            return [cell for start in range(first, end, SIZE) if (cell := self.watched.get(start)) is not None]
        return [cell for start, cell in self.watched.items() if first <= start < end]

"""Handle values: typed by table, told apart by world, never used twice."""

import itertools
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, Protocol, TypeVar

_TOP = 0xAC << 56  # no process has an address there: a dereference faults instead of reading something
_WORLD_BITS, _SERIAL_BITS = 24, 32
_worlds = itertools.count(1)


def next_world_number() -> int:
    """A number for a world, unique in this process."""
    return next(_worlds)


def world_of(value: int) -> int | None:
    """The number of the world that made this handle value, None if it is no handle value."""
    if value >> 56 != _TOP >> 56:
        return None
    return value >> _SERIAL_BITS & (1 << _WORLD_BITS) - 1


class Handled(Protocol):
    """What a table holds."""

    handle: Hashable


Item = TypeVar("Item", bound=Handled)


class HandleValues:
    """Gives out the handle values of one world. Its tables share it, so a value names one object of one kind."""

    def __init__(self, world: int) -> None:
        self._prefix = _TOP | (world & (1 << _WORLD_BITS) - 1) << _SERIAL_BITS
        self._serial = itertools.count(16, 16)  # a multiple of 16, as addresses of objects are

    def next(self) -> int:
        """A value that was never given out."""
        serial = next(self._serial)
        if serial >> _SERIAL_BITS:
            raise MemoryError("this simulated machine has given out all its handle values; open a new one")
        return self._prefix | serial


class HandleTable(Generic[Item]):
    """The live objects of one kind by handle.

    `key` turns a handle value into what the layer above hands to users and looks up with (a cdata); without it handles
    are plain integers.
    """

    def __init__(self, kind: str, values: HandleValues, key: Callable[[int], Hashable]) -> None:
        self.kind = kind
        self._values = values
        self._key = key
        self._live: dict[Hashable, Item] = {}
        self.get = self._live.get

    def add(self, item: Item, handle: Hashable = None) -> Item:
        """Give `item` a handle (or take the given one) and keep it until `remove`."""
        item.handle = self._key(self._values.next()) if handle is None else handle
        self._live[item.handle] = item
        return item

    def remove(self, item: Item) -> None:
        """Forget `item`: its handle is stale from now on."""
        del self._live[item.handle]

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[Item]:
        return iter(list(self._live.values()))

"""When memory was written, for waits that look at it."""

from collections.abc import Iterable

from aclsim.core.stream import Stream
from aclsim.core.task import Range


class MemoryWrites:
    """The last write to each address range that somebody watches."""

    def __init__(self) -> None:
        self.waiters: list[Stream] = []
        self.watched: dict[Range, int] = {}

    def watch(self, address: int, size: int) -> None:
        """Keep the time of writes to a range from now on."""
        self.watched.setdefault((address, size), 0)

    def written(self, ranges: Iterable[Range], moment: int) -> bool:
        """A task wrote. Returns whether a watched range was touched."""
        touched = False
        for address, size in ranges:
            for start, length in self.watched:
                if address < start + length and start < address + size:
                    self.watched[start, length] = moment
                    touched = True
        return touched

    def last_write(self, address: int, size: int) -> int:
        """When a task last wrote to a watched range."""
        return self.watched.get((address, size), 0)

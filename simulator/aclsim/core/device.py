"""A device."""

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aclsim.core.context import Context


class Numbers:
    """Hardware ids, the smallest free one first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._fresh = 0
        self._returned: list[int] = []

    @property
    def free(self) -> int:
        """How many are left."""
        return self.limit - self._fresh + len(self._returned)

    def take(self) -> int | None:
        """An id; None when all are in use."""
        if self._returned:
            return heapq.heappop(self._returned)
        if self._fresh >= self.limit:
            return None
        self._fresh += 1
        return self._fresh - 1

    def give_back(self, number: int) -> None:
        """Return an id."""
        heapq.heappush(self._returned, number)


class Device:
    """One simulated NPU: its primary context and how often it was set."""

    def __init__(self, number: int, max_events: int = 0, max_notifies: int = 0) -> None:
        self.number = number
        self.primary: Context | None = None
        self.set_count = 0
        self.streams = 0
        self.peers: set[int] = set()
        self.event_numbers = Numbers(max_events)
        self.notify_numbers = Numbers(max_notifies)

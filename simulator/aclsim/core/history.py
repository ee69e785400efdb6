"""What something was and since when, for waits that look at a state and not at one task."""

from collections.abc import Callable


class History:
    """The states of one thing, in the order in which tasks wrote them.

    A schedule may run a task long before the host's time has come to its end, and independent tasks in any order. A
    state is made of all that was written before it, so it holds from the latest of their times.
    """

    __slots__ = ("_states",)

    def __init__(self, state: int) -> None:
        self._states = [(0, state)]

    @property
    def state(self) -> int:
        """The present state."""
        return self._states[-1][1]

    def write(self, state: int, moment: int) -> None:
        """A task whose end is `moment` (virtual ns) made it `state`."""
        self._states.append((max(moment, self._states[-1][0]), state))

    def since(self, fits: Callable[[int], bool]) -> int:
        """The virtual time from which it fits, without a break until now."""
        began = self._states[-1][0]
        for moment, state in reversed(self._states):
            if not fits(state):
                break
            began = moment
        return began

    def restart(self) -> None:
        """Drop all but the present state: nobody will ask for more."""
        del self._states[:-1]

    def forget(self, now: int) -> None:
        """Drop what was over at the time `now`. Only for things that no queued task waits for."""
        while len(self._states) > 1 and self._states[1][0] <= now:
            del self._states[0]

    @property
    def settled_at(self) -> int:
        """The virtual time of the last change."""
        return self._states[-1][0]

"""How far the work in a stream has come, as far as the object API knows."""

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from _aclcffi import lib

from aclcffi.calls import call
from aclcffi.context import inside
from aclcffi.errors import AclError

if TYPE_CHECKING:
    from aclcffi.backend import Backend

# Answers of a synchronise that waited for nothing, or not to the end; with any other code a task has failed.
_NOT_WAITED = frozenset(
    {
        lib.ACL_ERROR_INVALID_PARAM,
        lib.ACL_ERROR_UNINITIALIZE,
        lib.ACL_ERROR_API_NOT_SUPPORT,
        lib.ACL_ERROR_RT_PARAM_INVALID,
        lib.ACL_ERROR_RT_CONTEXT_NULL,
        lib.ACL_ERROR_RT_STREAM_CONTEXT,
        lib.ACL_ERROR_RT_INVALID_HANDLE,
        lib.ACL_ERROR_RT_STREAM_CAPTURED,
        lib.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
    }
)

# What a task may fail with, besides the 507xxx: overflows, and work that was aborted.
_TASK_FAILURES = frozenset(
    {
        lib.ACL_ERROR_RT_TASK_TIMEOUT,
        lib.ACL_ERROR_RT_DEVICE_TASK_ABORT,
        lib.ACL_ERROR_RT_STREAM_ABORT,
        lib.ACL_ERROR_RT_TASK_ABORT_STOP,
        lib.ACL_ERROR_RT_AICORE_OVER_FLOW,
        lib.ACL_ERROR_RT_AIVEC_OVER_FLOW,
        lib.ACL_ERROR_RT_OVER_FLOW,
    }
)


class Timeline:
    """Counts the work that is queued in a stream, each piece with a ticket, and what of it is known to be over.

    It outlives the Stream object, which only the user holds: buffers wait by it until nothing can write them any more.
    `context` is the handle of the stream's context.
    """

    def __init__(self, backend: "Backend", handle: Any, context: Any) -> None:
        self.backend = backend
        self.handle = handle
        self.context = context
        self.destroyed = False
        self.lock = threading.RLock()
        """Held while something is queued, so that the tickets are in the order of the work."""
        self._submitted = 0
        self._over = 0
        self._failures: list[tuple[int, int, AclError]] = []
        self._told: AclError | None = None
        """The newest error of a task."""

    def ticket(self) -> int:
        """Count a piece of work that was just queued. The caller holds the lock."""
        self._submitted += 1
        return self._submitted

    def over(self, ticket: int) -> bool:
        """Whether a synchronise has waited for that piece of work."""
        return self._over >= ticket

    def idle(self, ticket: int) -> bool:
        """Whether nothing of that piece of work can run any more."""
        return self.destroyed or self._over >= ticket

    def failure(self, ticket: int) -> AclError | None:
        """The error that a synchronise delivered for that piece of work, a new copy each time."""
        for first, last, error in reversed(self._failures):
            if last < ticket:
                break
            if first < ticket:
                return copy.copy(error)
        return None

    def synchronize(self, timeout_ms: int | None = None) -> None:
        """Wait for the stream, as `Stream.synchronize` says."""
        if timeout_ms is None:
            wait([self], self.backend, "aclrtSynchronizeStream", self.handle)
        else:
            wait([self], self.backend, "aclrtSynchronizeStreamWithTimeout", self.handle, timeout_ms)

    def finish(self) -> None:
        """Wait for the stream in any thread, before what its work uses is given back."""
        with inside(self.backend, self.context):
            self.synchronize()

    def _reached(self) -> "_Reached":
        return _Reached(self._over, self._submitted)

    def _advance(self, reached: "_Reached", error: AclError | None) -> None:
        with self.lock:
            if error is not None:
                self._told = copy.copy(error)
                if self._submitted > reached.over:
                    # Which task failed is not known. What was queued during the wait may be it too, and what another
                    # thread has waited for meanwhile: ACL tells one of the two only.
                    self._failures.append((reached.over, self._submitted, self._told))
            self._over = max(self._over, reached.submitted)


class _Reached(NamedTuple):
    """How far a stream was when a wait began."""

    over: int
    submitted: int


def wait(timelines: Sequence[Timeline], backend: "Backend", function: str, *arguments: Any) -> None:
    """Call a function that waits for all of the streams, and note what is over by that, and what has failed.

    Raises:
        AclError: What the function answers.
    """
    reached = [(timeline, timeline._reached()) for timeline in timelines]
    try:
        call(backend, function, *arguments)
    except AclError as error:
        if error.code is None or error.code in _NOT_WAITED:
            raise
        for timeline, before in reached:
            timeline._advance(before, error)
        raise
    for timeline, before in reached:
        timeline._advance(before, None)


def execute_and_wait(timeline: Timeline, function: str, *arguments: Any) -> None:
    """As `wait`, for a function that queues work on a stream itself before it waits for all of it.

    Its answer may be a refusal that has nothing to do with what was queued before: only a task's failure is noted.

    Raises:
        AclError: What the function answers, or what another thread that waited meanwhile was told.
    """
    reached, before = timeline._reached(), timeline._told
    try:
        call(timeline.backend, function, *arguments)
    except AclError as error:
        if _of_a_task(error):
            timeline._advance(reached, error)
        raise
    timeline._advance(reached, None)
    told = timeline._told
    if told is not None and told is not before:
        raise copy.copy(told)


def _of_a_task(error: AclError) -> bool:
    code = error.code or 0
    return code in _TASK_FAILURES or (code // 1000 == 507 and code != lib.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT)

"""Streams: queues of work that runs in order."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.context import current_context, inside
from aclcffi.errors import InvalidArgumentError
from aclcffi.event import Event
from aclcffi.host_function import launch
from aclcffi.resource import Owner, Release, Resource
from aclcffi.timeline import Timeline

if TYPE_CHECKING:
    from aclcffi.session import Session

_LONGEST = (1 << 31) - 1


class Stream(Resource):
    """A stream of the current context (aclrtCreateStream; on IPV350 aclrtCreateStreamV2).

    Closing it waits for what is queued, in any thread. Results that it was not synchronised for are lost then.

    Raises:
        StateError: The calling thread has no current context (107002).
        ResourceError: The device has no stream left (207008).
    """

    def __init__(self, session: "Session", *, part_of: Owner | None = None) -> None:
        self._session = session
        session._check_open()
        context = current_context(session.backend)
        out = ffi.new("aclrtStream *")
        if session.backend.supports("aclrtCreateStream"):
            session.call("aclrtCreateStream", out)
        else:
            _create_v2(session, out)
        self.handle = out[0]
        self._timeline = Timeline(session.backend, self.handle, context)
        session._timelines[self._timeline] = None
        self._raised: list[BaseException] = []
        super().__init__(
            part_of or session._owner,
            _release(self._timeline, session._timelines),
            group=context,
            report=part_of is None,
        )

    def synchronize(self, timeout_ms: int | None = None) -> None:
        """Wait for everything in the stream (aclrtSynchronizeStream, aclrtSynchronizeStreamWithTimeout).

        ACL tells an error to one thread only. Threads that share a stream need a lock of their own, from queueing to
        reading the outputs: without it one may read the outputs of a failed execution just before another notes that.

        Args:
            timeout_ms: Milliseconds, at least 1; None waits as long as it takes.

        Raises:
            AclTimeoutError: The time was over first (507046); the work goes on.
            AclError: The error of a task that failed in the stream; the stream can be used again.
            Exception: What a host function raised in the stream, one at a time.
            InvalidArgumentError: timeout_ms is less than 1, or more than an int32_t holds.
            StateError: The calling thread has no current context (107002), or the stream is closed.
        """
        self._check_open()
        self._session._check_open()
        if timeout_ms is not None and not 1 <= timeout_ms <= _LONGEST:
            raise InvalidArgumentError(f"timeout_ms is {timeout_ms}; it must be 1 to {_LONGEST}, or None for no limit")
        self._timeline.synchronize(timeout_ms)
        if self._raised:
            raise self._raised.pop(0)

    def record_event(self, event: Event | None = None, *, timing: bool = False) -> Event:
        """Mark everything that is in the stream so far (aclrtRecordEvent).

        Args:
            event: The event to record; None makes a new one.
            timing: Whether a new one takes the time.

        Returns:
            The event: for `wait_event` of another stream, or to wait for in the host.
        """
        self._check_open()
        return (event or Event(self._session, timing=timing)).record(self)

    def wait_event(self, event: Event) -> None:
        """Let later work of the stream wait for the newest record of `event` (aclrtStreamWaitEvent).

        The host does not wait. An event that was never recorded is not waited for.
        """
        self._check_open()
        event._check_open()
        self._session.call("aclrtStreamWaitEvent", self.handle, event.handle)

    def launch_host_function(self, function: Callable[[], object]) -> None:
        """Queue a Python function (aclrtLaunchHostFunc); it runs in a thread of ACL's and holds the stream meanwhile.

        What it raises comes out of the stream's next `synchronize()`. It must not call what waits for the stream.

        Raises:
            UnsupportedFunctionError: The device has no host functions (IPV350).
        """
        self._check_open()
        with self._timeline.lock:
            launch(self, function, self._raised)
            self._timeline.ticket()

    @property
    def done(self) -> bool:
        """Whether all work in the stream is complete, without waiting (aclrtStreamQuery).

        It says nothing of whether the work succeeded: `synchronize()` does.
        """
        self._check_open()
        status = ffi.new("aclrtStreamStatus *")
        self._session.call("aclrtStreamQuery", self.handle, status)
        return int(status[0]) == int(lib.ACL_STREAM_STATUS_COMPLETE)

    def __repr__(self) -> str:
        return f"<Stream{' (closed)' if self.closed else ''}>"


def _release(timeline: Timeline, timelines: dict[Timeline, None]) -> Release:
    def release() -> None:
        try:
            with inside(timeline.backend, timeline.context):
                call(timeline.backend, "aclrtDestroyStream", timeline.handle)
        finally:
            timeline.destroyed = True
            timelines.pop(timeline, None)

    return release


def _create_v2(session: "Session", out: Any) -> None:
    config = session.create("aclrtCreateStreamConfigHandle")
    try:
        session.call("aclrtCreateStreamV2", out, config)
    finally:
        session.call("aclrtDestroyStreamConfigHandle", config)

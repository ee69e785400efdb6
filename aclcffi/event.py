"""Events: markers in streams that the host and other streams wait for."""

from functools import partial
from typing import TYPE_CHECKING

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.errors import InvalidArgumentError
from aclcffi.resource import Resource

if TYPE_CHECKING:
    from aclcffi.session import Session
    from aclcffi.stream import Stream

_LONGEST = (1 << 31) - 1


class Event(Resource):
    """An event of the new kind (aclrtCreateEventExWithFlag), which streams and the host can wait for.

    Args:
        timing: Also take the time of each record (ACL_EVENT_TIME_LINE), for `elapsed_ms`.

    Raises:
        UnsupportedFunctionError: The device has no events (IPV350).
        ResourceError: The device has no event left (207007).
    """

    def __init__(self, session: "Session", *, timing: bool = False) -> None:
        self._session = session
        self.timing = timing
        out = ffi.new("aclrtEvent *")
        flags = lib.ACL_EVENT_SYNC | (lib.ACL_EVENT_TIME_LINE if timing else 0)
        session.call("aclrtCreateEventExWithFlag", out, flags)
        self.handle = out[0]
        super().__init__(session._owner, partial(call, session.backend, "aclrtDestroyEvent", self.handle))

    def record(self, stream: "Stream") -> "Event":
        """Mark everything that is in `stream` so far (aclrtRecordEvent); a later record replaces the earlier one.

        Returns the event itself.
        """
        self._check_open()
        stream._check_open()
        self._session.call("aclrtRecordEvent", self.handle, stream.handle)
        return self

    def synchronize(self, timeout_ms: int | None = None) -> None:
        """Wait for the newest record (aclrtSynchronizeEvent, aclrtSynchronizeEventWithTimeout); at once without one.

        Args:
            timeout_ms: Milliseconds, at least 1; None waits as long as it takes.

        Raises:
            AclTimeoutError: The time was over first (507047).
            AclError: The error of a task that failed in the stream of the record.
        """
        self._check_open()
        if timeout_ms is None:
            self._session.call("aclrtSynchronizeEvent", self.handle)
            return
        if not 1 <= timeout_ms <= _LONGEST:
            raise InvalidArgumentError(f"timeout_ms is {timeout_ms}; it must be 1 to {_LONGEST}, or None for no limit")
        self._session.call("aclrtSynchronizeEventWithTimeout", self.handle, timeout_ms)

    @property
    def done(self) -> bool:
        """Whether the newest record is complete, without waiting (aclrtQueryEventStatus); True before the first one."""
        self._check_open()
        status = ffi.new("aclrtEventRecordedStatus *")
        self._session.call("aclrtQueryEventStatus", self.handle, status)
        return int(status[0]) == int(lib.ACL_EVENT_RECORDED_STATUS_COMPLETE)

    def elapsed_ms(self, since: "Event") -> float:
        """Milliseconds of device time from the record of `since` to that of this event (aclrtEventElapsedTime).

        Raises:
            AclError: One of them was made without `timing`, was never recorded, or is not complete.
        """
        self._check_open()
        since._check_open()
        out = ffi.new("float *")
        self._session.call("aclrtEventElapsedTime", out, since.handle, self.handle)
        return float(out[0])

    def __repr__(self) -> str:
        return f"<Event{', timing' if self.timing else ''}{' (closed)' if self.closed else ''}>"

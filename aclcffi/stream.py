"""Streams: queues of work that runs in order."""

from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.errors import AclError, AclTimeoutError, InvalidArgumentError
from aclcffi.resource import Resource

if TYPE_CHECKING:
    from aclcffi.session import Session


class Stream(Resource):
    """A stream of the current context (aclrtCreateStream; on IPV350 aclrtCreateStreamV2).

    Closing it waits for what is queued.
    """

    def __init__(self, session: "Session") -> None:
        self._session = session
        out = ffi.new("aclrtStream *")
        if session.backend.supports("aclrtCreateStream"):
            session.call("aclrtCreateStream", out)
        else:
            _create_v2(session, out)
        self.handle = out[0]
        self._submitted = 0
        self._synchronized = 0
        self._failures: list[tuple[int, int, AclError]] = []
        session._streams.add(self)
        handle, call = self.handle, session.call
        super().__init__(session._owner, lambda: call("aclrtDestroyStream", handle))

    def synchronize(self, timeout_ms: int | None = None) -> None:
        """Wait for everything in the stream (aclrtSynchronizeStream, aclrtSynchronizeStreamWithTimeout).

        Args:
            timeout_ms: Milliseconds, at least 1; None waits as long as it takes.

        Raises:
            AclTimeoutError: The time was over first (507046); the work goes on.
            AclError: The error of a task that failed in the stream; the stream can be used again.
            InvalidArgumentError: timeout_ms is less than 1.
        """
        self._check_open()
        reached = self._submitted
        if timeout_ms is not None and timeout_ms < 1:
            raise InvalidArgumentError(f"timeout_ms is {timeout_ms}; it must be at least 1, or None for no limit")
        try:
            if timeout_ms is None:
                self._session.call("aclrtSynchronizeStream", self.handle)
            else:
                self._session.call("aclrtSynchronizeStreamWithTimeout", self.handle, timeout_ms)
        except AclTimeoutError:
            raise
        except AclError as error:
            self._failed(error)
            raise
        self._synchronized = max(self._synchronized, reached)

    @property
    def done(self) -> bool:
        """Whether all work in the stream is complete, without waiting (aclrtStreamQuery).

        It says nothing of whether the work succeeded: `synchronize()` does.
        """
        self._check_open()
        status = ffi.new("aclrtStreamStatus *")
        self._session.call("aclrtStreamQuery", self.handle, status)
        return int(status[0]) == int(lib.ACL_STREAM_STATUS_COMPLETE)

    def _next_ticket(self) -> int:
        """Count a piece of work that is about to be queued; it is over when `_reached` says so."""
        self._submitted += 1
        return self._submitted

    def _failed(self, error: AclError) -> None:
        """Keep an error that the stream delivered: which of its tasks failed is not known, so it stands for all."""
        if self._submitted > self._synchronized:
            self._failures.append((self._synchronized, self._submitted, error))
            self._synchronized = self._submitted

    def _failure(self, ticket: int) -> AclError | None:
        return next((error for first, last, error in self._failures if first < ticket <= last), None)

    def _reached(self, ticket: int) -> bool:
        return self._synchronized >= ticket

    def __repr__(self) -> str:
        return f"<Stream{' (closed)' if self.closed else ''}>"


def _create_v2(session: "Session", out: Any) -> None:
    config = session.backend.aclrtCreateStreamConfigHandle()
    try:
        session.call("aclrtCreateStreamV2", out, config)
    finally:
        session.call("aclrtDestroyStreamConfigHandle", config)

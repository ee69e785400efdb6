"""Notifies: binary semaphores between streams."""

from functools import partial
from typing import TYPE_CHECKING

from _aclcffi import ffi

from aclcffi.calls import call
from aclcffi.errors import InvalidArgumentError
from aclcffi.resource import Resource

if TYPE_CHECKING:
    from aclcffi.session import Session
    from aclcffi.stream import Stream

_LONGEST = (1 << 32) - 2  # the largest number means the default


class Notify(Resource):
    """A notify (aclrtCreateNotify): streams set it and wait for it, and each wait consumes one setting.

    A wait may be queued before the setting that ends it.

    Raises:
        UnsupportedFunctionError: The device has no notifies (IPV350).
        ResourceError: The device has no notify left (207009).
    """

    def __init__(self, session: "Session") -> None:
        self._session = session
        out = ffi.new("aclrtNotify *")
        session.call("aclrtCreateNotify", out, 0)
        self.handle = out[0]
        super().__init__(session._owner, partial(call, session.backend, "aclrtDestroyNotify", self.handle))

    def record(self, stream: "Stream") -> None:
        """Let `stream` set it when everything before is done (aclrtRecordNotify); set twice counts once."""
        self._check_open()
        stream._check_open()
        self._session.call("aclrtRecordNotify", self.handle, stream.handle)

    def wait(self, stream: "Stream", timeout_s: int = 0) -> None:
        """Let `stream` wait until it is set, and clear it then (aclrtWaitAndResetNotify). The host does not wait.

        Args:
            stream: The stream whose later work waits.
            timeout_s: Seconds after which the wait fails, at the next synchronise; 0: never.
        """
        self._check_open()
        stream._check_open()
        if not 0 <= timeout_s <= _LONGEST:
            raise InvalidArgumentError(f"timeout_s is {timeout_s}; it must be 0 (never) to {_LONGEST}")
        self._session.call("aclrtWaitAndResetNotify", self.handle, stream.handle, timeout_s)

    def __repr__(self) -> str:
        return f"<Notify{' (closed)' if self.closed else ''}>"

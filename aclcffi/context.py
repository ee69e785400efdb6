"""Contexts: what a thread works in."""

from typing import TYPE_CHECKING, Any

from _aclcffi import ffi

from aclcffi.resource import Resource

if TYPE_CHECKING:
    from aclcffi.session import Session


class Context(Resource):
    """An explicit context of a device (aclrtCreateContext), current in the thread that makes it.

    Closing it destroys its streams with it.
    """

    def __init__(self, session: "Session", device: int) -> None:
        out = ffi.new("aclrtContext *")
        session.call("aclrtCreateContext", out, device)
        handle, call = out[0], session.call
        self._adopt(session, handle, lambda: call("aclrtDestroyContext", handle))

    def _adopt(self, session: "Session", handle: Any, release: Any) -> None:
        self._session = session
        self.handle = handle
        super().__init__(session._owner, release)

    @classmethod
    def of_device(cls, session: "Session") -> "Context":
        """The context that aclrtSetDevice made current; one of its own where that makes none (IPV350)."""
        out = ffi.new("aclrtContext *")
        if session.backend.aclrtGetCurrentContext(out):
            session.backend.aclGetRecentErrMsg()
            return cls(session, session.device.number)
        context = cls.__new__(cls)
        context._adopt(session, out[0], _keep)
        return context

    def make_current(self) -> None:
        """Make it the calling thread's current context (aclrtSetCurrentContext)."""
        self._check_open()
        self._session.call("aclrtSetCurrentContext", self.handle)

    def __repr__(self) -> str:
        return f"<Context{' (closed)' if self.closed else ''}>"


def _keep() -> None:
    """A primary context goes with aclrtResetDevice."""

"""Contexts: what a thread works in."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi

from aclcffi.calls import call
from aclcffi.errors import recent_message
from aclcffi.resource import Owner, Release, Resource, run_all

if TYPE_CHECKING:
    from aclcffi.backend import Backend
    from aclcffi.session import Session


class Context(Resource):
    """An explicit context of a device (aclrtCreateContext), current in the thread that makes it.

    Closing it closes its streams and the models that were loaded in it. Where it was current, the session's own context
    is current then.
    """

    def __init__(self, session: "Session", device: int) -> None:
        out = ffi.new("aclrtContext *")
        session.call("aclrtCreateContext", out, device)
        self._adopt(session, out[0], explicit=True)

    def _adopt(self, session: "Session", handle: Any, *, explicit: bool, report: bool = True) -> None:
        self._session = session
        self.handle = handle
        back = None if session._context is None else session._context.handle
        release = _release(session.backend, session._owner, handle, back=back, explicit=explicit)
        super().__init__(session._owner, release, report=report)

    @classmethod
    def of_device(cls, session: "Session") -> "Context":
        """The context that aclrtSetDevice made current; one of its own where that makes none (IPV350)."""
        context = cls.__new__(cls)
        handle = _current(session.backend)
        explicit = handle is None
        if explicit:
            out = ffi.new("aclrtContext *")
            session.call("aclrtCreateContext", out, session.device.number)
            handle = out[0]
        context._adopt(session, handle, explicit=explicit, report=False)
        return context

    def make_current(self) -> None:
        """Make it the calling thread's current context (aclrtSetCurrentContext).

        Raises:
            StateError: It is closed.
        """
        self._check_open()
        self._session.call("aclrtSetCurrentContext", self.handle)

    def __repr__(self) -> str:
        return f"<Context{' (closed)' if self.closed else ''}>"


def _release(backend: "Backend", owner: Owner, handle: Any, *, back: Any, explicit: bool) -> Release:
    """What gives a context back. A primary one (not `explicit`) goes with aclrtResetDevice."""

    def leave() -> None:
        if back is not None and _current(backend) == handle:
            call(backend, "aclrtSetCurrentContext", back)

    def release() -> None:
        steps: list[Release] = [partial(owner.release_group, handle)]
        if explicit:
            steps += [leave, partial(call, backend, "aclrtDestroyContext", handle)]
        run_all(steps)

    return release


def current_context(backend: "Backend") -> Any:
    """The handle of the calling thread's current context.

    Raises:
        StateError: It has none (107002).
    """
    out = ffi.new("aclrtContext *")
    call(backend, "aclrtGetCurrentContext", out)
    return out[0]


def _current(backend: "Backend") -> Any:
    """As `current_context`, None where there is none."""
    out = ffi.new("aclrtContext *")
    if backend.aclrtGetCurrentContext(out):
        recent_message(backend)
        return None
    return out[0]


@contextmanager
def inside(backend: "Backend", handle: Any) -> Iterator[None]:
    """Make a context current in the calling thread for a while; objects are given back in the context they are of.

    A context that is gone is passed over: what is called then says it better. A thread that had none keeps it.
    """
    before = _current(backend)
    if before == handle:
        yield
        return
    if backend.aclrtSetCurrentContext(handle):
        recent_message(backend)
    try:
        yield
    finally:
        if before is not None:
            call(backend, "aclrtSetCurrentContext", before)

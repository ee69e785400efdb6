"""A session: ACL initialised, one device set, and everything that is made from here on."""

import os
import weakref
from typing import TYPE_CHECKING, Any

from aclcffi.backend import Backend, open_backend
from aclcffi.context import Context
from aclcffi.device import Device
from aclcffi.errors import StateError, failure
from aclcffi.memory import DeviceBuffer
from aclcffi.model import Model
from aclcffi.resource import Owner
from aclcffi.stream import Stream

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from typing_extensions import Self

_REPEATED = 100002  # ACL_ERROR_REPEAT_INITIALIZE: harmless, somebody else initialised and will finalise


class Session:
    """The way in: initialises ACL (aclInit), sets a device (aclrtSetDevice), and undoes both in the right order.

    A session belongs to the thread that opened it, as ACL's current context does; another thread first calls
    `session.context.make_current()`.

    Args:
        backend: A name for `open_backend()` (None: its default), or a backend that is open already and stays open.
        device: Number of the device.
        config: Path of an ACL configuration file (JSON).
        **options: For `open_backend()`.

    Raises:
        AclError: What a step answers; the steps before it are undone.
    """

    def __init__(
        self,
        backend: Backend | str | None = None,
        *,
        device: int = 0,
        config: "str | os.PathLike[str] | None" = None,
        **options: Any,
    ) -> None:
        if isinstance(backend, Backend):
            if options:
                raise TypeError(
                    f"{', '.join(options)}: options go with the name of a backend, this one is open already"
                )
            self.backend = backend
        else:
            self.backend = open_backend(backend, **options)
        self._owner = Owner()
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._closed = False
        try:
            if not isinstance(backend, Backend):
                self._owner.adopt(self.backend.close)
            self._initialise(config)
            self.device = Device(self, device)
            self.context = Context.of_device(self)
        except BaseException:
            self.close()
            raise

    def _initialise(self, config: "str | os.PathLike[str] | None") -> None:
        path = self.backend.ffi.NULL if config is None else os.fsencode(config)
        code = self.backend.aclInit(path)
        if code == _REPEATED:
            self.backend.aclGetRecentErrMsg()
            return
        if code:
            raise failure(self.backend, "aclInit", code)
        backend = self.backend

        def finalise() -> None:
            if code := backend.aclFinalize():
                raise failure(backend, "aclFinalize", code)

        self._owner.adopt(finalise)

    def call(self, function: str, *arguments: Any) -> None:
        """Call a C function that returns an aclError; an answer other than 0 becomes an exception.

        Raises:
            AclError: The one for the code, with the message of aclGetRecentErrMsg.
            StateError: The session is closed.
        """
        if self._closed:
            raise StateError(f"{function}: the session is closed")
        if code := getattr(self.backend, function)(*arguments):
            raise failure(self.backend, function, code)

    def load(self, model: "str | os.PathLike[str] | bytes") -> Model:
        """Load a model from a file, or from its bytes (aclmdlLoadFromFile, aclmdlLoadFromMem, aclmdlLoadWithConfig).

        Raises:
            AclError: The model cannot be loaded; the message says why.
        """
        return Model(self, model)

    def create_stream(self) -> Stream:
        """Make a stream in the current context (aclrtCreateStream)."""
        return Stream(self)

    def create_context(self) -> Context:
        """Make an explicit context on the session's device; it becomes current (aclrtCreateContext)."""
        return Context(self, self.device.number)

    def allocate(self, size: int) -> DeviceBuffer:
        """Allocate `size` bytes of device memory (aclrtMalloc)."""
        return DeviceBuffer(self, size)

    def to_device(self, array: "np.ndarray[Any, Any]") -> DeviceBuffer:
        """Allocate device memory for an array and copy it there; complete when this returns."""
        buffer = DeviceBuffer(self, max(array.nbytes, 1))
        buffer.copy_from(array)
        return buffer

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._closed

    def close(self) -> None:
        """Close everything that the session made, newest first, then reset the device and finalise ACL.

        A second call does nothing. Work that is still queued is finished first (aclrtDestroyStream waits for it).

        Raises:
            AclError: The first error on the way; everything was tried all the same.
        """
        if not self._closed:
            try:
                self._owner.release_all()
            finally:
                self._closed = True

    def __enter__(self) -> "Self":
        if self._closed:
            raise StateError("this Session is closed")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session on {self.backend.name!r}{', closed' if self._closed else f', device {self.device.number}'}>"

"""A session: ACL initialised, one device set, and everything that is made from here on."""

import contextlib
import os
import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from _aclcffi import lib

from aclcffi.backend import Backend, open_backend
from aclcffi.calls import call, create, encode_path
from aclcffi.context import Context
from aclcffi.description import ModelDescription, describe
from aclcffi.device import Device
from aclcffi.errors import AclError, StateError, failure, recent_message
from aclcffi.event import Event
from aclcffi.load_config import LoadOptions, ModelSize, Source, query_size, source_path
from aclcffi.memory import DeviceBuffer
from aclcffi.model import Model
from aclcffi.notify import Notify
from aclcffi.pinned import PinnedBuffer
from aclcffi.resource import Owner, run_all
from aclcffi.stream import Stream
from aclcffi.timeline import Timeline

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from typing_extensions import Self


class Session:
    """The way in: initialises ACL (aclInit), sets a device (aclrtSetDevice), and undoes both in the right order.

    A session belongs to the thread that opened it, as ACL's current context does; another thread first calls
    `session.context.make_current()`. It can be closed in any thread.

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
        self._timelines: dict[Timeline, None] = {}
        self._context: Context | None = None
        self._closed = False
        self._finalizer = weakref.finalize(self, _report)
        self._finalizer.atexit = False
        try:
            if not isinstance(backend, Backend):
                self._owner.adopt(self.backend.close)
            self._initialise(config)
            self.device = Device(self, device)
            self.context = self._context = Context.of_device(self)
        except BaseException:
            with contextlib.suppress(AclError):  # what went wrong first is what the caller has to know
                self.close()
            raise

    def _initialise(self, config: "str | os.PathLike[str] | None") -> None:
        backend = self.backend
        code = backend.aclInit(backend.ffi.NULL if config is None else encode_path(config))
        if code == lib.ACL_ERROR_REPEAT_INITIALIZE:
            recent_message(backend)  # harmless: somebody else initialised, and will finalise
        elif code:
            raise failure(backend, "aclInit", code)
        else:
            self._owner.adopt(partial(call, backend, "aclFinalize"))

    def _check_open(self) -> None:
        """Begin to use the session: what was dropped without being closed is released now."""
        if self._closed:
            raise StateError("this Session is closed")
        if self._owner.abandoned:
            self._owner.release_abandoned()

    def call(self, function: str, *arguments: Any) -> None:
        """Call a C function that returns an aclError; an answer other than 0 becomes an exception.

        Raises:
            AclError: The one for the code, with the message of aclGetRecentErrMsg.
            StateError: The session is closed.
        """
        if self._closed or self._owner.abandoned:  # the way that is gone most, without a call
            self._check_open()
        if code := getattr(self.backend, function)(*arguments):
            raise failure(self.backend, function, code)

    def create(self, function: str, *arguments: Any) -> Any:
        """Call a C function that makes something and returns a pointer to it.

        Raises:
            OutOfMemoryError: It returned NULL.
            StateError: The session is closed.
        """
        self._check_open()
        return create(self.backend, function, *arguments)

    def load(self, model: Source, options: LoadOptions | None = None) -> Model:
        """Load a model from a file, or from its bytes (aclmdlLoadFromFile, aclmdlLoadFromMem, aclmdlLoadWithConfig).

        Raises:
            UnsupportedError: The library does not know an option; the message names it.
            AclError: The model cannot be loaded; the message says why.
        """
        return Model(self, model, options)

    def describe(self, model: Source) -> ModelDescription:
        """Describe a model without loading it (aclmdlGetDescFromFile, aclmdlGetDescFromMem).

        Raises:
            AclError: The file or the bytes are no model.
        """
        if isinstance(model, bytes):
            return describe(self, "aclmdlGetDescFromMem", model, len(model))
        return describe(self, "aclmdlGetDescFromFile", source_path(model))

    def query_size(self, model: Source) -> ModelSize:
        """How many bytes of work and weight memory a model takes (aclmdlQuerySize, aclmdlQuerySizeFromMem).

        The work memory of a dynamic-shape model is 0: it depends on the shapes that come in.

        Raises:
            UnsupportedFunctionError: The library tells it of files only (IPV350).
            AclError: The file or the bytes are no model.
        """
        return query_size(self, model)

    def create_stream(self) -> Stream:
        """Make a stream in the current context (aclrtCreateStream)."""
        return Stream(self)

    def create_event(self, *, timing: bool = False) -> Event:
        """Make an event (aclrtCreateEventExWithFlag); with `timing` its records take the time."""
        return Event(self, timing=timing)

    def create_notify(self) -> Notify:
        """Make a notify, a binary semaphore between streams (aclrtCreateNotify)."""
        return Notify(self)

    def allocate_pinned(self, size: int) -> PinnedBuffer:
        """Allocate `size` bytes of page-locked host memory (aclrtMallocHost)."""
        return PinnedBuffer(self, size)

    @property
    def device_count(self) -> int:
        """How many devices there are (aclrtGetDeviceCount)."""
        out = self.backend.ffi.new("uint32_t *")
        self.call("aclrtGetDeviceCount", out)
        return int(out[0])

    def open_device(self, number: int) -> Device:
        """Set another device too (aclrtSetDevice): its primary context is current in this thread from now on.

        It is reset when the session closes. `session.context.make_current()` leads back.
        """
        return Device(self, number)

    def create_context(self) -> Context:
        """Make an explicit context on the session's device; it becomes current (aclrtCreateContext)."""
        return Context(self, self.device.number)

    def allocate(self, size: int) -> DeviceBuffer:
        """Allocate `size` bytes of device memory (aclrtMalloc)."""
        return DeviceBuffer(self, size)

    def to_device(self, array: "np.ndarray[Any, Any]") -> DeviceBuffer:
        """Allocate device memory for an array and copy it there; complete when this returns."""
        buffer = DeviceBuffer(self, max(array.nbytes, 1))
        try:
            buffer.copy_from(array)
        except BaseException:
            buffer.close()
            raise
        return buffer

    @property
    def closed(self) -> bool:
        """Whether the session was closed."""
        return self._closed

    def close(self) -> None:
        """Close everything that the session made, newest first, then reset the device and finalise ACL.

        A second call does nothing. Work that is still queued in the session's streams is finished first.

        Raises:
            AclError: The first error on the way, such as that of work that failed and that nobody synchronised for;
                everything was tried all the same.
        """
        if not self._closed:
            self._finalizer.detach()
            try:
                run_all([*(timeline.finish for timeline in self._timelines), self._owner.release_all])
            finally:
                self._closed = True

    def __enter__(self) -> "Self":
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session on {self.backend.name!r}{', closed' if self._closed else f', device {self.device.number}'}>"


def _report() -> None:
    warnings.warn("Session was not closed", ResourceWarning, stacklevel=2)

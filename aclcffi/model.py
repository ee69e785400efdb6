"""Models: loaded once, executed as often as one likes."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.description import ModelDescription, TensorInfo, describe
from aclcffi.errors import InvalidArgumentError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.execution import BufferPool, ExecutionBuffers, checked
from aclcffi.pending import PendingResult
from aclcffi.resource import Resource
from aclcffi.stream import Stream

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.session import Session

Inputs = Mapping[str, "np.ndarray[Any, Any]"]


class Model(Resource):
    """A loaded model (aclmdlLoadFromFile, aclmdlLoadFromMem; on IPV350 aclmdlLoadWithConfig).

    A model with fixed shapes keeps the manner of its first execution: after `execute_async` or a plain call, which are
    asynchronous for ACL, `execute` is refused with 500002, and the other way round (MD7.07). One model may not run on
    two streams at the same time (MD11.01): load it once per stream.
    """

    def __init__(self, session: "Session", source: "str | os.PathLike[str] | bytes") -> None:
        self._session = session
        self._stream: Stream | None = None
        self.id = _load(session, source)
        number, call = self.id, session.call
        super().__init__(session._owner, lambda: call("aclmdlUnload", number))
        try:
            self.description: ModelDescription = describe(session, number)
            self._work = _work(session, source)
            self._pool = BufferPool(session, self.description, self._work)
        except BaseException:
            super().close()
            raise

    @property
    def work_size(self) -> int:
        """Bytes of work memory that an execution takes (aclmdlQuerySize), at least 1; 0 where that is not known.

        Only a model that was loaded from a file can be asked, and only where the caller brings the memory (IPV350).
        """
        return self._work.work_size or 0 if self._work else 0

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The inputs, in the model's order."""
        return self.description.inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The outputs, in the model's order."""
        return self.description.outputs

    def __call__(self, inputs: Inputs) -> "Mapping[str, np.ndarray[Any, Any]]":
        """Execute and wait: asynchronously on a stream of the model's own, which is then synchronised.

        Args:
            inputs: An array for each input by name, of exactly the model's shape and dtype.

        Returns:
            The outputs by name, arrays of the model's shapes and dtypes.

        Raises:
            InvalidArgumentError: An input is missing, unknown, or has another shape or dtype; nothing was queued.
            AclError: The execution failed.
        """
        self._check_open()
        if self._stream is None or self._stream.closed:
            self._stream = Stream(self._session)
        pending = self.execute_async(inputs, self._stream)
        self._stream.synchronize()
        return pending.outputs

    def _config(self, given: ExecConfig | None, buffers: ExecutionBuffers) -> ExecConfig | None:
        """The config of an execution: the given one, else what the product needs."""
        config = given or buffers.config
        if config is None and not self._session.backend.supports("aclmdlExecuteAsync"):
            raise InvalidArgumentError(
                "this device takes work memory from the caller and cannot tell how much a model from memory needs: "
                "load it from its file, or pass an ExecConfig with work_size"
            )
        return config

    def execute_async(self, inputs: Inputs, stream: Stream, *, config: ExecConfig | None = None) -> PendingResult:
        """Queue an execution (aclmdlExecuteAsync; aclmdlExecuteAsyncV2 on IPV350 and with `config`).

        The inputs are copied to the device before this returns, so the arrays may change at once.

        Args:
            inputs: As for a plain call.
            stream: The stream to queue it on.
            config: Options; where there is no aclmdlExecuteAsyncV2 use `execute`.

        Raises:
            InvalidArgumentError: As for a plain call.
            UnsupportedFunctionError: A config was given and the libraries have no aclmdlExecuteAsyncV2.
            AclError: The execution cannot be queued.
        """
        self._check_open()
        stream._check_open()
        arrays = checked(self.inputs, inputs)
        buffers = self._pool.take()
        try:
            buffers.write(arrays)
            config = self._config(config, buffers)
            arguments = (self.id, buffers.inputs.handle, buffers.outputs.handle, stream.handle)
            if config is None:
                self._session.call("aclmdlExecuteAsync", *arguments)
            else:
                self._session.call("aclmdlExecuteAsyncV2", *arguments, config.handle)
        except BaseException:
            self._pool.give_back(buffers)
            raise
        return PendingResult(self, stream, stream._next_ticket(), buffers)

    def execute(
        self, inputs: Inputs, *, stream: Stream | None = None, config: ExecConfig | None = None
    ) -> "Mapping[str, np.ndarray[Any, Any]]":
        """Execute synchronously (aclmdlExecute; aclmdlExecuteV2 with `stream` or `config`).

        Args:
            inputs: As for a plain call.
            stream: Execute on this stream, and wait for all of it.
            config: Options, such as timeouts.

        Raises:
            InvalidArgumentError: As for a plain call.
            AclTimeoutError: A timeout of `config` was over (507046).
            AclError: The execution failed, or the model was first executed asynchronously (500002).
        """
        self._check_open()
        arrays = checked(self.inputs, inputs)
        buffers = self._pool.take()
        own: ExecConfig | None = None
        over = True
        try:
            buffers.write(arrays)
            config = self._config(config, buffers)
            arguments = (self.id, buffers.inputs.handle, buffers.outputs.handle)
            if stream is None and config is None:
                self._session.call("aclmdlExecute", *arguments)
            else:
                if config is None:
                    config = own = ExecConfig(self._session, ExecOptions())
                handle = ffi.NULL if stream is None else stream.handle
                # Until the wait is over the device may still write: a timeout leaves the buffers to the stream.
                over = stream is None
                self._session.call("aclmdlExecuteV2", *arguments, handle, config.handle)
                over = True
            return buffers.read()
        finally:
            if own is not None:
                own.close()
            if over or stream is None:
                self._pool.give_back(buffers)
            else:
                self._pool.park(buffers, stream, stream._next_ticket())

    def close(self) -> None:
        """Unload the model and free its buffers; executions of it must be over (MD11.04)."""
        if not self.closed:
            if self._stream is not None:
                self._stream.close()
            super().close()
            self._pool.close()

    def __repr__(self) -> str:
        return f"<Model {self.id}{' (closed)' if self.closed else f': {self.description}'}>"


def _load(session: "Session", source: "str | os.PathLike[str] | bytes") -> int:
    out = ffi.new("uint32_t *")
    if not session.backend.supports("aclmdlLoadFromFile"):
        _load_with_config(session, source, out)
    elif isinstance(source, bytes):
        session.call("aclmdlLoadFromMem", source, len(source), out)
    else:
        session.call("aclmdlLoadFromFile", os.fsencode(source), out)
    return int(out[0])


def _load_with_config(session: "Session", source: "str | os.PathLike[str] | bytes", out: Any) -> None:
    """Load by a config handle, which IPV350 has as its only way."""
    handle = session.backend.aclmdlCreateConfigHandle()
    # What the handle points to must live until the load is done: IPV350 copies nothing (MD12.07).
    text = ffi.from_buffer("char[]", source if isinstance(source, bytes) else os.fsencode(source) + b"\0")
    pointer = ffi.new("void **", ffi.cast("void *", text))

    def set_option(attribute: int, value: Any) -> None:
        session.call("aclmdlSetConfigOpt", handle, attribute, value, ffi.sizeof(ffi.typeof(value).item))

    try:
        if isinstance(source, bytes):
            set_option(lib.ACL_MDL_LOAD_TYPE_SIZET, ffi.new("size_t *", lib.ACL_MDL_LOAD_FROM_MEM))
            set_option(lib.ACL_MDL_MEM_ADDR_PTR, pointer)
            set_option(lib.ACL_MDL_MEM_SIZET, ffi.new("size_t *", len(source)))
        else:
            set_option(lib.ACL_MDL_LOAD_TYPE_SIZET, ffi.new("size_t *", lib.ACL_MDL_LOAD_FROM_FILE))
            set_option(lib.ACL_MDL_PATH_PTR, pointer)
        session.call("aclmdlLoadWithConfig", handle, out)
    finally:
        session.call("aclmdlDestroyConfigHandle", handle)


def _work(session: "Session", source: "str | os.PathLike[str] | bytes") -> ExecOptions | None:
    """What each execution must bring: work memory on IPV350, which has no aclmdlExecuteAsync; else nothing."""
    if session.backend.supports("aclmdlExecuteAsync"):
        return None
    if isinstance(source, bytes):
        return None  # IPV350 has no aclmdlQuerySizeFromMem: the caller has to say
    work, weight = ffi.new("size_t *"), ffi.new("size_t *")
    session.call("aclmdlQuerySize", os.fsencode(source), work, weight)
    return ExecOptions(work_size=max(int(work[0]), 1))

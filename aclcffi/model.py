"""Models: loaded once, executed as often as one likes."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.backend import Backend
from aclcffi.calls import call
from aclcffi.checks import Arrays, Checks, Request
from aclcffi.context import current_context, inside
from aclcffi.description import ModelDescription, TensorInfo, describe
from aclcffi.errors import AclError, AclTimeoutError, InvalidArgumentError, UnsupportedError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.execution import BufferPool, Buffers, Running, finish
from aclcffi.load_config import LoadOptions, Source, load, query_size
from aclcffi.options import number
from aclcffi.pending import PendingResult
from aclcffi.resource import Owner, Release, Resource, run_all
from aclcffi.stream import Stream
from aclcffi.timeline import execute_and_wait

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.session import Session


class Model(Resource):
    """A loaded model (aclmdlLoadFromFile, aclmdlLoadFromMem; with options and on IPV350 aclmdlLoadWithConfig).

    A model with fixed shapes keeps the manner of its first execution: after `execute_async` or a plain call, which are
    asynchronous for ACL, `execute` is refused with 500002, and the other way round (MD7.07). One model may not run on
    two streams at the same time (MD11.01): load it once per stream. It runs in the context that it was loaded in.
    Threads may share it: calls that name no stream run one after another. It may be closed during such a call, which is
    then waited for; no other thread may be queueing an execution on a stream of its own then.

    Its device memory is taken by the first execution and used again by the next ones; executions that are under way at
    the same time have memory of their own. Closing it waits for the executions that are still queued (MD11.04), unloads
    it and frees its buffers; the buffers that it was loaded with stay the caller's.

    Raises:
        StateError: The calling thread has no current context (107002).
        AclError: The model cannot be loaded.
    """

    def __init__(self, session: "Session", source: Source, options: LoadOptions | None = None) -> None:
        self._session = session
        session._check_open()
        self._context = current_context(session.backend)
        self._options = options  # held: what the caller's buffers are, which the model uses
        holds = _hold(session, options)
        try:
            self.id = load(session, source, options)
        except BaseException:
            run_all(holds)
            raise
        self._lock = threading.Lock()
        # Held by calls that name no stream: one that waits for the model's own stream would take another's error.
        self._calls = threading.RLock()
        self._stream: Stream | None = None
        self._plain: ExecConfig | None = None
        self._keeps_stream = False
        self._parts = Owner()
        running: Running = {}
        then = [self._parts.release_all, *holds]
        release = _release(session.backend, self._context, self.id, then, running, self._calls)
        try:
            self.description: ModelDescription = describe(session, "aclmdlGetDesc", self.id)
            self._work = _work(session, source)
        except BaseException:
            release()
            raise
        self._dynamic = self.description.dynamic
        self._lacks_work = self._work is None and not session.backend.supports("aclmdlExecuteAsync")
        self._checks = Checks(self.description)
        self._pool = BufferPool(session, self.description, self._work, self._parts, running)
        super().__init__(session._owner, release, group=self._context)

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

    @property
    def priority(self) -> int:
        """The priority of the model's streams, 0 is the highest (aclmdlGetAttribute, aclmdlSetAttribute; MD5.25 on).

        Raises:
            UnsupportedError: The model has a dynamic shape, or the library has no attributes (IPV350).
            InvalidArgumentError: The device has no such priority.
        """
        value = ffi.new("aclmdlAttrValue_t *")
        self._attribute("aclmdlGetAttribute", value)
        return int(value.mdlPriority)

    @priority.setter
    def priority(self, priority: int) -> None:
        value = ffi.new("aclmdlAttrValue_t *")
        value.mdlPriority = number("priority", "uint32_t", priority)[0]
        self._attribute("aclmdlSetAttribute", value)

    def _attribute(self, function: str, value: Any) -> None:
        self._check_open()
        if self._dynamic:
            raise UnsupportedError("a dynamic-shape model has no priority of its own; its streams have")
        self._session.call(function, self.id, lib.ACL_MDL_ATTR_PRIORITY_INT32, value)

    def __call__(self, inputs: Arrays, *, out: Arrays | None = None) -> "Mapping[str, np.ndarray[Any, Any]]":
        """Execute and wait: asynchronously on a stream of the model's own, which is then synchronised.

        A dynamic-shape model is executed as by `execute`.

        Args:
            inputs: An array for each input by name, of exactly the model's dtype and shape; a dim that is -1 in the
                model takes any size, with gears one of theirs.
            out: Arrays for outputs by name, for some or all of them: C-contiguous and writable, of exactly the output's
                dtype and shape. The outputs are copied into them, and they are what is returned.

        Returns:
            The outputs by name, arrays of the model's shapes and dtypes.

        Raises:
            InvalidArgumentError: An input is missing, unknown, or has another shape or dtype, or an array of `out`
                does not fit; nothing was queued.
            AclError: The execution failed.
        """
        self._check_open()
        if self._dynamic:
            return self.execute(inputs, out=out)
        self._check_config(None)
        request = self._checks.request(inputs, out)
        with self._calls:
            self._check_open()  # another thread may have closed it meanwhile
            return self._call(request)

    def _call(self, request: Request) -> "Mapping[str, np.ndarray[Any, Any]]":
        stream = self._stream or self._own_stream()
        timeline = stream._timeline
        buffers, ticket = self._queue(request, stream, None)
        over = False
        try:
            stream.synchronize()
            over = True
            if failure := timeline.failure(ticket):  # told to another thread, which waited for the whole device
                raise failure
            return buffers.read(request.targets)
        finally:
            if over:
                self._pool.give_back(buffers)
            else:
                self._pool.park(buffers, timeline, ticket, None)

    def execute_async(
        self,
        inputs: Arrays,
        stream: Stream,
        *,
        config: ExecConfig | None = None,
        out: Arrays | None = None,
        output_bytes: Mapping[str, int] | None = None,
    ) -> PendingResult:
        """Queue an execution (aclmdlExecuteAsync; aclmdlExecuteAsyncV2 on IPV350 and with `config`).

        The inputs are copied to the device before this returns, so the arrays may change at once.

        Args:
            inputs: As for a plain call.
            stream: The stream to queue it on.
            config: Options; where there is no aclmdlExecuteAsyncV2 use `execute`. It must stay open until the execution
                is over.
            out: As for a plain call. They are filled when the result's `outputs` are first looked at.
            output_bytes: For a dynamic-shape model: how many bytes each output takes at most, by name. Needed where the
                description does not bound an output.

        Raises:
            InvalidArgumentError: As for a plain call; or nothing bounds an output.
            UnsupportedFunctionError: A config was given and the libraries have no aclmdlExecuteAsyncV2.
            AclError: The execution cannot be queued.
        """
        self._check_open()
        _check_stream(stream)
        self._check_config(config)
        request = self._checks.request(inputs, out, output_bytes)
        buffers, ticket = self._queue(request, stream, config)
        return PendingResult(self, stream, ticket, buffers, request.targets, config)

    def _queue(self, request: Request, stream: Stream, config: ExecConfig | None) -> tuple[Buffers, int]:
        """Queue an execution; returns its buffers and its ticket in the stream's timeline."""
        buffers = self._pool.take()
        timeline = stream._timeline
        tried = False
        try:
            buffers.write(request, self.id)
            used = config or buffers.config
            arguments = (self.id, buffers.inputs.handle, buffers.outputs.handle, stream.handle)
            with timeline.lock:
                tried = True
                if used is None:
                    self._session.call("aclmdlExecuteAsync", *arguments)
                else:
                    self._session.call("aclmdlExecuteAsyncV2", *arguments, used.handle)
                ticket = timeline.ticket()
        except BaseException as error:
            # After an interrupt nobody knows whether it was queued; these buffers then wait for the model to go.
            if not tried or isinstance(error, AclError):
                self._pool.give_back(buffers)
            raise
        self._pool.queued(timeline, ticket)
        return buffers, ticket

    def execute(
        self,
        inputs: Arrays,
        *,
        stream: Stream | None = None,
        config: ExecConfig | None = None,
        out: Arrays | None = None,
    ) -> "Mapping[str, np.ndarray[Any, Any]]":
        """Execute synchronously (aclmdlExecuteV2; aclmdlExecute in libraries that lack it).

        What was queued on `stream` before is waited for too, and its results can be read then.

        Args:
            inputs: As for a plain call.
            stream: Execute on this stream, and wait for all of it; a dynamic-shape model runs after it, as ACL gives
                those a stream of their own (MD7.15).
            config: Options, such as timeouts.
            out: As for a plain call.

        Raises:
            InvalidArgumentError: As for a plain call; or an output of a dynamic-shape model came out with another shape
                than the array for it.
            AclTimeoutError: A timeout of `config` was over (507046).
            AclError: The execution failed, or work that was queued on `stream` before, or the model was first executed
                asynchronously (500002).
        """
        self._check_open()
        if stream is not None:
            _check_stream(stream)
        self._check_config(config)
        request = self._checks.request(inputs, out, waits=True)
        if self._dynamic and stream is not None:
            limit = config.options.stream_sync_timeout if config is not None else None
            if limit == 0:
                code = lib.ACL_ERROR_RT_PARAM_INVALID  # what the execution on a stream answers, of other models
                raise InvalidArgumentError("stream_sync_timeout is 0; a stream is waited for at least 1 ms", code=code)
            stream.synchronize(timeout_ms=limit if limit is not None and limit >= 0 else None)
            stream = None
        with self._calls if stream is None else nullcontext():
            self._check_open()  # another thread may have closed it meanwhile
            return self._execute(request, stream, config)

    def _execute(
        self, request: Request, stream: Stream | None, config: ExecConfig | None
    ) -> "Mapping[str, np.ndarray[Any, Any]]":
        if stream is None and (self._keeps_stream or not self._session.backend.supports("aclmdlExecute")):
            # IPV350 executes on streams only. On the main library a model that was executed on a stream remembers it:
            # without one it would be queued there again, and not waited for (contract_mdl section 7.2).
            stream = self._own_stream()
        buffers = self._pool.take()
        over = True
        try:
            buffers.write(request, self.id)
            arguments = (self.id, buffers.inputs.handle, buffers.outputs.handle)
            used = config or buffers.config
            if used is None and (stream is not None or self._session.backend.supports("aclmdlExecuteV2")):
                # Not aclmdlExecute: it would wait no longer than the thread's last config with a timeout said.
                used = self._plain_config()
            over = False
            if used is None:
                self._session.call("aclmdlExecute", *arguments)
            elif stream is None:
                self._session.call("aclmdlExecuteV2", *arguments, ffi.NULL, used.handle)
            else:
                self._keeps_stream = self._session.backend.supports("aclmdlExecuteV2")
                execute_and_wait(stream._timeline, "aclmdlExecuteV2", *arguments, stream.handle, used.handle)
            over = True
            return buffers.read(request.targets)
        except AclError as error:
            # A run on a stream that timed out goes on; one without a stream was aborted.
            over = over or stream is None or not isinstance(error, AclTimeoutError)
            raise
        finally:
            if over:
                self._pool.give_back(buffers)
            elif stream is not None:
                self._park(buffers, stream, config)

    def _park(self, buffers: Buffers, stream: Stream, config: ExecConfig | None) -> None:
        timeline = stream._timeline
        with timeline.lock:
            ticket = timeline.ticket()
        self._pool.queued(timeline, ticket)
        self._pool.park(buffers, timeline, ticket, config)

    def _own_stream(self) -> Stream:
        """The stream for calls that name none, of the context that the model was loaded in."""
        with self._lock:
            if self._stream is None:
                current_context(self._session.backend)  # a thread that has none is not given one here
                with inside(self._session.backend, self._context):
                    self._stream = Stream(self._session, part_of=self._parts)
            return self._stream

    def _plain_config(self) -> ExecConfig:
        """The config for calls that name none: no option set, so no limit of time."""
        with self._lock:
            if self._plain is None:
                self._plain = ExecConfig(self._session, ExecOptions(), part_of=self._parts)
            return self._plain

    def _check_config(self, given: ExecConfig | None) -> None:
        """Check that an execution gets the work memory that it must bring on this product."""
        if given is not None:
            if not isinstance(given, ExecConfig):
                raise InvalidArgumentError(f"config is of type {type(given).__name__}; it takes an ExecConfig")
            given._check_open()
        elif self._lacks_work:
            raise InvalidArgumentError(
                "this device takes work memory from the caller and cannot tell how much a model from memory needs: "
                "load it from its file, or pass an ExecConfig with work_size"
            )

    def __repr__(self) -> str:
        return f"<Model {self.id}{' (closed)' if self.closed else f': {self.description.signature}'}>"

    def __str__(self) -> str:
        return str(self.description)

    def _repr_html_(self) -> str:
        return self.description._repr_html_()


def _check_stream(stream: Stream) -> None:
    if not isinstance(stream, Stream):
        raise InvalidArgumentError(f"stream is of type {type(stream).__name__}; it takes a Stream")
    stream._check_open()


def _hold(session: "Session", options: LoadOptions | None) -> list[Release]:
    """Keep the caller's buffers while the model is loaded; returns what lets them go."""
    if options is None:
        return []
    if not isinstance(options, LoadOptions):
        raise InvalidArgumentError(f"options is of type {type(options).__name__}; loading takes LoadOptions")
    options.check(session)
    holds: list[Release] = []
    try:
        for _, buffer in options.buffers():
            holds.append(buffer._hold())
    except BaseException:
        run_all(holds)
        raise
    return holds


def _release(
    backend: Backend,
    context: Any,
    number: int,
    then: Sequence[Release],
    running: Running,
    calls: AbstractContextManager[object],
) -> Release:
    def release() -> None:
        with calls, inside(backend, context):
            run_all([partial(finish, running), partial(call, backend, "aclmdlUnload", number), *then])

    return release


def _work(session: "Session", source: Source) -> ExecOptions | None:
    """What each execution must bring: work memory on IPV350, which has no aclmdlExecuteAsync; else nothing."""
    if session.backend.supports("aclmdlExecuteAsync"):
        return None
    if isinstance(source, bytes):
        return None  # IPV350 has no aclmdlQuerySizeFromMem: the caller has to say
    return ExecOptions(work_size=max(query_size(session, source).work, 1))

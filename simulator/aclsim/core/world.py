"""A world: one simulated machine, with everything that hangs on it."""

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aclsim.core import codes
from aclsim.core.allocators import AllocatorDesc, Functions
from aclsim.core.buffers import DataBuffer, Dataset
from aclsim.core.callback import Reporter
from aclsim.core.clock import Clock
from aclsim.core.configs import ExecConfig, LoadConfig, StreamConfig
from aclsim.core.context import Context
from aclsim.core.description import Desc
from aclsim.core.device import Device
from aclsim.core.event import Event
from aclsim.core.failures import ExceptionCallback, ExceptionInfo, Signature, deliver
from aclsim.core.fault import Fault
from aclsim.core.handles import HandleTable, HandleValues, next_world_number, world_of
from aclsim.core.library import Library
from aclsim.core.loaded import LoadedModel
from aclsim.core.memory import Memory, release_pieces
from aclsim.core.notify import Notify
from aclsim.core.scheduler import Scheduler
from aclsim.core.schedules import make_schedule
from aclsim.core.stream import Stream
from aclsim.core.tensor_desc import TensorDesc
from aclsim.core.thread import ThreadState
from aclsim.products import Product

if TYPE_CHECKING:
    from aclsim.models.registered import Registered

StateCallback = Callable[[Hashable, int], None]
"""Told of a device (number) or a stream (handle), and of what happens to it (aclrtDeviceState, aclrtStreamState)."""

STREAM_MADE, STREAM_GOES = 1, 2
DEVICE_SET, DEVICE_GOES = 1, 2

Key = Callable[[str, int], Hashable]
"""Makes what users hold from a C type name and a number."""


@dataclass(frozen=True)
class WorldOptions:
    """What a machine is made of, besides its product."""

    devices: int = 1
    schedule: str = "lazy"
    seed: int = 0
    hang_after: float = 10.0
    on_hang: str = "raise"
    check_host: bool = False
    engine: str = "onnxruntime"


def _plain(_type: str, value: int) -> Hashable:
    return value


class World:
    """One simulated machine. Two worlds in one process share nothing but the range that device addresses come from.

    `lock` guards all of it. `closed` is empty while the machine works, else it says why it does not any more.
    """

    def __init__(  # noqa: PLR0915 - the list of what a machine has
        self, product: Product, options: WorldOptions = WorldOptions(), key: Key = _plain
    ) -> None:
        self.product = product
        self.cost = product.cost
        self.options = options
        self.number = next_world_number()
        self.lock = threading.RLock()
        self.closed: list[str] = []
        self.clock = Clock()
        self.scheduler = Scheduler(self.lock, self.clock, make_schedule(options.schedule, options.seed))
        self.scheduler.hang_after = options.hang_after
        self.scheduler.on_hang = options.on_hang
        machine = weakref.proxy(self)  # the scheduler must not keep the world alive
        self.scheduler.failed = lambda task, failure: deliver(machine, task, failure)
        self.memory = Memory(options.devices, product.memory, lambda address: key("void *", address))
        self.memory.check_host = options.check_host
        self.memory.shared = product.run_mode == "device"
        self.thread = ThreadState()
        self.library = Library()
        self.devices = [Device(number, product.max_events, product.max_notifies) for number in range(options.devices)]
        self.next_stream_number = 0
        values = HandleValues(self.number)

        def table(kind: str, c_type: str) -> HandleTable:  # type: ignore[type-arg]
            return HandleTable(kind, values, lambda value: key(c_type, value))

        self.contexts: HandleTable[Context] = table("context", "aclrtContext")
        self.streams: HandleTable[Stream] = table("stream", "aclrtStream")
        self.events: HandleTable[Event] = table("event", "aclrtEvent")
        self.notifies: HandleTable[Notify] = table("notify", "aclrtNotify")
        self.count_notifies: HandleTable[Notify] = table("count notify", "aclrtCntNotify")
        self.op_wait_timeout: int | None = None
        self.stream_configs: HandleTable[StreamConfig] = table("stream config handle", "aclrtStreamConfigHandle *")
        self.buffers: HandleTable[DataBuffer] = table("data buffer", "aclDataBuffer *")
        self.datasets: HandleTable[Dataset] = table("dataset", "aclmdlDataset *")
        self.tensor_descs: HandleTable[TensorDesc] = table("tensor desc", "aclTensorDesc *")
        self.descs: HandleTable[Desc] = table("model description", "aclmdlDesc *")
        self.load_configs: HandleTable[LoadConfig] = table("config handle", "aclmdlConfigHandle *")
        self.exec_configs: HandleTable[ExecConfig] = table("exec config handle", "aclmdlExecConfigHandle *")
        self.exception_infos: HandleTable[ExceptionInfo] = table("exception info", "aclrtExceptionInfo *")
        self.failed_models: dict[tuple[int, int, int], Signature] = {}
        self.exception_callback: ExceptionCallback | None = None
        self.exception_callbacks: dict[Hashable, ExceptionCallback] = {}
        self.allocator_descs: HandleTable[AllocatorDesc] = table("allocator desc", "aclrtAllocatorDesc")
        self.allocators: dict[Hashable, tuple[Hashable, Functions]] = {}
        self.device_callbacks: dict[bytes, StateCallback] = {}
        self.stream_callbacks: dict[bytes, StateCallback] = {}
        self.options_of_process: dict[int, int] = {}
        self.op_execute_timeout_us = product.op_timeout_s * 1_000_000
        self.reporters: dict[int, Reporter] = {}
        self.models: dict[int, LoadedModel] = {}
        self.registered: dict[str, Registered] = {}
        self.next_dynamic_id = 1 << 31  # contract_mdl section 1
        self.next_model_id = 0 if product.ipv350 else 1  # contract_mdl section 1: IPV350's ids start at 0
        self._finalizer = weakref.finalize(self, release_pieces, self.memory.pieces)
        self._finalizer.atexit = False
        _worlds.add(self)

    def close(self, reason: str = "the backend is closed") -> None:
        """End the machine: its calls answer an error from now on, its memory and addresses go back."""
        if not self.closed:
            self.closed.append(reason)
            for context in self.contexts:
                if context.host_thread is not None:
                    context.host_thread.stop()
            self.scheduler.close()
            self._finalizer()

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let other threads use the machine while this one computes. The caller holds the lock, once."""
        self.lock.release()
        try:
            yield
        finally:
            self.lock.acquire()

    # -- contexts and devices ----------------------------------------------------------------------------------------

    def current_context(self) -> Context:
        """The calling thread's current context.

        Raises:
            Fault: 107002 when it has none, or somebody destroyed it.
        """
        context = self.thread.context
        if context is None:
            raise Fault(
                codes.ACL_ERROR_RT_CONTEXT_NULL,
                "the calling thread has no current context; call aclrtSetDevice or aclrtSetCurrentContext in it",
            )
        if not context.alive:
            raise Fault(
                codes.ACL_ERROR_RT_CONTEXT_NULL, f"the calling thread's current context, a {context!r}, was destroyed"
            )
        return context

    def device(self, number: int) -> Device:
        """The device of that number.

        Raises:
            Fault: 107001 when there is none.
        """
        if not 0 <= number < len(self.devices):
            raise Fault(
                codes.ACL_ERROR_RT_INVALID_DEVICEID,
                f"device {number} does not exist; there are {len(self.devices)} (0 to {len(self.devices) - 1})",
            )
        return self.devices[number]

    def create_context(self, device: Device, *, primary: bool) -> Context:
        """Make a context with its default stream."""
        if device.streams >= self.product.max_streams:
            raise self._no_streams(device)
        context = self.contexts.add(Context(device, primary=primary))
        context.default_stream = self.create_stream(context)
        return context

    def destroy_context(self, context: Context) -> None:
        """Finish the work of a context's streams (RT15.04), then tear it down with them."""
        for stream in list(context.streams):
            self.scheduler.drain(stream)
            self.destroy_stream(stream)
        context.default_stream = None
        context.alive = False
        self.contexts.remove(context)
        if self.thread.context is context:
            self.thread.context = None

    # -- streams -----------------------------------------------------------------------------------------------------

    def create_stream(
        self, context: Context, flags: int = 0, priority: int = 0, work: tuple[int, int] = (0, 0)
    ) -> Stream:
        """Make a stream.

        Raises:
            Fault: 207008 when the device has no stream left (RT14.01).
        """
        if context.device.streams >= self.product.max_streams:
            raise self._no_streams(context.device)
        stream = self.streams.add(Stream(context, self.next_stream_number, flags, priority, work))
        self.next_stream_number += 1
        context.device.streams += 1
        context.streams[stream] = None
        self.tell(self.stream_callbacks, stream.handle, STREAM_MADE)
        return stream

    def tell(self, callbacks: dict[bytes, StateCallback], what: Hashable, state: int) -> None:
        """Run state callbacks in the calling thread."""
        for callback in list(callbacks.values()):
            with self.unlocked():
                callback(what, state)

    def _no_streams(self, device: Device) -> Fault:
        return Fault(
            codes.ACL_ERROR_RT_NO_STREAM_RESOURCE,
            f"device {device.number} has its {self.product.max_streams} streams in use, default streams included",
        )

    def abort_stream(self, stream: Stream) -> None:
        """Drop what is queued; the stream can be used again."""
        stream.aborts += 1
        stream.error = None
        self.scheduler.drop(stream)

    def unsubscribe(self, stream: Stream) -> None:
        """Part a stream from the thread that serves its callbacks."""
        reporter, stream.reporter, stream.callbacks = stream.reporter, None, ""
        if reporter is not None:
            del reporter.streams[stream]
            if not reporter.streams:
                del self.reporters[reporter.thread]

    def destroy_stream(self, stream: Stream) -> None:
        """Drop what is queued and forget the stream."""
        if stream.alive:
            self.tell(self.stream_callbacks, stream.handle, STREAM_GOES)
        self.scheduler.drop(stream)
        if stream.alive:
            self.unsubscribe(stream)
            stream.alive = False
            stream.context.device.streams -= 1
            del stream.context.streams[stream]
            self.streams.remove(stream)

    def unload(self, model: LoadedModel) -> None:
        """Forget a model and free its memory; an execution that is still queued fails when it runs (MD5.18)."""
        del self.models[model.number]
        model.loaded = False
        for allocation in model.memory:
            self.memory.free(allocation)
        model.memory = ()

    def unload_all(self) -> None:
        """Forget all models."""
        for model in list(self.models.values()):
            self.unload(model)

    def drain_device(self, device: Device) -> None:
        """Wait for all streams of a device."""
        for stream in self.streams:
            if stream.context.device is device and not stream.special:
                self.scheduler.drain(stream)

    def host_wrote(self, address: int, size: int) -> None:
        """Tell streams that wait for a value in memory that the host wrote there."""
        memory = self.scheduler.memory
        if memory.watched and memory.written(((address, size),), self.clock.now):
            self.scheduler.changed(memory)

    # -- words -------------------------------------------------------------------------------------------------------

    def explain_handle(self, value: int, kind: str) -> str:
        """Say in words why a handle value names no live object of `kind`."""
        owner = world_of(value)
        if owner is None:
            return f"0x{value:x} is no {kind} that this library made"
        if owner != self.number:
            return f"0x{value:x} is a handle of another backend, no {kind} of this one"
        return f"the {kind} 0x{value:x} was destroyed, or is a handle of another kind"


_worlds: "weakref.WeakSet[World]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    """A world is dead in the child: its threads and perhaps the holder of its lock stayed behind."""
    for world in list(_worlds):
        world.closed.append("this backend was opened before a fork and is dead in the child; open a new one here")
        world._finalizer.detach()


os.register_at_fork(after_in_child=_after_fork_in_child)

"""What happens when a task fails (contract_rt section 13), and what exception callbacks learn of it."""

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING

from aclsim.core.fault import _NO_FAILURES, Fault
from aclsim.core.loaded import Execution
from aclsim.core.scheduler import IDLE
from aclsim.core.stream import NOWHERE, Stream
from aclsim.core.task import Task
from aclsim.models.description import Tensor

if TYPE_CHECKING:
    from aclsim.core.world import World


_BITS = 0xFFFFFFFF
_REMEMBERED = 1024  # failed executions


class ExceptionInfo:
    """What an exception callback is told of a failed task; it lives as long as the callback runs."""

    def __init__(self, task: Task, failure: Fault, thread: int) -> None:
        self.device_id, self.stream_id, self.task_id = _ids(task)
        self.thread_id = thread & _BITS
        self.code = failure.code
        self.handle: Hashable = None


def _ids(task: Task) -> tuple[int, int, int]:
    """The numbers of the device, of the stream and, within the stream, of a task that has just failed."""
    stream = task.stream
    # The task counts as ended; the stream inside a synchronous execution has no number.
    return stream.context.device.number, stream.number & _BITS, (stream.ended - 1) & _BITS


Signature = tuple[str, tuple[Tensor, ...], tuple[Tensor, ...]]
"""The name of a model, its inputs and its outputs."""

ExceptionCallback = Callable[[Hashable], None]


def deliver(world: "World", task: Task, failure: Fault) -> None:
    """Keep a failure where the contract delivers it, and tell the exception callbacks. The lock is held.

    In CONTINUE mode it goes to the stream's next synchronise (RT13.01). In STOP mode it sticks to the whole context
    (RT13.02), and the rest of its queues is not run: nothing can wait for it any more, so whatever waits gets the code.
    Answers that are no failures are delivered and nothing else.
    """
    stream = task.stream
    stream.error = failure
    if failure.code in _NO_FAILURES:
        return
    if isinstance(task, Execution):
        _remember(world, task)
    context = stream.context
    if context.stops and context.failure is None:
        context.failure = failure
        for each in context.streams:
            each.open_in = NOWHERE
        for each in [*context.streams, stream]:  # a synchronous execution has a stream that the context does not know
            empty(world, each)
    if world.exception_callbacks or world.exception_callback is not None:
        _tell(world, task, failure)


def _remember(world: "World", task: Execution) -> None:
    """Keep what aclmdlCreateAndGetOpDesc can be asked for."""
    models = world.failed_models
    executable = task.model.executable
    models[_ids(task)] = (executable.name, task.model.described_inputs, executable.outputs)
    if len(models) > _REMEMBERED:
        del models[next(iter(models))]


def empty(world: "World", stream: Stream) -> None:
    """Forget what is queued on a stream. A callback whose turn has come ends, too, though its thread may run it."""
    world.scheduler.drop(stream)
    for task in list(stream.queue):
        if task.detached:
            task.dropped()
            world.scheduler.end(task, world.clock.now)


def _tell(world: "World", task: Task, failure: Fault) -> None:
    import threading

    thread = threading.current_thread()
    idle = getattr(thread, IDLE, False)
    setattr(thread, IDLE, False)  # a worker that runs a callback is somebody to wait for
    info = world.exception_infos.add(ExceptionInfo(task, failure, threading.get_ident()))
    last = [world.exception_callback] if world.exception_callback is not None else []
    callbacks = [*world.exception_callbacks.values(), *last]
    try:
        with world.unlocked():
            for callback in callbacks:
                callback(info.handle)
    finally:
        setattr(thread, IDLE, idle)
        world.exception_infos.remove(info)

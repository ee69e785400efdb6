"""Host functions in streams: callbacks that a subscribed thread runs, and host functions with a thread of their own."""

import queue
import threading
import weakref
from collections.abc import Callable, Iterable

from aclsim.core import codes
from aclsim.core.device import Device
from aclsim.core.fault import Fault
from aclsim.core.stream import Stream
from aclsim.core.task import Task

Function = Callable[[], None]


class Reporter:
    """A host thread that serves the callbacks of streams (aclrtSubscribeReport).

    `due` are callbacks whose turn has come, `queued` those whose turn has not.
    """

    def __init__(self, thread: int, device: Device) -> None:
        self.thread = thread
        self.device = device
        self.streams: dict[Stream, None] = {}
        self.due: dict[Callback, None] = {}
        self.queued: dict[Callback, None] = {}
        self.waiters: list[Stream] = []


class Callback(Task):
    """A callback that does not hold its stream: its turn is over as soon as the thread knows of it."""

    __slots__ = ("function", "reporter")

    name = "callback"
    brief = True

    def __init__(self, stream: Stream, reporter: Reporter, function: Function) -> None:
        super().__init__(stream, 0)
        self.reporter = reporter
        self.function = function
        reporter.queued[self] = None

    def run(self) -> None:
        """Hand it to the thread."""
        self.reporter.queued.pop(self, None)
        self.reporter.due[self] = None

    def dropped(self) -> None:
        """The stream forgets it."""
        self.reporter.queued.pop(self, None)

    def describe(self) -> str:
        """Say who runs it."""
        return f"{self.name} for aclrtProcessReport in thread {self.reporter.thread}"


class BlockingCallback(Callback):
    """A callback that holds its stream until the thread has run it."""

    __slots__ = ()

    name = "blocking callback"
    detached = True

    def dropped(self) -> None:
        """The stream forgets it; also when its turn has come, as long as the thread has not begun with it."""
        super().dropped()
        self.reporter.due.pop(self, None)


class Due:
    """Holds when a thread has a callback to run."""

    def __init__(self, reporter: Reporter) -> None:
        self.source: Reporter = reporter

    def holds(self) -> bool:
        """Whether one is due."""
        return bool(self.source.due)

    def since(self) -> int:
        """When its turn came."""
        return next((callback.begin for callback in self.source.due), 0)

    def bringers(self) -> Iterable[Task]:
        """The callbacks that are queued."""
        return list(self.source.queued)

    def describe(self) -> str:
        """Say what is waited for."""
        return "a callback in one of the streams that this thread is subscribed to"


class HostThread:
    """A thread that runs host functions one after the other (aclrtLaunchHostFunc). It ends with this object.

    Raises:
        Fault: 207001 when the process can start no thread more.
    """

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[tuple[Function, threading.Event] | None] = queue.SimpleQueue()
        try:
            _Worker(self._work, name).start()
        except RuntimeError as error:
            raise Fault(
                codes.ACL_ERROR_RT_MEMORY_ALLOCATION, f"no thread for host functions can be started: {error}"
            ) from None
        self.stop = weakref.finalize(self, self._work.put, None)  # ends the thread when it is through
        self.stop.atexit = False

    def call(self, function: Function) -> None:
        """Run `function` there and wait until it returned."""
        done = threading.Event()
        self._work.put((function, done))
        done.wait()


class _Worker(threading.Thread):
    """The thread itself. It holds nothing of the machine while it has no work."""

    aclsim_idle = True
    """Tells the scheduler that nobody need wait for this thread."""

    def __init__(self, work: "queue.SimpleQueue[tuple[Function, threading.Event] | None]", name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work

    def run(self) -> None:
        """Serve until told to stop."""
        while (entry := self._work.get()) is not None:
            function, done = entry
            self.aclsim_idle = False
            try:
                function()
            finally:
                self.aclsim_idle = True
                done.set()
            del entry, function, done


class HostFunction(Task):
    """A host function: holds its stream until it returned. It has no result and cannot fail the stream (RT9.05)."""

    __slots__ = ("function", "thread")

    name = "host function"

    def __init__(self, stream: Stream, thread: HostThread, function: Function) -> None:
        super().__init__(stream, 0)
        self.thread = thread
        self.function = function

    def run(self) -> None:
        """Run it in its thread."""
        self.thread.call(self.function)

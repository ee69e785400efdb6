"""Tasks and waits that only tests need, and the way from an `Acl` to the world behind it."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from aclsim.backend import SimulatorBackend
from aclsim.core.scheduler import Scheduler
from aclsim.core.stream import Stream
from aclsim.core.task import DONE, Task, Wait
from aclsim.core.world import World

from tests.contract.acl import Acl

PATIENCE = 60.0
"""Seconds after which a test gives up on another thread; no test waits that long when things are right."""


def world_of(acl: Acl) -> World:
    """The world of a simulated machine."""
    assert isinstance(acl.backend, SimulatorBackend)
    return acl.backend._world


def stream_of(acl: Acl, handle: Any) -> Stream:
    """The stream behind a handle."""
    stream = world_of(acl).streams.get(handle)
    assert stream is not None
    return stream


def submit(acl: Acl, task: Task) -> None:
    """Queue a task as a call of ACL does: with the world's lock."""
    world = world_of(acl)
    with world.lock:
        world.scheduler.submit(task)


class Source:
    """What the waits of a test look at; each `Traced` task that belongs to one signals it when it is over."""

    def __init__(self) -> None:
        self.waiters: list[Stream] = []


class Traced(Task):
    """A task that writes its label into a list when it runs."""

    settles = True

    def __init__(
        self,
        stream: Stream,
        label: object,
        trace: list[object],
        *,
        source: Source | None = None,
        wait: Wait | None = None,
        duration: int = 0,
    ) -> None:
        super().__init__(stream, duration)
        self.label = label
        self.trace = trace
        self.source = source or Source()
        self.wait = wait

    def run(self) -> None:
        self.trace.append(self.label)

    def settle(self, scheduler: Scheduler) -> None:
        scheduler.signal(self.source)

    def describe(self) -> str:
        return f"task {self.label}"


class Blocker(Task):
    """A task that runs until a test releases it."""

    name = "blocker"

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream, 0)
        self.started = threading.Event()
        self.released = threading.Event()

    def run(self) -> None:
        self.started.set()
        assert self.released.wait(PATIENCE)


class After:
    """Waits for the end of other tasks, which must signal its source. `asked` is set when somebody looked."""

    def __init__(self, source: Source, *tasks: Task) -> None:
        self.source = source
        self.tasks = list(tasks)
        self.asked = threading.Event()

    def holds(self) -> bool:
        self.asked.set()
        return all(task.state is DONE for task in self.tasks)

    def since(self) -> int:
        return max((task.end for task in self.tasks), default=0)

    def bringers(self) -> Iterable[Task]:
        return [task for task in self.tasks if task in task.stream.queue]

    def describe(self) -> str:
        return "the end of other tasks"


class Never(After):
    """Waits for what nothing brings."""

    def __init__(self) -> None:
        super().__init__(Source())

    def holds(self) -> bool:
        self.asked.set()
        return False

    def describe(self) -> str:
        return "a thing that never comes"


class Waiting(Task):
    """A task with a wait."""

    def __init__(self, acl: Acl, stream: Any, wait: Wait) -> None:
        super().__init__(stream_of(acl, stream), 0)
        self.wait = wait


class Background:
    """A call in a host thread of its own; `result()` waits for it and gives what it returned or raises what it did."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            self._error = error

    @property
    def running(self) -> bool:
        """Whether the call has not returned yet."""
        return self._thread.is_alive()

    def result(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the call did not return"
        if self._error is not None:
            raise self._error
        return self._result

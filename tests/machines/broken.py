"""Backends with a bug each, which the state machines must find. They are opened by their import path."""

from collections.abc import Callable
from typing import Any, ClassVar

from aclsim.backend import SimulatorBackend
from aclsim.core.event import EventWait
from aclsim.core.notify import NotifyWait
from aclsim.core.task import Task


class Broken(SimulatorBackend):
    """A simulator in which the functions of some names are other ones."""

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {}

    def _resolve(self, name: str) -> Callable[..., Any]:
        real = super()._resolve(name)
        if name not in self.replaced:
            return real
        broken = self.replaced[name]
        return lambda *arguments: broken(self, real, *arguments)


class KeepsStreams(Broken):
    """aclrtDestroyStream waits for the stream and forgets to invalidate the handle."""

    @staticmethod
    def destroy(backend: Any, real: Callable[..., int], stream: Any) -> int:
        other = backend.ffi.new("aclrtEvent *")
        code: int = backend.aclrtCreateEvent(other) or backend.aclrtRecordEvent(other[0], stream)
        return code or int(backend.aclrtSynchronizeStream(stream)) if stream else real(stream)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclrtDestroyStream": destroy}


class TakesAnyStream(Broken):
    """aclrtRecordEvent does not mind a stream of another context."""

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {
        "aclrtRecordEvent": lambda _, real, *arguments: 0 if (code := real(*arguments)) == 107003 else code
    }


class LeaksMemory(Broken):
    """aclrtFree of device memory gives nothing back."""

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {
        "aclrtFree": lambda backend, real, pointer: (
            0 if backend._world.memory.by_pointer(pointer) is not None else real(pointer)
        )
    }


class Submits(SimulatorBackend):
    """A simulator that does something else with some tasks than queue them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._queue = self._world.scheduler.submit
        self._world.scheduler.submit = self.submit

    def submit(self, task: Task) -> None:
        raise NotImplementedError


class NoWaits(Submits):
    """Streams do not wait for events, though they say so."""

    def submit(self, task: Task) -> None:
        if not isinstance(task, EventWait):
            self._queue(task)


class KeepsNotifies(Submits):
    """A wait for a notify does not take it."""

    def submit(self, task: Task) -> None:
        if isinstance(task, NotifyWait):
            task.clears = False
        self._queue(task)


class EarlySynchronize(Broken):
    """aclrtSynchronizeStream asks, and returns before the work is done."""

    @staticmethod
    def early(backend: Any, real: Callable[..., int], stream: Any) -> int:
        del real
        return int(backend.aclrtStreamQuery(stream, backend.ffi.new("aclrtStreamStatus *")))

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclrtSynchronizeStream": early}

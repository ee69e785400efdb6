"""Backends with a bug each, which the state machines must find. They are opened by their import path."""

from collections.abc import Callable
from typing import Any

from aclsim.backend import SimulatorBackend

from aclcffi.functions import FUNCTIONS


class Broken(SimulatorBackend):
    """A simulator in which the functions of some names are other ones."""

    replaced: dict[str, Callable[..., Any]]

    def _resolve(self, name: str) -> Callable[..., Any]:
        real = super()._resolve(name)
        if name not in self.replaced:
            return real
        broken = self.replaced[name]
        return lambda *arguments: broken(self, real, *arguments)


class KeepsStreams(Broken):
    """aclrtDestroyStream forgets to invalidate the handle."""

    replaced = {"aclrtDestroyStream": lambda self, real, stream: self.aclrtSynchronizeStream(stream) if stream else 100000}  # noqa: RUF012


class NoContext(Broken):
    """aclrtRecordEvent does not tell streams of another context from those of the current one."""

    replaced = {"aclrtRecordEvent": lambda self, real, *arguments: real(*arguments) % 107003}  # noqa: RUF012


class LeaksMemory(Broken):
    """aclrtFree keeps the memory."""

    replaced = {"aclrtFree": lambda self, real, pointer: 0 if pointer else 100000}  # noqa: RUF012


class NoWaits(Broken):
    """Streams do not wait for events."""

    replaced = {"aclrtStreamWaitEvent": lambda self, real, *arguments: 0}  # noqa: RUF012


class EarlySynchronize(Broken):
    """aclrtSynchronizeStream returns before the work is done."""

    replaced = {"aclrtSynchronizeStream": lambda self, real, *arguments: 0}  # noqa: RUF012


class KeepsNotifies(Broken):
    """A wait for a notify does not take it."""

    @staticmethod
    def _wait(self: Any, real: Any, notify: Any, stream: Any, seconds: int) -> int:
        code: int = real(notify, stream, seconds)
        return code or int(self.aclrtRecordNotify(notify, stream))

    replaced = {"aclrtWaitAndResetNotify": _wait}  # noqa: RUF012


assert all(name in FUNCTIONS for kind in Broken.__subclasses__() for name in kind.replaced)

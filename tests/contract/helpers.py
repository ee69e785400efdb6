"""What the tests of callbacks, failures and refused calls share, beside the machines of conftest."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from aclsim.core.fault import Fault
from aclsim.core.task import Task

from tests.aclsim.machine import PATIENCE, stream_of, submit
from tests.contract.acl import NULL, Acl

Result = TypeVar("Result")


def refuse(acl: Acl, code: int, name: str, *arguments: Any, says: str = "") -> None:
    """Assert that a call answers this code, with a sentence that names function and code and has what it `says`."""
    acl.message()
    assert getattr(acl, name)(*arguments) == code
    message = acl.message()
    assert message.startswith(f"{name}: ")
    assert f"[{code} " in message
    assert says in message


def dead_stream(acl: Acl) -> Any:
    """The handle of a stream that was destroyed."""
    stream = acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    return stream


def foreign_stream(acl: Acl, device: int = 0) -> Any:
    """A stream of another context; the current context is the same afterwards."""
    context = acl.current_context()
    acl.context(device)
    stream = acl.stream()
    acl.ok(acl.aclrtSetCurrentContext(context))
    return stream


class _Failing(Task):
    """A task that fails with a code."""

    name = "task that fails"
    code = 0

    def run(self) -> None:
        """Fail."""
        raise Fault(self.code, "made to fail by a test")


def fail_with(acl: Acl, stream: Any, code: int) -> None:
    """Queue a task that fails with a code when it runs. No call brings most codes about on a simulated machine."""
    task = _Failing(stream_of(acl, stream), 0)
    task.code = code
    submit(acl, task)


class Calls:
    """Makes C functions of Python ones and keeps them alive.

    `trace` is for the functions to write to. What a function raises is kept, for `check()`: cffi only prints it.
    """

    def __init__(self) -> None:
        self.trace: list[Any] = []
        self.errors: list[BaseException] = []
        self._kept: list[Any] = []

    def function(self, c_type: str, call: Callable[..., Any]) -> Any:
        """A C function of a type of the API, "aclrtCallback" for example."""
        return self.keep(Acl.ffi.callback(c_type, call, onerror=self._failed))

    def keep(self, what: Any) -> Any:
        """Keep something alive as long as this."""
        self._kept.append(what)
        return what

    def note(self, c_type: str, label: Any) -> Any:
        """A C function that writes a label to the trace."""
        return self.function(c_type, lambda *_: self.trace.append(label))

    def taken(self) -> list[Any]:
        """What was written to the trace since the last time."""
        written = list(self.trace)
        self.trace.clear()
        return written

    def _failed(self, _kind: Any, error: BaseException, _traceback: Any) -> None:
        self.errors.append(error)

    def check(self) -> None:
        """Raise what the first function that failed raised."""
        if self.errors:
            raise self.errors[0]


@contextmanager
def noted_calls() -> Iterator[Calls]:
    """Calls that are checked at the end."""
    calls = Calls()
    yield calls
    calls.check()


class HostThread:
    """A host thread that does what it is told, one thing after the other; `ident` is pthread_self's."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self._executor = executor
        self.ident = self.call(threading.get_ident)

    def begin(self, function: Callable[[], Result]) -> "Future[Result]":
        """Let it call a function; `result(PATIENCE)` of what is returned waits for the end."""
        return self._executor.submit(function)

    def call(self, function: Callable[[], Result]) -> Result:
        """Let it call a function, and wait."""
        return self.begin(function).result(PATIENCE)


def begin_synchronize(acl: Acl, server: HostThread, stream: Any) -> "Future[int]":
    """Let another thread wait for a stream, in the current context of this one; the result is the code it gets."""
    context = acl.current_context()

    def synchronize() -> int:
        acl.ok(acl.aclrtSetCurrentContext(context))
        return acl.aclrtSynchronizeStream(stream)

    return server.begin(synchronize)


class HeldStream:
    """A stream in the midst of a host function, which ends when `go_on` is set, and a thread that waits for the stream.

    `after` is work behind the function, `waiting` has the code that the thread gets.
    """

    def __init__(self, acl: Acl, calls: Calls, server: HostThread) -> None:
        self.stream = acl.stream()
        self.go_on = threading.Event()
        started = threading.Event()

        def call(_: Any) -> None:
            started.set()
            assert self.go_on.wait(PATIENCE)

        acl.ok(acl.aclrtLaunchHostFunc(self.stream, calls.function("aclrtHostFunc", call), NULL))
        self.after = acl.work(self.stream)
        self.waiting = begin_synchronize(acl, server, self.stream)
        assert started.wait(PATIENCE)

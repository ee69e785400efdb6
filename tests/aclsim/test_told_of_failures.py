"""While an exception callback runs, in whichever thread: who waits goes on waiting, and nothing else begins beside it."""

import threading
from typing import Any

from aclsim import TensorSpec

from tests.aclsim.machine import PATIENCE, Background
from tests.contract.acl import Acl, OpenAcl
from tests.contract.helpers import Calls
from tests.contract.models import Program
from tests.contract.varying import load_path, register

X, Y = TensorSpec("x", (4,)), TensorSpec("y", (4,))
CALLBACK = "aclrtExceptionInfoCallback"
FAILED, INTERRUPTED, LOST = 507011, 507000, 507053


def loaded(acl: Acl, function: Any) -> Program:
    """A function as a loaded model."""
    return Program(acl, b"", load_path(acl, register(acl, function=function, inputs=[X], outputs=[Y])))


def test_a_worker_s_callback_is_waited_for(open_acl: OpenAcl, calls: Calls) -> None:
    """A worker of a parallel world that is in a callback is at work: who waits for what is behind it sees no hang."""
    acl = open_acl(schedule="parallel")
    acl.start()
    seen: list[Any] = []

    def function(x: Any) -> Any:
        seen.append(x)
        if len(seen) == 1:
            raise ValueError
        return x

    def told(_info: Any) -> None:
        threading.Event().wait(0.2)  # longer than who waits takes to look whether others are at work

    acl.ok(acl.aclrtSetExceptionInfoCallback(calls.function(CALLBACK, told)))
    program, stream = loaded(acl, function), acl.stream()
    for _ in range(2):
        acl.ok(program.execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == FAILED
    assert len(seen) == 2


def test_nothing_begins_beside_another_task(acl: Acl, calls: Calls) -> None:
    """A copy fails, and its callback lets another thread begin an execution: the next task of this thread waits for it."""
    running, begun = threading.Lock(), threading.Event()

    def function(x: Any) -> Any:
        assert running.acquire(blocking=False)
        begun.set()
        threading.Event().wait(0.2)
        running.release()
        return x

    acl.start()
    programs, context, others = [loaded(acl, function) for _ in range(2)], acl.current_context(), []

    def elsewhere() -> int:
        acl.ok(acl.aclrtSetCurrentContext(context))
        return programs[1].execute()

    def told(_info: Any) -> None:
        others.append(Background(elsewhere))
        assert begun.wait(PATIENCE)

    acl.ok(acl.aclrtSetExceptionInfoCallback(calls.function(CALLBACK, told)))
    stream = acl.stream()
    acl.failing_work(stream)
    acl.ok(programs[0].execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == LOST
    assert [other.result() for other in others] == [0]


def test_a_worker_goes_on_after_an_interrupt(open_acl: OpenAcl) -> None:
    """What is behind an execution whose function ended the thread is executed all the same."""
    acl = open_acl(schedule="parallel", hang_after=PATIENCE)
    acl.start()
    seen: list[int] = []

    def function(x: Any) -> Any:
        seen.append(len(seen))
        if len(seen) == 1:
            raise SystemExit
        return x

    program, stream = loaded(acl, function), acl.stream()
    for _ in range(2):
        acl.ok(program.execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == INTERRUPTED
    acl.synchronize(stream)
    assert seen == [0, 1]

"""Two models on two streams: in a parallel world they run at the same time, in every other one after the other."""

import threading
from typing import Any

import numpy as np
import pytest
from aclsim import TensorSpec

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import Program
from tests.contract.varying import load_path, register

X, Y = TensorSpec("x", (4,)), TensorSpec("y", (4,))


def two(acl: Acl, function: Any) -> list[tuple[Program, Any]]:
    """The same function as two models, each with a stream."""
    acl.start()
    path = register(acl, function=function, inputs=[X], outputs=[Y])
    return [(Program(acl, b"", load_path(acl, path)), acl.stream()) for _ in range(2)]


def execute_both(acl: Acl, programs: list[tuple[Program, Any]]) -> None:
    """Queue both, then wait for both."""
    for program, stream in programs:
        acl.ok(program.execute_async(stream))
    for _, stream in programs:
        acl.synchronize(stream)


def test_two_at_a_time(open_acl: OpenAcl) -> None:
    """Each waits in its computation until the other has begun: one after the other they would wait for ever."""
    acl, both = open_acl(schedule="parallel"), threading.Barrier(2)

    def function(x: Any) -> Any:
        both.wait(PATIENCE)
        return x + 1

    programs = two(acl, function)
    execute_both(acl, programs)
    assert [program.result() for program, _ in programs] == [[1.0] * 4] * 2


@pytest.mark.parametrize(
    "options",
    [{"schedule": "lazy"}, {"schedule": "eager"}, *({"schedule": "random", "seed": seed} for seed in range(3))],
)
def test_one_at_a_time(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """None begins before the other has ended, whoever waits for what in which thread."""
    acl, running = open_acl(**options), threading.Lock()

    def function(x: Any) -> Any:
        assert running.acquire(blocking=False)
        y = np.cumsum(x)
        running.release()
        return y

    programs = two(acl, function)
    context = acl.current_context()

    def work(index: int) -> None:
        acl.ok(acl.aclrtSetCurrentContext(context))
        program, stream = programs[index]
        for _ in range(20):
            acl.ok(program.execute_async(stream))
            acl.synchronize(stream)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    execute_both(acl, programs)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()

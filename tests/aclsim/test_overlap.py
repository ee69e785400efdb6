"""Two models on two streams: in a parallel world they run at the same time, in every other one after the other."""

import os
import threading
from typing import Any

import numpy as np
import pytest
from aclsim import SimulationHang, TensorSpec

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import Program
from tests.contract.varying import load_path, register

X, Y = TensorSpec("x", (4,)), TensorSpec("y", (4,))
DOUBLE: dict[str, Any] = {"function": lambda x: 2 * x, "inputs": [X], "outputs": [Y]}


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


def test_models_that_execute_models(open_acl: OpenAcl) -> None:
    """However many functions wait for another model at the same time, that one gets a worker."""
    acl = open_acl(schedule="parallel")
    acl.start()
    count = 2 * (os.cpu_count() or 1)
    all_wait = threading.Barrier(count)
    inner = [Program(acl, b"", load_path(acl, path)) for path in [register(acl, "inner", **DOUBLE)] * count]

    def outer(x: Any) -> Any:
        program = inner[int(x[0])]
        all_wait.wait(PATIENCE)
        acl.ok(acl.aclrtSetDevice(0))
        program.feed(x)
        acl.ok(program.execute())
        return np.array(program.result(), np.float32)

    path = register(acl, "outer", function=outer, inputs=[X], outputs=[Y])
    programs = [(Program(acl, b"", load_path(acl, path)), acl.stream()) for _ in range(count)]
    for index, (program, _) in enumerate(programs):
        program.feed([index] * 4)
    execute_both(acl, programs)
    assert [program.result() for program, _ in programs] == [[2.0 * index] * 4 for index in range(count)]


def test_a_model_that_executes_itself(open_acl: OpenAcl, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody can end that: it is reported as a hang, to the thread that waits for the execution as well."""
    acl = open_acl(schedule="parallel", hang_after=0.5)
    acl.start()
    stream = acl.stream()

    def function(x: Any) -> Any:
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(program.execute_async(stream))
        acl.synchronize(stream)
        return x

    program = Program(acl, b"", load_path(acl, register(acl, function=function, inputs=[X], outputs=[Y])))
    acl.ok(program.execute_async(stream))
    with pytest.raises(SimulationHang):
        acl.aclrtSynchronizeStream(stream)
    assert "nothing can end the wait" in capfd.readouterr().err

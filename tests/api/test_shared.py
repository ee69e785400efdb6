"""Models and streams that several threads share."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aclcffi import ModelError, Session, StateError
from tests.api import models, shaped
from tests.api.conftest import BAD, GOOD, Doctored, in_thread
from tests.api.test_shapes import rows


def test_gears_that_threads_choose_at_the_same_time(doctored: Callable[..., Doctored]) -> None:
    """A gear that another thread chooses meanwhile changes the output's shape neither now nor later."""
    machine = shaped.machine(doctored)
    set_size = machine.original("aclmdlSetDynamicBatchSize")
    threads: list[threading.Thread] = []

    def interrupted(*arguments: Any) -> Any:
        code = set_size(*arguments)
        if not threads:
            threads.append(threading.Thread(target=other))
            threads[0].start()
            threads[0].join(0.2)  # it chooses a gear now, or waits until this one is through
        return code

    def other() -> None:
        acl.context.make_current()
        with acl.create_stream() as stream:
            model.execute_async(rows(1), stream)
            stream.synchronize()

    with Session(machine) as acl, acl.load("sim://geared") as model, acl.create_stream() as stream:
        machine.exchanged["aclmdlSetDynamicBatchSize"] = interrupted
        pending = [model.execute_async(rows(4), stream)]
        threads[0].join()
        pending.append(model.execute_async(rows(4), stream))
        stream.synchronize()
        for result in pending:
            assert np.array_equal(result.outputs["y"], 2 * rows(4)["x"])


def interrupted_by(work: Callable[[], object], original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that, the first time that it has failed, lets another thread do `work` before its caller hears of it."""
    threads: list[threading.Thread] = []

    def call(*arguments: Any) -> Any:
        code = original(*arguments)
        if code and not threads:
            threads.append(threading.Thread(target=work))
            threads[0].start()
            threads[0].join()
        return code

    return call


def test_a_failure_that_another_threads_synchronise_was_told(doctored: Callable[..., Doctored]) -> None:
    """A failed result is failed, also when another thread's synchronise comes between the error and who was told it."""
    machine = doctored()

    def other() -> None:
        acl.context.make_current()
        stream.synchronize()

    with Session(machine) as acl, acl.load(models.gather()) as model, acl.create_stream() as stream:
        model.execute_async(GOOD, stream)
        stream.synchronize()
        bad = model.execute_async(BAD, stream)
        name = "aclrtSynchronizeStream"
        machine.exchanged[name] = interrupted_by(other, machine.original(name))
        with pytest.raises(ModelError):
            stream.synchronize()
        with pytest.raises(ModelError):
            _ = bad.outputs


def stolen(acl: Session, function: Callable[..., Any], wait: Callable[[], object]) -> Callable[..., Any]:
    """A function before which another thread is told of the failure by `wait`, the first time."""
    told: list[Exception | None] = []

    def other() -> None:
        acl.context.make_current()
        wait()

    def call(*arguments: Any) -> Any:
        if not told:
            told.append(in_thread(other))
            assert isinstance(told[0], ModelError)
        return function(*arguments)

    return call


def test_a_plain_call_whose_failure_another_thread_was_told(doctored: Callable[..., Doctored]) -> None:
    """A plain call that failed raises, also when a thread that waits for the whole device takes the error first."""
    machine = doctored()
    with Session(machine) as acl, acl.load(models.gather()) as model:
        name = "aclrtSynchronizeStream"
        machine.exchanged[name] = stolen(acl, machine.original(name), acl.device.synchronize)
        with pytest.raises(ModelError):
            model(BAD)
        assert model(GOOD)["picked"].tolist() == [12]


def test_an_execution_whose_failure_another_thread_was_told(doctored: Callable[..., Doctored]) -> None:
    """An execution on a shared stream raises what another thread was told while this one waited."""
    machine = doctored()
    with (
        Session(machine) as acl,
        acl.load(models.gather()) as model,
        acl.load(models.gather()) as other,
        acl.create_stream() as stream,
    ):
        other.execute_async(BAD, stream)
        name = "aclmdlExecuteV2"
        machine.exchanged[name] = stolen(acl, machine.original(name), stream.synchronize)
        with pytest.raises(ModelError):
            model.execute(GOOD, stream=stream)
        assert model.execute(GOOD, stream=stream)["picked"].tolist() == [12]


@pytest.mark.parametrize("plain", [True, False])
def test_calls_of_several_threads_come_one_after_another(doctored: Callable[..., Doctored], plain: bool) -> None:
    """While a call without a stream is under way, another one queues nothing, and `close` waits for it."""
    machine = doctored()
    threads: list[threading.Thread] = []
    order: list[str] = []
    errors: list[Exception | None] = []
    name = "aclrtSynchronizeStream" if plain else "aclmdlExecuteV2"
    original = machine.original(name)

    def call() -> None:
        acl.context.make_current()
        (model if plain else model.execute)(GOOD)

    def close() -> None:
        model.close()
        order.append("closed")

    def wait(*arguments: Any) -> Any:
        if not threads:
            threads.append(threading.Thread(target=close))
            threads.append(threading.Thread(target=lambda: errors.append(in_thread(call))))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(0.1)  # both wait until this one is through
        order.append("waited")
        return original(*arguments)

    with Session(machine) as acl:
        model = acl.load(models.gather())
        machine.exchanged[name] = wait
        assert (model if plain else model.execute)(GOOD)["picked"].tolist() == [12]
        for thread in threads:
            thread.join()
        assert order[0] == "waited"
        assert order[-1] == "closed"
        assert errors[0] is None or isinstance(errors[0], StateError)  # the call came before `close`, or after it

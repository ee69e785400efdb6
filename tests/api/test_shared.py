"""Models and streams that several threads share."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from aclcffi import Session
from tests.api import shaped
from tests.api.conftest import Doctored
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

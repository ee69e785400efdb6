"""Static models, streams and timeouts: for what each execution waits (contract_mdl section 7)."""

import numpy as np
import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import (
    EGE,
    EMODELID,
    SUM,
    UNKNOWN,
    ZEROS,
    Program,
    add,
    adder,
    data_buffers,
    dataset,
    exec_option,
    identity,
    load,
    swap,
    timeout_config,
)
from tests.contract.ways import Way, execute, execute_v2

lib = Acl.lib

SYNC_TIMEOUT = 507046


# -- aclmdlExecute ---------------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.13", "MD7.14")
@pytest.mark.parametrize("way", [execute, execute_v2])
def test_an_execution_without_a_stream_waits_for_itself_only(acl: Acl, way: Way) -> None:
    """The result is there when the call returns, and nothing on the program's streams, the default one included, ran."""
    program, works = adder(acl), [acl.work(), acl.work(acl.stream())]
    assert way(program) == 0
    assert program.result() == SUM
    assert [work.ran() for work in works] == [False, False]


@pytest.mark.row("MD7.13", "MD12.08")
def test_timeouts_stay_in_the_thread(acl: Acl) -> None:
    """A timeout of aclmdlExecuteV2 holds for later calls of aclmdlExecute in the same thread, until the next one."""
    program = adder(acl)
    assert program.execute() == 0
    assert program.execute_v2(NULL, timeout_config(acl, 0)) == 107000  # the runtime's answer to a timeout of 0
    assert program.execute() == 107000

    def elsewhere() -> int:
        acl.ok(acl.aclrtSetDevice(0))
        return program.execute()

    assert acl.in_thread(elsewhere) == 0
    assert program.execute() == 107000
    assert program.execute_v2(NULL, timeout_config(acl)) == 0
    assert program.execute() == 0


def slow_program(acl: Acl) -> Program:
    """A program that takes more than a millisecond of virtual time. Its memory is never touched."""
    count = 60_000_000
    number = load(acl, identity([count]))
    program = adder(acl)
    program.id = number
    memory = [acl.malloc(4 * count) for _ in range(2)]
    program.output_memory, program.output_sizes = [memory[1]], [16]
    return swap(program, data_buffers(acl, memory[:1], 4 * count), data_buffers(acl, memory[1:], 4 * count))


@pytest.mark.row("MD7.13", "MD7.14")
def test_an_execution_without_a_stream_times_out(acl: Acl) -> None:
    """When the time is up the runtime's 507046 comes through, and the run is aborted: it writes nothing any more."""
    program = slow_program(acl)
    assert program.execute_v2(NULL, timeout_config(acl, 1)) == SYNC_TIMEOUT
    assert program.execute() == SYNC_TIMEOUT
    acl.ok(acl.aclrtSynchronizeDevice())
    assert program.result() == ZEROS


# -- aclmdlExecuteV2 on a stream -------------------------------------------------------------------------------------


@pytest.mark.row("MD7.15")
def test_an_execution_on_a_stream_waits_for_the_whole_stream(acl: Acl) -> None:
    """aclmdlExecuteV2 runs behind what is queued there, and when it returns all of that has run, and no other stream."""
    program, stream = adder(acl), acl.stream()
    there, elsewhere = acl.work(stream), acl.work(acl.stream())
    source = acl.malloc(16, np.array([5, 5, 5, 5], np.float32).tobytes())
    acl.copy(program.input_memory[0], source, 16, stream)  # what the execution then reads
    assert program.execute_v2(stream, timeout_config(acl)) == 0
    assert program.result() == [15, 25, 35, 45]
    assert there.ran()
    assert not elsewhere.ran()


@pytest.mark.row("MD7.15", "MD4.26")
def test_an_execution_on_a_stream_times_out(acl: Acl) -> None:
    """With the handle's stream timeout over, for whatever on the stream took so long, it is 507046; the tasks go on."""
    program, before, stream = adder(acl), adder(acl), acl.stream()
    for _ in range(250):
        acl.ok(before.execute_async(stream))
    assert program.execute_v2(stream, timeout_config(acl, 1)) == SYNC_TIMEOUT
    assert program.result() == ZEROS
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.15", "MD12.08")
def test_a_timeout_of_0_on_a_stream(acl: Acl) -> None:
    """The setter takes a timeout of 0; the execution is queued, and the wait answers 107000."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(stream, timeout_config(acl, 0)) == 107000
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.15")
@pytest.mark.parametrize("wrong", ["id", "number of buffers"])
def test_the_wait_happens_even_if_the_launch_failed(acl: Acl, wrong: str) -> None:
    """An execution that is refused still waits for its stream: its code comes back, and what was queued has run."""
    program, stream = adder(acl), acl.stream()
    work = acl.work(stream)
    if wrong == "id":
        program.id = UNKNOWN
    else:
        swap(program, [])
    assert program.execute_v2(stream, timeout_config(acl)) == (EMODELID if wrong == "id" else EGE)
    assert work.ran()


@pytest.mark.row("MD7.15")
def test_the_wait_s_error_replaces_the_launch_s(acl: Acl) -> None:
    """Where the launch is refused and the wait fails, the wait's code is the answer."""
    program, stream = adder(acl), acl.stream()
    program.id = UNKNOWN
    acl.failing_work(stream)
    assert program.execute_v2(stream, timeout_config(acl)) == 507053
    assert program.execute_v2(stream, timeout_config(acl)) == EMODELID
    acl.ok(acl.aclrtDestroyStream(stream))
    assert program.execute_v2(stream, timeout_config(acl)) == 107017


# -- aclmdlExecuteAsync ----------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.16")
def test_an_asynchronous_execution_is_a_task_of_its_stream(acl: Acl) -> None:
    """aclmdlExecuteAsync returns before it ran; synchronising its stream runs it, synchronising another one does not."""
    program, stream, other = adder(acl), acl.stream(), acl.stream()
    assert program.execute_async(stream) == 0
    assert program.result() == ZEROS
    acl.synchronize(other)
    acl.synchronize(NULL)
    assert program.result() == ZEROS
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.16")
def test_an_asynchronous_execution_without_a_stream(acl: Acl) -> None:
    """NULL means the default stream of the current context; without a current context it is 107002."""
    program = adder(acl)
    assert program.execute_async(NULL) == 0
    assert program.result() == ZEROS
    acl.synchronize(acl.default_stream())
    assert program.result() == SUM
    assert acl.in_thread(lambda: program.execute_async(NULL)) == 107002


@pytest.mark.row("MD7.16", "MD2.33")
def test_a_stream_of_another_context(acl: Acl) -> None:
    """A stream that is not of the current context is 107003."""
    program, stream = adder(acl), acl.stream()
    acl.context()
    assert program.execute_async(stream) == 107003


@pytest.mark.row("MD7.16")
def test_asynchronous_executions_run_in_order(acl: Acl) -> None:
    """What one execution writes the next one on the same stream reads."""
    first, second, stream = adder(acl), Program(acl, add()), acl.stream()
    second.feed([0, 0, 0, 0], [1, 1, 1, 1])
    acl.ok(acl.aclUpdateDataBuffer(second.input_buffers[0], first.output_memory[0], 16))
    assert first.execute_async(stream) == 0
    assert second.execute_async(stream) == 0
    acl.synchronize(stream)
    assert second.result() == [12, 23, 34, 45]


# -- timeouts of the handle ------------------------------------------------------------------------------------------


@pytest.mark.row("MD4.27")
def test_the_event_timeout_does_not_limit_the_stream(acl: Acl) -> None:
    """ACL_MDL_EVENT_SYNC_TIMEOUT is another timeout: with it alone the execution waits for all that is queued before it."""
    program, before, stream, handle = adder(acl), adder(acl), acl.stream(), timeout_config(acl)
    exec_option(acl, handle, lib.ACL_MDL_EVENT_SYNC_TIMEOUT, "int32_t", 1)
    for _ in range(250):
        acl.ok(before.execute_async(stream))
    assert program.execute_v2(stream, handle) == 0


# -- the stream that a model remembers (section 7.2) -----------------------------------------------------------------


@pytest.mark.parametrize("way", [execute, execute_v2])
def test_a_model_remembers_the_stream_it_was_executed_on(acl: Acl, way: Way) -> None:
    """After aclmdlExecuteV2 on a stream, an execution without one is queued there, and is not waited for."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(stream, timeout_config(acl)) == 0
    program.feed([1] * 4, [2] * 4)
    assert way(program) == 0
    assert program.result() == SUM
    acl.synchronize(stream)
    assert program.result() == [3, 3, 3, 3]


def test_the_last_stream_counts(acl: Acl) -> None:
    """Executed on another stream, a model remembers that one."""
    program, first, second = adder(acl), acl.stream(), acl.stream()
    for stream in (first, second):
        assert program.execute_v2(stream, timeout_config(acl)) == 0
    program.feed([1] * 4, [2] * 4)
    assert program.execute() == 0
    acl.synchronize(first)
    assert program.result() == SUM
    acl.synchronize(second)
    assert program.result() == [3, 3, 3, 3]


def test_other_executions_are_not_remembered(acl: Acl) -> None:
    """The same file loaded again knows nothing of it, nor does a model whose aclmdlExecuteV2 was refused."""
    program, other, stream = adder(acl), adder(acl), acl.stream()
    assert program.execute_v2(stream, timeout_config(acl)) == 0
    assert acl.aclmdlExecuteV2(other.id, other.inputs, dataset(acl, []), stream, timeout_config(acl)) == EGE
    other.feed([1] * 4, [2] * 4)
    assert other.execute() == 0
    assert other.result() == [3, 3, 3, 3]


def test_a_remembered_stream_that_is_gone(acl: Acl) -> None:
    """When the stream was destroyed, an execution without one is 107017, and the message tells why (a choice)."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(stream, timeout_config(acl)) == 0
    acl.ok(acl.aclrtDestroyStream(stream))
    assert program.execute() == 107017
    assert "remembers it" in acl.message()
    another = acl.stream()
    assert program.execute_v2(another, timeout_config(acl)) == 0

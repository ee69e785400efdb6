"""Executing static models on the main library (contract_mdl section 7): aclmdlExecute, aclmdlExecuteV2, aclmdlExecuteAsync.

What the small library does, and aclmdlExecuteAsyncV2, is in test_execute_ipv350.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    ENOINIT,
    MAIN,
    SUM,
    ZEROS,
    Program,
    add,
    adder,
    data_buffers,
    dataset,
    exec_option,
    gather,
    identity,
    last_message,
    load,
    started,
    timeout_config,
    two_of_each,
)

lib = Acl.lib

SYNC_TIMEOUT = 507046
UNKNOWN = 4711


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """An initialised machine with the main library."""
    return started(open_acl, request.param)


Way: TypeAlias = Callable[[Program], int]
"""One way of executing a program."""


def execute(program: Program) -> int:
    """aclmdlExecute."""
    return program.execute()


def execute_v2(program: Program) -> int:
    """aclmdlExecuteV2 without a stream."""
    return program.execute_v2(NULL, timeout_config(program.acl))


def execute_v2_on_a_stream(program: Program) -> int:
    """aclmdlExecuteV2 on a new stream."""
    return program.execute_v2(program.acl.stream(), timeout_config(program.acl))


def execute_async(program: Program) -> int:
    """aclmdlExecuteAsync on the default stream, without waiting."""
    return program.execute_async()


SYNCHRONOUS = (execute, execute_v2, execute_v2_on_a_stream)
EVERY_WAY = (*SYNCHRONOUS, execute_async)

synchronous = pytest.mark.parametrize("way", SYNCHRONOUS)
every_way = pytest.mark.parametrize("way", EVERY_WAY)


def swap(program: Program, inputs: Any = None, outputs: Any = None) -> Program:
    """Give a program other data buffers."""
    if inputs is not None:
        program.inputs = dataset(program.acl, inputs)
    if outputs is not None:
        program.outputs = dataset(program.acl, outputs)
    return program


# -- order of the checks (section 7.1) -------------------------------------------------------------------------------


@pytest.mark.row("MD7.01", "MD12.02")
def test_a_null_handle_comes_first(acl: Acl) -> None:
    """aclmdlExecuteV2 answers 100000 for a NULL handle, before datasets, aclInit, id and stream, with and without a stream."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(NULL, NULL) == EINVAL
    assert program.execute_v2(stream, NULL) == EINVAL
    acl.ok(acl.aclrtDestroyStream(stream))
    acl.ok(acl.aclFinalize())
    assert acl.aclmdlExecuteV2(UNKNOWN, NULL, NULL, stream, NULL) == EINVAL
    assert "handle is NULL" in last_message(acl)
    assert program.result() == ZEROS


@pytest.mark.row("MD7.02")
def test_null_datasets(acl: Acl) -> None:
    """The input dataset, then the output dataset being NULL is 100000, before aclInit, the id and the stream are looked at."""
    program, handle, stream = adder(acl), timeout_config(acl), acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    acl.ok(acl.aclFinalize())
    calls: list[Callable[[Any, Any], int]] = [
        lambda source, target: acl.aclmdlExecute(UNKNOWN, source, target),
        lambda source, target: acl.aclmdlExecuteV2(UNKNOWN, source, target, NULL, handle),
        lambda source, target: acl.aclmdlExecuteAsync(UNKNOWN, source, target, stream),
    ]
    for call in calls:
        for source, target, sentence in (
            (NULL, NULL, "input is NULL"),
            (NULL, program.outputs, "input is NULL"),
            (program.inputs, NULL, "output is NULL"),
        ):
            assert call(source, target) == EINVAL
            assert sentence in last_message(acl)


@pytest.mark.row("MD7.05", "MD7.06")
@every_way
def test_initialisation_and_id(acl: Acl, way: Way) -> None:
    """A missing aclInit is 145001 and beats an unknown id, which is 145003; so is the id of an unloaded model."""
    program = adder(acl)
    loaded = program.id
    acl.ok(acl.aclFinalize())
    assert way(program) == ENOINIT
    program.id = UNKNOWN
    assert way(program) == ENOINIT
    acl.ok(acl.aclInit(NULL))
    assert way(program) == EMODELID
    assert "never given out" in last_message(acl)
    acl.ok(acl.aclmdlUnload(loaded))
    program.id = loaded
    assert way(program) == EMODELID
    assert "was unloaded" in last_message(acl)


@pytest.mark.row("MD7.06")
@every_way
def test_an_unknown_id_beats_everything_about_the_buffers(acl: Acl, way: Way) -> None:
    """An unknown id is 145003 however wrong the datasets are, and no output is allocated."""
    program = swap(adder(acl), [], data_buffers(acl, [NULL], 0))
    program.id = UNKNOWN
    assert way(program) == EMODELID
    assert acl.aclGetDataBufferAddr(acl.aclmdlGetDatasetBuffer(program.outputs, 0)) == NULL


@pytest.mark.row("MD7.07", "MD12.21")
@pytest.mark.parametrize("first", EVERY_WAY)
@pytest.mark.parametrize("second", EVERY_WAY)
def test_the_first_mode_of_a_model_sticks(acl: Acl, first: Way, second: Way) -> None:
    """A static model that ran synchronously does not run asynchronously, nor the reverse: 500002 as long as it is loaded."""
    program = adder(acl)
    assert first(program) == 0
    acl.ok(acl.aclrtSynchronizeDevice())
    expected = 0 if (first is execute_async) == (second is execute_async) else EGE
    assert second(program) == expected
    assert second(program) == expected
    assert first(program) == 0


@pytest.mark.row("MD7.07")
@pytest.mark.parametrize(("first", "second"), [(execute, execute_async), (execute_async, execute)])
def test_a_call_that_fails_fixes_the_mode_too(acl: Acl, first: Way, second: Way) -> None:
    """The mode is taken by a first call whose number of buffers is refused; it beats that number in the second."""
    program = adder(acl)
    good = program.inputs
    swap(program, [])
    assert first(program) == EGE
    assert "0 buffers" in last_message(acl)
    assert second(program) == EGE
    assert "was first executed" in last_message(acl)
    program.inputs = good
    assert second(program) == EGE
    assert first(program) == 0


@pytest.mark.row("MD7.07")
def test_a_mode_is_of_one_loaded_model(acl: Acl) -> None:
    """The same file loaded again may run in the other mode."""
    one, other = adder(acl), adder(acl)
    assert one.execute() == 0
    assert other.execute_async() == 0
    assert one.execute_async() == EGE


@pytest.mark.row("MD7.08", "MD12.18")
@every_way
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("change", [-1, 1])
def test_the_number_of_buffers(acl: Acl, way: Way, side: str, change: int) -> None:
    """One buffer too few or too many, in either dataset, is 500002."""
    program = Program(acl, two_of_each())
    buffers = program.input_buffers if side == "input" else program.output_buffers
    wrong = buffers[:change] if change < 0 else [*buffers, buffers[0]]
    assert way(swap(program, **{f"{side}s": wrong})) == EGE
    assert f"the {side} dataset has {2 + change} buffers" in last_message(acl)


@pytest.mark.row("MD7.08", "MD7.09")
def test_the_number_of_buffers_beats_a_stream(acl: Acl) -> None:
    """A wrong number of buffers is 500002 even if the stream is a destroyed one, which alone is 107017."""
    program, stream = adder(acl), acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    good = program.inputs
    assert swap(program, []).execute_async(stream) == EGE
    program.inputs = good
    assert program.execute_async(stream) == 107017


@pytest.mark.row("MD7.09")
@every_way
def test_a_null_stream_is_legal(acl: Acl, way: Way) -> None:
    """No stream is fine for every way of executing; the asynchronous one takes the default stream."""
    program = adder(acl)
    assert way(program) == 0
    acl.synchronize(NULL)
    assert program.result() == SUM


@every_way
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(("size", "code"), [(336, 0), (335, EGE), (0, EGE), (400, 0), (1 << 40, 0)])
def test_the_size_of_buffers(acl: Acl, way: Way, side: str, size: int, code: int) -> None:
    """MD7.10 without gears and AIPP: 64 bytes less than the 400 that are needed pass, 65 are 500002; more always passes."""
    program = Program(acl, add(100))
    memory, buffers = (
        (program.input_memory, program.input_buffers)
        if side == "input"
        else (program.output_memory, program.output_buffers)
    )
    acl.ok(acl.aclUpdateDataBuffer(buffers[-1], memory[-1], size))
    assert way(program) == code
    if code:
        assert "it needs 400" in last_message(acl)


@every_way
def test_small_tensors_pass_with_buffers_of_no_size(acl: Acl, way: Way) -> None:
    """MD7.10: an input or output of at most 64 bytes passes even with a buffer of size 0."""
    program = Program(acl, add(16))
    for memory, buffer in zip(
        program.input_memory + program.output_memory, program.input_buffers + program.output_buffers, strict=True
    ):
        acl.ok(acl.aclUpdateDataBuffer(buffer, memory, 0))
    assert way(program) == 0


def test_the_stream_beats_the_size(acl: Acl) -> None:
    """MD7.10 comes after the stream: a destroyed one is 107017 even if a buffer is too small."""
    program, stream = Program(acl, add(100)), acl.stream()
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], program.input_memory[0], 0))
    acl.ok(acl.aclrtDestroyStream(stream))
    assert program.execute_async(stream) == 107017


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


# -- buffers ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.18")
@synchronous
def test_buffers_may_change_between_executions(acl: Acl, way: Way) -> None:
    """The addresses in the data buffers are read again at every execution, inputs and outputs alike."""
    program = adder(acl)
    assert way(program) == 0
    other_input = acl.malloc(16, np.array([2, 2, 2, 2], np.float32).tobytes())
    other_output = acl.malloc(16, bytes(16))
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[1], other_input, 16))
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], other_output, 16))
    assert way(program) == 0
    assert program.result() == SUM
    program.output_memory = [other_output]
    assert program.result() == [3, 4, 5, 6]


@pytest.mark.row("MD7.18")
def test_buffers_may_change_behind_a_queued_execution(acl: Acl) -> None:
    """A queued execution keeps the addresses of its call; what the dataset says later is for later calls."""
    program, stream = adder(acl), acl.stream()
    other = acl.malloc(16, bytes(16))
    assert program.execute_async(stream) == 0
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], other, 16))
    acl.synchronize(stream)
    assert program.result() == SUM
    assert acl.read(other, 16) == bytes(16)


@pytest.mark.row("MD7.19")
@synchronous
@pytest.mark.parametrize("size", [0, 5, 1 << 40])
def test_an_output_without_memory_is_allocated(acl: Acl, way: Way, size: int) -> None:
    """A NULL output gets device memory of the described size, whatever its size says; it stays in the buffer, the user's."""
    program = Program(acl, two_of_each())
    program.feed([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1])
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[1], NULL, size))
    assert way(program) == 0
    memory = acl.aclGetDataBufferAddr(program.output_buffers[1])
    assert memory != NULL
    assert acl.aclGetDataBufferSizeV2(program.output_buffers[1]) == 24
    program.output_memory[1] = memory
    assert program.result(0) == [2, 3, 4, 5, 6, 7]
    assert program.result(1) == [0, 1, 2, 3, 4, 5]
    assert way(program) == 0  # and the buffer is used again as it is
    assert acl.aclGetDataBufferAddr(program.output_buffers[1]) == memory
    assert acl.aclrtFree(memory) == 0
    assert acl.aclUpdateDataBuffer(program.output_buffers[1], NULL, 0) == 0
    assert way(program) == 0
    assert acl.aclGetDataBufferAddr(program.output_buffers[1]) not in (NULL, memory)


@pytest.mark.row("MD7.20")
def test_an_output_without_memory_of_an_asynchronous_execution(acl: Acl) -> None:
    """Nothing is allocated: the size rule holds, and with a size the execution fails at synchronise (a choice: 507053)."""
    program, stream = Program(acl, add(100)), acl.stream()
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 335))
    assert program.execute_async(stream) == EGE
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 336))
    assert program.execute_async(stream) == 0
    assert acl.aclrtSynchronizeStream(stream) == 507053
    assert "output 'sum'" in last_message(acl)
    assert acl.aclGetDataBufferAddr(program.output_buffers[0]) == NULL
    assert acl.aclGetDataBufferSizeV2(program.output_buffers[0]) == 336


@pytest.mark.row("MD7.21")
@synchronous
def test_more_outputs_without_memory_than_the_model_has(acl: Acl, way: Way) -> None:
    """A NULL output buffer that no output describes is 100000, not the 500002 of a wrong number."""
    program = adder(acl)
    extra = acl.aclCreateDataBuffer(NULL, 16)
    assert way(swap(program, outputs=[program.output_buffers[0], extra])) == EINVAL
    acl.ok(acl.aclUpdateDataBuffer(extra, program.output_memory[0], 16))
    assert way(program) == EGE


@pytest.mark.row("MD7.23")
@every_way
def test_a_refused_execution_leaves_the_outputs_alone(acl: Acl, way: Way) -> None:
    """A call that fails changes neither an output's memory nor its buffer."""
    program = swap(adder(acl), [])
    acl.write(program.output_memory[0], b"untouched.......")
    assert way(program) == EGE
    assert acl.read(program.output_memory[0], 16) == b"untouched......."
    assert acl.aclGetDataBufferAddr(program.output_buffers[0]) == program.output_memory[0]
    assert acl.aclGetDataBufferSizeV2(program.output_buffers[0]) == 16


@pytest.mark.row("MD7.23")
@synchronous
def test_a_refused_execution_keeps_memory_that_it_allocated(acl: Acl, way: Way) -> None:
    """Memory that was allocated for a NULL output before the call failed stays in the buffer."""
    program = swap(adder(acl), [])
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 0))
    assert way(program) == EGE
    memory = acl.aclGetDataBufferAddr(program.output_buffers[0])
    assert memory != NULL
    assert acl.aclrtFree(memory) == 0


@pytest.mark.row("MD7.23")
@every_way
def test_a_computation_that_fails(acl: Acl, way: Way) -> None:
    """A model that cannot compute is 507011, at once or at synchronise, with the engine's words, and writes nothing."""
    program = Program(acl, gather())
    program.feed(np.array([1, 2, 3, 4], np.float32), np.array([9], np.int64))
    acl.write(program.output_memory[0], b"same")
    code = way(program)
    if way is execute_async:
        assert code == 0
        code = acl.aclrtSynchronizeStream(NULL)
    assert code == 507011
    assert "the model's computation failed" in last_message(acl)
    assert acl.read(program.output_memory[0], 4) == b"same"
    program.feed(np.array([1, 2, 3, 4], np.float32), np.array([2], np.int64))
    assert way(program) == 0
    acl.synchronize(NULL)
    assert program.result() == [3]


# -- timeouts of the handle ------------------------------------------------------------------------------------------


@pytest.mark.row("MD4.27")
def test_the_event_timeout_does_not_limit_the_stream(acl: Acl) -> None:
    """ACL_MDL_EVENT_SYNC_TIMEOUT is another timeout: with it alone the execution waits for all that is queued before it."""
    program, before, stream, handle = adder(acl), adder(acl), acl.stream(), timeout_config(acl)
    exec_option(acl, handle, lib.ACL_MDL_EVENT_SYNC_TIMEOUT, "int32_t", 1)
    for _ in range(250):
        acl.ok(before.execute_async(stream))
    assert program.execute_v2(stream, handle) == 0

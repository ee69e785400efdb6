"""Queued executions of models: what they refer to, what they hold on to, and what others can do while one runs."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from aclsim.core.loaded import Execution
from aclsim.models.description import Array, Computation
from aclsim.models.formats import load_model

from tests.aclsim.machine import PATIENCE, Background, stream_of, world_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EINVAL,
    EMODELID,
    SMALL,
    SUM,
    ZEROS,
    Program,
    add,
    adder,
    config_stream,
    data_buffers,
    dataset,
    gather,
    last_message,
    load,
    sizes_of,
    started,
    timeout_config,
    weighted,
    work_config,
)

# -- what is gone before it runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "index", "name"), [("input", 0, "a"), ("input", 1, "b"), ("output", 0, "sum")])
def test_memory_that_was_freed_before_the_execution_ran(ready: Acl, side: str, index: int, name: str) -> None:
    """Synchronising answers 507053, and the message names the tensor and the memory; nothing is written."""
    program, stream = adder(ready), ready.stream()
    memory = (program.input_memory if side == "input" else program.output_memory)[index]
    ready.ok(program.execute_async(stream))
    ready.ok(ready.aclrtFree(memory))
    assert ready.aclrtSynchronizeStream(stream) == 507053
    message = last_message(ready)
    assert f"{side} '{name}'" in message
    assert f"16 bytes at 0x{ready.address(memory):x} (freed) was freed before the execution ran" in message
    if side == "input":
        assert program.result() == ZEROS


@pytest.mark.parametrize("part", ["work", "weight"])
def test_memory_of_the_caller_that_was_freed_before_the_execution_ran(ready: Acl, part: str) -> None:
    """Work and weight memory that was given at load is looked for when the execution runs, not when it is queued."""
    data = weighted()
    need = dict(zip(("work", "weight"), sizes_of(ready, data), strict=True))[part]
    memory, place, stream = ready.malloc(need), ready.out("uint32_t"), ready.stream()
    given = (memory, need, NULL, 0) if part == "work" else (NULL, 0, memory, need)
    ready.ok(ready.aclmdlLoadFromMemWithMem(data, len(data), place, *given))
    program = Program(ready, b"", int(place[0]))
    ready.ok(program.execute_async(stream))
    ready.ok(ready.aclrtFree(memory))
    assert ready.aclrtSynchronizeStream(stream) == 507053
    assert f"0x{ready.address(memory):x} (freed), given to model {program.id} at load" in last_message(ready)


def test_work_memory_that_was_freed_before_the_execution_ran(open_acl: OpenAcl) -> None:
    """The work memory of a stream is looked for when the execution runs."""
    acl = started(open_acl, SMALL)
    memory = acl.malloc(4096)
    program, stream = adder(acl), config_stream(acl, memory)
    acl.ok(program.execute_async_v2(stream, NULL))
    acl.ok(acl.aclrtFree(memory))
    assert acl.aclrtSynchronizeStream(stream) == 507053
    assert f"the work memory: device 0 memory of 4096 bytes at 0x{acl.address(memory):x}" in last_message(acl)


def test_a_model_that_was_unloaded_before_the_execution_ran(ready: Acl) -> None:
    """Synchronising answers 507011, and the message names the model; one with the same file loaded again is no help."""
    program, stream = adder(ready), ready.stream()
    ready.ok(program.execute_async(stream))
    ready.ok(ready.aclmdlUnload(program.id))
    load(ready, add())
    assert ready.aclrtSynchronizeStream(stream) == 507011
    assert f"model {program.id} was unloaded before its execution ran" in last_message(ready)
    assert program.result() == ZEROS


def test_memory_that_is_too_small(ready: Acl) -> None:
    """A tensor that runs over the end of its memory fails the execution; the slack of 64 bytes is of sizes, not of memory."""
    program, stream = Program(ready, add(100)), ready.stream()
    small = ready.malloc(8)
    ready.ok(ready.aclUpdateDataBuffer(program.output_buffers[0], small, 400))
    ready.ok(program.execute_async(stream))
    assert ready.aclrtSynchronizeStream(stream) == 507053
    message = last_message(ready)
    assert "output 'sum'" in message
    assert "run over the end" in message


def test_a_failed_execution_stops_no_other(ready: Acl) -> None:
    """What is queued behind an execution that fails runs all the same, and the failure is told once."""
    bad, good, stream = Program(ready, gather()), adder(ready), ready.stream()
    bad.feed(np.zeros(4, np.float32), np.array([9], np.int64))
    ready.ok(bad.execute_async(stream))
    ready.ok(good.execute_async(stream))
    assert ready.aclrtSynchronizeStream(stream) == 507011
    assert good.result() == SUM
    assert ready.aclrtSynchronizeStream(stream) == 0


def test_a_context_that_was_destroyed(ready: Acl) -> None:
    """A model whose context is gone cannot be executed (a choice: 107002); the message says so."""
    inner = ready.context()
    program = adder(ready)
    ready.ok(ready.aclrtDestroyContext(inner))
    ready.ok(ready.aclrtSetDevice(0))
    assert program.execute() == 107002
    assert f"model {program.id} was loaded in a" in last_message(ready)
    assert ready.aclmdlUnload(program.id) == 0


# -- what is taken when it is queued ---------------------------------------------------------------------------------


def test_datasets_are_read_at_the_call(ready: Acl) -> None:
    """Datasets and buffers may change and go while an execution is queued: it has what they said at its call."""
    program, stream = adder(ready), ready.stream()
    ready.ok(program.execute_async(stream))
    ready.ok(ready.aclmdlAddDatasetBuffer(program.inputs, program.output_buffers[0]))
    for buffer in (*program.input_buffers, *program.output_buffers):
        ready.ok(ready.aclUpdateDataBuffer(buffer, NULL, 0))
        ready.ok(ready.aclDestroyDataBuffer(buffer))
    for each in (program.inputs, program.outputs):
        ready.ok(ready.aclmdlDestroyDataset(each))
    ready.synchronize(stream)
    assert program.result() == SUM


def test_contents_are_read_when_it_runs(ready: Acl) -> None:
    """What the inputs hold counts at the run: a copy that is queued in front of the execution is in its result."""
    program, stream = adder(ready), ready.stream()
    source = ready.malloc(16, np.full(4, 100, np.float32).tobytes())
    ready.copy(program.input_memory[0], source, 16, stream)
    ready.ok(program.execute_async(stream))
    ready.synchronize(stream)
    assert program.result() == [110, 120, 130, 140]


def test_a_stale_dataset_is_refused(ready: Acl) -> None:
    """A destroyed dataset or exec config is refused with 100000 (a choice), and the message says what it was."""
    program, handle = adder(ready), timeout_config(ready)
    ready.ok(ready.aclmdlDestroyExecConfigHandle(handle))
    assert program.execute_v2(NULL, handle) == EINVAL
    assert "exec config handle" in last_message(ready)
    ready.ok(ready.aclmdlDestroyDataset(program.inputs))
    assert program.execute() == EINVAL
    assert "the dataset" in last_message(ready)


@pytest.mark.parametrize("schedule", ["lazy", "eager", "random", "parallel"])
def test_results_are_the_same_under_each_schedule(open_acl: OpenAcl, schedule: str) -> None:
    """A chain of executions, each on the other of two streams and behind an event, gives one result."""
    acl = open_acl(schedule=schedule, seed=7)
    acl.start()
    streams = [acl.stream(), acl.stream()]
    program = adder(acl)
    memory = [acl.malloc(16, np.full(4, start, np.float32).tobytes()) for start in (1, 0, 0, 0, 0)]
    buffers = data_buffers(acl, memory, 16)
    for number in range(4):
        inputs = dataset(acl, [buffers[number], program.input_buffers[1]])
        outputs = dataset(acl, [buffers[number + 1]])
        event = acl.out("aclrtEvent")
        acl.ok(acl.aclrtCreateEvent(event))
        acl.ok(acl.aclmdlExecuteAsync(program.id, inputs, outputs, streams[number % 2]))
        acl.ok(acl.aclrtRecordEvent(event[0], streams[number % 2]))
        acl.ok(acl.aclrtStreamWaitEvent(streams[1 - number % 2], event[0]))
    acl.synchronize(streams[1])
    assert np.frombuffer(acl.read(memory[4], 16), np.float32).tolist() == [41, 81, 121, 161]


# -- while it runs ---------------------------------------------------------------------------------------------------


class Held:
    """A program whose model computes only when the test lets it."""

    def __init__(self, acl: Acl) -> None:
        self.program = adder(acl)
        self.started, self.released = threading.Event(), threading.Event()
        executable = world_of(acl).models[self.program.id].executable
        bind = executable.bind

        def held(inputs: Sequence[Array]) -> Computation:
            computation = bind(inputs)

            def wait_and_compute() -> list[Array]:
                self.started.set()
                assert self.released.wait(PATIENCE)
                return computation()

            return wait_and_compute

        vars(executable)["bind"] = held


@pytest.fixture
def held(ready: Acl) -> Held:
    """A program that is held back."""
    return Held(ready)


def in_a_thread(acl: Acl, call: Callable[[], int], held: Held) -> Background:
    """Begin a call in another thread, and return when its model computes."""

    def work() -> int:
        acl.ok(acl.aclrtSetDevice(0))
        return call()

    background = Background(work)
    assert held.started.wait(PATIENCE)
    return background


def test_others_work_while_a_model_runs(ready: Acl, held: Held) -> None:
    """The machine is not locked while a model computes: this thread loads, copies, asks and queues meanwhile."""
    background = in_a_thread(ready, held.program.execute, held)
    try:
        other = adder(ready)
        stream = ready.stream()
        ready.ok(other.execute_async(stream))
        assert other.result() == ZEROS
        assert not ready.complete(stream)
        assert ready.aclmdlUnload(load(ready, weighted())) == 0
        assert background.running
        assert held.program.result() == ZEROS
    finally:
        held.released.set()
    assert background.result() == 0
    assert held.program.result() == SUM
    ready.synchronize(stream)
    assert other.result() == SUM


def test_others_work_while_a_model_is_loaded(ready: Acl, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it locked while another thread reads and prepares a model."""
    reading, released, here = threading.Event(), threading.Event(), threading.current_thread()

    def held_back(*arguments: Any) -> Any:
        if threading.current_thread() is not here:
            reading.set()
            assert released.wait(PATIENCE)
        return load_model(*arguments)

    monkeypatch.setattr("aclsim.api.content.load_model", held_back)

    def load_one() -> int:
        ready.ok(ready.aclrtSetDevice(0))
        return load(ready, weighted())

    background = Background(load_one)
    assert reading.wait(PATIENCE)
    try:
        first = load(ready, add())
        assert background.running
    finally:
        released.set()
    assert background.result() == first + 1
    assert sorted(world_of(ready).models) == [first, first + 1]


@pytest.mark.row("MD5.18")
def test_a_synchronous_execution_survives_an_unload(ready: Acl, held: Held) -> None:
    """A model that another thread unloads while it computes computes to its end; its id is gone at once."""
    background = in_a_thread(ready, held.program.execute, held)
    try:
        assert ready.aclmdlUnload(held.program.id) == 0
        assert ready.aclmdlUnload(held.program.id) == EMODELID
        assert background.running
    finally:
        held.released.set()
    assert background.result() == 0
    assert held.program.result() == SUM
    assert held.program.execute() == EMODELID


# -- what the machine knows of it ------------------------------------------------------------------------------------


def queued(acl: Acl, stream: Any) -> Execution:
    """The execution at the head of a stream."""
    task = stream_of(acl, stream).queue[0]
    assert isinstance(task, Execution)
    return task


def test_an_execution_says_what_it_touches(ready: Acl) -> None:
    """It reads the inputs' bytes and writes the outputs', of the tensors' sizes, wherever the buffers say they are."""
    program, stream = Program(ready, add(100)), ready.stream()
    ready.ok(program.execute_async(stream))
    task = queued(ready, stream)
    assert task.reads == tuple((ready.address(pointer), 400) for pointer in program.input_memory)
    assert task.writes == ((ready.address(program.output_memory[0]), 400),)
    assert task.describe() == f"execution of model {program.id}"


def test_an_execution_with_work_memory_writes_it(open_acl: OpenAcl) -> None:
    """Work memory is written too, as much as the model needs."""
    acl = started(open_acl, SMALL)
    memory = acl.malloc(4096)
    program, stream = adder(acl), config_stream(acl)
    acl.ok(program.execute_async_v2(stream, work_config(acl, memory)))
    written = queued(acl, stream).writes
    assert written == ((acl.address(program.output_memory[0]), 16), (acl.address(memory), 512))


def test_addresses_that_are_wrong_are_no_ranges(ready: Acl) -> None:
    """An operand without device memory has no range: there is nothing that it could touch."""
    program, stream = adder(ready), ready.stream()
    ready.ok(ready.aclUpdateDataBuffer(program.input_buffers[0], ready.pointer(0x1000), 16))
    ready.ok(program.execute_async(stream))
    assert queued(ready, stream).reads == ((ready.address(program.input_memory[1]), 16),)


def test_an_execution_takes_virtual_time(ready: Acl) -> None:
    """A launch, and weights, inputs and outputs at the product's bandwidth: no more and no less."""
    program, stream = Program(ready, add(1_000_000)), ready.stream()
    world = world_of(ready)
    cost = world.product.cost
    before = world.clock.now
    ready.ok(program.execute_async(stream))
    assert world.clock.now == before
    ready.synchronize(stream)
    assert world.clock.now - before == cost.launch_ns + 12_000_000 * 1000 // cost.compute_bytes_per_us


def test_an_execution_that_timed_out_is_forgotten(ready: Acl) -> None:
    """A run on a stream of its own that was given up is queued nowhere any more: no schedule could run it later."""
    program = adder(ready)
    assert program.execute_v2(NULL, timeout_config(ready, 0)) == 107000
    assert not world_of(ready).scheduler.busy
    assert program.result() == ZEROS


def test_loads_and_unloads_leak_nothing(ready: Acl) -> None:
    """After many loads, failed loads and unloads the machine has as many allocations and models as before."""
    world = world_of(ready)
    data, place, little = weighted(), ready.out("uint32_t"), ready.malloc(16)
    before = world.memory.live()
    for _ in range(20):
        number = load(ready, data)
        assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, little, 1, NULL, 0) == 145000
        assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, little, 1) == 145000
        assert ready.aclmdlUnload(number) == 0
    assert world.memory.live() == before
    assert not world.models

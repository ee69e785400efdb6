"""Executions with the same buffers again: what was found for the first is used again, as long as it is still there."""

from typing import Any

import numpy as np
import pytest
from aclsim import TensorSpec

from tests.aclsim.machine import world_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import EGE, SUM, Program, add, adder, data_buffers, dataset, work_config
from tests.contract.varying import load_path, register

FREED = 507053


def run(program: Program, acl: Acl) -> int:
    """Queue an execution and wait for it."""
    acl.ok(program.execute_async())
    return acl.aclrtSynchronizeStream(NULL)


def kept(program: Program, acl: Acl) -> dict[Any, Any]:
    """What the machine keeps of a model's executions."""
    return world_of(acl).models[program.id]._places


def test_new_values_in_the_same_memory(ready: Acl) -> None:
    """Each execution reads what is in the memory then, and nothing is looked for twice."""
    program = adder(ready)
    for step in range(3):
        program.feed([step] * 4, [1] * 4)
        assert run(program, ready) == 0
        assert program.result() == [step + 1.0] * 4
    assert len(kept(program, ready)) == 1


def test_memory_that_was_freed(ready: Acl) -> None:
    """Memory that was freed since the last execution fails the next, and other memory heals it."""
    program = adder(ready)
    assert run(program, ready) == 0
    ready.ok(ready.aclrtFree(program.output_memory[0]))
    assert run(program, ready) == FREED
    assert "freed" in ready.message()
    program.output_memory[0] = ready.malloc(16, bytes(16))
    ready.ok(ready.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 16))
    assert run(program, ready) == 0
    assert program.result() == SUM


def test_an_address_that_comes_again(open_acl: OpenAcl) -> None:
    """Where addresses are real ones, memory at the address of freed memory is other memory."""
    acl = open_acl(run_mode="device")
    acl.start()
    program = adder(acl)
    assert run(program, acl) == 0
    address = acl.address(program.output_memory[0])
    for _ in range(1000):
        acl.ok(acl.aclrtFree(program.output_memory[0]))
        program.output_memory[0] = acl.malloc(16, bytes(16))
        acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 16))
        assert run(program, acl) == 0
        assert program.result() == SUM
        if acl.address(program.output_memory[0]) == address:
            break


def test_a_buffer_that_grew(ready: Acl) -> None:
    """The size of a buffer is looked at again when it changes: the slack of 64 bytes is counted from what it says."""
    program = adder(ready)
    buffer, memory = program.output_buffers[0], program.output_memory[0]
    assert run(program, ready) == 0
    ready.ok(ready.aclUpdateDataBuffer(buffer, memory, 0))
    assert run(program, ready) == 0  # within the slack
    assert len(kept(program, ready)) == 2


def test_what_is_kept_is_bounded(ready: Acl) -> None:
    """Of many sets of buffers a few are kept, and none whose memory was freed."""
    program = adder(ready)
    for _ in range(30):
        memory = ready.malloc(16)
        outputs = dataset(ready, data_buffers(ready, [memory], 16))
        assert ready.aclmdlExecuteAsync(program.id, program.inputs, outputs, NULL) == 0
        assert ready.aclrtSynchronizeStream(NULL) == 0
        assert ready.read(memory, 16) == np.array(SUM, np.float32).tobytes()
    assert 1 <= len(kept(program, ready)) <= 8
    ready.ok(ready.aclrtFree(memory))
    assert run(program, ready) == 0
    assert all(places.usable for places in kept(program, ready).values())


def test_inputs_that_a_function_may_not_write(ready: Acl) -> None:
    """A function gets the same arrays each time, over the device's memory, and cannot write to them."""
    seen: list[Any] = []

    def function(x: Any) -> Any:
        seen.append(x)
        with pytest.raises(ValueError, match="read-only"):
            x[0] = 1
        return x * 2

    path = register(ready, function=function, inputs=[TensorSpec("x", (4,))], outputs=[TensorSpec("y", (4,))])
    program = Program(ready, b"", load_path(ready, path))
    for values in ([1, 2, 3, 4], [5, 6, 7, 8]):
        program.feed(values)
        assert run(program, ready) == 0
        assert program.result() == [2.0 * value for value in values]
    assert len(seen) == 2


def test_what_another_manner_let_pass(ready: Acl) -> None:
    """Buffers that IPV350's manner takes, or a dataset with a gear, are checked when the main library's turn comes."""
    program, config = adder(ready), work_config(ready)
    extra = dataset(ready, [*program.output_buffers, *data_buffers(ready, [ready.malloc(16)], 16)])
    stream = ready.stream()
    assert ready.aclmdlExecuteAsyncV2(program.id, program.inputs, extra, stream, config) == 0
    ready.synchronize(stream)
    assert ready.aclmdlExecuteAsync(program.id, program.inputs, extra, stream) == EGE
    assert "has 2 buffers" in ready.message()

    large = Program(ready, add(64))
    short = data_buffers(ready, large.output_memory, 256 - 65)
    outputs = dataset(ready, short)
    geared = dataset(ready, large.input_buffers)
    assert ready.aclmdlSetDynamicBatchSize(large.id, geared, 0, 1) != 0  # refused, and kept all the same (MD8.12)
    assert ready.aclmdlExecuteAsync(large.id, geared, outputs, stream) == 0
    ready.synchronize(stream)
    assert ready.aclmdlExecuteAsync(large.id, large.inputs, outputs, stream) == EGE
    assert "it needs 256" in ready.message()


def test_memory_that_was_freed_is_let_go(ready: Acl) -> None:
    """aclrtFree makes models forget what they remember of that memory; the bytes go at once."""
    program = adder(ready)
    assert run(program, ready) == 0
    allocation = world_of(ready).memory.at(ready.address(program.output_memory[0]))
    assert allocation is not None
    assert allocation.held
    ready.ok(ready.aclrtFree(program.output_memory[0]))
    assert kept(program, ready) == {}


def test_outputs_over_inputs(ready: Acl) -> None:
    """A function that gives its inputs back, exchanged, does so where the outputs lie in the inputs' memory."""
    sides, others = [TensorSpec("a", (2,)), TensorSpec("b", (2,))], [TensorSpec("p", (2,)), TensorSpec("q", (2,))]
    path = register(ready, function=lambda a, b: [b, a], inputs=sides, outputs=others)
    program = Program(ready, b"", load_path(ready, path))
    program.feed([1, 2], [3, 4])
    for buffer, memory in zip(program.output_buffers, program.input_memory, strict=True):
        ready.ok(ready.aclUpdateDataBuffer(buffer, memory, 8))
    assert run(program, ready) == 0
    read = [np.frombuffer(ready.read(memory, 8), np.float32).tolist() for memory in program.input_memory]
    assert read == [[3, 4], [1, 2]]

"""Static models and their buffers: what is read when, and what is allocated and written (contract_mdl section 7)."""

import numpy as np
import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import EGE, EINVAL, SUM, Program, add, adder, gather, last_message, swap, two_of_each
from tests.contract.ways import Way, every_way, execute_async, synchronous


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

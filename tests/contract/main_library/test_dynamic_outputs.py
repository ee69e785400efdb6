"""What becomes of the outputs of dynamic-shape models: memory and tensor descs (contract_mdl section 7.3)."""

import numpy as np
import pytest
from aclsim import TensorSpec

from tests.contract.acl import NULL, Acl
from tests.contract.models import EGE, EINVAL, EMODELID, UNKNOWN, last_message, load
from tests.contract.varying import (
    EFAILED,
    EMEMORY,
    Dynamic,
    bounded,
    linear,
    liner,
    load_path,
    nonzero,
    numbers,
    output,
    product,
    reference,
    register,
    result,
    shape_of,
    tensor_desc,
)
from tests.contract.ways import Way, every_way, execute_async, synchronous, wait_for

lib = Acl.lib


@pytest.mark.row("MD7.19")
@synchronous
def test_an_output_without_memory_is_allocated_as_it_came_out(acl: Acl, way: Way) -> None:
    """Where the size is not known before, a NULL output gets memory of its real size; it stays in the buffer, the user's."""
    program = liner(acl, room=None)
    for size in (0, 5, 1 << 40):
        acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, size))
        assert way(program) == 0
        assert program.output_bytes() == result().nbytes
        program.output_memory[0] = program.output_address()
        assert np.array_equal(output(program, result()), result())
        assert way(program) == 0  # used again as it is
        assert program.output_address() == program.output_memory[0]
        assert acl.aclrtFree(program.output_memory[0]) == 0


@pytest.mark.row("MD7.19")
@synchronous
def test_an_output_without_memory_is_allocated_as_described(acl: Acl, way: Way) -> None:
    """Where a bound tells the size, a NULL output gets memory of that size, however small the result."""
    values = numbers(2, 3)
    program = Dynamic(acl, bounded(acl, (-1, 3), (5, 3)), [values], [None])
    assert way(program) == 0
    assert program.output_bytes() == 60
    program.output_memory[0] = program.output_address()
    assert np.array_equal(output(program, values), values)


@pytest.mark.row("MD7.19", "MD7.22")
@synchronous
@pytest.mark.parametrize("found", [0, 1, 5])
def test_an_output_whose_shape_the_data_tells(acl: Acl, way: Way, found: int) -> None:
    """What NonZero finds comes out in its real size and shape, an empty result in memory of at least a byte."""
    values = np.array([1.0] * found + [0.0] * (5 - found), np.float32)
    wanted = reference(nonzero(), x=values)[0]
    program = Dynamic(acl, load(acl, nonzero()), [values], [None])
    assert way(program) == 0
    assert shape_of(acl, program.output_desc()) == wanted.shape == (1, found)
    assert acl.aclGetTensorDescType(program.output_desc()) == lib.ACL_INT64
    assert program.output_bytes() == 8 * found
    program.output_memory[0] = program.output_address()
    assert program.output_memory[0] != NULL
    assert np.array_equal(output(program, wanted), wanted)
    assert acl.aclrtFree(program.output_memory[0]) == 0


@pytest.mark.row("MD7.20")
def test_an_output_without_memory_of_an_asynchronous_execution(acl: Acl) -> None:
    """The execution succeeds, nothing is stored in the buffer, and no memory is lost."""
    program = liner(acl, room=None)
    before = acl.free_bytes()
    assert program.execute_async() == 0
    acl.synchronize()
    assert program.output_address() == NULL
    assert program.output_bytes() == 0
    assert acl.free_bytes() == before
    assert shape_of(acl, program.output_desc()) == (4, 2)


@pytest.mark.row("MD7.21")
@synchronous
def test_more_outputs_without_memory_than_the_model_has(acl: Acl, way: Way) -> None:
    """A NULL output buffer that no output describes is 100000; one with an address is 500002 for the number."""
    program = liner(acl)
    extra = acl.aclCreateDataBuffer(NULL, 16)
    acl.ok(acl.aclmdlAddDatasetBuffer(program.outputs, extra))
    assert way(program) == EINVAL
    acl.ok(acl.aclUpdateDataBuffer(extra, program.output_memory[0], 16))
    assert way(program) == EGE


@every_way
def test_an_output_buffer_that_is_too_small(acl: Acl, way: Way) -> None:
    """MD7.10 for dynamic-shape models: the size is seen when the result is there; the message names what it needs."""
    program = liner(acl)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 31))
    assert wait_for(way, program) == EFAILED
    assert "32 bytes, its buffer has 31" in last_message(acl)
    assert acl.read(program.output_memory[0], 32) == bytes(32)


@pytest.mark.row("MD7.22")
@every_way
def test_output_descs_are_made_anew(acl: Acl, way: Way) -> None:
    """Each execution gives the output dims, format and type in a new tensor desc; old pointers answer nothing, no crash."""
    program, given = liner(acl), tensor_desc(acl, (9, 9, 9), lib.ACL_INT8)
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.outputs, given, 0))
    acl.aclDestroyTensorDesc(given)
    seen = [program.output_desc()]
    for _ in range(2):
        assert wait_for(way, program) == 0
        new = program.output_desc()
        assert new != NULL
        assert new not in seen
        assert shape_of(acl, new) == (4, 2)
        assert acl.aclGetTensorDescType(new) == lib.ACL_FLOAT
        assert acl.aclGetTensorDescFormat(new) == lib.ACL_FORMAT_ND
        assert acl.aclGetTensorDescSize(new) == result().nbytes
        for old in seen:
            assert acl.aclGetTensorDescNumDims(old) == 0
            assert acl.aclGetTensorDescType(old) == lib.ACL_DT_UNDEFINED
            assert acl.aclGetTensorDescElementCount(old) == 0
            assert acl.aclGetTensorDescDimV2(old, 0, acl.out("int64_t")) == EINVAL
            acl.aclDestroyTensorDesc(old)
        seen.append(new)
    acl.aclDestroyTensorDesc(seen[-1])  # the dataset's own: refused, and the dataset still has it
    assert shape_of(acl, program.output_desc()) == (4, 2)
    acl.ok(acl.aclmdlDestroyDataset(program.outputs))
    assert acl.aclGetTensorDescNumDims(seen[-1]) == 0


@pytest.mark.row("MD7.22")
def test_output_descs_without_input_descs(acl: Acl) -> None:
    """Outputs are described even if no input has a tensor desc."""
    program = Dynamic(acl, load(acl, linear()), [numbers(4, 3)], [256], describe=False)
    assert program.output_desc() == NULL
    assert program.execute() == 0
    assert shape_of(acl, program.output_desc()) == (4, 2)


@pytest.mark.row("MD7.22")
def test_output_descs_of_an_asynchronous_execution(acl: Acl) -> None:
    """They are there when the call returns, before the data is, with -1 where only the data tells."""
    program, found = liner(acl), Dynamic(acl, load(acl, nonzero()), [numbers(5)], [256])
    assert program.execute_async() == 0
    assert shape_of(acl, program.output_desc()) == (4, 2)
    at_submit = program.output_desc()
    assert np.array_equal(output(program, result()), np.zeros((4, 2), np.float32))
    assert found.execute_async() == 0
    assert shape_of(acl, found.output_desc()) == (1, -1)
    acl.synchronize()
    assert program.output_desc() == at_submit
    assert shape_of(acl, found.output_desc()) == (1, -1)
    assert np.array_equal(output(program, result()), result())


@pytest.mark.row("MD7.23")
@every_way
def test_a_failing_execution_leaves_the_outputs_alone(acl: Acl, way: Way) -> None:
    """Where the computation fails no memory, buffer and, of a synchronous execution, no tensor desc of an output changes."""
    left, right = numbers(2, 3), numbers(4, 2)  # the inner dims differ
    program = Dynamic(acl, load(acl, product()), [left, right], [256])
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.outputs, tensor_desc(acl, (9,)), 0))
    old = program.output_desc()
    assert wait_for(way, program) == EFAILED
    assert "the model's computation failed" in last_message(acl)
    assert acl.read(program.output_memory[0], 256) == bytes(256)
    assert program.output_address() == program.output_memory[0]
    assert program.output_bytes() == 256
    if way is not execute_async:
        assert program.output_desc() == old
        assert shape_of(acl, old) == (9,)


@pytest.mark.row("MD7.23")
@every_way
def test_all_outputs_are_written_or_none(acl: Acl, way: Way) -> None:
    """Where one output does not fit its buffer, the others are not written either."""
    outputs = [TensorSpec("first", (-1,)), TensorSpec("second", (-1,))]
    path = register(acl, function=lambda x: (x, x), inputs=[TensorSpec("x", (-1,))], outputs=outputs)
    program = Dynamic(acl, load_path(acl, path), [numbers(4)], [16, 12])
    assert wait_for(way, program) == EFAILED
    assert "output 'second'" in last_message(acl)
    assert acl.read(program.output_memory[0], 16) == bytes(16)


@pytest.mark.row("MD7.23")
@synchronous
def test_a_failing_execution_keeps_memory_that_was_allocated(acl: Acl, way: Way) -> None:
    """Memory that a described NULL output got stays in its buffer when the call fails; one of unknown size got none."""
    outputs = [TensorSpec("known", (4,)), TensorSpec("unknown", (-1,))]
    path = register(acl, function=lambda x: x, inputs=[TensorSpec("x", (-1,))], outputs=outputs)
    program = Dynamic(acl, load_path(acl, path), [numbers(4)], [None, None])
    assert way(program) == EFAILED
    assert program.output_bytes(0) == 16
    assert acl.aclrtFree(program.output_address(0)) == 0
    assert program.output_address(1) == NULL


@every_way
def test_wrong_memory_fails_the_execution(acl: Acl, way: Way) -> None:
    """Input memory that is NULL, host memory, or ends too early for the shape is 507053 when the execution runs."""
    host = acl.host(64)
    for memory in (NULL, host, acl.malloc(4)):
        program = liner(acl)
        acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], memory, 48))
        program.describe(0, (40, 3))
        assert wait_for(way, program) == EMEMORY
        assert "input 'x'" in last_message(acl)


@every_way
def test_a_buffer_that_says_more_than_its_memory_has(acl: Acl, way: Way) -> None:
    """An output whose buffer claims too much is written where the result fits into the memory, else 507011."""
    program = liner(acl)
    wanted = program.output_bytes(0)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 1 << 40))
    assert wait_for(way, program) == 0
    assert acl.read(program.output_memory[0], wanted) != bytes(wanted)
    extent = 96  # 64 bytes and the padding of an allocation
    end = acl.offset(acl.malloc(64), extent - 4)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], end, 1 << 40))
    assert wait_for(way, program) == EFAILED
    assert "its buffer has 4" in last_message(acl)


@every_way
def test_an_output_on_the_host(acl: Acl, way: Way) -> None:
    """Output memory that is host memory is 507053 when the execution runs."""
    program = liner(acl)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], acl.host(64), 64))
    assert wait_for(way, program) == EMEMORY
    assert "host memory" in last_message(acl)


def test_an_unloaded_model(acl: Acl) -> None:
    """MD5.18: an execution that is still queued when its model is unloaded fails with 507011, a choice."""
    program = liner(acl)
    assert program.execute_async() == 0
    acl.ok(acl.aclmdlUnload(program.id))
    assert acl.aclrtSynchronizeStream(NULL) == EFAILED
    assert "was unloaded" in last_message(acl)
    program.id = UNKNOWN
    assert program.execute_async() == EMODELID

"""Executing dynamic-shape models (the column RT2 of contract_mdl section 7): checks, results, streams and timeouts."""

import numpy as np
import pytest
from aclsim import TensorSpec

from tests.contract.acl import NULL, Acl
from tests.contract.models import EGE, EINVAL, EMODELID, ENOINIT, last_message, load, timeout_config
from tests.contract.varying import (
    EMEMORY,
    Dynamic,
    bounded,
    convolution,
    linear,
    liner,
    load_path,
    numbers,
    output,
    product,
    reference,
    register,
    result,
    shape_of,
)
from tests.contract.ways import EVERY_WAY, Way, every_way, execute, execute_v2_on_a_stream, synchronous, wait_for

# -- order of the checks (section 7.1) -------------------------------------------------------------------------------


@pytest.mark.row("MD7.01", "MD7.02")
def test_handle_and_datasets_come_first(acl: Acl) -> None:
    """A NULL handle, then a NULL input, then a NULL output dataset is 100000, with the id of a dynamic-shape model too."""
    program, handle = liner(acl), timeout_config(acl)
    assert acl.aclmdlExecuteV2(program.id, NULL, NULL, NULL, NULL) == EINVAL
    assert "handle is NULL" in last_message(acl)
    for source, target, sentence in (
        (NULL, NULL, "input is NULL"),
        (program.inputs, NULL, "output is NULL"),
    ):
        assert acl.aclmdlExecuteV2(program.id, source, target, NULL, handle) == EINVAL
        assert sentence in last_message(acl)
        assert acl.aclmdlExecute(program.id, source, target) == EINVAL
        assert acl.aclmdlExecuteAsync(program.id, source, target, NULL) == EINVAL


@pytest.mark.row("MD7.05", "MD7.06")
@every_way
def test_initialisation_is_not_asked_for(acl: Acl, way: Way) -> None:
    """After aclFinalize the model still runs; an id that is not loaded falls to the static executor: 145001, then 145003."""
    program = liner(acl)
    acl.ok(acl.aclFinalize())
    assert wait_for(way, program) == 0
    assert np.array_equal(output(program, result()), result())
    acl.ok(acl.aclmdlUnload(program.id))
    assert way(program) == ENOINIT
    acl.ok(acl.aclInit(NULL))
    assert way(program) == EMODELID


@pytest.mark.row("MD7.07")
@pytest.mark.parametrize("first", EVERY_WAY)
@pytest.mark.parametrize("second", EVERY_WAY)
def test_modes_may_be_mixed(acl: Acl, first: Way, second: Way) -> None:
    """A dynamic-shape model runs synchronously after it ran asynchronously, and the reverse."""
    program = liner(acl)
    for way in (first, second, first):
        acl.write(program.output_memory[0], bytes(256))
        assert wait_for(way, program) == 0
        assert np.array_equal(output(program, result()), result())


@pytest.mark.row("MD7.08", "MD12.18")
@every_way
def test_the_number_of_buffers(acl: Acl, way: Way) -> None:
    """Inputs that are missing are 100000 and beat the outputs, extra ones are ignored; another number of outputs is 500002."""
    left, right = numbers(2, 3), numbers(3, 4)
    program = Dynamic(acl, load(acl, product()), [left, right, left], [256])
    extra = program.input_buffers[2]
    assert wait_for(way, program) == 0
    wanted = reference(product(), left=left, right=right)[0]
    assert np.array_equal(output(program, wanted), wanted)
    good, outputs = program.inputs, program.outputs
    program.inputs = acl.aclmdlCreateDataset()
    acl.ok(acl.aclmdlAddDatasetBuffer(program.inputs, program.input_buffers[0]))
    empty = acl.aclmdlCreateDataset()
    for target in (outputs, empty):
        program.outputs = target
        assert way(program) == EINVAL
        assert "the input dataset has 1 buffers" in last_message(acl)
    program.inputs = good
    assert way(program) == EGE
    assert "the output dataset has 0 buffers" in last_message(acl)
    for _ in range(2):
        acl.ok(acl.aclmdlAddDatasetBuffer(empty, extra))
    assert way(program) == EGE


@pytest.mark.row("MD7.08", "MD7.09")
def test_the_number_of_buffers_beats_a_stream(acl: Acl) -> None:
    """For an asynchronous execution wrong numbers beat a destroyed stream (107017), which beats a wrong shape (100000)."""
    program, stream = liner(acl), acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    good = program.inputs
    program.inputs = acl.aclmdlCreateDataset()
    assert program.execute_async(stream) == EINVAL
    assert "0 buffers" in last_message(acl)
    program.inputs = good
    program.describe(0, (4, 5))
    assert program.execute_async(stream) == 107017
    assert program.execute_async() == EINVAL


@pytest.mark.row("MD7.09", "MD7.16")
def test_an_asynchronous_execution_is_a_task_of_its_stream(acl: Acl) -> None:
    """aclmdlExecuteAsync returns before it ran; its stream runs it, the default one for NULL, and no other one does."""
    for given in (NULL, acl.stream()):
        program, other = liner(acl), acl.stream()
        assert program.execute_async(given) == 0
        acl.synchronize(other)
        assert np.array_equal(output(program, result()), np.zeros((4, 2), np.float32))
        acl.synchronize(given if given != NULL else acl.default_stream())
        assert np.array_equal(output(program, result()), result())


@every_way
def test_buffer_sizes_are_not_checked(acl: Acl, way: Way) -> None:
    """MD7.10 for dynamic-shape models: an input buffer that says 0 or too much is read as its shape says."""
    for size in (0, 47, 1 << 40):
        program = liner(acl)
        acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], program.input_memory[0], size))
        assert wait_for(way, program) == 0
        assert np.array_equal(output(program, result()), result())


@every_way
@pytest.mark.parametrize("dims", [(4,), (4, 3, 1), (4, 4), (4, 0), ()])
def test_a_shape_that_does_not_fit(acl: Acl, way: Way, dims: tuple[int, ...]) -> None:
    """MD7.11: a tensor desc of another rank, or with another number where a dim is fixed, is 100000; nothing is written."""
    program = liner(acl)
    program.describe(0, dims)
    assert way(program) == EINVAL
    assert "input 0 ('x')" in last_message(acl)
    acl.synchronize()
    assert np.array_equal(output(program, result()), np.zeros((4, 2), np.float32))
    assert program.output_desc() == NULL


@every_way
@pytest.mark.parametrize(("batch", "code"), [(1, 0), (5, 0), (0, EINVAL), (6, EINVAL)])
def test_a_range_with_an_end_is_checked(acl: Acl, way: Way, batch: int, code: int) -> None:
    """MD7.11: a dim is at least 1 and at most its bound; else it is 100000."""
    values = numbers(batch, 3)
    program = Dynamic(acl, bounded(acl, (-1, 3), (5, 3)), [values], [256])
    assert wait_for(way, program) == code
    if code:
        assert "the model takes 1 to 5" in last_message(acl)
    else:
        assert np.array_equal(output(program, values), values)


@every_way
def test_a_range_without_an_end_is_not_checked(acl: Acl, way: Way) -> None:
    """MD7.11: from 1 on without an end even 0 passes, and gives an empty output."""
    program = liner(acl, batch=0)
    assert wait_for(way, program) == 0
    assert shape_of(acl, program.output_desc()) == (0, 2)


@every_way
def test_shapes_without_a_tensor_desc(acl: Acl, way: Way) -> None:
    """MD7.11: without one the model's own dims hold, and a -1 there or in a desc passes: the buffer's size tells it."""
    program = Dynamic(acl, load(acl, linear()), [numbers(4, 3)], [256], describe=False)
    for dims in (None, (-1, 3), (-1, -1)):
        if dims:
            program.describe(0, dims)
        acl.write(program.output_memory[0], bytes(256))
        assert wait_for(way, program) == 0
        assert np.array_equal(output(program, result()), result())
        assert shape_of(acl, program.output_desc()) == (4, 2)


@every_way
def test_sizes_that_tell_no_shape(acl: Acl, way: Way) -> None:
    """A choice: 500002 where a buffer's size is no multiple, two dims are left, or it stands for more than a bound."""
    program = Dynamic(acl, load(acl, linear()), [numbers(4, 3)], [256], describe=False)
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], program.input_memory[0], 47))
    assert way(program) == EGE
    assert "set a tensor desc" in last_message(acl)
    two = Dynamic(acl, load(acl, product()), [numbers(2, 3), numbers(3, 4)], [256], describe=False)
    assert way(two) == EGE
    many = Dynamic(acl, bounded(acl, (-1, 3), (5, 3)), [numbers(6, 3)], [256], describe=False)
    assert way(many) == EGE
    assert "at most 5" in last_message(acl)
    huge = liner(acl)
    huge.describe(0, (1 << 60, 3))
    assert way(huge) == EGE
    assert "address space" in last_message(acl)


# -- results ---------------------------------------------------------------------------------------------------------


@every_way
@pytest.mark.parametrize("batch", [1, 2, 7, 100])
def test_results_with_a_symbolic_batch(acl: Acl, way: Way, batch: int) -> None:
    """MD7.13 to MD7.16: the output is what onnxruntime computes for the shape that came in, and no byte behind it changes."""
    values = numbers(batch, 3)
    wanted = reference(linear(), x=values)[0]
    program = Dynamic(acl, load(acl, linear()), [values], [1024])
    acl.write(program.output_memory[0], b"\xff" * 1024)
    assert wait_for(way, program) == 0
    assert np.array_equal(output(program, wanted), wanted)
    assert acl.read(program.output_memory[0], 1024)[wanted.nbytes :] == b"\xff" * (1024 - wanted.nbytes)


@every_way
@pytest.mark.parametrize("image", [(2, 3), (5, 4), (9, 16)])
def test_results_with_a_symbolic_image(acl: Acl, way: Way, image: tuple[int, int]) -> None:
    """A convolution over height and width that are known at execution only equals onnxruntime's."""
    values = numbers(1, 1, *image)
    wanted = reference(convolution(), x=values)[0]
    program = Dynamic(acl, load(acl, convolution()), [values], [wanted.nbytes])
    assert wait_for(way, program) == 0
    assert np.array_equal(output(program, wanted), wanted)
    assert shape_of(acl, program.output_desc()) == wanted.shape


@every_way
@pytest.mark.parametrize("dims", [(1, 1, 1), (2, 3, 4), (8, 5, 1)])
def test_results_with_several_symbolic_dims(acl: Acl, way: Way, dims: tuple[int, int, int]) -> None:
    """Two inputs with three symbolic dims between them give what onnxruntime gives."""
    rows, inner, columns = dims
    left, right = numbers(rows, inner), numbers(inner, columns)
    wanted = reference(product(), left=left, right=right)[0]
    program = Dynamic(acl, load(acl, product()), [left, right], [wanted.nbytes])
    assert wait_for(way, program) == 0
    assert np.array_equal(output(program, wanted), wanted)
    assert shape_of(acl, program.output_desc()) == (rows, columns)


@synchronous
def test_one_loaded_model_runs_in_any_shape(acl: Acl, way: Way) -> None:
    """Shapes may change from one execution to the next, with new tensor descs in the same datasets or with other datasets."""
    number = load(acl, linear())
    programs = [Dynamic(acl, number, [numbers(batch, 3)], [256]) for batch in (2, 5)]
    for program, batch in ((programs[0], 2), (programs[1], 5), (programs[0], 2)):
        assert way(program) == 0
        assert np.array_equal(output(program, result(batch)), result(batch))
    programs[1].describe(0, (3, 3))
    assert way(programs[1]) == 0
    wanted = reference(linear(), x=numbers(5, 3)[:3])[0]
    assert np.array_equal(output(programs[1], wanted), wanted)
    assert shape_of(acl, programs[1].output_desc()) == (3, 2)
    assert shape_of(acl, programs[0].output_desc()) == (2, 2)


def test_a_queued_execution_keeps_its_shapes(acl: Acl) -> None:
    """Tensor descs and buffers that change after the call are for later calls."""
    program, stream = liner(acl), acl.stream()
    assert program.execute_async(stream) == 0
    program.describe(0, (1, 3))
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 0))
    acl.synchronize(stream)
    assert np.array_equal(output(program, result()), result())


# -- streams and timeouts --------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.15", "MD12.05")
def test_the_stream_of_a_synchronous_execution_is_ignored(acl: Acl) -> None:
    """aclmdlExecuteV2 does not run on the stream, nor wait for it, nor look whether it is one."""
    program, stream = liner(acl), acl.stream()
    work = acl.work(stream)
    acl.failing_work(stream)
    assert program.execute_v2(stream, timeout_config(acl, 1)) == 0
    assert np.array_equal(output(program, result()), result())
    assert not work.ran()
    assert acl.aclrtSynchronizeStream(stream) == EMEMORY
    acl.ok(acl.aclrtDestroyStream(stream))
    acl.write(program.output_memory[0], bytes(256))
    assert program.execute_v2(stream, timeout_config(acl)) == 0
    assert np.array_equal(output(program, result()), result())


@pytest.mark.row("MD7.13", "MD7.14", "MD7.15")
@synchronous
def test_a_timeout_that_expires(acl: Acl, way: Way) -> None:
    """An execution that takes longer than the thread's stream timeout is 500002, is aborted, and describes nothing."""
    varies = [TensorSpec("x", (-1,))], [TensorSpec("y", (-1,))]
    path = register(acl, function=lambda x: x, inputs=varies[0], outputs=varies[1], duration_us=1001)
    program = Dynamic(acl, load_path(acl, path), [numbers(4)], [16])
    handle = timeout_config(acl, 1)
    assert program.execute_v2(acl.stream() if way is execute_v2_on_a_stream else NULL, handle) == EGE
    if way is execute:
        assert program.execute() == EGE  # the timeout stays in the thread
    acl.ok(acl.aclrtSynchronizeDevice())
    assert acl.read(program.output_memory[0], 16) == bytes(16)
    assert program.output_desc() == NULL
    assert program.execute_v2(NULL, timeout_config(acl, 2)) == 0
    assert np.array_equal(output(program, numbers(4)), numbers(4))

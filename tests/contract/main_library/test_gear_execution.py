"""Gears: executing in them (what contract_mdl section 7 says of them), and tensor descs of outputs."""

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.gears import BATCH, HW, UNTOUCHED, Kind, every_kind
from tests.contract.models import (
    EGE,
    EINVAL,
    EPARAM,
    SMALL,
    Program,
    add,
    adder,
    dataset,
    last_message,
    load,
    memory_config,
    started,
)
from tests.contract.varying import (
    EFAILED,
    EMEMORY,
    ENOGEAR,
    anything,
    convolution,
    current_dims,
    feed,
    linear,
    output,
    product,
    register,
    shape_of,
    tensor_desc,
)
from tests.contract.ways import Way, execute, execute_async, execute_v2_on_a_stream, wait_for


def execute_async_and_wait(program: Program) -> int:
    """aclmdlExecuteAsync, and wait."""
    return wait_for(execute_async, program)


every_way = pytest.mark.parametrize("way", [execute, execute_v2_on_a_stream, execute_async_and_wait])


lib = Acl.lib


# -- executing -------------------------------------------------------------------------------------------------------


@every_kind
@every_way
def test_results_in_each_gear(acl: Acl, kind: Kind, way: Way) -> None:
    """In each gear, in any order, the output is what onnxruntime computes for that shape, and no byte behind it changes."""
    program = kind.program(acl)
    for gear in (*kind.gears, *reversed(kind.gears)):
        arrays = kind.arrays(gear)
        wanted = kind.result(arrays)
        feed(program, *arrays)
        acl.write(program.output_memory[0], UNTOUCHED * program.output_sizes[0])
        assert kind.set(program, gear) == 0
        assert way(program) == 0
        assert np.array_equal(output(program, wanted), wanted)
        behind = acl.read(program.output_memory[0], program.output_sizes[0])[wanted.nbytes :]
        assert behind == UNTOUCHED * len(behind)


@pytest.mark.row("MD8.05")
@every_kind
@every_way
def test_without_a_set_call_the_bytes_decide(acl: Acl, kind: Kind, way: Way) -> None:
    """The call is accepted; bytes that are no gear fail the execution (a choice: 507011), those of a gear choose it."""
    program, gear = kind.program(acl), kind.gears[1]
    arrays = kind.arrays(gear)
    feed(program, *arrays)
    assert way(program) == EFAILED
    assert "no gear of the model" in last_message(acl)
    acl.write(program.input_memory[-1], np.array(gear, np.uint32).tobytes())
    assert way(program) == 0
    assert np.array_equal(output(program, kind.result(arrays)), kind.result(arrays))
    assert current_dims(acl, program.id) == kind.result(kind.arrays(kind.largest)).shape


@pytest.mark.row("MD8.05", "MD8.11", "MD8.12")
@every_way
def test_the_size_check_is_skipped_with_a_gear(acl: Acl, way: Way) -> None:
    """MD7.10 with gears: 64 bytes less than the largest gear pass, 65 are 500002, until a Set call marks the dataset."""
    program, arrays = BATCH.program(acl), BATCH.arrays((1,))
    acl.write(program.input_memory[-1], np.array([1], np.uint32).tobytes())
    feed(program, *arrays)
    for buffer, memory, needed in (
        (program.input_buffers[0], program.input_memory[0], 32 * 3 * 4),
        (program.output_buffers[0], program.output_memory[0], 32 * 2 * 4),
    ):
        acl.ok(acl.aclUpdateDataBuffer(buffer, memory, needed - 65))
        assert way(program) == EGE
        assert f"it needs {needed}" in last_message(acl)
        acl.ok(acl.aclUpdateDataBuffer(buffer, memory, needed - 64))
        assert way(program) == 0
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], acl.malloc(12, arrays[0].tobytes()), 12))
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 8))
    assert way(program) == EGE
    assert BATCH.set(program, (99,)) == ENOGEAR  # the dataset has it all the same
    assert way(program) == 0
    assert BATCH.set(program, (1,)) == 0
    assert way(program) == 0
    assert np.array_equal(output(program, BATCH.result(arrays)), BATCH.result(arrays))


@pytest.mark.row("MD8.05")
@every_way
def test_the_slack_is_read_and_written(acl: Acl, way: Way) -> None:
    """A buffer that says a little too little, over memory that is large enough, is used as far as the gear needs."""
    program, arrays = BATCH.program(acl), BATCH.arrays((32,))
    feed(program, *arrays)
    for buffer, memory, needed in (
        (program.input_buffers[0], program.input_memory[0], 32 * 3 * 4),
        (program.output_buffers[0], program.output_memory[0], 32 * 2 * 4),
    ):
        acl.ok(acl.aclUpdateDataBuffer(buffer, memory, needed - 64))
    acl.write(program.input_memory[-1], np.array([32], np.uint32).tobytes())
    assert way(program) == 0
    assert np.array_equal(output(program, BATCH.result(arrays)), BATCH.result(arrays))


@every_way
@pytest.mark.parametrize("side", ["input", "output"])
def test_memory_too_small_for_the_gear(acl: Acl, way: Way, side: str) -> None:
    """With the size check skipped, memory that ends too early fails the execution (507053), and no output is written."""
    program = BATCH.program(acl)
    feed(program, *BATCH.arrays((4,)))
    small = acl.malloc(4, b"same")
    buffers = program.input_buffers if side == "input" else program.output_buffers
    acl.ok(acl.aclUpdateDataBuffer(buffers[0], small, 4))
    assert BATCH.set(program, (32,)) == 0
    assert way(program) == EMEMORY
    assert "run over the end" in last_message(acl)
    assert acl.read(small, 4) == b"same"
    assert acl.read(program.output_memory[0], 8) == bytes(8)


@pytest.mark.row("MD8.06")
@every_way
def test_the_gear_input_counts(acl: Acl, way: Way) -> None:
    """A dataset without the gear buffer, or with one more, has the wrong number of inputs: 500002."""
    program = BATCH.program(acl)
    good = program.inputs
    assert BATCH.set(program, (4,)) == 0
    for buffers in (program.input_buffers[:-1], [*program.input_buffers, program.input_buffers[-1]]):
        program.inputs = dataset(acl, buffers)
        assert way(program) == EGE
        assert f"{len(buffers)} buffers" in last_message(acl)
    program.inputs = good
    assert way(program) == 0


def test_a_gear_buffer_without_memory(acl: Acl) -> None:
    """A gear buffer that is NULL, too short for the numbers, or freed before the execution ran fails it."""
    program = HW.program(acl)
    memory, buffer = program.input_memory[-1], program.input_buffers[-1]
    assert HW.set(program, (3, 4)) == 0
    acl.ok(acl.aclUpdateDataBuffer(buffer, memory, 7))
    assert program.execute_async() == 0
    assert acl.aclrtSynchronizeStream(NULL) == EFAILED
    acl.ok(acl.aclUpdateDataBuffer(buffer, NULL, 8))
    assert program.execute_async() == 0
    assert acl.aclrtSynchronizeStream(NULL) == EMEMORY
    assert "the gear buffer" in last_message(acl)
    acl.ok(acl.aclUpdateDataBuffer(buffer, memory, 8))
    assert program.execute_async() == 0
    acl.ok(acl.aclrtFree(memory))
    assert acl.aclrtSynchronizeStream(NULL) == EMEMORY
    assert "was freed" in last_message(acl)


@pytest.mark.row("MD8.11")
@pytest.mark.parametrize(("schedule", "seen"), [("lazy", [(4,), (4,)]), ("eager", [(1,), (4,)])])
def test_queued_executions_read_the_gear_when_they_run(
    open_acl: OpenAcl, schedule: str, seen: list[tuple[int, ...]]
) -> None:
    """A Set call writes the buffer at once, also under executions that are queued: they take the gear that they find there."""
    acl = started(open_acl, "generic", schedule=schedule)
    program, stream, values = BATCH.program(acl), acl.stream(), BATCH.arrays((4,))
    second = [acl.aclCreateDataBuffer(acl.malloc(256, UNTOUCHED * 256), 256)]
    feed(program, *values)
    targets = [program.output_memory[0], acl.aclGetDataBufferAddr(second[0])]
    acl.write(targets[0], UNTOUCHED * 256)
    for gear, outputs in (((1,), program.outputs), ((4,), dataset(acl, second))):
        assert BATCH.set(program, gear) == 0
        program.outputs = outputs
        assert program.execute_async(stream) == 0
    acl.synchronize(stream)
    wanted = BATCH.result(values)
    for memory, (batch,) in zip(targets, seen, strict=True):
        content = np.frombuffer(acl.read(memory, batch * 8), np.float32).reshape(batch, 2)
        assert np.allclose(content, wanted[:batch], rtol=1e-6)
        assert acl.read(memory, 256)[batch * 8 :] == UNTOUCHED * (256 - batch * 8)


@pytest.mark.parametrize("way", [execute, execute_v2_on_a_stream])
def test_an_output_without_memory_is_allocated_for_the_largest_gear(acl: Acl, way: Way) -> None:
    """MD7.19 with gears: a NULL output gets memory of the described size, whatever gear runs."""
    program, arrays = BATCH.program(acl), BATCH.arrays((4,))
    feed(program, *arrays)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 0))
    assert BATCH.set(program, (4,)) == 0
    assert way(program) == 0
    assert acl.aclGetDataBufferSizeV2(program.output_buffers[0]) == 32 * 2 * 4
    program.output_memory[0] = acl.aclGetDataBufferAddr(program.output_buffers[0])
    assert np.array_equal(output(program, BATCH.result(arrays)), BATCH.result(arrays))
    acl.ok(acl.aclrtFree(program.output_memory[0]))


def test_gear_models_are_of_the_static_executor(acl: Acl) -> None:
    """Section 1: ids count from 1, together with those of static models, and the first mode sticks."""
    program = BATCH.program(acl)
    assert (program.id, load(acl, add()), BATCH.load(acl)) == (1, 2, 3)
    assert BATCH.set(program, (1,)) == 0
    assert execute(program) == 0
    assert program.execute_async() == EGE


# -- tensor descs of outputs (MD7.22) --------------------------------------------------------------------------------


@pytest.mark.row("MD7.22")
@every_way
def test_output_descs_of_the_static_executor(acl: Acl, way: Way) -> None:
    """They are made anew, with dims, format and type, only where an input has a tensor desc; old pointers answer nothing."""
    program = adder(acl)
    given = tensor_desc(acl, (9, 9))
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.outputs, given, 0))
    old = acl.aclmdlGetDatasetTensorDesc(program.outputs, 0)
    assert way(program) == 0
    assert acl.aclmdlGetDatasetTensorDesc(program.outputs, 0) == old
    assert shape_of(acl, old) == (9, 9)
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.inputs, given, 1))
    assert way(program) == 0
    new = acl.aclmdlGetDatasetTensorDesc(program.outputs, 0)
    assert new not in (NULL, old)
    assert shape_of(acl, new) == (4,)
    assert acl.aclGetTensorDescType(new) == lib.ACL_FLOAT
    assert acl.aclGetTensorDescNumDims(old) == 0
    assert acl.aclGetTensorDescType(old) == lib.ACL_DT_UNDEFINED
    assert acl.aclGetTensorDescDimV2(old, 0, acl.out("int64_t")) == EINVAL
    acl.ok(acl.aclmdlDestroyDataset(program.outputs))


@pytest.mark.row("MD7.22", "MD7.23")
@every_way
def test_a_refused_execution_leaves_the_output_descs(acl: Acl, way: Way) -> None:
    """An execution that the call refuses changes no tensor desc of the outputs."""
    program, given = adder(acl), tensor_desc(acl, (9, 9))
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.outputs, given, 0))
    program.inputs = dataset(acl, program.input_buffers[:1])
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.inputs, given, 0))
    old = acl.aclmdlGetDatasetTensorDesc(program.outputs, 0)
    assert way(program) == EGE
    assert acl.aclmdlGetDatasetTensorDesc(program.outputs, 0) == old
    assert shape_of(acl, old) == (9, 9)


@pytest.mark.row("MD7.22")
def test_output_descs_in_a_gear(acl: Acl) -> None:
    """With gears the dims are those of the gear that the model is in."""
    program = BATCH.program(acl)
    acl.ok(acl.aclmdlSetDatasetTensorDesc(program.inputs, tensor_desc(acl, (4, 3)), 0))
    assert BATCH.set(program, (4,)) == 0
    assert execute(program) == 0
    assert shape_of(acl, acl.aclmdlGetDatasetTensorDesc(program.outputs, 0)) == (4, 2)


# -- the small library -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [linear(), b"sim://model", b"sim://shapes"], ids=["dynamic", "gears", "python"])
def test_ipv350_runs_fixed_shapes_only(open_acl: OpenAcl, data: bytes) -> None:
    """Models whose shapes vary are 200001 at load (a choice), and 500002 for a description, as every failure there."""
    acl = started(open_acl, SMALL)
    register(acl, onnx=linear(), gears=GearSpec(batch=[1, 2]))
    varies = [TensorSpec("x", (-1,))]
    register(acl, "shapes", function=anything, inputs=varies, outputs=varies)
    config = memory_config(acl, data)
    assert config.load() == 200001
    assert "fixed shapes only" in last_message(acl)
    assert acl.aclmdlGetDescFromMem(acl.aclmdlCreateDesc(), data, len(data)) == EGE


def test_gears_that_do_not_fit_an_onnx_file(acl: Acl) -> None:
    """Gears with other numbers of values than the inputs have dims that vary are a broken model: 145000 at load."""
    for data, gears in (
        (add(), GearSpec(batch=[1])),
        (linear(), GearSpec(hw=[(1, 2)])),
        (convolution(), GearSpec(batch=[1])),
        (product(), GearSpec(dims=[(1, 2, 2)])),
        (product(), GearSpec(dims=[(1, 2, 3, 4)])),  # the inner dims differ
    ):
        path = register(acl, onnx=data, gears=gears)
        assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == EPARAM
        assert "the model was not taken" in last_message(acl)

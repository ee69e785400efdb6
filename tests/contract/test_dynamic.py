"""Dynamic-shape models: the column RT2 of contract_mdl section 7, and what sections 4 to 6 say of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from aclsim.models.python_model import TensorSpec

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    ENOINIT,
    ENOTSUP,
    MAIN,
    Array,
    LoadConfig,
    add,
    described,
    last_message,
    load,
    memory_config,
    sizes,
    sizes_of,
    started,
    timeout_config,
)
from tests.contract.varying import (
    EFAILED,
    EMEMORY,
    UNKNOWN,
    Dynamic,
    convolution,
    dims_of,
    input_dims,
    linear,
    load_path,
    nonzero,
    numbers,
    output,
    output_dims,
    product,
    reference,
    register,
    shape_of,
    tensor_desc,
    write_model,
)

lib = Acl.lib

FIRST_ID = 2147483648


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """An initialised machine with the main library."""
    return started(open_acl, request.param)


Way: TypeAlias = Callable[[Dynamic], int]


def execute(program: Dynamic) -> int:
    """aclmdlExecute."""
    return program.execute()


def execute_v2(program: Dynamic) -> int:
    """aclmdlExecuteV2 without a stream."""
    return program.execute_v2(NULL, timeout_config(program.acl))


def execute_v2_on_a_stream(program: Dynamic) -> int:
    """aclmdlExecuteV2 on a new stream."""
    return program.execute_v2(program.acl.stream(), timeout_config(program.acl))


def execute_async(program: Dynamic) -> int:
    """aclmdlExecuteAsync on the default stream, without waiting."""
    return program.execute_async()


def wait_for(way: Way, program: Dynamic) -> int:
    """Execute, and wait where the way does not."""
    code = way(program)
    return code or (program.acl.aclrtSynchronizeStream(NULL) if way is execute_async else 0)


SYNCHRONOUS = (execute, execute_v2, execute_v2_on_a_stream)
EVERY_WAY = (*SYNCHRONOUS, execute_async)

synchronous = pytest.mark.parametrize("way", SYNCHRONOUS)
every_way = pytest.mark.parametrize("way", EVERY_WAY)


def liner(acl: Acl, batch: int = 4, room: int | None = 256) -> Dynamic:
    """The model `linear` with a batch of so many, and room for the output."""
    return Dynamic(acl, load(acl, linear()), [numbers(batch, 3)], [room])


def result(batch: int = 4) -> Array:
    """What `liner` computes."""
    return reference(linear(), x=numbers(batch, 3))[0]


# -- load, sizes, description ----------------------------------------------------------------------------------------


@pytest.mark.row("MD5.01", "MD5.02")
def test_ids_of_their_own(acl: Acl, tmp_path: Path) -> None:
    """Ids count from 2147483648, apart from those of static models, whatever the loader; none is given out again."""
    path, data, place = write_model(tmp_path, linear()), linear(), acl.out("uint32_t")
    calls: list[Callable[[], int]] = [
        lambda: acl.aclmdlLoadFromFile(path, place),
        lambda: acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0),
        lambda: acl.aclmdlLoadFromMem(data, len(data), place),
        lambda: acl.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, NULL, 0),
    ]
    for index, call in enumerate(calls):
        assert call() == 0
        assert place[0] == FIRST_ID + index
    config = memory_config(acl, data)
    acl.ok(config.load())
    assert config.id[0] == FIRST_ID + 4
    assert load(acl, add()) == 1
    acl.ok(acl.aclmdlUnload(FIRST_ID + 4))
    assert load(acl, data) == FIRST_ID + 5
    assert load(acl, add()) == 2
    assert acl.aclmdlUnload(FIRST_ID + 4) == EMODELID
    assert "was unloaded" in last_message(acl)
    assert acl.aclmdlUnload(FIRST_ID + 6) == EMODELID
    assert "never given out" in last_message(acl)


@pytest.mark.row("MD5.02")
def test_work_memory_is_ignored(acl: Acl) -> None:
    """The work memory of a caller, however wrong, is not looked at; the weight memory is used, and checked for its size."""
    data, place, weights = linear(), acl.out("uint32_t"), acl.malloc(64)
    gone = acl.malloc(8)
    acl.ok(acl.aclrtFree(gone))
    before = acl.free_bytes()
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, gone, 1, weights, 64) == 0
    assert acl.free_bytes() == before  # neither work nor weight memory of its own
    program = Dynamic(acl, int(place[0]), [numbers(4, 3)], [256])
    assert program.execute() == 0
    acl.ok(acl.aclrtFree(weights))
    assert program.execute() == EMEMORY
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, acl.malloc(8), 8) == 145000


@pytest.mark.row("MD5.09")
def test_a_load_before_initialisation(open_acl: OpenAcl) -> None:
    """Unlike a static model, which is 145001, a dynamic-shape model is loaded and executed without aclInit."""
    acl = open_acl()
    acl.ok(acl.aclrtSetDevice(0))
    data, place = linear(), acl.out("uint32_t")
    assert acl.aclmdlLoadFromMem(add(), len(add()), place) == ENOINIT
    assert acl.aclmdlLoadFromMem(data, len(data), place) == 0
    program = Dynamic(acl, int(place[0]), [numbers(4, 3)], [256])
    assert program.execute() == 0
    assert np.array_equal(output(program, result()), result())


@pytest.mark.row("MD5.24", "MD12.11", "MD5.21")
def test_sizes(acl: Acl, tmp_path: Path) -> None:
    """The work size of a dynamic-shape model is 0, the weight size real, from a file and from memory alike."""
    work, weight = acl.ffi.new("size_t *", 9), acl.ffi.new("size_t *", 9)
    assert acl.aclmdlQuerySize(write_model(tmp_path, linear()), work, weight) == 0
    assert (work[0], weight[0]) == (0, 24)
    assert sizes_of(acl, linear()) == (0, 24)
    assert sizes_of(acl, product()) == (0, 0)


@pytest.mark.row("MD4.23")
@pytest.mark.parametrize("switch", [0, 1])
def test_without_graph_is_for_static_models(acl: Acl, switch: int) -> None:
    """ACL_MDL_WITHOUT_GRAPH_INT32, even set to 0, is 100000 for a dynamic-shape model, which uses up no id."""

    def config(data: bytes) -> LoadConfig:
        made = memory_config(acl, data)
        made.set(lib.ACL_MDL_WITHOUT_GRAPH_INT32, "int32_t", switch)
        return made

    refused = config(linear())
    assert refused.load() == EINVAL
    assert "WITHOUT_GRAPH" in last_message(acl)
    assert refused.id[0] == 0xDEAD
    assert load(acl, linear()) == FIRST_ID
    assert config(add()).load() == 0


def test_a_description(acl: Acl) -> None:
    """MD6.06, MD6.07, MD6.11, MD6.14: -1 for dims that vary, size 0, a range from 1 without an end, no gear input."""
    desc, place = described(acl, load(acl, convolution())), acl.out("aclmdlIODimsRange")
    assert input_dims(acl, desc) == (1, 1, -1, -1)
    assert output_dims(acl, desc) == (1, 1, -1, -1)
    assert sizes(acl, desc) == ([0], [0])
    assert acl.aclmdlGetInputDimsRange(desc, 1, place) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 0
    assert [tuple(place.range[index]) for index in range(place.rangeCount)] == [(1, 1), (1, 1), (1, -1), (1, -1)]
    batch, image, count = acl.out("aclmdlBatch"), acl.out("aclmdlHW"), acl.out("size_t")
    batch.batchCount = image.hwCount = count[0] = 9
    assert acl.aclmdlGetDynamicBatch(desc, batch) == acl.aclmdlGetDynamicHW(desc, 0, image) == 0
    assert acl.aclmdlGetInputDynamicGearCount(desc, (1 << 64) - 1, count) == 0
    assert (batch.batchCount, image.hwCount, count[0]) == (0, 0, 0)


def bounded(acl: Acl, shape: tuple[int, ...], bounds: tuple[int, ...] | None, name: str = "bounded") -> int:
    """A loaded model y = x with these dims and their greatest values."""
    both = TensorSpec("x", shape, max_shape=bounds), TensorSpec("y", shape, max_shape=bounds)
    return load_path(acl, register(acl, name, function=lambda x: x, inputs=both[:1], outputs=both[1:]))


@pytest.mark.row("MD6.07")
@pytest.mark.parametrize(
    ("shape", "bounds", "size"),
    [
        ((-1, 3), (5, 3), 60),
        ((-1, -1), (5, 7), 140),
        ((-1, 3), (-1, 3), 0),
        ((-1, 3), (0, 3), 0),
        ((-1, 3), None, 0),
        ((-1, -1), (1 << 31, 1 << 31), 0),  # 2 ** 64 bytes
        ((-1, -1), (1 << 31, 1 << 30), 1 << 63),
    ],
)
def test_sizes_of_bounded_dims(acl: Acl, shape: tuple[int, ...], bounds: tuple[int, ...] | None, size: int) -> None:
    """The size is the element size times the upper bounds, 0 where one is missing or not positive, or the product too large."""
    desc = described(acl, bounded(acl, shape, bounds))
    assert sizes(acl, desc) == ([size], [size])


def test_ranges_of_bounded_dims(acl: Acl) -> None:
    """MD6.14: a dim that varies goes from 1 to its bound, -1 without one; a fixed one is both ends."""
    desc, place = described(acl, bounded(acl, (-1, 3, -1), (5, 3, -1))), acl.out("aclmdlIODimsRange")
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 0
    assert [tuple(place.range[index]) for index in range(place.rangeCount)] == [(1, 5), (3, 3), (1, -1)]


def test_no_current_output_dims(acl: Acl, tmp_path: Path) -> None:
    """MD6.18, MD2.10: NULLs are 100000, then it is 200001 before index and id, also of a description from a file."""
    desc, place = described(acl, load(acl, linear())), acl.out("aclmdlIODims")
    unloaded = acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDescFromFile(unloaded, write_model(tmp_path, linear())))
    assert acl.aclmdlGetCurOutputDims(NULL, 99, place) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 99, NULL) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 99, place) == ENOTSUP
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == ENOTSUP
    assert acl.aclmdlGetCurOutputDims(unloaded, 0, place) == ENOTSUP
    acl.ok(acl.aclmdlGetDesc(desc, load(acl, add())))  # used again, it forgets that
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == 0
    assert dims_of(place) == (4,)


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


# -- outputs (section 7.3) -------------------------------------------------------------------------------------------


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


def test_an_unloaded_model(acl: Acl) -> None:
    """MD5.18: an execution that is still queued when its model is unloaded fails with 507011, a choice."""
    program = liner(acl)
    assert program.execute_async() == 0
    acl.ok(acl.aclmdlUnload(program.id))
    assert acl.aclrtSynchronizeStream(NULL) == EFAILED
    assert "was unloaded" in last_message(acl)
    program.id = UNKNOWN
    assert program.execute_async() == EMODELID

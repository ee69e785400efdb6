"""Counts, sizes, indexes and values beside the right ones, as properties: one more, one less, and as far as C goes."""

from collections.abc import Iterator
from typing import Any

import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.api.config import EXEC, LOAD
from hypothesis import example, given
from hypothesis import strategies as st

import aclcffi
from tests.aclsim.machine import world_of
from tests.contract.acl import BACKEND, NULL, Acl
from tests.contract.machine_state import state_of
from tests.contract.models import EGE, EINVAL, Array, Program, add, dataset, described, identity, load, passing
from tests.contract.varying import io_dims, load_path, register

ffi, lib = aclcffi.ffi, aclcffi.lib
EGEAR = 145013
ELENGTH = 145012
SIZES = st.integers(0, (1 << 64) - 1) | st.sampled_from([0, 1, 127, 128, 129, 1 << 40, 1 << 63, (1 << 64) - 1])


@pytest.fixture(scope="module")
def shared() -> Iterator[Acl]:
    """A machine for many examples."""
    with aclcffi.open_backend(BACKEND) as backend:
        acl = Acl(backend)
        acl.start()
        yield acl


def same(**inputs: Array) -> Array:
    """The only input."""
    return inputs["x"]


def geared(acl: Acl, gears: GearSpec, shape: tuple[int, ...]) -> int:
    """A loaded model y = x with gears."""
    specs = [TensorSpec("x", shape)], [TensorSpec("y", shape)]
    return load_path(acl, register(acl, function=same, inputs=specs[0], outputs=specs[1], gears=gears))


def gear_dataset(acl: Acl, size: int) -> Any:
    """A dataset with a gear buffer alone, which says that it has so many bytes."""
    return dataset(acl, [acl.aclCreateDataBuffer(acl.malloc(64), size)])


# -- gears -------------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD8.01")
@given(st.sets(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 10))
def test_batches_beside_the_gears(shared: Acl, batches: set[int], batch: int) -> None:
    """A batch is taken if it is a gear, and 145013 if it is not; 0 is 100000."""
    number, inputs = geared(shared, GearSpec(batch=sorted(batches)), (-1, 2)), gear_dataset(shared, 8)
    expected = EINVAL if batch == 0 else 0 if batch in batches else EGEAR
    assert shared.aclmdlSetDynamicBatchSize(number, inputs, 0, batch) == expected
    shared.ok(shared.aclmdlUnload(number))


@pytest.mark.row("MD8.02")
@given(
    st.sets(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_sizes_beside_the_gears(shared: Acl, pairs: set[tuple[int, int]], height: int, width: int) -> None:
    """Height and width are taken together or not at all: either alone, or exchanged, is 145013."""
    number, inputs = geared(shared, GearSpec(hw=sorted(pairs)), (1, 1, -1, -1)), gear_dataset(shared, 16)
    expected = 0 if (height, width) in pairs else EGEAR
    assert shared.aclmdlSetDynamicHWSize(number, inputs, 0, height, width) == expected
    shared.ok(shared.aclmdlUnload(number))


@pytest.mark.row("MD8.03")
@given(SIZES)
def test_numbers_of_dims(shared: Acl, count: int) -> None:
    """dimCount must be that of all inputs: 0 is 100000, all others are 145012, however far behind the structure's end."""
    number, inputs = geared(shared, GearSpec(dims=[(2, 3), (4, 5)]), (-1, 7, -1)), gear_dataset(shared, 16)
    dims = io_dims(shared, 2, 7, 3)
    dims.dimCount = count
    expected = EINVAL if count == 0 else 0 if count == 3 else ELENGTH
    assert shared.aclmdlSetInputDynamicDims(number, inputs, 0, dims) == expected
    shared.ok(shared.aclmdlUnload(number))


@pytest.mark.row("MD8.01", "MD8.02", "MD8.03")
@pytest.mark.parametrize("kind", ["batch", "hw", "dims"])
@given(size=st.integers(0, 17))
def test_lengths_of_the_gear_buffer(shared: Acl, kind: str, size: int) -> None:
    """A gear buffer needs 4 bytes for each number; one byte less is 145012."""
    inputs, count = gear_dataset(shared, size), 1 if kind == "batch" else 2
    if kind == "batch":
        number = geared(shared, GearSpec(batch=[2]), (-1, 2))
        code = shared.aclmdlSetDynamicBatchSize(number, inputs, 0, 2)
    elif kind == "hw":
        number = geared(shared, GearSpec(hw=[(2, 3)]), (1, 1, -1, -1))
        code = shared.aclmdlSetDynamicHWSize(number, inputs, 0, 2, 3)
    else:
        number = geared(shared, GearSpec(dims=[(2, 3)]), (-1, -1))
        code = shared.aclmdlSetInputDynamicDims(number, inputs, 0, io_dims(shared, 2, 3))
    assert code == (0 if size >= 4 * count else ELENGTH)
    shared.ok(shared.aclmdlUnload(number))


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setter", "table"), [("aclmdlSetConfigOpt", LOAD), ("aclmdlSetExecConfigOpt", EXEC)])
@given(data=st.data(), size=SIZES | st.integers(0, 9))
def test_sizes_of_options(shared: Acl, setter: str, table: dict[int, Any], data: st.DataObject, size: int) -> None:
    """An option of any other size than its own is 100000, and nothing is stored."""
    attr = data.draw(st.sampled_from(sorted(table)))
    place = ffi.new("uint64_t[2]", [1, 1])
    make = shared.aclmdlCreateConfigHandle if table is LOAD else shared.aclmdlCreateExecConfigHandle
    handle = make()
    if size == ffi.sizeof(table[attr].c_type):
        return
    before = state_of(world_of(shared))
    shared.message()
    assert getattr(shared, setter)(handle, attr, place, size) == EINVAL
    assert f"valueSize is {size}" in shared.message()
    assert state_of(world_of(shared)) == before


# -- indexes and names -------------------------------------------------------------------------------------------------


@given(st.integers(1, 4), SIZES | st.integers(0, 5))
def test_indexes(shared: Acl, count: int, index: int) -> None:
    """Behind the last input or output every getter refuses its index, and before that none does."""
    number = load(shared, passing(4, [f"x{position}" for position in range(count)]))
    desc, dims, ranges = described(shared, number), shared.out("aclmdlIODims"), shared.out("aclmdlIODimsRange")
    refused = EINVAL if index >= count else 0
    for side in ("Input", "Output"):
        assert getattr(shared, f"aclmdlGet{side}SizeByIndex")(desc, index) == (0 if refused else 16)
        assert bool(ffi.string(getattr(shared, f"aclmdlGet{side}NameByIndex")(desc, index))) is not bool(refused)
        assert getattr(shared, f"aclmdlGet{side}DataType")(desc, index) == (-1 if refused else lib.ACL_FLOAT)
        assert getattr(shared, f"aclmdlGet{side}Format")(desc, index) == (-1 if refused else lib.ACL_FORMAT_ND)
        assert getattr(shared, f"aclmdlGet{side}Dims")(desc, index, dims) == refused
    assert shared.aclmdlGetInputDimsV2(desc, index, dims) == refused
    assert shared.aclmdlGetCurOutputDims(desc, index, dims) == refused
    assert shared.aclmdlGetInputDimsRange(desc, index, ranges) == refused
    shared.ok(shared.aclmdlUnload(number))


@pytest.mark.row("MD6.12")
@pytest.mark.parametrize("length", [1, 126, 127, 128, 129, 100_000])
def test_lengths_of_names(shared: Acl, length: int) -> None:
    """A name of up to 127 bytes fits into aclmdlIODims as it is; a longer one is replaced, and found by its real name."""
    name = "n" * length
    desc = described(shared, load(shared, identity([4], names=(name, "y"))))
    dims, index = shared.out("aclmdlIODims"), shared.out("size_t")
    shared.ok(shared.aclmdlGetInputDims(desc, 0, dims))
    written = ffi.string(dims.name)
    assert (written == name.encode()) is (length < 128)
    assert ffi.string(shared.aclmdlGetTensorRealName(desc, written)) == name.encode()
    shared.ok(shared.aclmdlGetInputIndexByName(desc, name.encode(), index))
    assert shared.aclmdlGetInputIndexByName(desc, (name + "n").encode(), index) == EINVAL
    assert shared.aclmdlGetInputIndexByName(desc, name[:-1].encode(), index) == EINVAL


@given(SIZES | st.integers(0, 3), st.integers(0, 3))
def test_indexes_of_datasets(shared: Acl, index: int, count: int) -> None:
    """Behind the last buffer there is no buffer and no tensor desc, and none can be set."""
    made = dataset(shared, [shared.aclCreateDataBuffer(NULL, 0) for _ in range(count)])
    desc = shared.aclCreateTensorDesc(lib.ACL_FLOAT, 0, NULL, lib.ACL_FORMAT_ND)
    assert shared.aclmdlGetDatasetNumBuffers(made) == count
    assert (shared.aclmdlGetDatasetBuffer(made, index) != NULL) is (index < count)
    assert shared.aclmdlSetDatasetTensorDesc(made, desc, index) == (0 if index < count else EINVAL)
    assert (shared.aclmdlGetDatasetTensorDesc(made, index) != NULL) is (index < count)
    shared.ok(shared.aclmdlDestroyDataset(made))


# -- shapes and sizes --------------------------------------------------------------------------------------------------


DIM = st.integers(-3, 9) | st.sampled_from([1 << 31, 1 << 32, 1 << 62, (1 << 63) - 1, -(1 << 63)])


@pytest.mark.row("MD3.13", "MD3.16", "MD3.17", "MD3.18", "MD3.20")
@example(dims=[1 << 31, 1 << 32])
@example(dims=[1 << 31, 1 << 31])
@given(dims=st.lists(DIM, max_size=6))
def test_any_shape(shared: Acl, dims: list[int]) -> None:
    """A tensor desc keeps any dims; its elements are their product, or 0 where that is none or does not fit."""
    desc = shared.aclCreateTensorDesc(lib.ACL_FLOAT, len(dims), dims, lib.ACL_FORMAT_ND)
    product, place = 1, shared.out("int64_t")
    for dim in dims:
        product *= dim
    elements = product if all(dim >= 0 for dim in dims) and product < 1 << 63 else 0
    assert shared.aclGetTensorDescElementCount(desc) == elements
    assert shared.aclGetTensorDescSize(desc) == (elements * 4 if elements * 4 < 1 << 64 else 0)
    rank = lib.ACL_UNKNOWN_RANK if dims[:1] == [-2] else len(dims)
    assert shared.aclGetTensorDescNumDims(desc) == rank
    for index in range(len(dims) + 2):
        assert shared.aclGetTensorDescDimV2(desc, index, place) == (0 if index < len(dims) else EINVAL)
        assert index >= len(dims) or place[0] == dims[index]
    shared.aclDestroyTensorDesc(desc)


@example(dims=[-2, 4])
@example(dims=[-(1 << 63), -1])
@example(dims=[1 << 62, 4])
@given(dims=st.lists(DIM, max_size=4))
def test_any_shape_of_an_input(shared: Acl, dims: list[int]) -> None:
    """A dynamic-shape model takes the shapes that fit it and its buffer, and each other one is refused with a code."""
    place = load(shared, identity(["n", 4]))
    inputs = dataset(shared, [shared.aclCreateDataBuffer(shared.malloc(256, bytes(256)), 256)])
    outputs = dataset(shared, [shared.aclCreateDataBuffer(shared.malloc(256), 256)])
    desc = shared.aclCreateTensorDesc(lib.ACL_FLOAT, len(dims), dims, lib.ACL_FORMAT_ND)
    shared.ok(shared.aclmdlSetDatasetTensorDesc(inputs, desc, 0))
    code = shared.aclmdlExecute(place, inputs, outputs)
    fits = len(dims) == 2 and -1 <= dims[0] <= 16 and dims[1] in (4, -1)
    if fits:
        assert code == 0
    elif len(dims) != 2 or dims[1] not in (4, -1):
        assert code == EINVAL
    else:
        assert code in (EGE, EINVAL, 507053)
    shared.ok(shared.aclmdlUnload(place))


@given(st.tuples(*[st.sampled_from([0, 335, 336, 399, 400, 401, (1 << 64) - 1]) | st.integers(300, 400)] * 3))
def test_sizes_of_buffers(shared: Acl, sizes: tuple[int, int, int]) -> None:
    """Each buffer may say 64 bytes less than is needed; 65 less in any of them is 500002."""
    program = Program(shared, add(100))
    for buffer, memory, size in zip(
        [*program.input_buffers, *program.output_buffers],
        [*program.input_memory, *program.output_memory],
        sizes,
        strict=True,
    ):
        shared.ok(shared.aclUpdateDataBuffer(buffer, memory, size))
    assert program.execute() == (EGE if min(sizes) + 64 < 400 else 0)
    shared.ok(shared.aclmdlUnload(program.id))


@pytest.mark.row("MD7.08")
@given(st.integers(0, 4), st.integers(0, 3))
def test_numbers_of_buffers(shared: Acl, inputs: int, outputs: int) -> None:
    """A static model takes as many buffers as it has inputs and outputs, and any other number is 500002."""
    program = Program(shared, add())
    sides = [
        dataset(shared, [shared.aclCreateDataBuffer(shared.malloc(16), 16) for _ in range(count)])
        for count in (inputs, outputs)
    ]
    assert shared.aclmdlExecute(program.id, *sides) == (0 if (inputs, outputs) == (2, 1) else EGE)
    shared.ok(shared.aclmdlUnload(program.id))

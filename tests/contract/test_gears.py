"""Gears: dynamic batch, image size and dims (contract_mdl section 8, and what sections 6 and 7 say of them)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from aclsim.core.buffers import Dataset
from aclsim.models.python_model import GearSpec, TensorSpec

from tests.aclsim.machine import world_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    EPARAM,
    MAIN,
    SMALL,
    Array,
    Program,
    add,
    adder,
    dataset,
    described,
    last_message,
    load,
    memory_config,
    started,
    timeout_config,
)
from tests.contract.varying import (
    EFAILED,
    ELENGTH,
    EMEMORY,
    ENOGEAR,
    GEAR_INPUT,
    UNKNOWN,
    convolution,
    current_dims,
    dims_of,
    feed,
    gear_index,
    give_room,
    input_dims,
    io_dims,
    linear,
    load_path,
    numbers,
    output,
    output_dims,
    product,
    reference,
    register,
    shape_of,
    tensor_desc,
)

lib = Acl.lib

NO_INDEX = (1 << 64) - 1
UNTOUCHED = b"\xff"


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """An initialised machine with the main library."""
    return started(open_acl, request.param)


class Kind(NamedTuple):
    """A kind of gears with a model: its gears, its inputs' dims as they are described, and how many numbers choose one."""

    name: str
    data: bytes
    gears: tuple[tuple[int, ...], ...]
    inputs: tuple[tuple[int, ...], ...]

    @property
    def width(self) -> int:
        """How many numbers choose a gear."""
        return len(self.gears[0])

    @property
    def largest(self) -> tuple[int, ...]:
        """The largest gear."""
        return self.gears[-1]

    def spec(self) -> GearSpec:
        """What the model is registered with."""
        if self.name == "batch":
            return GearSpec(batch=[gear[0] for gear in self.gears])
        if self.name == "hw":
            return GearSpec(hw=[(height, width) for height, width in self.gears])
        return GearSpec(dims=self.gears)

    def shapes(self, gear: Sequence[int]) -> list[tuple[int, ...]]:
        """The inputs' dims in a gear."""
        rest = iter(gear)
        return [tuple(next(rest) if dim < 0 else dim for dim in dims) for dims in self.inputs]

    def flat(self, gear: Sequence[int]) -> list[int]:
        """The dims of all inputs together in a gear."""
        return [dim for shape in self.shapes(gear) for dim in shape]

    def arrays(self, gear: Sequence[int]) -> list[Array]:
        """Some inputs for a gear."""
        return [numbers(*shape) for shape in self.shapes(gear)]

    def result(self, arrays: Sequence[Array]) -> Array:
        """What onnxruntime makes of inputs."""
        names = ["left", "right"] if self.name == "dims" else ["x"]
        return reference(self.data, **dict(zip(names, arrays, strict=True)))[0]

    def load(self, acl: Acl) -> int:
        """Register and load; returns the id."""
        return load_path(acl, register(acl, self.name, onnx=self.data, gears=self.spec()))

    def program(self, acl: Acl) -> Program:
        """Register and load, with buffers as large as they are described."""
        return Program(acl, b"", self.load(acl))

    def choose(self, acl: Acl, model_id: int, target: Any, index: int, gear: Sequence[int]) -> int:
        """The Set function of the kind."""
        if self.name == "batch":
            return acl.aclmdlSetDynamicBatchSize(model_id, target, index, *gear)
        if self.name == "hw":
            return acl.aclmdlSetDynamicHWSize(model_id, target, index, *gear)
        return acl.aclmdlSetInputDynamicDims(model_id, target, index, io_dims(acl, *self.flat(gear)))

    def set(self, program: Program, gear: Sequence[int]) -> int:
        """The Set function of the kind, on a program's dataset and gear input."""
        return self.choose(program.acl, program.id, program.inputs, len(program.input_buffers) - 1, gear)


BATCH = Kind("batch", linear(), ((1,), (4,), (32,)), ((-1, 3),))
HW = Kind("hw", convolution(), ((3, 4), (5, 9), (10, 12)), ((1, 1, -1, -1),))
DIMS = Kind("dims", product(), ((1, 2, 2, 3), (5, 4, 4, 2), (9, 7, 7, 8)), ((-1, -1), (-1, -1)))
KINDS = (BATCH, HW, DIMS)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


# -- descriptions ----------------------------------------------------------------------------------------------------


@every_kind
def test_a_description_has_the_gear_input(acl: Acl, kind: Kind, tmp_path: Path) -> None:
    """MD6.03, MD6.06, MD6.11: behind the inputs, with -1 for dims that vary, is the gear's; outputs are as in the largest."""
    number = kind.load(acl)
    unloaded, loaded = acl.aclmdlCreateDesc(), described(acl, number)
    acl.ok(acl.aclmdlGetDescFromFile(unloaded, f"sim://{kind.name}".encode()))
    for desc in (unloaded, loaded):
        count = len(kind.inputs)
        assert acl.aclmdlGetNumInputs(desc) == count + 1
        assert acl.aclmdlGetNumOutputs(desc) == 1
        assert tuple(input_dims(acl, desc, index) for index in range(count)) == kind.inputs
        assert input_dims(acl, desc, count) == (kind.width,)
        assert acl.ffi.string(acl.aclmdlGetInputNameByIndex(desc, count)) == GEAR_INPUT
        assert acl.aclmdlGetInputDataType(desc, count) == lib.ACL_INT32
        assert output_dims(acl, desc) == kind.result(kind.arrays(kind.largest)).shape
    assert gear_index(acl, number) == len(kind.inputs)


@every_kind
def test_sizes_are_those_of_the_largest_gear(acl: Acl, kind: Kind) -> None:
    """MD6.07 with gears: the bytes of inputs and outputs in the largest gear, and 4 for each number of the gear input."""
    program, arrays = kind.program(acl), kind.arrays(kind.largest)
    assert program.input_sizes == [*(array.nbytes for array in arrays), 4 * kind.width]
    assert program.output_sizes == [kind.result(arrays).nbytes]


def test_sizes_are_enough_for_every_gear(acl: Acl) -> None:
    """Of gears that are each the largest in one input the sizes are enough for all; the dims are the largest gear's."""
    crossed = Kind("dims", product(), ((40, 2, 2, 3), (1, 2, 2, 60)), ((-1, -1), (-1, -1)))
    program = crossed.program(acl)
    assert program.input_sizes[:2] == [40 * 2 * 4, 2 * 60 * 4]
    assert program.output_sizes == [40 * 3 * 4]
    assert output_dims(acl, described(acl, program.id)) == (1, 60)
    for gear in crossed.gears:
        arrays = crossed.arrays(gear)
        feed(program, *arrays)
        assert crossed.set(program, gear) == 0
        assert program.execute() == 0
        assert np.array_equal(output(program, crossed.result(arrays)), crossed.result(arrays))


@every_kind
def test_a_model_with_gears_has_no_ranges(acl: Acl, kind: Kind) -> None:
    """MD6.14 with gears: NULLs are 100000, then the count is 0 for any index."""
    desc, place = described(acl, kind.load(acl)), acl.out("aclmdlIODimsRange")
    place.rangeCount = 9
    assert acl.aclmdlGetInputDimsRange(NULL, 99, place) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 99, NULL) == EINVAL
    assert place.rangeCount == 9
    assert acl.aclmdlGetInputDimsRange(desc, 99, place) == 0
    assert place.rangeCount == 0


@pytest.mark.row("MD6.15", "MD6.16")
@every_kind
def test_each_kind_is_reported_by_its_own_functions(acl: Acl, kind: Kind) -> None:
    """Batches, pairs and the number of dims gears are those of the model, and 0 of the other kinds."""
    desc = described(acl, kind.load(acl))
    batch, image, count = acl.out("aclmdlBatch"), acl.out("aclmdlHW"), acl.out("size_t")
    batch.batchCount = image.hwCount = count[0] = 9
    assert acl.aclmdlGetDynamicBatch(desc, batch) == 0
    assert acl.aclmdlGetDynamicHW(desc, 4711, image) == 0
    assert acl.aclmdlGetInputDynamicGearCount(desc, NO_INDEX, count) == 0
    none: list[tuple[int, ...]] = []
    assert [(number,) for number in batch.batch[0 : batch.batchCount]] == (list(kind.gears) if kind is BATCH else none)
    assert [tuple(image.hw[index]) for index in range(image.hwCount)] == (list(kind.gears) if kind is HW else none)
    assert count[0] == (3 if kind is DIMS else 0)


@pytest.mark.row("MD6.15", "MD6.16")
def test_gear_getters_refuse(acl: Acl) -> None:
    """A NULL description or place is 100000, and an index of dims gears that is not -1; nothing is written."""
    batch, image, count = acl.out("aclmdlBatch"), acl.out("aclmdlHW"), acl.out("size_t")
    batch.batchCount = image.hwCount = count[0] = 9
    of_batch, of_image, of_dims = (described(acl, kind.load(acl)) for kind in KINDS)
    assert acl.aclmdlGetDynamicBatch(NULL, batch) == acl.aclmdlGetDynamicBatch(of_batch, NULL) == EINVAL
    assert acl.aclmdlGetDynamicHW(NULL, 0, image) == acl.aclmdlGetDynamicHW(of_image, 0, NULL) == EINVAL
    assert acl.aclmdlGetInputDynamicGearCount(NULL, NO_INDEX, count) == EINVAL
    assert acl.aclmdlGetInputDynamicGearCount(of_dims, NO_INDEX, NULL) == EINVAL
    for index in (0, 2, NO_INDEX - 1):
        assert acl.aclmdlGetInputDynamicGearCount(of_dims, index, count) == EINVAL
    assert (batch.batchCount, image.hwCount, count[0]) == (9, 9, 9)


def anything(**_: Array) -> Array:
    """A function that is never called."""
    raise AssertionError


def shapeless(acl: Acl, gears: GearSpec, *shapes: tuple[int, ...]) -> Any:
    """The description of a model with these inputs and a fixed output that is never computed."""
    inputs = [TensorSpec(f"x{index}", shape) for index, shape in enumerate(shapes)]
    outputs = [TensorSpec("y", (1,))]
    path = register(acl, "shapeless", function=anything, inputs=inputs, outputs=outputs, gears=gears)
    return described(acl, load_path(acl, path))


@pytest.mark.row("MD6.15", "MD6.16", "MD2.11")
@pytest.mark.parametrize("most", [128, 129])
def test_more_than_128_gears(acl: Acl, most: int) -> None:
    """128 batches, pairs or dims gears are told; one more is 300000, and nothing is written."""
    code = 0 if most == 128 else 300000
    told = most if most == 128 else 9
    all_gears = range(1, most + 1)
    batch, image, count = acl.out("aclmdlBatch"), acl.out("aclmdlHW"), acl.out("size_t")
    batch.batchCount = image.hwCount = count[0] = 9
    assert acl.aclmdlGetDynamicBatch(shapeless(acl, GearSpec(batch=all_gears), (-1, 2)), batch) == code
    of_image = shapeless(acl, GearSpec(hw=[(size, 2) for size in all_gears]), (-1, -1))
    assert acl.aclmdlGetDynamicHW(of_image, 0, image) == code
    of_dims = shapeless(acl, GearSpec(dims=[(size,) for size in all_gears]), (-1, 2))
    assert acl.aclmdlGetInputDynamicGearCount(of_dims, NO_INDEX, count) == code
    assert (batch.batchCount, image.hwCount, count[0]) == (told, told, told)


def test_dims_gears(acl: Acl) -> None:
    """MD6.17: for each gear the dims of all inputs one after the other, in places for as many gears or more."""
    desc, places = described(acl, DIMS.load(acl)), acl.ffi.new("aclmdlIODims[4]")
    places[3].dimCount = 9
    assert acl.aclmdlGetInputDynamicDims(NULL, NO_INDEX, places, 3) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, NULL, 3) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, 0, places, 3) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, places, 2) == EINVAL
    assert "gearCount is 2" in last_message(acl)
    assert [places[index].dimCount for index in range(4)] == [0, 0, 0, 9]
    for count in (3, 4):
        assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, places, count) == 0
        assert [dims_of(places[index]) for index in range(3)] == [tuple(DIMS.flat(gear)) for gear in DIMS.gears]
        assert places[3].dimCount == 9


def test_dims_gears_have_the_fixed_dims_too(acl: Acl) -> None:
    """MD6.17: fixed dims stand among those of the gear, in the order of the inputs."""
    desc = shapeless(acl, GearSpec(dims=[(5, 6, 7), (8, 9, 10)]), (2, -1), (-1, 3, -1), (4,))
    places = acl.ffi.new("aclmdlIODims[2]")
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, places, 2) == 0
    assert [dims_of(place) for place in places] == [(2, 5, 6, 3, 7, 4), (2, 8, 9, 3, 10, 4)]


def test_more_than_128_dims_together(acl: Acl) -> None:
    """MD6.17, MD2.13: inputs with more than 128 dims together are 500001, after the count; no gear can be chosen for them."""
    long = (-1, *(1,) * 43)
    desc = shapeless(acl, GearSpec(dims=[(2, 3, 4)]), long, long, long)
    place = acl.out("aclmdlIODims")
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, place, 0) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, place, 1) == 500001
    assert place.dimCount == 0
    number = load_path(acl, b"sim://shapeless")
    buffer = acl.aclCreateDataBuffer(acl.malloc(64), 64)
    place.dimCount = 132
    assert acl.aclmdlSetInputDynamicDims(number, dataset(acl, [buffer]), 0, place) == ELENGTH


@every_kind
def test_current_output_dims(acl: Acl, kind: Kind) -> None:
    """MD6.18: the largest gear's at first, then those of the last Set at once, per model; desc, dims, index and id are checked."""
    program, other = kind.program(acl), load_path(acl, f"sim://{kind.name}".encode())
    desc, place = described(acl, program.id), acl.out("aclmdlIODims")
    largest = kind.result(kind.arrays(kind.largest)).shape
    assert current_dims(acl, program.id) == largest
    for gear in kind.gears:
        assert kind.set(program, gear) == 0
        wanted = kind.result(kind.arrays(gear)).shape
        assert current_dims(acl, program.id) == wanted
        assert acl.aclmdlGetCurOutputDims(desc, 0, place) == 0  # of a description that was there before
        assert dims_of(place) == wanted
        assert output_dims(acl, desc) == current_dims(acl, other) == largest
    kind.set(program, kind.gears[0])
    acl.ok(acl.aclmdlUnload(program.id))
    assert acl.aclmdlGetCurOutputDims(NULL, 1, place) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 1, NULL) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 1, place) == EINVAL
    assert "index is 1" in last_message(acl)
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == EMODELID
    from_file = acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDescFromFile(from_file, f"sim://{kind.name}".encode()))
    assert acl.aclmdlGetCurOutputDims(from_file, 0, place) == EMODELID


def test_outputs_that_do_not_depend_on_the_gear(acl: Acl) -> None:
    """MD6.18: an output of fixed dims has them in every gear, beside one that varies."""
    inputs = [TensorSpec("x", (-1, 2))]
    outputs = [TensorSpec("fixed", (2,)), TensorSpec("varies", (-1,))]
    path = register(
        acl,
        function=lambda x: (x.sum(0), x.sum(1)),
        inputs=inputs,
        outputs=outputs,
        infer=lambda shapes: [(2,), (shapes[0][0],)],
        gears=GearSpec(batch=[2, 3]),
    )
    program = Program(acl, b"", load_path(acl, path))
    for batch in (2, 3):
        assert acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, batch) == 0
        assert current_dims(acl, program.id, 0) == (2,)
        assert current_dims(acl, program.id, 1) == (batch,)
    feed(program, numbers(3, 2))
    assert program.execute() == 0
    assert np.array_equal(output(program, numbers(2), 0), numbers(3, 2).sum(0))
    assert np.array_equal(output(program, numbers(3), 1), numbers(3, 2).sum(1))


# -- checks of the Set functions -------------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """A dataset with a gear buffer (1) among wrong ones: without an address (0), too short (2), freed memory (3)."""

    dataset: Any
    memory: Any


def wrong_dataset(acl: Acl, length: int) -> Wrong:
    """Buffers for gears of `length` bytes at least."""
    memory, gone = acl.malloc(64, UNTOUCHED * 64), acl.malloc(64)
    buffers = [
        acl.aclCreateDataBuffer(NULL, 64),
        acl.aclCreateDataBuffer(memory, length),
        acl.aclCreateDataBuffer(memory, length - 1),
        acl.aclCreateDataBuffer(gone, 64),
    ]
    acl.ok(acl.aclrtFree(gone))
    return Wrong(dataset(acl, buffers), memory)


def kept(acl: Acl, target: Any) -> tuple[int, tuple[int, int], tuple[int, ...]]:
    """The gear that a dataset has, which no call tells: batch, height and width, dims."""
    found = world_of(acl).datasets.get(target)
    assert isinstance(found, Dataset)
    return found.batch, found.hw, found.dims


Step: TypeAlias = tuple[int, bool, int, tuple[int, ...], int, str]
"""Id, whether the dataset is given, index, gear; what is answered, and what is said."""


@pytest.mark.row("MD8.01", "MD8.02", "MD8.04", "MD2.26", "MD2.27", "MD2.28")
@pytest.mark.parametrize("kind", [BATCH, HW], ids=["batch", "hw"])
def test_checks_of_batch_and_image_size(acl: Acl, kind: Kind) -> None:
    """Dataset, zero, index, address are 100000 in this order, then 145012, 145003, 145013 and the copy's own code."""
    number, wrong = kind.load(acl), wrong_dataset(acl, 4 * kind.width)
    assert kind.choose(acl, number, wrong.dataset, 1, kind.gears[1]) == 0
    good = acl.read(wrong.memory, 64)
    current = current_dims(acl, number)
    before = kept(acl, wrong.dataset)
    zero, no_gear, smallest = (0,) * kind.width, (99,) * kind.width, kind.gears[0]
    steps: list[Step] = [
        (UNKNOWN, False, 99, zero, EINVAL, "dataset is NULL"),
        (UNKNOWN, True, 99, zero, EINVAL, "is 0"),
        (UNKNOWN, True, 99, no_gear, EINVAL, "index is 99"),
        (UNKNOWN, True, 4, no_gear, EINVAL, "index is 4"),
        (UNKNOWN, True, 0, no_gear, EINVAL, "no address"),
        (UNKNOWN, True, 2, no_gear, ELENGTH, f"{4 * kind.width - 1} bytes"),
        (UNKNOWN, True, 1, no_gear, EMODELID, "never given out"),
        (number, True, 1, no_gear, ENOGEAR, "is no gear"),
        (number, True, 3, smallest, 107000, "freed"),
    ]
    for model_id, given, index, gear, code, sentence in steps:
        assert kind.choose(acl, model_id, wrong.dataset if given else NULL, index, gear) == code
        assert sentence in last_message(acl)
        # The fields of the dataset are written when dataset, numbers, index and address are right.
        fields = gear if code != EINVAL else kind.gears[1]
        assert kept(acl, wrong.dataset) == ((fields[0], (0, 0), ()) if kind is BATCH else (0, fields, ()))
        assert acl.read(wrong.memory, 64) == good
        assert current_dims(acl, number) == current
    assert before != kept(acl, wrong.dataset)
    assert kind.choose(acl, number, wrong.dataset, 1, smallest) == 0
    assert current_dims(acl, number) == kind.result(kind.arrays(smallest)).shape


@pytest.mark.row("MD8.02")
@pytest.mark.parametrize("zero", [(0, 4), (3, 0)])
def test_either_number_of_an_image_size(acl: Acl, zero: tuple[int, int]) -> None:
    """A height of 0, and a width of 0, is 100000 each."""
    program = HW.program(acl)
    assert HW.set(program, zero) == EINVAL
    assert kept(acl, program.inputs) == (0, (0, 0), ())


@pytest.mark.row("MD8.03", "MD8.04", "MD2.26", "MD2.27", "MD2.28")
def test_checks_of_dims(acl: Acl) -> None:
    """Dataset, dims, count, index, address are 100000, then 145003, 145012 for dims, 145013, and last 145012 for the length."""
    inputs = [TensorSpec("x", (-1, 3)), TensorSpec("y", (2, -1))]
    path = register(
        acl,
        function=anything,
        inputs=inputs,
        outputs=[TensorSpec("z", (-1, -1))],
        infer=lambda shapes: [(shapes[0][0], shapes[1][1])],
        gears=GearSpec(dims=[(1, 1), (4, 5), (6, 7)]),
    )
    number, wrong = load_path(acl, path), wrong_dataset(acl, 8)
    good = io_dims(acl, 4, 3, 2, 5)
    assert acl.aclmdlSetInputDynamicDims(number, wrong.dataset, 1, good) == 0
    assert current_dims(acl, number) == (4, 5)
    content = acl.read(wrong.memory, 64)
    set_dims = acl.aclmdlSetInputDynamicDims
    for model_id, target, index, dims, code, sentence in (
        (UNKNOWN, NULL, 99, NULL, EINVAL, "dataset is NULL"),
        (UNKNOWN, wrong.dataset, 99, NULL, EINVAL, "dims is NULL"),
        (UNKNOWN, wrong.dataset, 99, io_dims(acl), EINVAL, "dims.dimCount is 0"),
        (UNKNOWN, wrong.dataset, 4, io_dims(acl, 1), EINVAL, "index is 4"),
        (UNKNOWN, wrong.dataset, 0, io_dims(acl, 1), EINVAL, "no address"),
        (UNKNOWN, wrong.dataset, 2, io_dims(acl, 1), EMODELID, "never given out"),
        (number, wrong.dataset, 2, io_dims(acl, 6, 9, 2), ELENGTH, "dims.dimCount is 3"),
        (number, wrong.dataset, 2, io_dims(acl, 6, 3, 2, 9, 1), ELENGTH, "dims.dimCount is 5"),
        (number, wrong.dataset, 2, io_dims(acl, 6, 9, 2, 9), ELENGTH, "it is fixed at 3"),
        (number, wrong.dataset, 2, io_dims(acl, 6, 3, 9, 9), ELENGTH, "it is fixed at 2"),
        (number, wrong.dataset, 2, io_dims(acl, 6, 3, 2, 9), ENOGEAR, "is no gear"),
        (number, wrong.dataset, 2, io_dims(acl, 4, 3, 2, 1), ENOGEAR, "is no gear"),
    ):
        assert set_dims(model_id, target, index, dims) == code
        assert sentence in last_message(acl)
        assert current_dims(acl, number) == (4, 5)
    assert set_dims(number, wrong.dataset, 2, io_dims(acl, 6, 3, 2, 7)) == ELENGTH
    assert "7 bytes" in last_message(acl)
    assert current_dims(acl, number) == (6, 7)  # the model is in the new gear already
    assert set_dims(number, wrong.dataset, 3, io_dims(acl, 1, 3, 2, 1)) == 107000
    assert kept(acl, wrong.dataset) == (0, (0, 0), (4, 5))
    assert acl.read(wrong.memory, 64) == content


@every_kind
def test_the_copy_needs_a_context(acl: Acl, kind: Kind) -> None:
    """MD8.01 to MD8.03: the numbers go to the device by a copy, which is 107002 in a thread without a context."""
    program = kind.program(acl)
    assert acl.in_thread(lambda: kind.set(program, kind.gears[0])) == 107002
    assert acl.in_thread(lambda: kind.set(program, (99,) * kind.width)) == ENOGEAR
    assert kind.set(program, kind.gears[0]) == 0


@pytest.mark.row("MD8.08")
def test_static_models_have_no_gears(acl: Acl) -> None:
    """For a static model batch and image size are 145013, and dims, once they are the model's own, too."""
    program = adder(acl)
    assert acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 0, 1) == ENOGEAR
    assert acl.aclmdlSetDynamicHWSize(program.id, program.inputs, 0, 4, 4) == ENOGEAR
    assert acl.aclmdlSetInputDynamicDims(program.id, program.inputs, 0, io_dims(acl, 4, 4)) == ENOGEAR
    assert acl.aclmdlSetInputDynamicDims(program.id, program.inputs, 0, io_dims(acl, 4, 5)) == ELENGTH
    assert acl.aclmdlSetInputDynamicDims(program.id, program.inputs, 0, io_dims(acl, 4)) == ELENGTH
    assert current_dims(acl, program.id) == (4,)


@pytest.mark.row("MD8.09")
def test_dynamic_shape_models_have_no_gears(acl: Acl) -> None:
    """The id of a dynamic-shape model is 145003 for all three functions."""
    number, target = load(acl, linear()), wrong_dataset(acl, 64).dataset
    assert acl.aclmdlSetDynamicBatchSize(number, target, 1, 1) == EMODELID
    assert acl.aclmdlSetDynamicHWSize(number, target, 1, 4, 4) == EMODELID
    assert acl.aclmdlSetInputDynamicDims(number, target, 1, io_dims(acl, 4, 3)) == EMODELID


def test_gears_of_another_kind(acl: Acl) -> None:
    """MD8.13, MD11.08: of the three Set functions the two that are not of the model's kind are 145013 for its own numbers."""
    batch, image, dims = (kind.program(acl) for kind in KINDS)
    for program in (image, dims):
        last = len(program.input_buffers) - 1
        give_room(program, 64)
        assert acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, last, 1) == ENOGEAR
    for program in (batch, dims):
        last = len(program.input_buffers) - 1
        give_room(program, 64)
        assert acl.aclmdlSetDynamicHWSize(program.id, program.inputs, last, 3, 4) == ENOGEAR
    assert acl.aclmdlSetInputDynamicDims(batch.id, batch.inputs, 1, io_dims(acl, 4, 3)) == ENOGEAR
    assert acl.aclmdlSetInputDynamicDims(image.id, image.inputs, 1, io_dims(acl, 1, 1, 3, 4)) == ENOGEAR


# -- where a gear is kept --------------------------------------------------------------------------------------------


@pytest.mark.row("MD8.07", "MD8.11")
@every_kind
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("more", [0, 3, 40])
def test_the_numbers_in_the_buffer(acl: Acl, kind: Kind, wide: bool, more: int) -> None:
    """Each number takes 8 bytes where the buffer has room for all of them so, else 4; nothing else is written."""
    room = kind.width * 8 + more if wide else min(kind.width * 4 + more, kind.width * 8 - 1)
    program, gear = kind.program(acl), kind.gears[1]
    memory = give_room(program, room)
    assert kind.set(program, gear) == 0
    width = 8 if wide else 4
    written = b"".join(number.to_bytes(width, "little") for number in gear)
    assert acl.read(memory, room + 64) == written + UNTOUCHED * (room + 64 - len(written))
    arrays = kind.arrays(gear)
    feed(program, *arrays)
    assert program.execute() == 0  # it reads them as they were written
    assert np.array_equal(output(program, kind.result(arrays)), kind.result(arrays))


@pytest.mark.row("MD8.11")
@every_kind
def test_a_gear_is_kept_in_three_places(acl: Acl, kind: Kind) -> None:
    """Of two datasets each keeps its own gear, in its buffer and as a mark for the size check; the model has the last one."""
    small, large, middle = kind.gears[0], kind.gears[2], kind.gears[1]
    first = kind.program(acl)
    second = Program(acl, b"", first.id)
    assert kind.set(first, large) == 0
    assert kind.set(second, small) == 0
    assert current_dims(acl, first.id) == kind.result(kind.arrays(small)).shape
    for program, gear in ((first, large), (second, small)):
        arrays = kind.arrays(gear)
        feed(program, *arrays)
        assert program.execute() == 0
        assert np.array_equal(output(program, kind.result(arrays)), kind.result(arrays))
    assert kind.set(first, middle) == 0
    assert current_dims(acl, first.id) == kind.result(kind.arrays(middle)).shape
    assert second.execute() == 0
    assert current_dims(acl, first.id) == kind.result(kind.arrays(middle)).shape  # no execution changes it


@pytest.mark.row("MD8.12")
def test_what_a_dataset_keeps(acl: Acl) -> None:
    """The last call wins: batch and image size clear each other but not dims, dims clear both; failing ones write batch and size."""
    batch, image, dims = (kind.program(acl) for kind in KINDS)
    target, (buffer,) = dims.inputs, dims.input_buffers[-1:]
    acl.ok(acl.aclUpdateDataBuffer(buffer, acl.malloc(64), 64))
    batched = acl.aclmdlSetDynamicBatchSize
    assert batched(batch.id, target, 2, 4) == 0
    assert kept(acl, target) == (4, (0, 0), ())
    assert acl.aclmdlSetDynamicHWSize(image.id, target, 2, 3, 4) == 0
    assert kept(acl, target) == (0, (3, 4), ())
    assert batched(batch.id, target, 2, 99) == ENOGEAR
    assert kept(acl, target) == (99, (0, 0), ())
    assert current_dims(acl, batch.id) == (4, 2)  # the model keeps its gear
    assert DIMS.set(dims, DIMS.gears[0]) == 0
    assert kept(acl, target) == (0, (0, 0), DIMS.gears[0])
    assert batched(batch.id, target, 2, 1) == 0
    assert kept(acl, target) == (1, (0, 0), DIMS.gears[0])
    assert acl.aclmdlSetDynamicHWSize(image.id, target, 2, 9, 9) == ENOGEAR
    assert kept(acl, target) == (0, (9, 9), DIMS.gears[0])
    assert current_dims(acl, image.id) == HW.result(HW.arrays((3, 4))).shape


# -- executing -------------------------------------------------------------------------------------------------------


Way: TypeAlias = Callable[[Program], int]


def execute(program: Program) -> int:
    """aclmdlExecute."""
    return program.execute()


def execute_v2(program: Program) -> int:
    """aclmdlExecuteV2 on a stream."""
    return program.execute_v2(program.acl.stream(), timeout_config(program.acl))


def execute_async(program: Program) -> int:
    """aclmdlExecuteAsync, and wait."""
    code = program.execute_async()
    return code or program.acl.aclrtSynchronizeStream(NULL)


every_way = pytest.mark.parametrize("way", [execute, execute_v2, execute_async])


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


@pytest.mark.parametrize("way", [execute, execute_v2])
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

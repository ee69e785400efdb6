"""Gears: dynamic batch, image size and dims in descriptions (what contract_mdl section 6 says of them)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec

from tests.contract.acl import NULL, Acl
from tests.contract.gears import BATCH, DIMS, HW, KINDS, Kind, every_kind
from tests.contract.models import EINVAL, EMODELID, Program, dataset, described, last_message
from tests.contract.varying import (
    ELENGTH,
    GEAR_INPUT,
    anything,
    current_dims,
    dims_of,
    feed,
    gear_index,
    input_dims,
    load_path,
    numbers,
    output,
    output_dims,
    product,
    register,
)

lib = Acl.lib

NO_INDEX = (1 << 64) - 1


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

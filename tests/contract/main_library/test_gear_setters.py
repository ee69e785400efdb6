"""Gears: the functions that set one, and where it is kept (contract_mdl section 8)."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.core.buffers import Dataset

from tests.aclsim.machine import world_of
from tests.contract.acl import NULL, Acl
from tests.contract.gears import BATCH, DIMS, HW, KINDS, UNTOUCHED, Kind, every_kind
from tests.contract.models import EINVAL, EMODELID, UNKNOWN, Program, adder, dataset, last_message, load
from tests.contract.varying import (
    ELENGTH,
    ENOGEAR,
    anything,
    current_dims,
    feed,
    give_room,
    io_dims,
    linear,
    load_path,
    output,
    register,
)

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

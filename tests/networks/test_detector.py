"""The detector of text (rapidocr): any height and width as a dynamic-shape model, and a few of them as gears."""

from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec

import aclcffi
from tests.contract.acl import Acl
from tests.contract.models import Program, last_message
from tests.contract.varying import EFAILED, Dynamic, load_path, register
from tests.networks.networks import (
    DETECTOR,
    FIND_TEXT,
    TEXTS,
    call,
    direct,
    load_as,
    only,
    picture,
    queue,
    queue_dynamic,
    run_dynamic,
    run_gear,
    same,
)

SIZES = ((96, 256), (128, 192), (160, 320))
FIXED = {"x": (1, 3, -1, -1)}
Kind = tuple[dict[str, Any], list[tuple[int, tuple[int, int]]]]
BY_KIND: dict[str, Kind] = {
    "hw": ({"input_shapes": FIXED, "gears": GearSpec(hw=SIZES)}, [(1, size) for size in SIZES]),
    "dims": ({"input_shapes": FIXED, "gears": GearSpec(dims=SIZES)}, [(1, size) for size in SIZES]),
    "dims with the batch": (
        {"gears": GearSpec(dims=[(2, *SIZES[0]), (1, *SIZES[1])])},
        [(2, SIZES[0]), (1, SIZES[1])],
    ),
}
"""How to register the detector with gears, and the batch and the size of each gear."""
each_kind = pytest.mark.parametrize("kind", BY_KIND)


@pytest.mark.parametrize("size", SIZES)
def test_text_is_found(session: aclcffi.Session, size: tuple[int, int]) -> None:
    """The probability of text is high in the middle of each line that was drawn, and next to nothing outside of both."""
    height, width = size
    boxes = FIND_TEXT["draw"]((width, height), TEXTS)[1]
    with session.load(DETECTOR) as model:
        found = call(model, picture(*size))[0, 0]
    assert found.shape == size
    outside = np.ones(size, bool)
    for left, top, right, bottom in boxes:
        middle = (top + bottom) // 2
        assert found[middle - 2 : middle + 2, left + 10 : right - 10].mean() > 0.8
        outside[top:bottom, left:right] = False
    assert found[outside].mean() < 0.01
    lines = FIND_TEXT["lines"](found)
    assert len(lines) == len(boxes)
    for line, box in zip(lines, boxes, strict=True):
        assert np.abs(np.subtract(line, box)).max() < 20


def test_no_text_is_found_where_there_is_none(session: aclcffi.Session) -> None:
    """An empty picture has no lines."""
    with session.load(DETECTOR) as model:
        assert FIND_TEXT["lines"](call(model, np.ones((1, 3, 96, 256), np.float32))[0, 0]) == []


@pytest.mark.parametrize("way", ["file", "memory"])
def test_dynamic(session: aclcffi.Session, way: str) -> None:
    """With any height, width and batch the object API gives what onnxruntime gives, bit for bit."""
    with session.load(DETECTOR if way == "file" else DETECTOR.read_bytes()) as model:
        assert model.description.dynamic
        assert model.inputs[0].shape == (-1, 3, -1, -1)
        for values in (*(picture(*size) for size in SIZES), picture(*SIZES[0], 2)):
            assert same(call(model, values), direct(DETECTOR, values))


@pytest.mark.row("MD7.19", "MD7.22")
@pytest.mark.parametrize("way", ["file", "memory"])
def test_dynamic_in_c(acl: Acl, way: str) -> None:
    """The same at the C level, where a tensor desc says the shape: executed at once, and queued."""
    number = load_as(acl, DETECTOR, way)
    for size in SIZES:
        values = picture(*size)
        wanted = direct(DETECTOR, values)
        assert same(run_dynamic(acl, number, values, wanted), wanted)
        assert same(queue_dynamic(acl, number, values, wanted), wanted)


@each_kind
def test_gears(session: aclcffi.Session, kind: str) -> None:
    """In each gear the object API gives what onnxruntime gives, with executions in all gears queued at once."""
    options, shapes = BY_KIND[kind]
    path = session.backend.register_model("text", onnx=DETECTOR, **options)  # type: ignore[attr-defined]
    inputs = [picture(*size, batch) for batch, size in (*shapes, *reversed(shapes))]
    with session.load(path) as model, session.create_stream() as stream:
        pending = [queue(model, values, stream) for values in inputs]
        stream.synchronize()
        for values, result in zip(inputs, pending, strict=True):
            assert same(only(result), direct(DETECTOR, values))
        with pytest.raises(aclcffi.InvalidArgumentError, match="fit no gear of the model"):
            queue(model, picture(64, 64), stream)


@pytest.mark.row("MD8.02", "MD8.03")
@each_kind
def test_gears_in_c(acl: Acl, kind: str) -> None:
    """The same with aclmdlSetDynamicHWSize and aclmdlSetInputDynamicDims, whose buffers are those of the largest gear."""
    options, shapes = BY_KIND[kind]
    program = Program(acl, b"", load_path(acl, register(acl, onnx=DETECTOR, **options)))
    largest = max(batch * height * width for batch, (height, width) in shapes)
    assert (program.input_sizes[0], program.output_sizes) == (3 * largest * 4, [largest * 4])
    for batch, size in shapes:
        values = picture(*size, batch)
        wanted = direct(DETECTOR, values)
        assert same(run_gear(acl, program, kind[:4], values, wanted), wanted)


def test_a_size_that_the_network_cannot_take(acl: Acl, session: aclcffi.Session) -> None:
    """A size that is no multiple of 32 fails the execution with the engine's words, at once or queued; others go on working."""
    wrong, right = np.zeros((1, 3, 40, 72), np.float32), picture(*SIZES[0])
    number = load_as(acl, DETECTOR, "file")
    program = Dynamic(acl, number, [wrong], [wrong.nbytes])
    assert program.execute() == EFAILED
    assert "Add" in last_message(acl)
    stream = acl.stream()
    acl.ok(program.execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == EFAILED
    wanted = direct(DETECTOR, right)
    assert same(run_dynamic(acl, number, right, wanted), wanted)
    with session.load(DETECTOR) as model:
        with pytest.raises(aclcffi.AclError, match="computation failed"):
            call(model, wrong)
        assert same(call(model, right), wanted)


def test_a_gear_that_the_network_cannot_take(acl: Acl) -> None:
    """A gear whose size the network cannot take is a broken model: 145000 at load, with the engine's words."""
    path = register(acl, onnx=DETECTOR, input_shapes=FIXED, gears=GearSpec(hw=[(96, 256), (40, 72)]))
    assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == 145000
    message = last_message(acl)
    assert "(1, 3, 40, 72)" in message
    assert "Add" in message

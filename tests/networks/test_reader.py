"""What follows the detector (rapidocr): a network that tells which way up a line of text is, and one that reads it.

Both are old ONNX files of Paddle's converter: dims of -1, and outputs whose shape onnx's own inference does not find.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec

import aclcffi
from tests.contract.acl import Acl
from tests.contract.models import Array, Program
from tests.contract.varying import load_path, register
from tests.networks.networks import (
    FIND_TEXT,
    call,
    direct,
    load_as,
    of_rapidocr,
    only,
    queue,
    queue_dynamic,
    read,
    run_dynamic,
    run_gear,
    same,
)

UPRIGHT = of_rapidocr("cls_mobile.onnx")
READER = of_rapidocr("rec_mobile.onnx")
HEIGHT, WIDTHS = 48, (192, 320)
TEXTS = {192: "Hello", 320: "Ascend 310P and A2"}


def line(width: int, *, turned: bool = False) -> Array:
    """What the networks take of a picture of a line of text, float32 [1, 3, 48, width]."""
    drawn, _ = FIND_TEXT["draw"]((width, HEIGHT), {(8, 8): TEXTS[width]})
    values: Array = FIND_TEXT["prepare"](drawn.rotate(180) if turned else drawn, (HEIGHT, width))
    return values


SHORT, LONG = line(192), line(320)
TURNED = line(192, turned=True)
INPUTS = {
    UPRIGHT: [SHORT, np.concatenate([SHORT, TURNED, SHORT])],
    READER: [SHORT, LONG, np.concatenate([LONG, LONG])],
}
GEARS: list[tuple[Path, dict[str, Any], str, list[Array]]] = [
    (UPRIGHT, {"input_shapes": {"x": (-1, 3, HEIGHT, 192)}, "gears": GearSpec(batch=[1, 3])}, "batch", INPUTS[UPRIGHT]),
    (
        READER,
        {"input_shapes": {"x": (1, 3, HEIGHT, -1)}, "gears": GearSpec(dims=[[192], [320]])},
        "dims",
        [SHORT, LONG],
    ),
]
each_network = pytest.mark.parametrize("network", INPUTS, ids=["upright", "reader"])
each_gears = pytest.mark.parametrize(("network", "options", "kind", "inputs"), GEARS, ids=["upright", "reader"])


def test_text_is_read(session: aclcffi.Session) -> None:
    """The reader's output is the text that was drawn."""
    with session.load(READER) as model:
        assert [read(READER, call(model, line(width))).strip() for width in WIDTHS] == [
            TEXTS[width] for width in WIDTHS
        ]


def test_text_upside_down(session: aclcffi.Session) -> None:
    """In one batch the turned line is told from those that are upright."""
    with session.load(UPRIGHT) as model:
        found = call(model, INPUTS[UPRIGHT][1])
        assert found.argmax(axis=1).tolist() == [0, 1, 0]
        assert found.max(axis=1).min() > 0.9


@each_network
def test_dynamic(session: aclcffi.Session, network: Path) -> None:
    """In any batch and width the object API gives what onnxruntime gives, bit for bit."""
    for source in (network, network.read_bytes()):
        with session.load(source) as model:
            assert model.description.dynamic
            for values in INPUTS[network]:
                assert same(call(model, values), direct(network, values))


@pytest.mark.row("MD7.19", "MD7.22")
@pytest.mark.parametrize("way", ["file", "memory"])
@each_network
def test_dynamic_in_c(acl: Acl, network: Path, way: str) -> None:
    """The same at the C level; of a queued execution all dims of the output are known before it runs."""
    number = load_as(acl, network, way)
    for values in INPUTS[network]:
        wanted = direct(network, values)
        assert same(run_dynamic(acl, number, values, wanted), wanted)
        assert same(queue_dynamic(acl, number, values, wanted), wanted)


@each_gears
def test_gears(
    session: aclcffi.Session, network: Path, options: dict[str, Any], kind: str, inputs: list[Array]
) -> None:
    """In each gear the object API gives what onnxruntime gives, with executions in all gears queued at once."""
    path = session.backend.register_model("model", onnx=network, **options)  # type: ignore[attr-defined]
    with session.load(path) as model, session.create_stream() as stream:
        assert model.description.gears is not None
        assert model.description.gears.kind == kind
        pending = [queue(model, values, stream) for values in inputs]
        stream.synchronize()
        for values, result in zip(inputs, pending, strict=True):
            assert same(only(result), direct(network, values))


@pytest.mark.row("MD8.01", "MD8.03")
@each_gears
def test_gears_in_c(acl: Acl, network: Path, options: dict[str, Any], kind: str, inputs: list[Array]) -> None:
    """The same at the C level, in every order of the gears."""
    program = Program(acl, b"", load_path(acl, register(acl, onnx=network, **options)))
    for values in (*inputs, *reversed(inputs)):
        wanted = direct(network, values)
        assert same(run_gear(acl, program, kind, values, wanted), wanted)

"""`aclcffi run` of models whose shapes vary: the files say the shapes, and --shape where their bytes do not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.api import models
from tests.cli.conftest import Files, Run
from tests.cli.varying import BACKEND, doubler, refused


def numbers(*shape: int) -> "np.ndarray[Any, Any]":
    """1, 2, 3, ... in a shape."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def raw(files: Files, array: "np.ndarray[Any, Any]") -> Path:
    """A file with an array's bytes."""
    path = files.folder / "x.bin"
    path.write_bytes(array.tobytes())
    return path


def on(files: Files, model: str, *more: object) -> list[object]:
    """A command line that runs a model of the backend that knows models by name."""
    return ["run", model, "--backend", BACKEND, "--output", files.output, *more]


def doubled(files: Files, x: "np.ndarray[Any, Any]") -> None:
    """Assert that y was written, and is x + x."""
    y = np.load(files.output / "y.npy")
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert y.tolist() == (x + x).tolist()


@pytest.mark.parametrize("shape", [(1, 3), (5, 3)])
@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_the_file_says_the_shape(cli: Run, files: Files, suffix: str, shape: tuple[int, ...]) -> None:
    """A dynamic-shape model takes the shape of a .npy file; of a .bin file the bytes tell the only dim that varies."""
    files.write_model(doubler("n", 3))
    x = numbers(*shape)
    path = files.save("x", x) if suffix == ".npy" else raw(files, x)
    ran = cli(*files.command("--input", f"x={path}", "--json"))
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    for side in ("inputs", "outputs"):
        assert [(each["shape"], each["bytes"]) for each in report[side]] == [(list(shape), x.nbytes)]
    assert list(report["times_ms"]) == ["load", "execute and read outputs"]
    doubled(files, x)


@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_an_option_says_the_shape(cli: Run, files: Files, suffix: str) -> None:
    """Where several dims vary --shape tells those of a .bin file; with a .npy file it may say the same again."""
    files.write_model(doubler(1, 3, "h", "w"))
    x = numbers(1, 3, 2, 4)
    path = files.save("x", x) if suffix == ".npy" else raw(files, x)
    assert cli(*files.command("--input", f"x={path}", "--shape", "x=1,3,2,4")).code == 0
    doubled(files, x)


def test_a_shape_that_is_fixed_may_be_said(cli: Run, files: Files) -> None:
    """--shape of an input with a fixed shape is fine when it is that one."""
    assert cli(*files.command("--input", f"x={files.input}", "--shape", "x=3")).code == 0
    refused(
        cli(*files.command("--input", f"x={files.input}", "--shape", "x=4")),
        "--shape gives 'x' the shape [4], the model takes x: float32[3]",
    )


def test_shapes_of_several_inputs(cli: Run, files: Files) -> None:
    """Each input has a --shape of its own; names with equals signs are no trouble."""
    names = ["x", "x=1"]
    files.write_model(models.passing(names))
    path = files.folder / "one.bin"
    path.write_bytes(np.float32(7).tobytes())
    options = [part for name in names for part in ("--input", f"{name}={path}", "--shape", f"{name}=1")]
    assert cli(*files.command(*options)).code == 0
    assert np.load(files.output / "out1.npy").tolist() == [7]


@pytest.mark.parametrize(
    ("dims", "content", "shapes", "message"),
    [
        (("n", 3), 4, [], "x.bin has 4 bytes, input x: float32[-1, 3] takes a multiple of 12"),
        (("n", 3), 0, [], "x.bin has 0 bytes, input x: float32[-1, 3] takes a multiple of 12"),
        (
            ("h", "w"),
            24,
            [],
            "x.bin do not tell the shape of input x: float32[-1, -1]; say it with --shape x=DIM,...",
        ),
        (("n", 0), 0, [], "x.bin do not tell the shape of input x: float32[-1, 0]; say it with --shape x="),
        (("h", "w"), 24, ["x=2,4"], "x.bin has 24 bytes, input 'x' of shape [2, 4] takes 32"),
        (("n", 3), 24, ["x=2,4"], "--shape gives 'x' the shape [2, 4], the model takes x: float32[-1, 3]"),
        (("n", 3), 24, ["x=2"], "--shape gives 'x' the shape [2], the model takes x: float32[-1, 3]"),
        (("n", 3), 24, ["x=2,3", "x=2,3"], "--shape names 'x' twice"),
        (("n", 3), 24, ["z=2,3"], "--shape: there is no input 'z'; the model's inputs are x: float32[-1, 3]"),
        (("n", 3), 24, ["x"], "--shape takes NAME=VALUE, not 'x'"),
        (("n", 3), 24, ["x=2x3"], "--shape: '2x3' is no shape; give all dims of 'x', as in 1,3,64,64"),
        (("n", 3), 24, ["x=-1,3"], "--shape: '-1,3' is no shape"),
        (("n", 3), 24, ["x=2,3,"], "--shape: '2,3,' is no shape"),
        (("n", 3), 24, [f"x={'9' * 5000},3"], "is no shape"),
        (("n", 3), 24, [f"x={'9' * 18},3"], f"x.bin has 24 bytes, input 'x' of shape [{'9' * 18}, 3] takes"),
    ],
)
def test_shapes_that_cannot_be_are_one_line(
    cli: Run, files: Files, dims: tuple[int | str, ...], content: int, shapes: list[str], message: str
) -> None:
    """Bytes that tell no shape, and shapes that do not fit, are one line that says what is wrong, and write nothing."""
    files.write_model(doubler(*dims))
    path = files.folder / "x.bin"
    path.write_bytes(bytes(content))
    files.before = files.listing()
    options = [part for shape in shapes for part in ("--shape", shape)]
    refused(cli(*files.command("--input", f"x={path}", *options)), message)
    assert files.listing() == files.before


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((2, 4), [], "x.npy holds float32[2, 4], the model takes x: float32[-1, 3]"),
        ((3,), [], "x.npy holds float32[3], the model takes x: float32[-1, 3]"),
        ((2, 3), ["--shape", "x=3,3"], "x.npy holds float32[2, 3], --shape gives 'x' the shape [3, 3]"),
    ],
)
def test_an_array_of_another_shape_is_one_line(
    cli: Run, files: Files, shape: tuple[int, ...], options: list[str], message: str
) -> None:
    """A .npy file that does not fit the model, or --shape, is one line with both."""
    files.write_model(doubler("n", 3))
    refused(cli(*files.command("--input", f"x={files.save('x', numbers(*shape))}", *options)), message)


@pytest.mark.parametrize(
    ("model", "shape"),
    [("batch", (1, 3)), ("batch", (4, 3)), ("hw", (1, 1, 4, 4)), ("dims", (1, 1, 3, 2))],
)
@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_the_shape_chooses_the_gear(cli: Run, files: Files, suffix: str, model: str, shape: tuple[int, ...]) -> None:
    """A model with gears runs in the one that fits the files, and the outputs have its shapes."""
    x = numbers(*shape)
    path = files.save("x", x) if suffix == ".npy" else raw(files, x)
    options = ["--shape", f"x={','.join(map(str, shape))}"] if suffix == ".bin" and model != "batch" else []
    ran = cli(*on(files, f"sim://{model}", "--input", f"x={path}", *options, "--json"))
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert report["model"] == f"sim://{model}"
    assert report["outputs"][0]["shape"] == list(shape)
    doubled(files, x)


def test_a_shape_between_the_gears_is_one_line(cli: Run, files: Files) -> None:
    """A shape that fits no gear is one line that lists them."""
    path = files.save("x", numbers(3, 3))
    refused(cli(*on(files, "sim://batch", "--input", f"x={path}")), "fit no gear of the model: batch (1,), (2,), (4,)")


def test_a_loop_over_a_dynamic_model(cli: Run, files: Files) -> None:
    """A dynamic-shape model is executed as often as one wants, too."""
    files.write_model(doubler("n", 3))
    path = files.save("x", numbers(2, 3))
    ran = cli(*files.command("--input", f"x={path}", "--json", "--loop", 3))
    assert ran.code == 0
    figures = json.loads(ran.out)["executions"]
    assert (figures["count"], figures["step"], figures["identical"]) == (3, "execute and read outputs", True)

"""`aclcffi describe`: what it says of models of each kind, and that it loads and executes nothing."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aclsim.backend import SimulatorBackend

from tests.api import models
from tests.cli.conftest import Files, Run
from tests.cli.varying import BACKEND, doubler, refused

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits.onnx"


class Describing(SimulatorBackend):
    """A simulator that can describe models and do nothing else with them."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        assert not name.startswith(("aclmdlLoad", "aclmdlExecute"))
        return super()._resolve(name)


def said(cli: Run, model: object, backend: str = "simulator") -> dict[str, Any]:
    """The report on a model."""
    ran = cli("describe", model, "--backend", backend, "--json")
    assert (ran.code, ran.err) == (0, "")
    report: dict[str, Any] = json.loads(ran.out)
    return report


def entry(
    name: str,
    dtype: str,
    shape: list[int],
    size: int | None,
    layout: str = "ND",
    ranges: Sequence[tuple[int, int]] = (),
) -> dict[str, Any]:
    """A tensor in a report."""
    pairs = [list(pair) for pair in ranges]
    return {"name": name, "dtype": dtype, "shape": shape, "ranges": pairs, "format": layout, "bytes": size}


def test_a_static_model(cli: Run) -> None:
    """Tensors with their dtypes, shapes, layouts and bytes, and the sizes of work memory and weights."""
    report = said(cli, DIGITS, f"{__name__}:Describing")
    assert report.pop("work_bytes") > 0
    assert report.pop("weight_bytes") > 0
    assert report == {
        "model": str(DIGITS),
        "backend": "simulator",
        "kind": "static",
        "inputs": [entry("image", "float32", [25, 1, 8, 8], 6400, "NCHW")],
        "outputs": [entry("scores", "float32", [25, 10], 1000)],
        "gears": None,
    }


@pytest.mark.parametrize("product", ["generic", "310P", "IPV350", "910"])
def test_each_product_describes(cli: Run, monkeypatch: pytest.MonkeyPatch, product: str) -> None:
    """A static model is described on every kind of product."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", product)
    assert said(cli, DIGITS)["outputs"] == [entry("scores", "float32", [25, 10], 1000)]


def test_a_dynamic_model(cli: Run, files: Files) -> None:
    """Of a dynamic-shape model nobody knows the bytes, and it needs no work memory; with a bound they are known."""
    files.write_model(doubler("n", 3))
    report = said(cli, files.model)
    assert (report["kind"], report["gears"], report["work_bytes"]) == ("dynamic", None, 0)
    assert report["inputs"] == [entry("x", "float32", [-1, 3], None, ranges=[(1, -1), (3, 3)])]
    assert report["outputs"] == [entry("y", "float32", [-1, 3], None)]
    bounded = entry("x", "float32", [-1, 3], 96, ranges=[(1, 8), (3, 3)])
    assert said(cli, "sim://bounded", BACKEND)["inputs"] == [bounded]


@pytest.mark.parametrize(
    ("name", "shape", "size", "values"),
    [
        ("batch", [-1, 3], 48, [[1], [2], [4]]),
        ("hw", [1, 1, -1, -1], 64, [[2, 3], [4, 4]]),
        ("dims", [1, 1, -1, -1], 24, [[2, 3], [3, 2]]),
    ],
)
def test_gears(cli: Run, name: str, shape: list[int], size: int, values: list[list[int]]) -> None:
    """Kind and values of the gears are there, and the bytes are those of the largest; the gear input is left out."""
    report = said(cli, f"sim://{name}", BACKEND)
    assert (report["kind"], report["gears"]) == ("gears", {"kind": name, "values": values})
    assert [(each["name"], each["shape"], each["bytes"]) for each in report["inputs"]] == [("x", shape, size)]


def test_an_empty_tensor_has_no_bytes(cli: Run, files: Files) -> None:
    """0 bytes of an empty tensor are known to be 0."""
    files.write_model(models.identity((0, 3)))
    assert said(cli, files.model)["inputs"] == [entry("x", "float32", [0, 3], 0)]


def test_the_tables(cli: Run, files: Files) -> None:
    """Without --json the same stands in tables, with a question mark for what nobody knows."""
    ran = cli("describe", "sim://batch", "--backend", BACKEND)
    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "sim://batch on simulator: gears" in lines
    assert "input x float32 [-1, 3] ND 48" in lines
    assert "gears (batch) [1], [2], [4]" in lines
    assert any(line.startswith("work memory ") for line in lines)
    assert "weights 0 bytes" in lines
    files.write_model(doubler("n", 3))
    lines = [" ".join(line.split()) for line in cli("describe", files.model, "--backend", "simulator").out.splitlines()]
    assert "output y float32 [-1, 3] ND ?" in lines
    assert not any("gears" in line for line in lines)
    ran = cli("describe", "sim://bounded", "--backend", BACKEND)
    assert "input x float32 [1..8, 3] ND 96" in [" ".join(line.split()) for line in ran.out.splitlines()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "aclmdlGetDescFromFile returned ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID (145002)"),
        (b"no model at all", "aclmdlGetDescFromFile returned"),
        (b"IMOD" + bytes(300), "aclmdlGetDescFromFile returned"),
        (b"PK\x03\x04" + bytes(300), "the simulator runs .onnx files"),
    ],
)
def test_what_is_no_model_is_one_line(cli: Run, files: Files, content: bytes | None, message: str) -> None:
    """A file that is missing or no model is one line."""
    files.model.unlink()
    if content is not None:
        files.model.write_bytes(content)
    refused(cli("describe", files.model, "--backend", "simulator"), message)


def test_wrong_arguments_are_one_line(cli: Run, files: Files) -> None:
    """A device that does not exist, a path with a NUL, and an unknown name are one line each."""
    refused(cli("describe", files.model, "--backend", "simulator", "--device", 7), "device 7 does not exist")
    refused(cli("describe", "a\0b", "--backend", "simulator"), "has a NUL character in it")
    refused(cli("describe", "sim://nothing", "--backend", "simulator"), "aclmdlGetDescFromFile returned")
    refused(cli("describe"), "the following arguments are required: MODEL")

"""`aclcffi run` with wrong input: one line that says what is wrong, and nothing is left behind."""

import io
import os
import sys
from typing import Any

import numpy as np
import pytest

from aclcffi.dtypes import dtype_of
from tests.api import models
from tests.cli.conftest import Files, Run, refused


def broken_npy(header: bytes) -> bytes:
    """A .npy file with some header."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def zipped() -> bytes:
    """What np.savez writes."""
    made = io.BytesIO()
    np.savez(made, x=np.ones(3, np.float32))
    return made.getvalue()


def saved(array: Any, **options: Any) -> bytes:
    """What np.save writes."""
    made = io.BytesIO()
    np.save(made, array, **options)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", None, "x.npy cannot be read: No such file or directory"),
        ("x.bin", None, "x.bin cannot be read: No such file or directory"),
        ("x.bin", b"12345", "x.bin has 5 bytes, input x: float32[3] takes 12"),
        ("x.bin", b"", "x.bin has 0 bytes, input x: float32[3] takes 12"),
        ("x.npy", b"", "x.npy is no .npy file that can be read: "),
        ("x.npy", b"no array", "x.npy is no .npy file that can be read: the magic string is not correct"),
        ("x.npy", broken_npy(b"{'descr': 1"), "x.npy is no .npy file that can be read: "),
        ("x.npy", saved(np.ones(3, np.float32))[:-4], "x.npy is no .npy file that can be read: "),
        (
            "x.npy",
            broken_npy(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,), }\n"),
            "x.npy is no .npy file that can be read: ",
        ),
        ("x.npy", zipped(), "x.npy is no .npy file that can be read: the magic string is not correct"),
        ("x.npy", saved(np.array([None] * 3), allow_pickle=True), "x.npy is no .npy file that can be read: Object"),
        ("x.npy", saved(np.ones(4, np.float32)), "x.npy holds float32[4], the model takes x: float32[3]"),
        ("x.npy", saved(np.ones((1, 3), np.float32)), "x.npy holds float32[1, 3], the model takes x: float32[3]"),
        ("x.npy", saved(np.ones(3)), "x.npy holds float64[3], the model takes x: float32[3]"),
        ("x.npy", saved(np.ones(3, ">f4")), "x.npy holds >f4[3], the model takes x: float32[3]"),
        ("x.npy", saved(np.zeros(3, "V4")), "x.npy holds |V4[3], the model takes x: float32[3]"),
        ("x.txt", b"1 2 3", "x.txt is neither .npy nor .bin"),
        ("x", b"123456789012", "x is neither .npy nor .bin"),
    ],
)
def test_a_file_that_is_no_input_is_one_line(
    cli: Run, files: Files, name: str, content: bytes | None, message: str
) -> None:
    """A file that is missing, broken, or of another size, shape or dtype is one line that names it."""
    files.input.unlink()
    path = files.folder / name
    if content is not None:
        path.write_bytes(content)
    files.before = files.listing()
    refused(cli(*files.command("--input", f"x={path}")), files, message)


def test_a_disk_that_fails_is_one_line(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read to its end is one line with the system's words."""

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(np.lib.format, "read_array", fail)
    refused(cli(*files.command("--input", f"x={files.input}")), files, "x.npy cannot be read: Input/output error")


def test_a_folder_is_no_input(cli: Run, files: Files) -> None:
    """A folder with the name of an input file is one line."""
    (files.folder / "dir.npy").mkdir()
    files.before = files.listing()
    refused(cli(*files.command("--input", f"x={files.folder / 'dir.npy'}")), files, "cannot be read: Is a directory")


def test_a_record_of_two_bytes_is_no_bfloat16(cli: Run, files: Files) -> None:
    """Only plain bytes are taken for a dtype of ml_dtypes, no records and no other width."""
    files.write_model(models.identity((2,), models.ELEMENTS["bfloat16"][0]))
    record = files.save("record", np.zeros(2, [("a", np.int8), ("b", np.int8)]))
    wide = files.save("wide", np.zeros(2, "V3"))
    files.before = files.listing()
    refused(cli(*files.command("--input", f"x={record}")), files, "the model takes x: bfloat16[2]")
    refused(cli(*files.command("--input", f"x={wide}")), files, "holds |V3[2], the model takes x: bfloat16[2]")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no --input for 'x'; the model's inputs are x: float32[3]"),
        (["X={x}"], "there is no input 'X'; the model's inputs are x: float32[3]"),
        (["x={x}", "z={x}"], "there is no input 'z'; the model's inputs are x: float32[3]"),
        (["x={x}", "x={x}"], "--input names 'x' twice"),
        (["{x}"], "--input takes NAME=VALUE, not '"),
        (["x="], "--input takes NAME=VALUE, not 'x='"),
        (["={x}"], "--input takes NAME=VALUE, not '="),
    ],
)
def test_wrong_names_of_inputs_are_one_line(cli: Run, files: Files, inputs: list[str], message: str) -> None:
    """Inputs that are missing, unknown, given twice or not understood are one line that says which there are."""
    options = [part for text in inputs for part in ("--input", text.format(x=files.input))]
    refused(cli(*files.command(*options)), files, message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "145006"),
        (b"no model at all, but more than the four bytes of a magic", "aclmdlLoadFromFile returned"),
    ],
)
def test_a_model_that_is_none_is_one_line(cli: Run, files: Files, content: bytes | None, message: str) -> None:
    """A model file that is missing or no model is one line, with ACL's own code."""
    files.model = files.folder / "other.onnx"
    if content is not None:
        files.model.write_bytes(content)
    files.before = files.listing()
    refused(cli(*files.command("--input", f"x={files.input}")), files, message)


def test_a_model_that_cannot_compute_this_is_one_line(cli: Run, files: Files) -> None:
    """Inputs with which the computation fails are one line and exit code 2: it is the model that refuses them."""
    files.write_model(models.gather())
    data, index = files.save("data", np.ones(4, np.float32)), files.save("index", np.array([9]))
    files.before = files.listing()
    ran = cli(*files.command("--input", f"data={data}", "--input", f"index={index}"))
    refused(ran, files, "the model's computation failed")


@pytest.mark.parametrize(
    ("backend", "message"),
    [("nowhere", "there is no backend 'nowhere'; there are: cann, simulator"), ("a:b", "'a:b' cannot be imported")],
)
def test_a_backend_that_is_none_is_one_line(cli: Run, files: Files, backend: str, message: str) -> None:
    """A backend that does not exist is one line that says which there are."""
    command = files.command("--input", f"x={files.input}")
    command[3] = backend
    refused(cli(*command), files, message)


def test_a_wrong_option_of_the_environment_is_one_line(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a value that cannot be is one line that names it."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", "311P")
    refused(cli(*files.command("--input", f"x={files.input}")), files, "ACLCFFI_SIM_PRODUCT is '311P'")


def test_a_device_that_is_no_number_of_one(cli: Run, files: Files) -> None:
    """A device number that C cannot hold is one line."""
    ran = cli(*files.command("--input", f"x={files.input}", "--device", 1 << 40))
    refused(ran, files, f"device is {1 << 40}, which is no number of a device")


@pytest.mark.parametrize("missing_module", ["ml_dtypes"])
def test_without_ml_dtypes_bfloat16_is_one_line(
    cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch, missing_module: str
) -> None:
    """Where ml_dtypes is not installed, a model that needs it is one line that says what to install."""
    files.write_model(models.identity((2,), models.ELEMENTS["bfloat16"][0]))
    path = files.folder / "x.bin"
    path.write_bytes(bytes(4))
    files.before = files.listing()
    dtype_of.cache_clear()
    monkeypatch.setitem(sys.modules, missing_module, None)
    refused(cli(*files.command("--input", f"x={path}")), files, "needs ml_dtypes: install aclcffi[onnx]")


def test_without_rich_tables_are_one_line(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rich is not installed, nothing is run for a table that cannot be printed; --json needs no rich."""
    for module in [name for name in sys.modules if name.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    command = files.command("--input", f"x={files.input}")
    refused(cli(*command), files, "tables need rich: install aclcffi[cli], or use --json")
    assert cli(*command, "--json").code == 0

"""`aclcffi run`: what it computes, writes and says, and the options of an execution."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from aclsim.backend import SimulatorBackend

from tests.api import models
from tests.cli.conftest import Files, Run, refused

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
CALLED: list[str] = []


class Watched(SimulatorBackend):
    """A simulator that notes which functions are looked up for executing."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        function = super()._resolve(name)
        if not name.startswith(("aclmdlExecute", "aclrtSynchronize")):
            return function

        def call(*arguments: object) -> Any:
            CALLED.append(name)
            return function(*arguments)

        return call


# -- what it does ----------------------------------------------------------------------------------------------------


def test_outputs_are_written_and_a_table_is_printed(cli: Run, files: Files) -> None:
    """The outputs are .npy files in a folder that is made for them; the table has tensors, files and times."""
    ran = cli(*files.command("--input", f"x={files.input}"))
    assert (ran.code, ran.err) == (0, "")
    assert files.listing() - files.before == {files.output.parent, files.output, files.output / "y.npy"}
    y = np.load(files.output / "y.npy")
    assert y.dtype == np.float32
    assert y.tolist() == [1, 2, 3]
    lines = [line.split() for line in ran.out.splitlines()]
    assert f"{files.model} on simulator".split() in lines
    assert ["input", "x", "float32", "[3]", "12", str(files.input)] in lines
    assert ["output", "y", "float32", "[3]", "12", str(files.output / "y.npy")] in lines
    assert {"load", "execute"} <= {line[0] for line in lines if line}


def test_json_says_the_same_for_machines(cli: Run, files: Files) -> None:
    """--json prints one JSON document with model, backend, tensors, files and times, and no table."""
    ran = cli(*files.command("--input", f"x={files.input}", "--json"))
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert min(report["times_ms"].values()) >= 0
    assert list(report.pop("times_ms")) == ["load", "execute", "read outputs"]
    assert report.pop("executions")["count"] == 1
    assert report == {
        "model": str(files.model),
        "backend": "simulator",
        "inputs": [{"name": "x", "dtype": "float32", "shape": [3], "bytes": 12, "file": str(files.input)}],
        "outputs": [{"name": "y", "dtype": "float32", "shape": [3], "bytes": 12, "file": str(files.output / "y.npy")}],
    }


@pytest.mark.parametrize("product", ["generic", "310P", "IPV350", "910"])
def test_digits_run_on_each_product(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch, product: str) -> None:
    """The digits network runs on every kind of product and finds the digits."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", product)
    images = np.load(DIGITS / "images.npy")[:25, np.newaxis].astype(np.float32)
    files.model = DIGITS / "digits.onnx"
    assert cli(*files.command("--input", f"image={files.save('image', images)}")).code == 0
    scores = np.load(files.output / "scores.npy")
    assert (scores.argmax(axis=1) == np.load(DIGITS / "labels.npy")[:25]).mean() > 0.9


def test_one_run_as_a_program(files: Files) -> None:
    """`python -m aclcffi run` works as it does in this process, in a pipe too, where no line is folded."""
    arguments = map(str, files.command("--input", f"x={files.input}"))
    command = [sys.executable, "-m", "aclcffi", *arguments]
    # With the environment as Python has it: pytest's readline sets COLUMNS behind its back.
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(files.output / "y.npy") in done.stdout
    assert np.load(files.output / "y.npy").tolist() == [1, 2, 3]


def test_a_table_fits_the_window(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the width of a window is known, long cells are folded and nothing is cut off."""
    monkeypatch.setenv("COLUMNS", "40")
    ran = cli(*files.command("--input", f"x={files.input}"))
    _title, *table = ran.out[: ran.out.index("times")].splitlines()
    assert max(map(len, table)) <= 40
    cells = "".join(re.split(r"\s{2,}", line.strip())[-1] for line in table)
    assert str(files.input) in cells
    assert str(files.output / "y.npy") in cells


def test_several_inputs_and_outputs(cli: Run, files: Files) -> None:
    """Inputs are given in any order, one option each, and each output has a file of its own."""
    files.write_model(models.two_of_each())
    left, right = np.ones((2, 3), np.float32), np.full((2, 3), 4, np.float32)
    ran = cli(*files.command("--input", f"right={files.save('r', right)}", "--input", f"left={files.save('l', left)}"))
    assert ran.code == 0
    assert sorted(path.name for path in files.output.iterdir()) == ["difference.npy", "sum.npy"]
    np.testing.assert_array_equal(np.load(files.output / "difference.npy"), left - right)


def test_a_model_without_inputs(cli: Run, files: Files) -> None:
    """A model that takes nothing runs without --input, and says so when it is given one."""
    files.write_model(models.constant([1.5]))
    refused(cli(*files.command("--input", "x=a.npy")), files, "there is no input 'x'; the model's inputs are none")
    assert cli(*files.command()).code == 0
    assert np.load(files.output / "y.npy").tolist() == [1.5]


@pytest.mark.parametrize("name", [*models.ELEMENTS])
@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_every_element_type_goes_in_and_out(cli: Run, files: Files, name: str, suffix: str) -> None:
    """Inputs of each element type are read from both kinds of file; what was written can be read as an input again."""
    number, dtype = models.ELEMENTS[name]
    files.write_model(models.identity((2, 2), number, target="y"))
    x = np.array([[0, 1], [1, 2]]).astype(dtype)
    path = files.folder / f"x{suffix}"
    if suffix == ".bin":
        path.write_bytes(x.tobytes())
    else:
        plain = x.view(f"V{x.itemsize}") if x.dtype.isbuiltin == 2 else x
        np.save(path, plain)
    assert cli(*files.command("--input", f"x={path}")).code == 0
    written = files.output / "y.npy"
    y = np.load(written)
    assert y.dtype == (np.dtype(f"V{x.itemsize}") if x.dtype.isbuiltin == 2 else x.dtype)
    assert y.tobytes() == x.tobytes()
    assert cli(*files.command("--input", f"x={written}")).code == 0
    assert np.load(written).tobytes() == x.tobytes()


def test_bfloat16_as_numpy_saves_it(cli: Run, files: Files) -> None:
    """An array of ml_dtypes that was saved as it is is taken for its dtype."""
    files.write_model(models.identity((2,), models.ELEMENTS["bfloat16"][0]))
    path = files.save("x", np.array([1.5, -2], ml_dtypes.bfloat16))
    assert cli(*files.command("--input", f"x={path}")).code == 0
    assert np.load(files.output / "y.npy").view(ml_dtypes.bfloat16).tolist() == [1.5, -2]


@pytest.mark.parametrize("shape", [(), (0, 3)])
@pytest.mark.parametrize("suffix", [".npy", ".bin"])
def test_scalars_and_empty_arrays(cli: Run, files: Files, shape: tuple[int, ...], suffix: str) -> None:
    """Arrays without dims and without elements go through, also as files of bytes."""
    files.write_model(models.identity(shape))
    x = np.full(shape, 3, np.float32)
    path = files.save("x", x)
    if suffix == ".bin":
        path = path.with_suffix(".bin")
        path.write_bytes(x.tobytes())
    assert cli(*files.command("--input", f"x={path}")).code == 0
    y = np.load(files.output / "y.npy")
    assert y.shape == shape
    assert y.tolist() == x.tolist()


def test_an_array_in_fortran_order(cli: Run, files: Files) -> None:
    """An array that was saved column by column is the same array."""
    files.write_model(models.identity((2, 3)))
    x = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert cli(*files.command("--input", f"x={files.save('x', x)}")).code == 0
    assert np.load(files.output / "y.npy").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_signs_in_names(cli: Run, files: Files) -> None:
    """Equals signs in names of inputs and of files are no trouble: the longest input that fits is meant."""
    names = ["x", "x=a", "x=a=b"]
    files.write_model(models.passing(names))
    paths = [files.save(f"file={number}", np.array([number], np.float32)) for number in range(3)]
    options = [part for name, path in zip(names, paths, strict=True) for part in ("--input", f"{name}={path}")]
    assert cli(*files.command(*options)).code == 0
    assert [np.load(files.output / f"out{index}.npy").tolist() for index in range(3)] == [[0], [1], [2]]


def test_names_that_are_no_file_names(cli: Run, files: Files) -> None:
    """Outputs whose names are no file names, or whose file names collide, each get a file of their own in the folder."""
    names = ["a/b:0", "a_b_0", "a b:0", "../up", "..", ".hidden", "\u00e9", "n" * 300, "n" * 301, "a_b_0_2"]
    files.write_model(models.named(names))
    ran = cli(*files.command("--input", f"x={files.input}", "--json"))
    assert ran.code == 0
    report = {each["name"]: Path(each["file"]) for each in json.loads(ran.out)["outputs"]}
    assert list(report) == names
    assert len(set(report.values())) == len(names)
    assert {path.parent for path in report.values()} == {files.output}
    assert set(files.output.iterdir()) == set(report.values())
    assert [path.name for path in report.values()] == [
        "a_b_0.npy",
        "a_b_0_2.npy",
        "a_b_0_3.npy",
        "_up.npy",
        "output.npy",
        "hidden.npy",
        "_.npy",
        f"{'n' * 200}.npy",
        f"{'n' * 200}_2.npy",
        "a_b_0_2_2.npy",
    ]
    for path in report.values():
        assert np.load(path).tolist() == [1, 2, 3]


def test_the_backend_of_the_environment(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --backend it is that of ACLCFFI_BACKEND."""
    command = files.command("--input", f"x={files.input}", "--json")
    del command[2:4]
    monkeypatch.setenv("ACLCFFI_BACKEND", "simulator")
    assert cli(*command).code == 0


def test_the_device_is_the_one_of_its_number(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """--device chooses among the devices of the machine."""
    monkeypatch.setenv("ACLCFFI_SIM_DEVICES", "3")
    assert cli(*files.command("--input", f"x={files.input}", "--device", "2")).code == 0
    again = Files(files.folder)
    ran = cli(*files.command("--input", f"x={files.input}", "--device", "3"))
    refused(ran, again, "aclrtSetDevice returned ACL_ERROR_RT_INVALID_DEVICEID (107001): device 3 does not exist")


# -- exec configs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "options", "called"),
    [
        ("generic", ["work_size=512"], ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStream"]),
        ("IPV350", ["work_size=512"], ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStream"]),
        ("IPV350", ["mpam_id=1"], ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStream"]),
        ("IPV350", [], ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStream"]),
        ("generic", [], ["aclmdlExecuteAsync", "aclrtSynchronizeStream"]),
        ("310P", [], ["aclmdlExecuteAsync", "aclrtSynchronizeStream"]),
        ("310P", ["stream_sync_timeout=500"], ["aclmdlExecuteV2"]),
        ("310P", ["stream_sync_timeout=-1", "event_sync_timeout=20"], ["aclmdlExecuteV2"]),
        ("generic", ["stream_sync_timeout=500"], ["aclmdlExecuteV2"]),
        (
            "generic",
            ["work_size=512", "stream_sync_timeout=500"],
            ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStreamWithTimeout"],
        ),
        ("generic", ["work_size=512", "stream_sync_timeout=-1"], ["aclmdlExecuteAsyncV2", "aclrtSynchronizeStream"]),
    ],
)
def test_options_of_the_execution_choose_the_function(
    cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch, product: str, options: list[str], called: list[str]
) -> None:
    """Work memory means aclmdlExecuteAsyncV2 where it exists, timeouts mean aclmdlExecuteV2, nothing plain Async."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", product)
    CALLED.clear()
    command = files.command("--input", f"x={files.input}", *(["--exec-config", *options] if options else []))
    command[3] = f"{__name__}:Watched"
    ran = cli(*command)
    assert (ran.code, ran.err) == (0, "")
    assert CALLED[: len(called)] == called
    assert [name for name in CALLED if name.startswith("aclmdl")] == called[:1]
    assert np.load(files.output / "y.npy").tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("product", "options", "message"),
    [
        ("310P", ["work_size=512"], "work_size: the libraries of this device do not know this option"),
        ("310P", ["mpam_id=1"], "mpam_id: the libraries of this device do not know this option"),
        ("IPV350", ["stream_sync_timeout=5"], "stream_sync_timeout: the libraries of this device do not know"),
        ("IPV350", ["work_size=16"], "the work memory has 16 bytes"),
        ("generic", ["colour=1"], "--exec-config: there is no option 'colour'; there are stream_sync_timeout, "),
        ("generic", ["work_size"], "--exec-config takes NAME=VALUE, not 'work_size'"),
        ("generic", ["work_size="], "--exec-config takes NAME=VALUE, not 'work_size='"),
        ("generic", ["=5"], "--exec-config takes NAME=VALUE, not '=5'"),
        ("generic", ["work_size=many"], "--exec-config: work_size is 'many'; it must be a whole number"),
        ("generic", ["work_size=1.5"], "--exec-config: work_size is '1.5'; it must be a whole number"),
        ("generic", ["work_size=1", "work_size=2"], "--exec-config names 'work_size' twice"),
        ("generic", ["work_size=0"], "work_size is 0; work memory has at least 1 byte"),
        ("generic", ["work_size=-1"], "work_size is -1, which a C size_t cannot hold"),
        ("generic", [f"work_size={10**30}"], f"work_size is {10**30}, which a C size_t cannot hold"),
        ("310P", ["stream_sync_timeout=-2"], "stream_sync_timeout cannot be -2: aclmdlSetExecConfigOpt returned"),
        ("310P", ["stream_sync_timeout=0"], "timeout is 0"),
    ],
)
def test_options_that_cannot_be_are_one_line(
    cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch, product: str, options: list[str], message: str
) -> None:
    """An option that the product lacks, and one that is wrong, is one clear line, and nothing is written."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", product)
    refused(cli(*files.command("--input", f"x={files.input}", "--exec-config", *options)), files, message)


class Slow(SimulatorBackend):
    """A simulator on which every wait with a timeout is too short; notes in which order things go."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        function = super()._resolve(name)
        if name == "aclrtSynchronizeStreamWithTimeout":
            return lambda *_arguments: 507046
        if name not in ("aclrtDestroyStream", "aclmdlDestroyExecConfigHandle"):
            return function

        def call(*arguments: object) -> Any:
            CALLED.append(name)
            return function(*arguments)

        return call


def test_a_timeout_is_code_1_and_fails_nothing_else(cli: Run, files: Files) -> None:
    """An execution that takes too long is one line and exit code 1; its work memory lives until it is through."""
    CALLED.clear()
    command = files.command("--input", f"x={files.input}", "--exec-config", "work_size=512", "stream_sync_timeout=1")
    command[3] = f"{__name__}:Slow"
    refused(cli(*command), files, "aclrtSynchronizeStreamWithTimeout returned", code=1)
    assert CALLED == ["aclrtDestroyStream", "aclmdlDestroyExecConfigHandle"]


def test_a_failure_of_the_device_is_code_1(cli: Run, files: Files) -> None:
    """What is no fault of the input is exit code 1: memory that the device has not."""
    ran = cli(*files.command("--input", f"x={files.input}", "--exec-config", f"work_size={1 << 50}"))
    refused(ran, files, "aclrtMalloc returned ACL_ERROR_RT_MEMORY_ALLOCATION (207001)", code=1)

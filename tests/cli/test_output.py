"""What becomes of the output where it cannot be written as it is."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.api import models
from tests.cli.conftest import Files, Run

NOT_UTF8 = b"bad\xff.onnx"


def started(
    arguments: list[str | bytes | Path], output: str = "", **environment: str
) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own, by way of a shell; `output` says where its output goes."""
    command = ["sh", "-c", f'exec "$@" {output}', "sh", sys.executable, "-m", "aclcffi", *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_a_full_disk_is_one_line(files: Files, json: tuple[str, ...]) -> None:
    """Where the output cannot be written, each command ends with one line that says why, and exit code 1."""
    describe = ["describe", files.model, "--backend", "simulator"]
    for arguments in (["info"], describe):
        done = started([*arguments, *json], ">/dev/full")
        assert done.returncode == 1
        assert done.stderr == f"aclcffi {arguments[0]}: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("json", [(), ("--json",)])
def test_a_closed_output_is_no_error(files: Files, json: tuple[str, ...]) -> None:
    """Where standard output is closed nothing is printed, and the command does its work."""
    done = started(["describe", files.model, "--backend", "simulator", *json], ">&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "utf-8:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_what_the_encoding_lacks_is_escaped(files: Files, environment: dict[str, str]) -> None:
    """A character that the output's encoding lacks is printed as an escape, in names of files among it."""
    name = os.fsdecode(NOT_UTF8)
    files.model.rename(files.folder / name)
    done = started(["describe", files.folder / name, "--backend", "simulator"], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"bad\udcff.onnx on simulator: static" in done.stdout


def test_control_characters_are_escaped(cli: Run, files: Files) -> None:
    """Control characters in the names of tensors and files reach no terminal, and brackets there are no markup."""
    name = "\x1b[31mred"
    files.write_model(models.identity(source=name))
    path = files.folder / f"[b]:+1:{name}.onnx"
    files.model.rename(path)
    data = files.save("red", np.zeros(3, np.float32))
    given = f"--input={name}={data}"
    for command in (["describe", path], ["run", path, "--output", files.output, given]):
        ran = cli(*command, "--backend", "simulator")
        assert (ran.code, ran.err) == (0, "")
        assert "\x1b" not in ran.out
        assert ran.out.count("[b]:+1:") == 1
        assert ran.out.count(r" \x1b[31mred ") == 1
    ran = cli("describe", files.folder / f"{name}.onnx", "--backend", "simulator")
    assert ran.code == 2
    assert r"\x1b[31mred.onnx" in ran.err
    assert "\x1b" not in ran.err

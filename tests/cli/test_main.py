"""The command line as a whole: arguments, exit codes, and how it is started."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points

import pytest

import aclcffi
from aclcffi.cli import info, main
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["walk"], "invalid choice: 'walk'"),
        (["info", "--colour"], "unrecognized arguments: --colour"),
        (["info", "--js"], "unrecognized arguments: --js"),
        (["run", "model.onnx"], "the following arguments are required: --output"),
        (["run", "model.onnx", "--outp", "folder"], "the following arguments are required: --output"),
        (
            ["run", "model.onnx", "--output", "folder", "--device", "first"],
            "argument --device: invalid int value: 'first'",
        ),
        (["run", "model.onnx", "--output", "folder", "--input"], "argument --input: expected one argument"),
        (["run", "model.onnx", "--output", "folder", "--exec-config"], "argument --exec-config: expected at least one"),
    ],
)
def test_wrong_arguments_are_one_line(cli: Run, arguments: list[str], message: str) -> None:
    """Arguments that cannot be are one line on standard error, which names the command, and exit code 2."""
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    command = "aclcffi run" if arguments[:1] == ["run"] else "aclcffi"
    assert ran.err.startswith(f"{command}: ")
    assert message in ran.err
    assert f"(see {command} --help)" in ran.err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["info", "--help"]])
def test_help_is_no_error(cli: Run, arguments: list[str]) -> None:
    """--help is printed on standard output, with exit code 0."""
    ran = cli(*arguments)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("usage: aclcffi")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (aclcffi.InvalidArgumentError("a\n  b"), 2),
        (aclcffi.ModelError("a b"), 2),
        (aclcffi.UnsupportedError("a b"), 2),
        (aclcffi.BackendError("a b"), 2),
        (aclcffi.DeviceFaultError("a b"), 1),
        (aclcffi.OutOfMemoryError("a\tb\n"), 1),
        (aclcffi.AclTimeoutError("a b"), 1),
        (aclcffi.AclError("a b"), 1),
    ],
)
def test_an_error_is_one_line_and_a_code(
    cli: Run, monkeypatch: pytest.MonkeyPatch, error: aclcffi.AclError, code: int
) -> None:
    """What is wrong with the input is exit code 2, what fails in the device or the libraries 1, in one line each."""

    def fail(_options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(info, "execute", fail)
    assert cli("info") == (code, "", "aclcffi info: a b\n")


def test_a_bug_is_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is neither an AclError nor an OSError is a bug, and comes out with its traceback."""

    def fail(_options: argparse.Namespace) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(info, "execute", fail)
    with pytest.raises(ZeroDivisionError):
        main(["info"])


def module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "aclcffi", *arguments]


def program(*arguments: str) -> list[str]:
    script = "import sys; from importlib.metadata import entry_points as e; "
    script += "sys.exit(e(group='console_scripts')['aclcffi'].load()())"
    return [sys.executable, "-c", script, *arguments]


@pytest.mark.parametrize("start", [module, program])
def test_module_and_program_are_the_command_line(start: Callable[..., list[str]]) -> None:
    """`python -m aclcffi` and the program `aclcffi` run the command line and end with its exit code."""
    good = subprocess.run(start("info", "--json"), capture_output=True, text=True, check=False, timeout=60)
    assert (good.returncode, good.stderr) == (0, "")
    assert '"simulator"' in good.stdout
    bad = subprocess.run(start("info", "--colour"), capture_output=True, text=True, check=False, timeout=60)
    expected = "aclcffi: unrecognized arguments: --colour (see aclcffi --help)\n"
    assert (bad.returncode, bad.stdout, bad.stderr) == (2, "", expected)


def test_the_program_is_installed() -> None:
    """The program's entry point is the function that the tests call."""
    (entry,) = entry_points(group="console_scripts", name="aclcffi")
    assert entry.load() is main

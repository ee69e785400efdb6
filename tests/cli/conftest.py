"""What the tests of the command line share: a way to run it in this process, models and inputs."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

from aclcffi.cli import main
from tests.api import models


class Ran(NamedTuple):
    """What a command answered and wrote."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Ran]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the environment's variables out of the way."""
    for variable in [name for name in os.environ if name.startswith(("ACLCFFI_", "ASCEND_", "COLUMNS"))]:
        monkeypatch.delenv(variable)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process."""

    def run(*arguments: object) -> Ran:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


class Files:
    """A model y = x of three floats, an input for it, and a folder for outputs that does not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "deep" / "out"
        self.model = self.write_model(models.identity())
        self.input = self.save("x", np.array([1, 2, 3], np.float32))
        self.before = self.listing()

    def write_model(self, data: bytes) -> Path:
        """Write a model's file."""
        path = self.folder / "model.onnx"
        path.write_bytes(data)
        return path

    def save(self, name: str, array: np.ndarray[Any, Any]) -> Path:
        """Save an array as NAME.npy."""
        path = self.folder / f"{name}.npy"
        np.save(path, array)
        return path

    def listing(self) -> set[Path]:
        """Every file and folder there is."""
        return set(self.folder.rglob("*"))

    def command(self, *more: object) -> list[object]:
        """A command line that runs the model."""
        return ["run", self.model, "--backend", "simulator", "--output", self.output, *more]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A folder with a model and an input."""
    return Files(tmp_path)


def refused(ran: Ran, files: Files, message: str, code: int = 2) -> None:
    """Assert that a run was refused with one line and left nothing behind."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("aclcffi run: ")
    assert ran.err.count("\n") == 1
    assert ran.err.endswith("\n")
    assert message in ran.err
    assert files.listing() == files.before

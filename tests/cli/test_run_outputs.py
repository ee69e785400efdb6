"""`aclcffi run` and its output: what cannot be written is one line, and files of before are as they were."""

import os
from pathlib import Path

import numpy as np
import pytest

from aclcffi import InvalidArgumentError
from aclcffi.cli import files as cli_files
from tests.api import models
from tests.cli.conftest import Files, Run, refused


def test_a_file_is_no_folder(cli: Run, files: Files) -> None:
    """--output that names a file is one line, before anything is run."""
    files.output = files.input
    content = files.input.read_bytes()
    refused(
        cli(*files.command("--input", "x=none.npy")),
        files,
        f"--output {files.input} cannot be written: it is no folder",
    )
    assert files.input.read_bytes() == content


def test_a_folder_below_a_file_cannot_be_made(cli: Run, files: Files) -> None:
    """--output below a file is one line."""
    files.output = files.input / "out"
    refused(cli(*files.command("--input", f"x={files.input}")), files, "cannot be written: Not a directory")


def test_a_folder_with_the_name_of_an_output(cli: Run, files: Files) -> None:
    """Where a folder has the name of an output file, nothing is written, and the folder is left alone."""
    (files.output / "second.npy").mkdir(parents=True)
    files.write_model(models.named(["first", "second"]))
    files.before = files.listing()
    refused(cli(*files.command("--input", f"x={files.input}")), files, "cannot be written: second.npy is a folder")


def test_outputs_of_before_are_replaced(cli: Run, files: Files) -> None:
    """Files of an earlier run are replaced, other files in the folder stay, and no scratch file is left."""
    files.output.mkdir(parents=True)
    (files.output / "y.npy").write_bytes(b"old")
    (files.output / "other.txt").write_bytes(b"mine")
    assert cli(*files.command("--input", f"x={files.input}")).code == 0
    assert {path.name for path in files.output.iterdir()} == {"y.npy", "other.txt"}
    assert np.load(files.output / "y.npy").tolist() == [1, 2, 3]


@pytest.mark.parametrize("step", range(5))
def test_a_write_that_fails_in_the_middle_leaves_all_as_it_was(
    cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Whichever of the moves fails, old files are as they were and there are no new ones."""
    files.write_model(models.named(["first", "second", "third"]))
    files.output.mkdir(parents=True)
    old = {"first.npy": b"old first", "third.npy": b"old third"}
    for name, content in old.items():
        (files.output / name).write_bytes(content)
    files.before = files.listing()
    left, rename = [step], Path.rename

    def sometimes(self: Path, target: Path) -> Path:
        if not self.exists():
            return rename(self, target)
        left[0] -= 1
        if left[0] < 0:
            raise PermissionError(1, "Operation not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", sometimes)
    refused(cli(*files.command("--input", f"x={files.input}")), files, "cannot be written: Operation not permitted")
    assert {path.name: path.read_bytes() for path in files.output.iterdir()} == old


def test_a_full_disk_leaves_no_folder(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an array cannot be written, the folders that were made for it are removed again."""

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(np, "save", full)
    refused(cli(*files.command("--input", f"x={files.input}")), files, "cannot be written: No space left on device")


def test_a_folder_that_is_not_empty_is_not_removed(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else put into a folder that was just made stays, also when the writing fails."""

    def interfere(*_arguments: object, **_options: object) -> None:
        (files.output / "somebody.txt").write_text("mine")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(np, "save", interfere)
    with pytest.raises(InvalidArgumentError):
        cli_files.write_arrays(files.output, {"y": np.ones(3)})
    assert (files.output / "somebody.txt").read_text() == "mine"

"""The programs with real networks: they run from any folder, on their own input and on files that are given."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ROOT / "examples" / "networks"


def run(folder: Path, program: str, *arguments: Any) -> "subprocess.CompletedProcess[str]":
    """Run a program in a folder; a warning ends it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACLCFFI_")}
    command = [sys.executable, "-W", "error", str(NETWORKS / program), *map(str, arguments)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def boxes(line: str) -> list[tuple[int, ...]]:
    """The boxes in a line of the text finder."""
    return [tuple(map(int, found)) for found in re.findall(r"\((\d+), (\d+), (\d+), (\d+)\)", line)]


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two boxes are the same up to a few pixels."""
    return all(abs(first - second) <= 4 for first, second in zip(one, other, strict=True))


def test_the_text_finder_draws(tmp_path: Path) -> None:
    """It finds one line on the label and three on the page, at the same places in any size and in gears."""
    done = run(tmp_path, "find_text.py")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "a label, any size",
        "a label, gears",
        "a page, any size",
        "a page, gears",
    ]
    found = list(map(boxes, lines))
    assert list(map(len, found)) == [1, 1, 3, 3]
    assert all(map(near, found[0] + found[2], found[1] + found[3]))
    left, top, right, bottom = found[0][0]
    assert 20 <= left < 60 < 160 < right < 200
    assert 12 < top < bottom < 48


def test_the_text_finder_reads_pictures(tmp_path: Path) -> None:
    """Pictures that are given are what it looks at: an empty one has no text, and one that is too large is refused."""
    from PIL import Image

    Image.new("L", (100, 50), 255).save(tmp_path / "empty.png")
    Image.new("RGB", (700, 50)).save(tmp_path / "large.png")
    done = run(tmp_path, "find_text.py", "empty.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "empty.png, any size: no text\nempty.png, gears: no text\n"
    done = run(tmp_path, "find_text.py", "large.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "a picture of 700 x 50 is larger than every gear\n"


@pytest.mark.parametrize("program", ["find_text.py", "kinds_of_files.py"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, program: str) -> None:
    """A file that is missing, and a folder, end each program with one line that names it."""
    (tmp_path / "folder").mkdir()
    for name, reason in (("none.png", "No such file or directory"), ("folder", "Is a directory")):
        done = run(tmp_path, program, name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"{name} cannot be read: {reason}\n"


def test_a_file_that_is_no_picture_is_one_line(tmp_path: Path) -> None:
    """The text finder says of a file that is no picture, or only a part of one, that it cannot be read."""
    from PIL import Image

    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    Image.new("L", (100, 50), 255).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    for name in ("text.png", "cut.png"):
        done = run(tmp_path, "find_text.py", name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"{name} cannot be read: ")
        assert done.stderr.count("\n") == 1


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    """The classifier says of a file without bytes that it is empty, whatever the network makes of it."""
    (tmp_path / "nothing").touch()
    done = run(tmp_path, "kinds_of_files.py", "nothing", ROOT / "README.md", "nothing")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"nothing: empty\nREADME.md: markdown \([0-9.]+\)\nnothing: empty\n", done.stdout)
    done = run(tmp_path, "kinds_of_files.py", "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing: empty\n", "")


def test_the_kinds_of_its_own_files(tmp_path: Path) -> None:
    """Without arguments the classifier tells of the programs in its folder that they are Python."""
    done = run(tmp_path, "kinds_of_files.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(
        r"find_text\.py: python \((1\.00|0\.9\d)\)\nkinds_of_files\.py: python \((1\.00|0\.9\d)\)\n", done.stdout
    )


@pytest.mark.parametrize("count", [1, 5, 23])
def test_the_kinds_of_many_files(tmp_path: Path, count: int) -> None:
    """Any number of files is put together of the gears' batches, in order."""
    files = [ROOT / ("README.md" if index % 3 else "pyproject.toml") for index in range(count)]
    done = run(tmp_path, "kinds_of_files.py", *files)
    assert (done.returncode, done.stderr) == (0, "")
    kinds = [line.split(" (")[0] for line in done.stdout.splitlines()]
    assert kinds == [f"{file.name}: {'markdown' if file.suffix == '.md' else 'toml'}" for file in files]

"""README and user guide: their Python and their commands run as they stand and print what stands beside it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if not page.read_text(encoding="utf-8").startswith("<!-- Generated")]


def blocks(page: Path, language: str) -> list[str]:
    """The code of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def numbered(language: str, pages: list[Path]) -> list[object]:
    """Each block of pages as a parameter, named by the page and its number there."""
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in pages
        for number, block in enumerate(blocks(page, language))
    ]


def promised(block: str) -> list[str]:
    """What a block says that its calls of print show: the comments behind them."""
    return re.findall(r"^ *print\(.*\)  # (.*)$", block, re.MULTILINE)


def shows(printed: str, promises: list[str]) -> bool:
    """Whether the lines of a text are those that were promised, in this order; others may stand between them.

    Three dots stand for anything in a line.
    """
    lines = iter(printed.splitlines())
    patterns = [".*".join(map(re.escape, promise.split("..."))) for promise in promises]
    return all(any(re.fullmatch(pattern, line) for line in lines) for pattern in patterns)


@pytest.mark.parametrize("block", numbered("python", PAGES))
def test_the_python_runs(block: str) -> None:
    """Each Python block runs by itself from the root of the repository, without a warning, and prints what it says."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import aclcffi\nimport numpy as np\n{block}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("ACLCFFI_")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert shows(run.stdout, promised(block)), run.stdout


@pytest.mark.parametrize("block", numbered("sh", [page for page in PAGES if page != README]))
def test_the_commands_run(block: str, tmp_path: Path) -> None:
    """Each shell block of the guide runs in a folder with the examples, and says nothing on standard error."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=tmp_path,
        env={**{n: v for n, v in os.environ.items() if not n.startswith("ACLCFFI_")}, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout


def test_promises_are_kept_in_order() -> None:
    """What is printed otherwise, in another order, or not at all is no promise kept."""
    assert promised("print(a)  # 1\nb = 2  # two\n    print(f(x)[0])  # a ... b\n") == ["1", "a ... b"]
    assert shows("0\n1\nc\na 2 b\n", ["1", "a ... b"])
    assert not shows("10\na 2 b\n", ["1", "a ... b"])
    assert not shows("a 2 b\n1\n", ["1", "a ... b"])
    assert not shows("1\na 2\nb\n", ["1", "a ... b"])
    assert not shows("1\n", ["1", "a ... b"])


def test_the_guide_has_examples() -> None:
    """The pages with examples are found, and most of their prints say what they show."""
    found = {page.name: len(blocks(page, "python")) for page in PAGES}
    assert found["README.md"] >= 3
    assert found["models.md"] >= 8
    assert all(promised(block) for block in blocks(ROOT / "docs" / "models.md", "python") if "print(" in block)


def test_there_are_two_commands() -> None:
    """The quick start has two shell blocks of one line each: run the digits, run the tests."""
    found = blocks(README, "sh")
    assert len(found) == 2
    assert all(block.count("\n") == 1 for block in found)
    assert "classify.py" in found[0]
    assert "pytest" in found[1]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link of a page that somebody wrote to a file of the repository leads to one."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target

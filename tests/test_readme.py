"""The README's Python runs as it stands, and its shell blocks are the two that it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_the_python_of_the_readme_runs(number: int) -> None:
    """Each Python block, with those of its section before it, runs from the root of the repository without a warning."""
    code = "import aclcffi\nimport numpy as np\n" + PYTHON[number]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    said = re.findall(r"print\(.*?\)  # ((?:False|aclrt|input ).*)$", PYTHON[number], re.MULTILINE)
    for line in said:
        assert re.sub(r"0x\.\.\.", "0x", line) in re.sub(r"0x[0-9a-f]+", "0x", run.stdout), run.stdout


def test_there_are_two_commands() -> None:
    """The quick start has two shell blocks of one line each: run the digits, run the tests."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)
    assert "classify.py" in blocks[0]
    assert "pytest" in blocks[1]

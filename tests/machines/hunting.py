"""How the state machines are let loose on backends with a bug."""

import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from aclcffi.testing.machines import AclMachine, ContractError, Target, run_machine

ROOT = Path(__file__).parents[2]
HUNT = settings(derandomize=True, database=None, max_examples=500, deadline=None)
UNSHRUNK = settings(HUNT, phases=[Phase.generate])


def found(machine: type[AclMachine], backend: str, profile: settings, *, models: str = "", product: str = "") -> str:
    """The program that shows the bug of a broken backend."""
    options = {**({"product": product} if product else {}), "devices": 2, "hang_after": 0}
    target = Target(backend, options, scheduled=True, models=models)
    with pytest.raises(ContractError) as caught:
        run_machine(machine, target, profile, steps=30)
    script = caught.value.script
    opened = next(line for line in script.splitlines() if f'open_backend("{backend}"' in line)
    assert 'devices=2, hang_after=0, schedule="replay", token="1:' in opened
    return script


def line_that_fails(script: str) -> str:
    """Run a program in a Python of its own, and return the line that failed."""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 1, result.stderr
    number = int(result.stderr.partition('File "<string>", line ')[2].partition(",")[0])
    return script.splitlines()[number - 1]


def line_that_fails_here(script: str) -> str:
    """As `line_that_fails`, in this Python, which is faster."""
    place: dict[str, Any] = {}
    try:
        exec(compile(script, "<script>", "exec"), place)
    except AssertionError as error:
        (number,) = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == "<script>"]
        return script.splitlines()[(number or 0) - 1]
    finally:
        place["acl"].close()
        if "other" in place:
            place["other"].shutdown()
    raise AssertionError("the program runs to its end")

"""The Hypothesis profiles: which one holds, and that none depends on the clock."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SHOW = """
import runpy, sys
from hypothesis import HealthCheck, settings
runpy.run_path(sys.argv[1])
now = settings()
print(now.max_examples, now.derandomize, now.database is None, now.print_blob, now.deadline)
print(HealthCheck.too_slow in now.suppress_health_check)
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "50 False False True None"),
        ({"CI": "true"}, "100 True True True None"),
        ({"HYPOTHESIS_PROFILE": "ci"}, "100 True True True None"),
        ({"HYPOTHESIS_PROFILE": "dev", "CI": "true"}, "50 False False True None"),
        ({"HYPOTHESIS_PROFILE": "nightly", "CI": "true"}, "5000 False False True None"),
    ],
)
def test_the_environment_chooses_the_profile(variables: dict[str, str], expected: str, tmp_path: Path) -> None:
    """HYPOTHESIS_PROFILE wins, then CI; only `ci` is deterministic; no profile has a deadline or a time limit."""
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "HYPOTHESIS_PROFILE"}}
    command = [sys.executable, "-c", SHOW, str(CONFTEST)]
    shown = subprocess.run(command, env=kept | variables, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [expected, "True"]


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    """A profile that does not exist stops the run instead of falling back to another."""
    command = [sys.executable, "-c", SHOW, str(CONFTEST)]
    variables = os.environ | {"HYPOTHESIS_PROFILE": "nigthly"}
    shown = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert "nigthly" in shown.stderr

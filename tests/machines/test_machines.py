"""The state machines: the backend under test keeps the contract, and a backend with a bug is found out."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from aclcffi.testing.handle_machine import HandleMachine
from aclcffi.testing.machines import AclMachine, ContractViolation, Target, run_machine
from aclcffi.testing.stream_machine import StreamMachine

ROOT = Path(__file__).parents[2]
HUNT = settings(derandomize=True, database=None, max_examples=500, deadline=None)


def with_devices(target: Target) -> Target:
    """The target with two devices, where nobody said how many and it can be told."""
    options = target.options if target.backend == "cann" else {"devices": 2, **target.options}
    return Target(target.backend, options)


def test_handles(acl_target: Target) -> None:
    """Every call with a live, a destroyed, a foreign or a NULL handle, in two threads, answers what the contract says."""
    run_machine(HandleMachine, with_devices(acl_target))


def test_streams(acl_target: Target) -> None:
    """Under every schedule memory, queries and codes are among what the contract allows."""
    run_machine(StreamMachine, acl_target)


def found(machine: type[AclMachine], bug: str) -> str:
    """The program that shows a bug of one of the broken backends."""
    target = Target(f"tests.machines.broken:{bug}", {"devices": 2, "hang_after": 0}, scheduled=True)
    with pytest.raises(ContractViolation) as caught:
        run_machine(machine, target, HUNT)
    return caught.value.script


def fails_alone(script: str) -> str:
    """Run a program in a Python of its own, and return the line that failed."""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 1, result.stderr
    assert result.stderr.rstrip().endswith("AssertionError"), result.stderr
    number = int(result.stderr.rpartition('File "<string>", line ')[2].partition(",")[0])
    return script.splitlines()[number - 1]


@pytest.mark.parametrize("bug", ["KeepsStreams", "TakesAnyStream", "LeaksMemory", "ForgetsThreads"])
def test_bugs_with_handles(bug: str) -> None:
    """The machine of handles finds each planted bug and prints a short program, which fails at its last line."""
    script = found(HandleMachine, bug)
    assert f'aclcffi.open_backend("tests.machines.broken:{bug}", devices=2, hang_after=0, schedule="replay", token="1:' in script
    assert len(script.splitlines()) < 40, script
    assert fails_alone(script) == script.splitlines()[-1]


@pytest.mark.parametrize("bug", ["NoWaits", "KeepsNotifies", "EarlySynchronize"])
def test_bugs_with_streams(bug: str) -> None:
    """The machine of streams finds each planted bug and prints a short program, which fails at its last line."""
    script = found(StreamMachine, bug)
    assert len(script.splitlines()) < 60, script
    assert fails_alone(script) == script.splitlines()[-1]

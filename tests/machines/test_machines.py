"""The state machines: the backend under test keeps the contract, and a backend with a bug is found out."""

import pytest

from aclcffi.testing.handle_machine import HandleMachine
from aclcffi.testing.machines import AclMachine, Target, run_machine
from aclcffi.testing.stream_machine import StreamMachine
from tests.machines.hunting import HUNT, UNSHRUNK, found, line_that_fails

BROKEN = "tests.machines.broken"


@pytest.fixture
def target(acl_target: Target) -> Target:
    """The backend under test; skips where it has not the functions that the machines play with."""
    with acl_target.open().backend as backend:
        if not all(map(backend.supports, AclMachine.needs)):
            pytest.skip("the backend has other functions than those of the machines")
    return acl_target


def with_devices(target: Target) -> Target:
    """The target with two devices, where nobody said how many and it can be told."""
    options = target.options if target.backend == "cann" else {"devices": 2, **target.options}
    return Target(target.backend, options)


def test_handles(target: Target) -> None:
    """Every call with a live, a destroyed, a foreign or a NULL handle, in two threads, answers what the contract says."""
    run_machine(HandleMachine, with_devices(target))


def test_streams(target: Target) -> None:
    """Under every schedule memory, queries and codes are among what the contract allows."""
    run_machine(StreamMachine, target)


@pytest.mark.parametrize(("machine", "bug"), [(HandleMachine, "KeepsStreams"), (StreamMachine, "NoWaits")])
def test_short_programs(machine: type[AclMachine], bug: str) -> None:
    """Each machine finds a planted bug and shrinks what shows it to a few calls, which fail at the last line."""
    script = found(machine, f"{BROKEN}:{bug}", HUNT)
    assert len(script.splitlines()) < 40, script
    assert line_that_fails(script) == script.splitlines()[-1]


@pytest.mark.parametrize(
    ("machine", "bug"),
    [
        (HandleMachine, "TakesAnyStream"),
        (HandleMachine, "LeaksMemory"),
        (StreamMachine, "KeepsNotifies"),
        (StreamMachine, "EarlySynchronize"),
    ],
)
def test_bugs(machine: type[AclMachine], bug: str) -> None:
    """Each machine finds more planted bugs; what it prints fails at its last line, also when it was not shrunk."""
    script = found(machine, f"{BROKEN}:{bug}", UNSHRUNK)
    assert line_that_fails(script) == script.splitlines()[-1]

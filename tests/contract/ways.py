"""The ways of executing a program, as parameters of a test."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.contract.acl import NULL
from tests.contract.models import Program, timeout_config

Way: TypeAlias = Callable[[Program], int]
"""One way of executing a program."""


def execute(program: Program) -> int:
    """aclmdlExecute."""
    return program.execute()


def execute_v2(program: Program) -> int:
    """aclmdlExecuteV2 without a stream."""
    return program.execute_v2(NULL, timeout_config(program.acl))


def execute_v2_on_a_stream(program: Program) -> int:
    """aclmdlExecuteV2 on a new stream."""
    return program.execute_v2(program.acl.stream(), timeout_config(program.acl))


def execute_async(program: Program) -> int:
    """aclmdlExecuteAsync on the default stream, without waiting."""
    return program.execute_async()


def wait_for(way: Way, program: Program) -> int:
    """Execute, and wait where the way does not."""
    code = way(program)
    return code or (program.acl.aclrtSynchronizeStream(NULL) if way is execute_async else 0)


SYNCHRONOUS = (execute, execute_v2, execute_v2_on_a_stream)
EVERY_WAY = (*SYNCHRONOUS, execute_async)

synchronous = pytest.mark.parametrize("way", SYNCHRONOUS)
every_way = pytest.mark.parametrize("way", EVERY_WAY)

"""Config handles: values that several of their tests use, and for which products a test is."""

from typing import Any

import pytest

from tests.contract.acl import Acl
from tests.contract.models import (
    MAIN,
    SMALL,
    LoadConfig,
    config_stream,
    data_buffers,
    dataset,
    last_message,
    timeout_config,
    work_config,
)

ADDRESS = 0x1000
ONES = b"\x00\x00\x80\x3f"
"""The float 1."""

main_only = pytest.mark.parametrize("product", MAIN)
"""For what only the main library has."""

with_async_v2 = pytest.mark.parametrize("product", ["generic", SMALL])
"""For what only products with aclmdlExecuteAsyncV2 have."""


def fails_without(machine: Acl, product: str, config: LoadConfig, inputs: int, memory: Any) -> None:
    """Load; the model runs while `memory` lives, and fails with 507053 that names it when it is freed."""
    machine.ok(config.load())
    sources = dataset(machine, data_buffers(machine, [machine.malloc(16) for _ in range(inputs)], 16))
    targets = dataset(machine, data_buffers(machine, [machine.malloc(16)], 16))
    stream = config_stream(machine) if product == SMALL else machine.stream()
    handle = work_config(machine) if product == SMALL else timeout_config(machine)
    assert machine.aclmdlExecuteV2(config.id[0], sources, targets, stream, handle) == 0
    machine.ok(machine.aclrtFree(memory))
    assert machine.aclmdlExecuteV2(config.id[0], sources, targets, stream, handle) == 507053
    assert f"0x{machine.address(memory):x} (freed)" in last_message(machine)

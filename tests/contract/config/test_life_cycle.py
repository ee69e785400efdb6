"""Config handles: making, using and destroying them (contract_mdl section 4)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.configs import ONES, main_only, with_async_v2
from tests.contract.models import (
    EINVAL,
    SMALL,
    SUM,
    WORK_BYTES,
    LoadConfig,
    add,
    adder,
    config_stream,
    described,
    exec_option,
    external,
    file_config,
    timeout_config,
    weighted,
    work_config,
    write_file,
)

lib = Acl.lib


@pytest.mark.row("MD4.01")
def test_a_new_load_config_has_nothing_set(machine: Acl) -> None:
    """A new aclmdlConfigHandle is an object of its own with the defaults: it names no model, so nothing can be loaded."""
    first, second = LoadConfig(machine), LoadConfig(machine)
    assert first.handle != NULL
    assert first.handle != second.handle
    assert first.load() == EINVAL


@pytest.mark.row("MD4.01")
@main_only
def test_a_new_exec_config_waits_for_ever(machine: Acl) -> None:
    """On the main library a new aclmdlExecConfigHandle waits for work that takes milliseconds."""
    program, before, stream = adder(machine), adder(machine), machine.stream()
    first, second = machine.aclmdlCreateExecConfigHandle(), machine.aclmdlCreateExecConfigHandle()
    assert first != NULL
    assert first != second
    for _ in range(300):
        machine.ok(before.execute_async(stream))
    assert program.execute_v2(stream, first) == 0
    assert program.result() == SUM


@pytest.mark.row("MD4.01")
@with_async_v2
def test_a_new_exec_config_brings_no_work_memory(machine: Acl) -> None:
    """A new aclmdlExecConfigHandle has no work memory, so that the stream's is taken, or none is there."""
    program, handle = adder(machine), machine.aclmdlCreateExecConfigHandle()
    assert handle != NULL
    assert program.execute_async_v2(config_stream(machine), handle) == EINVAL
    assert program.execute_async_v2(config_stream(machine, machine.malloc(WORK_BYTES)), handle) == 0


@pytest.mark.row("MD4.02")
def test_destroying_handles(untouched: Acl) -> None:
    """Destroying a handle answers 0, NULL 100000, and (a choice, undefined on hardware) a second time 100000."""
    assert untouched.aclmdlDestroyConfigHandle(NULL) == EINVAL
    load = untouched.aclmdlCreateConfigHandle()
    assert untouched.aclmdlDestroyConfigHandle(load) == 0
    assert untouched.aclmdlDestroyConfigHandle(load) == EINVAL
    assert untouched.aclmdlDestroyExecConfigHandle(NULL) == EINVAL
    execute = untouched.aclmdlCreateExecConfigHandle()
    assert untouched.aclmdlDestroyExecConfigHandle(execute) == 0
    assert untouched.aclmdlDestroyExecConfigHandle(execute) == EINVAL


@pytest.mark.row("MD4.03")
@main_only
def test_the_documented_order_of_a_load(machine: Acl) -> None:
    """Create, give an external weight, set options, load, destroy: each answers 0, and the model is there afterwards."""
    config = LoadConfig(machine)
    weight = machine.malloc(32, ONES * 8)
    assert machine.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", weight, 32) == 0
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", lib.ACL_MDL_LOAD_FROM_MEM)
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", external())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(external()))
    assert config.load() == 0
    assert machine.aclmdlDestroyConfigHandle(config.handle) == 0
    assert machine.aclmdlGetNumInputs(described(machine, config.id[0])) == 1


@pytest.mark.row("MD4.03")
@main_only
def test_the_documented_order_of_an_execution(machine: Acl) -> None:
    """Create, set options, execute, destroy: each answers 0 and the result is there."""
    program, handle = adder(machine), machine.aclmdlCreateExecConfigHandle()
    for attr in (lib.ACL_MDL_STREAM_SYNC_TIMEOUT, lib.ACL_MDL_EVENT_SYNC_TIMEOUT):
        exec_option(machine, handle, attr, "int32_t", 1000)
    assert program.execute_v2(machine.stream(), handle) == 0
    assert machine.aclmdlDestroyExecConfigHandle(handle) == 0
    assert program.result() == SUM


@pytest.mark.row("MD4.04")
def test_a_load_config_is_used_again(
    machine: Acl, product: str, tmp_path: Path, inputs_of: Callable[[LoadConfig], int]
) -> None:
    """A handle loads several times, an attribute set again overwrites, and the mark of one that was set stays."""
    one, two = write_file(tmp_path, add(), "one.onnx"), write_file(tmp_path, weighted(), "two.onnx")
    config = file_config(machine, one)
    assert inputs_of(config) == 2
    first = config.id[0]
    assert inputs_of(config) == 2
    assert config.id[0] != first
    config.set(lib.ACL_MDL_PATH_PTR, "char *", two)
    assert inputs_of(config) == 1
    if product != SMALL:  # which has no attribute that a load type forbids
        config.set(lib.ACL_MDL_WEIGHT_PATH_PTR, "char *", b"")
        assert config.load() == EINVAL


@pytest.mark.row("MD4.04")
@main_only
def test_an_exec_config_is_used_again(machine: Acl) -> None:
    """An exec config serves several executions, and what was set last counts."""
    program, stream, handle = adder(machine), machine.stream(), timeout_config(machine, 1000)
    assert program.execute_v2(stream, handle) == 0
    assert program.execute_v2(stream, handle) == 0
    exec_option(machine, handle, lib.ACL_MDL_STREAM_SYNC_TIMEOUT, "int32_t", 0)
    assert program.execute_v2(stream, handle) == 107000
    exec_option(machine, handle, lib.ACL_MDL_STREAM_SYNC_TIMEOUT, "int32_t", -1)
    assert program.execute_v2(stream, handle) == 0


@pytest.mark.row("MD4.04")
@with_async_v2
def test_an_exec_config_with_work_memory_is_used_again(machine: Acl) -> None:
    """An exec config serves several asynchronous executions, and the work memory that was set last counts."""
    program, stream, handle = adder(machine), config_stream(machine), work_config(machine)
    assert program.execute_async_v2(stream, handle) == 0
    assert program.execute_async_v2(stream, handle) == 0
    exec_option(machine, handle, lib.ACL_MDL_WORK_SIZET, "size_t", 0)
    assert program.execute_async_v2(stream, handle) == EINVAL
    exec_option(machine, handle, lib.ACL_MDL_WORK_SIZET, "size_t", WORK_BYTES)
    assert program.execute_async_v2(stream, handle) == 0

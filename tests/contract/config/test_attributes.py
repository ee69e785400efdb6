"""Config handles: the attributes, which values they take, and what becomes of them (contract_mdl section 4)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.configs import ADDRESS, ONES, fails_without, main_only, with_async_v2
from tests.contract.models import (
    EINVAL,
    ENOTSUP,
    SMALL,
    SUM,
    WORK_BYTES,
    LoadConfig,
    add,
    adder,
    config_stream,
    exec_option,
    external,
    file_config,
    last_message,
    memory_config,
    place_of,
    weighted,
    work_config,
    write_file,
)

lib = Acl.lib

INT32_MAX = (1 << 31) - 1
SIZE_MAX = (1 << 64) - 1

BOTH, ONLY_MAIN, ONLY_SMALL, NEITHER = "both", "main", "small", "neither"


def knows(product: str, where: str) -> bool:
    """Whether a product takes an attribute that these libraries know; "generic" has those of both."""
    if where in (BOTH, NEITHER):
        return where == BOTH
    return product == "generic" or (product == SMALL) == (where == ONLY_SMALL)


# -- the attributes --------------------------------------------------------------------------------------------------

ANY_SIZE = (0, 1, SIZE_MAX)
ANY_ADDRESS = (0, ADDRESS)
TIMEOUTS, NO_TIMEOUTS = (-1, 0, 1, INT32_MAX), (-2, -(1 << 31))

COLUMNS = ("attr", "c_type", "where", "taken", "refused")
"""Number, C type, the libraries that know it, values that they take, values that they refuse."""

LOAD_ATTRIBUTES = [
    pytest.param(0, "int32_t", ONLY_MAIN, range(8), (-1, 8, INT32_MAX), marks=pytest.mark.row("MD4.05")),
    pytest.param(1, "size_t", BOTH, (1, 2, 3, 4), (0, 7, SIZE_MAX), marks=pytest.mark.row("MD4.06")),
    pytest.param(2, "char *", BOTH, (), (0,), marks=pytest.mark.row("MD4.07")),
    pytest.param(3, "void *", BOTH, (ADDRESS,), (0,), marks=pytest.mark.row("MD4.08")),
    pytest.param(4, "size_t", BOTH, ANY_SIZE, (), marks=pytest.mark.row("MD4.09")),
    pytest.param(5, "void *", BOTH, ANY_ADDRESS, (), marks=pytest.mark.row("MD4.10")),
    pytest.param(6, "size_t", BOTH, ANY_SIZE, (), marks=pytest.mark.row("MD4.11")),
    pytest.param(7, "void *", ONLY_MAIN, ANY_ADDRESS, (), marks=pytest.mark.row("MD4.12")),
    pytest.param(8, "size_t", ONLY_MAIN, ANY_SIZE, (), marks=pytest.mark.row("MD4.13")),
    pytest.param(9, "size_t", ONLY_MAIN, ANY_SIZE, (), marks=pytest.mark.row("MD4.14")),
    pytest.param(10, "void *", ONLY_MAIN, (ADDRESS,), (0,), marks=pytest.mark.row("MD4.15")),
    pytest.param(11, "size_t", ONLY_MAIN, ANY_SIZE, (), marks=pytest.mark.row("MD4.16")),
    pytest.param(12, "void *", ONLY_MAIN, (ADDRESS,), (0,), marks=pytest.mark.row("MD4.17")),
    pytest.param(13, "size_t", ONLY_MAIN, (0, 1), (2, SIZE_MAX), marks=pytest.mark.row("MD4.18")),
    pytest.param(14, "char *", ONLY_MAIN, (), (0,), marks=pytest.mark.row("MD4.19")),
    *(
        pytest.param(attr, "void *", ONLY_SMALL, ANY_ADDRESS, (), marks=pytest.mark.row("MD4.20"))
        for attr in range(15, 25, 2)
    ),
    *(
        pytest.param(attr, "size_t", ONLY_SMALL, ANY_SIZE, (), marks=pytest.mark.row("MD4.20"))
        for attr in range(16, 26, 2)
    ),
    pytest.param(25, "size_t", ONLY_SMALL, (*range(6), 0x1000), (6, 99), marks=pytest.mark.row("MD4.21")),
    pytest.param(26, "void *", ONLY_SMALL, ANY_ADDRESS, (), marks=pytest.mark.row("MD4.22")),
    pytest.param(27, "size_t", ONLY_SMALL, ANY_SIZE, (), marks=pytest.mark.row("MD4.22")),
    pytest.param(28, "int32_t", ONLY_MAIN, (0, 1), (-1, 2), marks=pytest.mark.row("MD4.23")),
    pytest.param(29, "int32_t", NEITHER, (), (0, 1), marks=pytest.mark.row("MD4.24")),
    pytest.param(0xFFFF, "size_t", NEITHER, (), (0, 1), marks=pytest.mark.row("MD4.25")),
]

EXEC_ATTRIBUTES = [
    pytest.param(0, "int32_t", ONLY_MAIN, TIMEOUTS, NO_TIMEOUTS, marks=pytest.mark.row("MD4.26")),
    pytest.param(1, "int32_t", ONLY_MAIN, TIMEOUTS, NO_TIMEOUTS, marks=pytest.mark.row("MD4.27")),
    pytest.param(2, "void *", ONLY_SMALL, ANY_ADDRESS, (), marks=pytest.mark.row("MD4.28")),
    pytest.param(3, "size_t", ONLY_SMALL, ANY_SIZE, (), marks=pytest.mark.row("MD4.29")),
    *(pytest.param(attr, "size_t", ONLY_SMALL, ANY_SIZE, (), marks=pytest.mark.row("MD4.30")) for attr in range(4, 8)),
    pytest.param(8, "int32_t", NEITHER, (), (0, 1), marks=pytest.mark.row("MD4.31")),
    pytest.param(9, "int32_t", NEITHER, (), (0, 1), marks=pytest.mark.row("MD4.32")),
]

Setter = Callable[[int, Any, int], int]


def check_attribute(
    acl: Acl, setter: Setter, attr: int, c_type: str, known: bool, taken: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    """Set each value, in its size and in wrong ones."""

    def place(value: int) -> Any:
        return place_of(acl, c_type, acl.pointer(value, c_type) if c_type.endswith("*") else value)

    size = acl.ffi.sizeof(c_type)
    for value in taken:
        assert setter(attr, place(value), size) == (0 if known else EINVAL), value
    for value in refused:
        assert setter(attr, place(value), size) == EINVAL, value
    for value in taken:
        for wrong in (0, 1, size - 1, size + 1, 12 - size):
            assert setter(attr, place(value), wrong) == EINVAL, (value, wrong)
    assert setter(attr, NULL, size) == EINVAL


@pytest.mark.parametrize(COLUMNS, LOAD_ATTRIBUTES)
def test_an_attribute_of_a_load(
    untouched: Acl, product: str, attr: int, c_type: str, where: str, taken: Any, refused: Any
) -> None:
    """aclmdlSetConfigOpt takes an attribute where the library knows it, in its size, with the values of its rule."""
    handle = untouched.aclmdlCreateConfigHandle()

    def setter(attr: int, value: Any, size: int) -> int:
        return untouched.aclmdlSetConfigOpt(handle, attr, value, size)

    check_attribute(untouched, setter, attr, c_type, knows(product, where), taken, refused)


@pytest.mark.parametrize(COLUMNS, EXEC_ATTRIBUTES)
def test_an_attribute_of_an_execution(
    untouched: Acl, product: str, attr: int, c_type: str, where: str, taken: Any, refused: Any
) -> None:
    """aclmdlSetExecConfigOpt takes an attribute where the library knows it, in its size, with the values of its rule."""
    handle = untouched.aclmdlCreateExecConfigHandle()

    def setter(attr: int, value: Any, size: int) -> int:
        return untouched.aclmdlSetExecConfigOpt(handle, attr, value, size)

    check_attribute(untouched, setter, attr, c_type, knows(product, where), taken, refused)


@pytest.mark.row("MD4.05")
@main_only
def test_the_priority_lies_in_the_device_s_range(untouched: Acl) -> None:
    """The priority has the range of aclrtDeviceGetStreamPriorityRange; neither aclInit nor a device is needed."""
    least, greatest = untouched.out("int32_t"), untouched.out("int32_t")
    untouched.ok(untouched.aclrtDeviceGetStreamPriorityRange(least, greatest))
    handle = untouched.aclmdlCreateConfigHandle()
    for value, code in ((greatest[0], 0), (least[0], 0), (greatest[0] - 1, EINVAL), (least[0] + 1, EINVAL)):
        place = place_of(untouched, "int32_t", value)
        assert untouched.aclmdlSetConfigOpt(handle, lib.ACL_MDL_PRIORITY_INT32, place, 4) == code


@pytest.mark.row("MD4.06")
def test_only_the_main_library_knows_load_types_with_queues(untouched: Acl, product: str) -> None:
    """Load types 5 and 6 are taken by the main library and refused by the small one."""
    handle = untouched.aclmdlCreateConfigHandle()
    for value in (5, 6):
        place = place_of(untouched, "size_t", value)
        code = untouched.aclmdlSetConfigOpt(handle, lib.ACL_MDL_LOAD_TYPE_SIZET, place, 8)
        assert code == (EINVAL if product == SMALL else 0)


@pytest.mark.row("MD4.07", "MD12.07")
def test_who_keeps_the_path(machine: Acl, product: str, tmp_path: Path, inputs_of: Callable[[LoadConfig], int]) -> None:
    """A path that changes after aclmdlSetConfigOpt: the main library loads the old one, the small one the new one."""
    old, new = write_file(tmp_path, add(), "old.onnx"), write_file(tmp_path, weighted(), "new.onnx")
    path = machine.ffi.new("char[]", old)
    config = file_config(machine, path)
    machine.ffi.memmove(path, new, len(new))
    assert inputs_of(config) == (1 if product == SMALL else 2)


@pytest.mark.row("MD4.08", "MD4.09")
def test_model_memory_is_kept_by_address(machine: Acl, inputs_of: Callable[[LoadConfig], int]) -> None:
    """Of model memory only the address is kept: the bytes that are there at the load count. Size 0 fails at the load."""
    memory = machine.host(1024)
    machine.ffi.memmove(memory, add(), len(add()))
    config = memory_config(machine, memory, len(weighted()))
    machine.ffi.memmove(memory, weighted(), len(weighted()))
    assert inputs_of(config) == 1
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", 0)
    assert config.load() == EINVAL


@pytest.mark.row("MD4.10", "MD4.11")
def test_weight_memory_is_kept_by_address(machine: Acl, product: str) -> None:
    """A model that was given weight memory uses it: it cannot run any more when the caller frees that memory."""
    config, weight = memory_config(machine, weighted()), machine.malloc(16)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", lib.ACL_MDL_LOAD_FROM_MEM_WITH_MEM)
    config.set(lib.ACL_MDL_WEIGHT_ADDR_PTR, "void *", weight)
    config.set(lib.ACL_MDL_WEIGHT_SIZET, "size_t", 16)
    fails_without(machine, product, config, 1, weight)


@pytest.mark.row("MD4.12", "MD4.13")
@main_only
def test_workspace_memory_is_kept_by_address(machine: Acl, product: str) -> None:
    """A model that was given work memory uses it: it cannot run any more when the caller frees that memory."""
    config, work = memory_config(machine, add()), machine.malloc(WORK_BYTES)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", lib.ACL_MDL_LOAD_FROM_MEM_WITH_MEM)
    config.set(lib.ACL_MDL_WORKSPACE_ADDR_PTR, "void *", work)
    config.set(lib.ACL_MDL_WORKSPACE_SIZET, "size_t", WORK_BYTES)
    fails_without(machine, product, config, 2, work)


@pytest.mark.row("MD4.19")
@main_only
def test_the_weight_path_is_copied(machine: Acl, tmp_path: Path) -> None:
    """The folder of external weights is kept as it was when it was set, whatever the caller does to the string later."""
    (tmp_path / "weights.bin").write_bytes(ONES * 8)
    config = memory_config(machine, external())
    assert config.load() == ENOTSUP  # there is no folder
    folder = machine.ffi.new("char[]", str(tmp_path).encode())
    config.set(lib.ACL_MDL_WEIGHT_PATH_PTR, "char *", folder)
    machine.ffi.memmove(folder, b"/nowhere\0", 9)
    assert config.load() == 0


@pytest.mark.row("MD4.18", "MD4.23", "MD4.33")
@main_only
@pytest.mark.parametrize("value", [0, 1])
def test_optional_attributes_of_a_static_model(machine: Acl, value: int) -> None:
    """Priority, memory optimisation and loading without the graph can be set for any load of a static model."""
    config = memory_config(machine, add())
    config.set(lib.ACL_MDL_PRIORITY_INT32, "int32_t", value)
    config.set(lib.ACL_MDL_WORKSPACE_MEM_OPTIMIZE, "size_t", value)
    config.set(lib.ACL_MDL_WITHOUT_GRAPH_INT32, "int32_t", value)
    assert config.load() == 0


@pytest.mark.row("MD4.28", "MD4.29")
@with_async_v2
def test_the_handle_s_work_memory_wins(machine: Acl) -> None:
    """Work memory of the exec config is used instead of the stream's: only the one that is used has to live."""
    program = adder(machine)
    of_stream, of_handle = machine.malloc(WORK_BYTES), machine.malloc(WORK_BYTES)
    stream, handle = config_stream(machine, of_stream), work_config(machine, of_handle)
    machine.ok(machine.aclrtFree(of_stream))
    assert program.execute_async_v2(stream, handle) == 0
    assert machine.aclrtSynchronizeStream(stream) == 0
    machine.ok(machine.aclrtFree(of_handle))
    assert program.execute_async_v2(stream, handle) == 0
    assert machine.aclrtSynchronizeStream(stream) == 507053
    assert "work memory" in last_message(machine)


@pytest.mark.row("MD4.28", "MD4.29")
@with_async_v2
@pytest.mark.parametrize(
    ("attr", "c_type", "value"),
    [(lib.ACL_MDL_WORK_ADDR_PTR, "void *", ADDRESS), (lib.ACL_MDL_WORK_SIZET, "size_t", WORK_BYTES)],
)
def test_half_of_a_work_memory_is_none(machine: Acl, attr: int, c_type: str, value: int) -> None:
    """A handle with an address but no size, or a size but no address, has no work memory: the stream's is taken."""
    program, handle = adder(machine), machine.aclmdlCreateExecConfigHandle()
    exec_option(machine, handle, attr, c_type, machine.pointer(value) if c_type == "void *" else value)
    assert program.execute_async_v2(config_stream(machine), handle) == EINVAL
    stream = config_stream(machine, machine.malloc(WORK_BYTES))
    assert program.execute_async_v2(stream, handle) == 0
    assert machine.aclrtSynchronizeStream(stream) == 0


@pytest.mark.row("MD4.30")
@with_async_v2
def test_reserved_attributes_change_nothing(machine: Acl) -> None:
    """An execution whose config has all of the attributes 4 to 7 computes what it computes without them."""
    program, handle, stream = adder(machine), work_config(machine), config_stream(machine)
    for attr in range(4, 8):
        exec_option(machine, handle, attr, "size_t", 99)
    assert program.execute_async_v2(stream, handle) == 0
    machine.synchronize(stream)
    assert program.result() == SUM

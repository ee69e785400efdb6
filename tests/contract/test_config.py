"""Config handles for loading and executing (contract_mdl section 4)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EINVAL,
    ENOTSUP,
    EPARAM,
    EPATH,
    ESIZE,
    MAIN,
    NO_ID,
    PRODUCTS,
    SMALL,
    SUM,
    WORK_BYTES,
    LoadConfig,
    add,
    adder,
    config_stream,
    data_buffers,
    dataset,
    described,
    exec_option,
    external,
    file_config,
    last_message,
    memory_config,
    place_of,
    started,
    timeout_config,
    weighted,
    work_config,
    write_file,
)

lib = Acl.lib

INT32_MAX = (1 << 31) - 1
SIZE_MAX = (1 << 64) - 1
ADDRESS = 0x1000
ONES = b"\x00\x00\x80\x3f"
"""The float 1."""

BOTH, ONLY_MAIN, ONLY_SMALL, NEITHER = "both", "main", "small", "neither"


def knows(product: str, where: str) -> bool:
    """Whether a product takes an attribute that these libraries know; "generic" has those of both."""
    if where in (BOTH, NEITHER):
        return where == BOTH
    return product == "generic" or (product == SMALL) == (where == ONLY_SMALL)


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    """A product of each kind."""
    return str(request.param)


@pytest.fixture
def untouched(open_acl: OpenAcl, product: str) -> Acl:
    """A machine on which nothing is initialised, which no handle needs."""
    return open_acl(product=product)


@pytest.fixture
def machine(open_acl: OpenAcl, product: str) -> Acl:
    """An initialised machine."""
    return started(open_acl, product)


@pytest.fixture
def inputs_of(machine: Acl) -> Callable[[LoadConfig], int]:
    """Loads with a config and tells how many inputs the model has: which model it was."""

    def count(config: LoadConfig) -> int:
        machine.ok(config.load())
        return machine.aclmdlGetNumInputs(described(machine, config.id[0]))

    return count


main_only = pytest.mark.parametrize("product", MAIN)
"""For what only the main library has."""

with_async_v2 = pytest.mark.parametrize("product", ["generic", SMALL])
"""For what only products with aclmdlExecuteAsyncV2 have."""


# -- life cycle ------------------------------------------------------------------------------------------------------


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


# -- order of the checks ---------------------------------------------------------------------------------------------


def test_the_order_of_the_load_setter_s_checks(untouched: Acl) -> None:
    """aclmdlSetConfigOpt looks at handle, value's address, attribute, size and value, in this order (section 4.2)."""
    handle, place = untouched.aclmdlCreateConfigHandle(), place_of(untouched, "size_t", 99)
    for arguments, sentence in (
        ((NULL, 12345, NULL, 9), "handle is NULL"),
        ((handle, 12345, NULL, 9), "attrValue is NULL"),
        ((handle, 12345, place, 9), "attr 12345 is not known"),
        ((handle, 1, place, 9), "valueSize is 9"),
        ((handle, 1, place, 8), "attr 1 cannot be 99"),
    ):
        assert untouched.aclmdlSetConfigOpt(*arguments) == EINVAL
        assert sentence in last_message(untouched)


def test_the_order_of_the_exec_setter_s_checks(untouched: Acl, product: str) -> None:
    """aclmdlSetExecConfigOpt looks at handle, value's address, attribute, size and value, in this order (section 4.3)."""
    handle, place = untouched.aclmdlCreateExecConfigHandle(), place_of(untouched, "int64_t", -5)
    attr = 3 if product == SMALL else 0
    checks = [
        ((NULL, 12345, NULL, 9), "handle is NULL"),
        ((handle, 12345, NULL, 9), "attrValue is NULL"),
        ((handle, 12345, place, 9), "attr 12345 is not known"),
        ((handle, attr, place, 9), "valueSize is 9"),
        ((handle, attr, place, 4), "attr 0 cannot be -5"),
    ]
    for arguments, sentence in checks[: 4 if product == SMALL else 5]:  # the small library refuses no value
        assert untouched.aclmdlSetExecConfigOpt(*arguments) == EINVAL
        assert sentence in last_message(untouched)


@pytest.mark.row("MD4.06")
def test_a_refused_value_of_a_load_is_not_stored(machine: Acl) -> None:
    """What was set before stays when a value, a size or a NULL is refused."""
    config = memory_config(machine, add())
    good, bad = (place_of(machine, "size_t", value) for value in (lib.ACL_MDL_LOAD_FROM_FILE, 99))
    for place, size in ((good, 4), (NULL, 8), (bad, 8)):
        assert machine.aclmdlSetConfigOpt(config.handle, lib.ACL_MDL_LOAD_TYPE_SIZET, place, size) == EINVAL
    assert config.load() == 0


@pytest.mark.row("MD4.26")
@main_only
def test_a_refused_timeout_is_not_stored(machine: Acl) -> None:
    """A timeout of 1 ms in a wrong size, or a wrong timeout, leaves the default: the execution waits for all before it."""
    program, before, stream = adder(machine), adder(machine), machine.stream()
    handle = timeout_config(machine)
    for value, size in ((1, 8), (1, 2), (-2, 4)):
        place = place_of(machine, "int64_t", value)
        assert machine.aclmdlSetExecConfigOpt(handle, lib.ACL_MDL_STREAM_SYNC_TIMEOUT, place, size) == EINVAL
    for _ in range(300):
        machine.ok(before.execute_async(stream))
    assert program.execute_v2(stream, handle) == 0


# -- external weights ------------------------------------------------------------------------------------------------


@pytest.mark.row("MD12.17")
@main_only
@pytest.mark.parametrize(("size", "code"), [(0, EINVAL), (1, EINVAL), (31, EINVAL), (48, EINVAL), (32, 0), (64, 0)])
def test_the_size_of_an_external_weight(machine: Acl, size: int, code: int) -> None:
    """aclmdlSetExternalWeightAddress takes positive multiples of 32 only; the address may be anything."""
    handle = machine.aclmdlCreateConfigHandle()
    assert machine.aclmdlSetExternalWeightAddress(handle, b"w.bin", machine.pointer(ADDRESS + 1), size) == code


@main_only
def test_the_order_of_an_external_weight_s_checks(machine: Acl) -> None:
    """aclmdlSetExternalWeightAddress refuses handle, name and address NULL in this order, and then the size."""
    handle, memory = machine.aclmdlCreateConfigHandle(), machine.malloc(32)
    for arguments, sentence in (
        ((NULL, NULL, NULL, 0), "handle is NULL"),
        ((handle, NULL, NULL, 0), "weightFileName is NULL"),
        ((handle, b"w.bin", NULL, 0), "devPtr is NULL"),
        ((handle, b"w.bin", memory, 0), "size is 0"),
    ):
        assert machine.aclmdlSetExternalWeightAddress(*arguments) == EINVAL
        assert sentence in last_message(machine)


@main_only
def test_an_external_weight_is_given_twice(machine: Acl) -> None:
    """The same name may be given several times; too little of it fails the load with 145000."""
    config, memory = memory_config(machine, external(count=16)), machine.malloc(64)
    assert machine.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 32) == 0
    assert config.load() == EPARAM
    assert machine.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 64) == 0
    assert config.load() == 0


def test_the_small_library_has_no_external_weights(open_acl: OpenAcl) -> None:
    """aclmdlSetExternalWeightAddress exists in the main library only."""
    assert not open_acl(product=SMALL).backend.supports("aclmdlSetExternalWeightAddress")


# -- which attributes a load type needs (section 4.4) ----------------------------------------------------------------

FILE, FILE_WITH_MEM, MEM, MEM_WITH_MEM, FILE_WITH_Q, MEM_WITH_Q = range(1, 7)
PATH = ((2, "char *"),)
MEMORY = ((3, "void *"), (4, "size_t"))
QUEUES = ((9, "size_t"), (10, "void *"), (11, "size_t"), (12, "void *"))
NEEDED = {
    FILE: PATH,
    FILE_WITH_MEM: PATH,
    MEM: MEMORY,
    MEM_WITH_MEM: MEMORY,
    FILE_WITH_Q: PATH + QUEUES,
    MEM_WITH_Q: MEMORY + QUEUES,
}
"""Load type -> number and C type of each attribute that must be set."""

WEIGHT_PATH = 14


def complete_config(acl: Acl, kind: int, path: bytes, without: int | None = None) -> LoadConfig:
    """A config with all that a load type needs (except one attribute) for the model in a file."""
    data = Path(path.decode()).read_bytes()
    values = {2: path, 3: data, 4: len(data), 9: 1, 10: b"queue ids", 11: 1, 12: b"queue ids"}
    config = LoadConfig(acl, kind)
    for attr, c_type in NEEDED[kind]:
        if attr != without:
            config.set(attr, c_type, values[attr])
    return config


@pytest.mark.row("MD4.33")
def test_a_load_needs_its_type(machine: Acl, tmp_path: Path) -> None:
    """Without ACL_MDL_LOAD_TYPE_SIZET nothing is loaded, whatever else is set."""
    config = LoadConfig(machine)
    config.set(lib.ACL_MDL_PATH_PTR, "char *", write_file(tmp_path, add()))
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", add())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(add()))
    assert config.load() == EINVAL
    assert config.id[0] == NO_ID
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", lib.ACL_MDL_LOAD_FROM_MEM)
    assert config.load() == 0


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FILE, marks=pytest.mark.row("MD4.34")),
        pytest.param(FILE_WITH_MEM, marks=pytest.mark.row("MD4.34")),
        pytest.param(MEM, marks=pytest.mark.row("MD4.35")),
        pytest.param(MEM_WITH_MEM, marks=pytest.mark.row("MD4.35")),
    ],
)
def test_what_a_load_must_have_set(machine: Acl, tmp_path: Path, kind: int) -> None:
    """A load of types 1 to 4 works with just the attributes of its line; each of them missing is 100000."""
    path = write_file(tmp_path, add())
    assert complete_config(machine, kind, path).load() == 0
    for attr, _ in NEEDED[kind]:
        config = complete_config(machine, kind, path, without=attr)
        assert config.load() == EINVAL, attr
        assert config.id[0] == NO_ID


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FILE_WITH_Q, marks=pytest.mark.row("MD4.36")),
        pytest.param(MEM_WITH_Q, marks=pytest.mark.row("MD4.37")),
    ],
)
@main_only
def test_what_a_load_with_queues_must_have_set(machine: Acl, tmp_path: Path, kind: int) -> None:
    """Types 5 and 6 pass with the attributes of their line (queues are not modelled: 200001); each missing is 100000."""
    path = write_file(tmp_path, add())
    assert complete_config(machine, kind, path).load() == ENOTSUP
    for attr, _ in NEEDED[kind]:
        assert complete_config(machine, kind, path, without=attr).load() == EINVAL, attr


@pytest.mark.row("MD4.14", "MD4.16", "MD4.36", "MD4.37")
@main_only
@pytest.mark.parametrize("kind", [FILE_WITH_Q, MEM_WITH_Q])
@pytest.mark.parametrize("attr", [lib.ACL_MDL_INPUTQ_NUM_SIZET, lib.ACL_MDL_OUTPUTQ_NUM_SIZET])
def test_a_number_of_queues_of_0_fails_at_the_load(machine: Acl, tmp_path: Path, kind: int, attr: int) -> None:
    """A number of queues of 0 can be set, and is refused with 100000 when the model is loaded."""
    config = complete_config(machine, kind, write_file(tmp_path, add()))
    config.set(attr, "size_t", 0)
    assert config.load() == EINVAL


@pytest.mark.row("MD4.34", "MD4.35", "MD4.36", "MD4.37")
@main_only
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FILE, EINVAL),
        (FILE_WITH_MEM, EINVAL),
        (FILE_WITH_Q, EINVAL),
        (MEM, 0),
        (MEM_WITH_MEM, 0),
        (MEM_WITH_Q, ENOTSUP),
    ],
)
def test_which_loads_go_with_a_weight_path(machine: Acl, tmp_path: Path, kind: int, code: int) -> None:
    """A folder for weights is forbidden for models in files, and may be set for models in memory."""
    config = complete_config(machine, kind, write_file(tmp_path, add()))
    config.set(WEIGHT_PATH, "char *", str(tmp_path).encode())
    assert config.load() == code


@pytest.mark.row("MD4.34", "MD4.35")
@main_only
@pytest.mark.parametrize(("kind", "code"), [(FILE, 0), (FILE_WITH_MEM, EPARAM), (MEM, 0), (MEM_WITH_MEM, EPARAM)])
@pytest.mark.parametrize("part", ["work", "weight"])
def test_which_loads_look_at_memory_of_the_caller(
    machine: Acl, tmp_path: Path, kind: int, code: int, part: str
) -> None:
    """Types 2 and 4 use work and weight memory, and refuse too little; types 1 and 3 do not look at it."""
    config = complete_config(machine, kind, write_file(tmp_path, weighted()))
    address, size = (7, 8) if part == "work" else (5, 6)
    config.set(address, "void *", machine.malloc(32))
    config.set(size, "size_t", 1)
    assert config.load() == code


@pytest.mark.row("MD4.34", "MD4.35")
@pytest.mark.parametrize("kind", [FILE_WITH_MEM, MEM_WITH_MEM])
def test_memory_of_the_caller_may_be_null(machine: Acl, product: str, tmp_path: Path, kind: int) -> None:
    """Types 2 and 4 with NULL as work and weight memory take memory of the library's."""
    config = complete_config(machine, kind, write_file(tmp_path, weighted()))
    for address, size in ((5, 6), (7, 8))[: 1 if product == SMALL else 2]:
        config.set(address, "void *", NULL)
        config.set(size, "size_t", 0)
    assert config.load() == 0


@pytest.mark.row("MD4.34", "MD4.35")
@pytest.mark.parametrize("product", [SMALL])
@pytest.mark.parametrize("kind", [FILE, FILE_WITH_MEM, MEM, MEM_WITH_MEM])
def test_the_small_library_treats_load_types_alike(machine: Acl, product: str, tmp_path: Path, kind: int) -> None:
    """On the small library types 1 and 2 do the same, and so do 3 and 4: weight memory that was given is used."""
    config, weight = complete_config(machine, kind, write_file(tmp_path, weighted())), machine.malloc(16)
    config.set(lib.ACL_MDL_WEIGHT_ADDR_PTR, "void *", weight)
    config.set(lib.ACL_MDL_WEIGHT_SIZET, "size_t", 16)
    fails_without(machine, product, config, 1, weight)


@main_only
def test_the_order_of_a_load_s_checks(machine: Acl, tmp_path: Path) -> None:
    """The main library: handle, routing by path or memory, modelId, attribute rules, content (section 4.4)."""
    short, wrong = write_file(tmp_path, b"abc", "short"), write_file(tmp_path, bytes(300), "wrong")
    assert machine.aclmdlLoadWithConfig(NULL, NULL) == EINVAL
    assert "handle is NULL" in last_message(machine)

    config = LoadConfig(machine)  # no load type, so that the rules would refuse it too
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "neither a model file nor model memory" in last_message(machine)
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", b"abc")
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", 3)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", b"")  # an empty path is none
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", str(tmp_path / "missing").encode())
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EPATH
    config.set(lib.ACL_MDL_PATH_PTR, "char *", short)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", wrong)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "modelId is NULL" in last_message(machine)
    assert config.load() == EINVAL
    assert "LOAD_TYPE" in last_message(machine)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", FILE)
    assert config.load() == EPARAM


@main_only
def test_a_path_is_opened_for_a_load_from_memory_too(machine: Acl, tmp_path: Path) -> None:
    """A path in the handle is checked even when the load type says memory; the model comes from memory all the same."""
    config = memory_config(machine, add())
    config.set(lib.ACL_MDL_PATH_PTR, "char *", str(tmp_path / "missing").encode())
    assert config.load() == EPATH
    config.set(lib.ACL_MDL_PATH_PTR, "char *", write_file(tmp_path, weighted()))
    assert config.load() == 0
    assert machine.aclmdlGetNumInputs(described(machine, config.id[0])) == 2


@main_only
def test_an_empty_path_is_no_model(machine: Acl) -> None:
    """A load from a file with an empty path fails as a missing file does, even if the handle has model memory too."""
    config = file_config(machine, b"")
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", add())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(add()))
    assert config.load() == EPATH


@pytest.mark.parametrize("product", [SMALL])
def test_the_order_of_the_small_library_s_checks(machine: Acl, tmp_path: Path) -> None:
    """The small library looks at the handle, the modelId and the attribute rules before it opens a file (section 4.4)."""
    missing = str(tmp_path / "missing").encode()
    assert machine.aclmdlLoadWithConfig(NULL, NULL) == EINVAL
    assert "handle is NULL" in last_message(machine)
    config = LoadConfig(machine)
    config.set(lib.ACL_MDL_PATH_PTR, "char *", missing)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "modelId is NULL" in last_message(machine)
    assert config.load() == EINVAL
    assert "LOAD_TYPE" in last_message(machine)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", FILE)
    assert config.load() == EPATH

"""Executing as the small library of IPV350 does it (contract_mdl section 7, its column), and aclmdlExecuteAsyncV2.

On IPV350 that is aclmdlExecuteV2 and aclmdlExecuteAsyncV2; on "generic" aclmdlExecuteAsyncV2 follows the same column, on
ids and models of the main library.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from aclsim import GearSpec

from aclcffi import UnsupportedFunctionError
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    ENOINIT,
    ENOTSUP,
    EPARAM,
    MAIN,
    SMALL,
    SUM,
    UNKNOWN,
    WORK_BYTES,
    ZEROS,
    Program,
    add,
    adder,
    config_stream,
    dataset,
    exec_option,
    gather,
    last_message,
    memory_config,
    place_of,
    started,
    two_of_each,
    work_config,
)
from tests.contract.varying import linear, load_path, register

lib = Acl.lib


Call: TypeAlias = Callable[[Program, Any, Any], int]
"""Executes a program on a stream with an exec config handle."""


def execute_v2(program: Program, stream: Any, handle: Any) -> int:
    """aclmdlExecuteV2."""
    return program.execute_v2(stream, handle)


def execute_async_v2(program: Program, stream: Any, handle: Any) -> int:
    """aclmdlExecuteAsyncV2."""
    return program.execute_async_v2(stream, handle)


every_call = pytest.mark.parametrize(
    ("product", "call"), [(SMALL, execute_v2), (SMALL, execute_async_v2), ("generic", execute_async_v2)]
)
"""The calls that take IPV350's column of section 7.1, and the products on which they do."""

async_v2 = pytest.mark.parametrize("product", [SMALL, "generic"])
"""The products that have aclmdlExecuteAsyncV2."""


@pytest.fixture
def acl(open_acl: OpenAcl, product: str) -> Acl:
    """An initialised machine of the product."""
    return started(open_acl, product)


# -- order of the checks (section 7.1, column IPV350) ----------------------------------------------------------------


@pytest.mark.row("MD7.01", "MD12.03")
@every_call
def test_a_null_handle_is_legal_with_a_stream_that_has_work_memory(acl: Acl, call: Call) -> None:
    """A NULL handle is accepted when the stream carries work memory, and the result is the same."""
    program, stream = adder(acl), config_stream(acl, acl.malloc(WORK_BYTES))
    assert call(program, stream, NULL) == 0
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.01", "MD7.03")
@every_call
def test_a_null_handle_without_work_memory_comes_first(acl: Acl, call: Call) -> None:
    """Without work memory in the stream, or without a stream, a NULL handle is 100000 before anything else is looked at."""
    program = adder(acl)
    streams = [NULL, config_stream(acl)]
    acl.ok(acl.aclFinalize())
    program.id, program.inputs, program.outputs = UNKNOWN, NULL, NULL
    for stream in streams:
        assert call(program, stream, NULL) == EINVAL
        assert "handle is NULL" in last_message(acl)


@pytest.mark.row("MD7.02")
@every_call
def test_null_datasets(acl: Acl, call: Call) -> None:
    """Behind the handle come the input, then the output dataset: NULL is 100000, before work memory, aclInit and id."""
    program, stream, handle = adder(acl), config_stream(acl), acl.aclmdlCreateExecConfigHandle()
    acl.ok(acl.aclFinalize())
    program.id = UNKNOWN
    inputs = program.inputs
    program.inputs, program.outputs = NULL, NULL
    assert call(program, stream, handle) == EINVAL
    assert "input is NULL" in last_message(acl)
    program.inputs = inputs
    assert call(program, stream, handle) == EINVAL
    assert "output is NULL" in last_message(acl)


@pytest.mark.row("MD7.03")
@every_call
def test_no_work_memory_anywhere(acl: Acl, call: Call) -> None:
    """Without work memory in handle and stream it is 100000, before a missing aclInit, an unknown id and a NULL stream."""
    program, stream, handle = adder(acl), config_stream(acl), acl.aclmdlCreateExecConfigHandle()
    assert call(program, stream, handle) == EINVAL
    assert "work memory" in last_message(acl)
    acl.ok(acl.aclFinalize())
    program.id = UNKNOWN
    for each in (stream, NULL):
        assert call(program, each, handle) == EINVAL
        assert "work memory" in last_message(acl)


@pytest.mark.row("MD7.05", "MD7.06", "MD12.04")
@every_call
def test_initialisation_and_id(acl: Acl, call: Call) -> None:
    """A missing aclInit is 145001, then an unknown or unloaded id is 145003: both before a NULL stream."""
    program, handle = adder(acl), work_config(acl)
    loaded = program.id
    acl.ok(acl.aclFinalize())
    for number in (loaded, UNKNOWN):
        program.id = number
        assert call(program, NULL, handle) == ENOINIT
    acl.ok(acl.aclInit(NULL))
    assert call(program, NULL, handle) == EMODELID
    # The last aclFinalize of the small library has unloaded it.
    assert acl.aclmdlUnload(loaded) == (EMODELID if acl.backend.product == "IPV350" else 0)  # type: ignore[attr-defined]
    program.id = loaded
    for stream in (NULL, config_stream(acl)):
        assert call(program, stream, handle) == EMODELID


@pytest.mark.row("MD7.09", "MD11.10", "MD12.04", "MD2.33")
@every_call
def test_a_null_stream(acl: Acl, call: Call) -> None:
    """For a known id a NULL stream is 107000, before the number of buffers is looked at."""
    program, handle = adder(acl), work_config(acl)
    assert call(program, NULL, handle) == 107000
    assert "stream is NULL" in last_message(acl)
    program.inputs = dataset(acl, [])
    assert call(program, NULL, handle) == 107000
    assert call(program, config_stream(acl), handle) == EPARAM


@every_call
def test_a_stream_that_cannot_be_used(acl: Acl, call: Call) -> None:
    """A destroyed stream is 107017 and one of another context 107003, both behind the id and before the buffers."""
    program, handle, stream, gone = adder(acl), work_config(acl), config_stream(acl), config_stream(acl)
    acl.ok(acl.aclrtDestroyStream(gone))
    acl.context()
    number = program.id
    program.inputs = dataset(acl, [])
    for each, code in ((gone, 107017), (stream, 107003)):
        program.id = UNKNOWN
        assert call(program, each, handle) == EMODELID
        program.id = number
        assert call(program, each, handle) == code


@pytest.mark.row("MD7.08", "MD12.18")
@every_call
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_the_number_of_buffers(acl: Acl, call: Call, side: str) -> None:
    """Fewer buffers than the model has are 145000; more are ignored."""
    program, stream, handle = Program(acl, two_of_each()), config_stream(acl), work_config(acl)
    program.feed([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1])
    buffers = program.input_buffers if side == "inputs" else program.output_buffers
    setattr(program, side, dataset(acl, buffers[:1]))
    assert call(program, stream, handle) == EPARAM
    assert "has 1 buffers" in last_message(acl)
    setattr(program, side, dataset(acl, [*buffers, acl.aclCreateDataBuffer(NULL, 0)]))
    assert call(program, stream, handle) == 0
    acl.synchronize(stream)
    assert program.result(1) == [0, 1, 2, 3, 4, 5]


@every_call
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("size", [0, 1, 335])
def test_sizes_are_not_checked(acl: Acl, call: Call, side: str, size: int) -> None:
    """MD7.10: a buffer may say any size, however little; what counts is the memory at its address."""
    program, stream, handle = Program(acl, add(100)), config_stream(acl), work_config(acl)
    program.feed([1] * 100, range(100))
    memory, buffer = (
        (program.input_memory[0], program.input_buffers[0])
        if side == "input"
        else (program.output_memory[0], program.output_buffers[0])
    )
    small = acl.aclCreateDataBuffer(memory, size)
    if side == "input":
        program.inputs = dataset(acl, [small, program.input_buffers[1]])
    else:
        program.outputs = dataset(acl, [small])
    assert buffer != small
    assert call(program, stream, handle) == 0
    acl.synchronize(stream)
    assert program.result()[99] == 100


@every_call
@pytest.mark.parametrize("side", ["input", "output"])
def test_addresses_are_not_checked_by_the_call(acl: Acl, call: Call, side: str) -> None:
    """MD7.10: a NULL buffer is no error of the call; the execution fails (a choice: 507053) where a device would fault."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl)
    nothing = acl.aclCreateDataBuffer(NULL, 16)
    if side == "input":
        program.inputs = dataset(acl, [program.input_buffers[0], nothing])
    else:
        program.outputs = dataset(acl, [nothing])
    code = call(program, stream, handle)
    if call is execute_async_v2:
        assert code == 0
        code = acl.aclrtSynchronizeStream(stream)
    assert code == 507053
    assert f"{side} '{'b' if side == 'input' else 'sum'}'" in last_message(acl)
    assert acl.aclGetDataBufferAddr(nothing) == NULL


# -- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.07")
@pytest.mark.parametrize("product", [SMALL])
@pytest.mark.parametrize("order", [(execute_v2, execute_async_v2), (execute_async_v2, execute_v2)])
def test_modes_may_be_mixed(acl: Acl, order: tuple[Call, Call]) -> None:
    """On the small library one model runs synchronously and asynchronously, in any order."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl)
    for call in (*order, *order):
        assert call(program, stream, handle) == 0
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.07")
@pytest.mark.parametrize("product", ["generic"])
@pytest.mark.parametrize("main_mode", ["execute", "execute_async"])
def test_async_v2_takes_no_part_in_the_main_library_s_modes(acl: Acl, main_mode: str) -> None:
    """On "generic" aclmdlExecuteAsyncV2 goes with either mode of a model, fixes none, and leaves the modes as strict."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl)
    assert program.execute_async_v2(stream, handle) == 0
    main, other = program.execute, program.execute_async
    if main_mode == "execute_async":
        main, other = other, main
    assert main() == 0
    assert program.execute_async_v2(stream, handle) == 0
    assert main() == 0
    assert other() == EGE


# -- what it does ----------------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.17")
@async_v2
def test_async_v2_is_a_task_of_its_stream(acl: Acl) -> None:
    """aclmdlExecuteAsyncV2 returns before it ran; synchronising its stream runs it, synchronising another one does not."""
    program, stream, other = adder(acl), config_stream(acl), config_stream(acl)
    assert program.execute_async_v2(stream, work_config(acl)) == 0
    assert program.result() == ZEROS
    acl.synchronize(other)
    assert program.result() == ZEROS
    acl.synchronize(stream)
    assert program.result() == SUM


@pytest.mark.row("MD7.17", "MD7.15")
@pytest.mark.parametrize("product", [SMALL])
def test_v2_waits(acl: Acl) -> None:
    """On the small library aclmdlExecuteV2 is the same call with a wait: its stream has done everything when it returns."""
    before, program, stream, handle = adder(acl), adder(acl), config_stream(acl), work_config(acl)
    assert before.execute_async_v2(stream, handle) == 0
    assert program.execute_v2(stream, handle) == 0
    assert before.result() == program.result() == SUM


@pytest.mark.row("MD4.03")
@every_call
def test_the_documented_order(acl: Acl, call: Call) -> None:
    """Create the handle, set its options, execute, wait, destroy it: each answers 0 and the result is there."""
    program, stream = adder(acl), config_stream(acl)
    handle = acl.aclmdlCreateExecConfigHandle()
    assert handle != NULL
    memory, size = place_of(acl, "void *", acl.malloc(WORK_BYTES)), place_of(acl, "size_t", WORK_BYTES)
    assert acl.aclmdlSetExecConfigOpt(handle, lib.ACL_MDL_WORK_ADDR_PTR, memory, 8) == 0
    assert acl.aclmdlSetExecConfigOpt(handle, lib.ACL_MDL_WORK_SIZET, size, 8) == 0
    assert call(program, stream, handle) == 0
    assert acl.aclrtSynchronizeStream(stream) == 0
    assert acl.aclmdlDestroyExecConfigHandle(handle) == 0
    assert program.result() == SUM
    assert call(program, stream, handle) == EINVAL  # a choice, undefined on hardware: it is known to be gone


@async_v2
def test_the_configuration_is_that_of_the_call(acl: Acl) -> None:
    """A queued execution has its configuration of the call (a choice): the handle may change or go before it runs."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl)
    assert program.execute_async_v2(stream, handle) == 0
    exec_option(acl, handle, lib.ACL_MDL_WORK_ADDR_PTR, "void *", NULL)
    acl.ok(acl.aclmdlDestroyExecConfigHandle(handle))
    acl.synchronize(stream)
    assert program.result() == SUM


@async_v2
@pytest.mark.parametrize(
    ("attr", "c_type"), [(lib.ACL_MDL_WORK_ADDR_PTR, "void *"), (lib.ACL_MDL_WORK_SIZET, "size_t")]
)
def test_wrong_sizes_of_the_work_memory_s_attributes(acl: Acl, attr: int, c_type: str) -> None:
    """Both attributes of work memory take 8 bytes only; a refused one leaves the handle without work memory."""
    program, stream, handle = adder(acl), config_stream(acl), acl.aclmdlCreateExecConfigHandle()
    other, other_type = (
        (lib.ACL_MDL_WORK_SIZET, "size_t") if c_type == "void *" else (lib.ACL_MDL_WORK_ADDR_PTR, "void *")
    )
    values = {"void *": acl.malloc(WORK_BYTES), "size_t": WORK_BYTES}
    exec_option(acl, handle, other, other_type, values[other_type])
    place = place_of(acl, c_type, values[c_type])
    for size in (0, 4, 7, 9, 16):
        assert acl.aclmdlSetExecConfigOpt(handle, attr, place, size) == EINVAL
    assert program.execute_async_v2(stream, handle) == EINVAL
    assert acl.aclmdlSetExecConfigOpt(handle, attr, place, 8) == 0
    assert program.execute_async_v2(stream, handle) == 0


@every_call
def test_too_little_work_memory(acl: Acl, call: Call) -> None:
    """Less work memory than aclmdlQuerySize answers is 100000 (a choice: a device would write behind its end)."""
    program, stream = adder(acl), config_stream(acl)
    assert call(program, stream, work_config(acl, size=511)) == EINVAL
    assert "the work memory has 511 bytes" in last_message(acl)
    assert call(program, stream, work_config(acl, size=512)) == 0


@async_v2
def test_work_memory_that_is_none(acl: Acl) -> None:
    """Work memory that was freed, or that is no device memory, fails the execution with 507053 (a choice)."""
    program, stream = adder(acl), config_stream(acl)
    memory, pageable = acl.malloc(WORK_BYTES), acl.host(WORK_BYTES)
    handle = work_config(acl, memory)
    acl.ok(acl.aclrtFree(memory))
    for each in (handle, work_config(acl, acl.ffi.cast("void *", pageable))):
        assert program.execute_async_v2(stream, each) == 0
        assert acl.aclrtSynchronizeStream(stream) == 507053
        assert "the work memory" in last_message(acl)
    assert program.result() == ZEROS


@every_call
def test_a_computation_that_fails(acl: Acl, call: Call) -> None:
    """A model that cannot compute is 507011, at once or at synchronise."""
    program, stream, handle = Program(acl, gather()), config_stream(acl), work_config(acl)
    program.feed(np.array([1, 2, 3, 4], np.float32), np.array([9], np.int64))
    code = call(program, stream, handle)
    assert (code or acl.aclrtSynchronizeStream(stream)) == 507011
    assert code == (0 if call is execute_async_v2 else 507011)


@pytest.mark.row("MD7.18")
@async_v2
def test_buffers_may_change_between_executions(acl: Acl) -> None:
    """The addresses are read at each call: two queued executions write where the dataset pointed at their call."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl)
    other = acl.malloc(16, bytes(16))
    assert program.execute_async_v2(stream, handle) == 0
    program.outputs = dataset(acl, [acl.aclCreateDataBuffer(other, 16)])
    assert program.execute_async_v2(stream, handle) == 0
    acl.synchronize(stream)
    assert program.result() == SUM
    program.output_memory = [other]
    assert program.result() == SUM


# -- "generic", which has both ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["generic"])
def test_generic_ignores_attributes_that_the_function_does_not_know(acl: Acl) -> None:
    """A handle of "generic" takes both libraries' attributes: timeouts mean nothing to AsyncV2, work memory nothing to V2."""
    program, stream, handle = adder(acl), config_stream(acl), work_config(acl, acl.pointer(0x1000))
    assert program.execute_v2(stream, handle) == 0  # would fail if it used the work memory
    assert program.execute_v2(NULL, handle) == 0
    assert program.result() == SUM
    good = work_config(acl)
    exec_option(acl, good, lib.ACL_MDL_STREAM_SYNC_TIMEOUT, "int32_t", 0)
    assert program.execute_async_v2(stream, good) == 0
    acl.synchronize(stream)


@pytest.mark.parametrize("product", ["generic"])
def test_generic_keeps_the_main_library_s_execute_v2(acl: Acl) -> None:
    """On "generic" aclmdlExecuteV2 is the main library's: NULL handle refused, NULL stream fine, counts 500002."""
    program, stream = adder(acl), config_stream(acl, acl.malloc(WORK_BYTES))
    assert program.execute_v2(stream, NULL) == EINVAL
    assert program.execute_v2(NULL, acl.aclmdlCreateExecConfigHandle()) == 0
    program.inputs = dataset(acl, [])
    assert program.execute_v2(stream, work_config(acl)) == EGE


@pytest.mark.row("MD7.17", "MD12.01")
@pytest.mark.parametrize("product", [each for each in MAIN if each != "generic"])
def test_real_products_of_the_main_library_lack_async_v2(acl: Acl) -> None:
    """There aclmdlExecuteAsyncV2 is missing, not refused: no such attribute, and the error names IPV350."""
    assert not acl.backend.supports("aclmdlExecuteAsyncV2")
    with pytest.raises(UnsupportedFunctionError, match="IPV350"):
        _ = acl.backend.aclmdlExecuteAsyncV2


@pytest.mark.parametrize("product", [SMALL])
def test_the_small_library_lacks_the_other_ways(acl: Acl) -> None:
    """aclmdlExecute and aclmdlExecuteAsync are missing on IPV350."""
    for name in ("aclmdlExecute", "aclmdlExecuteAsync"):
        with pytest.raises(UnsupportedFunctionError, match=name):
            getattr(acl.backend, name)


@pytest.mark.parametrize("gears", [None, GearSpec(batch=[1, 4])])
def test_shapes_that_vary(open_acl: OpenAcl, gears: GearSpec | None) -> None:
    """The small library knows no such models; aclmdlExecuteAsyncV2 of "generic" refuses them with 200001 (a choice)."""
    acl = started(open_acl, "generic")
    number, nothing = load_path(acl, register(acl, onnx=linear(), gears=gears)), dataset(acl, [])
    assert acl.aclmdlExecuteAsyncV2(number, nothing, nothing, acl.stream(), work_config(acl)) == ENOTSUP
    assert "use aclmdlExecuteAsync" in last_message(acl)
    small = started(open_acl, SMALL)
    config = memory_config(small, linear())
    assert config.load() == ENOTSUP

"""Where documentation and implementation disagree, and duties of the caller whose breach shows (sections 11 and 12).

The simulator does what the implementation does. What belongs to one function is tested with it, under its row.
"""

from pathlib import Path

import pytest

from aclcffi import constants
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    EPATH,
    PRODUCTS,
    SMALL,
    SUM,
    ZEROS,
    Program,
    add,
    adder,
    config_stream,
    data_buffers,
    dataset,
    described,
    file_config,
    last_message,
    load,
    place_of,
    sizes_of,
    started,
    timeout_config,
    weighted,
    work_config,
)

lib = Acl.lib


# -- documentation against implementation ----------------------------------------------------------------------------


@pytest.mark.row("MD12.09")
@pytest.mark.parametrize("product", PRODUCTS)
def test_attributes_that_only_the_header_knows(open_acl: OpenAcl, product: str) -> None:
    """The load attribute 29 and the exec attributes 8 and 9 have names in the header, and no library takes them."""
    acl = open_acl(product=product)
    assert (lib.ACL_NPU_PERF_MODE, lib.ACL_MDL_EXEC_PRIORITY_INT32, lib.ACL_MDL_NPU_PERF_MODE) == (29, 8, 9)
    load_config, exec_config = acl.aclmdlCreateConfigHandle(), acl.aclmdlCreateExecConfigHandle()
    for size, c_type in ((4, "int32_t"), (8, "size_t")):
        place = place_of(acl, c_type, 0)
        assert acl.aclmdlSetConfigOpt(load_config, lib.ACL_NPU_PERF_MODE, place, size) == EINVAL
        assert acl.aclmdlSetExecConfigOpt(exec_config, lib.ACL_MDL_EXEC_PRIORITY_INT32, place, size) == EINVAL
        assert acl.aclmdlSetExecConfigOpt(exec_config, lib.ACL_MDL_NPU_PERF_MODE, place, size) == EINVAL


@pytest.mark.row("MD12.10")
def test_the_name_of_the_priority_attribute() -> None:
    """The one member of aclmdlAttr is ACL_MDL_ATTR_PRIORITY_INT32, not ACL_MDL_ATTR_PRIORITY as the documentation has it."""
    assert lib.ACL_MDL_ATTR_PRIORITY_INT32 == 0
    assert not hasattr(lib, "ACL_MDL_ATTR_PRIORITY")
    assert "ACL_MDL_ATTR_PRIORITY" not in vars(constants)


@pytest.mark.row("MD12.16")
@pytest.mark.parametrize("size", [0, 1, 4096])
def test_a_data_buffer_without_memory_may_have_a_size(acl: Acl, size: int) -> None:
    """aclCreateDataBuffer takes NULL with any size, where the documentation wants 0."""
    buffer = acl.aclCreateDataBuffer(NULL, size)
    assert buffer != NULL
    assert acl.aclGetDataBufferSizeV2(buffer) == size


@pytest.mark.row("MD12.18")
def test_no_code_of_operators_for_wrong_buffers(acl: Acl) -> None:
    """A wrong number of buffers and one that is too small are 500002, not the 100017 or 100018 that the names suggest."""
    program = Program(acl, add(100))
    assert acl.aclmdlExecute(program.id, program.inputs, dataset(acl, [])) == EGE
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], program.output_memory[0], 335))
    assert program.execute() == EGE


@pytest.mark.row("MD12.19")
@pytest.mark.parametrize("product", PRODUCTS)
def test_an_unknown_id_is_145003(open_acl: OpenAcl, product: str) -> None:
    """Every function that looks an id up answers 145003 for an unknown one, never the documented 100011."""
    acl = started(open_acl, product)
    program, stream = adder(acl), config_stream(acl) if product == SMALL else acl.stream()
    handle = work_config(acl) if product == SMALL else timeout_config(acl)
    program.id = 4711
    codes = [acl.aclmdlUnload(program.id), program.execute_v2(stream, handle)]
    if product == SMALL:
        codes.append(program.execute_async_v2(stream, handle))
    else:
        codes += [program.execute(), program.execute_async(stream), acl.aclmdlGetDesc(acl.aclmdlCreateDesc(), 4711)]
    assert set(codes) == {EMODELID}


@pytest.mark.row("MD12.20")
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_missing_file_is_145002(open_acl: OpenAcl, product: str, tmp_path: Path) -> None:
    """A model file that is not there is 145002, never the documented 100003 or 100014."""
    acl, path = started(open_acl, product), str(tmp_path / "missing").encode()
    size, place = acl.out("size_t"), acl.out("uint32_t")
    codes = [file_config(acl, path).load(), acl.aclmdlQuerySize(path, size, size)]
    if product != SMALL:
        codes += [
            acl.aclmdlLoadFromFile(path, place),
            acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0),
            acl.aclmdlGetDescFromFile(acl.aclmdlCreateDesc(), path),
        ]
    assert set(codes) == {EPATH}


@pytest.mark.row("MD12.22")
def test_which_attributes_a_load_takes(open_acl: OpenAcl) -> None:
    """The main library takes the attributes 0 to 14, which its message names, and 28, which it does not name."""
    acl = open_acl(product="310P")
    handle, taken = acl.aclmdlCreateConfigHandle(), []
    four, eight = place_of(acl, "int32_t", 1), place_of(acl, "size_t", 1)
    text = place_of(acl, "char *", acl.ffi.from_buffer("char[]", b"text\0"))
    for attr in range(64):
        codes = [
            acl.aclmdlSetConfigOpt(handle, attr, place, size)
            for place, size in ((four, 4), (text, 8), (eight, 8))
            if not (attr in (2, 14) and place is eight)
        ]
        if 0 in codes:
            taken.append(attr)
    assert taken == [*range(15), 28]


# -- duties of the caller --------------------------------------------------------------------------------------------


def run(acl: Acl, program: Program, product: str) -> int:
    """Execute asynchronously, in the way of the product, and give the code of the synchronisation."""
    if product == SMALL:
        stream = config_stream(acl)
        acl.ok(program.execute_async_v2(stream, work_config(acl)))
    else:
        stream = acl.stream()
        acl.ok(program.execute_async(stream))
    return acl.aclrtSynchronizeStream(stream)


@pytest.mark.row("MD11.04")
def test_a_model_that_is_unloaded_while_it_is_used(acl: Acl) -> None:
    """An execution that is still queued when its model is unloaded fails, and the message names the model."""
    program, stream = adder(acl), acl.stream()
    acl.ok(program.execute_async(stream))
    acl.ok(program.execute_async(stream))
    acl.ok(acl.aclmdlUnload(program.id))
    assert acl.aclrtSynchronizeStream(stream) == 507011
    assert f"model {program.id} was unloaded before its execution ran" in last_message(acl)
    assert program.result() == ZEROS


@pytest.mark.row("MD11.05")
@pytest.mark.parametrize("kind", ["pageable", "page-locked"])
@pytest.mark.parametrize("side", ["input", "output"])
def test_inputs_and_outputs_are_device_memory(acl: Acl, side: str, kind: str) -> None:
    """An input or output in host memory, page-locked or not, fails the execution: a device could not reach it."""
    program = adder(acl)
    pageable = acl.host(16)
    memory = acl.ffi.cast("void *", pageable) if kind == "pageable" else acl.malloc_host(16, bytes(16))
    buffer = acl.aclCreateDataBuffer(memory, 16)
    if side == "input":
        program.inputs = dataset(acl, [program.input_buffers[0], buffer])
    else:
        program.outputs = dataset(acl, [buffer])
    assert run(acl, program, "main") == 507053
    message = last_message(acl)
    assert "is host memory; models read and write device memory" in message
    assert f"{side} '{'b' if side == 'input' else 'sum'}'" in message
    assert acl.content(memory, 16) == bytes(16)


@pytest.mark.parametrize("part", ["work", "weight"])
def test_memory_that_a_model_uses_is_not_freed(acl: Acl, part: str) -> None:
    """MD11.07: work or weight memory that the caller gave and freed fails the next execution, and the message names it."""
    data = weighted()
    need = dict(zip(("work", "weight"), sizes_of(acl, data), strict=True))[part]
    place, memory = acl.out("uint32_t"), acl.malloc(need)
    given = (memory, need, NULL, 0) if part == "work" else (NULL, 0, memory, need)
    acl.ok(acl.aclmdlLoadFromMemWithMem(data, len(data), place, *given))
    program = Program(acl, b"", int(place[0]))
    assert run(acl, program, "main") == 0
    acl.ok(acl.aclrtFree(memory))
    assert run(acl, program, "main") == 507053
    assert f"0x{acl.address(memory):x} (freed), given to model {program.id} at load" in last_message(acl)


def test_work_memory_serves_models_that_run_one_after_another(acl: Acl) -> None:
    """MD11.07: one piece of work memory may be given to several models that do not run at the same time."""
    data = add()
    need, _ = sizes_of(acl, data)
    memory, results = acl.malloc(need), []
    for _ in range(2):
        place = acl.out("uint32_t")
        acl.ok(acl.aclmdlLoadFromMemWithMem(data, len(data), place, memory, need, NULL, 0))
        program = Program(acl, b"", int(place[0]))
        program.feed([1, 2, 3, 4], [10, 20, 30, 40])
        acl.ok(program.execute())
        results.append(program.result())
    assert results == [SUM, SUM]


@pytest.mark.row("MD11.11")
def test_memory_of_an_output_that_acl_allocated(acl: Acl) -> None:
    """It stays in the buffer until the caller frees it and resets the buffer; freed only, the next run fails."""
    program = adder(acl)
    acl.ok(acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 0))
    acl.ok(program.execute())
    memory = acl.aclGetDataBufferAddr(program.output_buffers[0])
    acl.ok(program.execute())
    assert acl.aclGetDataBufferAddr(program.output_buffers[0]) == memory
    assert acl.aclrtFree(memory) == 0
    assert program.execute() == 507053
    assert acl.aclUpdateDataBuffer(program.output_buffers[0], NULL, 0) == 0
    assert program.execute() == 0
    before = acl.free_bytes()
    acl.ok(acl.aclrtFree(acl.aclGetDataBufferAddr(program.output_buffers[0])))
    assert acl.free_bytes() > before


@pytest.mark.row("MD11.12")
@pytest.mark.parametrize("product", PRODUCTS)
def test_returned_names_live_as_long_as_the_description(open_acl: OpenAcl, product: str) -> None:
    """The text at a name's address is there although the model is unloaded and nobody holds the pointer that was given."""
    acl = started(open_acl, product)
    number = load(acl, add())
    desc = described(acl, number)
    getters = (
        acl.aclmdlGetInputNameByIndex(desc, 0),
        acl.aclmdlGetOutputNameByIndex(desc, 0),
        acl.aclmdlGetTensorRealName(desc, b"b"),
    )
    addresses = [acl.address(pointer) for pointer in getters]
    del getters
    acl.ok(acl.aclmdlUnload(number))
    del number
    others = [described(acl, load(acl, weighted())) for _ in range(5)]
    assert all(acl.ffi.string(acl.aclmdlGetInputNameByIndex(other, 0)) == b"x" for other in others)
    assert [acl.ffi.string(acl.pointer(address, "char *")) for address in addresses] == [b"a", b"sum", b"b"]


def test_data_buffers_of_nothing_are_no_inputs(acl: Acl) -> None:
    """MD11.05: a buffer at an address that no memory has fails the execution and not the process."""
    program = adder(acl)
    program.inputs = dataset(acl, data_buffers(acl, [acl.pointer(0x1000), acl.pointer(0xDEAD0000)], 16))
    assert run(acl, program, "main") == 507053

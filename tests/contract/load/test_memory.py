"""Memory that a load takes and an unload gives back (contract_mdl sections 5.1 and 5.2)."""

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EMODELID,
    EPARAM,
    NO_ID,
    PRODUCTS,
    SMALL,
    SUM,
    ZEROS,
    Program,
    add,
    adder,
    config_stream,
    described,
    last_message,
    load,
    memory_config,
    sizes_of,
    started,
    weighted,
    work_config,
)

lib = Acl.lib

KIB = 1024


# -- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD5.11")
@pytest.mark.parametrize("size", [1, 15])
def test_too_little_weight_memory(ready: Acl, size: int) -> None:
    """The main library answers 145000, and keeps no memory of the load that failed."""
    data = weighted([1, 2, 3, 4])
    place, memory, before = ready.out("uint32_t"), ready.malloc(16), ready.free_bytes()
    assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, memory, size) == EPARAM
    assert ready.free_bytes() == before
    assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, memory, 16) == 0


@pytest.mark.row("MD5.11")
def test_too_little_weight_memory_of_the_small_library(small: Acl) -> None:
    """The small library then takes memory of its own: it says nothing, and what was given is not needed."""
    config, memory = memory_config(small, weighted([1, 2, 3, 4])), small.malloc(16)
    config.set(lib.ACL_MDL_WEIGHT_ADDR_PTR, "void *", memory)
    config.set(lib.ACL_MDL_WEIGHT_SIZET, "size_t", 15)
    before = small.free_bytes()
    assert config.load() == 0
    assert before - small.free_bytes() >= 16
    small.ok(small.aclrtFree(memory))
    program = Program(small, b"", int(config.id[0]))
    assert program.execute_v2(config_stream(small), work_config(small)) == 0
    assert program.result() == [1, 2, 3, 4]


@pytest.mark.row("MD5.12")
def test_too_little_work_memory(ready: Acl) -> None:
    """Work memory of less than aclmdlQuerySize answers is 145000; as much as it answers is enough."""
    data = add(1000)
    need, _ = sizes_of(ready, data)
    place, memory = ready.out("uint32_t"), ready.malloc(need)
    assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, memory, need - 1, NULL, 0) == EPARAM
    assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, memory, need, NULL, 0) == 0


@pytest.mark.parametrize("part", ["work", "weight"])
def test_memory_of_the_caller_that_is_no_device_memory(ready: Acl, part: str) -> None:
    """Work and weight memory on the host, or that was freed, is refused with 107000 (a choice: a device would fault)."""
    data, place, freed = weighted(), ready.out("uint32_t"), ready.malloc(1024)
    ready.ok(ready.aclrtFree(freed))
    pageable = ready.host(1024)
    for memory, words in (
        (ready.malloc_host(1024), "is host memory"),
        (ready.ffi.cast("void *", pageable), "is host memory"),
        (freed, "that was freed"),
    ):
        given = (memory, 1024, NULL, 0) if part == "work" else (NULL, 0, memory, 1024)
        assert ready.aclmdlLoadFromMemWithMem(data, len(data), place, *given) == 107000
        assert words in last_message(ready)


@pytest.mark.row("MD5.13")
@pytest.mark.parametrize("product", PRODUCTS)
def test_no_device_memory_for_a_model(open_acl: OpenAcl, product: str) -> None:
    """Where the device has too little memory left, a load answers 245000, and keeps nothing of what it took first."""
    acl = started(open_acl, product, memory=64 * KIB)
    data = weighted([0.0] * (20 * KIB))
    before = acl.free_bytes()
    config = memory_config(acl, data)
    assert config.load() == 245000
    assert acl.free_bytes() == before
    assert config.id[0] == NO_ID


# -- unloading -------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD5.14")
@pytest.mark.parametrize("product", PRODUCTS)
def test_unloading_a_model(open_acl: OpenAcl, product: str) -> None:
    """aclmdlUnload answers 0 and gives back all device memory that the load took."""
    acl = started(open_acl, product)
    before = acl.free_bytes()
    number = load(acl, weighted())
    assert acl.free_bytes() < before
    assert acl.aclmdlUnload(number) == 0
    assert acl.free_bytes() == before


@pytest.mark.row("MD5.15")
@pytest.mark.parametrize("product", PRODUCTS)
def test_unloading_what_is_not_loaded(open_acl: OpenAcl, product: str) -> None:
    """An id that was never given out, one that is unloaded, and one of a bundle (there are none) are 145003."""
    acl = started(open_acl, product)
    number = load(acl, add())
    assert acl.aclmdlUnload(number + 1) == EMODELID
    assert "never given out" in last_message(acl)
    assert acl.aclmdlUnload(1 << 31) == EMODELID
    assert acl.aclmdlUnload(number) == 0
    assert acl.aclmdlUnload(number) == EMODELID
    assert "was unloaded" in last_message(acl)


@pytest.mark.row("MD5.18")
@pytest.mark.parametrize("product", PRODUCTS)
def test_unloading_during_an_asynchronous_execution(open_acl: OpenAcl, product: str) -> None:
    """aclmdlUnload does not wait and answers 0; the queued execution fails at synchronise (a choice: 507011)."""
    acl = started(open_acl, product)
    program = adder(acl)
    if product == SMALL:
        stream = config_stream(acl)
        acl.ok(program.execute_async_v2(stream, work_config(acl)))
    else:
        stream = acl.stream()
        acl.ok(program.execute_async(stream))
    assert acl.aclmdlUnload(program.id) == 0
    assert program.result() == ZEROS
    assert acl.aclrtSynchronizeStream(stream) == 507011
    assert f"model {program.id} was unloaded" in last_message(acl)
    assert program.result() == ZEROS


@pytest.mark.row("MD5.19")
def test_what_an_unload_leaves_alone(ready: Acl) -> None:
    """Descriptions, datasets and buffers keep what they have; only calls that look the id up fail."""
    program = adder(ready)
    desc, dims = described(ready, program.id), ready.out("aclmdlIODims")
    ready.ok(ready.aclmdlUnload(program.id))
    assert ready.aclmdlGetNumInputs(desc) == 2
    assert ready.ffi.string(ready.aclmdlGetInputNameByIndex(desc, 1)) == b"b"
    assert ready.aclmdlGetOutputDims(desc, 0, dims) == 0
    assert ready.aclmdlGetDatasetNumBuffers(program.inputs) == 2
    assert ready.aclGetDataBufferAddr(program.input_buffers[0]) == program.input_memory[0]
    assert ready.read(program.input_memory[0], 4) == b"\x00\x00\x80\x3f"
    assert ready.aclmdlGetCurOutputDims(desc, 0, dims) == EMODELID
    assert ready.aclmdlGetOpAttr(desc, b"op", lib.ACL_ATTR_NAME_DATA_DUMP_ORIGIN_OP_NAMES) == NULL
    assert "no model has the id" in last_message(ready)
    program.id = load(ready, add())
    assert program.execute() == 0
    assert program.result() == SUM

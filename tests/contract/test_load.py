"""Loading, unloading and sizes of models (contract_mdl sections 5.1 to 5.3)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EINVAL,
    EMODELID,
    ENOINIT,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    MAIN,
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
    file_config,
    identity,
    last_message,
    load,
    memory_config,
    om_file,
    sizes_of,
    started,
    weighted,
    work_config,
    write_file,
)

lib = Acl.lib

LONG_GARBAGE = GARBAGE.ljust(300)
"""As long as a header, so that its magic is what is wrong with it."""

KIB = 1024


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """A machine with the main library, nothing initialised."""
    return open_acl(product=request.param)


@pytest.fixture
def ready(acl: Acl) -> Acl:
    """The machine, initialised."""
    acl.start()
    return acl


@pytest.fixture
def small(open_acl: OpenAcl) -> Acl:
    """A machine with the small library, initialised."""
    return started(open_acl, SMALL)


Loader = Callable[[Acl, Any, Any], int]
"""Calls a load function with a file's path or a model's bytes, and the place of the id."""


def from_file(acl: Acl, path: Any, place: Any) -> int:
    """aclmdlLoadFromFile."""
    return acl.aclmdlLoadFromFile(path, place)


def from_file_with_mem(acl: Acl, path: Any, place: Any) -> int:
    """aclmdlLoadFromFileWithMem with memory of the library's."""
    return acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0)


def from_mem(acl: Acl, data: Any, place: Any) -> int:
    """aclmdlLoadFromMem."""
    return acl.aclmdlLoadFromMem(data, 0 if data == NULL else len(data), place)


def from_mem_with_mem(acl: Acl, data: Any, place: Any) -> int:
    """aclmdlLoadFromMemWithMem with memory of the library's."""
    return acl.aclmdlLoadFromMemWithMem(data, 0 if data == NULL else len(data), place, NULL, 0, NULL, 0)


file_loaders = pytest.mark.parametrize(
    "loader",
    [
        pytest.param(from_file, marks=pytest.mark.row("MD5.01")),
        pytest.param(from_file_with_mem, marks=pytest.mark.row("MD5.02")),
    ],
)

memory_loaders = pytest.mark.parametrize(
    "loader",
    [
        pytest.param(from_mem, marks=pytest.mark.row("MD5.03")),
        pytest.param(from_mem_with_mem, marks=pytest.mark.row("MD5.04")),
    ],
)


# -- the load functions of the main library --------------------------------------------------------------------------


@file_loaders
def test_the_file_comes_first(acl: Acl, loader: Loader, tmp_path: Path) -> None:
    """A path that is NULL, leads nowhere or to under 4 bytes beats a NULL modelId, and needs no aclInit to be found."""
    assert loader(acl, NULL, NULL) == EINVAL
    assert "modelPath is NULL" in last_message(acl)
    assert loader(acl, str(tmp_path / "missing").encode(), NULL) == EPATH
    assert loader(acl, str(tmp_path).encode(), NULL) == EPATH
    for size in range(4):
        assert loader(acl, write_file(tmp_path, bytes(size)), NULL) == ESIZE


@file_loaders
def test_the_order_of_a_file_load_s_checks(acl: Acl, loader: Loader, tmp_path: Path) -> None:
    """After the file come modelId NULL, a file shorter than its header, a missing aclInit, the content, in this order."""
    short, wrong = write_file(tmp_path, bytes(4), "short"), write_file(tmp_path, LONG_GARBAGE, "wrong")
    place = acl.ffi.new("uint32_t *", NO_ID)
    assert loader(acl, short, NULL) == EINVAL
    assert "modelId is NULL" in last_message(acl)
    assert loader(acl, short, place) == ESIZE
    assert loader(acl, wrong, place) == ENOINIT
    assert loader(acl, write_file(tmp_path, add()), place) == ENOINIT
    acl.start()
    assert loader(acl, wrong, place) == EPARAM
    assert place[0] == NO_ID
    assert loader(acl, write_file(tmp_path, add()), place) == 0
    assert place[0] != NO_ID


@memory_loaders
def test_the_memory_comes_first(acl: Acl, loader: Loader) -> None:
    """Model memory that is NULL, of size 0 or of under 4 bytes beats a NULL modelId, and needs no aclInit to be found."""
    assert loader(acl, NULL, NULL) == EINVAL
    assert "model is NULL" in last_message(acl)
    assert loader(acl, b"", NULL) == EINVAL
    assert "size of model is 0" in last_message(acl)
    for size in (1, 2, 3):
        assert loader(acl, bytes(size), NULL) == ESIZE


@memory_loaders
def test_the_order_of_a_memory_load_s_checks(acl: Acl, loader: Loader) -> None:
    """After the memory come modelId NULL, less than a header, a missing aclInit, and the content, in this order."""
    place = acl.ffi.new("uint32_t *", NO_ID)
    assert loader(acl, bytes(4), NULL) == EINVAL
    assert "modelId is NULL" in last_message(acl)
    assert loader(acl, bytes(255), place) == EINVAL
    assert loader(acl, bytes(256), place) == ENOINIT
    assert loader(acl, add(), place) == ENOINIT
    acl.start()
    assert loader(acl, LONG_GARBAGE, place) == EPARAM
    assert place[0] == NO_ID
    assert loader(acl, add(), place) == 0
    assert place[0] != NO_ID


@memory_loaders
def test_model_memory_is_needed_during_the_load_only(ready: Acl, loader: Loader) -> None:
    """A model that was loaded works when the bytes that it came from are overwritten."""
    memory = ready.host(add())
    place = ready.out("uint32_t")
    assert loader(ready, memory, place) == 0
    ready.ffi.memmove(memory, bytes(len(memory)), len(memory))
    program = Program(ready, add(), place[0])
    program.feed([1, 2, 3, 4], [10, 20, 30, 40])
    assert program.execute() == 0
    assert program.result() == SUM


@pytest.mark.row("MD5.03", "MD5.04")
def test_a_model_does_not_come_from_device_memory(open_acl: OpenAcl) -> None:
    """Where host and device have memory of their own, a model in device memory is refused; where they share it, not."""
    acl = started(open_acl, "generic")
    place = acl.out("uint32_t")
    assert acl.aclmdlLoadFromMem(acl.malloc(len(add()), add()), len(add()), place) == EINVAL
    assert "device address" in last_message(acl)
    shared = started(open_acl, "generic", run_mode="device")
    assert shared.aclmdlLoadFromMem(shared.malloc(len(add()), add()), len(add()), place) == 0


@pytest.mark.row("MD5.03", "MD5.04")
def test_model_memory_that_ends_too_early(ready: Acl) -> None:
    """A size that runs over the end of memory that ACL gave out, or into device addresses, is 100000 (a choice)."""
    memory, place = ready.malloc_host(64, add()[:64]), ready.out("uint32_t")
    for size in (65, 1 << 62):
        assert ready.aclmdlLoadFromMem(memory, size, place) == EINVAL
        assert "run over the end" in last_message(ready)
    pageable = ready.host(64)
    for size in (1 << 62, (1 << 64) - 1):
        assert ready.aclmdlLoadFromMemWithMem(pageable, size, place, NULL, 0, NULL, 0) == EINVAL
        assert last_message(ready).startswith("aclmdlLoadFromMemWithMem: model: ")


@pytest.mark.row("MD5.02", "MD5.04")
@pytest.mark.parametrize("where", ["file", "memory"])
def test_memory_that_the_caller_brings(ready: Acl, where: str, tmp_path: Path) -> None:
    """Work and weight memory of the caller is used when both are given, NULL means memory of the library's."""
    data = weighted()
    path = write_file(tmp_path, data)
    need_work, need_weight = sizes_of(ready, data)
    place = ready.out("uint32_t")

    def taken(work: Any, weight: Any) -> int:
        """Bytes of device memory that the load takes."""
        before = ready.free_bytes()
        memory = (work, need_work if work else 0, weight, need_weight if weight else 0)
        if where == "file":
            ready.ok(ready.aclmdlLoadFromFileWithMem(path, place, *memory))
        else:
            ready.ok(ready.aclmdlLoadFromMemWithMem(data, len(data), place, *memory))
        return before - ready.free_bytes()

    work, weight = ready.malloc(need_work), ready.malloc(need_weight)
    assert taken(work, weight) == 0
    assert taken(NULL, weight) >= need_work
    assert need_weight <= taken(work, NULL) < need_work
    assert taken(NULL, NULL) >= need_work + need_weight


# -- ids -------------------------------------------------------------------------------------------------------------


def test_ids_of_the_main_library(ready: Acl) -> None:
    """Ids of static models begin at 1, grow, are not used again, and a load that fails in the engine uses one up."""
    place = ready.out("uint32_t")
    first = load(ready, add())
    assert first == 1
    assert ready.aclmdlUnload(first) == 0
    assert load(ready, add()) == 2
    assert ready.aclmdlLoadFromMem(LONG_GARBAGE, len(LONG_GARBAGE), place) == EPARAM
    assert load(ready, add()) == 4
    assert ready.aclmdlLoadFromMem(GARBAGE, len(GARBAGE), place) == EINVAL  # never reached the engine
    assert load(ready, add()) == 5


def test_ids_of_the_small_library(small: Acl, tmp_path: Path) -> None:
    """There ids begin at 0, a failed load uses one up once its file was read, and after the last aclFinalize it is 0 again."""
    assert load(small, add()) == 0
    assert load(small, add()) == 1
    assert file_config(small, str(tmp_path / "missing").encode()).load() == EPATH
    assert load(small, add()) == 2
    assert memory_config(small, LONG_GARBAGE).load() == 545000
    assert load(small, add()) == 4
    small.ok(small.aclFinalize())
    small.ok(small.aclInit(NULL))
    assert load(small, add()) == 0


# -- content ---------------------------------------------------------------------------------------------------------


def query(acl: Acl, path: bytes) -> int:
    """aclmdlQuerySize."""
    return acl.aclmdlQuerySize(path, acl.out("size_t"), acl.out("size_t"))


def query_memory(acl: Acl, data: bytes) -> int:
    """aclmdlQuerySizeFromMem."""
    return acl.aclmdlQuerySizeFromMem(data, len(data), acl.out("size_t"), acl.out("size_t"))


@pytest.mark.parametrize("size", [4, 255])
def test_content_shorter_than_a_header(ready: Acl, size: int, tmp_path: Path) -> None:
    """MD5.06 without queues: 100000 from memory, 145006 from a file, 145000 for descriptions and size queries."""
    data = GARBAGE.ljust(size)[:size]
    path, place, desc = write_file(tmp_path, data), ready.out("uint32_t"), ready.aclmdlCreateDesc()
    assert from_mem(ready, data, place) == EINVAL
    assert from_mem_with_mem(ready, data, place) == EINVAL
    assert memory_config(ready, data).load() == EINVAL
    assert from_file(ready, path, place) == ESIZE
    assert from_file_with_mem(ready, path, place) == ESIZE
    assert file_config(ready, path).load() == ESIZE
    assert ready.aclmdlGetDescFromFile(desc, path) == EPARAM
    assert ready.aclmdlGetDescFromMem(desc, data, len(data)) == EPARAM
    assert query(ready, path) == EPARAM
    assert query_memory(ready, data) == EPARAM


def test_a_whole_model_may_be_shorter_than_a_header(ready: Acl, tmp_path: Path) -> None:
    """An ONNX model has no header: one of under 256 bytes is taken everywhere."""
    data = add()
    assert len(data) < 256
    path, place, desc = write_file(tmp_path, data), ready.out("uint32_t"), ready.aclmdlCreateDesc()
    for loader, what in ((from_mem, data), (from_mem_with_mem, data), (from_file, path), (from_file_with_mem, path)):
        assert loader(ready, what, place) == 0
    assert ready.aclmdlGetDescFromFile(desc, path) == 0
    assert query(ready, path) == 0


@pytest.mark.parametrize(
    "data",
    [LONG_GARBAGE, om_file(100, 300), om_file(44, 299), om_file(44, 301)],
    ids=["magic", "length in the header", "cut", "too long"],
)
def test_content_with_a_wrong_magic_or_length(ready: Acl, data: bytes, tmp_path: Path) -> None:
    """MD5.07 without partitions: a wrong magic, or a length that is not what the header says, is 145000 everywhere."""
    path, place, desc = write_file(tmp_path, data), ready.out("uint32_t"), ready.aclmdlCreateDesc()
    assert from_mem(ready, data, place) == EPARAM
    assert from_mem_with_mem(ready, data, place) == EPARAM
    assert from_file(ready, path, place) == EPARAM
    assert from_file_with_mem(ready, path, place) == EPARAM
    assert ready.aclmdlGetDescFromFile(desc, path) == EPARAM
    assert ready.aclmdlGetDescFromMem(desc, data, len(data)) == EPARAM
    assert query(ready, path) == EPARAM
    assert query_memory(ready, data) == EPARAM


@pytest.mark.row("MD5.10")
def test_bad_files_of_the_small_library(small: Acl, tmp_path: Path) -> None:
    """The small library: 145002 for the path, 145006 up to a header's length, 545000 for the magic, 545002 for a cut file."""
    missing = str(tmp_path / "missing").encode()
    assert file_config(small, missing).load() == EPATH
    assert query(small, missing) == EPATH
    for size in (0, 3, 4, 255, 256):
        path = write_file(tmp_path, bytes(size))
        assert file_config(small, path).load() == ESIZE, size
        assert query(small, path) == ESIZE, size
    for data, code in ((bytes(257), 545000), (om_file(44, 299), 545002)):
        path = write_file(tmp_path, data)
        assert file_config(small, path).load() == code
        assert query(small, path) == code


@pytest.mark.row("MD5.10")
def test_bad_memory_of_the_small_library(small: Acl) -> None:
    """From memory no length is too short for the small library: a model is taken, and anything else has a wrong magic."""
    for size in (1, 3, 4, 255, 256, 257):
        assert memory_config(small, bytes(size)).load() == 545000, size
    assert memory_config(small, om_file(44, 299)).load() == 545002
    assert len(add()) < 100
    assert memory_config(small, add()).load() == 0


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


# -- sizes -----------------------------------------------------------------------------------------------------------


def test_the_order_of_a_size_query_s_checks(acl: Acl, tmp_path: Path) -> None:
    """MD5.20 without .om files: the file as in a load, workSize and weightSize NULL, a missing aclInit, the content."""
    wrong, size = write_file(tmp_path, LONG_GARBAGE), acl.out("size_t")
    assert acl.aclmdlQuerySize(NULL, NULL, NULL) == EINVAL
    assert "fileName is NULL" in last_message(acl)
    assert acl.aclmdlQuerySize(str(tmp_path / "missing").encode(), NULL, NULL) == EPATH
    assert acl.aclmdlQuerySize(write_file(tmp_path, b"abc", "short"), NULL, NULL) == ESIZE
    assert acl.aclmdlQuerySize(wrong, NULL, NULL) == EINVAL
    assert "workSize is NULL" in last_message(acl)
    assert acl.aclmdlQuerySize(wrong, size, NULL) == EINVAL
    assert "weightSize is NULL" in last_message(acl)
    assert acl.aclmdlQuerySize(wrong, size, size) == ENOINIT
    acl.start()
    assert acl.aclmdlQuerySize(wrong, size, size) == EPARAM


@pytest.mark.row("MD5.21")
def test_the_order_of_the_checks_of_a_size_query_from_memory(acl: Acl) -> None:
    """The memory as in a load, workSize and weightSize NULL, a missing aclInit, the content, in this order."""
    wrong, size = LONG_GARBAGE, acl.out("size_t")
    assert acl.aclmdlQuerySizeFromMem(NULL, 0, NULL, NULL) == EINVAL
    assert "model is NULL" in last_message(acl)
    assert acl.aclmdlQuerySizeFromMem(wrong, 0, NULL, NULL) == EINVAL
    assert "size of model is 0" in last_message(acl)
    assert acl.aclmdlQuerySizeFromMem(wrong, 3, NULL, NULL) == ESIZE
    assert acl.aclmdlQuerySizeFromMem(wrong, len(wrong), NULL, NULL) == EINVAL
    assert "workSize is NULL" in last_message(acl)
    assert acl.aclmdlQuerySizeFromMem(wrong, len(wrong), size, NULL) == EINVAL
    assert "weightSize is NULL" in last_message(acl)
    assert acl.aclmdlQuerySizeFromMem(wrong, len(wrong), size, size) == ENOINIT
    acl.start()
    assert acl.aclmdlQuerySizeFromMem(wrong, len(wrong), size, size) == EPARAM


@pytest.mark.row("MD5.21")
@pytest.mark.parametrize(("data", "weight"), [(add(), 0), (weighted([1] * 5), 20), (identity([3], 2), 0)])
def test_the_sizes_of_a_model(ready: Acl, data: bytes, weight: int, tmp_path: Path) -> None:
    """A file and the same bytes in memory give the same sizes: the initialisers' bytes as weights, and some work memory."""
    work, weights = ready.out("size_t"), ready.out("size_t")
    assert ready.aclmdlQuerySize(write_file(tmp_path, data), work, weights) == 0
    assert weights[0] == weight
    assert work[0] >= 1
    assert sizes_of(ready, data) == (work[0], weight)


def test_a_size_query_computes_nothing(ready: Acl, tmp_path: Path) -> None:
    """A size query neither loads a model nor takes device memory."""
    before = ready.free_bytes()
    assert query(ready, write_file(tmp_path, weighted())) == 0
    assert ready.free_bytes() == before
    assert ready.aclmdlUnload(1) == EMODELID

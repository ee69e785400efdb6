"""Which codes the model half answers (contract_mdl section 2), for models with fixed shapes.

The order of a function's checks is in the tests of its chapter; here it is what one code stands for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aclcffi.codes import CODES
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    ENOINIT,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    PRODUCTS,
    SMALL,
    LoadConfig,
    Program,
    add,
    adder,
    config_stream,
    dataset,
    described,
    file_config,
    identity,
    last_message,
    load,
    memory_config,
    place_of,
    started,
    timeout_config,
    weighted,
    work_config,
    write_file,
)

lib = Acl.lib

LONG_GARBAGE = GARBAGE.ljust(300)


@pytest.fixture
def small(open_acl: OpenAcl) -> Acl:
    """An initialised machine with the small library."""
    return started(open_acl, SMALL)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (100000, "ACL_ERROR_INVALID_PARAM"),
        (200001, "ACL_ERROR_API_NOT_SUPPORT"),
        (300000, "ACL_ERROR_STORAGE_OVER_LIMIT"),
        (500002, "ACL_ERROR_GE_FAILURE"),
        (145000, "ACL_ERROR_GE_PARAM_INVALID"),
        (145001, "ACL_ERROR_GE_EXEC_NOT_INIT"),
        (145002, "ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID"),
        (145003, "ACL_ERROR_GE_EXEC_MODEL_ID_INVALID"),
        (145006, "ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID"),
        (245000, "ACL_ERROR_GE_MEMORY_ALLOCATION"),
        (545000, "ACL_ERROR_GE_INTERNAL_ERROR"),
        (545002, "ACL_ERROR_GE_EXEC_LOAD_MODEL_PARTITION_FAILED"),
        (107000, "ACL_ERROR_RT_PARAM_INVALID"),
        (107002, "ACL_ERROR_RT_CONTEXT_NULL"),
        (107003, "ACL_ERROR_RT_STREAM_CONTEXT"),
        (507011, "ACL_ERROR_RT_MODEL_EXECUTE"),
        (507046, "ACL_ERROR_RT_STREAM_SYNC_TIMEOUT"),
    ],
)
def test_the_names_of_the_codes(code: int, name: str) -> None:
    """The numbers that the tests of the model half write are the codes of these names."""
    assert CODES[code].name == name
    assert getattr(lib, name) == code


@pytest.mark.row("MD2.07")
@pytest.mark.parametrize("product", PRODUCTS)
def test_success_is_0(open_acl: OpenAcl, product: str) -> None:
    """ACL_SUCCESS is 0, and that is what a call that works answers, from the load to the unload."""
    acl = started(open_acl, product)
    assert lib.ACL_SUCCESS == 0
    program = adder(acl)
    if product == SMALL:
        assert program.execute_v2(config_stream(acl), work_config(acl)) == 0
    else:
        assert program.execute() == 0
    assert acl.aclmdlUnload(program.id) == 0
    assert acl.message() == ""


# -- NULL pointers ---------------------------------------------------------------------------------------------------

REFUSING_NULL: dict[str, tuple[str, ...]] = {
    "aclDestroyDataBuffer": ("buffer",),
    "aclUpdateDataBuffer": ("buffer", "any", "number"),
    "aclmdlDestroyDataset": ("dataset",),
    "aclmdlAddDatasetBuffer": ("dataset", "buffer"),
    "aclmdlDestroyConfigHandle": ("load config",),
    "aclmdlSetConfigOpt": ("load config", "number", "place", "number"),
    "aclmdlDestroyExecConfigHandle": ("exec config",),
    "aclmdlSetExecConfigOpt": ("exec config", "number", "place", "number"),
    "aclmdlSetExternalWeightAddress": ("load config", "text", "memory", "number"),
    "aclmdlLoadFromFile": ("path", "place"),
    "aclmdlLoadFromFileWithMem": ("path", "place", "any", "number", "any", "number"),
    "aclmdlLoadFromMem": ("model", "size", "place"),
    "aclmdlLoadFromMemWithMem": ("model", "size", "place", "any", "number", "any", "number"),
    "aclmdlLoadWithConfig": ("load config", "place"),
    "aclmdlQuerySize": ("path", "place", "place"),
    "aclmdlQuerySizeFromMem": ("model", "size", "place", "place"),
    "aclmdlExecute": ("number", "dataset", "dataset"),
    "aclmdlExecuteV2": ("number", "dataset", "dataset", "any", "exec config"),
    "aclmdlExecuteAsync": ("number", "dataset", "dataset", "any"),
    "aclmdlDestroyDesc": ("desc",),
    "aclmdlGetDesc": ("desc", "number"),
    "aclmdlGetDescFromFile": ("desc", "path"),
    "aclmdlGetDescFromMem": ("desc", "model", "size"),
    "aclmdlGetInputIndexByName": ("desc", "text", "place"),
    "aclmdlGetOutputIndexByName": ("desc", "text", "place"),
    "aclmdlGetInputDims": ("desc", "number", "dims"),
    "aclmdlGetInputDimsV2": ("desc", "number", "dims"),
    "aclmdlGetOutputDims": ("desc", "number", "dims"),
    "aclmdlGetCurOutputDims": ("desc", "number", "dims"),
    "aclmdlGetInputDimsRange": ("desc", "number", "ranges"),
    "aclmdlGetDynamicBatch": ("desc", "batch"),
    "aclmdlGetDynamicHW": ("desc", "number", "sizes"),
    "aclmdlGetInputDynamicGearCount": ("desc", "number", "place"),
    "aclmdlGetInputDynamicDims": ("desc", "number", "dims", "number"),
}
"""Function -> what its parameters are; "any" may be NULL."""

NO_POINTER = ("number", "size", "any")


@pytest.mark.row("MD2.04")
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("name", REFUSING_NULL)
def test_null_pointers(open_acl: OpenAcl, product: str, name: str, tmp_path: Path) -> None:
    """Each pointer that may not be NULL answers 100000 when it is, all others being right, and the message says so."""
    acl = started(open_acl, product)
    if not acl.backend.supports(name):
        with pytest.raises(AttributeError):
            getattr(acl, name)
        return
    config = file_config(acl, write_file(tmp_path, add()))
    values: dict[str, Any] = {
        "buffer": acl.aclCreateDataBuffer(NULL, 0),
        "dataset": dataset(acl, []),
        "load config": config.handle,
        "exec config": acl.aclmdlCreateExecConfigHandle(),
        "desc": described(acl, load(acl, add())),
        "path": write_file(tmp_path, add()),
        "model": add(),
        "size": len(add()),
        "text": b"a",
        "memory": acl.malloc(32),
        "dims": acl.out("aclmdlIODims"),
        "ranges": acl.out("aclmdlIODimsRange"),
        "batch": acl.out("aclmdlBatch"),
        "sizes": acl.out("aclmdlHW"),
        "number": 0,
        "any": NULL,
    }
    types = acl.ffi.typeof(getattr(lib, name)).args
    values_of = [
        acl.out(kind.item.cname if kind.item.kind != "void" else "uint64_t") if what == "place" else values[what]
        for what, kind in zip(REFUSING_NULL[name], types, strict=True)
    ]
    for position, what in enumerate(REFUSING_NULL[name]):
        if what not in NO_POINTER:
            acl.message()
            assert getattr(acl, name)(*values_of[:position], NULL, *values_of[position + 1 :]) == EINVAL
            assert acl.message().startswith(f"{name}: ")
            assert getattr(acl, name)(*values_of[:position], NULL, *values_of[position + 1 :]) == EINVAL
            assert " is NULL" in last_message(acl)


@pytest.mark.row("MD2.05")
@pytest.mark.parametrize("product", PRODUCTS)
def test_getters_answer_no_codes(open_acl: OpenAcl, product: str) -> None:
    """A getter that gives a value and no code gives NULL, 0, "" or -1 when it cannot, and the message says why."""
    acl = started(open_acl, product)
    getters: dict[str, tuple[tuple[Any, ...], Any]] = {
        "aclGetDataBufferAddr": ((NULL,), NULL),
        "aclGetDataBufferSizeV2": ((NULL,), 0),
        "aclmdlGetDatasetNumBuffers": ((NULL,), 0),
        "aclmdlGetDatasetBuffer": ((NULL, 0), NULL),
        "aclmdlGetNumInputs": ((NULL,), 0),
        "aclmdlGetNumOutputs": ((NULL,), 0),
        "aclmdlGetInputSizeByIndex": ((NULL, 0), 0),
        "aclmdlGetOutputSizeByIndex": ((NULL, 0), 0),
        "aclmdlGetInputNameByIndex": ((NULL, 0), b""),
        "aclmdlGetOutputNameByIndex": ((NULL, 0), b""),
        "aclmdlGetInputFormat": ((NULL, 0), lib.ACL_FORMAT_UNDEFINED),
        "aclmdlGetOutputFormat": ((NULL, 0), lib.ACL_FORMAT_UNDEFINED),
        "aclmdlGetInputDataType": ((NULL, 0), lib.ACL_DT_UNDEFINED),
        "aclmdlGetOutputDataType": ((NULL, 0), lib.ACL_DT_UNDEFINED),
        "aclmdlGetTensorRealName": ((NULL, b"a"), NULL),
    }
    if product != SMALL:
        getters["aclGetDataBufferSize"] = ((NULL,), 0)
        getters["aclmdlGetOpAttr"] = ((NULL, b"a", b"b"), NULL)
    assert lib.ACL_FORMAT_UNDEFINED == lib.ACL_DT_UNDEFINED == -1
    for name, (arguments, expected) in getters.items():
        answer = getattr(acl, name)(*arguments)
        assert (acl.ffi.string(answer) if isinstance(expected, bytes) else answer) == expected, name
        assert acl.message().startswith(f"{name}: ")


# -- the small library -----------------------------------------------------------------------------------------------


@pytest.mark.row("MD2.06")
def test_the_small_library_maps_no_status(small: Acl, tmp_path: Path) -> None:
    """There the engine's codes come as they are, 145000 and 545000 among them; only aclmdlGetDesc* makes them 500002."""
    program, stream, handle = adder(small), config_stream(small), work_config(small)
    program.inputs = dataset(small, [])
    assert program.execute_v2(stream, handle) == 145000
    assert program.execute_async_v2(stream, handle) == 145000
    assert memory_config(small, LONG_GARBAGE).load() == 545000
    missing = str(tmp_path / "missing").encode()
    assert file_config(small, missing).load() == 145002
    assert small.aclmdlUnload(77) == 145003
    desc = small.aclmdlCreateDesc()
    assert small.aclmdlGetDesc(desc, 77) == 500002
    assert small.aclmdlGetDescFromFile(desc, missing) == 500002
    assert small.aclmdlGetDescFromMem(desc, LONG_GARBAGE, len(LONG_GARBAGE)) == 500002


# -- one code, and all that it stands for ----------------------------------------------------------------------------


def null_pointer(acl: Acl) -> int:
    """A NULL."""
    return acl.aclmdlGetDesc(NULL, 1)


def index_out_of_range(acl: Acl) -> int:
    """An index behind the last one."""
    return acl.aclmdlGetInputDims(described(acl, load(acl, add())), 2, acl.out("aclmdlIODims"))


def unknown_attribute(acl: Acl) -> int:
    """An attribute that there is not."""
    return acl.aclmdlSetConfigOpt(acl.aclmdlCreateConfigHandle(), 99, place_of(acl, "size_t", 0), 8)


def wrong_size(acl: Acl) -> int:
    """An attribute in a wrong size."""
    return acl.aclmdlSetConfigOpt(acl.aclmdlCreateConfigHandle(), 1, place_of(acl, "size_t", 1), 4)


def value_out_of_range(acl: Acl) -> int:
    """An attribute with a wrong value."""
    return acl.aclmdlSetConfigOpt(acl.aclmdlCreateConfigHandle(), 1, place_of(acl, "size_t", 7), 8)


def missing_attribute(acl: Acl) -> int:
    """A load without its type."""
    config = LoadConfig(acl)
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", add())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(add()))
    return config.load()


@pytest.mark.row("MD2.08")
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    "mistake",
    [null_pointer, index_out_of_range, unknown_attribute, wrong_size, value_out_of_range, missing_attribute],
)
def test_what_100000_stands_for(open_acl: OpenAcl, product: str, mistake: Callable[[Acl], int]) -> None:
    """NULLs, wrong indices, attributes, sizes, values, and missing attributes are 100000 (there are no bundles to unload)."""
    assert mistake(started(open_acl, product)) == EINVAL


@pytest.mark.row("MD2.14")
def test_what_500002_stands_for(acl: Acl) -> None:
    """On the main library whatever the engine refuses without a code of its own is 500002: modes, numbers, sizes."""
    program = adder(acl)
    acl.ok(program.execute())
    assert program.execute_async() == EGE
    assert acl.aclmdlExecute(program.id, dataset(acl, []), program.outputs) == EGE
    program = Program(acl, add(100))
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], program.input_memory[0], 1))
    assert program.execute() == EGE


@pytest.mark.row("MD2.18")
def test_what_145000_stands_for(acl: Acl, tmp_path: Path) -> None:
    """Too little work or weight memory at a load, a wrong magic, and bad content of a description or a size query."""
    data, place, memory = weighted(), acl.out("uint32_t"), acl.malloc(64)
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, memory, 1, NULL, 0) == EPARAM
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, memory, 1) == EPARAM
    assert acl.aclmdlLoadFromMem(LONG_GARBAGE, len(LONG_GARBAGE), place) == EPARAM
    path, desc, size = write_file(tmp_path, LONG_GARBAGE), acl.aclmdlCreateDesc(), acl.out("size_t")
    assert acl.aclmdlGetDescFromFile(desc, path) == EPARAM
    assert acl.aclmdlQuerySize(path, size, size) == EPARAM


@pytest.mark.row("MD2.19")
@pytest.mark.parametrize("product", PRODUCTS)
def test_what_145001_stands_for(open_acl: OpenAcl, product: str, tmp_path: Path) -> None:
    """Loading, asking for sizes and executing without aclInit."""
    acl = started(open_acl, product)
    program, path, size = adder(acl), write_file(tmp_path, add()), acl.out("size_t")
    stream = config_stream(acl) if product == SMALL else NULL
    handle = work_config(acl) if product == SMALL else timeout_config(acl)
    acl.ok(acl.aclFinalize())
    assert file_config(acl, path).load() == ENOINIT
    assert acl.aclmdlQuerySize(path, size, size) == ENOINIT
    assert program.execute_v2(stream, handle) == ENOINIT


@pytest.mark.row("MD2.20")
@pytest.mark.parametrize("product", PRODUCTS)
def test_what_145002_stands_for(open_acl: OpenAcl, product: str, tmp_path: Path) -> None:
    """A model file that is missing, is a folder, or cannot be a file's name."""
    acl = started(open_acl, product)
    for path in (tmp_path / "missing", tmp_path, tmp_path / "model" / "x", Path("n" * 5000)):
        assert file_config(acl, str(path).encode()).load() == EPATH
        assert acl.aclmdlQuerySize(str(path).encode(), acl.out("size_t"), acl.out("size_t")) == EPATH


@pytest.mark.row("MD2.21")
@pytest.mark.parametrize("product", PRODUCTS)
def test_what_145003_stands_for(open_acl: OpenAcl, product: str) -> None:
    """An id that no model has, or has any more."""
    acl = started(open_acl, product)
    program = adder(acl)
    stream = config_stream(acl) if product == SMALL else NULL
    handle = work_config(acl) if product == SMALL else timeout_config(acl)
    assert acl.aclmdlUnload(4711) == EMODELID
    acl.ok(acl.aclmdlUnload(program.id))
    assert acl.aclmdlUnload(program.id) == EMODELID
    assert program.execute_v2(stream, handle) == EMODELID


@pytest.mark.row("MD2.22")
def test_what_145006_stands_for(acl: Acl, tmp_path: Path) -> None:
    """Less than the 4 bytes of a magic for every loader, and less than the 256 of a header for a file."""
    place, size = acl.out("uint32_t"), acl.out("size_t")
    tiny, short = write_file(tmp_path, bytes(3), "tiny"), write_file(tmp_path, bytes(255), "short")
    assert acl.aclmdlLoadFromMem(bytes(3), 3, place) == ESIZE
    assert acl.aclmdlLoadFromMemWithMem(bytes(3), 3, place, NULL, 0, NULL, 0) == ESIZE
    assert memory_config(acl, bytes(3)).load() == ESIZE
    for path in (tiny, short):
        assert acl.aclmdlLoadFromFile(path, place) == ESIZE
        assert acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0) == ESIZE
        assert file_config(acl, path).load() == ESIZE
    assert acl.aclmdlQuerySize(tiny, size, size) == ESIZE


@pytest.mark.row("MD2.23")
def test_145007_is_never_seen(acl: Acl) -> None:
    """aclmdlQuerySizeFromMem with NULL is 100000: the ACL layer sees it before the engine, whose code is 145007."""
    assert acl.aclmdlQuerySizeFromMem(NULL, 100, acl.out("size_t"), acl.out("size_t")) == EINVAL


@pytest.mark.row("MD2.33")
def test_what_the_runtime_s_codes_stand_for(acl: Acl) -> None:
    """107000 for a timeout of 0, 107002 without a current context, 107003 for a stream of another context."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(stream, timeout_config(acl, 0)) == 107000
    other = adder(acl)
    assert acl.in_thread(lambda: other.execute_async(NULL)) == 107002
    acl.context()
    assert other.execute_async(stream) == 107003


@pytest.mark.row("MD2.36")
def test_what_507046_and_507047_stand_for(acl: Acl) -> None:
    """A timeout of a stream, and one of an event, that executions of models keep waiting too long."""
    program, last, stream, event = adder(acl), adder(acl), acl.stream(), acl.out("aclrtEvent")
    acl.ok(acl.aclrtCreateEvent(event))
    for _ in range(500):
        acl.ok(program.execute_async(stream))
    acl.ok(acl.aclrtRecordEvent(event[0], stream))
    assert acl.aclrtSynchronizeEventWithTimeout(event[0], 1) == 507047
    assert last.execute_v2(stream, timeout_config(acl, 1)) == 507046
    assert acl.aclrtSynchronizeStreamWithTimeout(stream, 1000) == 0
    assert acl.aclrtSynchronizeEventWithTimeout(event[0], 1) == 0


def test_too_many_dims_are_300000(acl: Acl) -> None:
    """MD2.11: more dims than aclmdlIODims holds."""
    data, desc = identity((1,) * 129), acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDescFromMem(desc, data, len(data)))
    assert acl.aclmdlGetOutputDims(desc, 0, acl.out("aclmdlIODims")) == 300000

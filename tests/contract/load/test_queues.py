"""Loading with queues, which is checked and then refused, and the parts of a model compiled for IPV350."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import (
    EGE,
    EINVAL,
    ENOINIT,
    ENOTSUP,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    NO_ID,
    LoadConfig,
    add,
    load,
    write_file,
)
from tests.contract.varying import linear

EQUEUE = 145008
IDS = [4, 5]
Load = Callable[..., int]
"""Loads the model in a file with queues; takes the place of the id, input queues, their number, and the outputs'."""


def from_file(acl: Acl, path: bytes, *arguments: Any) -> int:
    """aclmdlLoadFromFileWithQ."""
    return acl.aclmdlLoadFromFileWithQ(path, *arguments)


def from_memory(acl: Acl, path: bytes, *arguments: Any) -> int:
    """aclmdlLoadFromMemWithQ."""
    data = Path(path.decode()).read_bytes()
    return acl.aclmdlLoadFromMemWithQ(data, len(data), *arguments)


every_load = pytest.mark.parametrize("loads", [from_file, from_memory])


def place_of(acl: Acl) -> Any:
    """A place for an id."""
    place = acl.out("uint32_t")
    place[0] = NO_ID
    return place


@pytest.mark.row("MD5.05")
@every_load
def test_a_model_with_queues(ready: Acl, tmp_path: Path, loads: Load) -> None:
    """With queues for all inputs and outputs nothing is wrong; there are no queues here, so it is refused with 200001."""
    place = place_of(ready)
    assert loads(ready, write_file(tmp_path, add()), place, IDS, 2, IDS, 1) == ENOTSUP
    assert "load it without queues" in ready.message()
    assert place[0] == NO_ID


@pytest.mark.row("MD2.24", "MD5.05")
@every_load
@pytest.mark.parametrize(("inputs", "outputs", "side"), [(1, 1, "input"), (3, 1, "input"), (2, 2, "output")])
def test_other_numbers_of_queues(ready: Acl, tmp_path: Path, loads: Load, inputs: int, outputs: int, side: str) -> None:
    """Another number of queues than the model has inputs or outputs is 145008."""
    assert loads(ready, write_file(tmp_path, add()), place_of(ready), IDS, inputs, IDS, outputs) == EQUEUE
    assert f"{side} queues" in ready.message()


@pytest.mark.row("MD5.05")
@every_load
def test_order_of_the_checks(ready: Acl, tmp_path: Path, loads: Load) -> None:
    """The router comes first, then the queues, then the place of the id, then the model."""
    path = write_file(tmp_path, GARBAGE)
    assert loads(ready, write_file(tmp_path, b"abc", "short.onnx"), NULL, NULL, 0, NULL, 0) == ESIZE
    for arguments, parameter in (
        ((NULL, NULL, 0, NULL, 0), "inputQ is NULL"),
        ((NULL, IDS, 0, NULL, 0), "outputQ is NULL"),
        ((NULL, IDS, 0, IDS, 0), "inputQNum is 0"),
        ((NULL, IDS, 1, IDS, 0), "outputQNum is 0"),
        ((NULL, IDS, 1, IDS, 1), "modelId is NULL"),
    ):
        assert loads(ready, path, *arguments) == EINVAL
        assert parameter in ready.message()
    assert loads(ready, path, place_of(ready), IDS, 1, IDS, 1) == EPARAM


@pytest.mark.row("MD5.05")
def test_the_router(acl: Acl, tmp_path: Path) -> None:
    """A path or memory that is NULL, missing or too short is found first, without aclInit."""
    rest = (NULL, NULL, 0, NULL, 0)
    assert acl.aclmdlLoadFromFileWithQ(NULL, *rest) == EINVAL
    assert acl.aclmdlLoadFromFileWithQ(str(tmp_path / "missing").encode(), *rest) == EPATH
    assert acl.aclmdlLoadFromMemWithQ(NULL, 100, *rest) == EINVAL
    assert acl.aclmdlLoadFromMemWithQ(add(), 0, *rest) == EINVAL
    assert acl.aclmdlLoadFromMemWithQ(add(), 3, *rest) == ESIZE
    assert from_memory(acl, write_file(tmp_path, add()), place_of(acl), IDS, 2, IDS, 1) == ENOINIT


@pytest.mark.row("MD5.05")
@every_load
def test_dims_that_vary_have_no_queues(ready: Acl, tmp_path: Path, loads: Load) -> None:
    """A dynamic-shape model is 500002."""
    assert loads(ready, write_file(tmp_path, linear()), place_of(ready), IDS, 1, IDS, 1) == EGE


@pytest.mark.row("MD5.06")
@every_load
@pytest.mark.parametrize("size", [4, 255])
def test_content_shorter_than_a_header(ready: Acl, tmp_path: Path, loads: Load, size: int) -> None:
    """Fewer bytes than a header are 145000 with queues; elsewhere 100000 from memory and 145006 from a file."""
    path = write_file(tmp_path, GARBAGE.ljust(size)[:size])
    assert loads(ready, path, place_of(ready), IDS, 1, IDS, 1) == EPARAM
    data = GARBAGE.ljust(size)[:size]
    assert ready.aclmdlLoadFromMem(data, size, place_of(ready)) == EINVAL
    assert ready.aclmdlLoadFromFile(path, place_of(ready)) == ESIZE


@pytest.mark.row("MD2.24", "MD4.36", "MD4.37")
def test_queues_of_a_config(ready: Acl, tmp_path: Path) -> None:
    """A config's numbers of queues are checked against the model, too, and so is what its file or memory holds."""
    path, data = write_file(tmp_path, add()), add()
    lib = ready.lib
    for kind in (lib.ACL_MDL_LOAD_FROM_FILE_WITH_Q, lib.ACL_MDL_LOAD_FROM_MEM_WITH_Q):
        for inputs, code in ((2, ENOTSUP), (1, EQUEUE)):
            config = LoadConfig(ready, kind)
            if kind == lib.ACL_MDL_LOAD_FROM_FILE_WITH_Q:
                config.set(lib.ACL_MDL_PATH_PTR, "char *", path)
            else:
                config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", data)
                config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(data))
            for attr, c_type, value in (
                (lib.ACL_MDL_INPUTQ_NUM_SIZET, "size_t", inputs),
                (lib.ACL_MDL_INPUTQ_ADDR_PTR, "void *", b"ids"),
                (lib.ACL_MDL_OUTPUTQ_NUM_SIZET, "size_t", 1),
                (lib.ACL_MDL_OUTPUTQ_ADDR_PTR, "void *", b"ids"),
            ):
                config.set(attr, c_type, value)
            assert config.load() == code
            assert config.id[0] == NO_ID


def test_a_refused_load_uses_an_id_up(ready: Acl, tmp_path: Path) -> None:
    """The id is taken before the engine looks at the queues (section 1)."""
    before = load(ready, add())
    assert from_file(ready, write_file(tmp_path, add()), place_of(ready), IDS, 1, IDS, 1) == EQUEUE
    assert load(ready, add()) == before + 2


@pytest.mark.row("MD5.23")
def test_parts_of_a_compiled_model(small: Acl, tmp_path: Path) -> None:
    """NULL is 100000 and a missing file 145002; no model of the simulator was compiled, so others are refused."""
    sizes = small.out("aclmdlExeOMDesc")
    path = write_file(tmp_path, add())
    assert small.aclmdlQueryExeOMDesc(NULL, sizes) == EINVAL
    assert small.aclmdlQueryExeOMDesc(path, NULL) == EINVAL
    assert small.aclmdlQueryExeOMDesc(str(tmp_path / "missing").encode(), sizes) == EPATH
    assert small.aclmdlQueryExeOMDesc(write_file(tmp_path, GARBAGE, "short"), sizes) == ESIZE
    assert small.aclmdlQueryExeOMDesc(write_file(tmp_path, bytes(300), "zeros"), sizes) == 545000
    assert small.aclmdlQueryExeOMDesc(path, sizes) == ENOTSUP
    assert "aclmdlQuerySize" in small.message()
    assert bytes(small.ffi.buffer(sizes)) == bytes(small.ffi.sizeof("aclmdlExeOMDesc"))

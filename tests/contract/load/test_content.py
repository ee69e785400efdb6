"""Loading what is no model, or no whole one (contract_mdl sections 5.1 to 5.3)."""

from pathlib import Path

import pytest

from tests.contract.acl import Acl
from tests.contract.loaders import LONG_GARBAGE, from_file, from_file_with_mem, from_mem, from_mem_with_mem, query
from tests.contract.models import (
    EINVAL,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    add,
    file_config,
    memory_config,
    om_file,
    write_file,
)


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

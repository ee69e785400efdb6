"""Loading models, and their ids (contract_mdl section 5.1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.loaders import LONG_GARBAGE, from_file, from_file_with_mem, from_mem, from_mem_with_mem
from tests.contract.models import (
    EINVAL,
    ENOINIT,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    NO_ID,
    SUM,
    Program,
    add,
    file_config,
    last_message,
    load,
    memory_config,
    sizes_of,
    started,
    weighted,
    write_file,
)

Loader = Callable[[Acl, Any, Any], int]
"""Calls a load function with a file's path or a model's bytes, and the place of the id."""

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

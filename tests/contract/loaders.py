"""The functions that load a model or tell its size, as parameters of a test."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import GARBAGE

LONG_GARBAGE = GARBAGE.ljust(300)
"""As long as a header, so that its magic is what is wrong with it."""

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


def query(acl: Acl, path: bytes) -> int:
    """aclmdlQuerySize."""
    return acl.aclmdlQuerySize(path, acl.out("size_t"), acl.out("size_t"))


def query_memory(acl: Acl, data: bytes) -> int:
    """aclmdlQuerySizeFromMem."""
    return acl.aclmdlQuerySizeFromMem(data, len(data), acl.out("size_t"), acl.out("size_t"))

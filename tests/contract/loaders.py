"""The functions that load a model or tell its size, as parameters of a test."""

from typing import Any

from tests.contract.acl import NULL, Acl
from tests.contract.models import GARBAGE

LONG_GARBAGE = GARBAGE.ljust(300)
"""As long as a header, so that its magic is what is wrong with it."""


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


def query(acl: Acl, path: bytes) -> int:
    """aclmdlQuerySize."""
    return acl.aclmdlQuerySize(path, acl.out("size_t"), acl.out("size_t"))

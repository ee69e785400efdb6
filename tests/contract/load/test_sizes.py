"""Sizes of models that are not loaded (contract_mdl section 5.3)."""

from pathlib import Path

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.loaders import LONG_GARBAGE, query
from tests.contract.models import (
    EINVAL,
    EMODELID,
    ENOINIT,
    EPARAM,
    EPATH,
    ESIZE,
    add,
    identity,
    last_message,
    sizes_of,
    weighted,
    write_file,
)


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

"""Dynamic-shape models: loading, sizes and descriptions (contract_mdl sections 4 to 6)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EINVAL,
    EMODELID,
    ENOINIT,
    ENOTSUP,
    LoadConfig,
    add,
    described,
    last_message,
    load,
    memory_config,
    sizes,
    sizes_of,
)
from tests.contract.varying import (
    EMEMORY,
    Dynamic,
    bounded,
    convolution,
    dims_of,
    input_dims,
    linear,
    numbers,
    output,
    output_dims,
    product,
    result,
    write_model,
)

lib = Acl.lib

FIRST_ID = 2147483648


@pytest.mark.row("MD5.01", "MD5.02")
def test_ids_of_their_own(acl: Acl, tmp_path: Path) -> None:
    """Ids count from 2147483648, apart from those of static models, whatever the loader; none is given out again."""
    path, data, place = write_model(tmp_path, linear()), linear(), acl.out("uint32_t")
    calls: list[Callable[[], int]] = [
        lambda: acl.aclmdlLoadFromFile(path, place),
        lambda: acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0),
        lambda: acl.aclmdlLoadFromMem(data, len(data), place),
        lambda: acl.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, NULL, 0),
    ]
    for index, call in enumerate(calls):
        assert call() == 0
        assert place[0] == FIRST_ID + index
    config = memory_config(acl, data)
    acl.ok(config.load())
    assert config.id[0] == FIRST_ID + 4
    assert load(acl, add()) == 1
    acl.ok(acl.aclmdlUnload(FIRST_ID + 4))
    assert load(acl, data) == FIRST_ID + 5
    assert load(acl, add()) == 2
    assert acl.aclmdlUnload(FIRST_ID + 4) == EMODELID
    assert "was unloaded" in last_message(acl)
    assert acl.aclmdlUnload(FIRST_ID + 6) == EMODELID
    assert "never given out" in last_message(acl)


@pytest.mark.row("MD5.02")
def test_work_memory_is_ignored(acl: Acl) -> None:
    """The work memory of a caller, however wrong, is not looked at; the weight memory is used, and checked for its size."""
    data, place, weights = linear(), acl.out("uint32_t"), acl.malloc(64)
    gone = acl.malloc(8)
    acl.ok(acl.aclrtFree(gone))
    before = acl.free_bytes()
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, gone, 1, weights, 64) == 0
    assert acl.free_bytes() == before  # neither work nor weight memory of its own
    program = Dynamic(acl, int(place[0]), [numbers(4, 3)], [256])
    assert program.execute() == 0
    acl.ok(acl.aclrtFree(weights))
    assert program.execute() == EMEMORY
    assert acl.aclmdlLoadFromMemWithMem(data, len(data), place, NULL, 0, acl.malloc(8), 8) == 145000


@pytest.mark.row("MD5.09")
def test_a_load_before_initialisation(open_acl: OpenAcl) -> None:
    """Unlike a static model, which is 145001, a dynamic-shape model is loaded and executed without aclInit."""
    acl = open_acl()
    acl.ok(acl.aclrtSetDevice(0))
    data, place = linear(), acl.out("uint32_t")
    assert acl.aclmdlLoadFromMem(add(), len(add()), place) == ENOINIT
    assert acl.aclmdlLoadFromMem(data, len(data), place) == 0
    program = Dynamic(acl, int(place[0]), [numbers(4, 3)], [256])
    assert program.execute() == 0
    assert np.array_equal(output(program, result()), result())


@pytest.mark.row("MD5.24", "MD12.11", "MD5.21")
def test_sizes(acl: Acl, tmp_path: Path) -> None:
    """The work size of a dynamic-shape model is 0, the weight size real, from a file and from memory alike."""
    work, weight = acl.ffi.new("size_t *", 9), acl.ffi.new("size_t *", 9)
    assert acl.aclmdlQuerySize(write_model(tmp_path, linear()), work, weight) == 0
    assert (work[0], weight[0]) == (0, 24)
    assert sizes_of(acl, linear()) == (0, 24)
    assert sizes_of(acl, product()) == (0, 0)


@pytest.mark.row("MD4.23")
@pytest.mark.parametrize("switch", [0, 1])
def test_without_graph_is_for_static_models(acl: Acl, switch: int) -> None:
    """ACL_MDL_WITHOUT_GRAPH_INT32, even set to 0, is 100000 for a dynamic-shape model, which uses up no id."""

    def config(data: bytes) -> LoadConfig:
        made = memory_config(acl, data)
        made.set(lib.ACL_MDL_WITHOUT_GRAPH_INT32, "int32_t", switch)
        return made

    refused = config(linear())
    assert refused.load() == EINVAL
    assert "WITHOUT_GRAPH" in last_message(acl)
    assert refused.id[0] == 0xDEAD
    assert load(acl, linear()) == FIRST_ID
    assert config(add()).load() == 0


def test_a_description(acl: Acl) -> None:
    """MD6.06, MD6.07, MD6.11, MD6.14: -1 for dims that vary, size 0, a range from 1 without an end, no gear input."""
    desc, place = described(acl, load(acl, convolution())), acl.out("aclmdlIODimsRange")
    assert input_dims(acl, desc) == (1, 1, -1, -1)
    assert output_dims(acl, desc) == (1, 1, -1, -1)
    assert sizes(acl, desc) == ([0], [0])
    assert acl.aclmdlGetInputDimsRange(desc, 1, place) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 0
    assert [tuple(place.range[index]) for index in range(place.rangeCount)] == [(1, 1), (1, 1), (1, -1), (1, -1)]
    batch, image, count = acl.out("aclmdlBatch"), acl.out("aclmdlHW"), acl.out("size_t")
    batch.batchCount = image.hwCount = count[0] = 9
    assert acl.aclmdlGetDynamicBatch(desc, batch) == acl.aclmdlGetDynamicHW(desc, 0, image) == 0
    assert acl.aclmdlGetInputDynamicGearCount(desc, (1 << 64) - 1, count) == 0
    assert (batch.batchCount, image.hwCount, count[0]) == (0, 0, 0)


@pytest.mark.row("MD6.07")
@pytest.mark.parametrize(
    ("shape", "bounds", "size"),
    [
        ((-1, 3), (5, 3), 60),
        ((-1, -1), (5, 7), 140),
        ((-1, 3), (-1, 3), 0),
        ((-1, 3), (0, 3), 0),
        ((-1, 3), None, 0),
        ((-1, -1), (1 << 31, 1 << 31), 0),  # 2 ** 64 bytes
        ((-1, -1), (1 << 31, 1 << 30), 1 << 63),
    ],
)
def test_sizes_of_bounded_dims(acl: Acl, shape: tuple[int, ...], bounds: tuple[int, ...] | None, size: int) -> None:
    """The size is the element size times the upper bounds, 0 where one is missing or not positive, or the product too large."""
    desc = described(acl, bounded(acl, shape, bounds))
    assert sizes(acl, desc) == ([size], [size])


def test_ranges_of_bounded_dims(acl: Acl) -> None:
    """MD6.14: a dim that varies goes from 1 to its bound, -1 without one; a fixed one is both ends."""
    desc, place = described(acl, bounded(acl, (-1, 3, -1), (5, 3, -1))), acl.out("aclmdlIODimsRange")
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 0
    assert [tuple(place.range[index]) for index in range(place.rangeCount)] == [(1, 5), (3, 3), (1, -1)]


def test_no_current_output_dims(acl: Acl, tmp_path: Path) -> None:
    """MD6.18, MD2.10: NULLs are 100000, then it is 200001 before index and id, also of a description from a file."""
    desc, place = described(acl, load(acl, linear())), acl.out("aclmdlIODims")
    unloaded = acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDescFromFile(unloaded, write_model(tmp_path, linear())))
    assert acl.aclmdlGetCurOutputDims(NULL, 99, place) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 99, NULL) == EINVAL
    assert acl.aclmdlGetCurOutputDims(desc, 99, place) == ENOTSUP
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == ENOTSUP
    assert acl.aclmdlGetCurOutputDims(unloaded, 0, place) == ENOTSUP
    acl.ok(acl.aclmdlGetDesc(desc, load(acl, add())))  # used again, it forgets that
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == 0
    assert dims_of(place) == (4,)

"""Tensor descriptions, and those that datasets keep (contract_mdl sections 3.2 and 3.3)."""

from typing import Any

import pytest

from tests.contract.acl import Acl

lib = Acl.lib
ffi = Acl.ffi
NULL = ffi.NULL
EINVAL = 100000


def desc(acl: Acl, dims: list[int] | None = None, dtype: int = lib.ACL_FLOAT, layout: int = lib.ACL_FORMAT_NCHW) -> Any:
    """A new desc."""
    given = [] if dims is None else dims
    made = acl.aclCreateTensorDesc(dtype, len(given), given or NULL, layout)
    assert made != NULL
    return made


def dims_of(acl: Acl, tensor: Any) -> list[int]:
    """The dims as the getters answer them."""
    place = acl.out("int64_t")
    found = []
    for index in range(acl.aclGetTensorDescNumDims(tensor)):
        acl.ok(acl.aclGetTensorDescDimV2(tensor, index, place))
        found.append(int(place[0]))
    return found


@pytest.mark.row("MD3.13")
def test_create(acl: Acl) -> None:
    """A negative number of dims, or dims that are NULL, give NULL and a sentence; dims are copied; none is a scalar."""
    assert acl.aclCreateTensorDesc(lib.ACL_FLOAT, -1, NULL, lib.ACL_FORMAT_ND) == NULL
    assert "numDims is -1" in acl.message()
    assert acl.aclCreateTensorDesc(lib.ACL_FLOAT, 1, NULL, lib.ACL_FORMAT_ND) == NULL
    assert "dims is NULL" in acl.message()
    given = ffi.new("int64_t[]", [2, 3])
    made = acl.aclCreateTensorDesc(lib.ACL_FLOAT, 2, given, lib.ACL_FORMAT_ND)
    given[0] = 9
    assert dims_of(acl, made) == [2, 3]
    assert dims_of(acl, desc(acl)) == []


@pytest.mark.row("MD3.14")
def test_destroy(acl: Acl) -> None:
    """NULL is a no-op; a second destroy says so instead of crashing."""
    acl.aclDestroyTensorDesc(NULL)
    assert acl.message() == ""
    made = desc(acl, [1])
    acl.aclDestroyTensorDesc(made)
    assert acl.message() == ""
    acl.aclDestroyTensorDesc(made)
    assert "was destroyed" in acl.message()


@pytest.mark.row("MD3.15")
def test_type_and_format(acl: Acl) -> None:
    """What it was made with; undefined for NULL."""
    made = desc(acl, [1], lib.ACL_INT8, lib.ACL_FORMAT_NHWC)
    assert (acl.aclGetTensorDescType(made), acl.aclGetTensorDescFormat(made)) == (lib.ACL_INT8, lib.ACL_FORMAT_NHWC)
    assert (acl.aclGetTensorDescType(NULL), acl.aclGetTensorDescFormat(NULL)) == (-1, -1)


@pytest.mark.row("MD3.16")
@pytest.mark.parametrize(
    ("dims", "count"),
    [([], 1), ([2, 3], 6), ([2, 0], 0), ([2, -1], 0), ([-2], 0), ([1 << 40, 1 << 40], 0), ([1 << 62], 1 << 62)],
)
def test_element_count(acl: Acl, dims: list[int], count: int) -> None:
    """The product of the dims; 1 without any, 0 for a dim that is 0 or negative and where it does not fit."""
    assert acl.aclGetTensorDescElementCount(desc(acl, dims)) == count
    assert acl.aclGetTensorDescElementCount(NULL) == 0


@pytest.mark.row("MD3.17")
@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (lib.ACL_FLOAT, 12),
        (lib.ACL_FLOAT16, 6),
        (lib.ACL_INT64, 24),
        (lib.ACL_BOOL, 3),
        (lib.ACL_COMPLEX128, 48),
        (lib.ACL_STRING, 0),
        (lib.ACL_DT_UNDEFINED, 0),
        (lib.ACL_INT4, 3),
        (lib.ACL_UINT1, 3),
        (999, 24),
    ],
)
def test_size(acl: Acl, dtype: int, size: int) -> None:
    """Elements times the size of the type: none for strings and undefined, a byte for INT4 and UINT1, 8 for unknown."""
    assert acl.aclGetTensorDescSize(desc(acl, [3], dtype)) == size
    assert acl.aclGetTensorDescSize(NULL) == 0


@pytest.mark.row("MD3.18")
def test_number_of_dims(acl: Acl) -> None:
    """0 for NULL; ACL_UNKNOWN_RANK where the first dim is -2."""
    assert acl.aclGetTensorDescNumDims(NULL) == 0
    assert acl.aclGetTensorDescNumDims(desc(acl, [4, -1])) == 2
    assert acl.aclGetTensorDescNumDims(desc(acl, [-2])) == lib.ACL_UNKNOWN_RANK == (1 << 64) - 2


@pytest.mark.row("MD3.19")
def test_dim(acl: Acl) -> None:
    """A dim by its index; -1 for NULL and for an index that is too big."""
    made = desc(acl, [4, 5])
    assert [acl.aclGetTensorDescDim(made, index) for index in range(3)] == [4, 5, -1]
    assert acl.aclGetTensorDescDim(NULL, 0) == -1


@pytest.mark.row("MD3.20")
def test_dim_v2(acl: Acl) -> None:
    """NULL for desc or out, and an index beyond the rank, are 100000."""
    made, place = desc(acl, [4]), acl.out("int64_t")
    assert acl.aclGetTensorDescDimV2(NULL, 0, place) == EINVAL
    assert acl.aclGetTensorDescDimV2(made, 0, NULL) == EINVAL
    assert acl.aclGetTensorDescDimV2(made, 1, place) == EINVAL
    acl.ok(acl.aclGetTensorDescDimV2(made, 0, place))
    assert place[0] == 4


@pytest.mark.row("MD3.21", "MD3.25")
def test_ranges(acl: Acl) -> None:
    """Ranges are replaced as a whole; a read needs a desc, a place, an index with a range and room for two values."""
    made, place = desc(acl, [-1, -1]), ffi.new("int64_t[2]")
    assert acl.aclSetTensorShapeRange(NULL, 1, [[1, 2]]) == EINVAL
    assert acl.aclSetTensorValueRange(NULL, 1, [[1, 2]]) == EINVAL
    assert acl.aclSetTensorShapeRange(made, 1, NULL) == EINVAL
    acl.ok(acl.aclSetTensorShapeRange(made, 2, [[1, 4], [2, 8]]))
    acl.ok(acl.aclSetTensorValueRange(made, 1, [[0, 1]]))
    assert acl.aclGetTensorDescDimRange(NULL, 0, 2, place) == EINVAL
    assert acl.aclGetTensorDescDimRange(made, 0, 2, NULL) == EINVAL
    assert acl.aclGetTensorDescDimRange(made, 2, 2, place) == EINVAL
    assert acl.aclGetTensorDescDimRange(made, 0, 1, place) == EINVAL
    acl.ok(acl.aclGetTensorDescDimRange(made, 1, 2, place))
    assert list(place) == [2, 8]
    acl.ok(acl.aclSetTensorShapeRange(made, 1, [[3, 3]]))
    acl.ok(acl.aclGetTensorDescDimRange(made, 0, 2, place))
    assert list(place) == [3, 3]
    assert acl.aclGetTensorDescDimRange(made, 1, 2, place) == EINVAL


@pytest.mark.row("MD3.22")
def test_name(acl: Acl) -> None:
    """A NULL desc is passed over and has the name ""; a NULL name is ""."""
    made = desc(acl)
    acl.aclSetTensorDescName(NULL, b"x")
    assert ffi.string(acl.aclGetTensorDescName(NULL)) == b""
    assert ffi.string(acl.aclGetTensorDescName(made)) == b""
    acl.aclSetTensorDescName(made, b"scores")
    held = acl.aclGetTensorDescName(made)
    assert ffi.string(held) == b"scores"
    assert acl.aclGetTensorDescName(made) == held
    acl.aclSetTensorDescName(made, NULL)
    assert ffi.string(acl.aclGetTensorDescName(made)) == b""
    acl.aclDestroyTensorDesc(made)
    assert ffi.string(held) == b"scores"


@pytest.mark.row("MD3.23")
def test_formats(acl: Acl) -> None:
    """A NULL desc is 0 and nothing happens; only the origin format is what the getter answers."""
    made = desc(acl, layout=lib.ACL_FORMAT_ND)
    for setter in (acl.aclSetTensorFormat, acl.aclSetTensorStorageFormat, acl.aclSetTensorOriginFormat):
        assert setter(NULL, lib.ACL_FORMAT_NHWC) == 0
    acl.ok(acl.aclSetTensorFormat(made, lib.ACL_FORMAT_NHWC))
    acl.ok(acl.aclSetTensorStorageFormat(made, lib.ACL_FORMAT_NHWC))
    assert acl.aclGetTensorDescFormat(made) == lib.ACL_FORMAT_ND
    acl.ok(acl.aclSetTensorOriginFormat(made, lib.ACL_FORMAT_NHWC))
    assert acl.aclGetTensorDescFormat(made) == lib.ACL_FORMAT_NHWC


@pytest.mark.row("MD3.24")
def test_shapes(acl: Acl) -> None:
    """NULL for desc or dims is 100000, dims also where there are none; only the origin shape changes what getters say."""
    made = desc(acl, [2, 3])
    for setter in (acl.aclSetTensorShape, acl.aclSetTensorStorageShape, acl.aclSetTensorOriginShape):
        assert setter(NULL, 1, [4]) == EINVAL
        assert setter(made, 1, NULL) == EINVAL
        assert setter(made, 0, NULL) == EINVAL
        assert setter(made, -1, [4]) == EINVAL
    acl.ok(acl.aclSetTensorShape(made, 1, [6]))
    acl.ok(acl.aclSetTensorStorageShape(made, 1, [6]))
    assert dims_of(acl, made) == [2, 3]
    acl.ok(acl.aclSetTensorOriginShape(made, 3, [1, 2, 3]))
    assert dims_of(acl, made) == [1, 2, 3]


@pytest.mark.row("MD3.26")
def test_constant(acl: Acl) -> None:
    """The bytes are copied; NULL for desc or bytes and a length of 0 are 100000."""
    made, data = desc(acl, [4], lib.ACL_UINT8), ffi.new("char[4]", b"abcd")
    assert acl.aclSetTensorConst(NULL, data, 4) == EINVAL
    assert acl.aclSetTensorConst(made, NULL, 4) == EINVAL
    assert acl.aclSetTensorConst(made, data, 0) == EINVAL
    assert acl.aclGetTensorDescAddress(made) == NULL
    acl.ok(acl.aclSetTensorConst(made, data, 4))
    data[0] = b"z"
    assert bytes(ffi.buffer(acl.aclGetTensorDescAddress(made), 4)) == b"abcd"
    assert acl.aclGetTensorDescAddress(NULL) == NULL


@pytest.mark.row("MD3.27")
def test_placement_and_dynamic_input(acl: Acl) -> None:
    """A NULL desc is 100000; a dynamic input needs a name."""
    made = desc(acl)
    assert acl.aclSetTensorPlaceMent(NULL, lib.ACL_MEMTYPE_HOST) == EINVAL
    acl.ok(acl.aclSetTensorPlaceMent(made, lib.ACL_MEMTYPE_HOST))
    assert acl.aclSetTensorDynamicInput(NULL, b"x") == EINVAL
    assert acl.aclSetTensorDynamicInput(made, NULL) == EINVAL
    acl.ok(acl.aclSetTensorDynamicInput(made, b"x"))


@pytest.mark.row("MD3.28")
def test_by_index(acl: Acl) -> None:
    """NULL for NULL; a desc that is in no array has only itself, where hardware would read on."""
    made = desc(acl)
    assert acl.aclGetTensorDescByIndex(NULL, 0) == NULL
    assert acl.aclGetTensorDescByIndex(made, 0) == made
    assert acl.aclGetTensorDescByIndex(made, 1) == NULL
    assert "the array has 1 desc" in acl.message()


@pytest.fixture
def dataset(acl: Acl) -> Any:
    """A dataset of two buffers."""
    made = acl.aclmdlCreateDataset()
    for _ in range(2):
        acl.ok(acl.aclmdlAddDatasetBuffer(made, acl.aclCreateDataBuffer(NULL, 0)))
    return made


@pytest.mark.row("MD3.11", "MD3.12")
def test_a_dataset_keeps_copies(acl: Acl, dataset: Any) -> None:
    """A deep copy, overwritten in place; NULL takes it away; bad indices and a NULL dataset are refused."""
    made = desc(acl, [2], lib.ACL_INT32)
    assert acl.aclmdlSetDatasetTensorDesc(NULL, made, 0) == EINVAL
    assert acl.aclmdlSetDatasetTensorDesc(dataset, made, 2) == EINVAL
    assert acl.aclmdlGetDatasetTensorDesc(NULL, 0) == NULL
    assert acl.aclmdlGetDatasetTensorDesc(dataset, 2) == NULL
    assert acl.aclmdlGetDatasetTensorDesc(dataset, 0) == NULL
    acl.ok(acl.aclmdlSetDatasetTensorDesc(dataset, NULL, 0))
    acl.ok(acl.aclmdlSetDatasetTensorDesc(dataset, made, 1))
    acl.aclDestroyTensorDesc(made)
    kept = acl.aclmdlGetDatasetTensorDesc(dataset, 1)
    assert kept not in (NULL, made)
    assert dims_of(acl, kept) == [2]
    acl.ok(acl.aclmdlSetDatasetTensorDesc(dataset, desc(acl, [7, 8]), 1))
    assert acl.aclmdlGetDatasetTensorDesc(dataset, 1) == kept
    assert (dims_of(acl, kept), acl.aclGetTensorDescType(kept)) == ([7, 8], lib.ACL_FLOAT)
    acl.ok(acl.aclmdlSetDatasetTensorDesc(dataset, NULL, 1))
    assert acl.aclmdlGetDatasetTensorDesc(dataset, 1) == NULL
    assert acl.aclGetTensorDescNumDims(kept) == 0


@pytest.mark.row("MD3.07")
def test_a_dataset_destroys_its_descs(acl: Acl, dataset: Any) -> None:
    """The dataset's own desc is refused to be destroyed by hand, and goes with the dataset."""
    acl.ok(acl.aclmdlSetDatasetTensorDesc(dataset, desc(acl, [3]), 0))
    kept = acl.aclmdlGetDatasetTensorDesc(dataset, 0)
    acl.aclDestroyTensorDesc(kept)
    assert "belongs to a dataset" in acl.message()
    assert dims_of(acl, kept) == [3]
    acl.ok(acl.aclmdlDestroyDataset(dataset))
    assert acl.aclGetTensorDescNumDims(kept) == 0
    assert "was destroyed" in acl.message()

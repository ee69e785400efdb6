"""Tensor descriptions (contract_mdl section 3.3), and those of datasets (3.2)."""

from aclsim.api.host import c_string, invalid, on_host, text
from aclsim.api.lookup import item
from aclsim.api.scalars import SIZES, UNKNOWN_SIZE
from aclsim.api.types import NULL, CData, ffi, lib
from aclsim.core.tensor_desc import TensorDesc
from aclsim.core.world import World

_UNKNOWN_RANK = lib.ACL_UNKNOWN_RANK
_RANK_NOT_KNOWN = -2


def _desc(world: World, desc: CData) -> TensorDesc:
    return item(world, world.tensor_descs, desc, "desc")


def _dims(numDims: int, dims: CData) -> tuple[int, ...]:
    if numDims < 0:
        raise invalid(f"numDims is {numDims}")
    if numDims == 0:
        return ()
    on_host(dims, "dims")
    return tuple(int(dims[index]) for index in range(numDims))


def aclCreateTensorDesc(world: World, dataType: int, numDims: int, dims: CData, format: int) -> CData:  # noqa: A002
    """MD3.13: the dims are copied; none is a scalar."""
    return world.tensor_descs.add(TensorDesc(dataType, _dims(numDims, dims), format)).handle


def aclDestroyTensorDesc(world: World, desc: CData) -> None:
    """MD3.14: NULL is fine; a desc of a dataset or an array goes with that."""
    if not desc:
        return
    found = _desc(world, desc)
    if found.owner:
        raise invalid(f"desc belongs to {found.owner}")
    for each in found.array or [found]:
        world.tensor_descs.remove(each)


# -- getters ---------------------------------------------------------------------------------------------------------


def aclGetTensorDescType(world: World, desc: CData) -> int:
    """MD3.15."""
    return _desc(world, desc).dtype


def aclGetTensorDescFormat(world: World, desc: CData) -> int:
    """MD3.15."""
    return _desc(world, desc).format


def aclGetTensorDescElementCount(world: World, desc: CData) -> int:
    """MD3.16."""
    return _desc(world, desc).elements


def aclGetTensorDescSize(world: World, desc: CData) -> int:
    """MD3.17: bytes."""
    found = _desc(world, desc)
    size = found.elements * SIZES.get(found.dtype, UNKNOWN_SIZE)
    return size if size < 1 << 64 else 0


def aclGetTensorDescNumDims(world: World, desc: CData) -> int:
    """MD3.18: ACL_UNKNOWN_RANK where the first dim is -2."""
    dims = _desc(world, desc).dims
    return _UNKNOWN_RANK if dims and dims[0] == _RANK_NOT_KNOWN else len(dims)


def aclGetTensorDescDim(world: World, desc: CData, index: int) -> int:
    """MD3.19: -1 for a bad index, which a dim that is not known answers too."""
    found = world.tensor_descs.get(desc)
    if found is None or index >= len(found.dims):
        return -1
    return found.dims[index]


def aclGetTensorDescDimV2(world: World, desc: CData, index: int, dimSize: CData) -> None:
    """MD3.20."""
    found = _desc(world, desc)
    on_host(dimSize, "dimSize")
    if index >= len(found.dims):
        raise invalid(f"index is {index}; the tensor has {len(found.dims)} dims")
    dimSize[0] = found.dims[index]


def aclGetTensorDescDimRange(world: World, desc: CData, index: int, dimRangeNum: int, dimRange: CData) -> None:
    """MD3.21: the least and the greatest value of a dim."""
    found = _desc(world, desc)
    on_host(dimRange, "dimRange")
    if index >= len(found.ranges):
        raise invalid(f"index is {index}; the tensor has {len(found.ranges)} ranges")
    if dimRangeNum < len(found.ranges[index]):
        raise invalid(f"dimRangeNum is {dimRangeNum}; a range is 2 values")
    dimRange[0], dimRange[1] = found.ranges[index]


def aclGetTensorDescName(world: World, desc: CData) -> CData:
    """MD3.22: "" for NULL."""
    found = _desc(world, desc)
    if found.name not in found.texts:
        found.texts[found.name] = c_string(found.name)
    return found.texts[found.name]


def aclGetTensorDescByIndex(world: World, desc: CData, index: int) -> CData:
    """MD3.28: a desc of the array that begins with `desc`; one that is in no array is its own first.

    A choice: NULL for an index behind the end, which the implementation does not check.
    """
    found = _desc(world, desc)
    array = found.array or [found]
    if index >= len(array):
        raise invalid(f"index is {index}; the array has {len(array)} descs")
    return array[index].handle


def aclGetTensorDescAddress(world: World, desc: CData) -> CData:
    """Where a desc has the values of a constant; NULL where it has none."""
    found = _desc(world, desc)
    if found.const is None:
        return NULL
    if found.const not in found.texts:
        found.texts[found.const] = ffi.from_buffer("char[]", bytearray(found.const))
    return ffi.cast("void *", found.texts[found.const])


# -- setters ---------------------------------------------------------------------------------------------------------


def aclSetTensorDescName(world: World, desc: CData, name: CData) -> None:
    """MD3.22: NULL for a name is ""; a NULL desc is passed over."""
    found = world.tensor_descs.get(desc)
    if found is not None:
        found.name = text(name, "name") if name else b""


def aclSetTensorFormat(world: World, desc: CData, format: int) -> None:  # noqa: A002
    """MD3.23: the layout in memory; a NULL desc is passed over with 0."""
    aclSetTensorStorageFormat(world, desc, format)


def aclSetTensorStorageFormat(world: World, desc: CData, format: int) -> None:  # noqa: A002
    """MD3.23."""
    if desc:
        _desc(world, desc).storage_format = format


def aclSetTensorOriginFormat(world: World, desc: CData, format: int) -> None:  # noqa: A002
    """MD3.23: what aclGetTensorDescFormat answers."""
    if desc:
        _desc(world, desc).format = format


def _set_dims(world: World, desc: CData, numDims: int, dims: CData, field: str) -> None:
    found = _desc(world, desc)
    on_host(dims, "dims")  # also where numDims is 0
    setattr(found, field, _dims(numDims, dims))


def aclSetTensorShape(world: World, desc: CData, numDims: int, dims: CData) -> None:
    """MD3.24: the dims in memory."""
    _set_dims(world, desc, numDims, dims, "storage_dims")


def aclSetTensorStorageShape(world: World, desc: CData, numDims: int, dims: CData) -> None:
    """MD3.24: the dims in memory."""
    _set_dims(world, desc, numDims, dims, "storage_dims")


def aclSetTensorOriginShape(world: World, desc: CData, numDims: int, dims: CData) -> None:
    """MD3.24: what the getters answer."""
    _set_dims(world, desc, numDims, dims, "dims")


def _ranges(count: int, ranges: CData, parameter: str) -> list[tuple[int, int]]:
    if count:
        on_host(ranges, parameter)
    return [(int(ranges[index][0]), int(ranges[index][1])) for index in range(count)]


def aclSetTensorShapeRange(world: World, desc: CData, dimsCount: int, dimsRange: CData) -> None:
    """MD3.25: replaces."""
    _desc(world, desc).ranges = _ranges(dimsCount, dimsRange, "dimsRange")


def aclSetTensorValueRange(world: World, desc: CData, valueCount: int, valueRange: CData) -> None:
    """MD3.25: replaces."""
    _desc(world, desc).value_ranges = _ranges(valueCount, valueRange, "valueRange")


def aclSetTensorConst(world: World, desc: CData, dataBuffer: CData, length: int) -> None:
    """MD3.26: the bytes are copied."""
    found = _desc(world, desc)
    on_host(dataBuffer, "dataBuffer")
    if length == 0:
        raise invalid("length is 0")
    found.const = bytes(ffi.buffer(ffi.cast("char *", dataBuffer), length))


def aclSetTensorPlaceMent(world: World, desc: CData, memType: int) -> None:
    """MD3.27."""
    _desc(world, desc).placement = memType


def aclSetTensorDynamicInput(world: World, desc: CData, dynamicInputName: CData) -> None:
    """The name of a dynamic input, kept."""
    _desc(world, desc).dynamic_input = text(dynamicInputName, "dynamicInputName")


# -- those of datasets -----------------------------------------------------------------------------------------------


def aclmdlSetDatasetTensorDesc(world: World, dataset: CData, tensorDesc: CData, index: int) -> None:
    """MD3.11: the dataset keeps a copy, overwritten in place; NULL takes it away."""
    found = item(world, world.datasets, dataset, "dataset")
    if index >= len(found.buffers):
        raise invalid(f"index is {index}; dataset has {len(found.buffers)} buffers")
    kept = found.descs.get(index)
    if not tensorDesc:
        if kept is not None:
            world.tensor_descs.remove(found.descs.pop(index))
        return
    given = item(world, world.tensor_descs, tensorDesc, "tensorDesc")
    if kept is None:
        kept = found.descs[index] = world.tensor_descs.add(TensorDesc(given.dtype, given.dims, given.format))
        kept.owner = "a dataset, which destroys it"
    kept.take(given)


def aclmdlGetDatasetTensorDesc(world: World, dataset: CData, index: int) -> CData:
    """MD3.12: the dataset's own; NULL where there is none."""
    found = item(world, world.datasets, dataset, "dataset")
    if index >= len(found.buffers):
        raise invalid(f"index is {index}; dataset has {len(found.buffers)} buffers")
    kept = found.descs.get(index)
    return kept.handle if kept is not None else NULL

"""Gears: which ones a model has and which one it runs in (contract_mdl sections 6, 8), and attributes (5.4)."""

from aclsim.api.config import in_priority_range
from aclsim.api.host import invalid, null, on_host
from aclsim.api.load import unknown_model
from aclsim.api.lookup import item
from aclsim.api.memory import duration_of
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.buffers import DataBuffer, Dataset
from aclsim.core.description import Desc
from aclsim.core.fault import Fault
from aclsim.core.loaded import LoadedModel
from aclsim.core.shaped import gear_width
from aclsim.core.world import World
from aclsim.models.description import BATCH, DIMS, HW, Dims

_NO_INDEX = (1 << 64) - 1


def _desc(world: World, modelDesc: CData) -> Desc:
    return item(world, world.descs, modelDesc, "modelDesc")


def _values(desc: Desc, kind: str, most: int) -> tuple[Dims, ...]:
    """The gears of a description, none where they are of another kind.

    Raises:
        Fault: 300000 for more of them than the structure holds.
    """
    values = desc.gears.values if desc.gears is not None and desc.gears.kind == kind else ()
    if len(values) > most:
        raise Fault(codes.ACL_ERROR_STORAGE_OVER_LIMIT, f"the model has {len(values)} gears, more than {most}")
    return values


# -- what a description says -----------------------------------------------------------------------------------------


def aclmdlGetDynamicBatch(world: World, modelDesc: CData, batch: CData) -> None:
    """MD6.15: count 0 for a model that has no batch gears."""
    desc = _desc(world, modelDesc)
    on_host(batch, "batch")
    values = _values(desc, BATCH, lib.ACL_MAX_BATCH_NUM)
    batch.batchCount = len(values)
    for index, (number,) in enumerate(values):
        batch.batch[index] = number


def aclmdlGetDynamicHW(world: World, modelDesc: CData, index: int, hw: CData) -> None:  # noqa: ARG001
    """MD6.15: count 0 for a model that has no HW gears; the index is not looked at."""
    desc = _desc(world, modelDesc)
    on_host(hw, "hw")
    values = _values(desc, HW, lib.ACL_MAX_HW_NUM)
    hw.hwCount = len(values)
    for position, pair in enumerate(values):
        hw.hw[position] = list(pair)


def _no_index(index: int) -> None:
    if index != _NO_INDEX:
        raise invalid(f"index is {index}; it must be -1, as size_t")


def aclmdlGetInputDynamicGearCount(world: World, modelDesc: CData, index: int, gearCount: CData) -> None:
    """MD6.16: counts gears of dims only."""
    desc = _desc(world, modelDesc)
    on_host(gearCount, "gearCount")
    _no_index(index)
    gearCount[0] = len(_values(desc, DIMS, lib.ACL_MAX_DIM_CNT))


def aclmdlGetInputDynamicDims(world: World, modelDesc: CData, index: int, dims: CData, gearCount: int) -> None:
    """MD6.17: for each gear the dims of all inputs, one after the other."""
    desc = _desc(world, modelDesc)
    on_host(dims, "dims")
    _no_index(index)
    if not _values(desc, DIMS, lib.ACL_MAX_DIM_CNT) or desc.gears is None:
        return
    if gearCount < len(desc.gears.values):
        raise invalid(f"gearCount is {gearCount}, the model has {len(desc.gears.values)} gears")
    for gear, inputs in enumerate(desc.gears.inputs):
        together = [dim for shape in inputs for dim in shape]
        if len(together) > lib.ACL_MAX_DIM_CNT:
            raise Fault(codes.ACL_ERROR_FAILURE, f"all inputs together have {len(together)} dims")
        dims[gear].dimCount = len(together)
        dims[gear].dims[0 : len(together)] = together


# -- choosing --------------------------------------------------------------------------------------------------------


def _buffer(dataset: Dataset, index: int) -> DataBuffer:
    """The gear buffer of a dataset, which must have an address."""
    if index >= len(dataset.buffers):
        raise invalid(f"index is {index}; dataset has {len(dataset.buffers)} buffers")
    buffer = dataset.buffers[index]
    if not buffer.address:
        raise invalid(f"buffer {index} has no address")
    return buffer


def _check_length(buffer: DataBuffer, count: int) -> None:
    if buffer.size < 4 * count:
        raise Fault(
            codes.ACL_ERROR_GE_DYNAMIC_INPUT_LENGTH_INVALID,
            f"the gear buffer has {buffer.size} bytes; {count} numbers of at least 4 bytes each are written there",
        )


def _model(world: World, number: int) -> LoadedModel:
    """A model of the static executor; dynamic-shape models are unknown to it (MD8.09)."""
    model = world.models.get(number)
    if model is None or model.executable.dynamic:
        raise unknown_model(world, number)
    return model


def _gear_of(model: LoadedModel, kind: str, values: Dims) -> int:
    """The number of a gear."""
    gears = model.executable.gears
    if gears is None or gears.kind != kind or values not in gears.values:
        have = "it has none" if gears is None else f"it has {gears.kind} {', '.join(map(str, gears.values))}"
        raise Fault(
            codes.ACL_ERROR_GE_DYNAMIC_BATCH_SIZE_INVALID,
            f"{kind} {values} is no gear of model {model.number}: {have}",
        )
    return gears.values.index(values)


def _write(world: World, buffer: DataBuffer, values: Dims) -> None:
    """Put the numbers into the device's memory, now, as aclrtMemcpy does (MD8.11)."""
    width = gear_width(buffer.size, len(values))
    data = b"".join(value.to_bytes(width, "little") for value in values)
    world.current_context()
    world.memory.span(buffer.address, len(data)).write()[:] = data
    world.clock.now += duration_of(world, len(data))
    world.host_wrote(buffer.address, len(data))


def aclmdlSetDynamicBatchSize(world: World, modelId: int, dataset: CData, index: int, batchSize: int) -> None:
    """MD8.01: chooses a batch gear. The dataset remembers it even if the rest fails (MD8.12)."""
    found = item(world, world.datasets, dataset, "dataset")
    if batchSize == 0:
        raise invalid("batchSize is 0")
    buffer = _buffer(found, index)
    found.batch, found.hw = batchSize, (0, 0)
    _check_length(buffer, 1)
    model = _model(world, modelId)
    gear = _gear_of(model, BATCH, (batchSize,))
    _write(world, buffer, (batchSize,))
    model.gear = gear


def aclmdlSetDynamicHWSize(world: World, modelId: int, dataset: CData, index: int, height: int, width: int) -> None:
    """MD8.02: chooses a gear of height and width."""
    found = item(world, world.datasets, dataset, "dataset")
    if height == 0 or width == 0:
        raise invalid(f"height is {height} and width {width}; both must be positive")
    buffer = _buffer(found, index)
    found.batch, found.hw = 0, (height, width)
    _check_length(buffer, 2)
    model = _model(world, modelId)
    gear = _gear_of(model, HW, (height, width))
    _write(world, buffer, (height, width))
    model.gear = gear


def aclmdlSetInputDynamicDims(world: World, modelId: int, dataset: CData, index: int, dims: CData) -> None:
    """MD8.03: chooses a gear by the dims of all inputs, one after the other. The buffer's length is last."""
    found = item(world, world.datasets, dataset, "dataset")
    if not dims:
        raise null("dims")
    on_host(dims, "dims")
    if dims.dimCount == 0:
        raise invalid("dims.dimCount is 0")
    buffer = _buffer(found, index)
    model = _model(world, modelId)
    given = tuple(int(dims.dims[position]) for position in range(min(dims.dimCount, lib.ACL_MAX_DIM_CNT)))
    described = [dim for tensor in model.executable.inputs for dim in tensor.dims]
    if dims.dimCount != len(described) or dims.dimCount > lib.ACL_MAX_DIM_CNT:
        raise _bad_dims(f"dims.dimCount is {dims.dimCount}; the inputs have {len(described)} dims together")
    for position, (dim, fixed) in enumerate(zip(given, described, strict=True)):
        if fixed >= 0 and dim != fixed:
            raise _bad_dims(f"dim {position} is {dim}; it is fixed at {fixed}")
    values = tuple(dim for dim, fixed in zip(given, described, strict=True) if fixed < 0)
    model.gear = _gear_of(model, DIMS, values)
    _check_length(buffer, len(values))
    _write(world, buffer, values)
    found.batch, found.hw, found.dims = 0, (0, 0), values


def _bad_dims(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_GE_DYNAMIC_INPUT_LENGTH_INVALID, message)


# -- attributes of a loaded model ------------------------------------------------------------------------------------


def _attribute(world: World, modelId: int, attr: int, attrValue: CData, priority: int | None) -> LoadedModel:
    on_host(attrValue, "attrValue")
    if attr != lib.ACL_MDL_ATTR_PRIORITY_INT32:
        raise invalid(f"attr is {attr}; only ACL_MDL_ATTR_PRIORITY_INT32 (0) is known")
    if priority is not None and not in_priority_range(world, priority):
        product = world.product
        raise invalid(f"the priority is {priority}; it can be {product.priority_greatest} to {product.priority_least}")
    return _model(world, modelId)


def aclmdlSetAttribute(world: World, modelId: int, attr: int, attrValue: CData) -> None:
    """MD5.25 to MD5.31: the priority of a static model."""
    on_host(attrValue, "attrValue")
    priority = int(attrValue.mdlPriority)
    _attribute(world, modelId, attr, attrValue, priority).priority = priority


def aclmdlGetAttribute(world: World, modelId: int, attr: int, attrValue: CData) -> None:
    """MD5.25 to MD5.31: the priority, at first that of the load."""
    attrValue.mdlPriority = _attribute(world, modelId, attr, attrValue, None).priority

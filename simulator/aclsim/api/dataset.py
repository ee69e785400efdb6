"""Data buffers and datasets (contract_mdl sections 3.1 and 3.2)."""

from aclsim.api.lookup import item
from aclsim.api.types import NULL, CData, address_of
from aclsim.core.buffers import DataBuffer, Dataset
from aclsim.core.world import World


def aclCreateDataBuffer(world: World, data: CData, size: int) -> CData:
    """MD3.01: nothing is checked, the memory stays the caller's."""
    return world.buffers.add(DataBuffer(data, address_of(data), size)).handle


def aclDestroyDataBuffer(world: World, dataBuffer: CData) -> None:
    """MD3.02: never the memory behind it."""
    world.buffers.remove(item(world, world.buffers, dataBuffer, "dataBuffer"))


def aclUpdateDataBuffer(world: World, dataBuffer: CData, data: CData, size: int) -> None:
    """MD3.03: points the buffer at other memory, frees nothing."""
    buffer = item(world, world.buffers, dataBuffer, "dataBuffer")
    buffer.point(data, address_of(data), size)


def aclGetDataBufferAddr(world: World, dataBuffer: CData) -> CData:
    """MD3.04."""
    return item(world, world.buffers, dataBuffer, "dataBuffer").pointer


def aclGetDataBufferSizeV2(world: World, dataBuffer: CData) -> int:
    """MD3.04."""
    return item(world, world.buffers, dataBuffer, "dataBuffer").size


def aclGetDataBufferSize(world: World, dataBuffer: CData) -> int:
    """MD3.05: cut to 32 bits."""
    return item(world, world.buffers, dataBuffer, "dataBuffer").size & 0xFFFFFFFF


def aclmdlCreateDataset(world: World) -> CData:
    """MD3.06."""
    return world.datasets.add(Dataset()).handle


def aclmdlDestroyDataset(world: World, dataset: CData) -> None:
    """MD3.07: with the tensor descs in it, without the buffers."""
    found = item(world, world.datasets, dataset, "dataset")
    world.datasets.remove(found)
    for desc in found.descs.values():
        world.tensor_descs.remove(desc)


def aclmdlAddDatasetBuffer(world: World, dataset: CData, dataBuffer: CData) -> None:
    """MD3.08: the buffer stays the caller's and may be in several datasets."""
    found = item(world, world.datasets, dataset, "dataset")
    found.buffers.append(item(world, world.buffers, dataBuffer, "dataBuffer"))


def aclmdlGetDatasetNumBuffers(world: World, dataset: CData) -> int:
    """MD3.09."""
    return len(item(world, world.datasets, dataset, "dataset").buffers)


def aclmdlGetDatasetBuffer(world: World, dataset: CData, index: int) -> CData:
    """MD3.10: the very pointer that was added; NULL behind the last one."""
    buffers = item(world, world.datasets, dataset, "dataset").buffers
    return buffers[index].handle if index < len(buffers) else NULL

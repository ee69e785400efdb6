"""Data buffers and datasets: what a model call gets and fills."""

from collections.abc import Hashable

from aclsim.core.tensor_desc import TensorDesc


class DataBuffer:
    """Address and size of memory that somebody else owns (aclDataBuffer)."""

    __slots__ = ("address", "handle", "pointer", "size")

    def __init__(self, pointer: Hashable, address: int, size: int) -> None:
        self.pointer = pointer
        self.address = address
        self.size = size
        self.handle: Hashable = None


class Dataset:
    """Buffers in the order of a model's inputs or outputs (aclmdlDataset). It owns none of them, but its `descs`."""

    __slots__ = ("buffers", "descs", "handle")

    def __init__(self) -> None:
        self.buffers: list[DataBuffer] = []
        self.descs: dict[int, TensorDesc] = {}
        self.handle: Hashable = None

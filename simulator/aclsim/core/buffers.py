"""Data buffers and datasets: what a model call gets and fills."""

from collections.abc import Hashable


class DataBuffer:
    """Address and size of memory that somebody else owns (aclDataBuffer)."""

    __slots__ = ("address", "handle", "pointer", "size")

    def __init__(self, pointer: Hashable, address: int, size: int) -> None:
        self.pointer = pointer
        self.address = address
        self.size = size
        self.handle: Hashable = None


class Dataset:
    """Buffers in the order of a model's inputs or outputs (aclmdlDataset). It owns none of them."""

    __slots__ = ("buffers", "handle")

    def __init__(self) -> None:
        self.buffers: list[DataBuffer] = []
        self.handle: Hashable = None

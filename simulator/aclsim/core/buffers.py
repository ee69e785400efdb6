"""Data buffers and datasets: what a model call gets and fills."""

from collections.abc import Hashable

from aclsim.core.tensor_desc import TensorDesc


class DataBuffer:
    """Address and size of memory that somebody else owns (aclDataBuffer); `place` is both."""

    __slots__ = ("address", "handle", "place", "pointer", "size")

    def __init__(self, pointer: Hashable, address: int, size: int) -> None:
        self.handle: Hashable = None
        self.point(pointer, address, size)

    def point(self, pointer: Hashable, address: int, size: int) -> None:
        """Point it at memory."""
        self.pointer = pointer
        self.address = address
        self.size = size
        self.place = (address, size)


class Dataset:
    """Buffers in the order of a model's inputs or outputs (aclmdlDataset). It owns none of them, but its `descs`.

    `batch`, `hw` and `dims` are the gear that a Set function wrote into it (MD8.11); nothing where none did.
    """

    __slots__ = ("batch", "buffers", "descs", "dims", "handle", "hw")

    def __init__(self) -> None:
        self.buffers: list[DataBuffer] = []
        self.descs: dict[int, TensorDesc] = {}
        self.batch = 0
        self.hw = (0, 0)
        self.dims: tuple[int, ...] = ()
        self.handle: Hashable = None

    @property
    def has_gear(self) -> bool:
        """Whether a Set function wrote a gear into it."""
        return bool(self.batch or any(self.hw) or self.dims)

"""Tensor descriptions that programs make (aclTensorDesc)."""

from collections.abc import Hashable

UNDEFINED = -1


class TensorDesc:
    """Type, shape and layout of a tensor. `dims` is what getters answer; `storage_dims` is how it lies in memory.

    `owner` says what it belongs to, if not the program: only that destroys it (MD3.12). `array` are the descs of the
    array that begins with this one (MD3.28). `texts` keeps the C strings that were handed out, for the layer above.
    """

    def __init__(self, dtype: int, dims: tuple[int, ...], layout: int) -> None:
        self.dtype = dtype
        self.dims = dims
        self.format = layout
        self.storage_dims = dims
        self.storage_format = UNDEFINED
        self.name = b""
        self.ranges: list[tuple[int, int]] = []
        self.value_ranges: list[tuple[int, int]] = []
        self.const: bytes | None = None
        self.placement = 0
        self.dynamic_input = b""
        self.owner = ""
        self.array: list[TensorDesc] = []
        self.texts: dict[object, object] = {}
        self.handle: Hashable = None

    def take(self, other: "TensorDesc") -> None:
        """Become a copy of `other`, in place: the handle and who owns it stay (MD3.11)."""
        for field in (
            "dtype",
            "dims",
            "format",
            "storage_dims",
            "storage_format",
            "name",
            "const",
            "placement",
            "dynamic_input",
        ):
            setattr(self, field, getattr(other, field))
        self.ranges = list(other.ranges)
        self.value_ranges = list(other.value_ranges)

    @property
    def elements(self) -> int:
        """How many elements; 0 where a dim is not known, or the number does not fit (MD3.16)."""
        count = 1
        for dim in self.dims:
            if dim < 0:
                return 0
            count *= dim
        return count if count < 1 << 63 else 0

"""Memory as numpy arrays, and numpy arrays as memory."""

from collections.abc import Sequence
from typing import Any

from aclcffi.dtypes import dtype_of
from aclsim.models.description import Array, Tensor


def array_of(result: Any) -> Array:
    """The bytes and the shape of a numpy array."""
    import numpy as np

    flat: Any = np.ascontiguousarray(result).reshape(-1).view(np.uint8)
    return Array(memoryview(flat), np.shape(result))


def numpy_views(tensors: Sequence[Tensor], arrays: Sequence[Array]) -> dict[str, Any]:
    """Numpy arrays over the memory of dense arrays, by the tensors' names; they cannot be written.

    Raises:
        ValueError: A memory has other bytes than its shape.
    """
    import numpy as np

    return {
        tensor.name: np.frombuffer(array.view.toreadonly(), dtype_of(tensor.dtype)).reshape(array.dims)
        for tensor, array in zip(tensors, arrays, strict=True)
    }

"""How a program describes a model: its tensors and its gears."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any

from aclcffi.dtypes import data_type_of, dtype_of
from aclsim.models.description import BATCH, DIMS, HW, Dims, Tensor
from aclsim.models.dtypes import dense_bytes
from aclsim.models.refusal import Broken

_FORMAT_ND = 2
_MOST = (1 << 31) - 1  # gears are written as 32-bit numbers where the buffer has no room for more

Function = Callable[..., "Mapping[str, Any] | Sequence[Any] | Any"]
"""Takes the inputs as numpy arrays, by name; gives the outputs by name, in order, or the only one."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model: a name, a shape (-1 for a dim that varies) and a dtype.

    `max_shape` says how large the dims that vary can be, -1 where nothing bounds them: that is what the description
    tells as the range of the dims and as the size. `layout` is the number of an aclFormat.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any = "float32"
    layout: int = _FORMAT_ND
    max_shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class GearSpec:
    """The gears of a model: give one of the three.

    `batch` are batch sizes, `hw` pairs of height and width, `dims` the values of all dims that vary, in the order of
    the inputs. The dims that vary are those that are -1 in the inputs' shapes.
    """

    batch: Sequence[int] = ()
    hw: Sequence[tuple[int, int]] = ()
    dims: Sequence[Sequence[int]] = ()

    def values(self) -> tuple[str, tuple[Dims, ...]]:
        """The kind of the gears and what each is chosen by.

        Raises:
            ValueError: None or more than one kind was given, or the gears are not all of one length.
        """
        given = [
            (BATCH, tuple((index(value),) for value in self.batch)),
            (HW, tuple((index(height), index(width)) for height, width in self.hw)),
            (DIMS, tuple(tuple(map(index, gear)) for gear in self.dims)),
        ]
        chosen = [(kind, values) for kind, values in given if values]
        if len(chosen) != 1:
            raise ValueError("gears are batch sizes, pairs of height and width, or dims: give one of them")
        kind, values = chosen[0]
        if len(set(map(len, values))) != 1 or not all(1 <= number <= _MOST for gear in values for number in gear):
            raise ValueError(f"gears are positive numbers of 32 bits, as many in each: {values}")
        return kind, values


def tensor_of(spec: TensorSpec) -> Tensor:
    """The description of a tensor.

    Raises:
        Broken: ACL has no type for the dtype, or the shape is none.
    """
    import numpy as np

    try:
        data_type = data_type_of(np.dtype(spec.dtype))
        dims = tuple(map(index, spec.shape))
        bounds = () if spec.max_shape is None else tuple(map(index, spec.max_shape))
    except TypeError as error:
        raise Broken(f"{spec.name!r}: {error}") from None
    for what, numbers in (("shape", dims), ("max_shape", bounds)):
        if any(dim < -1 for dim in numbers):
            raise Broken(f"{spec.name!r} has the {what} {numbers}; a dim is -1 where it varies, never less")
    if bounds and (
        len(bounds) != len(dims) or any(dim not in (-1, most) for dim, most in zip(dims, bounds, strict=True))
    ):
        raise Broken(f"{spec.name!r} has the shape {dims}, which max_shape {bounds} does not bound")
    largest = bounds or dims
    if all(dim >= 0 for dim in dims):
        size = dense_bytes(spec.name, dims, data_type)
    else:
        size = math.prod(largest) * dtype_of(data_type).itemsize if all(dim > 0 for dim in largest) else 0
    return Tensor(spec.name, dims, data_type, spec.layout, size if size < 1 << 64 else 0, bounds)

"""What the machine knows of a model: its tensors, its sizes, and how to compute it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

Dims = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    `dtype` and `format` are the numbers of aclDataType and aclFormat. `dims` may hold -1, a dim that is known at
    execution only; `bounds` are the greatest values of the dims then, -1 where there is none, and empty where there is
    none at all. `size` is bytes: enough for every gear, of the greatest dims, and 0 where nobody knows it before.
    """

    name: str
    dims: Dims
    dtype: int
    format: int
    size: int
    bounds: Dims = ()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The least and the greatest value of each dim; -1: no limit."""
        bounds = self.bounds or self.dims
        return tuple((dim, dim) if dim >= 0 else (1, most) for dim, most in zip(self.dims, bounds, strict=True))

    @property
    def fixed(self) -> bool:
        """Whether all dims are known."""
        return all(dim >= 0 for dim in self.dims)


BATCH, HW, DIMS = "batch", "hw", "dims"


@dataclass(frozen=True)
class Gears:
    """The shapes that a model was built for (contract_mdl section 8).

    `values` are what a gear is chosen by: the batch, height and width, or the dims that vary, in the order of the
    inputs. `inputs` and `outputs` are the dims of all tensors in each gear.
    """

    kind: str
    values: tuple[Dims, ...]
    inputs: tuple[tuple[Dims, ...], ...]
    outputs: tuple[tuple[Dims, ...], ...]

    @property
    def width(self) -> int:
        """How many numbers choose a gear."""
        return len(self.values[0])

    @property
    def largest(self) -> int:
        """The gear with the most elements in its inputs."""
        return max(range(len(self.values)), key=lambda gear: sum(map(prod, self.inputs[gear])))


@dataclass(frozen=True)
class Array:
    """A dense array: its bytes in C order, and its dims."""

    view: memoryview
    dims: Dims


GEAR_INPUT = "ascend_mbatch_shape_data"
"""The name of the input that says which gear a model runs in (section 8)."""

_INT32, _ND = 3, 2  # aclDataType and aclFormat


class Executable(Protocol):
    """A model that can be computed.

    `work_size` and `weight_size` are what aclmdlQuerySize answers, in bytes. `duration_ns` is what an execution takes
    in virtual time, None: by the product's cost model. `failure` is the code with which every execution fails, 0: none.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    work_size: int
    weight_size: int
    gears: Gears | None
    duration_ns: int | None
    failure: int

    @property
    def dynamic(self) -> bool:
        """Whether it is a dynamic-shape model: dims that are not known, and no gears."""

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Compute with the fixed shapes of the description. Each view holds exactly its tensor's bytes, in C order.

        Raises:
            Fault: 507011 when the computation itself fails.
        """

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Compute with the shapes that come in.

        Raises:
            Fault: 507011 when the computation itself fails.
        """

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims for given dims of the inputs, without computing; -1 where only the data tells.

        Raises:
            Fault: 500002 when what the program gave to tell them fails.
        """


def described_inputs(executable: Executable) -> tuple[Tensor, ...]:
    """The inputs as a description shows them: with gears there is one more, which says which gear it is (MD8.06)."""
    gears = executable.gears
    if gears is None:
        return executable.inputs
    return (*executable.inputs, Tensor(GEAR_INPUT, (gears.width,), _INT32, _ND, 4 * gears.width))

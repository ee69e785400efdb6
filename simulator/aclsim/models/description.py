"""What the machine knows of a model: its tensors, its sizes, and how to compute it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple, Protocol

Dims = tuple[int, ...]

_WORK_STEP = 512


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


def work_size(tensors: Sequence[Tensor]) -> int:
    """Bytes of work memory of a model with these inputs and outputs, at least 1.

    A formula, so that it is the same everywhere: no engine's arena says what the device would need.
    """
    total = sum(tensor.size for tensor in tensors)
    return max(-(-total // _WORK_STEP), 1) * _WORK_STEP


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


class Array(NamedTuple):
    """A dense array: its bytes in C order, and its dims."""

    view: memoryview
    dims: Dims


GEAR_INPUT = "ascend_mbatch_shape_data"
"""The name of the input that says which gear a model runs in (section 8)."""

_INT32, _ND = 3, 2  # aclDataType and aclFormat


Computation = Callable[[], list[Array]]
"""Computes the outputs; raises a Fault with 507011 when the computation fails."""


class Executable(Protocol):
    """A model that can be computed.

    `name` is that of the graph, or that under which the program registered it. `work_size` and `weight_size` are what
    aclmdlQuerySize answers, in bytes. `dynamic` says that it is a dynamic-shape model: dims that are not known, and no
    gears. `duration_ns` is what an execution takes in virtual time, None: by the product's cost model. `failure` is the
    code with which every execution fails, 0: none.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    work_size: int
    weight_size: int
    gears: Gears | None
    dynamic: bool
    duration_ns: int | None
    failure: int

    def bind(self, inputs: Sequence[Array]) -> "Computation":
        """Prepare to compute with arrays of these shapes, in this memory.

        What is in the memory is read when the computation is called, which may be as often as one likes.

        Raises:
            Fault: 507011 when such arrays are nothing that the model takes.
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

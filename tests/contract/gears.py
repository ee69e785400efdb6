"""Models with gears of each kind, and the ways of executing them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from aclsim import GearSpec

from tests.contract.acl import Acl
from tests.contract.models import Array, Program
from tests.contract.varying import convolution, io_dims, linear, load_path, numbers, product, reference, register

UNTOUCHED = b"\xff"


class Kind(NamedTuple):
    """A kind of gears with a model: its gears, its inputs' dims as they are described, and how many numbers choose one."""

    name: str
    data: bytes
    gears: tuple[tuple[int, ...], ...]
    inputs: tuple[tuple[int, ...], ...]

    @property
    def width(self) -> int:
        """How many numbers choose a gear."""
        return len(self.gears[0])

    @property
    def largest(self) -> tuple[int, ...]:
        """The largest gear."""
        return self.gears[-1]

    def spec(self) -> GearSpec:
        """What the model is registered with."""
        if self.name == "batch":
            return GearSpec(batch=[gear[0] for gear in self.gears])
        if self.name == "hw":
            return GearSpec(hw=[(height, width) for height, width in self.gears])
        return GearSpec(dims=self.gears)

    def shapes(self, gear: Sequence[int]) -> list[tuple[int, ...]]:
        """The inputs' dims in a gear."""
        rest = iter(gear)
        return [tuple(next(rest) if dim < 0 else dim for dim in dims) for dims in self.inputs]

    def flat(self, gear: Sequence[int]) -> list[int]:
        """The dims of all inputs together in a gear."""
        return [dim for shape in self.shapes(gear) for dim in shape]

    def arrays(self, gear: Sequence[int]) -> list[Array]:
        """Some inputs for a gear."""
        return [numbers(*shape) for shape in self.shapes(gear)]

    def result(self, arrays: Sequence[Array]) -> Array:
        """What onnxruntime makes of inputs."""
        names = ["left", "right"] if self.name == "dims" else ["x"]
        return reference(self.data, **dict(zip(names, arrays, strict=True)))[0]

    def load(self, acl: Acl) -> int:
        """Register and load; returns the id."""
        return load_path(acl, register(acl, self.name, onnx=self.data, gears=self.spec()))

    def program(self, acl: Acl) -> Program:
        """Register and load, with buffers as large as they are described."""
        return Program(acl, b"", self.load(acl))

    def choose(self, acl: Acl, model_id: int, target: Any, index: int, gear: Sequence[int]) -> int:
        """The Set function of the kind."""
        if self.name == "batch":
            return acl.aclmdlSetDynamicBatchSize(model_id, target, index, *gear)
        if self.name == "hw":
            return acl.aclmdlSetDynamicHWSize(model_id, target, index, *gear)
        return acl.aclmdlSetInputDynamicDims(model_id, target, index, io_dims(acl, *self.flat(gear)))

    def set(self, program: Program, gear: Sequence[int]) -> int:
        """The Set function of the kind, on a program's dataset and gear input."""
        return self.choose(program.acl, program.id, program.inputs, len(program.input_buffers) - 1, gear)


BATCH = Kind("batch", linear(), ((1,), (4,), (32,)), ((-1, 3),))
HW = Kind("hw", convolution(), ((3, 4), (5, 9), (10, 12)), ((1, 1, -1, -1),))
DIMS = Kind("dims", product(), ((1, 2, 2, 3), (5, 4, 4, 2), (9, 7, 7, 8)), ((-1, -1), (-1, -1)))
KINDS = (BATCH, HW, DIMS)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])

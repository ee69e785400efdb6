"""The models that the state machines play with. Whoever has a backend says how its models come in.

A provider is a function that is given the backend, makes its models known to it where that must be, and returns them as
samples; `Target.models` and the option `--acl-models` name it as `package.module:function`. On a device that is a
function with the paths of a few .om files:

    def models(backend: aclcffi.Backend) -> list[Sample]:
        return [Sample(STATIC, b"/data/doubled.om", (("x", (20,)), ("y", (3, 2))), ("doubled_x", "doubled_y"))]

It may be called before aclInit. `ModelMachine` plays with the STATIC sample; `GearMachine` plays with a sample of each
kind that is there, of one kind at least.
"""

import importlib
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from aclcffi.backend import Backend
from aclcffi.errors import BackendError

Dims: TypeAlias = tuple[int, ...]

STATIC, BATCH, HW, DIMS, DYNAMIC = "static", "batch", "hw", "dims", "dynamic"
KINDS = (BATCH, HW, DIMS, DYNAMIC, STATIC)
FLOAT_BYTES = 4
GEAR_BYTES = 4
_FACTOR = np.float32(2)


@dataclass(frozen=True)
class Sample:
    """A model that doubles: it takes float32, and each output is the input of the same place times two.

    Args:
        kind: STATIC, or BATCH, HW or DIMS for a model with gears of that kind, or DYNAMIC for a dynamic-shape model.
        path: What aclmdlLoadFromFile takes.
        inputs: Names and shapes, with -1 for a dim that varies; the gear input is not among them.
        outputs: Names.
        gears: The gears, as the Set functions take them; of DIMS the dims that vary of all inputs together.
        bounds: Of a dynamic-shape model the greatest shapes of the inputs, -1 where nothing bounds a dim.
        content: What aclmdlLoadFromMem takes; empty where models are not to be loaded from memory.
    """

    kind: str
    path: bytes
    inputs: tuple[tuple[str, Dims], ...]
    outputs: tuple[str, ...]
    gears: tuple[Dims, ...] = ()
    bounds: tuple[Dims, ...] = ()
    content: bytes = b""

    @property
    def geared(self) -> bool:
        """Whether it has gears, and with them one more input."""
        return bool(self.gears)

    @property
    def dynamic(self) -> bool:
        """Whether it is a dynamic-shape model."""
        return self.kind == DYNAMIC

    @property
    def width(self) -> int:
        """How many numbers choose a gear."""
        return len(self.gears[0]) if self.gears else 0

    @property
    def input_count(self) -> int:
        """How many buffers the input dataset has (MD8.06)."""
        return len(self.inputs) + self.geared

    def shapes(self, gear: Dims | None = None) -> list[Dims]:
        """The inputs' shapes, in a gear if one is given (one batch, or height and width, stands for all inputs)."""
        rest = itertools.cycle(gear or (-1,))
        return [tuple(next(rest) if dim < 0 else dim for dim in dims) for _, dims in self.inputs]

    @property
    def largest(self) -> Dims:
        """The gear with the most data."""
        return max(self.gears, key=lambda gear: sum(map(math.prod, self.shapes(gear))))

    def described_shapes(self) -> list[Dims]:
        """The outputs' shapes as they are described: with gears those of the largest one (MD6.18)."""
        return self.shapes(self.largest) if self.geared else self.shapes()

    def sizes(self) -> list[int]:
        """The bytes that are described of each input, without the gear's, and each output (MD6.07)."""
        if self.geared:
            in_gears = [list(map(math.prod, self.shapes(gear))) for gear in self.gears]
            return [FLOAT_BYTES * max(counts) for counts in zip(*in_gears, strict=True)]
        bounds = self.bounds or [dims for _, dims in self.inputs]
        return [FLOAT_BYTES * math.prod(dims) if min(dims, default=1) > 0 else 0 for dims in bounds]

    def current_shapes(self, gear: Dims | None) -> list[Dims]:
        """The outputs' shapes after a Set call, and before any (MD6.18)."""
        return self.shapes(gear) if gear is not None else self.described_shapes()


def doubled(data: bytes) -> bytes:
    """What a sample makes of the bytes of an input."""
    return bytes((np.frombuffer(data, np.float32) * _FACTOR).tobytes())


def size_of(shape: Dims) -> int:
    """Bytes of a tensor."""
    return FLOAT_BYTES * math.prod(shape)


def floats(count: int, number: int) -> bytes:
    """A small whole number so many times, as float32; computing with it is exact."""
    return np.full(count, number, np.float32).tobytes()


Provider = Callable[[Backend], Sequence[Sample]]


def find_provider(name: str) -> Provider:
    """The function of an import path, `package.module:function`.

    Raises:
        BackendError: It cannot be imported, or is none.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise BackendError(f"models are named by the import path of a function, package.module:function, not {name!r}")
    try:
        provider: Provider = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BackendError(f"the models {name!r} cannot be imported: {error}") from error
    if not callable(provider):
        raise BackendError(f"{name!r} is no function that gives models")
    return provider

"""Models that a program describes and computes in Python, under a name that every loader takes as `sim://name`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any

from aclcffi.dtypes import data_type_of, dtype_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.description import BATCH, DIMS, HW, Array, Dims, Executable, Gears, Tensor
from aclsim.models.dtypes import dense_bytes
from aclsim.models.onnx_model import array_of
from aclsim.models.refusal import Broken

_FORMAT_ND = 2
_WORK_STEP = 512

Function = Callable[..., "Mapping[str, Any] | Sequence[Any] | Any"]
"""Takes the inputs as numpy arrays, by name; gives the outputs by name, in order, or the only one."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model: a name, a shape (-1 for a dim that varies) and a dtype.

    `max_shape` bounds a shape with dims that vary; `layout` is the number of an aclFormat.
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
            (BATCH, tuple((int(value),) for value in self.batch)),
            (HW, tuple((int(height), int(width)) for height, width in self.hw)),
            (DIMS, tuple(tuple(map(int, gear)) for gear in self.dims)),
        ]
        chosen = [(kind, values) for kind, values in given if values]
        if len(chosen) != 1:
            raise ValueError("gears are batch sizes, pairs of height and width, or dims: give one of them")
        kind, values = chosen[0]
        if len({len(gear) for gear in values}) != 1 or any(number < 1 for gear in values for number in gear):
            raise ValueError(f"gears are positive numbers, as many in each: {values}")
        return kind, values


@dataclass(frozen=True)
class Registered:
    """What a program registered under a name: an ONNX file or a function with its description, and how it behaves."""

    function: Function | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    onnx: bytes | Path | None = None
    gears: GearSpec | None = None
    duration_us: float | None = None
    failure: int = 0
    infer: Callable[[list[Dims]], list[Dims]] | None = field(default=None)


def tensor_of(spec: TensorSpec) -> Tensor:
    """The description of a tensor.

    Raises:
        Broken: ACL has no type for the dtype.
    """
    import numpy as np

    try:
        data_type = data_type_of(np.dtype(spec.dtype))
    except TypeError as error:
        raise Broken(f"{spec.name!r}: {error}") from None
    dims = tuple(int(dim) for dim in spec.shape)
    bound = spec.max_shape if spec.max_shape is not None else dims
    size = dense_bytes(spec.name, list(bound), data_type) if all(dim >= 0 for dim in bound) else 0
    return Tensor(spec.name, dims, data_type, spec.layout, size)


class PythonModel:
    """A model whose outputs a Python function computes."""

    gears: Gears | None = None

    def __init__(self, registered: Registered) -> None:
        assert registered.function is not None
        self._function = registered.function
        self._infer = registered.infer
        self.inputs = tuple(map(tensor_of, registered.inputs))
        self.outputs = tuple(map(tensor_of, registered.outputs))
        self.weight_size = 0
        total = sum(tensor.size for tensor in self.inputs + self.outputs)
        self.work_size = 0 if self.dynamic else max(-(-total // _WORK_STEP), 1) * _WORK_STEP
        self.duration_ns: int | None = None
        self.failure = 0

    @property
    def dynamic(self) -> bool:
        """Whether a dim is not known before the execution."""
        return not all(tensor.fixed for tensor in self.inputs + self.outputs)

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Compute with the shapes of the description."""
        arrays = [Array(view, tensor.dims) for view, tensor in zip(inputs, self.inputs, strict=True)]
        for tensor, view, result in zip(self.outputs, outputs, self.compute(arrays), strict=True):
            if result.view.nbytes != view.nbytes:
                raise Fault(
                    codes.ACL_ERROR_RT_MODEL_EXECUTE,
                    f"output {tensor.name!r} came out with shape {result.dims}, the model says {tensor.dims}",
                )
            view[:] = result.view

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Call the function.

        Raises:
            Fault: 507011 when it fails, or gives something else than the outputs.
        """
        import numpy as np

        try:
            arrays = {
                tensor.name: np.frombuffer(array.view, dtype_of(tensor.dtype)).reshape(array.dims)
                for tensor, array in zip(self.inputs, inputs, strict=True)
            }
            given = self._function(**arrays)
            results = self._in_order(given)
            dense = [
                np.asarray(result, dtype_of(tensor.dtype)) for tensor, result in zip(self.outputs, results, strict=True)
            ]
        except Exception as error:  # noqa: BLE001 - whatever the function raises
            said = f"{type(error).__name__}: {error}"
            raise Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, f"the model's function failed: {said}") from None
        return [array_of(result) for result in dense]

    def _in_order(self, given: Any) -> list[Any]:
        if isinstance(given, Mapping):
            return [given[tensor.name] for tensor in self.outputs]
        if isinstance(given, (list, tuple)):
            return list(given)
        return [given]

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where the program said how to tell them; else those of the description."""
        if self._infer is not None:
            return [tuple(dims) for dims in self._infer(list(inputs))]
        return [tensor.dims for tensor in self.outputs]


def fill_in(dims: Dims, values: list[int]) -> Dims:
    """Put values into the dims that are -1, taking them from the front of the list."""
    return tuple(values.pop(0) if dim < 0 else dim for dim in dims)


class Geared:
    """A model with gears, over one that takes any shape."""

    dynamic = False

    def __init__(self, model: Executable, spec: GearSpec) -> None:
        kind, values = spec.values()
        self._model = model
        shapes = []
        for gear in values:
            rest = list(gear)
            dims = []
            for tensor in model.inputs:
                # One batch and one pair of height and width stand for all inputs; dims are given for each.
                source = rest if kind == DIMS else list(gear)
                try:
                    dims.append(fill_in(tensor.dims, source))
                except IndexError:
                    raise Broken(f"gear {gear} has too few numbers for the dims of input {tensor.name!r}") from None
            if kind == DIMS and rest:
                raise Broken(f"gear {gear} has more numbers than there are dims that vary")
            shapes.append(tuple(dims))
        outputs = tuple(tuple(model.infer(dims)) for dims in shapes)
        if any(dim < 0 for gear in outputs for dims in gear for dim in dims):
            outputs = tuple(tuple(self._measure(dims)) for dims in shapes)
        gears = Gears(kind, values, tuple(shapes), outputs)
        self.gears: Gears | None = gears
        self.inputs = tuple(map(_sized, model.inputs, gears.inputs[gears.largest]))
        # Outputs are described as they are in the largest gear.
        self.outputs = tuple(map(_filled, model.outputs, gears.outputs[gears.largest]))
        self.weight_size = model.weight_size
        total = sum(tensor.size for tensor in self.inputs + self.outputs)
        self.work_size = max(-(-total // _WORK_STEP), 1) * _WORK_STEP
        self.duration_ns = model.duration_ns
        self.failure = model.failure

    def _measure(self, dims: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where only the data tells: of zeros, once for each gear."""
        arrays = [
            Array(memoryview(bytes(dense_bytes(tensor.name, list(shape), tensor.dtype))), shape)
            for tensor, shape in zip(self._model.inputs, dims, strict=True)
        ]
        try:
            return [result.dims for result in self._model.compute(arrays)]
        except Fault as fault:
            raise Broken(f"the outputs of the gear with the inputs {dims} cannot be told: {fault.message}") from None

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Never called: a gear says the shapes."""
        raise NotImplementedError  # pragma: no cover

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Compute with the shapes of a gear."""
        return self._model.compute(inputs)

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims of a gear."""
        assert self.gears is not None
        return list(self.gears.outputs[self.gears.inputs.index(tuple(inputs))])


def _sized(tensor: Tensor, dims: Dims) -> Tensor:
    """A tensor with the bytes of its largest gear; the dims that vary stay -1."""
    item = dense_bytes(tensor.name, [1], tensor.dtype)
    return Tensor(tensor.name, tensor.dims, tensor.dtype, tensor.format, prod(dims) * item)


def _filled(tensor: Tensor, dims: Dims) -> Tensor:
    """A tensor with the dims and the bytes of a gear."""
    return replace(_sized(tensor, dims), dims=dims)

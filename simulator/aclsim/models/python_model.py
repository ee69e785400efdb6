"""Models that a program describes and computes in Python, under a name that every loader takes as `sim://name`."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path
from typing import Any

from aclcffi.dtypes import data_type_of, dtype_of, name_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.description import BATCH, DIMS, HW, Array, Dims, Executable, Gears, Tensor
from aclsim.models.dtypes import dense_bytes
from aclsim.models.onnx_model import array_of
from aclsim.models.refusal import Broken

_FORMAT_ND = 2
_WORK_STEP = 512
_MOST = (1 << 31) - 1  # gears are written as 32-bit numbers where the buffer has no room for more
_KINDS = "biufc"  # numpy's kinds of dtypes, each holding what those before it hold

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
            (BATCH, tuple((int(value),) for value in self.batch)),
            (HW, tuple((int(height), int(width)) for height, width in self.hw)),
            (DIMS, tuple(tuple(map(int, gear)) for gear in self.dims)),
        ]
        chosen = [(kind, values) for kind, values in given if values]
        if len(chosen) != 1:
            raise ValueError("gears are batch sizes, pairs of height and width, or dims: give one of them")
        kind, values = chosen[0]
        if len(set(map(len, values))) != 1 or not all(1 <= number <= _MOST for gear in values for number in gear):
            raise ValueError(f"gears are positive numbers of 32 bits, as many in each: {values}")
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
    infer: Callable[[list[Dims]], list[Dims]] | None = None


def check(registered: Registered) -> None:
    """Check that a registration makes sense, as far as that can be told without the ONNX file.

    Raises:
        ValueError: It does not.
    """
    if (registered.function is None) == (registered.onnx is None):
        raise ValueError("a model has either a function or an ONNX file to compute with")
    if registered.duration_us is not None and not 0 <= registered.duration_us < math.inf:
        raise ValueError(f"duration_us is {registered.duration_us}; it is a number of microseconds")
    if not 0 <= registered.failure <= _MOST:
        raise ValueError(f"failure is {registered.failure}; it is an aclError, 0 for none")
    gears = registered.gears.values() if registered.gears is not None else None
    if registered.onnx is not None:
        if registered.inputs or registered.outputs or registered.infer:
            raise ValueError("an ONNX file brings its own inputs and outputs")
        if isinstance(registered.onnx, Path) and not registered.onnx.is_file():
            raise ValueError(f"there is no file {registered.onnx}")
        return
    if not registered.outputs:
        raise ValueError("a model with a function has outputs")
    for side in (registered.inputs, registered.outputs):
        names = [spec.name for spec in side]
        if len(set(names)) != len(names) or not all(names):
            raise ValueError(f"each input and each output has a name of its own: {names}")
    model = PythonModel(registered)
    if gears is not None:
        shapes_of(*gears, model)


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
    if any(dim < -1 for dim in dims + bounds):
        raise Broken(f"{spec.name!r} has the shape {dims}; a dim is -1 where it varies, never less")
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
        self.work_size = 0 if self.dynamic else _work(self.inputs + self.outputs)
        self.duration_ns: int | None = None
        self.failure = 0

    @property
    def dynamic(self) -> bool:
        """Whether a dim is not known before the execution."""
        return not all(tensor.fixed for tensor in self.inputs + self.outputs)

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Compute with the shapes of the description."""
        arrays = [Array(view, tensor.dims) for view, tensor in zip(inputs, self.inputs, strict=True)]
        for view, result in zip(outputs, self.compute(arrays), strict=True):
            view[:] = result.view

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Call the function.

        Raises:
            Fault: 507011 when it fails, or gives something else than the outputs.
        """
        import numpy as np

        try:
            arrays = {
                tensor.name: np.frombuffer(array.view.toreadonly(), dtype_of(tensor.dtype)).reshape(array.dims)
                for tensor, array in zip(self.inputs, inputs, strict=True)
            }
            given = self._function(**arrays)
        except Exception as error:  # noqa: BLE001 - whatever the function raises
            raise _wrong(f"the model's function failed: {_words(error)}") from None
        return [array_of(_dense(*each)) for each in zip(self.outputs, self._in_order(given), strict=True)]

    def _in_order(self, given: Any) -> list[Any]:
        names = [tensor.name for tensor in self.outputs]
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise _wrong(f"the model's function gave the outputs {list(given)}, the model has {names}")
            return [given[name] for name in names]
        results = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(results) != len(names):
            raise _wrong(f"the model's function gave {len(results)} outputs, the model has {len(names)}")
        return results

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where the program said how to tell them; else those of the description."""
        if self._infer is None:
            return [tensor.dims for tensor in self.outputs]
        try:
            found = [tuple(map(index, dims)) for dims in self._infer(list(inputs))]
        except Exception as error:  # noqa: BLE001 - whatever the function raises
            said = f"the model's infer function failed: {_words(error)}"
            raise Fault(codes.ACL_ERROR_GE_FAILURE, said) from None
        if list(map(len, found)) != [len(tensor.dims) for tensor in self.outputs]:
            told = [tensor.dims for tensor in self.outputs]
            raise Fault(
                codes.ACL_ERROR_GE_FAILURE, f"the model's infer function gave the shapes {found}, the model has {told}"
            )
        return found


def _words(error: Exception) -> str:
    """Kind and words of what the program's code raised, whose words may raise themselves."""
    kind = type(error).__name__
    try:
        return f"{kind}: {error}"
    except Exception:  # noqa: BLE001 - whatever the words raise
        return f"{kind}, whose words cannot be had"


def _wrong(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, message)


def _dense(tensor: Tensor, result: Any) -> Any:
    """A result as an array of the tensor's dtype: arrays must have it, lists and numbers must fit into it.

    Raises:
        Fault: 507011 for another dtype or shape.
    """
    import numpy as np

    dtype = dtype_of(tensor.dtype)
    try:
        array = np.asarray(result)
        fits = array.dtype == dtype or (not hasattr(result, "dtype") and _holds(dtype.kind, array.dtype.kind))
        array = np.asarray(result, dtype) if fits else array
    except Exception as error:  # noqa: BLE001 - what makes an array of itself may raise what it likes
        raise _wrong(f"output {tensor.name!r} is no array of {name_of(tensor.dtype)}: {_words(error)}") from None
    if not fits:
        raise _wrong(f"output {tensor.name!r} came out with dtype {array.dtype}, the model says {dtype}")
    limits = tensor.ranges
    if len(limits) != array.ndim or any(
        dim != least if least == most else 0 <= most < dim
        for dim, (least, most) in zip(array.shape, limits, strict=True)
    ):
        said = tensor.bounds or tensor.dims
        raise _wrong(f"output {tensor.name!r} came out with shape {array.shape}, the model says {said}")
    return array


def _holds(kind: str, given: str) -> bool:
    """Whether a dtype of a kind takes Python numbers of another; ml_dtypes' are floats of a kind of their own."""
    return given in _KINDS and _KINDS.find(given.replace("u", "i")) <= _KINDS.find(kind.replace("V", "f"))


def _work(tensors: tuple[Tensor, ...]) -> int:
    total = sum(tensor.size for tensor in tensors)
    return max(-(-total // _WORK_STEP), 1) * _WORK_STEP


def shapes_of(kind: str, values: tuple[Dims, ...], model: Executable) -> tuple[tuple[Dims, ...], ...]:
    """The dims of a model's inputs in each gear.

    Raises:
        Broken: The gears have other numbers of values than there are dims that vary.
    """
    vary = [tensor.dims.count(-1) for tensor in model.inputs]
    if not any(vary):
        raise Broken("a model with gears has inputs with dims that vary; this one has none")
    width = len(values[0])
    # One batch and one pair of height and width stand for all inputs; dims are given for each.
    fits = sum(vary) == width if kind == DIMS else all(count in (0, width) for count in vary)
    if not fits:
        raise Broken(f"each gear is {width} of {kind}, and in the inputs {vary} dims vary")
    shapes = []
    for gear in values:
        numbers = itertools.cycle(gear)
        shapes.append(tuple(tuple(next(numbers) if dim < 0 else dim for dim in t.dims) for t in model.inputs))
    return tuple(shapes)


class Geared:
    """A model with gears, over one that takes any shape."""

    dynamic = False

    def __init__(self, model: Executable, spec: GearSpec) -> None:
        kind, values = spec.values()
        self._model = model
        shapes = shapes_of(kind, values, model)
        try:
            outputs = tuple(tuple(model.infer(dims)) for dims in shapes)
        except Fault as fault:
            raise Broken(fault.message) from None
        if any(dim < 0 for gear in outputs for dims in gear for dim in dims):
            outputs = tuple(tuple(self._measure(dims)) for dims in shapes)
        gears = Gears(kind, values, shapes, outputs)
        self.gears: Gears | None = gears
        self.inputs = tuple(map(_sized, model.inputs, zip(*gears.inputs, strict=True)))
        # Outputs are described as they are in the largest gear.
        sized = map(_sized, model.outputs, zip(*gears.outputs, strict=True))
        self.outputs = tuple(
            replace(tensor, dims=dims) for tensor, dims in zip(sized, gears.outputs[gears.largest], strict=True)
        )
        self.weight_size = model.weight_size
        self.work_size = _work(self.inputs + self.outputs)
        self.duration_ns = model.duration_ns
        self.failure = model.failure

    def _measure(self, dims: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where only the data tells: of zeros, once for each gear."""
        arrays = [
            Array(memoryview(bytes(dense_bytes(tensor.name, shape, tensor.dtype))), shape)
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
        """Compute with the shapes of a gear.

        Raises:
            Fault: 507011 when it fails, or gives shapes that are not the gear's.
        """
        results = self._model.compute(inputs)
        told = self.infer([array.dims for array in inputs])
        for tensor, result, dims in zip(self.outputs, results, told, strict=True):
            if result.dims != dims:
                raise _wrong(f"output {tensor.name!r} came out with shape {result.dims}, in this gear it has {dims}")
        return results

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims of a gear."""
        assert self.gears is not None
        return list(self.gears.outputs[self.gears.inputs.index(tuple(inputs))])


def _sized(tensor: Tensor, gears: tuple[Dims, ...]) -> Tensor:
    """A tensor with bytes that are enough in every gear; the dims that vary stay -1."""
    return replace(tensor, size=max(dense_bytes(tensor.name, dims, tensor.dtype) for dims in gears), bounds=())

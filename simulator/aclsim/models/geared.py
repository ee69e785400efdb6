"""Models with gears, made of models that take any shape."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.description import DIMS, Array, Computation, Dims, Executable, Gears, Tensor, work_size
from aclsim.models.dtypes import dense_bytes
from aclsim.models.refusal import Broken
from aclsim.models.specs import GearSpec


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
        self.name = model.name
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
        self.work_size = work_size(self.inputs + self.outputs)
        self.duration_ns = model.duration_ns
        self.failure = model.failure

    def _measure(self, dims: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where only the data tells: of zeros, once for each gear."""
        arrays = [
            Array(memoryview(bytes(dense_bytes(tensor.name, shape, tensor.dtype))), shape)
            for tensor, shape in zip(self._model.inputs, dims, strict=True)
        ]
        try:
            return [result.dims for result in self._model.bind(arrays)()]
        except Fault as fault:
            raise Broken(f"the outputs of the gear with the inputs {dims} cannot be told: {fault.message}") from None

    def bind(self, inputs: Sequence[Array]) -> Computation:
        """Prepare to compute with arrays of a gear's shapes, in this memory.

        The computation raises a Fault with 507011 when it fails, or gives shapes that are not the gear's.
        """
        computation = self._model.bind(inputs)
        told = self.infer([array.dims for array in inputs])

        def checked() -> list[Array]:
            results = computation()
            for tensor, result, dims in zip(self.outputs, results, told, strict=True):
                if result.dims != dims:
                    raise Fault(
                        codes.ACL_ERROR_RT_MODEL_EXECUTE,
                        f"output {tensor.name!r} came out with shape {result.dims}, in this gear it has {dims}",
                    )
            return results

        return checked

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims of a gear."""
        assert self.gears is not None
        return list(self.gears.outputs[self.gears.inputs.index(tuple(inputs))])


def _sized(tensor: Tensor, gears: tuple[Dims, ...]) -> Tensor:
    """A tensor with bytes that are enough in every gear; the dims that vary stay -1."""
    return replace(tensor, size=max(dense_bytes(tensor.name, dims, tensor.dtype) for dims in gears), bounds=())

"""Executions whose shapes are not in the description: of dynamic-shape models, and of models with gears."""

from math import prod

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.loaded import Execution, LoadedModel, Operand
from aclsim.core.memory import Span
from aclsim.core.stream import Stream
from aclsim.models.description import Array, Dims, Gears


class ShapedExecution(Execution):
    """One queued run with given input shapes. `results` are the outputs, with their shapes, when it has run.

    An output without an operand has no buffer yet: a synchronous call allocates it from `results` (MD7.19).
    """

    __slots__ = ("dims", "places", "results")

    def __init__(
        self,
        stream: Stream,
        duration: int,
        model: LoadedModel,
        inputs: list[Operand],
        outputs: "list[Operand | None]",
        dims: list[Dims],
    ) -> None:
        super().__init__(stream, duration, model, inputs, [operand for operand in outputs if operand is not None])
        self.places = outputs
        self.dims = dims
        self.results: list[Array] = []

    def compute(self) -> None:
        """Compute, and write each output that has a buffer.

        Raises:
            Fault: 507011 when the computation fails or an output does not fit its buffer, 507053 for lost memory.
        """
        inputs = [
            Array(operand.resolve().read(), dims) for operand, dims in zip(self.inputs, self.shapes(), strict=True)
        ]
        self.results = self.model.executable.compute(inputs)
        tensors = self.model.executable.outputs
        for tensor, operand, result in zip(tensors, self.places, self.results, strict=True):
            if operand is None:
                continue
            size = result.view.nbytes
            if size > operand.size:
                raise Fault(
                    codes.ACL_ERROR_RT_MODEL_EXECUTE,
                    f"output {tensor.name!r} came out with shape {result.dims}: {size} bytes, its buffer has "
                    f"{operand.size}",
                )
            operand.resolve().write()[:size] = result.view

    def shapes(self) -> list[Dims]:
        """The inputs' dims."""
        return self.dims


class GearExecution(ShapedExecution):
    """One queued run of a model with gears: the bytes of the gear buffer say which one, when it runs (MD8.05)."""

    __slots__ = ("chooser", "gears")

    def __init__(
        self,
        stream: Stream,
        duration: int,
        model: LoadedModel,
        inputs: list[Operand],
        outputs: "list[Operand | None]",
        chooser: Operand,
        gears: Gears,
    ) -> None:
        super().__init__(stream, duration, model, inputs, outputs, [])
        self.chooser = chooser
        self.gears = gears

    def shapes(self) -> list[Dims]:
        """The inputs' dims in the gear that the buffer names.

        Raises:
            Fault: 507011 when it names none: nobody called one of the Set functions (a choice; a device computes with
                whatever is there).
        """
        numbers = read_gear(self.chooser.resolve(), self.gears)
        if numbers not in self.gears.values:
            known = ", ".join(map(str, self.gears.values))
            raise Fault(
                codes.ACL_ERROR_RT_MODEL_EXECUTE,
                f"the gear buffer holds {numbers}, which is no gear of the model ({known}): set one before",
            )
        dims = list(self.gears.inputs[self.gears.values.index(numbers)])
        sizes = [prod(shape) for shape in dims]
        # The operands were taken for the largest gear; this one reads less.
        for index, (operand, count) in enumerate(zip(self.inputs, sizes, strict=True)):
            tensor = self.model.executable.inputs[index]
            largest = prod(self.gears.inputs[self.gears.largest][index]) or 1
            need = count * (tensor.size // largest)
            if need > operand.size:
                raise Fault(
                    codes.ACL_ERROR_RT_MODEL_EXECUTE,
                    f"{operand.label} has a buffer of {operand.size} bytes, gear {numbers} needs {need}",
                )
            operand.shrink(need)
        return dims


def gear_width(size: int, count: int) -> int:
    """Bytes of each number in a gear buffer of `size` bytes: 8 where they fit, else 4 (MD8.07)."""
    return 8 if size >= 8 * count else 4


def read_gear(span: Span, gears: Gears) -> Dims:
    """The numbers in a gear buffer."""
    width = gear_width(span.size, gears.width)
    data = bytes(span.read()[: width * gears.width])
    return tuple(int.from_bytes(data[start : start + width], "little") for start in range(0, len(data), width))

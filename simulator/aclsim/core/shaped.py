"""Executions whose shapes are not in the description: of dynamic-shape models, and of models with gears."""

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.loaded import Execution, LoadedModel
from aclsim.core.memory import Span
from aclsim.core.operands import Operand, Places
from aclsim.core.stream import Stream
from aclsim.core.task import Range
from aclsim.models.description import Array, Dims, Gears
from aclsim.models.dtypes import dense_bytes


class ShapedExecution(Execution):
    """One queued run with given input shapes. `results` are the outputs, with their shapes, when it has run.

    An output without an operand has no buffer yet: a synchronous call allocates it from `results` (MD7.19).
    """

    __slots__ = ("dims", "results", "targets")

    def __init__(
        self,
        stream: Stream,
        duration: int,
        model: LoadedModel,
        inputs: list[Operand],
        outputs: "list[Operand | None]",
        dims: list[Dims],
    ) -> None:
        found = [operand for operand in outputs if operand is not None]
        super().__init__(stream, duration, model, Places(inputs, found))
        self.targets = outputs
        self.dims = dims
        self.results: list[Array] = []

    def compute(self) -> None:
        """Compute, and write each output that has a buffer, or none of them.

        Raises:
            Fault: 507011 when the computation fails or an output does not fit its buffer, 507053 for lost memory.
        """
        inputs = [
            Array(operand.resolve().read(), dims)
            for operand, dims in zip(self.places.inputs, self.shapes(), strict=True)
        ]
        self.results = self.model.executable.bind(inputs)()
        found = [
            (self.room(operand, result), result.view)
            for operand, result in zip(self.targets, self.results, strict=True)
            if operand is not None
        ]
        for room, view in found:
            room.write()[:] = view

    def room(self, operand: Operand, result: Array) -> Span:
        """Where an output goes.

        Raises:
            Fault: 507011 when it does not fit its buffer, 507053 for lost memory.
        """
        size = result.view.nbytes
        if size > operand.size:
            raise Fault(
                codes.ACL_ERROR_RT_MODEL_EXECUTE,
                f"{operand.label} came out with shape {result.dims}: {size} bytes, its buffer has {operand.size}",
            )
        operand.cut(size)
        return operand.resolve()

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

    @property
    def reads(self) -> tuple[Range, ...]:
        """The inputs' addresses, and those of the gear buffer."""
        return (*super().reads, *self.chooser.ranges)

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
        # The operands were taken for every gear; this one reads what it needs, as static models do (MD7.10).
        for operand, tensor, shape in zip(self.places.inputs, self.model.executable.inputs, dims, strict=True):
            operand.cut(dense_bytes(tensor.name, shape, tensor.dtype))
        return dims

    def room(self, operand: Operand, result: Array) -> Span:
        """Where an output goes: how large its buffer is was checked, or was not to be checked, by the call.

        Raises:
            Fault: 507053 for lost memory.
        """
        operand.cut(result.view.nbytes)
        return operand.resolve()


def gear_width(size: int, count: int) -> int:
    """Bytes of each number in a gear buffer of `size` bytes: 8 where they fit, else 4 (MD8.07)."""
    return 8 if size >= 8 * count else 4


def read_gear(span: Span, gears: Gears) -> Dims:
    """The numbers in a gear buffer, none where it is too short for them."""
    width = gear_width(span.size, gears.width)
    if span.size < width * gears.width:
        return ()
    data = bytes(span.read()[: width * gears.width])
    return tuple(int.from_bytes(data[start : start + width], "little") for start in range(0, len(data), width))

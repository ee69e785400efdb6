"""Where the bytes of an execution's inputs and outputs are."""

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Memory, Span
from aclsim.core.task import Range
from aclsim.models.description import Array, Computation, Executable


class Operand:
    """One input or output of a queued execution: where its bytes are, found when the call was made.

    A wrong address is no error of the call: as on the device, the execution fails.
    """

    __slots__ = ("address", "label", "problem", "size", "span")

    def __init__(self, memory: Memory, label: str, address: int, size: int) -> None:
        self.label = label
        self.address = address
        self.size = size
        self.span: Span | None = None
        self.problem = ""
        try:
            span = memory.span(address, size)
        except Fault as fault:
            self.problem = fault.message
            return
        if span.allocation is None or span.allocation.on_host:
            self.problem = f"0x{address:x} is host memory; models read and write device memory"
        else:
            self.span = span

    def cut(self, size: int) -> None:
        """Take `size` bytes instead of what the call said, as far as the allocation goes."""
        self.size = size
        span = self.span
        if span is None or span.allocation is None:
            return
        if span.offset + size > span.allocation.extent:
            self.span = None
            self.problem = f"{size} bytes at 0x{self.address:x} run over the end of {span.allocation!r}"
            return
        self.span = Span(span.allocation, span.address, span.offset, size)

    @property
    def live(self) -> bool:
        """Whether the bytes are there, and not freed."""
        span = self.span
        return span is not None and span.allocation is not None and not span.allocation.freed

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The addresses it covers; none where the address is wrong."""
        return ((self.address, self.size),) if self.span else ()

    def resolve(self) -> Span:
        """The bytes, at execution.

        Raises:
            Fault: 507053 when the address is wrong or its memory was freed meanwhile.
        """
        span = self.span
        if span is None:
            raise Fault(codes.ACL_ERROR_RT_DEVICE_MEM_ERROR, f"{self.label}: {self.problem}")
        if span.allocation is not None and span.allocation.freed:
            raise Fault(
                codes.ACL_ERROR_RT_DEVICE_MEM_ERROR,
                f"{self.label}: {span.allocation!r} was freed before the execution ran",
            )
        return span


class Places:
    """The inputs and outputs of a model with fixed shapes, found once for all executions with the same buffers.

    `fit` says that the number of the buffers and their sizes were found right; IPV350's manner asks for less (MD7.10).
    """

    __slots__ = ("_computation", "_targets", "fit", "inputs", "outputs")

    def __init__(self, inputs: list[Operand], outputs: list[Operand]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.fit = False
        self._computation: Computation | None = None
        self._targets: list[memoryview] = []

    @property
    def usable(self) -> bool:
        """Whether all of it is there, still."""
        return all(operand.live for operand in self.inputs) and all(operand.live for operand in self.outputs)

    def compute(self, executable: Executable) -> None:
        """Compute the outputs from the inputs, all of them or none.

        Raises:
            Fault: 507011 when the computation fails, 507053 for memory that is not there.
        """
        sources = [operand.resolve() for operand in self.inputs]
        targets = [operand.resolve() for operand in self.outputs]
        computation = self._computation
        if computation is None:
            dims = [tensor.dims for tensor in executable.inputs]
            computation = executable.bind(
                [Array(span.read(), shape) for span, shape in zip(sources, dims, strict=True)]
            )
            self._targets = [span.write() for span in targets]
            self._computation = computation
        results = computation()
        for tensor, result in zip(executable.outputs, results, strict=True):
            if result.dims != tensor.dims:
                raise Fault(
                    codes.ACL_ERROR_RT_MODEL_EXECUTE,
                    f"output {tensor.name!r} came out with shape {result.dims}, the model says {tensor.dims}",
                )
        for target, result in zip(self._targets, results, strict=True):
            target[:] = result.view

"""Loaded models and their execution."""

from aclsim.core import codes
from aclsim.core.context import Context
from aclsim.core.fault import Fault
from aclsim.core.memory import Allocation, Memory, Span
from aclsim.core.stream import Stream
from aclsim.core.task import Range, Task
from aclsim.models.description import Executable
from aclsim.products import CostModel

SYNCHRONOUS, ASYNCHRONOUS = "synchronously", "asynchronously"


class LoadedModel:
    """A model under an id.

    `mode` is the manner of its first execution, which sticks (MD7.07). `memory` is the device memory that it owns,
    `borrowed` what the caller gave for work and weights. `gear` is what a Set function chose last (MD8.11).
    """

    def __init__(self, number: int, executable: Executable, context: Context) -> None:
        self.number = number
        self.executable = executable
        self.context = context
        self.mode: str | None = None
        self.loaded = True
        self.priority = 0
        self.memory: tuple[Allocation, ...] = ()
        self.borrowed: tuple[Allocation, ...] = ()
        self.gear: int | None = None
        self._traffic = executable.weight_size + sum(part.size for part in executable.inputs + executable.outputs)

    def duration(self, cost: CostModel) -> int:
        """What an execution takes, in virtual nanoseconds: a launch, and reading and writing everything once."""
        if self.executable.duration_ns is not None:
            return self.executable.duration_ns
        return cost.launch_ns + self._traffic * 1000 // cost.compute_bytes_per_us


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


class Execution(Task):
    """One queued run of a model. Its operands were taken from the datasets when it was submitted."""

    __slots__ = ("inputs", "model", "outputs", "scratch")

    def __init__(
        self,
        stream: Stream,
        duration: int,
        model: LoadedModel,
        inputs: list[Operand],
        outputs: list[Operand],
        scratch: Operand | None = None,
    ) -> None:
        super().__init__(stream, duration)
        self.scratch = scratch
        self.model = model
        self.inputs = inputs
        self.outputs = outputs

    name = "execution of a model"

    @property
    def reads(self) -> tuple[Range, ...]:
        """The inputs' addresses."""
        return tuple(part for operand in self.inputs for part in operand.ranges)

    @property
    def writes(self) -> tuple[Range, ...]:
        """The addresses of the outputs and of the work memory."""
        scratch = (self.scratch,) if self.scratch else ()
        return tuple(part for operand in (*self.outputs, *scratch) for part in operand.ranges)

    def run(self) -> None:
        """Compute the outputs.

        Raises:
            Fault: 507011 when the model was unloaded or cannot compute, 507053 for memory that is not there.
        """
        if not self.model.loaded:
            raise Fault(
                codes.ACL_ERROR_RT_MODEL_EXECUTE, f"model {self.model.number} was unloaded before its execution ran"
            )
        for allocation in self.model.borrowed:
            if allocation.freed:
                raise Fault(
                    codes.ACL_ERROR_RT_DEVICE_MEM_ERROR,
                    f"{allocation!r}, given to model {self.model.number} at load, is gone before it ran",
                )
        if self.scratch is not None:
            self.scratch.resolve()
        failure = self.model.executable.failure
        if failure:
            raise Fault(failure, f"model {self.model.number} was registered to fail with this code")
        self.compute()

    def compute(self) -> None:
        """Compute with the shapes of the description.

        Raises:
            Fault: 507011 when the computation fails, 507053 for memory that is not there.
        """
        inputs = [operand.resolve().read() for operand in self.inputs]
        outputs = [operand.resolve().write() for operand in self.outputs]
        self.model.executable.run(inputs, outputs)

    def describe(self) -> str:
        """Name the model."""
        return f"execution of model {self.model.number}"

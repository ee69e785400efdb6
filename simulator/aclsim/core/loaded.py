"""Loaded models and their execution."""

from aclsim.core import codes
from aclsim.core.context import Context
from aclsim.core.fault import Fault
from aclsim.core.memory import Allocation
from aclsim.core.operands import Operand, Places
from aclsim.core.stream import Stream
from aclsim.core.task import Range, Task
from aclsim.models.description import Executable, described_inputs
from aclsim.products import CostModel

_REMEMBERED = 8  # sets of buffers that programs take turns with; what is remembered keeps its memory

SYNCHRONOUS, ASYNCHRONOUS = "synchronously", "asynchronously"


class LoadedModel:
    """A model under an id.

    `mode` is the manner of its first execution, which sticks (MD7.07). `memory` is the device memory that it owns,
    `borrowed` what the caller gave for work and weights. `gear` is what a Set function chose last (MD8.11), `stream`
    the one that aclmdlExecuteV2 executed it on last.
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
        self.stream: Stream | None = None
        self.described_inputs = described_inputs(executable)
        self._places: dict[tuple[object, ...], Places] = {}
        self._traffic = executable.weight_size + sum(part.size for part in executable.inputs + executable.outputs)

    def places(self, key: tuple[object, ...]) -> Places | None:
        """The places that `remember` was given under this key, if they are still there."""
        places = self._places.get(key)
        return places if places is not None and places.usable else None

    def remember(self, key: tuple[object, ...], places: Places) -> None:
        """Keep places for the next execution with the same buffers."""
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        for operand in (*places.inputs, *places.outputs):
            if operand.span is not None and operand.span.allocation is not None:
                operand.span.allocation.held = True
        self._places[key] = places

    def forget_freed(self) -> None:
        """Let go of memory that was freed."""
        self._places = {key: places for key, places in self._places.items() if places.usable}

    def duration(self, cost: CostModel) -> int:
        """What an execution takes, in virtual nanoseconds: a launch, and reading and writing everything once."""
        if self.executable.duration_ns is not None:
            return self.executable.duration_ns
        return cost.launch_ns + self._traffic * 1000 // cost.compute_bytes_per_us


class Execution(Task):
    """One queued run of a model. What the datasets named was found when it was submitted."""

    __slots__ = ("model", "places", "scratch")

    def __init__(
        self, stream: Stream, duration: int, model: LoadedModel, places: Places, scratch: Operand | None = None
    ) -> None:
        super().__init__(stream, duration)
        self.model = model
        self.places = places
        self.scratch = scratch

    name = "execution of a model"

    @property
    def reads(self) -> tuple[Range, ...]:
        """The inputs' addresses."""
        return tuple(part for operand in self.places.inputs for part in operand.ranges)

    @property
    def writes(self) -> tuple[Range, ...]:
        """The addresses of the outputs and of the work memory."""
        scratch = (self.scratch,) if self.scratch else ()
        return tuple(part for operand in (*self.places.outputs, *scratch) for part in operand.ranges)

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
        self.places.compute(self.model.executable)

    def describe(self) -> str:
        """Name the model."""
        return f"execution of model {self.model.number}"

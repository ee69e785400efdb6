"""The device memory of executions: one set of input and output buffers for each that is under way."""

import threading
from typing import TYPE_CHECKING, Any

from aclcffi.dataset import Dataset
from aclcffi.dynamic import ShapedBuffers
from aclcffi.errors import UnsupportedError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.gears import NUMBER_BYTES, CurrentGear
from aclcffi.memory import DeviceBuffer
from aclcffi.resource import Owner, run_all
from aclcffi.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.checks import Request, Targets
    from aclcffi.description import ModelDescription, TensorInfo
    from aclcffi.session import Session


class ExecutionBuffers:
    """Device buffers and datasets for one execution at a time of one model; they are parts of `owner`."""

    def __init__(
        self,
        session: "Session",
        description: "ModelDescription",
        work: ExecOptions | None,
        owner: Owner,
        gear: CurrentGear | None = None,
    ) -> None:
        self._session = session
        self._description = description
        self._owner = owner
        self._gear = gear
        self._parts: list[DeviceBuffer | Dataset | ExecConfig] = []
        self._shapes: list[tuple[int, ...]] = [tensor.shape for tensor in description.outputs]
        try:
            gears = description.gears
            sizes = [max(tensor.size, 1) for tensor in description.inputs]
            if gears is not None:
                sizes.insert(gears.position, NUMBER_BYTES * len(gears.values[0]))
            self.inputs = self._dataset(sizes)
            self.outputs = self._dataset([max(tensor.size, 1) for tensor in description.outputs])
            self._fed = list(self.inputs.buffers)
            if gears is not None:
                del self._fed[gears.position]
            self.config: ExecConfig | None = None
            if work is not None:
                self.config = ExecConfig(session, work, part_of=owner)
                self._parts.append(self.config)
        except BaseException:
            self.close()
            raise

    def _dataset(self, sizes: list[int]) -> Dataset:
        buffers = []
        for size in sizes:
            # An empty tensor gets one byte, as the documentation of ACL asks for.
            buffers.append(DeviceBuffer(self._session, size, part_of=self._owner))
            self._parts.append(buffers[-1])
        dataset = Dataset(self._session, buffers, part_of=self._owner)
        self._parts.append(dataset)
        return dataset

    def write(self, request: "Request", model_id: int) -> None:
        """Copy the inputs to the device, and choose the gear that they fit; complete when this returns.

        Raises:
            InvalidArgumentError: An array for an output has not the shape of that gear.
        """
        for buffer, array in zip(self._fed, request.arrays, strict=True):
            buffer._take(array)
        if self._gear is not None:
            shapes = [array.shape for array in request.arrays]
            self._shapes = self._gear.choose(model_id, self.inputs.handle, request.gear, shapes)
            request.targets.check(self._shapes)

    def read(self, targets: "Targets") -> "dict[str, np.ndarray[Any, Any]]":
        """Copy the outputs from the device."""
        outputs = targets.take(self._shapes)
        for tensor, buffer in zip(self._description.outputs, self.outputs.buffers, strict=True):
            buffer._give(outputs[tensor.name])
        return outputs

    def settle(self) -> None:
        """There is nothing to give back between executions."""

    def close(self) -> None:
        """Give everything back."""
        run_all([part.close for part in reversed(self._parts)])


Buffers = ExecutionBuffers | ShapedBuffers

Running = dict[Timeline, int]
"""The streams that a model was queued on, each with the ticket of the last execution."""


class BufferPool:
    """The execution buffers of one model: those in use come back when nobody needs them any more."""

    def __init__(
        self,
        session: "Session",
        description: "ModelDescription",
        work: ExecOptions | None,
        owner: Owner,
        running: Running,
    ) -> None:
        self._session = session
        self._description = description
        self._dynamic = description.dynamic
        self._work = work
        self._owner = owner
        self._running = running
        gears = description.gears
        self._gear = CurrentGear(session, gears, len(description.outputs)) if gears is not None else None
        self._lock = threading.Lock()
        self._free: list[Buffers] = []
        self._parked: list[tuple[Buffers, Timeline, int, ExecConfig | None]] = []

    def take(self) -> Buffers:
        """Buffers that no execution uses; new ones when all are in use."""
        with self._lock:
            if self._parked:
                self._collect()
            if self._free:
                return self._free.pop()
        if self._dynamic:
            return ShapedBuffers(self._session, self._description, self._owner)
        return ExecutionBuffers(self._session, self._description, self._work, self._owner, self._gear)

    def _collect(self) -> None:
        """Take back what was parked and is through by now."""
        waiting = []
        while self._parked:
            entry = self._parked.pop()
            buffers, timeline, ticket, _config = entry
            if timeline.idle(ticket):
                self._free.append(buffers)
            else:
                waiting.append(entry)
        self._parked += waiting

    def queued(self, timeline: Timeline, ticket: int) -> None:
        """Note that an execution was queued: the model must not go before it is over."""
        with self._lock:
            if timeline not in self._running:
                for other in [other for other, last in self._running.items() if other.idle(last)]:
                    del self._running[other]
            self._running[timeline] = max(ticket, self._running.get(timeline, 0))

    def give_back(self, buffers: Buffers) -> None:
        """Return buffers whose execution is over and read."""
        buffers.settle()
        with self._lock:
            self._free.append(buffers)

    def park(self, buffers: Buffers, timeline: Timeline, ticket: int, config: ExecConfig | None) -> None:
        """Return buffers whose execution may still run. Calls nothing of C: a finalizer may be the caller."""
        # No lock: a finalizer may run while this very thread holds it. Appending to a list is atomic.
        self._parked.append((buffers, timeline, ticket, config))


def finish(running: Running) -> None:
    """Wait for what is still queued or running."""
    run_all([timeline.finish for timeline, ticket in running.items() if not timeline.idle(ticket)])
    running.clear()


def check_dtype(tensor: "TensorInfo") -> None:
    """Check that arrays can hold a tensor.

    Raises:
        UnsupportedError: They cannot; the message says why.
    """
    try:
        _ = tensor.dtype
    except (TypeError, ImportError) as error:
        raise UnsupportedError(f"{tensor}: {error}") from None

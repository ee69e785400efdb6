"""The device memory of executions: one set of input and output buffers for each that is under way."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aclcffi.dataset import Dataset
from aclcffi.errors import InvalidArgumentError, UnsupportedError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.gears import NUMBER_BYTES, current_output_shapes, set_gear
from aclcffi.memory import DeviceBuffer
from aclcffi.resource import Owner, run_all
from aclcffi.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import ModelDescription, TensorInfo
    from aclcffi.session import Session


class ExecutionBuffers:
    """Device buffers and datasets for one execution at a time of one model; they are parts of `owner`."""

    def __init__(
        self, session: "Session", description: "ModelDescription", work: ExecOptions | None, owner: Owner
    ) -> None:
        self._session = session
        self._description = description
        self._owner = owner
        self._parts: list[DeviceBuffer | Dataset | ExecConfig] = []
        try:
            gears = description.gears
            sizes = [max(tensor.size, 1) for tensor in description.inputs]
            if gears is not None:
                sizes.insert(gears.position, NUMBER_BYTES * len(gears.values[0]))
            self.inputs = self._dataset(sizes)
            self.outputs = self._dataset([max(tensor.size, 1) for tensor in description.outputs])
            self._shapes: list[tuple[int, ...]] = [tensor.shape for tensor in description.outputs]
            self.config: ExecConfig | None = None
            if work is not None:
                self.config = ExecConfig(session, work, part_of=owner)
                self._parts.append(self.config)
        except BaseException:
            run_all([part.close for part in reversed(self._parts)])
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

    def write(self, arrays: "Mapping[str, np.ndarray[Any, Any]]", model_id: int) -> None:
        """Copy the inputs to the device, and choose the gear that they fit; complete when this returns."""
        gears = self._description.gears
        buffers = list(self.inputs.buffers)
        if gears is not None:
            del buffers[gears.position]
        for tensor, buffer in zip(self._description.inputs, buffers, strict=True):
            buffer.copy_from(arrays[tensor.name])
        if gears is not None:
            value = gears.choose(self._description.inputs, arrays)
            shapes = [arrays[tensor.name].shape for tensor in self._description.inputs]
            set_gear(self._session, model_id, self.inputs.handle, gears, value, shapes)
            self._shapes = current_output_shapes(self._session, model_id, len(self._description.outputs))

    def read(self) -> "dict[str, np.ndarray[Any, Any]]":
        """Copy the outputs from the device."""
        import numpy as np

        outputs = {}
        tensors = self._description.outputs
        for tensor, shape, buffer in zip(tensors, self._shapes, self.outputs.buffers, strict=True):
            array = np.empty(shape, tensor.dtype)
            buffer.copy_to(array)
            outputs[tensor.name] = array
        return outputs


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
        self._work = work
        self._owner = owner
        self._running = running
        self._lock = threading.Lock()
        self._free: list[ExecutionBuffers] = []
        self._parked: list[tuple[ExecutionBuffers, Timeline, int, ExecConfig | None]] = []

    def take(self) -> ExecutionBuffers:
        """Buffers that no execution uses; new ones when all are in use."""
        with self._lock:
            waiting = []
            while self._parked:
                entry = self._parked.pop()
                buffers, timeline, ticket, _config = entry
                if timeline.idle(ticket):
                    self._free.append(buffers)
                else:
                    waiting.append(entry)
            self._parked += waiting
            for timeline in [timeline for timeline, ticket in self._running.items() if timeline.idle(ticket)]:
                del self._running[timeline]
            if self._free:
                return self._free.pop()
        return ExecutionBuffers(self._session, self._description, self._work, self._owner)

    def queued(self, timeline: Timeline, ticket: int) -> None:
        """Note that an execution was queued: the model must not go before it is over."""
        with self._lock:
            self._running[timeline] = max(ticket, self._running.get(timeline, 0))

    def give_back(self, buffers: ExecutionBuffers) -> None:
        """Return buffers whose execution is over and read."""
        with self._lock:
            self._free.append(buffers)

    def park(self, buffers: ExecutionBuffers, timeline: Timeline, ticket: int, config: ExecConfig | None) -> None:
        """Return buffers whose execution may still run. Calls nothing of C: a finalizer may be the caller."""
        # No lock: a finalizer may run while this very thread holds it. Appending to a list is atomic.
        self._parked.append((buffers, timeline, ticket, config))


def finish(running: Running) -> None:
    """Wait for what is still queued or running."""
    run_all([timeline.finish for timeline, ticket in running.items() if not timeline.idle(ticket)])
    running.clear()


def checked(
    description: "ModelDescription", inputs: "Mapping[str, np.ndarray[Any, Any]]"
) -> "dict[str, np.ndarray[Any, Any]]":
    """Check names, shapes and dtypes of inputs; nothing is converted.

    Raises:
        InvalidArgumentError: A name is missing or unknown, or an array does not fit; the message names it.
        UnsupportedError: An input or output has a data type that neither numpy nor ml_dtypes knows.
    """
    import numpy as np

    for tensor in description.inputs + description.outputs:
        check_dtype(tensor)
    names = [tensor.name for tensor in description.inputs]
    unknown = [name for name in inputs if name not in names]
    lacking = [name for name in names if name not in inputs]
    if unknown or lacking:
        problems = [f"unknown: {', '.join(map(str, unknown))}"] if unknown else []
        problems += [f"missing: {', '.join(lacking)}"] if lacking else []
        raise InvalidArgumentError(f"the model's inputs are {', '.join(names) or 'none'}; {'; '.join(problems)}")
    arrays = {}
    for tensor in description.inputs:
        try:
            array = np.asarray(inputs[tensor.name])
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(f"input {tensor.name!r} is no array: {error}") from None
        if not _fits(array.shape, tensor.shape):
            raise InvalidArgumentError(f"input {tensor.name!r} has shape {array.shape}, the model takes {tensor.shape}")
        if array.dtype != tensor.dtype:
            raise InvalidArgumentError(
                f"input {tensor.name!r} has dtype {array.dtype}, the model takes {tensor.dtype}; "
                f"convert it with .astype({str(tensor.dtype)!r})"
            )
        arrays[tensor.name] = array
    if description.gears is not None:
        description.gears.choose(description.inputs, arrays)
    return arrays


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a shape is the wanted one, in which -1 stands for any dim."""
    return len(shape) == len(wanted) and all(own < 0 or dim == own for dim, own in zip(shape, wanted, strict=True))


def check_dtype(tensor: "TensorInfo") -> None:
    """Check that arrays can hold a tensor.

    Raises:
        UnsupportedError: They cannot; the message says why.
    """
    try:
        _ = tensor.dtype
    except (TypeError, ImportError) as error:
        raise UnsupportedError(f"{tensor}: {error}") from None

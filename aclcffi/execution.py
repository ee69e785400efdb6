"""The device memory of executions: one set of input and output buffers for each that is under way."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aclcffi.dataset import Dataset
from aclcffi.errors import InvalidArgumentError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.memory import DeviceBuffer

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import ModelDescription, TensorInfo
    from aclcffi.session import Session
    from aclcffi.stream import Stream


class ExecutionBuffers:
    """Device buffers and datasets for one execution at a time of one model."""

    def __init__(self, session: "Session", description: "ModelDescription", work: ExecOptions | None) -> None:
        self._description = description
        self._parts: list[DeviceBuffer | Dataset | ExecConfig] = []
        try:
            self.inputs = self._dataset(session, description.inputs)
            self.outputs = self._dataset(session, description.outputs)
            self.config: ExecConfig | None = None
            if work is not None:
                self.config = ExecConfig(session, work)
                self._parts.append(self.config)
        except BaseException:
            self.close()
            raise

    def _dataset(self, session: "Session", tensors: "tuple[TensorInfo, ...]") -> Dataset:
        buffers = []
        for tensor in tensors:
            # An empty tensor gets one byte, as the documentation of ACL asks for.
            buffers.append(DeviceBuffer(session, max(tensor.size, 1)))
            self._parts.append(buffers[-1])
        dataset = Dataset(session, buffers)
        self._parts.append(dataset)
        return dataset

    def write(self, arrays: "Mapping[str, np.ndarray[Any, Any]]") -> None:
        """Copy the inputs to the device; complete when this returns."""
        for tensor, buffer in zip(self._description.inputs, self.inputs.buffers, strict=True):
            buffer.copy_from(arrays[tensor.name])

    def read(self) -> "dict[str, np.ndarray[Any, Any]]":
        """Copy the outputs from the device."""
        import numpy as np

        outputs = {}
        for tensor, buffer in zip(self._description.outputs, self.outputs.buffers, strict=True):
            array = np.empty(tensor.shape, tensor.dtype)
            buffer.copy_to(array)
            outputs[tensor.name] = array
        return outputs

    def close(self) -> None:
        """Release everything."""
        while self._parts:
            self._parts.pop().close()


class BufferPool:
    """The execution buffers of one model: those in use come back when nobody needs them any more."""

    def __init__(self, session: "Session", description: "ModelDescription", work: ExecOptions | None) -> None:
        self._session = session
        self._description = description
        self._work = work
        self._lock = threading.Lock()
        self._free: list[ExecutionBuffers] = []
        self._parked: list[tuple[ExecutionBuffers, Stream, int]] = []
        self._all: list[ExecutionBuffers] = []

    def take(self) -> ExecutionBuffers:
        """Buffers that no execution uses; new ones when all are in use."""
        with self._lock:
            waiting = []
            while self._parked:
                buffers, stream, ticket = self._parked.pop()
                if stream._reached(ticket) or stream.closed:
                    self._free.append(buffers)
                else:
                    waiting.append((buffers, stream, ticket))
            self._parked += waiting
            if self._free:
                return self._free.pop()
        buffers = ExecutionBuffers(self._session, self._description, self._work)
        with self._lock:
            self._all.append(buffers)
        return buffers

    def give_back(self, buffers: ExecutionBuffers) -> None:
        """Return buffers whose execution is over and read."""
        with self._lock:
            self._free.append(buffers)

    def park(self, buffers: ExecutionBuffers, stream: "Stream", ticket: int) -> None:
        """Return buffers whose execution may still run. Calls nothing of C: a finalizer may be the caller."""
        # No lock: a finalizer may run while this very thread holds it. Appending to a list is atomic.
        self._parked.append((buffers, stream, ticket))

    def close(self) -> None:
        """Release all buffers; executions that use them must be over."""
        while self._all:
            self._all.pop().close()


def checked(
    tensors: "tuple[TensorInfo, ...]", inputs: "Mapping[str, np.ndarray[Any, Any]]"
) -> "dict[str, np.ndarray[Any, Any]]":
    """Check names, shapes and dtypes of inputs; nothing is converted.

    Raises:
        InvalidArgumentError: A name is missing or unknown, or an array does not fit; the message names it.
    """
    import numpy as np

    names = [tensor.name for tensor in tensors]
    unknown = [name for name in inputs if name not in names]
    lacking = [name for name in names if name not in inputs]
    if unknown or lacking:
        problems = [f"unknown: {', '.join(map(str, unknown))}"] if unknown else []
        problems += [f"missing: {', '.join(lacking)}"] if lacking else []
        raise InvalidArgumentError(f"the model's inputs are {', '.join(names) or 'none'}; {'; '.join(problems)}")
    arrays = {}
    for tensor in tensors:
        array = np.asarray(inputs[tensor.name])
        if array.shape != tensor.shape:
            raise InvalidArgumentError(f"input {tensor.name!r} has shape {array.shape}, the model takes {tensor.shape}")
        if array.dtype != tensor.dtype:
            raise InvalidArgumentError(
                f"input {tensor.name!r} has dtype {array.dtype}, the model takes {tensor.dtype}; "
                f"convert it with .astype({str(tensor.dtype)!r})"
            )
        arrays[tensor.name] = array
    return arrays

"""Executions of dynamic-shape models: the shapes go in with the inputs and come out with the outputs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.dataset import Dataset
from aclcffi.errors import OutOfMemoryError, UnsupportedError
from aclcffi.memory import DeviceBuffer
from aclcffi.resource import Owner

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.backend import Backend
    from aclcffi.checks import Request, Targets
    from aclcffi.description import ModelDescription, TensorInfo
    from aclcffi.exec_config import ExecConfig
    from aclcffi.session import Session


class ShapedBuffers:
    """Device memory, datasets and shapes for one execution at a time of one dynamic-shape model; parts of `owner`.

    Memory is allocated when an execution needs more than there is, and used again by the next ones.
    """

    config: "ExecConfig | None" = None

    def __init__(self, session: "Session", description: "ModelDescription", owner: Owner) -> None:
        self._description = description
        self.inputs = Slots(session, len(description.inputs), owner)
        try:
            self.outputs = Slots(session, len(description.outputs), owner)
        except BaseException:
            self.inputs.close()
            raise

    def write(self, request: "Request", model_id: int) -> None:  # noqa: ARG002 - the model is told by its datasets
        """Copy the inputs to the device with their shapes, and find places for the outputs."""
        for index, (tensor, array) in enumerate(zip(self._description.inputs, request.arrays, strict=True)):
            size = max(array.nbytes, 1)
            self.inputs.fill(index, size, max(size, tensor.size))._take(array)
            self.inputs.set_shape(index, tensor, array.shape)
        for index, size in enumerate(request.room):
            if size:
                self.outputs.fill(index, size, size)
            else:
                self.outputs.clear(index)

    def read(self, targets: "Targets") -> "dict[str, np.ndarray[Any, Any]]":
        """Copy the outputs from the device, in the shapes that ACL wrote when it took the execution (MD7.22).

        Raises:
            UnsupportedError: A shape was not known then.
            InvalidArgumentError: An array of the caller's has another shape.
        """
        shapes = []
        for index, tensor in enumerate(self._description.outputs):
            shape = self.outputs.shape(index)
            if shape is None or any(dim < 0 for dim in shape):
                raise UnsupportedError(
                    f"only the data tells the shape of output {tensor.name!r}, and of an execution that was queued ACL "
                    "does not tell it: use execute(), which waits"
                )
            shapes.append(shape)
        outputs = targets.take(shapes)
        for index, tensor in enumerate(self._description.outputs):
            self.outputs.give(index, outputs[tensor.name])
        return outputs

    def settle(self) -> None:
        """Give back what ACL allocated for outputs; it is the caller's (MD11.11)."""
        self.outputs.free_foreign()


class Slots(Dataset):
    """A dataset whose memory and shapes are exchanged between executions (aclUpdateDataBuffer).

    A slot without memory is NULL: a synchronous execution finds memory for the output itself (MD7.19).
    """

    def __init__(self, session: "Session", count: int, owner: Owner) -> None:
        self._make(session, [(ffi.NULL, 0)] * count, owner)
        self._memory: list[DeviceBuffer | None] = [None] * count
        self._shapes: list[tuple[int, ...] | None] = [None] * count
        self._sizes = [0] * count
        """What each slot says of its memory; 0: it is NULL, and what is in it is ACL's."""
        # Before the data buffers go: an execution that was interrupted may leave memory in them.
        backend, parts, sizes = session.backend, self._parts, self._sizes
        self._foreign_key = owner.adopt(lambda: _free_foreign(backend, parts, sizes))

    def fill(self, index: int, size: int, room: int) -> DeviceBuffer:
        """Give a slot `size` bytes of memory; where it has too little, `room` bytes are allocated for it.

        Raises:
            OutOfMemoryError: The device has not even `size` bytes left.
        """
        buffer = self._memory[index]
        if buffer is not None and buffer.size >= size:
            if self._sizes[index] != size:
                self._update(index, buffer.pointer, size)
            return buffer
        larger = self._allocate(index, size, room)
        try:
            self._update(index, larger.pointer, size)
        except BaseException:
            larger.close()
            raise
        buffer, self._memory[index] = self._memory[index], larger
        if buffer is not None:
            buffer.close()
        return larger

    def _allocate(self, index: int, size: int, room: int) -> DeviceBuffer:
        """Memory of `room` bytes, else of `size`, else what there is when the slot's own was freed."""
        for wanted in (room, size) if room > size else (size,):
            with suppress(OutOfMemoryError):
                return DeviceBuffer(self._session, wanted, part_of=self._owner)
        old = self._memory[index]
        if old is not None:
            self.clear(index)
            self._memory[index] = None
            old.close()
        return DeviceBuffer(self._session, size, part_of=self._owner)

    def clear(self, index: int) -> None:
        """Make a slot NULL; its memory stays for later."""
        if self._sizes[index]:
            self._update(index, ffi.NULL, 0)

    def _update(self, index: int, pointer: Any, size: int) -> None:
        self._session.call("aclUpdateDataBuffer", self._parts[index], pointer, size)
        self._sizes[index] = size

    def set_shape(self, index: int, tensor: "TensorInfo", shape: tuple[int, ...]) -> None:
        """Say the shape of an input (aclmdlSetDatasetTensorDesc)."""
        if self._shapes[index] == shape:
            return
        session = self._session
        desc = session.create(
            "aclCreateTensorDesc", tensor.data_type, len(shape), list(shape) or ffi.NULL, tensor.format
        )
        try:
            session.call("aclmdlSetDatasetTensorDesc", self.handle, desc, index)
        finally:
            session.backend.aclDestroyTensorDesc(desc)
        self._shapes[index] = shape

    def shape(self, index: int) -> tuple[int, ...] | None:
        """The shape that the last execution wrote (aclmdlGetDatasetTensorDesc), None where it wrote none."""
        session = self._session
        backend = session.backend
        desc = backend.aclmdlGetDatasetTensorDesc(self.handle, index)
        rank = backend.aclGetTensorDescNumDims(desc) if desc else lib.ACL_MAX_DIM_CNT + 1
        if rank > lib.ACL_MAX_DIM_CNT:  # also where the rank itself is not known
            return None
        dim = ffi.new("int64_t *")
        shape = []
        for position in range(rank):
            session.call("aclGetTensorDescDimV2", desc, position, dim)
            shape.append(int(dim[0]))
        return tuple(shape)

    def give(self, index: int, array: "np.ndarray[Any, Any]") -> None:
        """Copy an output into an array, from the slot's memory or from what ACL put there."""
        buffer = self._memory[index]
        if self._sizes[index] and buffer is not None:
            buffer._give(array)
        elif size := array.nbytes:
            source = self._session.backend.aclGetDataBufferAddr(self._parts[index])
            target = ffi.from_buffer(array)
            self._session.call("aclrtMemcpy", target, size, source, size, lib.ACL_MEMCPY_DEVICE_TO_HOST)

    def free_foreign(self) -> None:
        """Free what ACL allocated."""
        _free_foreign(self._session.backend, self._parts, self._sizes)

    def close(self) -> None:
        """Give the C objects back; the memory goes with the owner."""
        self._owner.release(self._foreign_key)
        super().close()


def _free_foreign(backend: "Backend", parts: Sequence[Any], sizes: Sequence[int]) -> None:
    for part, size in zip(parts, sizes, strict=True):
        pointer = ffi.NULL if size else backend.aclGetDataBufferAddr(part)
        if pointer:
            call(backend, "aclUpdateDataBuffer", part, ffi.NULL, 0)
            call(backend, "aclrtFree", pointer)

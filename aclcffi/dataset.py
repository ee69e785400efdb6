"""Datasets: the buffers of one side of a model call, in order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aclcffi.errors import OutOfMemoryError
from aclcffi.memory import DeviceBuffer
from aclcffi.resource import Resource

if TYPE_CHECKING:
    from aclcffi.session import Session


class Dataset(Resource):
    """Device buffers in the order of a model's inputs or outputs (aclmdlDataset).

    It holds the buffers, but does not own them: closing it leaves them open, and closing a buffer that a dataset names
    is a use after free when the model runs.
    """

    def __init__(self, session: "Session", buffers: Sequence[DeviceBuffer]) -> None:
        self._session = session
        self.buffers = tuple(buffers)
        backend = session.backend
        self.handle = backend.aclmdlCreateDataset()
        handles = [backend.aclCreateDataBuffer(buffer.pointer, buffer.size) for buffer in self.buffers]
        handle, call = self.handle, session.call

        def release() -> None:
            call("aclmdlDestroyDataset", handle)
            for part in handles:
                call("aclDestroyDataBuffer", part)

        super().__init__(session._owner, release)
        if not self.handle or not all(handles):
            raise OutOfMemoryError("aclmdlCreateDataset or aclCreateDataBuffer returned NULL")
        for part in handles:
            call("aclmdlAddDatasetBuffer", handle, part)

    def __len__(self) -> int:
        return len(self.buffers)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self.buffers)} buffers{' (closed)' if self.closed else ''}>"

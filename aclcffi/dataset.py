"""Datasets: the buffers of one side of a model call, in order."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from aclcffi.calls import call
from aclcffi.memory import DeviceBuffer
from aclcffi.resource import Owner, Release, Resource, run_all

if TYPE_CHECKING:
    from aclcffi.session import Session


class Dataset(Resource):
    """Device buffers in the order of a model's inputs or outputs (aclmdlDataset).

    It holds the buffers, but does not own them: closing it leaves them open, and closing a buffer that a dataset names
    is a use after free when the model runs.

    Raises:
        OutOfMemoryError: The library has no memory for it.
    """

    def __init__(self, session: "Session", buffers: Sequence[DeviceBuffer], *, part_of: Owner | None = None) -> None:
        self._session = session
        self.buffers = tuple(buffers)
        backend = session.backend
        steps: list[Release] = []

        def release() -> None:
            run_all(steps)

        try:
            self.handle = session.create("aclmdlCreateDataset")
            steps.append(partial(call, backend, "aclmdlDestroyDataset", self.handle))
            for buffer in self.buffers:
                part = session.create("aclCreateDataBuffer", buffer.pointer, buffer.size)
                steps.append(partial(call, backend, "aclDestroyDataBuffer", part))
                session.call("aclmdlAddDatasetBuffer", self.handle, part)
        except BaseException:
            release()
            raise
        super().__init__(part_of or session._owner, release, report=part_of is None)

    def __len__(self) -> int:
        return len(self.buffers)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self.buffers)} buffers{' (closed)' if self.closed else ''}>"

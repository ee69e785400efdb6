"""Datasets: the buffers of one side of a model call, in order."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

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
        self.buffers = tuple(buffers)
        self._make(session, [(buffer.pointer, buffer.size) for buffer in self.buffers], part_of)

    def _make(self, session: "Session", places: Sequence[tuple[Any, int]], part_of: Owner | None) -> None:
        """Make the C objects, an aclDataBuffer for each pointer and size."""
        self._session = session
        backend = session.backend
        steps: list[Release] = []
        self._parts: list[Any] = []

        def release() -> None:
            run_all(steps)

        try:
            self.handle = session.create("aclmdlCreateDataset")
            steps.append(partial(call, backend, "aclmdlDestroyDataset", self.handle))
            for pointer, size in places:
                part = session.create("aclCreateDataBuffer", pointer, size)
                steps.append(partial(call, backend, "aclDestroyDataBuffer", part))
                session.call("aclmdlAddDatasetBuffer", self.handle, part)
                self._parts.append(part)
        except BaseException:
            release()
            raise
        super().__init__(part_of or session._owner, release, report=part_of is None)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"<Dataset of {len(self)} buffers{' (closed)' if self.closed else ''}>"

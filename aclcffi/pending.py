"""The result of an execution that was queued."""

import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aclcffi.errors import StateError

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.execution import ExecutionBuffers
    from aclcffi.model import Model
    from aclcffi.stream import Stream


class PendingResult:
    """An execution that was queued on a stream; its outputs can be read once the stream was synchronised after it."""

    def __init__(self, model: "Model", stream: "Stream", ticket: int, buffers: "ExecutionBuffers") -> None:
        self._model = model
        self._stream = stream
        self._ticket = ticket
        self._buffers: ExecutionBuffers | None = buffers
        self._outputs: Mapping[str, np.ndarray[Any, Any]] | None = None
        # Nobody may read it any more, but the device may still write it: it is taken back when the stream is through.
        self._finalizer = weakref.finalize(self, model._pool.park, buffers, stream, ticket)
        self._finalizer.atexit = False

    @property
    def ready(self) -> bool:
        """Whether the outputs can be read: their stream was synchronised after the execution was queued."""
        return self._outputs is not None or self._stream._reached(self._ticket)

    @property
    def outputs(self) -> "Mapping[str, np.ndarray[Any, Any]]":
        """The outputs by name, each an array of the model's shape and dtype, copied from the device at first use.

        Raises:
            StateError: The stream was not synchronised since the execution was queued, or the model is closed.
            AclError: The stream delivered an error for the work that this execution was part of.
        """
        if self._outputs is None:
            if not self.ready:
                raise StateError(
                    "these outputs are not there yet: synchronize() the stream that the execution was queued on first"
                )
            failure = self._stream._failure(self._ticket)
            if failure is not None:
                raise failure
            self._model._check_open()
            assert self._buffers is not None
            self._finalizer.detach()
            self._outputs = MappingProxyType(self._buffers.read())
            self._model._pool.give_back(self._buffers)
            self._buffers = None
        return self._outputs

    def __repr__(self) -> str:
        return f"<PendingResult, {'ready' if self.ready else 'not synchronised yet'}>"

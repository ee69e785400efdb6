"""The result of an execution that was queued."""

import threading
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aclcffi.errors import StateError

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.checks import Targets
    from aclcffi.exec_config import ExecConfig
    from aclcffi.execution import Buffers
    from aclcffi.model import Model
    from aclcffi.stream import Stream


class PendingResult:
    """An execution that was queued on a stream; its outputs can be read once the stream was synchronised after it.

    It may be dropped without reading them: its buffers are used again when the stream is through.
    """

    def __init__(
        self,
        model: "Model",
        stream: "Stream",
        ticket: int,
        buffers: "Buffers",
        targets: "Targets",
        config: "ExecConfig | None",
    ) -> None:
        self._model = model
        self._stream = stream  # held: who waits for a result has not dropped its stream
        self._timeline = stream._timeline
        self._ticket = ticket
        self._buffers = buffers
        self._targets = targets
        self._outputs: Mapping[str, np.ndarray[Any, Any]] | None = None
        self._lock = threading.Lock()
        # Nobody may read it any more, but the device may still write it: it is taken back when the stream is through.
        self._finalizer = weakref.finalize(self, model._pool.park, buffers, self._timeline, ticket, config)
        self._finalizer.atexit = False

    @property
    def ready(self) -> bool:
        """Whether the execution is over: its stream was synchronised after it was queued, so `outputs` answers."""
        return self._outputs is not None or self._timeline.over(self._ticket)

    @property
    def outputs(self) -> "Mapping[str, np.ndarray[Any, Any]]":
        """The outputs by name, each an array of the model's shape and dtype, copied from the device at first use.

        Those that `out` had an array for are that array.

        Raises:
            UnsupportedError: Only the data tells the shape of an output; nothing can be read of this execution then.
            StateError: The stream was not synchronised since the execution was queued, or the model is closed.
            AclError: The stream delivered an error for the work that this execution was part of.
        """
        with self._lock:
            if self._outputs is None:
                self._outputs = self._read()
            return self._outputs

    def _read(self) -> "Mapping[str, np.ndarray[Any, Any]]":
        ready = self.ready  # asked first: a failure is noted before the ticket is over
        failure = self._timeline.failure(self._ticket)
        if failure is not None:
            raise failure
        if not ready:
            if self._timeline.destroyed:
                raise StateError("these outputs are lost: their stream was closed before it was synchronised")
            raise StateError(
                "these outputs are not there yet: synchronize() the stream that the execution was queued on first"
            )
        self._model._check_open()
        outputs = self._buffers.read(self._targets)
        self._finalizer.detach()
        self._model._pool.give_back(self._buffers)
        return MappingProxyType(outputs)

    def __repr__(self) -> str:
        return f"<PendingResult, {'ready' if self.ready else 'not synchronised yet'}>"

"""A stream: tasks in the order in which they were submitted."""

from collections import deque
from collections.abc import Hashable
from typing import TYPE_CHECKING

from aclsim.core.fault import Fault

if TYPE_CHECKING:
    from aclsim.core.callback import Reporter
    from aclsim.core.context import Context
    from aclsim.core.task import Task


_SPECIAL = 0x4 | 0x10 | 0x20  # ACL_STREAM_PERSISTENT, _CPU_SCHEDULE, _DEVICE_USE_ONLY


NOWHERE = object()


class Stream:
    """A queue of tasks of one context.

    `free_at` is the virtual time at which the last started task ends. `error` is what the next synchronise delivers
    (CONTINUE mode, RT13.01). `work` is address and size of the work memory that the stream brings for models
    (aclrtCreateStreamV2). `open_in` is the context, until a failure stuck to it (RT13.02): NOWHERE then. `ended` counts
    the tasks that are over, `aborts` how often what was queued was dropped. `callbacks` says what serves the stream's
    callbacks: nothing, "report" (`reporter`, a subscribed thread) or "host function".
    """

    __slots__ = (
        "aborts",
        "alive",
        "attributes",
        "callbacks",
        "context",
        "ended",
        "error",
        "failure_mode",
        "flags",
        "free_at",
        "handle",
        "number",
        "open_in",
        "overflow_switch",
        "priority",
        "queue",
        "reporter",
        "work",
    )

    def __init__(
        self, context: "Context", number: int, flags: int = 0, priority: int = 0, work: tuple[int, int] = (0, 0)
    ) -> None:
        self.context = context
        self.open_in: object = context if context.failure is None else NOWHERE
        self.number = number
        self.flags = flags
        self.priority = priority
        self.work = work
        self.queue: deque[Task] = deque()
        self.free_at = 0
        self.error: Fault | None = None
        self.alive = True
        self.handle: Hashable = None
        self.ended = 0
        self.aborts = 0
        self.callbacks = ""
        self.reporter: Reporter | None = None
        self.failure_mode = 0
        self.overflow_switch = 0
        self.attributes: dict[int, int] = {}

    @property
    def special(self) -> bool:
        """Whether no synchronise waits for it, and every query finds it complete (contract_rt section 5)."""
        return bool(self.flags & _SPECIAL)

    def take_error(self) -> Fault | None:
        """The error of a failed task, once (RT13.01)."""
        error, self.error = self.error, None
        return error

    def __repr__(self) -> str:
        return f"stream {self.number}"

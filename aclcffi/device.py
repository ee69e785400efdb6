"""A device, set for the process."""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.context import current_context
from aclcffi.errors import InvalidArgumentError
from aclcffi.timeline import wait

if TYPE_CHECKING:
    from aclcffi.session import Session


class MemoryInfo(NamedTuple):
    """Bytes of a device's memory: what is free, and all of it."""

    free: int
    total: int


class Device:
    """The device of a session; set when it is made (aclrtSetDevice), reset when the session closes.

    Raises:
        InvalidArgumentError: There is no device of that number (107001).
    """

    def __init__(self, session: "Session", number: int) -> None:
        if not -(1 << 31) <= number < 1 << 31:
            raise InvalidArgumentError(f"device is {number}, which is no number of a device")
        self._session = session
        self.number = number
        session.call("aclrtSetDevice", number)
        session._owner.adopt(partial(call, session.backend, "aclrtResetDevice", number))

    def memory_info(self) -> MemoryInfo:
        """Return free and total bytes of the device's memory (aclrtGetMemInfo, ACL_HBM_MEM)."""
        free, total = ffi.new("size_t *"), ffi.new("size_t *")
        self._session.call("aclrtGetMemInfo", lib.ACL_HBM_MEM, free, total)
        return MemoryInfo(int(free[0]), int(total[0]))

    def synchronize(self) -> None:
        """Wait for all streams of the current context (aclrtSynchronizeDevice); it is as if each was synchronised.

        Raises:
            AclError: The first error of a task that failed in one of them. It stands for all that were not synchronised
                before: no stream will tell again.
        """
        session = self._session
        session._check_open()
        context = current_context(session.backend)
        # list() of the dict itself is one step, whatever other threads do to it.
        timelines = [timeline for timeline in list(session._timelines) if timeline.context == context]
        wait(timelines, session.backend, "aclrtSynchronizeDevice")

    def __repr__(self) -> str:
        return f"<Device {self.number}>"

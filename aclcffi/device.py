"""A device, set for the process."""

from typing import TYPE_CHECKING, NamedTuple

from _aclcffi import ffi, lib

from aclcffi.errors import AclError

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
        self._session = session
        self.number = number
        session.call("aclrtSetDevice", number)
        call = session.call

        def reset() -> None:
            call("aclrtResetDevice", number)

        session._owner.adopt(reset)

    def memory_info(self) -> MemoryInfo:
        """Return free and total bytes of the device's memory (aclrtGetMemInfo, ACL_HBM_MEM)."""
        free, total = ffi.new("size_t *"), ffi.new("size_t *")
        self._session.call("aclrtGetMemInfo", lib.ACL_HBM_MEM, free, total)
        return MemoryInfo(int(free[0]), int(total[0]))

    def synchronize(self) -> None:
        """Wait for all streams of the current context (aclrtSynchronizeDevice).

        Results of `Model.execute_async` stay locked until their own stream is synchronised.
        """
        try:
            self._session.call("aclrtSynchronizeDevice")
        except AclError as error:
            # The error came from one of the streams, and none of them will tell again.
            for stream in self._session._streams:
                stream._failed(error)
            raise

    def __repr__(self) -> str:
        return f"<Device {self.number}>"

"""Options of one execution."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.errors import InvalidArgumentError
from aclcffi.memory import DeviceBuffer
from aclcffi.options import number, set_option
from aclcffi.resource import Owner, Resource

if TYPE_CHECKING:
    from aclcffi.session import Session

_ATTRIBUTES = {
    "stream_sync_timeout": (lib.ACL_MDL_STREAM_SYNC_TIMEOUT, "int32_t"),
    "event_sync_timeout": (lib.ACL_MDL_EVENT_SYNC_TIMEOUT, "int32_t"),
    "work_size": (lib.ACL_MDL_WORK_SIZET, "size_t"),
    "mpam_id": (lib.ACL_MDL_MPAIMID_SIZET, "size_t"),
    "aic_qos": (lib.ACL_MDL_AICQOS_SIZET, "size_t"),
    "aic_ost": (lib.ACL_MDL_AICOST_SIZET, "size_t"),
    "mec_time_threshold": (lib.ACL_MDL_MEC_TIMETHR_SIZET, "size_t"),
}


class ExecOptions(NamedTuple):
    """What an execution may be told; None leaves the library's default.

    `stream_sync_timeout` and `event_sync_timeout` are milliseconds (-1: no limit) and known to the main library;
    `work_size`, bytes of work memory, and the rest to IPV350's.
    """

    stream_sync_timeout: int | None = None
    event_sync_timeout: int | None = None
    work_size: int | None = None
    mpam_id: int | None = None
    aic_qos: int | None = None
    aic_ost: int | None = None
    mec_time_threshold: int | None = None

    @property
    def given(self) -> Mapping[str, int]:
        """The options that are not None."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class ExecConfig(Resource):
    """An exec config handle with options set (aclmdlCreateExecConfigHandle, aclmdlSetExecConfigOpt).

    With `work_size` it brings work memory of that size with it (`work`). Closing it destroys the handle and frees the
    work memory: the executions that use it must be over (MD11.09). A pending result keeps it alive, not open.

    Raises:
        UnsupportedError: The library does not know an option.
        InvalidArgumentError: A value does not fit, or the library refuses it.
    """

    def __init__(self, session: "Session", options: ExecOptions, *, part_of: Owner | None = None) -> None:
        self._session = session
        self.options = options
        self.work: DeviceBuffer | None = None
        self.handle = session.create("aclmdlCreateExecConfigHandle")
        parts = Owner()
        parts.adopt(partial(call, session.backend, "aclmdlDestroyExecConfigHandle", self.handle))
        try:
            for name, value in options.given.items():
                self._set(name, value)
            if options.work_size is not None:
                self._bring_work(options.work_size, parts)
        except BaseException:
            parts.release_all()
            raise
        super().__init__(part_of or session._owner, parts.release_all, report=part_of is None)

    def _set(self, name: str, value: int) -> None:
        attribute, c_type = _ATTRIBUTES[name]
        always = ffi.new(f"{c_type} *", -1 if c_type == "int32_t" else 0)
        stored = number(name, c_type, value)
        set_option(self._session, "aclmdlSetExecConfigOpt", self.handle, name, attribute, stored, always=always)

    def _bring_work(self, size: int, parts: Owner) -> None:
        if not size:
            raise InvalidArgumentError("work_size is 0; work memory has at least 1 byte")
        self.work = DeviceBuffer(self._session, size, part_of=parts)
        pointer = ffi.new("void **", self.work.pointer)
        self._session.call(
            "aclmdlSetExecConfigOpt", self.handle, lib.ACL_MDL_WORK_ADDR_PTR, pointer, ffi.sizeof("void *")
        )

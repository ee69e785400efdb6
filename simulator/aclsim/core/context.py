"""A context: streams of one device that belong together."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from aclsim.core.fault import Fault

if TYPE_CHECKING:
    from aclsim.core.callback import HostThread
    from aclsim.core.device import Device
    from aclsim.core.stream import Stream


class Context:
    """A context of a device: primary (made by aclrtSetDevice) or explicit (aclrtCreateContext).

    `dying` says that a thread is destroying it and may still wait for its work to end. `stops` says that a stream of it
    is in the mode ACL_STOP_ON_FAILURE; `failure` is what stuck to it then. `options` are its system parameters.
    """

    def __init__(self, device: "Device", *, primary: bool) -> None:
        self.device = device
        self.primary = primary
        self.alive = True
        self.dying = False
        self.handle: Hashable = None
        self.streams: dict[Stream, None] = {}
        self.default_stream: Stream | None = None
        self.stops = False
        self.failure: Fault | None = None
        self.options: dict[int, int] = {}
        self.host_thread: HostThread | None = None

    def __repr__(self) -> str:
        return f"{'primary' if self.primary else 'explicit'} context of device {self.device.number}"

"""AscendCL model execution for Python, over the real CANN libraries or a simulated Ascend device.

`open_backend()` gives the C functions with their C names; `Session` and what it makes are the same as Python objects.
"""

from _aclcffi import ffi, lib

from aclcffi.backend import Backend, open_backend
from aclcffi.context import Context
from aclcffi.dataset import Dataset
from aclcffi.description import ModelDescription, TensorInfo
from aclcffi.device import Device, MemoryInfo
from aclcffi.errors import (
    AclError,
    AclTimeoutError,
    BackendError,
    DeviceFaultError,
    InternalError,
    InvalidArgumentError,
    InvalidHandleError,
    ModelError,
    OutOfMemoryError,
    ResourceError,
    StateError,
    UnsupportedError,
    UnsupportedFunctionError,
)
from aclcffi.event import Event
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.gears import GearInfo
from aclcffi.load_config import LoadOptions, ModelSize
from aclcffi.memory import DeviceBuffer
from aclcffi.model import Model
from aclcffi.notify import Notify
from aclcffi.pending import PendingResult
from aclcffi.pinned import PinnedBuffer
from aclcffi.session import Session
from aclcffi.stream import Stream

__all__ = [
    "AclError",
    "AclTimeoutError",
    "Backend",
    "BackendError",
    "Context",
    "Dataset",
    "Device",
    "DeviceBuffer",
    "DeviceFaultError",
    "Event",
    "ExecConfig",
    "ExecOptions",
    "GearInfo",
    "InternalError",
    "InvalidArgumentError",
    "InvalidHandleError",
    "LoadOptions",
    "MemoryInfo",
    "Model",
    "ModelDescription",
    "ModelError",
    "ModelSize",
    "Notify",
    "OutOfMemoryError",
    "PendingResult",
    "PinnedBuffer",
    "ResourceError",
    "Session",
    "StateError",
    "Stream",
    "TensorInfo",
    "UnsupportedError",
    "UnsupportedFunctionError",
    "ffi",
    "lib",
    "open_backend",
]

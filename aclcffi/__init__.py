"""AscendCL model execution for Python, over the real CANN libraries or a simulated Ascend device.

`open_backend()` gives the C functions with their C names; `Session` and what it makes are the same as Python objects.
"""

from _aclcffi import ffi, lib

from aclcffi.backend import Backend, open_backend
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

__all__ = [
    "AclError",
    "AclTimeoutError",
    "Backend",
    "BackendError",
    "DeviceFaultError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidHandleError",
    "ModelError",
    "OutOfMemoryError",
    "ResourceError",
    "StateError",
    "UnsupportedError",
    "UnsupportedFunctionError",
    "ffi",
    "lib",
    "open_backend",
]

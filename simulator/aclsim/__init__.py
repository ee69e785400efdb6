"""A pure-Python Ascend device: stream ordering, handle state and error codes of AscendCL, without an NPU.

Users meet it as `aclcffi.open_backend("simulator")`; this package never appears in their imports.
"""

from aclsim.core.fault import SimulationHang

__all__ = ["SimulationHang"]

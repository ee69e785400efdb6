"""A pure-Python Ascend device: stream ordering, handle state and error codes of AscendCL, without an NPU.

Users meet it as `aclcffi.open_backend("simulator")`. Only who registers models of his own imports from here.
"""

from aclsim.core.fault import SimulationHang
from aclsim.models.specs import GearSpec, TensorSpec

__all__ = ["GearSpec", "SimulationHang", "TensorSpec"]

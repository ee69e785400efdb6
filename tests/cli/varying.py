"""Models whose shapes vary, and a simulator with models in Python, for the tests of the command line."""

from typing import Any

import numpy as np
from aclsim import GearSpec, TensorSpec
from aclsim.backend import SimulatorBackend
from onnx import TensorProto, helper

from tests.cli.conftest import Ran

BACKEND = f"{__name__}:Registered"
FLOATS = TensorSpec("x", (3,))


def refused(ran: Ran, message: str, code: int = 2) -> None:
    """Assert that a command ended with one line that says this."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("aclcffi ")
    assert ran.err.count("\n") == 1
    assert ran.err.endswith("\n")
    assert message in ran.err


def doubler(*dims: int | str) -> bytes:
    """y = x + x; a name as a dim makes it vary."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubler", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class Counter:
    """The function of a model: y is x plus the number of the call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        self.calls += 1
        moved: np.ndarray[Any, Any] = x + np.float32(self.calls)
        return moved


class Breaking(Counter):
    """The function of a model that fails when it is called for the third time."""

    def __call__(self, x: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        if self.calls == 2:
            raise ValueError("enough")
        super().__call__(x)
        return x


class Registered(SimulatorBackend):
    """A simulator that knows models by name, with gears among them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        picture = doubler(1, 1, "h", "w")
        self.register_model("batch", onnx=doubler("n", 3), gears=GearSpec(batch=[1, 2, 4]))
        self.register_model("hw", onnx=picture, gears=GearSpec(hw=[(2, 3), (4, 4)]))
        self.register_model("dims", onnx=picture, gears=GearSpec(dims=[(2, 3), (3, 2)]))
        for name, function in (("counter", Counter()), ("breaking", Breaking())):
            self.register_model(name, function=function, inputs=[FLOATS], outputs=[TensorSpec("y", (3,))])
        bounded = TensorSpec("x", (-1, 3), max_shape=(8, 3))
        self.register_model("bounded", function=lambda x: x, inputs=[bounded], outputs=[TensorSpec("y", (-1, 3))])

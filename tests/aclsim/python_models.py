"""Models in Python that tests register."""

from typing import Any

from aclsim import GearSpec, TensorSpec

from tests.contract.acl import Acl
from tests.contract.models import Array, Program, add
from tests.contract.varying import feed, linear, load_path, numbers, register

X = TensorSpec("x", (2, 3))
Y = TensorSpec("y", (2, 3))
VARIES = TensorSpec("x", (-1, 3))
VARIED = TensorSpec("y", (-1, 3))


def double(x: Array) -> Array:
    """Twice the input."""
    return x + x


def doubler(acl: Acl, **options: Any) -> Program:
    """A program with the function `double`, fed."""
    path = register(acl, "double", **{"function": double, "inputs": [X], "outputs": [Y], **options})
    program = Program(acl, b"", load_path(acl, path))
    feed(program, numbers(2, 3))
    return program


MODELS: dict[str, dict[str, Any]] = {
    "function": {"function": double, "inputs": [X], "outputs": [Y]},
    "onnx": {"onnx": add()},
    "gears": {"onnx": linear(), "gears": GearSpec(batch=[4])},
}

"""Tiny ONNX models for the tests of the object API."""

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper

OPSET = 23

ELEMENTS: dict[str, tuple[int, Any]] = {
    "float32": (TensorProto.FLOAT, np.float32),
    "float64": (TensorProto.DOUBLE, np.float64),
    "float16": (TensorProto.FLOAT16, np.float16),
    "bfloat16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16),
    "int8": (TensorProto.INT8, np.int8),
    "uint8": (TensorProto.UINT8, np.uint8),
    "int16": (TensorProto.INT16, np.int16),
    "uint16": (TensorProto.UINT16, np.uint16),
    "int32": (TensorProto.INT32, np.int32),
    "uint32": (TensorProto.UINT32, np.uint32),
    "int64": (TensorProto.INT64, np.int64),
    "uint64": (TensorProto.UINT64, np.uint64),
    "bool": (TensorProto.BOOL, np.bool_),
    "float8_e4m3fn": (TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn),
    "float8_e5m2": (TensorProto.FLOAT8E5M2, ml_dtypes.float8_e5m2),
}
"""Element types of models: dtype name to ONNX's number and the numpy type."""


def constant(values: Sequence[float]) -> bytes:
    """y = these floats; there are no inputs."""
    value = helper.make_tensor("value", TensorProto.FLOAT, [len(values)], values)
    node = helper.make_node("Constant", [], ["y"], value=value)
    return build([node], [], [tensor("y", [len(values)])])


def rounded(count: int) -> bytes:
    """y = x as bfloat16."""
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BFLOAT16)
    return build([node], [tensor("x", [count])], [tensor("y", [count], TensorProto.BFLOAT16)])


def tensor(name: str, dims: Sequence[int], element: int = TensorProto.FLOAT) -> Any:
    """An input or output."""
    return helper.make_tensor_value_info(name, element, dims)


def build(nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> bytes:
    """The bytes of an ONNX file."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())


def identity(
    dims: Sequence[int] = (3,), element: int = TensorProto.FLOAT, source: str = "x", target: str = "y"
) -> bytes:
    """y = x."""
    node = helper.make_node("Identity", [source], [target])
    return build([node], [tensor(source, dims, element)], [tensor(target, dims, element)])


def two_of_each() -> bytes:
    """sum and difference of left [2, 3] and right [2, 3]."""
    nodes = [
        helper.make_node("Add", ["left", "right"], ["sum"]),
        helper.make_node("Sub", ["left", "right"], ["difference"]),
    ]
    sides = [tensor("left", [2, 3]), tensor("right", [2, 3])]
    return build(nodes, sides, [tensor("sum", [2, 3]), tensor("difference", [2, 3])])


def gather() -> bytes:
    """picked = data[index]: four floats, one int64. An index outside -4..3 makes the computation fail."""
    node = helper.make_node("Gather", ["data", "index"], ["picked"])
    inputs = [tensor("data", [4]), tensor("index", [1], TensorProto.INT64)]
    return build([node], inputs, [tensor("picked", [1])])


def passing(names: Sequence[str]) -> bytes:
    """out0, out1, ... are the inputs of these names, one float each."""
    nodes = [helper.make_node("Identity", [name], [f"out{index}"]) for index, name in enumerate(names)]
    outputs = [tensor(f"out{index}", [1]) for index in range(len(names))]
    return build(nodes, [tensor(name, [1]) for name in names], outputs)


def named(names: Sequence[str], element: int = TensorProto.FLOAT) -> bytes:
    """x of three elements, as it is, under each of the names."""
    nodes = [helper.make_node("Identity", ["x"], [name]) for name in names]
    return build(nodes, [tensor("x", [3], element)], [tensor(name, [3], element) for name in names])

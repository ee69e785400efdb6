"""Divisions of 64-bit numbers, on which onnxruntime dies: the least one by -1 is a trap of the processor.

All narrower types give the least number again, as two's complement does, and so do these afterwards.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_ONNX = ("", "ai.onnx")
_INT64 = 7
_FIRST = 9  # the opset that has Where


def tame(model: "ModelProto") -> bool:
    """Make the divisions that are known to be of 64-bit numbers divide by -1 without a division. Returns if any was.

    Known is what inputs, weights, constants, and the types that the file gives tell; nodes of functions are left alone.
    """
    opset = max((each.version for each in model.opset_import if each.domain in _ONNX), default=0)
    return opset >= _FIRST and _tame(model.graph, set(), {})


def _tame(graph: "GraphProto", wide: set[str], constants: "dict[str, TensorProto]") -> bool:
    """`wide` are the 64-bit tensors of the graphs around this one, `constants` those of them that never change."""
    import onnx

    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            known.update((node.output[0], attribute.t) for attribute in node.attribute)
    fed = {value.name for value in graph.input}
    constants = constants | {
        name: tensor for name, tensor in known.items() if tensor.data_type == _INT64 and name not in fed
    }
    values = (*graph.input, *graph.output, *graph.value_info)
    wide = wide | constants.keys() | {each.name for each in values if each.type.tensor_type.elem_type == _INT64}
    found = False
    nodes: list[NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found = _tame(inner, wide, constants) or found
        is_risky = node.op_type == "Div" and node.domain in _ONNX and not wide.isdisjoint((*node.input, *node.output))
        nodes += _tamed(node) if is_risky and _may_negate(constants.get(node.input[1])) else [node]
    if len(nodes) > len(graph.node):
        found = True
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    return found


def _may_negate(divisor: "TensorProto | None") -> bool:
    """Whether a divisor may be -1; a constant (not None) with other numbers only never is."""
    import onnx

    try:
        return divisor is None or bool((onnx.numpy_helper.to_array(divisor) == -1).any())
    except Exception:  # noqa: BLE001 - data that is no array: the engine says so
        return True


def _tamed(node: "NodeProto") -> "list[NodeProto]":
    """Nodes that give what the division gives, and the least number for the least one by -1."""
    import numpy as np
    from onnx import helper, numpy_helper

    dividend, divisor = node.input
    result = node.output[0]
    own = f"{result}/aclsim"
    return [
        helper.make_node("Constant", [], [f"{own}/-1"], value=numpy_helper.from_array(np.array(-1, np.int64))),
        helper.make_node("Constant", [], [f"{own}/1"], value=numpy_helper.from_array(np.array(1, np.int64))),
        helper.make_node("Equal", [divisor, f"{own}/-1"], [f"{own}/negates"]),
        helper.make_node("Neg", [dividend], [f"{own}/negative"]),
        helper.make_node("Where", [f"{own}/negates", f"{own}/1", divisor], [f"{own}/divisor"]),
        helper.make_node("Div", [dividend, f"{own}/divisor"], [f"{own}/quotient"], name=node.name),
        helper.make_node("Where", [f"{own}/negates", f"{own}/negative", f"{own}/quotient"], [result]),
    ]

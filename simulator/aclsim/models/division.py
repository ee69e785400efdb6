"""Divisions of whole numbers on which onnxruntime dies: the least one by -1 is a trap of the processor.

That is so for 32 and 64 bits. Narrower types give the least number again, as two's complement does, and so do these
afterwards.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_ONNX = ("", "ai.onnx")
_INT32, _INT64 = 6, 7
_FIRST = 9  # the opset that has Where
_COUNTS = frozenset({"ArgMax", "ArgMin", "NonZero", "Shape", "Size"})  # give 64 bits
_KEEP = frozenset(
    {
        *("Abs", "Add", "Clip", "Concat", "CumSum", "Div", "Expand", "Flatten", "Gather", "GatherElements", "GatherND"),
        *("Identity", "Max", "Min", "Mod", "Mul", "Neg", "Pad", "Pow", "Range", "ReduceMax", "ReduceMin", "ReduceProd"),
        *("ReduceSum", "Relu", "Reshape", "ScatterElements", "ScatterND", "Sign", "Slice", "Split", "Squeeze", "Sub"),
        *("Sum", "Tile", "Transpose", "Trilu", "Unsqueeze"),
    }
)
"""Operators whose outputs have the type of the first input."""


def tame(model: "ModelProto") -> bool:
    """Make the divisions that are known to be of such numbers divide by -1 without a division. Returns if any was.

    Known is what inputs, weights, constants, the types in the file, and the operators in between tell; nodes of
    functions are left alone.
    """
    opset = max((each.version for each in model.opset_import if each.domain in _ONNX), default=0)
    return opset >= _FIRST and _tame(model.graph, {}, {})


def _tame(graph: "GraphProto", types: dict[str, int], constants: dict[str, Any]) -> bool:
    """`types` and `constants` are what the graphs around this one know: elements by name, and tensors or numbers."""
    import onnx

    fed = {value.name for value in graph.input}
    types = types | {each.name: each.data_type for each in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        types[value.name] = value.type.tensor_type.elem_type
    constants = constants | {each.name: each for each in graph.initializer if each.name not in fed}
    found = False
    nodes: list[NodeProto] = []
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                found = _tame(inner, types, constants) or found
        if node.op_type == "Constant":
            constants.update((node.output[0], each) for each in map(_content, node.attribute) if each is not None)
        for name in node.output:
            types.setdefault(name, _result_type(node, types))
        element = next((types[name] for name in (*node.input, *node.output) if types.get(name)), 0)
        risky = node.op_type == "Div" and node.domain in _ONNX and element in (_INT32, _INT64)
        if risky and _may_negate(constants.get(node.input[1])):
            nodes += _tamed(node, element)
        else:
            nodes.append(node)
    if len(nodes) > len(graph.node):
        found = True
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    return found


def _content(attribute: Any) -> Any:
    """The tensor or the whole numbers of a constant, None for others."""
    return {"value": attribute.t, "value_int": attribute.i, "value_ints": list(attribute.ints)}.get(attribute.name)


def _result_type(node: "NodeProto", types: dict[str, int]) -> int:
    """The element type of a node's outputs, 0 where it is not known."""
    if node.domain not in _ONNX:
        return 0
    if node.op_type == "Cast":
        return next((attribute.i for attribute in node.attribute if attribute.name == "to"), 0)
    if node.op_type == "Constant":
        by_name = {attribute.name: attribute.t.data_type for attribute in node.attribute}
        return by_name.get("value", 0) or (_INT64 if not by_name.keys().isdisjoint({"value_int", "value_ints"}) else 0)
    if node.op_type in _COUNTS:
        return _INT64
    if node.op_type == "Where":
        return types.get(node.input[1], 0)
    return types.get(node.input[0], 0) if node.op_type in _KEEP and node.input else 0


def _may_negate(divisor: Any) -> bool:
    """Whether a divisor may be -1; a constant (not None) with other numbers only never is."""
    import numpy as np
    import onnx

    try:
        values = onnx.numpy_helper.to_array(divisor) if isinstance(divisor, onnx.TensorProto) else np.array(divisor)
        return divisor is None or bool((values == -1).any())
    except Exception:  # noqa: BLE001 - data that is no array: the engine says so
        return True


def _tamed(node: "NodeProto", element: int) -> "list[NodeProto]":
    """Nodes that give what the division gives, and the least number for the least one by -1."""
    import numpy as np
    from onnx import helper, numpy_helper

    dividend, divisor = node.input
    result = node.output[0]
    own = f"{result}/aclsim"
    minus_one = np.array(-1, np.int32 if element == _INT32 else np.int64)
    return [
        helper.make_node("Constant", [], [f"{own}/-1"], value=numpy_helper.from_array(minus_one)),
        helper.make_node("Constant", [], [f"{own}/1"], value=numpy_helper.from_array(abs(minus_one))),
        helper.make_node("Equal", [divisor, f"{own}/-1"], [f"{own}/negates"]),
        helper.make_node("Neg", [dividend], [f"{own}/negative"]),
        helper.make_node("Where", [f"{own}/negates", f"{own}/1", divisor], [f"{own}/divisor"]),
        helper.make_node("Div", [dividend, f"{own}/divisor"], [f"{own}/quotient"], name=node.name),
        helper.make_node("Where", [f"{own}/negates", f"{own}/negative", f"{own}/quotient"], [result]),
    ]

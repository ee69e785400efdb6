"""ONNX models that are wrong, each in one way, and small good ones of many kinds to damage."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.contract.models import add, build, external, gather, identity, tensor, two_of_each, weighted

node = helper.make_node
INT64 = TensorProto.INT64


def changed(data: bytes, **fields: Any) -> bytes:
    """A model with other fields of its top, such as `ir_version`."""
    model = onnx.load_model_from_string(data)
    for field, value in fields.items():
        setattr(model, field, value)
    return bytes(model.SerializeToString())


def with_opsets(data: bytes, *opsets: tuple[str, int]) -> bytes:
    """A model that imports these domains and versions and no others."""
    model = onnx.load_model_from_string(data)
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*each) for each in opsets)
    return bytes(model.SerializeToString())


def one(operator: str, inputs: Sequence[str] = ("x",), *, opset: int = 17, **attributes: Any) -> bytes:
    """y[4] = operator(x[4]): one node, with whatever attributes."""
    return build([node(operator, inputs, ["y"], **attributes)], [tensor("x", [4])], [tensor("y", [4])], opset=opset)


def with_weight(weight: TensorProto) -> bytes:
    """y = x + w with this weight."""
    return build([node("Add", ["x", "w"], ["y"])], [tensor("x", [4])], [tensor("y", [4])], [weight])


def weight(dims: Iterable[int], raw: bytes, element: int = TensorProto.FLOAT) -> TensorProto:
    """The weight `w` with whatever bytes."""
    return TensorProto(name="w", data_type=element, dims=dims, raw_data=raw)


def sparse(dims: Sequence[int], indices: Sequence[int]) -> bytes:
    """y = x + w, where w is sparse and has ones at the indices."""
    model = onnx.load_model_from_string(one("Add", ["x", "w"]))
    values = numpy_helper.from_array(np.ones(len(indices), np.float32), "w")
    places = numpy_helper.from_array(np.array(indices, np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, dims))
    return bytes(model.SerializeToString())


def branches(depth: int, *, outputs: int = 1) -> bytes:
    """y = x, through so many Ifs within each other."""

    def graph(level: int) -> Any:
        made = [f"{side}{level}" for side in "oe"]
        leaf = helper.make_graph([node("Identity", ["x"], [made[1]])], "else", [], [tensor(made[1], [4])])
        inner = node("Identity", ["x"], [made[0]])
        if level:
            inner = node("If", ["c"], [made[0]], then_branch=graph(level - 1), else_branch=leaf)
        return helper.make_graph([inner], "then", [], [tensor(made[0], [4])])

    names = [f"y{index}" if index else "y" for index in range(outputs)]
    both = graph(depth)
    return build(
        [node("If", ["c"], names, then_branch=both, else_branch=both)],
        [tensor("x", [4]), tensor("c", [], TensorProto.BOOL)],
        [tensor(name, [4]) for name in names],
    )


def loop(trips: int | None = 5) -> bytes:
    """y = x + 1 + 1 + ..., so many times; None: without an end."""
    body = helper.make_graph(
        [node("Identity", ["go"], ["more"]), node("Add", ["v", "one"], ["next"])],
        "body",
        [tensor("i", [], INT64), tensor("go", [], TensorProto.BOOL), tensor("v", [4])],
        [tensor("more", [], TensorProto.BOOL), tensor("next", [4])],
    )
    weights = [
        numpy_helper.from_array(np.array(trips or 0, np.int64), "trips"),
        numpy_helper.from_array(np.array(True), "yes"),
        numpy_helper.from_array(np.ones(4, np.float32), "one"),
    ]
    call = node("Loop", ["trips" if trips is not None else "", "yes", "x"], ["y"], body=body)
    return build([call], [tensor("x", [4])], [tensor("y", [4])], weights)


def functions(*bodies: tuple[str, Sequence[str]]) -> bytes:
    """y = the last function of x; each has a name and calls others one after the other, "Relu" or "Neg" at last."""
    made = []
    for name, calls in bodies:
        wires = ["a", *(f"t{index}" for index in range(1, len(calls))), "b"]
        nodes = [
            node(call, [wires[index]], [wires[index + 1]], domain="" if call in ("Relu", "Neg") else "own")
            for index, call in enumerate(calls)
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
        made.append(helper.make_function("own", name, ["a"], ["b"], nodes, opsets))
    call = node(bodies[-1][0], ["x"], ["y"], domain="own")
    model = onnx.load_model_from_string(build([call], [tensor("x", [4])], [tensor("y", [4])]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(made)
    return bytes(model.SerializeToString())


def doubling(depth: int) -> bytes:
    """A function that calls one twice that calls one twice ..., so deep: two to the depth calls."""
    return functions(("F0", ["Relu"]), *((f"F{level}", [f"F{level - 1}"] * 2) for level in range(1, depth + 1)))


def in_sequences(depth: int) -> bytes:
    """An input that is a sequence of sequences of ..., so deep."""
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, [4])
    for _ in range(depth):
        kind = helper.make_sequence_type_proto(kind)
    return build([node("Identity", ["x"], ["y"])], [helper.make_value_info("x", kind)], [tensor("y", [4])])


def einsum(equation: str) -> bytes:
    """An Einsum of one matrix."""
    call = node("Einsum", ["x"], ["y"], equation=equation)
    return build([call], [tensor("x", [2, 2])], [tensor("y", [2, 2])])


def gather_nd(batch_dims: int) -> bytes:
    """A GatherND of a matrix."""
    call = node("GatherND", ["x", "i"], ["y"], batch_dims=batch_dims)
    index = numpy_helper.from_array(np.zeros((1, 2), np.int64), "i")
    return build([call], [tensor("x", [2, 2])], [tensor("y", [1])], [index])


def layer_normalization(axis: int, inputs: Sequence[str] = ("x", "w")) -> bytes:
    """A LayerNormalization of a matrix."""
    scale = numpy_helper.from_array(np.ones(4, np.float32), "w")
    call = node("LayerNormalization", inputs, ["y"], axis=axis)
    return build([call], [tensor("x", [2, 4])], [tensor("y", [2, 4])], [scale])


def split(outputs: int, count: int) -> bytes:
    """A Split into `outputs` that says it has `count`."""
    names = [f"y{index}" for index in range(outputs)]
    call = node("Split", ["x"], names, num_outputs=count)
    return build([call], [tensor("x", [8])], [tensor(name, [4]) for name in names], opset=18)


def _renamed(data: bytes) -> bytes:
    return data.replace(b"left", b"le\xff\xfe")


CHECKED = {
    "no op of that name": one("Nope"),
    "an op of an unknown domain": one("Nope", domain="no.such"),
    "an attribute too many": one("Relu", bogus=3),
    "an attribute of another type": one("Softmax", axis="three"),
    "an attribute missing": one("If"),
    "inputs too many": one("Relu", ["x", "x", "x"]),
    "an input from nowhere": one("Relu", ["nowhere"]),
    "a cycle": build(
        [node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])],
        [tensor("x", [4])],
        [tensor("y", [4])],
    ),
    "two nodes with one output": build(
        [node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])], [tensor("x", [4])], [tensor("y", [4])]
    ),
    "two inputs of one name": build([node("Relu", ["x"], ["y"])], [tensor("x", [4])] * 2, [tensor("y", [4])]),
    "an input without a name": build([node("Relu", [""], ["y"])], [tensor("", [4])], [tensor("y", [4])]),
    "a node without an operator": one(""),
    "a future format": changed(add(), ir_version=999),
    "a format of version 0": changed(add(), ir_version=0),
    "no opset": with_opsets(add()),
    "opset 0": with_opsets(add(), ("", 0)),
    "an opset below 0": with_opsets(add(), ("", -3)),
    "a weight that is short": with_weight(weight([4], bytes(15))),
    "a weight without data": with_weight(TensorProto(name="w", data_type=1, dims=[4])),
    "a weight without a type": with_weight(weight([4], bytes(16), 0)),
    "a weight in the wrong field": with_weight(TensorProto(name="w", data_type=1, dims=[4], int32_data=[1, 2, 3, 4])),
    "a weight in two fields": with_weight(
        TensorProto(name="w", data_type=1, dims=[1], raw_data=bytes(4), float_data=[0])
    ),
    "a text in raw data": with_weight(weight([4], bytes(16), TensorProto.STRING)),
    "a sparse weight out of range": sparse([4], [99]),
    "a sparse weight below 0": sparse([4], [-3]),
    "a sparse weight out of order": sparse([4], [3, 1]),
    "a function of another domain": changed(functions(("F", ["Relu"])), ir_version=8).replace(b"own", b"owm", 1),
    "breaks and colours in names": build(
        [node("No\npe\x1b[2J", ["x"], ["y"], domain="no.such\r\n\x1b[31m\x07\x00")],
        [tensor("x", [4])],
        [tensor("y", [4])],
    ),
    "a very long name": one("Nope" * 30_000),
}
"""What onnx's checker refuses."""

KILLING = {
    "endless Einsum": einsum("i...j..->ij"),
    "Einsum with one dot": einsum("ij.->ij"),
    "Einsum of digits": einsum("1j->j"),
    "GatherND before the first dim": gather_nd(-5),
    "GatherND far before it": gather_nd(-(1 << 63)),
    "LayerNormalization far behind the last dim": layer_normalization(1 << 31),
    "Max without a name": one("Max", ["x", "", "x"]),
    "Mean without a name at the end": one("Mean", ["x", ""]),
    "Split into more than it says": split(3, 2),
    "functions that double": doubling(40),
}
"""What the checker takes, and onnx or onnxruntime crash or never end on."""

REFUSED_LATER = {
    "shapes that do not go together": build(
        [node("MatMul", ["a", "b"], ["y"])], [tensor("a", [3, 4]), tensor("b", [3, 4])], [tensor("y", [3, 4])]
    ),
    "an output of another type": build([node("Relu", ["x"], ["y"])], [tensor("x", [4])], [tensor("y", [4], 6)]),
    "a step of 0": build(
        [node("Slice", ["x", "a", "b", "", "s"], ["y"])],
        [tensor("x", [4])],
        [tensor("y", [4])],
        [numpy_helper.from_array(np.array([value], np.int64), name) for name, value in (("a", 0), ("b", 4), ("s", 0))],
    ),
    "branches with too few outputs": branches(0, outputs=2),
    "a permutation of nothing": one("Transpose", perm=[5]),
}
"""What the checker takes, and onnxruntime refuses as wrong."""

NO_MODELS = {
    "an html page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 20,
    "a text": b"hello world, this is a readme\n" * 30,
    "JSON": b'{"model": [1, 2, 3]}' * 30,
    "a .gz file": b"\x1f\x8b\x08\x00" + bytes(300),
    "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 300,
    "a claim of 2 GiB": b"\x3a\xff\xff\xff\xff\x07" + bytes(300),
    "a claim of more than there are numbers": b"\x3a" + b"\xff" * 9 + b"\x01" + bytes(300),
    "deep nesting": b"\x3b" * 2000,
    "names that are no UTF-8": _renamed(two_of_each()),
    "a negative dim": identity([3, -4]),
    "more than an address space": identity([1 << 40, 1 << 40]),
    "a .om file that is cut": b"IMOD" + bytes(400),
}
"""What is wrong for the simulator before any engine sees it."""

INT4 = 22  # of TensorProto, where old versions of onnx lack the name

SEEDS = {
    "add": add(),
    "weighted": weighted(),
    "two of each": two_of_each(),
    "external": external(),
    "gather": gather(),
    "symbolic": identity(["n", 0]),
    "branches": branches(3),
    "loop": loop(),
    "functions": functions(("F", ["Relu", "Neg"]), ("G", ["F", "F"])),
    "sparse": sparse([4], [2]),
    "packed": with_weight(weight([4], bytes(2), INT4)),
    "sequences": in_sequences(3),
    "Einsum": einsum("ij->ji"),
    "GatherND": gather_nd(0),
    "Split": split(2, 2),
}
"""Good models, as far as the simulator takes them, to be damaged."""

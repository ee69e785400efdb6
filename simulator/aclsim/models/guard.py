"""ONNX models that onnx's checker takes, and on which onnx or onnxruntime crash, or work without an end.

Neither can be caught when it happens: the process is gone, or no signal reaches it. So what is known to do that is
looked for before. Each rule names what was seen; onnx 1.23 and onnxruntime 1.32 do it.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aclsim.models.refusal import Broken

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

_MOST_CALLS = 30_000  # onnxruntime takes 4 s for so many, and 40 s for twice as many

_TERM = r"[A-Za-z ]*(\.\.\.[A-Za-z ]*)?"
_EQUATION = re.compile(rf"{_TERM}(,{_TERM})*(->{_TERM})?")


def check_harmless(model: "ModelProto") -> None:
    """Look for what kills, in a model that the checker has taken.

    Raises:
        Broken: There is something.
    """
    for body, imports in [(model.graph, model.opset_import), *((each, each.opset_import) for each in model.functions)]:
        versions = {_domain(each.domain): each.version for each in imports}
        for node in _within(body):
            reason = _reason(node, versions)
            if reason is not None:
                raise Broken(f"node {node.name or list(node.output)!r} ({node.op_type}): {reason}")
    try:
        calls = _calls(model)
    except RecursionError:  # a newer checker refuses these
        raise Broken("its functions call themselves, or each other too deeply") from None
    if calls > _MOST_CALLS:
        raise Broken(f"its functions call each other {calls} times; the simulator takes at most {_MOST_CALLS}")


def _within(body: "GraphProto | FunctionProto") -> "Iterator[NodeProto]":
    """The nodes of a graph or a function, and those of the graphs in their attributes."""
    for node in body.node:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _within(graph)


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def cut_inputs(model: "ModelProto") -> bool:
    """Take away names that are empty from the ends of nodes' inputs: onnxruntime follows some. Returns if it did.

    An optional input that is left out at the end means the same as one with an empty name.
    """
    found = False
    for body in (model.graph, *model.functions):
        for node in _within(body):
            while node.input and not node.input[-1]:
                del node.input[-1]
                found = True
    return found


# -- single nodes ----------------------------------------------------------------------------------------------------


def _reason(node: "NodeProto", versions: dict[str, int]) -> str | None:
    """Why a node kills; None for a good one."""
    if "" in node.input:
        reason = _nameless(node, versions)
        if reason is not None:
            return reason
    rule = _RULES.get(node.op_type) if _domain(node.domain) == "" else None
    if rule is None:
        return None
    given = next((attribute.name for attribute in node.attribute if attribute.ref_attr_name), None)
    return rule(node) if given is None else f"{given} comes from whoever calls the function; write it down in the node"


def _nameless(node: "NodeProto", versions: dict[str, int]) -> str | None:
    """An input that is left out, though the operator needs it, is read all the same."""
    import onnx

    domain = _domain(node.domain)
    try:
        formal = onnx.defs.get_schema(node.op_type, versions.get(domain, 1), domain).inputs
    except onnx.defs.SchemaError:  # an operator of somebody else's
        return None
    for index, name in enumerate(node.input):
        each = formal[min(index, len(formal) - 1)]
        if not name and each.option != onnx.defs.OpSchema.FormalParameterOption.Optional:
            return f"input {index} ({each.name}) is left out, and it is not optional"
    return None


def _number(node: "NodeProto", name: str) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), 0)


def _text(node: "NodeProto", name: str) -> str:
    return next((attribute.s.decode(errors="replace") for attribute in node.attribute if attribute.name == name), "")


def _einsum(node: "NodeProto") -> str | None:
    """Dots that are no ellipsis, and labels that are no letters: the shape inference loops for ever, or crashes."""
    equation = _text(node, "equation")
    return None if _EQUATION.fullmatch(equation) else f"{equation!r} is no Einsum equation"


def _gather_nd(node: "NodeProto") -> str | None:
    """Dims in front of the first one are read."""
    dims = _number(node, "batch_dims")
    return f"batch_dims is {dims}, less than 0" if dims < 0 else None


def _layer_normalization(node: "NodeProto") -> str | None:
    """Dims behind the last one are read, far behind it, by the shape inference."""
    axis = _number(node, "axis")
    return None if abs(axis) < 1 << 31 else f"axis is {axis}"


def _split(node: "NodeProto") -> str | None:
    """Sizes are written for all outputs, into a list of so many."""
    count = _number(node, "num_outputs")
    return f"num_outputs is {count}, there are {len(node.output)}" if count not in (0, len(node.output)) else None


_RULES: "dict[str, Callable[[NodeProto], str | None]]" = {
    "Einsum": _einsum,
    "GatherND": _gather_nd,
    "LayerNormalization": _layer_normalization,
    "Split": _split,
}


# -- functions -------------------------------------------------------------------------------------------------------


def _calls(model: "ModelProto") -> int:
    """How often functions are called when all of them are written out, as onnxruntime does; doubling grows fast."""
    bodies = {(each.domain, each.name, getattr(each, "overload", "")): each for each in model.functions}
    if not bodies:
        return 0
    known: dict[tuple[str, str, str], int] = {}

    def calls(body: "GraphProto | FunctionProto") -> int:
        return sum(map(called, _within(body)))

    def called(node: "NodeProto") -> int:
        key = (node.domain, node.op_type, getattr(node, "overload", ""))
        if key not in bodies:
            return 0
        if key not in known:
            known[key] = calls(bodies[key])
        return 1 + known[key]

    return calls(model.graph)

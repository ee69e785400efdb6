"""The shapes of an ONNX model: its inputs' as a program fixes them, its outputs' told from them without computing."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from aclsim.models.description import Dims
from aclsim.models.refusal import Broken

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

Shapes = Sequence[Sequence[object]]
"""Shapes as an engine tells them: a number where a dim is known, anything else where it is not."""
Ask = Callable[[bytes], Shapes]
"""Tells the shapes of the outputs of an ONNX file whose inputs have fixed dims."""


def fix_inputs(model: "ModelProto", shapes: Mapping[str, Dims], ask: Ask | None = None) -> None:
    """Give inputs the dims that a program fixes, -1 for those that go on varying, and outputs the dims that follow.

    Raises:
        Broken: There is no such input, or it has another number of dims, or another number where the file has one.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    fed = {value.name: value for value in model.graph.input if value.name not in constants}
    for name, dims in shapes.items():
        if name not in fed:
            raise Broken(f"input_shapes has {name!r}, the inputs are {', '.join(map(repr, fed)) or 'none'}")
        own = _shape(fed[name])
        if len(own) != len(dims) or any(known not in (-1, dim) for known, dim in zip(own, dims, strict=True)):
            raise Broken(f"input {name!r} has the shape {own}, which input_shapes cannot make {dims}")
        _write(fed[name], dims)
    for value, dims in zip(model.graph.output, infer(model, {}, ask), strict=True):
        _write(value, dims)


def _write(value: "ValueInfoProto", dims: Sequence[int]) -> None:
    for place, dim in zip(value.type.tensor_type.shape.dim, dims, strict=True):
        if dim >= 0:
            place.dim_value = dim


def infer(model: "ModelProto", dims: Mapping[str, Dims], ask: Ask | None = None) -> list[Dims]:
    """The outputs' dims when the inputs have the given ones, or those of the file; -1 where only the data tells.

    onnx's shape inference tells them, and where that gives up `ask` does, which takes longer. What neither of them
    knows is as the file says.
    """
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        for dim, number in zip(value.type.tensor_type.shape.dim, dims.get(value.name, _shape(value)), strict=False):
            if number >= 0:
                dim.dim_value = number
            elif dim.dim_value < 0:  # the inference would count with it
                dim.Clear()
    for value in fixed.graph.output:  # what is symbolic there is what is asked for
        value.type.tensor_type.ClearField("shape")
    declared = list(map(_shape, model.graph.output))
    try:
        inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
        told: list[Shapes] = [list(map(_shape, inferred.graph.output)), declared]
        found = _first_known(told, declared)
        if ask is not None and any(dim < 0 for dims in found for dim in dims):
            told.insert(1, ask(fixed.SerializeToString()))
            found = _first_known(told, declared)
    except Exception:  # noqa: BLE001 - inference and engine raise what they like; the execution will tell
        return declared
    return found


def _shape(value: "ValueInfoProto") -> Dims:
    dims = value.type.tensor_type.shape.dim
    return tuple(max(dim.dim_value, -1) if dim.WhichOneof("value") == "dim_value" else -1 for dim in dims)


def _first_known(told: Sequence[Shapes], declared: Sequence[Dims]) -> list[Dims]:
    """For each dim the first number that was told; a shape of another rank than the declared one tells nothing."""
    found = []
    for dims, *shapes in zip(declared, *told, strict=True):
        fitting = [shape for shape in shapes if len(shape) == len(dims)]
        candidates = [[dim for dim in each if isinstance(dim, int) and dim >= 0] for each in zip(*fitting, strict=True)]
        found.append(tuple(known[0] if known else -1 for known in candidates))
    return found

"""Models of few elements in many dtypes, and the ways to compute them: the simulator's, and those to compare it with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from aclsim.models.dtypes import BY_ONNX
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import aclcffi
from aclcffi.dtypes import dtype_of
from tests.contract.acl import Acl
from tests.contract.models import Array, Program, build, described, onnx_model, tensor

FLOAT, FLOAT16, BFLOAT16, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE
INT8, UINT8, INT32, INT64, BOOL = (
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
)


class Model(NamedTuple):
    """An ONNX file, and the dtype and the shape of each input."""

    data: bytes
    inputs: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]


def model(
    nodes: Sequence[Any], inputs: Mapping[str, tuple[int, ...]], outputs: Mapping[str, int], weights: Sequence[Any] = ()
) -> Model:
    """A model with fixed shapes: each input is (element, dims...), each output an element with the dims that onnx infers."""
    ins = [tensor(name, dims, element) for name, (element, *dims) in inputs.items()]
    outs = [helper.make_tensor_value_info(name, element, None) for name, element in outputs.items()]
    inferred = onnx_shapes(build(nodes, ins, outs, weights))
    fixed = [tensor(name, inferred[name], element) for name, element in outputs.items()]
    kinds = tuple((dtype_of(BY_ONNX[element]), tuple(dims)) for element, *dims in inputs.values())
    return Model(build(nodes, ins, fixed, weights), kinds)


def onnx_shapes(data: bytes) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's outputs as onnx infers them."""
    from onnx import shape_inference

    inferred = shape_inference.infer_shapes(onnx_model(data))
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in inferred.graph.output
    }


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    """A node; inputs and outputs in one text each."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def constant(name: str, element: int, values: Any, dims: Sequence[int] = ()) -> Any:
    """A weight."""
    return helper.make_tensor(name, element, dims, np.ravel(values))


def identity(element: int, count: int = 16) -> Model:
    """y = x."""
    return model([node("Identity", "x", "y")], {"x": (element, count)}, {"y": element})


def cast(source: int, target: int, count: int = 16) -> Model:
    """y = x in another element type."""
    return model([node("Cast", "x", "y", to=target)], {"x": (source, count)}, {"y": target})


# -- computing ---------------------------------------------------------------------------------------------------------


def by_onnxruntime(of: Model, feeds: Sequence[Array]) -> list[Array]:
    """What onnxruntime computes when it is called directly, of tensors of the same dtypes.

    Through its binding, which takes bfloat16 too. Raises what onnxruntime raises.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(of.data, options, providers=["CPUExecutionProvider"])
    graph, binding, outputs = onnx_model(of.data).graph, session.io_binding(), []
    for value, array in zip(graph.input, feeds, strict=True):
        element = value.type.tensor_type.elem_type
        binding.bind_input(value.name, "cpu", 0, bound(element), array.shape, array.ctypes.data)
    for value in graph.output:
        element, dims = value.type.tensor_type.elem_type, [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        outputs.append(np.empty(dims, dtype_of(BY_ONNX[element])))
        binding.bind_output(value.name, "cpu", 0, bound(element), dims, outputs[-1].ctypes.data)
    session.run_with_iobinding(binding)
    return outputs


def bound(element: int) -> Any:
    """An element type as a binding takes it: a numpy type where there is one, else ONNX's number."""
    return element if element == BFLOAT16 else dtype_of(BY_ONNX[element]).type


def by_reference(of: Model, feeds: Sequence[Array]) -> list[Array]:
    """What onnx's own evaluator computes."""
    proto = onnx_model(of.data)
    names = [value.name for value in proto.graph.input]
    return list(ReferenceEvaluator(proto).run(None, dict(zip(names, feeds, strict=True))))


class Machine:
    """A simulated machine for many examples: models are loaded once for the C functions and once for the objects."""

    def __init__(self, engine: str) -> None:
        self.backend = aclcffi.open_backend("simulator", engine=engine)
        self.session = aclcffi.Session(self.backend)
        self.acl = Acl(self.backend)
        self._loaded: dict[bytes, tuple[Program, aclcffi.Model]] = {}

    def close(self) -> None:
        """Close it with everything that was loaded."""
        self.session.close()
        self.backend.close()

    def loaded(self, of: Model) -> tuple[Program, aclcffi.Model]:
        """The model for either level."""
        if of.data not in self._loaded:
            self._loaded[of.data] = Program(self.acl, of.data), self.session.load(of.data)
        return self._loaded[of.data]

    def compute(self, of: Model, feeds: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        """The outputs as the C functions give them, and as the object API does."""
        program, objects = self.loaded(of)
        program.feed(*feeds)
        self.acl.ok(program.execute())
        desc, raw = described(self.acl, program.id), []
        for index, (memory, size) in enumerate(zip(program.output_memory, program.output_sizes, strict=True)):
            dtype = dtype_of(self.acl.aclmdlGetOutputDataType(desc, index))
            raw.append(np.frombuffer(self.acl.read(memory, size), dtype).reshape(objects.outputs[index].shape))
        self.acl.ok(self.acl.aclmdlDestroyDesc(desc))
        names = [info.name for info in objects.inputs]
        return raw, list(objects(dict(zip(names, feeds, strict=True))).values())

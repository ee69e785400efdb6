"""ONNX files: described with onnx, computed with onnxruntime or onnx's reference evaluator."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.arrays import numpy_views
from aclsim.models.description import Array, Computation, Dims, Executable, Gears, Tensor, work_size
from aclsim.models.division import tame
from aclsim.models.dtypes import BY_ONNX, dense_bytes
from aclsim.models.engines import Engine, import_or_refuse, make_engine, shapes_by
from aclsim.models.external import take_in
from aclsim.models.guard import check_harmless, cut_inputs
from aclsim.models.onnx_shapes import fix_inputs, infer
from aclsim.models.refusal import Broken, Unrecognised, Unsupported

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

_FORMAT_NCHW, _FORMAT_ND = 0, 2
_SHAPES = 64  # how many sets of input shapes a model keeps the inferred outputs of


def load_onnx(
    data: bytes,
    folder: Path | None,
    engine: str | None,
    weights: Mapping[str, bytes],
    input_shapes: Mapping[str, Dims],
) -> Executable:
    """Make an executable of an ONNX file's bytes; see `aclsim.models.formats.load_model`."""
    onnx = import_or_refuse("onnx")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # noqa: BLE001 - protobuf raises what it likes
        raise Unrecognised(f"it does not parse as ONNX: {error}") from None
    if not model.graph.output:
        raise Unrecognised("it is no ONNX model: there is no graph with an output in it")
    external = take_in(model, folder, weights)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # noqa: BLE001 - the checker's own words are the message
        raise Broken(f"onnx's checker refuses the model: {error}") from None
    check_harmless(model)
    if any([external, cut_inputs(model), tame(model)]):  # in a list: all of them are to happen
        data = model.SerializeToString()
    if input_shapes:  # the engine goes on taking any shape: what it computes does not depend on what is fixed
        fix_inputs(model, input_shapes, shapes_by(engine))
    return OnnxModel(model, data, engine)


class OnnxModel:
    """An ONNX model; with symbolic dims a dynamic-shape one. Sizes are in bytes; tensors are dense, in C order."""

    gears: Gears | None = None
    duration_ns: int | None = None
    failure = 0

    def __init__(self, model: "ModelProto", data: bytes, engine: str | None) -> None:
        constants = {tensor.name for tensor in model.graph.initializer}
        fed = [value for value in model.graph.input if value.name not in constants]
        self.inputs = tuple(_tensor(value, first=True) for value in fed)
        self.outputs = tuple(_tensor(value, first=False) for value in model.graph.output)
        self.name = str(model.graph.name)
        self.dynamic = not all(tensor.fixed for tensor in self.inputs + self.outputs)
        weights = [part for sparse in model.graph.sparse_initializer for part in (sparse.values, sparse.indices)]
        self.weight_size = sum(_weight_bytes(tensor) for tensor in (*model.graph.initializer, *weights))
        self.work_size = 0 if self.dynamic else work_size(self.inputs + self.outputs)
        self._inferred: Callable[[tuple[Dims, ...]], list[Dims]] | None = None
        if self.dynamic:
            names, ask = [tensor.name for tensor in self.inputs], shapes_by(engine)
            self._inferred = lru_cache(_SHAPES)(lambda dims: infer(model, dict(zip(names, dims, strict=True)), ask))
        if engine is not None:
            self._engine: Engine = make_engine(engine, model, data, self.inputs, self.outputs)

    def bind(self, inputs: Sequence[Array]) -> Computation:
        """Prepare to compute with arrays of these shapes, in this memory.

        The computation raises a Fault with 507011 and the engine's words when it fails.
        """
        try:
            feeds = numpy_views(self.inputs, inputs)
            compute = self._engine.bind(feeds, lambda: self.infer([array.dims for array in inputs]))
        except Exception as error:  # noqa: BLE001 - engines raise what they like
            raise _failed(error) from None

        def computation() -> list[Array]:
            try:
                return compute()
            except Exception as error:  # noqa: BLE001 - engines raise what they like
                raise _failed(error) from None

        return computation

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims as onnx's shape inference and onnxruntime find them; -1 where only the data tells."""
        return [tensor.dims for tensor in self.outputs] if self._inferred is None else self._inferred(tuple(inputs))


def _failed(error: Exception) -> Fault:
    return Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, f"the model's computation failed: {error}")


def _data_type(value: "ValueInfoProto") -> int:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise Unsupported(f"{value.name!r} is no tensor but a {kind}; ACL models have tensors only")
    number = value.type.tensor_type.elem_type
    data_type = BY_ONNX.get(number)
    if data_type is None:
        raise Unsupported(f"{value.name!r} has ONNX element type {number}, which no aclDataType of whole bytes holds")
    return data_type


def _tensor(value: "ValueInfoProto", *, first: bool) -> Tensor:
    if not isinstance(value.name, str):
        raise Broken(f"it has a tensor with the name {value.name!r}, which is no UTF-8")
    data_type = _data_type(value)
    if not value.type.tensor_type.HasField("shape"):
        raise Unsupported(f"{value.name!r} has no shape; give it one, with symbolic dims where it varies")
    dims = []
    for dim in value.type.tensor_type.shape.dim:
        # Paddle's converter writes -1 for a dim that varies.
        number = dim.dim_value if dim.WhichOneof("value") == "dim_value" else -1
        if number < -1:
            raise Broken(f"{value.name!r} has the dimension {number}")
        dims.append(number)
    # The converter's default for ONNX: a 4-D input is NCHW, everything else has no layout.
    layout = _FORMAT_NCHW if first and len(dims) == 4 else _FORMAT_ND
    size = 0 if -1 in dims else dense_bytes(value.name, dims, data_type)
    return Tensor(value.name, tuple(dims), data_type, layout, size)


def _weight_bytes(tensor: "TensorProto") -> int:
    data_type = BY_ONNX.get(tensor.data_type)
    if data_type is None:  # packed 4-bit numbers and strings: as many bytes as the file keeps
        return len(tensor.raw_data)
    return dense_bytes(tensor.name, tensor.dims, data_type)

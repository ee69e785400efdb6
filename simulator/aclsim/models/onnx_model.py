"""ONNX files: described with onnx, computed with onnxruntime or onnx's reference evaluator."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.dtypes import dtype_of, needs_ml_dtypes
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.description import Array, Dims, Executable, Gears, Tensor
from aclsim.models.division import tame
from aclsim.models.dtypes import BY_ONNX, TO_ONNX, dense_bytes
from aclsim.models.external import take_in
from aclsim.models.guard import check_harmless, cut_inputs
from aclsim.models.refusal import Broken, Refusal, Unrecognised, Unsupported

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

ENGINES = ("onnxruntime", "reference")

_FORMAT_NCHW, _FORMAT_ND = 0, 2
_WORK_STEP = 512

_WRONG = ("InferenceError]", "INVALID_GRAPH", "Type Error", "INVALID_PROTOBUF")
_MISSING = ("is not a registered function/op", "No Op registered", "NOT_IMPLEMENTED")
"""What onnxruntime says of a model that is wrong in itself, and of an operator that it does not have."""

Feeds = dict[str, Any]
Compute = Callable[[Feeds], list[Any]]


def load_onnx(data: bytes, folder: Path | None, engine: str | None, weights: Mapping[str, bytes]) -> Executable:
    """Make an executable of an ONNX file's bytes; see `aclsim.models.formats.load_model`."""
    onnx = _import("onnx")
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
    changed = [external, cut_inputs(model), tame(model)]
    return OnnxModel(model, model.SerializeToString() if any(changed) else data, engine)


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unsupported(f"{name} is needed to run ONNX models: install aclcffi[onnx] ({error})") from None


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
        weights = [part for sparse in model.graph.sparse_initializer for part in (sparse.values, sparse.indices)]
        self.weight_size = sum(_weight_bytes(tensor) for tensor in (*model.graph.initializer, *weights))
        bytes_of_tensors = sum(tensor.size for tensor in self.inputs + self.outputs)
        # Fixed so that it is the same everywhere: no engine's arena says what the device would need.
        self.work_size = 0 if self.dynamic else max(-(-bytes_of_tensors // _WORK_STEP), 1) * _WORK_STEP
        self._proto = model if self.dynamic else None
        self._inferred: dict[tuple[Dims, ...], list[Dims]] = {}
        if engine == "onnxruntime":
            self._compute = _onnxruntime(data, self)
        elif engine == "reference":
            self._compute = _reference(model)

    @property
    def dynamic(self) -> bool:
        """Whether a dim is known at execution only."""
        return not all(tensor.fixed for tensor in self.inputs + self.outputs)

    def compute(self, inputs: Sequence[Array]) -> list[Array]:
        """Compute with the shapes that come in.

        Raises:
            Fault: 507011 with the engine's words when it fails.
        """
        import numpy as np

        try:
            feeds = {
                tensor.name: np.frombuffer(array.view, dtype_of(tensor.dtype)).reshape(array.dims)
                for tensor, array in zip(self.inputs, inputs, strict=True)
            }
            results = self._compute(feeds)
        except Exception as error:  # noqa: BLE001 - engines raise what they like
            raise Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, f"the model's computation failed: {error}") from None
        return [array_of(result) for result in results]

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims as onnx's shape inference finds them; -1 where only the data tells."""
        key = tuple(inputs)
        if self._proto is None:
            return [tensor.dims for tensor in self.outputs]
        if key not in self._inferred:
            self._inferred[key] = _infer(self._proto, {t.name: d for t, d in zip(self.inputs, key, strict=True)})
        return self._inferred[key]

    def run(self, inputs: list[memoryview], outputs: list[memoryview]) -> None:
        """Compute the outputs from the inputs, each view exactly one tensor.

        Raises:
            Fault: 507011 with the engine's words when it fails.
        """
        import numpy as np

        try:
            feeds = {
                tensor.name: np.frombuffer(view, dtype_of(tensor.dtype)).reshape(tensor.dims)
                for tensor, view in zip(self.inputs, inputs, strict=True)
            }
            results = self._compute(feeds)
        except Exception as error:  # noqa: BLE001 - engines raise what they like
            raise Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, f"the model's computation failed: {error}") from None
        for tensor, view, result in zip(self.outputs, outputs, results, strict=True):
            dense = np.ascontiguousarray(result)
            if dense.nbytes != tensor.size:
                raise Fault(
                    codes.ACL_ERROR_RT_MODEL_EXECUTE,
                    f"output {tensor.name!r} came out with shape {dense.shape} of {dense.dtype}, the model says "
                    f"{tensor.dims} of {dtype_of(tensor.dtype)}",
                )
            np.frombuffer(view, np.uint8)[:] = dense.reshape(-1).view(np.uint8)


def array_of(result: Any) -> Array:
    """The bytes and the shape of a numpy array."""
    import numpy as np

    flat: Any = np.ascontiguousarray(result).reshape(-1).view(np.uint8)
    return Array(memoryview(flat), np.shape(result))


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
        if dim.WhichOneof("value") != "dim_value":
            dims.append(-1)
            continue
        if dim.dim_value < 0:
            raise Broken(f"{value.name!r} has the dimension {dim.dim_value}")
        dims.append(dim.dim_value)
    # The converter's default for ONNX: a 4-D input is NCHW, everything else has no layout.
    layout = _FORMAT_NCHW if first and len(dims) == 4 else _FORMAT_ND
    size = 0 if -1 in dims else dense_bytes(value.name, dims, data_type)
    return Tensor(value.name, tuple(dims), data_type, layout, size)


def _infer(model: "ModelProto", dims: dict[str, Dims]) -> list[Dims]:
    """The outputs' dims when the inputs have the given ones."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        for dim, number in zip(value.type.tensor_type.shape.dim, dims.get(value.name, ()), strict=False):
            dim.dim_value = number
    for value in fixed.graph.output:  # what is symbolic there is what is asked for
        value.type.tensor_type.ClearField("shape")
    try:
        fixed = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    except Exception:  # noqa: BLE001 - the inference raises what it likes; the execution will tell
        fixed = model
    found = []
    for value, declared in zip(fixed.graph.output, model.graph.output, strict=True):
        told = value.type.tensor_type
        rank = len(declared.type.tensor_type.shape.dim)
        known = told.shape.dim if told.HasField("shape") else ()
        sizes = tuple(dim.dim_value if dim.WhichOneof("value") == "dim_value" else -1 for dim in known)
        found.append(sizes if len(sizes) == rank else (-1,) * rank)
    return found


def _weight_bytes(tensor: "TensorProto") -> int:
    data_type = BY_ONNX.get(tensor.data_type)
    if data_type is None:  # packed 4-bit numbers and strings: as many bytes as the file keeps
        return len(tensor.raw_data)
    return dense_bytes(tensor.name, tensor.dims, data_type)


def session_options(onnxruntime: Any) -> Any:
    """The options of every session: one thread, so that results do not depend on the machine, and no chatter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


def _refused(error: Exception) -> Refusal:
    """Why onnxruntime does not take a model: its types, shapes or edges do not go together, or it lacks something.

    Its words tell, not onnx's full check, which crashes on some of the models that onnxruntime refuses.
    """
    said = str(error)
    if any(words in said for words in _MISSING):
        return Unsupported(
            f'onnxruntime lacks something that the model needs; the engine "reference" may have it: {said}'
        )
    if any(words in said for words in _WRONG):
        return Broken(f"onnxruntime refuses the model: {said}")
    return Unsupported(f'onnxruntime cannot run the model; the engine "reference" may be able to: {said}')


def _onnxruntime(data: bytes, described: OnnxModel) -> Compute:
    onnxruntime = _import("onnxruntime")
    try:
        session = onnxruntime.InferenceSession(
            data,
            session_options(onnxruntime),
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # to the same provider once more, with words on the terminal
        )
    except Exception as error:  # noqa: BLE001 - onnxruntime's words are the message
        raise _refused(error) from None
    if any(needs_ml_dtypes(tensor.dtype) for tensor in described.inputs + described.outputs):
        return _by_address(session, described)
    names = [tensor.name for tensor in described.outputs]

    def compute(feeds: Feeds) -> list[Any]:
        results: list[Any] = session.run(names, feeds)
        return results

    return compute


def _by_address(session: Any, described: OnnxModel) -> Compute:
    """Compute with tensors that numpy does not know: bfloat16 and the 8-bit floats go in and out by address.

    Raises:
        Unsupported: This onnxruntime takes no such tensors; old ones do not.
    """
    import numpy as np

    inputs, outputs = described.inputs, described.outputs
    probe = np.zeros(1)
    try:
        for tensor in outputs:
            session.io_binding().bind_output(tensor.name, "cpu", 0, TO_ONNX[tensor.dtype], [1], probe.ctypes.data)
    except Exception as error:  # noqa: BLE001 - onnxruntime's words are the message
        raise Unsupported(f"this onnxruntime takes no bfloat16 and no 8-bit floats, newer ones do: {error}") from None

    def compute(feeds: Feeds) -> list[Any]:
        binding = session.io_binding()
        kept = []
        for tensor in inputs:
            dense = np.ascontiguousarray(feeds[tensor.name]).reshape(np.shape(feeds[tensor.name]))
            kept.append(dense)
            onnx_type = TO_ONNX[tensor.dtype]
            binding.bind_input(tensor.name, "cpu", 0, onnx_type, list(dense.shape), dense.ctypes.data)
        results = []
        shapes = described.infer([np.shape(feeds[tensor.name]) for tensor in inputs])
        for tensor, dims in zip(outputs, shapes, strict=True):
            if any(dim < 0 for dim in dims):
                raise ValueError(
                    f"only the data tells the shape of output {tensor.name!r}; beside types that numpy lacks the "
                    "inputs' shapes must tell it"
                )
            result = np.zeros(dims, dtype_of(tensor.dtype))
            results.append(result)
            onnx_type = TO_ONNX[tensor.dtype]
            binding.bind_output(tensor.name, "cpu", 0, onnx_type, list(dims), result.ctypes.data)
        session.run_with_iobinding(binding)
        return results

    return compute


def _reference(model: "ModelProto") -> Compute:
    from onnx.reference import ReferenceEvaluator

    try:
        evaluator = ReferenceEvaluator(model)
    except Exception as error:  # noqa: BLE001 - the evaluator's words are the message
        raise Unsupported(f"onnx's reference evaluator lacks something that the model needs: {error}") from None

    def compute(feeds: Feeds) -> list[Any]:
        return list(evaluator.run(None, feeds))

    return compute

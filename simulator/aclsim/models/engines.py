"""What computes ONNX models: onnxruntime, and onnx's reference evaluator."""

import importlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aclcffi.dtypes import dtype_of, needs_ml_dtypes
from aclsim.models.arrays import array_of
from aclsim.models.description import Array, Computation, Dims, Tensor
from aclsim.models.dtypes import TO_ONNX
from aclsim.models.onnx_shapes import Ask, Shapes
from aclsim.models.refusal import Broken, Refusal, Unsupported

if TYPE_CHECKING:
    from onnx import ModelProto

Feeds = dict[str, Any]
Infer = Callable[[], Sequence[Dims]]
"""Tells the outputs' dims, with -1 where only the data does."""


class Engine(Protocol):
    """Computes one model."""

    def bind(self, feeds: Feeds, infer: Infer) -> Computation:
        """Prepare to compute with the arrays in `feeds`; `infer` tells the outputs' dims.

        Both this and the computation raise what the engine raises.
        """


def import_or_refuse(name: str) -> Any:
    """Import a library that ONNX models need.

    Raises:
        Unsupported: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unsupported(f"{name} is needed to run ONNX models: install aclcffi[onnx] ({error})") from None


def session_options(onnxruntime: Any) -> Any:
    """The options of every session: one thread, so that results do not depend on the machine, and no chatter."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return options


_WRONG = ("InferenceError]", "INVALID_GRAPH", "Type Error", "INVALID_PROTOBUF")
_MISSING = ("is not a registered function/op", "No Op registered", "NOT_IMPLEMENTED")
"""What onnxruntime says of a model that is wrong in itself, and of an operator that it does not have."""


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


def _input_type(tensor: Tensor) -> Any:
    """How an element type is told to onnxruntime: by its number only where numpy lacks it, which old ones refuse."""
    return TO_ONNX[tensor.dtype] if needs_ml_dtypes(tensor.dtype) else dtype_of(tensor.dtype).type


class OnnxRuntime:
    """A model in onnxruntime.

    Raises:
        Refusal: onnxruntime does not take the model.
    """

    def __init__(self, data: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        onnxruntime = import_or_refuse("onnxruntime")
        options = session_options(onnxruntime)
        try:
            self._session = onnxruntime.InferenceSession(
                data,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # to the same provider once more, with words on the terminal
            )
        except Exception as error:  # noqa: BLE001 - onnxruntime's words are the message
            raise _refused(error) from None
        self._inputs = inputs
        self._outputs = outputs
        self._names = [tensor.name for tensor in outputs]
        self._fixed = all(tensor.fixed for tensor in outputs)
        self._foreign = any(needs_ml_dtypes(tensor.dtype) for tensor in (*inputs, *outputs))
        if self._foreign:
            self._probe()

    def _probe(self) -> None:
        """Find out whether this onnxruntime takes tensors that numpy does not know; old ones do not."""
        import numpy as np

        memory = np.zeros(1)
        try:
            for tensor in self._outputs:
                binding = self._session.io_binding()
                binding.bind_output(tensor.name, "cpu", 0, TO_ONNX[tensor.dtype], [1], memory.ctypes.data)
        except Exception as error:  # noqa: BLE001 - onnxruntime's words are the message
            said = f"this onnxruntime takes no bfloat16 and no 8-bit floats, newer ones do: {error}"
            raise Unsupported(said) from None

    def bind(self, feeds: Feeds, infer: Infer) -> Computation:
        """Prepare to compute: by address where the outputs' shapes are known, which is the faster way."""
        session, names = self._session, self._names

        def by_value() -> list[Array]:
            return list(map(array_of, session.run(names, feeds)))

        if self._foreign:
            return self._by_address(feeds, infer())
        aligned = all(array.flags.aligned for array in feeds.values())
        passes = not feeds.keys().isdisjoint(names)  # onnxruntime does not write what such an output is bound to
        if not self._fixed or not aligned or passes:
            return by_value
        by_address = self._by_address(feeds, infer())

        def computation() -> list[Array]:
            try:
                return by_address()
            except Exception:  # noqa: BLE001 - onnxruntime raises what it likes
                return by_value()  # fails in the same way, or shows an output of another shape than the model says

        return computation

    def _by_address(self, feeds: Feeds, dims: Sequence[Dims]) -> Computation:
        import numpy as np

        session = self._session
        binding = session.io_binding()
        results: list[Array | None] = []
        for tensor in self._inputs:
            array = feeds[tensor.name]
            binding.bind_input(tensor.name, "cpu", 0, _input_type(tensor), list(array.shape), array.ctypes.data)
        for tensor, shape in zip(self._outputs, dims, strict=True):
            if tensor.name in feeds:  # an input that is an output: nothing is bound, it is copied by each call
                results.append(None)
                continue
            if any(dim < 0 for dim in shape):
                raise ValueError(
                    f"only the data tells the shape of output {tensor.name!r}; beside types that numpy lacks the "
                    "inputs' shapes must tell it"
                )
            result = np.zeros(shape, dtype_of(tensor.dtype))
            binding.bind_output(tensor.name, "cpu", 0, _input_type(tensor), list(shape), result.ctypes.data)
            results.append(array_of(result))
        return _Bound(session, binding, feeds, self._names, results)


class _Bound:
    """A computation by address. Each call writes its results into the same memory: they hold until the next call.

    So a model that two streams execute at the same time with the same buffers, which nobody may do (MD11.01), may mix
    the results up; one call runs at a time, so that it does no more than that.
    """

    def __init__(
        self, session: Any, binding: Any, feeds: Feeds, names: list[str], results: "list[Array | None]"
    ) -> None:
        self._run: Callable[[Any], None] = session.run_with_iobinding
        self._binding = binding
        self._feeds = feeds  # held: the binding knows addresses only
        self._results = [each for each in results if each is not None]
        self._names = names
        self._passes = len(self._results) < len(results)
        self._computes = bool(self._results)
        self._lock = threading.Lock()

    def __call__(self) -> list[Array]:
        if self._computes:
            with self._lock:
                self._run(self._binding)
        if not self._passes:
            return self._results
        computed = iter(self._results)
        feeds = self._feeds
        return [array_of(feeds[name].copy()) if name in feeds else next(computed) for name in self._names]


class Reference:
    """A model in onnx's reference evaluator.

    Raises:
        Unsupported: The evaluator does not take the model.
    """

    def __init__(self, model: "ModelProto") -> None:
        from onnx.reference import ReferenceEvaluator

        try:
            self._evaluator = ReferenceEvaluator(model)
        except Exception as error:  # noqa: BLE001 - the evaluator's words are the message
            raise Unsupported(f"onnx's reference evaluator lacks something that the model needs: {error}") from None

    def bind(self, feeds: Feeds, infer: Infer) -> Computation:  # noqa: ARG002 - it finds the shapes itself
        """Prepare to compute."""
        return lambda: list(map(array_of, self._evaluator.run(None, feeds)))


ENGINES = ("onnxruntime", "reference")


def make_engine(
    name: str, model: "ModelProto", data: bytes, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Engine:
    """The engine of that name, with a model whose bytes are `data`.

    Raises:
        Refusal: It does not take the model.
    """
    return OnnxRuntime(data, inputs, outputs) if name == "onnxruntime" else Reference(model)


def shapes_by(engine: str | None) -> Ask | None:
    """How an engine is asked for the shapes of an ONNX file's outputs; None where it tells no more than onnx does."""
    return _shapes_by_onnxruntime if engine == "onnxruntime" else None


def _shapes_by_onnxruntime(data: bytes) -> Shapes:
    """The outputs' shapes as onnxruntime finds them when it folds what is constant."""
    onnxruntime = import_or_refuse("onnxruntime")
    options = session_options(onnxruntime)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    return [output.shape for output in session.get_outputs()]

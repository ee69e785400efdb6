"""Models that a program describes and computes in Python, under a name that every loader takes as `sim://name`."""

from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any

from aclcffi.dtypes import dtype_of, name_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.models.arrays import array_of, numpy_views
from aclsim.models.description import Array, Computation, Dims, Gears, Tensor, work_size
from aclsim.models.specs import Function, TensorSpec, tensor_of

_KINDS = "biufc"  # numpy's kinds of dtypes, each holding what those before it hold


class PythonModel:
    """A model whose outputs a Python function computes."""

    name = ""
    gears: Gears | None = None

    def __init__(
        self,
        function: Function,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        infer: Callable[[list[Dims]], list[Dims]] | None = None,
    ) -> None:
        self._function = function
        self._infer = infer
        self.inputs = tuple(map(tensor_of, inputs))
        self.outputs = tuple(map(tensor_of, outputs))
        self.dynamic = not all(tensor.fixed for tensor in self.inputs + self.outputs)
        self.weight_size = 0
        self.work_size = 0 if self.dynamic else work_size(self.inputs + self.outputs)
        self.duration_ns: int | None = None
        self.failure = 0

    def bind(self, inputs: Sequence[Array]) -> Computation:
        """Prepare to call the function with arrays of these shapes, in this memory.

        The computation raises a Fault with 507011 when the function fails, or gives something else than the outputs.
        """
        arrays = numpy_views(self.inputs, inputs)

        def computation() -> list[Array]:
            try:
                given = self._function(**arrays)
            except Exception as error:  # noqa: BLE001 - whatever the function raises
                raise _wrong(f"the model's function failed: {_words(error)}") from None
            results = [_dense(*each) for each in zip(self.outputs, self._in_order(given), strict=True)]
            return [array_of(_apart(result, arrays)) for result in results]

        return computation

    def _in_order(self, given: Any) -> list[Any]:
        names = [tensor.name for tensor in self.outputs]
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise _wrong(f"the model's function gave the outputs {list(given)}, the model has {names}")
            return [given[name] for name in names]
        results = list(given) if isinstance(given, (list, tuple)) else [given]
        if len(results) != len(names):
            raise _wrong(f"the model's function gave {len(results)} outputs, the model has {len(names)}")
        return results

    def infer(self, inputs: Sequence[Dims]) -> list[Dims]:
        """The outputs' dims where the program said how to tell them; else those of the description."""
        if self._infer is None:
            return [tensor.dims for tensor in self.outputs]
        try:
            found = [tuple(map(index, dims)) for dims in self._infer(list(inputs))]
        except Exception as error:  # noqa: BLE001 - whatever the function raises
            said = f"the model's infer function failed: {_words(error)}"
            raise Fault(codes.ACL_ERROR_GE_FAILURE, said) from None
        if list(map(len, found)) != [len(tensor.dims) for tensor in self.outputs]:
            told = [tensor.dims for tensor in self.outputs]
            raise Fault(
                codes.ACL_ERROR_GE_FAILURE, f"the model's infer function gave the shapes {found}, the model has {told}"
            )
        return found


def _apart(result: Any, inputs: Mapping[str, Any]) -> Any:
    """A result that shares no memory with an input: where buffers overlap, that one is written before this is read."""
    import numpy as np

    return result.copy() if any(np.may_share_memory(result, each) for each in inputs.values()) else result


def _words(error: Exception) -> str:
    """Kind and words of what the program's code raised, whose words may raise themselves."""
    kind = type(error).__name__
    try:
        return f"{kind}: {error}"
    except Exception:  # noqa: BLE001 - whatever the words raise
        return f"{kind}, whose words cannot be had"


def _wrong(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_MODEL_EXECUTE, message)


def _dense(tensor: Tensor, result: Any) -> Any:
    """A result as an array of the tensor's dtype: arrays must have it, lists and numbers must fit into it.

    Raises:
        Fault: 507011 for another dtype or shape.
    """
    import numpy as np

    dtype = dtype_of(tensor.dtype)
    try:
        array = np.asarray(result)
        fits = array.dtype == dtype or (not hasattr(result, "dtype") and _holds(dtype.kind, array.dtype.kind))
        array = np.asarray(result, dtype) if fits else array
    except Exception as error:  # noqa: BLE001 - what makes an array of itself may raise what it likes
        raise _wrong(f"output {tensor.name!r} is no array of {name_of(tensor.dtype)}: {_words(error)}") from None
    if not fits:
        raise _wrong(f"output {tensor.name!r} came out with dtype {array.dtype}, the model says {dtype}")
    limits = tensor.ranges
    if len(limits) != array.ndim or any(
        dim != least if least == most else 0 <= most < dim
        for dim, (least, most) in zip(array.shape, limits, strict=True)
    ):
        said = tensor.bounds or tensor.dims
        raise _wrong(f"output {tensor.name!r} came out with shape {array.shape}, the model says {said}")
    return array


def _holds(kind: str, given: str) -> bool:
    """Whether a dtype of a kind takes Python numbers of another; ml_dtypes' are floats of a kind of their own."""
    return given in _KINDS and _KINDS.find(given.replace("u", "i")) <= _KINDS.find(kind.replace("V", "f"))

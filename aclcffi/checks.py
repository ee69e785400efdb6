"""What an execution takes and where its outputs go: checked against the description before anything runs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple

from aclcffi.errors import InvalidArgumentError
from aclcffi.execution import check_dtype

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import ModelDescription, TensorInfo

    Array = np.ndarray[Any, Any]

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
"""Arrays by name."""


class Targets(NamedTuple):
    """Where the outputs of an execution go: into the caller's arrays, by name, and into new ones.

    `outputs` are name and dtype of each.
    """

    outputs: "Sequence[tuple[str, np.dtype[Any]]]"
    arrays: Arrays

    def take(self, shapes: "Sequence[tuple[int, ...]]") -> "dict[str, Array]":
        """The arrays for outputs of these shapes.

        Raises:
            InvalidArgumentError: One of the caller's has another shape.
        """
        import numpy as np

        given = self.arrays
        if given:
            self.check(shapes)
        return {
            name: given[name] if name in given else np.empty(shape, dtype)
            for (name, dtype), shape in zip(self.outputs, shapes, strict=True)
        }

    def check(self, shapes: "Sequence[tuple[int, ...]]") -> None:
        """Check that the caller's arrays have these shapes.

        Raises:
            InvalidArgumentError: One has not.
        """
        for (name, _), shape in zip(self.outputs, shapes, strict=True):
            array = self.arrays.get(name)
            if array is not None and array.shape != shape:
                raise InvalidArgumentError(
                    f"out[{name!r}] has shape {array.shape}, the output comes out with shape {shape}"
                )


class Request(NamedTuple):
    """What one execution was asked for.

    `arrays` are the inputs in order, each in one piece; `room` the bytes for each output of a dynamic-shape model, 0
    where ACL finds the memory; `gear` the gear that the inputs fit, empty without gears.
    """

    arrays: "list[Array]"
    targets: Targets
    room: tuple[int, ...] = ()
    gear: tuple[int, ...] = ()


class Checks:
    """The checks of one model. What they need of numpy is found once, at the first execution."""

    def __init__(self, description: "ModelDescription") -> None:
        self._description = description
        self._gears = description.gears
        self._dynamic = description.dynamic
        self._names = frozenset(tensor.name for tensor in description.inputs)
        self._wanted: list[tuple[TensorInfo, str, tuple[int, ...], np.dtype[Any]]] | None = None
        self._all_new = Targets((), {})

    def _prepare(self) -> "list[tuple[TensorInfo, str, tuple[int, ...], np.dtype[Any]]]":
        """Find the dtypes, and whether there is one for each tensor."""
        inputs, outputs = self._description.inputs, self._description.outputs
        for tensor in inputs + outputs:
            check_dtype(tensor)
        self._all_new = Targets([(tensor.name, tensor.dtype) for tensor in outputs], {})
        self._wanted = [(tensor, tensor.name, tensor.shape, tensor.dtype) for tensor in inputs]
        return self._wanted

    def request(
        self,
        inputs: Arrays,
        out: Arrays | None = None,
        output_bytes: "Mapping[str, int] | None" = None,
        *,
        waits: bool = False,
    ) -> Request:
        """Check everything that one execution was asked for; nothing is converted.

        `waits` is for executions that come back with their outputs: ACL can find memory for them then.

        Raises:
            InvalidArgumentError: A name is missing or unknown, or an array or a size does not fit; the message says
                which.
            UnsupportedError: An input or output has a data type that neither numpy nor ml_dtypes knows.
        """
        arrays = self._inputs(inputs)
        gear: tuple[int, ...] = ()
        if self._gears is not None:
            gear = self._gears.choose(self._description.inputs, [array.shape for array in arrays])
        targets = self._all_new if out is None else self._targets(out)
        room: tuple[int, ...] = ()
        if self._dynamic or output_bytes is not None:
            room = self._room(output_bytes, waits=waits)
        return Request(arrays, targets, room, gear)

    def _inputs(self, inputs: Arrays) -> "list[Array]":
        import numpy as np

        wanted = self._prepare() if self._wanted is None else self._wanted
        if not isinstance(inputs, Mapping) or inputs.keys() != self._names:
            _check_names("the model's inputs", self._description.inputs, inputs, needed=True)
        arrays = []
        for tensor, name, shape, dtype in wanted:
            try:
                array = np.asarray(inputs[name], order="C")
            except (TypeError, ValueError) as error:
                raise InvalidArgumentError(f"input {name!r} is no array: {error}") from None
            if array.shape != shape and not tensor.fits(array.shape):
                raise InvalidArgumentError(f"input {name!r} has shape {array.shape}, the model takes {tensor.limits}")
            if array.dtype != dtype:
                raise InvalidArgumentError(
                    f"input {name!r} has dtype {array.dtype}, the model takes {dtype}; "
                    f"convert it with .astype({str(dtype)!r})"
                )
            arrays.append(array)
        return arrays

    def _targets(self, out: Arrays) -> Targets:
        import numpy as np

        outputs = self._description.outputs
        _check_names("out: the model's outputs", outputs, out)
        places = []
        for tensor in outputs:
            if tensor.name not in out:
                continue
            what, array = f"out[{tensor.name!r}]", out[tensor.name]
            if not isinstance(array, np.ndarray):
                raise InvalidArgumentError(f"{what} is of type {type(array).__name__}; outputs go into numpy arrays")
            if array.dtype != tensor.dtype:
                raise InvalidArgumentError(f"{what} has dtype {array.dtype}, the output has {tensor.dtype}")
            # The shapes of gears are known when one is chosen.
            fits = array.ndim == len(tensor.shape) if self._gears else tensor.fits(array.shape)
            if not fits:
                raise InvalidArgumentError(f"{what} has shape {array.shape}, the output has {tensor.limits}")
            if not (array.flags.c_contiguous and array.flags.writeable):
                raise InvalidArgumentError(f"{what} must be C-contiguous and writable")
            if array.nbytes:
                places.append((array.ctypes.data, array.nbytes, tensor.name))
        for (first, size, one), (second, _, other) in pairwise(sorted(places)):
            if first + size > second:
                raise InvalidArgumentError(f"out[{one!r}] and out[{other!r}] share memory")
        return Targets(self._all_new.outputs, dict(out))

    def _room(self, output_bytes: "Mapping[str, int] | None", *, waits: bool) -> tuple[int, ...]:
        outputs = self._description.outputs
        given: dict[str, int] = {}
        if output_bytes is not None:
            if not self._dynamic:
                raise InvalidArgumentError("output_bytes is for dynamic-shape models; this one tells the sizes itself")
            _check_names("output_bytes: the model's outputs", outputs, output_bytes)
            for name, size in output_bytes.items():
                try:
                    given[name] = index(size)
                except TypeError:
                    raise InvalidArgumentError(f"output_bytes[{name!r}] is {size!r}; it is a number of bytes") from None
                if given[name] < 1:
                    raise InvalidArgumentError(f"output_bytes[{name!r}] is {size}; a buffer has at least 1 byte")
        room = tuple(given.get(tensor.name, tensor.bound) for tensor in outputs)
        lacking = [tensor.name for tensor, size in zip(outputs, room, strict=True) if not size]
        if lacking and not waits:
            raise InvalidArgumentError(
                f"nothing bounds the size of the outputs {', '.join(map(repr, lacking))}: say how many bytes they take "
                "at most, with output_bytes, or use execute(), which waits"
            )
        return room


def _check_names(
    what: str, tensors: "tuple[TensorInfo, ...]", given: Mapping[str, object], *, needed: bool = False
) -> None:
    """Check that a mapping has names of tensors only, and all of them where they are needed.

    Raises:
        InvalidArgumentError: It has not; the message says which.
    """
    if not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{what} go by name, in a mapping; this is of type {type(given).__name__}")
    names = [tensor.name for tensor in tensors]
    unknown = [name for name in given if name not in names]
    lacking = [name for name in names if name not in given] if needed else []
    if unknown or lacking:
        problems = [f"unknown: {', '.join(map(str, unknown))}"] if unknown else []
        problems += [f"missing: {', '.join(lacking)}"] if lacking else []
        raise InvalidArgumentError(f"{what} are {', '.join(names) or 'none'}; {'; '.join(problems)}")

"""What makes an executable of a model that the program registered by name."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index
from pathlib import Path

from aclsim.models.description import Dims, Executable
from aclsim.models.formats import load_model
from aclsim.models.geared import Geared, shapes_of
from aclsim.models.python_model import PythonModel
from aclsim.models.refusal import Broken
from aclsim.models.specs import Function, GearSpec, TensorSpec

_MOST_CODE = (1 << 31) - 1


@dataclass(frozen=True)
class Registered:
    """What a program registered under a name: an ONNX file or a function with its description, and how it behaves."""

    function: Function | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    onnx: bytes | Path | None = None
    gears: GearSpec | None = None
    duration_us: float | None = None
    failure: int = 0
    infer: Callable[[list[Dims]], list[Dims]] | None = None
    input_shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def fixed_shapes(self) -> dict[str, Dims]:
        """The dims of `input_shapes`.

        Raises:
            ValueError: A shape is no sequence of numbers of at least -1.
        """
        shapes = {}
        for name, given in self.input_shapes.items():
            try:
                shapes[name] = tuple(map(index, given))
            except TypeError:
                raise ValueError(f"input_shapes has {given!r} for {name!r}, which is no shape") from None
            if any(dim < -1 for dim in shapes[name]):
                raise ValueError(f"input_shapes has {given!r} for {name!r}; a dim is -1 where it varies, never less")
        return shapes


def check(registered: Registered) -> None:
    """Check that a registration makes sense, as far as that can be told without the ONNX file.

    Raises:
        ValueError: It does not.
    """
    if (registered.function is None) == (registered.onnx is None):
        raise ValueError("a model has either a function or an ONNX file to compute with")
    if registered.duration_us is not None and not 0 <= registered.duration_us < math.inf:
        raise ValueError(f"duration_us is {registered.duration_us}; it is a number of microseconds")
    if not 0 <= registered.failure <= _MOST_CODE:
        raise ValueError(f"failure is {registered.failure}; it is an aclError, 0 for none")
    gears = registered.gears.values() if registered.gears is not None else None
    if registered.fixed_shapes and registered.onnx is None:
        raise ValueError("input_shapes are for an ONNX file; the inputs of a function have shapes of their own")
    if registered.onnx is not None:
        if registered.inputs or registered.outputs or registered.infer:
            raise ValueError("an ONNX file brings its own inputs and outputs")
        if isinstance(registered.onnx, Path) and not registered.onnx.is_file():
            raise ValueError(f"there is no file {registered.onnx}")
        return
    if not registered.outputs:
        raise ValueError("a model with a function has outputs")
    for side in (registered.inputs, registered.outputs):
        names = [spec.name for spec in side]
        if len(set(names)) != len(names) or not all(names):
            raise ValueError(f"each input and each output has a name of its own: {names}")
    model = _python_model(registered)
    if gears is not None:
        shapes_of(*gears, model)


def make(name: str, registered: Registered, engine: str) -> Executable:
    """Make an executable of what is registered as `name`.

    Raises:
        Refusal: The ONNX file was not taken, or the shapes or gears do not fit.
    """
    model: Executable
    if registered.onnx is None:
        model = _python_model(registered)
    elif isinstance(registered.onnx, Path):
        try:
            data = registered.onnx.read_bytes()
        except OSError as error:
            raise Broken(f"{registered.onnx} cannot be read: {error.strerror}") from None
        model = load_model(data, registered.onnx.parent, engine, {}, registered.fixed_shapes)
    else:
        model = load_model(registered.onnx, None, engine, {}, registered.fixed_shapes)
    if registered.gears is not None:
        model = Geared(model, registered.gears)
    if registered.duration_us is not None:
        model.duration_ns = round(registered.duration_us * 1000)
    model.name = name
    model.failure = registered.failure
    return model


def _python_model(registered: Registered) -> PythonModel:
    assert registered.function is not None
    return PythonModel(registered.function, registered.inputs, registered.outputs, registered.infer)


def size_of(registered: Registered) -> int:
    """Bytes of the ONNX file, 0 where there is none."""
    if isinstance(registered.onnx, Path):
        return registered.onnx.stat().st_size if registered.onnx.is_file() else 0
    return len(registered.onnx or b"")

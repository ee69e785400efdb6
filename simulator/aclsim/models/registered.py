"""What makes an executable of a model that the program registered by name."""

from pathlib import Path

from aclsim.models.description import Executable
from aclsim.models.formats import load_model
from aclsim.models.python_model import Geared, PythonModel, Registered
from aclsim.models.refusal import Broken


def make(registered: Registered, engine: str) -> Executable:
    """Make an executable.

    Raises:
        Refusal: The ONNX file was not taken, or the gears do not fit.
    """
    model: Executable
    if registered.onnx is None:
        model = PythonModel(registered)
    elif isinstance(registered.onnx, Path):
        try:
            data = registered.onnx.read_bytes()
        except OSError as error:
            raise Broken(f"{registered.onnx} cannot be read: {error.strerror}") from None
        model = load_model(data, registered.onnx.parent, engine, {})
    else:
        model = load_model(registered.onnx, None, engine, {})
    if registered.gears is not None:
        model = Geared(model, registered.gears)
    if registered.duration_us is not None:
        model.duration_ns = round(registered.duration_us * 1000)
    model.failure = registered.failure
    return model


def size_of(registered: Registered) -> int:
    """Bytes of the ONNX file, 0 where there is none."""
    if isinstance(registered.onnx, Path):
        return registered.onnx.stat().st_size if registered.onnx.is_file() else 0
    return len(registered.onnx or b"")

"""Models for the state machines that come in as plain files, as .om files do on a device: nothing is registered."""

import tempfile
from pathlib import Path

from onnx import TensorProto, helper

from aclcffi.backend import Backend
from aclcffi.testing.samples import DYNAMIC, STATIC, Sample
from tests.contract.models import build, tensor

_STATIC: tuple[tuple[str, tuple[int, ...]], ...] = (("x", (20,)), ("y", (3, 2)))
_DYNAMIC: tuple[tuple[str, tuple[int, ...]], ...] = (("x", (-1, 3)), ("y", (-1, -1)))


def _doubling(inputs: tuple[tuple[str, tuple[int, ...]], ...]) -> bytes:
    """An ONNX file that multiplies each input with a weight, which is 2."""
    nodes = [helper.make_node("Mul", [name, "two"], [f"doubled_{name}"]) for name, _ in inputs]
    shapes = {name: [f"{name}{index}" if dim < 0 else dim for index, dim in enumerate(dims)] for name, dims in inputs}
    two = helper.make_tensor("two", TensorProto.FLOAT, [], [2.0])
    return build(
        nodes,
        [tensor(name, dims) for name, dims in shapes.items()],
        [tensor(f"doubled_{name}", dims) for name, dims in shapes.items()],
        [two],
    )


def _written(data: bytes, name: str) -> Path:
    """A file with this content, always in the same place, so that a printed program finds it too."""
    folder = Path(tempfile.gettempdir())
    path = folder / f"aclcffi-doubling-{name}.onnx"
    if not path.exists() or path.read_bytes() != data:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)  # other processes of the tests may be reading it
    return path


def models(backend: Backend) -> list[Sample]:
    """A static and a dynamic-shape model."""
    del backend
    found = []
    for kind, inputs in ((STATIC, _STATIC), (DYNAMIC, _DYNAMIC)):
        data = _doubling(inputs)
        path = str(_written(data, kind)).encode()
        found.append(Sample(kind, path, inputs, tuple(f"doubled_{name}" for name, _ in inputs), content=data))
    return found

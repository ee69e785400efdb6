"""Models as a user may bring them to the state machines: one that needs much work memory, one kind only, or none."""

from collections.abc import Sequence

from aclsim import TensorSpec
from aclsim.backend import SimulatorBackend

from aclcffi.testing.samples import DYNAMIC, STATIC, Dims, Sample


def _sample(backend: SimulatorBackend, kind: str, shape: Dims) -> Sample:
    path = backend.register_model(
        kind,
        function=lambda x: x * 2,
        inputs=[TensorSpec("x", shape)],
        outputs=[TensorSpec("y", shape)],
        infer=list,
    )
    return Sample(kind, path.encode(), (("x", shape),), ("y",))


def large(backend: SimulatorBackend) -> Sequence[Sample]:
    """A static model that needs more than 4096 bytes of work memory."""
    return [_sample(backend, STATIC, (1000,))]


def dynamic(backend: SimulatorBackend) -> Sequence[Sample]:
    """A dynamic-shape model and no other."""
    return [_sample(backend, DYNAMIC, (-1, 2))]


def none(backend: SimulatorBackend) -> Sequence[Sample]:
    """No model at all."""
    del backend
    return []

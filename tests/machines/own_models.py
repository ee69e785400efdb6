"""Models as a user may bring them to the state machines: one that needs much work memory, one kind only, or none."""

from collections.abc import Sequence

from aclsim import GearSpec, TensorSpec
from aclsim.backend import SimulatorBackend

from aclcffi.testing.samples import BATCH, DYNAMIC, STATIC, Dims, Sample


def _sample(backend: SimulatorBackend, kind: str, shape: Dims, gears: tuple[Dims, ...] = ()) -> Sample:
    path = backend.register_model(
        kind,
        function=lambda x: x * 2,
        inputs=[TensorSpec("x", shape)],
        outputs=[TensorSpec("y", shape)],
        gears=GearSpec(batch=[gear[0] for gear in gears]) if gears else None,
        infer=list,
    )
    return Sample(kind, path.encode(), (("x", shape),), ("y",), gears)


def large(backend: SimulatorBackend) -> Sequence[Sample]:
    """A static model that needs more than 4096 bytes of work memory."""
    return [_sample(backend, STATIC, (1000,))]


def dynamic(backend: SimulatorBackend) -> Sequence[Sample]:
    """A dynamic-shape model and no other."""
    return [_sample(backend, DYNAMIC, (-1, 2))]


def large_batches(backend: SimulatorBackend) -> Sequence[Sample]:
    """A model with gears that takes more than 256 bytes."""
    gears = ((1,), (2,), (8,))
    return [_sample(backend, BATCH, (-1, 50), gears)]


def none(backend: SimulatorBackend) -> Sequence[Sample]:
    """No model at all."""
    del backend
    return []

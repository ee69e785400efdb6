"""The models of the state machines of `aclcffi.testing`: `Target(models="aclsim.samples:models")`."""

from typing import Any

from aclcffi.backend import Backend
from aclcffi.testing.samples import BATCH, DIMS, DYNAMIC, HW, STATIC, Sample
from aclsim.backend import SimulatorBackend
from aclsim.models.specs import GearSpec, TensorSpec


def _sample(kind: str, *inputs: tuple[str, tuple[int, ...]], **more: Any) -> Sample:
    path = f"sim://{kind}".encode()
    outputs = tuple(f"doubled_{name}" for name, _ in inputs)
    return Sample(kind, path, inputs, outputs, content=path, **more)


SAMPLES = (
    _sample(STATIC, ("x", (20,)), ("y", (3, 2))),
    _sample(BATCH, ("x", (-1, 9)), ("y", (-1, 2)), gears=((1,), (2,), (4,))),
    _sample(HW, ("x", (1, 1, -1, -1)), gears=((2, 3), (4, 5), (4, 8))),
    _sample(DIMS, ("x", (-1, 3)), ("y", (2, -1)), gears=((1, 5), (4, 2), (7, 6))),
    _sample(DYNAMIC, ("x", (-1, 3)), ("y", (-1, -1)), bounds=((6, 3), (-1, -1))),
)


def models(backend: Backend) -> list[Sample]:
    """Register the models that the machine's product runs, and return them."""
    assert isinstance(backend, SimulatorBackend)
    known = [sample for sample in SAMPLES if sample.kind == STATIC or backend.product != "IPV350"]
    for sample in known:
        bounds = sample.bounds or (None,) * len(sample.inputs)
        inputs = [
            TensorSpec(name, dims, max_shape=most) for (name, dims), most in zip(sample.inputs, bounds, strict=True)
        ]
        outputs = [
            TensorSpec(name, spec.shape, max_shape=spec.max_shape)
            for name, spec in zip(sample.outputs, inputs, strict=True)
        ]
        numbers: Any = [gear[0] for gear in sample.gears] if sample.kind == BATCH else sample.gears
        gears = GearSpec(**{sample.kind: numbers}) if sample.geared else None
        backend.register_model(sample.kind, function=_double, inputs=inputs, outputs=outputs, gears=gears, infer=list)
    return known


def _double(**inputs: Any) -> list[Any]:
    return [2 * value for value in inputs.values()]

"""Models that give their input twice, for the tests of models whose shapes vary."""

from collections.abc import Callable
from typing import Any

import numpy as np
from aclsim import GearSpec, TensorSpec

from tests.api.conftest import Doctored
from tests.api.test_shapes import doubler, rows

Array = np.ndarray[Any, Any]


def repeated(count: int, times: int = 2) -> Array:
    """The rows, one block below the other."""
    return np.concatenate([rows(count)["x"]] * times)


def machine(doctored: Callable[..., Doctored]) -> Doctored:
    """A machine with models that give their input twice, one row below the other.

    They are of up to 8 rows of three: "bounded" tells its outputs' shapes and sizes, "unbounded" only the shapes,
    "silent" neither, "untold" the sizes; "geared" has gears.
    """
    backend = doctored()
    inputs = [TensorSpec("x", (-1, 3), max_shape=(8, 3))]
    large, free = [TensorSpec("y", (-1, 3), max_shape=(16, 3))], [TensorSpec("y", (-1, 3))]
    for name, outputs, told in (
        ("bounded", large, True),
        ("unbounded", free, True),
        ("silent", free, False),
        ("untold", large, False),
    ):
        backend.register_model(
            name,
            function=lambda x: np.concatenate([x, x]),
            infer=(lambda dims: [(2 * dims[0][0], 3)]) if told else None,
            inputs=inputs,
            outputs=outputs,
        )
    backend.register_model("geared", onnx=doubler(), gears=GearSpec(batch=[1, 2, 4]))
    return backend

"""Shapes of ONNX models as converters of other frameworks write them, and as shape inference alone does not find them."""

import numpy as np
import pytest
from aclsim.models.description import Array as Dense
from aclsim.models.formats import load_model
from aclsim.models.onnx_model import ENGINES
from aclsim.models.refusal import Broken
from onnx import TensorProto, helper

from tests.contract.models import Array, build, identity, tensor


def compute(data: bytes, values: Array, engine: str) -> tuple[bytes, tuple[int, ...]]:
    """The bytes and the dims of what a model makes of its only input."""
    (result,) = load_model(data, None, engine, {}).compute([Dense(memoryview(values.tobytes()), values.shape)])
    return bytes(result.view), result.dims


@pytest.mark.parametrize("engine", ENGINES)
def test_minus_one_is_a_dim_that_varies(engine: str) -> None:
    """Paddle's converter writes -1 where a dim varies: such a model has dynamic shapes and computes with any size."""
    data = identity([-1, 2])
    model = load_model(data, None, engine, {})
    assert model.dynamic
    assert [each.dims for each in model.inputs + model.outputs] == [(-1, 2), (-1, 2)]
    assert model.infer([(5, 2)]) == [(5, 2)]
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert compute(data, values, engine) == (values.tobytes(), (3, 2))


def test_less_than_minus_one_is_no_dim() -> None:
    """Other negative dims are a broken model."""
    with pytest.raises(Broken, match="'x' has the dimension -2"):
        load_model(identity([-2, 2]), None, None, {})


def flattening() -> bytes:
    """y [n, 4] = x [n, 2, 2], whose new shape is computed: onnx's inference does not follow it in this old opset."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "zero", "one"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["to"], axis=0),
        helper.make_node("Reshape", ["x", "to"], ["y"]),
    ]
    numbers = {"zero": 0, "one": 1, "rest": -1}
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], [number]) for name, number in numbers.items()]
    return build(nodes, [tensor("x", ["n", 2, 2])], [tensor("y", ["m", 4])], constants, opset=11)


def test_shapes_that_constants_must_be_folded_for() -> None:
    """Where onnx's inference gives up, onnxruntime which folds constants, tells the outputs' dims."""
    assert load_model(flattening(), None, "onnxruntime", {}).infer([(3, 2, 2)]) == [(3, 4)]


def test_dims_that_the_file_tells_stay_known() -> None:
    """Dims that no inference finds are those of the file: a number there is a number in the answer."""
    assert load_model(flattening(), None, "reference", {}).infer([(3, 2, 2)]) == [(-1, 4)]

"""Shapes of ONNX models as converters of other frameworks write them, and as shape inference alone does not find them."""

from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.models.description import Array as Dense
from aclsim.models.engines import ENGINES
from aclsim.models.formats import load_model
from aclsim.models.refusal import Broken
from onnx import TensorProto, helper

from aclcffi.errors import BackendError
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import (
    EPARAM,
    Array,
    Program,
    build,
    config_stream,
    file_config,
    identity,
    last_message,
    started,
    tensor,
    work_config,
)
from tests.contract.varying import current_dims, feed, io_dims, load_path, numbers, output, reference, register


@pytest.fixture
def acl(open_acl: OpenAcl) -> Acl:
    """An initialised machine."""
    return started(open_acl, "generic")


def compute(data: bytes, values: Array, engine: str) -> tuple[bytes, tuple[int, ...]]:
    """The bytes and the dims of what a model makes of its only input."""
    (result,) = load_model(data, None, engine, {}).bind([Dense(memoryview(values.tobytes()), values.shape)])()
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


# -- shapes that the program fixes -----------------------------------------------------------------------------------


def pictures() -> bytes:
    """y [n, 2, h - 1, w - 1] = the convolution of x [n, 1, h, w] with two kernels of 2 by 2."""
    kernel = helper.make_tensor("k", TensorProto.FLOAT, [2, 1, 2, 2], np.arange(8, dtype=np.float32))
    node = helper.make_node("Conv", ["x", "k"], ["y"])
    return build([node], [tensor("x", ["n", 1, "h", "w"])], [tensor("y", ["n", 2, "p", "q"])], [kernel])


@pytest.mark.parametrize("engine", [*ENGINES, None])
@pytest.mark.parametrize(
    ("given", "inputs", "outputs"),
    [
        ((2, 1, -1, -1), (2, 1, -1, -1), (2, 2, -1, -1)),
        ((-1, 1, 3, 4), (-1, 1, 3, 4), (-1, 2, 2, 3)),
        ((2, 1, 3, 4), (2, 1, 3, 4), (2, 2, 2, 3)),
    ],
)
def test_fixed_dims(
    given: tuple[int, ...], inputs: tuple[int, ...], outputs: tuple[int, ...], engine: str | None
) -> None:
    """Dims that the program fixes are known, in the outputs too; with all fixed the model is a static one."""
    model = load_model(pictures(), None, engine, {}, {"x": given})
    assert (model.inputs[0].dims, model.outputs[0].dims) == (inputs, outputs)
    assert model.dynamic == (-1 in inputs)
    if engine is not None:
        values = numbers(2, 1, 3, 4)
        (result,) = model.bind([Dense(memoryview(values.tobytes()), values.shape)])()
        wanted = reference(pictures(), x=values)[0]
        assert result.dims == wanted.shape
        assert np.allclose(np.frombuffer(result.view, np.float32).reshape(wanted.shape), wanted, rtol=1e-5)


def test_fixed_dims_of_a_file_with_minus_one() -> None:
    """A dim of -1 that goes on varying is no number that the outputs' dims are counted from."""
    data = identity([-1, -1])
    node = helper.make_node("Flatten", ["x"], ["y"], axis=0)
    flat = build([node], [tensor("x", [-1, -1])], [tensor("y", [1, -1])])
    assert load_model(data, None, "onnxruntime", {}, {"x": (3, -1)}).outputs[0].dims == (3, -1)
    assert load_model(flat, None, "onnxruntime", {}, {"x": (-1, -1)}).outputs[0].dims == (1, -1)


def test_fixed_shapes_of_outputs_that_onnx_does_not_infer() -> None:
    """With onnxruntime a model becomes static also where onnx's own inference gives up."""
    model = load_model(flattening(), None, "onnxruntime", {}, {"x": (3, 2, 2)})
    assert not model.dynamic
    assert model.outputs[0].dims == (3, 4)


@pytest.mark.parametrize("product", ["generic", "IPV350"])
def test_a_static_model_of_one_with_dims_that_vary(open_acl: OpenAcl, product: str) -> None:
    """Registered with all dims fixed the model is loaded, described and executed as any static one, on IPV350 too."""
    acl = started(open_acl, product)
    path = register(acl, onnx=pictures(), input_shapes={"x": (1, 1, 3, 4)})
    if product == "IPV350":
        config = file_config(acl, path)
        acl.ok(config.load())
        number = int(config.id[0])
    else:
        number = load_path(acl, path)
    program = Program(acl, b"", number)
    assert (program.input_sizes, program.output_sizes) == ([48], [48])
    values = numbers(1, 1, 3, 4)
    program.feed(values)
    small = product == "IPV350"
    acl.ok(program.execute_v2(config_stream(acl), work_config(acl)) if small else program.execute())
    wanted = reference(pictures(), x=values)[0]
    assert np.array_equal(output(program, wanted), wanted)


@pytest.mark.parametrize("gears", [GearSpec(hw=[(2, 2), (3, 4)]), GearSpec(dims=[(2, 2), (3, 4)])], ids=["hw", "dims"])
def test_gears_stand_for_what_still_varies(acl: Acl, gears: GearSpec) -> None:
    """A batch that is fixed leaves height and width to the gears."""
    program = Program(
        acl, b"", load_path(acl, register(acl, onnx=pictures(), input_shapes={"x": (2, 1, -1, -1)}, gears=gears))
    )
    assert program.input_sizes[0] == 2 * 3 * 4 * 4
    for height, width in ((3, 4), (2, 2)):
        values = numbers(2, 1, height, width)
        feed(program, values)
        if gears.hw:
            acl.ok(acl.aclmdlSetDynamicHWSize(program.id, program.inputs, 1, height, width))
        else:
            dims = io_dims(acl, *values.shape)
            acl.ok(acl.aclmdlSetInputDynamicDims(program.id, program.inputs, 1, dims))
        assert program.execute() == 0
        wanted = reference(pictures(), x=values)[0]
        assert current_dims(acl, program.id) == wanted.shape
        assert np.array_equal(output(program, wanted), wanted)


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        ({"z": (1, 1, 2, 2)}, "input_shapes has 'z', the inputs are 'x'"),
        ({"x": (1, 1, 2)}, r"'x' has the shape (-1, 1, -1, -1), which input_shapes cannot make (1, 1, 2)"),
        ({"x": (1, 3, 2, 2)}, "cannot make (1, 3, 2, 2)"),
        ({"x": (1, -1, 2, 2)}, "cannot make (1, -1, 2, 2)"),
    ],
)
def test_fixed_dims_that_do_not_fit(acl: Acl, shapes: dict[str, tuple[int, ...]], sentence: str) -> None:
    """An unknown input, another rank, or another number than the file's make a broken model: 145000 at load."""
    assert acl.aclmdlLoadFromFile(register(acl, onnx=pictures(), input_shapes=shapes), acl.out("uint32_t")) == EPARAM
    assert sentence in last_message(acl)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"onnx": pictures(), "input_shapes": {"x": (1, 1, -2, 2)}}, "-1 where it varies, never less"),
        ({"onnx": pictures(), "input_shapes": {"x": "1,1"}}, "no shape"),
        ({"onnx": pictures(), "input_shapes": {"x": 1}}, "no shape"),
        ({"function": abs, "outputs": [TensorSpec("y", (1,))], "input_shapes": {"x": (1,)}}, "for an ONNX file"),
    ],
)
def test_fixed_dims_that_are_none(acl: Acl, options: dict[str, Any], sentence: str) -> None:
    """What is no shape, and shapes for a function, are refused when the model is registered."""
    with pytest.raises(BackendError, match=sentence):
        register(acl, **options)

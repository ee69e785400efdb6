"""ONNX models with symbolic dims: how they are described, computed by either engine, and their shapes inferred."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aclsim.core.fault import Fault
from aclsim.models.description import Array as Dense
from aclsim.models.description import Executable
from aclsim.models.engines import ENGINES
from aclsim.models.formats import load_model
from aclsim.models.refusal import Unsupported
from onnx import TensorProto, helper

from tests.contract.acl import OpenAcl
from tests.contract.models import Array, build, external, identity, load, onnx_model, started, tensor
from tests.contract.varying import (
    Dynamic,
    convolution,
    linear,
    load_path,
    nonzero,
    numbers,
    output,
    product,
    reference,
    write_model,
)


def executable(data: bytes, engine: str | None = "onnxruntime") -> Executable:
    """The model of an ONNX file's bytes."""
    return load_model(data, None, engine, {})


def compute(model: Executable, *arrays: Array) -> list[tuple[bytes, tuple[int, ...]]]:
    """The bytes and the dims of what a model makes of arrays."""
    results = model.bind([Dense(memoryview(array.tobytes()), array.shape) for array in arrays])()
    return [(bytes(result.view), result.dims) for result in results]


CASES = {
    "batch": (linear(), [{"x": numbers(batch, 3)} for batch in (1, 5)]),
    "image": (convolution(), [{"x": numbers(1, 1, *image)} for image in ((2, 3), (6, 4))]),
    "several": (product(), [{"left": numbers(2, rest), "right": numbers(rest, 4)} for rest in (1, 3)]),
    "data": (nonzero(), [{"x": np.array(values, np.float32)} for values in ([0, 0], [1, 0, 2])]),
}

each_case = pytest.mark.parametrize(("data", "feeds"), CASES.values(), ids=CASES.keys())


@each_case
def test_what_is_known_before(data: bytes, feeds: list[dict[str, Array]]) -> None:
    """Symbolic dims are -1, their tensors have size 0, and the model takes no work memory, also if it is only described."""
    for engine in (*ENGINES, None):
        model = executable(data, engine)
        assert model.dynamic
        assert model.gears is None
        assert model.work_size == 0
        for side in (model.inputs, model.outputs):
            assert [tensor.size for tensor in side] == [0] * len(side)
            assert all(-1 in tensor.dims and not tensor.fixed for tensor in side)


@each_case
def test_a_model_with_fixed_shapes_is_not_dynamic(data: bytes, feeds: list[dict[str, Array]]) -> None:
    """The same model with numbers for all symbolic dims is static, with sizes and work memory."""
    proto = onnx_model(data)
    for value in (*proto.graph.input, *proto.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            dim.dim_value = dim.dim_value or 2
    model = executable(proto.SerializeToString(), None)
    assert not model.dynamic
    assert model.work_size > 0
    assert all(tensor.size > 0 for tensor in model.inputs + model.outputs)


@each_case
@pytest.mark.parametrize("engine", ENGINES)
def test_results(data: bytes, feeds: list[dict[str, Array]], engine: str) -> None:
    """Both engines give the shape that onnxruntime gives, and its numbers: exactly, or up to rounding for the reference."""
    model = executable(data, engine)
    for feed in feeds:
        wanted = reference(data, **feed)[0]
        ((content, dims),) = compute(model, *feed.values())
        found = np.frombuffer(content, wanted.dtype).reshape(dims)
        assert found.shape == wanted.shape
        if engine == "onnxruntime":
            assert np.array_equal(found, wanted)
        else:
            assert np.allclose(found, wanted, rtol=1e-5, atol=1e-6)


@each_case
def test_inferred_shapes(data: bytes, feeds: list[dict[str, Array]]) -> None:
    """The outputs' dims are told from the inputs' without computing; -1 stands where only the data tells."""
    model = executable(data)
    for feed in feeds:
        (found,) = model.infer([array.shape for array in feed.values()])
        wanted = reference(data, **feed)[0].shape
        assert found == ((1, -1) if data == nonzero() else wanted)


def test_inferred_shapes_of_inputs_that_do_not_go_together() -> None:
    """Where the inference finds a contradiction, which the computation will tell, all dims that vary are -1."""
    assert executable(product()).infer([(2, 3), (4, 5)]) == [(-1, -1)]


def test_inferred_shapes_of_a_model_with_fixed_shapes() -> None:
    """A static model's outputs are as they are described."""
    assert executable(identity([2, 3])).infer([(2, 3)]) == [(2, 3)]


def test_only_an_output_may_vary() -> None:
    """A model with fixed inputs and an output whose shape the data tells is a dynamic-shape one too."""
    node = helper.make_node("NonZero", ["x"], ["y"])
    data = build([node], [tensor("x", [4])], [tensor("y", [1, "n"], TensorProto.INT64)])
    model = executable(data)
    assert model.dynamic
    assert model.inputs[0].size == 16
    assert compute(model, np.array([0, 1, 0, 1], np.float32)) == [(np.array([1, 3]).tobytes(), (1, 2))]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_batch(engine: str) -> None:
    """A dim that turns out 0 gives an empty output of the right shape."""
    assert compute(executable(linear(), engine), numbers(0, 3)) == [(b"", (0, 2))]


@pytest.mark.parametrize("element", [TensorProto.BFLOAT16, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.BOOL])
def test_element_types(element: int) -> None:
    """Tensors of any type, those that numpy lacks among them, go through a model with symbolic dims as they are."""
    pytest.importorskip("ml_dtypes")
    try:
        model = executable(identity(["n", 2], element))
    except Unsupported as refusal:
        if "newer ones do" in str(refusal):
            pytest.skip(str(refusal))
        raise
    itemsize = 2 if element in (TensorProto.BFLOAT16, TensorProto.FLOAT16) else 1
    for count in (1, 3):
        content = bytes([0, 1] * (count * itemsize))
        (result,) = model.bind([Dense(memoryview(content), (count, 2))])()
        assert (bytes(result.view), result.dims) == (content, (count, 2))


def test_weights_beside_the_file(tmp_path: Path, open_acl: OpenAcl) -> None:
    """A model with symbolic dims takes weights from files beside it, and its shapes are inferred with them."""
    proto = onnx_model(external(count=8))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    (tmp_path / "weights.bin").write_bytes(np.arange(8, dtype=np.float32).tobytes())
    acl = started(open_acl, "generic")
    values = numbers(8)
    program = Dynamic(acl, load_path(acl, write_model(tmp_path, proto.SerializeToString())), [values], [32])
    assert program.execute_async() == 0
    assert acl.aclGetTensorDescSize(program.output_desc()) == 32
    acl.synchronize()
    wanted = values + np.arange(8, dtype=np.float32)
    assert np.array_equal(output(program, wanted), wanted)


@pytest.mark.parametrize("options", [{"engine": "reference"}, {"schedule": "eager"}, {"schedule": "parallel"}])
def test_on_other_machines(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """Dynamic-shape models run with the reference engine, and under schedules that run tasks at once or on threads."""
    acl = started(open_acl, "generic", **options)
    values = numbers(4, 3)
    wanted = reference(linear(), x=values)[0]
    program = Dynamic(acl, load(acl, linear()), [values], [wanted.nbytes])
    for way in (program.execute, program.execute_async):
        acl.write(program.output_memory[0], bytes(wanted.nbytes))
        assert way() == 0
        acl.synchronize()
        assert np.allclose(output(program, wanted), wanted, rtol=1e-5)


def test_a_shape_that_only_the_data_tells_beside_bfloat16() -> None:
    """Types that numpy lacks go in and out by address, for which the shapes are needed: such a model fails, and says so."""
    pytest.importorskip("ml_dtypes")
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("NonZero", ["wide"], ["indices"]),
    ]
    inputs = [tensor("x", ["n"], TensorProto.BFLOAT16)]
    data = build(nodes, inputs, [tensor("indices", [1, "count"], TensorProto.INT64)])
    try:
        model = executable(data)
    except Unsupported as refusal:
        if "newer ones do" in str(refusal):
            pytest.skip(str(refusal))
        raise
    with pytest.raises(Fault, match="only the data tells the shape of output 'indices'"):
        model.bind([Dense(memoryview(bytes(4)), (2,))])

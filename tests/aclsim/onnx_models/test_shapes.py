"""ONNX models in the simulator: shapes, and weights in the file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.aclsim.onnx_loads import refused, run
from tests.contract.acl import Acl
from tests.contract.models import (
    EPARAM,
    Program,
    add,
    build,
    dataset,
    identity,
    last_message,
    load,
    sizes_of,
    tensor,
    two_of_each,
    weighted,
)

# -- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [(), (1,), (0,), (2, 0, 3), (1, 2, 3, 4, 5), (1,) * 16])
def test_shapes(machine: Acl, dims: tuple[int, ...]) -> None:
    """Scalars, empty tensors and many dimensions come out as they went in."""
    values = np.arange(np.prod(dims, dtype=int), dtype=np.float32).reshape(dims)
    if values.size:
        (result,) = run(machine, identity(dims), values)
        assert result.shape == dims
        assert result.tolist() == values.tolist()
        return
    number = load(machine, identity(dims))
    sets = [dataset(machine, [machine.aclCreateDataBuffer(machine.malloc(1), 0)]) for _ in range(2)]
    assert machine.aclmdlExecute(number, *sets) == 0


def test_more_dims_than_numpy_has(ready: Acl) -> None:
    """A model with more dimensions than numpy's 64 can be described and loaded, and fails when it is executed."""
    program = Program(ready, identity((1,) * 65))
    assert program.input_sizes == [4]
    assert program.execute() == 507011
    assert "dimension" in last_message(ready)


def test_symbolic_dims_make_a_dynamic_model(ready: Acl) -> None:
    """A dimension with a name, or without a value, makes a dynamic-shape model, which the library of IPV350 lacks."""
    assert load(ready, identity(["batch", 3])) >= 1 << 31
    model = onnx.load_model_from_string(identity([2, 3]))
    model.graph.output[0].type.tensor_type.shape.dim[1].Clear()
    assert load(ready, model.SerializeToString()) >= 1 << 31


def test_impossible_shapes_are_refused(ready: Acl) -> None:
    """Negative dimensions, and more bytes than an address space has, are broken models."""
    refused(ready, identity([-3]), EPARAM, "'x' has the dimension -3")
    refused(ready, identity([1 << 62, 1 << 62]), EPARAM, "more than an address space")


def test_an_output_of_another_shape_than_the_model_says(machine: Acl) -> None:
    """An output that comes out with another shape fails the execution, and the message has both shapes."""
    node = helper.make_node("NonZero", ["x"], ["y"])
    program = Program(machine, build([node], [tensor("x", [3])], [tensor("y", [1, 3], TensorProto.INT64)]))
    program.feed([1, 1, 1])
    assert program.execute() == 0
    program.feed([0, 1, 0])
    assert program.execute() == 507011
    message = last_message(machine)
    assert "'y' came out with shape (1, 1)" in message
    assert "(1, 3)" in message


def test_inputs_at_odd_addresses(ready: Acl) -> None:
    """An input or output may lie anywhere in its memory: an address that no element type would like is fine."""
    number = load(ready, add(64))
    a, b, result = (ready.malloc(300, bytes(300)) for _ in range(3))
    values = np.arange(64, dtype=np.float32)
    for memory, by in ((a, 1), (b, 3)):
        ready.write(ready.offset(memory, by), values.tobytes())
    buffers = [ready.aclCreateDataBuffer(ready.offset(pointer, by), 256) for pointer, by in ((a, 1), (b, 3))]
    target = ready.aclCreateDataBuffer(ready.offset(result, 5), 256)
    assert ready.aclmdlExecute(number, dataset(ready, buffers), dataset(ready, [target])) == 0
    assert ready.read(ready.offset(result, 5), 256) == (values + values).tobytes()
    assert ready.read(result, 5) == bytes(5)


def test_one_memory_for_input_and_output(machine: Acl) -> None:
    """An output may overwrite the input that it is computed of."""
    program = Program(machine, two_of_each())
    program.feed([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1])
    machine.ok(machine.aclUpdateDataBuffer(program.output_buffers[0], program.input_memory[0], 24))
    assert program.execute() == 0
    program.output_memory[0] = program.input_memory[0]
    assert program.result(0) == [2, 3, 4, 5, 6, 7]
    assert program.result(1) == [0, 1, 2, 3, 4, 5]


# -- weights ---------------------------------------------------------------------------------------------------------


def test_initialisers_are_weights_and_no_inputs(machine: Acl) -> None:
    """Initialisers count as weights; one that is listed as an input as well, as old models do, is no input."""
    model = onnx.load_model_from_string(weighted([1, 2]))
    model.graph.input.append(tensor("w", [2]))
    data = model.SerializeToString()
    assert sizes_of(machine, data)[1] == 8
    assert Program(machine, data).input_sizes == [8]
    assert run(machine, data, np.array([1, 1], np.float32))[0].tolist() == [2, 3]


def test_packed_weights_count_as_many_bytes_as_they_have(ready: Acl) -> None:
    """Four 4-bit weights are two bytes."""
    pytest.importorskip("onnx", minversion="1.17")
    packed = TensorProto(name="w", data_type=TensorProto.INT4, dims=[4], raw_data=b"\x21\x43")
    scale = helper.make_tensor("s", TensorProto.FLOAT, [], [1.0])
    node = helper.make_node("DequantizeLinear", ["w", "s"], ["v"])
    total = helper.make_node("Add", ["v", "x"], ["y"])
    data = build([node, total], [tensor("x", [4])], [tensor("y", [4])], [packed, scale], opset=21)
    model = onnx.load_model_from_string(data)
    model.ir_version = 10
    data = model.SerializeToString()
    assert sizes_of(ready, data)[1] == 6
    assert run(ready, data, np.zeros(4, np.float32))[0].tolist() == [1, 2, 3, 4]


def test_sparse_weights(ready: Acl) -> None:
    """A sparse initialiser is computed with, and counts with values and indices."""
    values = helper.make_tensor("w", TensorProto.FLOAT, [2], [5.0, 7.0])
    indices = helper.make_tensor("at", TensorProto.INT64, [2], [0, 3])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    model = onnx.load_model_from_string(build([node], [tensor("x", [4])], [tensor("y", [4])]))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    data = model.SerializeToString()
    assert sizes_of(ready, data)[1] == 8 + 16
    assert run(ready, data, np.ones(4, np.float32))[0].tolist() == [6, 1, 1, 8]


def test_a_model_without_inputs(machine: Acl) -> None:
    """A model of constants runs with an empty input dataset."""
    constant = helper.make_tensor("w", TensorProto.FLOAT, [2], [3.0, 4.0])
    data = build([helper.make_node("Identity", ["w"], ["y"])], [], [tensor("y", [2])], [constant])
    assert run(machine, data)[0].tolist() == [3, 4]

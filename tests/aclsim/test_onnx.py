"""ONNX models in the simulator: what goes in and out, what is computed, and what is refused with which words."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from aclsim.models.dtypes import BY_ONNX
from aclsim.models.onnx_model import ENGINES, session_options
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

import aclcffi
from aclcffi.dtypes import data_type_of, dtype_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    ENOTSUP,
    EPARAM,
    ESIZE,
    Array,
    Program,
    add,
    build,
    dataset,
    described,
    external,
    file_config,
    gather,
    identity,
    last_message,
    load,
    memory_config,
    om_file,
    sizes_of,
    tensor,
    two_of_each,
    weighted,
    write_file,
)

lib = Acl.lib

ONES = np.ones(8, np.float32).tobytes()
"""What the weights of `external` are here."""

COMPLEX = (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
SMALL_FLOATS = (16, 17, 19, 24)
KNOWN = [number for number in BY_ONNX if number in TensorProto.DataType.values()]
"""Element types that have an aclDataType of whole bytes, as far as this onnx knows them."""

OTHERS = [number for number in TensorProto.DataType.values() if number and number not in BY_ONNX]
"""Texts, packed numbers of less than a byte, and types that ACL has not."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each way of computing."""
    return str(request.param)


@pytest.fixture
def machine(open_acl: OpenAcl, engine: str) -> Acl:
    """An initialised machine that computes with the engine."""
    acl = open_acl(engine=engine)
    acl.start()
    return acl


def load_code(acl: Acl, data: bytes) -> int:
    """What aclmdlLoadFromMem answers. The model is unloaded again."""
    place = acl.out("uint32_t")
    code = acl.aclmdlLoadFromMem(data, len(data), place)
    if code == 0:
        acl.ok(acl.aclmdlUnload(place[0]))
    return code


def refused(acl: Acl, data: bytes, code: int, *words: str) -> None:
    """The model is refused with a code, and the message says these words."""
    acl.message()
    assert load_code(acl, data) == code
    message = last_message(acl)
    for word in words:
        assert word in message


def run(acl: Acl, data: bytes, *inputs: Array) -> list[Array]:
    """Load, execute synchronously, and give the outputs as arrays of the model's own types and shapes."""
    program = Program(acl, data)
    program.feed(*inputs)
    acl.ok(program.execute())
    desc, outputs = described(acl, program.id), []
    for index, (pointer, size) in enumerate(zip(program.output_memory, program.output_sizes, strict=True)):
        dims = acl.out("aclmdlIODims")
        acl.ok(acl.aclmdlGetOutputDims(desc, index, dims))
        content = acl.read(pointer, size) if size else b""
        dtype = dtype_of(acl.aclmdlGetOutputDataType(desc, index))
        outputs.append(np.frombuffer(content, dtype).reshape(list(dims.dims[0 : dims.dimCount])))
    return outputs


def opset_of(element: int) -> int:
    """An opset in which Identity takes an element type."""
    return 25 if element == 24 else 19 if element in (17, 19) else 17


def values_of(element: int, count: int = 24) -> Array:
    """Small different values of an element type."""
    dtype = dtype_of(BY_ONNX[element])
    numbers: Array = np.arange(1, count + 1)
    return numbers % 3 == 0 if element == TensorProto.BOOL else numbers.astype(dtype)


# -- element types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("element", KNOWN, ids=TensorProto.DataType.Name)
def test_every_element_type_goes_in_and_out(open_acl: OpenAcl, element: int) -> None:
    """Identity of each element type gives the bytes back, in onnxruntime, or in onnx's evaluator where that has none."""
    data = identity([2, 3, 4], element, opset=opset_of(element))
    acl = open_acl(engine="onnxruntime")
    acl.start()
    if load_code(acl, data) == ENOTSUP:
        assert element in (*COMPLEX, *SMALL_FLOATS)
        acl = open_acl(engine="reference")
        acl.start()
    desc = described(acl, load(acl, data))
    assert acl.aclmdlGetInputDataType(desc, 0) == acl.aclmdlGetOutputDataType(desc, 0) == BY_ONNX[element]
    values = values_of(element).reshape(2, 3, 4)
    assert acl.aclmdlGetInputSizeByIndex(desc, 0) == values.nbytes
    (result,) = run(acl, data, values)
    assert result.dtype == values.dtype
    assert result.tobytes() == values.tobytes()


NUMBERS = [
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.INT8,
    TensorProto.INT16,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.UINT16,
    TensorProto.UINT32,
    TensorProto.UINT64,
]


@pytest.mark.parametrize("element", NUMBERS, ids=TensorProto.DataType.Name)
def test_sums_are_those_of_onnxruntime(ready: Acl, element: int) -> None:
    """What comes out is, bit for bit, what onnxruntime computes of the same arrays."""
    node = helper.make_node("Add", ["a", "b"], ["sum"])
    data = build([node], [tensor("a", [4, 6], element), tensor("b", [6], element)], [tensor("sum", [4, 6], element)])
    a, b = values_of(element).reshape(4, 6), values_of(element, 6) * values_of(element, 6)
    try:
        session = onnxruntime.InferenceSession(data, session_options(onnxruntime), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        refused(ready, data, ENOTSUP, "onnxruntime lacks")  # as old ones do
        return
    (expected,) = session.run(None, {"a": a, "b": b})
    (result,) = run(ready, data, a, b)
    assert result.dtype == expected.dtype
    assert result.tobytes() == expected.tobytes()


def test_sums_of_bfloat16(machine: Acl) -> None:
    """bfloat16, which numpy does not know, is computed by both engines."""
    element = TensorProto.BFLOAT16
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    data = build([node], [tensor("x", [3], element)], [tensor("y", [3])])
    values = np.array([1.5, -2, 256], dtype_of(lib.ACL_BF16))
    if load_code(machine, data) == ENOTSUP:
        assert "newer ones do" in last_message(machine)
        return
    (result,) = run(machine, data, values)
    assert result.tolist() == [1.5, -2, 256]


def test_each_numpy_type_has_one_acl_type() -> None:
    """The element types of ONNX map to different aclDataTypes, and those to the dtypes that hold them, and back."""
    assert len(set(BY_ONNX.values())) == len(BY_ONNX)
    for element in KNOWN:
        assert data_type_of(dtype_of(BY_ONNX[element])) == BY_ONNX[element]


@pytest.mark.parametrize("element", OTHERS, ids=TensorProto.DataType.Name)
def test_element_types_that_are_refused(ready: Acl, element: int) -> None:
    """Element types without an aclDataType of whole bytes are refused with the tensor's name and the type's number."""
    refused(ready, identity([4], element), ENOTSUP, f"'x' has ONNX element type {element}")


def test_sequences_and_optionals_are_refused(ready: Acl) -> None:
    """Inputs and outputs that are no tensors are refused with their name and kind."""
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, [3])
    sequence = helper.make_value_info("y", helper.make_sequence_type_proto(kind))
    data = build([helper.make_node("SequenceConstruct", ["x"], ["y"])], [tensor("x", [3])], [sequence])
    refused(ready, data, ENOTSUP, "'y' is no tensor but a sequence_type")
    optional = helper.make_value_info("x", helper.make_optional_type_proto(kind))
    node = helper.make_node("OptionalGetElement", ["x"], ["y"])
    refused(ready, build([node], [optional], [tensor("y", [3])]), ENOTSUP, "'x' is no tensor but a optional_type")


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


# -- weights outside the file ----------------------------------------------------------------------------------------


def loaded_from(acl: Acl, path: bytes) -> int:
    """Load a file; returns the id."""
    place = acl.out("uint32_t")
    acl.ok(acl.aclmdlLoadFromFile(path, place))
    return int(place[0])


def file_refused(acl: Acl, path: bytes, code: int, *words: str) -> None:
    """The file is refused with a code, and the message says these words."""
    acl.message()
    assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == code
    message = last_message(acl)
    for word in words:
        assert word in message


def adds_ones(acl: Acl, number: int) -> bool:
    """Whether a loaded `external` model adds ones."""
    program = Program(acl, b"", number)
    program.feed([5] * (program.input_sizes[0] // 4))
    acl.ok(program.execute())
    return set(program.result()) == {6.0}


@pytest.mark.parametrize("location", ["weights.bin", "deeper/weights.bin", "./deeper/../weights.bin"])
def test_weights_beside_the_file(machine: Acl, tmp_path: Path, location: str) -> None:
    """Weights in another file of the model's folder, or below it, are read from there."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / location).write_bytes(ONES)
    assert adds_ones(machine, loaded_from(machine, write_file(tmp_path, external(location))))


def test_a_part_of_the_file(machine: Acl, tmp_path: Path) -> None:
    """Offset and length name the bytes; without a length it is the rest of the file."""
    (tmp_path / "weights.bin").write_bytes(b"x" * 16 + ONES + b"y" * 16)
    whole = write_file(tmp_path, external(offset=16, length=32))
    assert adds_ones(machine, loaded_from(machine, whole))
    (tmp_path / "rest.bin").write_bytes(b"x" * 16 + ONES)
    assert adds_ones(machine, loaded_from(machine, write_file(tmp_path, external("rest.bin", offset=16))))


def test_the_size_of_weights_beside_the_file(ready: Acl, tmp_path: Path) -> None:
    """They count as weights in aclmdlQuerySize."""
    (tmp_path / "weights.bin").write_bytes(ONES)
    work, weight = ready.out("size_t"), ready.out("size_t")
    assert ready.aclmdlQuerySize(write_file(tmp_path, external()), work, weight) == 0
    assert weight[0] == 32


@pytest.mark.parametrize("location", ["../weights.bin", "deeper/../../weights.bin", "{outside}", "link"])
def test_weights_outside_the_folder(ready: Acl, tmp_path: Path, location: str) -> None:
    """A path that leads out of the model's folder is refused: upwards, absolute, or by a symbolic link."""
    folder = tmp_path / "model"
    (folder / "deeper").mkdir(parents=True)
    outside = tmp_path / "weights.bin"
    outside.write_bytes(ONES)
    (folder / "link").symlink_to(outside)
    path = write_file(folder, external(location.format(outside=outside)))
    file_refused(ready, path, EPARAM, "weight 'w'", "outside the model's folder")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("missing.bin", "No such file"),
        ("deeper", "Is a directory"),
        ("circle", "circle"),
        ("n" * 300, "name too long"),
        ("", "no file's name"),
        ("a\0b", "no file's name"),
    ],
)
def test_weights_that_cannot_be_read(ready: Acl, tmp_path: Path, location: str, words: str) -> None:
    """A file that is missing, is none, or has an impossible name is refused with the weight's name and the reason."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    file_refused(ready, write_file(tmp_path, external(location)), EPARAM, "weight 'w'", words)


@pytest.mark.parametrize(
    "entries", [{"offset": -1}, {"offset": 8}, {"length": 64}, {"length": -4}, {"offset": 1 << 70}]
)
def test_a_part_that_the_file_does_not_have(ready: Acl, tmp_path: Path, entries: dict[str, int]) -> None:
    """Offsets and lengths outside the file are refused."""
    (tmp_path / "weights.bin").write_bytes(ONES)
    numbers = {"length": 32, **entries}
    path = write_file(tmp_path, external("weights.bin", 8, **numbers))
    file_refused(ready, path, EPARAM, "weight 'w'")


def test_an_offset_that_is_no_number(ready: Acl, tmp_path: Path) -> None:
    """An offset or length that is no number is refused."""
    model = onnx.load_model_from_string(external())
    model.graph.initializer[0].external_data.add(key="offset", value="here")
    (tmp_path / "weights.bin").write_bytes(ONES)
    path = write_file(tmp_path, model.SerializeToString())
    file_refused(ready, path, EPARAM, "an offset or a length that is no number")


def outer_constant(location: str = "weights.bin") -> TensorProto:
    """A tensor [8] of floats in another file."""
    constant = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[8], data_location=TensorProto.EXTERNAL)
    constant.external_data.add(key="location", value=location)
    return constant


def in_an_attribute() -> bytes:
    """y = x + c, where c is the value of a Constant node."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=outer_constant()),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    return build(nodes, [tensor("x", [8])], [tensor("y", [8])])


def in_a_branch() -> bytes:
    """y = x + c in both branches of an If, c a constant of the branch."""

    def branch(name: str) -> Any:
        nodes = [
            helper.make_node("Constant", [], [f"{name}_c"], value=outer_constant()),
            helper.make_node("Add", ["x", f"{name}_c"], [f"{name}_y"]),
        ]
        return helper.make_graph(nodes, name, [], [tensor(f"{name}_y", [8])])

    condition = helper.make_tensor("condition", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["condition"], ["y"], then_branch=branch("yes"), else_branch=branch("no"))
    return build([node], [tensor("x", [8])], [tensor("y", [8])], [condition])


def in_a_function() -> bytes:
    """y = x + c in a function of the model."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=outer_constant()),
        helper.make_node("Add", ["a", "c"], ["b"]),
    ]
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("mine", "AddConstant", ["a"], ["b"], nodes, [opset])
    graph = helper.make_graph(
        [helper.make_node("AddConstant", ["x"], ["y"], domain="mine")], "graph", [tensor("x", [8])], [tensor("y", [8])]
    )
    opsets = [opset, helper.make_opsetid("mine", 1)]
    return bytes(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.mark.parametrize("make", [in_an_attribute, in_a_branch, in_a_function])
def test_constants_anywhere_in_the_model(machine: Acl, tmp_path: Path, make: Callable[[], bytes]) -> None:
    """Tensors in attributes, in branches and in functions may lie in other files as well, and no less carefully."""
    path = write_file(tmp_path, make())
    file_refused(machine, path, EPARAM, "weight 'c'", "No such file")
    (tmp_path / "weights.bin").write_bytes(ONES)
    assert adds_ones(machine, loaded_from(machine, path))
    file_refused(machine, write_file(tmp_path, make().replace(b"weights.bin", b"../ghts.bin")), EPARAM, "outside")


@pytest.mark.parametrize("kind", ["tensors", "sparse_tensor", "sparse_tensors"])
def test_tensors_of_every_kind_of_attribute(ready: Acl, tmp_path: Path, kind: str) -> None:
    """Lists of tensors and sparse tensors in attributes are followed to their files too."""
    node = helper.make_node("Identity", ["x"], ["y"])
    attribute = node.attribute.add(name="extra")
    constant = outer_constant("../outside.bin")
    if kind == "tensors":
        attribute.tensors.append(constant)
    elif kind == "sparse_tensor":
        attribute.sparse_tensor.values.CopyFrom(constant)
    else:
        attribute.sparse_tensors.add().indices.CopyFrom(constant)
    path = write_file(tmp_path, build([node], [tensor("x", [8])], [tensor("y", [8])]))
    file_refused(ready, path, EPARAM, "weight 'c'", "outside the model's folder")


def test_weights_of_a_model_from_memory(ready: Acl, tmp_path: Path) -> None:
    """From memory there is no folder: refused with the ways out, which are the file, the folder, and device memory."""
    refused(ready, external(), ENOTSUP, "'weights.bin'", "ACL_MDL_WEIGHT_PATH_PTR", "aclmdlSetExternalWeightAddress")

    config = memory_config(ready, external())
    (tmp_path / "weights.bin").write_bytes(ONES)
    config.set(lib.ACL_MDL_WEIGHT_PATH_PTR, "char *", str(tmp_path).encode())
    assert config.load() == 0
    assert adds_ones(ready, config.id[0])

    config = memory_config(ready, external())
    memory = ready.malloc(32, ONES)
    ready.ok(ready.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 32))
    assert config.load() == 0
    assert adds_ones(ready, config.id[0])


def test_weights_in_device_memory(ready: Acl, tmp_path: Path) -> None:
    """Weights given by name replace the file of that name, of file models too; bad memory or too little is refused."""
    path = write_file(tmp_path, external())
    (tmp_path / "weights.bin").write_bytes(bytes(32))

    def load_with(memory: Any, size: int, name: bytes = b"weights.bin") -> Any:
        config = file_config(ready, path)
        ready.ok(ready.aclmdlSetExternalWeightAddress(config.handle, name, memory, size))
        return config.load(), config.id[0]

    good = ready.malloc(64, ONES)
    for size in (32, 64):  # more than the weight has: sizes come in steps of 32
        code, number = load_with(good, size)
        assert code == 0
        assert adds_ones(ready, number)
    code, number = load_with(good, 32, b"another.bin")
    assert code == 0
    assert not adds_ones(ready, number)
    ready.ok(ready.aclrtFree(good))
    code, _ = load_with(good, 32)
    assert code == 107000


# -- what is no model, or none that can be run -----------------------------------------------------------------------


def test_the_checker_s_words_reach_the_caller(ready: Acl) -> None:
    """onnx's checker says what is wrong with a model, and aclGetRecentErrMsg says it on."""
    data = build([helper.make_node("Identity", ["nowhere"], ["y"])], [tensor("x", [3])], [tensor("y", [3])])
    refused(ready, data, EPARAM, "aclmdlLoadFromMem: ", "checker", "nowhere", "ACL_ERROR_GE_PARAM_INVALID")


def test_onnxruntime_s_words_reach_the_caller(ready: Acl) -> None:
    """Shapes that do not go together are onnxruntime's find: the model is broken, in its words."""
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    data = build([node], [tensor("a", [3, 4]), tensor("b", [3, 4])], [tensor("y", [3, 4])])
    refused(ready, data, EPARAM, "onnxruntime refuses the model", "MatMul")


def test_what_an_engine_lacks_is_no_broken_model(machine: Acl, engine: str) -> None:
    """An operator of somebody's own is refused as unsupported, with the engine's name and words."""
    node = helper.make_node("Nope", ["x"], ["y"], domain="mine")
    model = onnx.load_model_from_string(build([node], [tensor("x", [2])], [tensor("y", [2])]))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    data = model.SerializeToString()
    refused(machine, data, ENOTSUP, "onnxruntime lacks" if engine == "onnxruntime" else "evaluator lacks", "Nope")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", EINVAL, "git lfs pull"),
        (om_file(44, 300), ENOTSUP, "load the .onnx file it was converted from"),
        (om_file(44, 300, wide=True), ENOTSUP, "load the .onnx file it was converted from"),
        (om_file(44, 301, wide=True), EPARAM, "announces 300 bytes"),
        (om_file(44, 100), EINVAL, "header of an .om file"),
        (om_file(44, 290), EPARAM, "announces 300 bytes"),
        (b"PK\x03\x04" + bytes(300), ENOTSUP, "zip package"),
        (bytes(4), EINVAL, "was not taken"),
        (bytes(300), EPARAM, "was not taken"),
        (b"\x08\x01\x08\x01", EINVAL, "no graph with an output"),
    ],
    ids=["git-lfs", "om", "wide om", "long om", "short om", "cut om", "zip", "few zeros", "zeros", "no graph"],
)
def test_bytes_that_are_told_apart(ready: Acl, data: bytes, code: int, words: str) -> None:
    """Files of other kinds are recognised, and the message says what they are and what to do."""
    refused(ready, data, code, words)


def test_a_git_lfs_pointer_in_a_file(ready: Acl, tmp_path: Path) -> None:
    """A repository that was cloned without its large files leads to a sentence that says so."""
    path = write_file(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    file_refused(ready, path, ESIZE, "git-lfs pointer")


def test_names_that_are_no_text(ready: Acl) -> None:
    """A tensor whose name is no UTF-8 is refused, not passed on."""
    refused(ready, identity([3], names=("x" * 9, "y")).replace(b"x" * 9, b"\xff" * 9), EPARAM, "no UTF-8")


def test_a_description_needs_no_engine(ready: Acl) -> None:
    """A model that no engine can compute can be described, and its sizes asked for."""
    data = identity([4], TensorProto.COMPLEX64)
    assert load_code(ready, data) == ENOTSUP
    desc = ready.aclmdlCreateDesc()
    assert ready.aclmdlGetDescFromMem(desc, data, len(data)) == 0
    assert ready.aclmdlGetInputSizeByIndex(desc, 0) == 32
    assert sizes_of(ready, data)[0] >= 1


# -- engines ---------------------------------------------------------------------------------------------------------


def test_engines_agree(open_acl: OpenAcl) -> None:
    """onnxruntime and onnx's evaluator compute the same of the same model."""
    results = []
    for engine in ENGINES:
        acl = open_acl(engine=engine)
        acl.start()
        left, right = np.arange(6, dtype=np.float32), np.full(6, 0.5, np.float32)
        results.append([output.tolist() for output in run(acl, two_of_each(), left, right)])
    assert results[0] == results[1] == [[[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]], [[-0.5, 0.5, 1.5], [2.5, 3.5, 4.5]]]


def test_the_engine_of_the_environment(open_acl: OpenAcl, monkeypatch: pytest.MonkeyPatch) -> None:
    """ACLCFFI_SIM_ENGINE chooses the engine, and a name that there is not is refused."""
    open_acl()
    monkeypatch.setenv("ACLCFFI_SIM_ENGINE", "reference")
    acl = open_acl()
    acl.start()
    assert load_code(acl, identity([4], TensorProto.COMPLEX64)) == 0
    monkeypatch.setenv("ACLCFFI_SIM_ENGINE", "abacus")
    with pytest.raises(aclcffi.BackendError, match="ACLCFFI_SIM_ENGINE is 'abacus'; it can be onnxruntime, reference"):
        open_acl()


def test_a_failing_computation_has_the_engine_s_words(machine: Acl) -> None:
    """An index outside its range fails the execution, and the message names the model's computation and the reason."""
    program = Program(machine, gather())
    program.feed(np.zeros(4, np.float32), np.array([7], np.int64))
    assert program.execute() == 507011
    assert "the model's computation failed: " in last_message(machine)


def test_sessions_use_one_thread() -> None:
    """Results do not depend on the machine: one thread within an operator, one between them."""
    options = session_options(onnxruntime)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_nothing_is_printed(ready: Acl, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a refused model nor a failing one writes to the terminal: the message is for who asks."""
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    load_code(ready, build([node], [tensor("a", [3, 4]), tensor("b", [3, 4])], [tensor("y", [3, 4])]))
    program = Program(ready, gather())
    program.feed(np.zeros(4, np.float32), np.array([7], np.int64))
    assert program.execute() == 507011
    assert capfd.readouterr() == ("", "")


# -- packages that are not there -------------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package impossible to import, as if it was not installed."""

    def hide(name: str) -> None:
        dtype_of.cache_clear()
        for module in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, name, None)

    return hide


def test_without_onnx(ready: Acl, without: Callable[[str], None], tmp_path: Path) -> None:
    """Without onnx no model can be loaded, described or measured, and each call says what to install."""
    data, size, path = add(), ready.out("size_t"), write_file(tmp_path, add())
    without("onnx")
    refused(ready, data, ENOTSUP, "onnx is needed", "install aclcffi[onnx]")
    assert ready.aclmdlQuerySize(path, size, size) == ENOTSUP
    assert ready.aclmdlGetDescFromFile(ready.aclmdlCreateDesc(), path) == ENOTSUP


def test_without_onnxruntime(ready: Acl, without: Callable[[str], None], open_acl: OpenAcl) -> None:
    """Without onnxruntime models can be described, not loaded; the other engine still works."""
    without("onnxruntime")
    refused(ready, add(), ENOTSUP, "onnxruntime is needed", "install aclcffi[onnx]")
    assert sizes_of(ready, add())[0] >= 1
    other = open_acl(engine="reference")
    other.start()
    assert load_code(other, add()) == 0


def test_without_ml_dtypes(ready: Acl, without: Callable[[str], None]) -> None:
    """Without ml_dtypes models with bfloat16 as inputs or weights are refused with a sentence, all others work."""
    weight = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=bytes(4))
    node = helper.make_node("Cast", ["w"], ["v"], to=TensorProto.FLOAT)
    total = helper.make_node("Add", ["v", "x"], ["y"])
    with_weight = build([node, total], [tensor("x", [2])], [tensor("y", [2])], [weight])
    without("ml_dtypes")
    refused(ready, identity([2], TensorProto.BFLOAT16), ENOTSUP, "'x'", "install aclcffi[onnx]")
    refused(ready, with_weight, ENOTSUP, "'w'", "install aclcffi[onnx]")
    assert load_code(ready, add()) == 0


# -- anything at all -------------------------------------------------------------------------------------------------

CODES = {0, EINVAL, EPARAM, ESIZE, ENOTSUP}
MODELS = [add(), weighted(), two_of_each(), external(), in_a_branch(), identity(["n"]), om_file(44, 300)]


@pytest.fixture(scope="module")
def shared() -> Any:
    """A machine for many examples."""
    with aclcffi.open_backend("simulator") as backend:
        acl = Acl(backend)
        acl.start()
        yield acl


@given(st.binary(max_size=600))
def test_random_bytes_never_crash(shared: Acl, data: bytes) -> None:
    """Whatever the bytes are, a load answers a code of the contract and a sentence."""
    shared.message()
    assert load_code(shared, data) in CODES - {0}
    assert shared.message()


@given(st.sampled_from(MODELS), st.data())
def test_truncated_models_never_crash(shared: Acl, model: bytes, data: st.DataObject) -> None:
    """A model that ends too early is refused with a code and a sentence, from memory and when it is described."""
    cut = model[: data.draw(st.integers(0, len(model) - 1))]
    shared.message()
    assert load_code(shared, cut) in CODES - {0}
    assert shared.message()
    assert shared.aclmdlGetDescFromMem(shared.aclmdlCreateDesc(), cut, len(cut)) in CODES - {0}


@given(st.sampled_from(MODELS), st.data())
def test_damaged_models_never_crash(shared: Acl, model: bytes, data: st.DataObject) -> None:
    """A model with bytes changed, put in or taken out is described or refused; what is described has working getters."""
    damaged = bytearray(model)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    desc, content = shared.aclmdlCreateDesc(), bytes(damaged)
    code = shared.aclmdlGetDescFromMem(desc, content, len(content))
    assert code in CODES
    if code == 0:
        dims = shared.out("aclmdlIODims")
        for index in range(shared.aclmdlGetNumInputs(desc)):
            assert shared.aclmdlGetInputDims(desc, index, dims) in (0, 300000)
            assert shared.aclmdlGetInputSizeByIndex(desc, index) >= 0
            assert shared.aclmdlGetInputNameByIndex(desc, index) != NULL
    shared.ok(shared.aclmdlDestroyDesc(desc))


def test_a_bad_model_is_no_engine_failure(ready: Acl) -> None:
    """A load never answers the engine's 500002, which would tell the caller nothing."""
    assert load_code(ready, bytes(1000)) != EGE

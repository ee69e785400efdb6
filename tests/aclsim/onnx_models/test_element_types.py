"""ONNX models in the simulator: element types and what is computed of them."""

import numpy as np
import onnxruntime
import pytest
from aclsim.models.dtypes import BY_ONNX
from aclsim.models.engines import session_options
from onnx import TensorProto, helper

from aclcffi.dtypes import data_type_of, dtype_of
from tests.aclsim.onnx_loads import load_code, refused, run
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import ENOTSUP, Array, build, described, identity, last_message, load, tensor


def opset_of(element: int) -> int:
    """An opset in which Identity takes an element type."""
    return 25 if element == 24 else 19 if element in (17, 19) else 17


def values_of(element: int, count: int = 24) -> Array:
    """Small different values of an element type."""
    dtype = dtype_of(BY_ONNX[element])
    numbers: Array = np.arange(1, count + 1)
    return numbers % 3 == 0 if element == TensorProto.BOOL else numbers.astype(dtype)


lib = Acl.lib

COMPLEX = (TensorProto.COMPLEX64, TensorProto.COMPLEX128)
SMALL_FLOATS = (16, 17, 19, 24)
KNOWN = [number for number in BY_ONNX if number in TensorProto.DataType.values()]
"""Element types that have an aclDataType of whole bytes, as far as this onnx knows them."""

OTHERS = [number for number in TensorProto.DataType.values() if number and number not in BY_ONNX]
"""Texts, packed numbers of less than a byte, and types that ACL has not."""


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

"""What models take and give, as the object API describes it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

import aclcffi
from aclcffi import ModelDescription, OutOfMemoryError, Session, TensorInfo, ffi, lib
from tests.api import models
from tests.api.conftest import Doctored, counts


def test_a_description_has_all_tensors_in_order(any_session: Session, write: Callable[[bytes], Path]) -> None:
    """Inputs and outputs stand in the model's order, with name, shape, data type, format and bytes."""
    with any_session.load(write(models.two_of_each())) as model:
        nd, data_type = int(lib.ACL_FORMAT_ND), int(lib.ACL_FLOAT)
        assert model.inputs == (
            TensorInfo("left", (2, 3), data_type, nd, 24),
            TensorInfo("right", (2, 3), data_type, nd, 24),
        )
        assert [tensor.name for tensor in model.outputs] == ["sum", "difference"]
        assert model.description == ModelDescription(model.inputs, model.outputs)
        assert model.description.signature == (
            "(left: float32[2, 3], right: float32[2, 3]) -> (sum: float32[2, 3], difference: float32[2, 3])"
        )


@pytest.mark.parametrize("name", models.ELEMENTS)
def test_each_element_type_has_its_dtype(session: Session, name: str) -> None:
    """The dtype of a tensor is the one of its element type, and the size is that of an array of it."""
    number, dtype = models.ELEMENTS[name]
    with session.load(models.identity((2, 2), number)) as model:
        (tensor,) = model.inputs
        assert tensor.dtype == np.dtype(dtype)
        assert tensor.dtype_name == name
        assert tensor.size == np.zeros((2, 2), dtype).nbytes


@pytest.mark.parametrize(("dims", "size"), [((), 4), ((0, 3), 0), ((1, 1, 8, 8), 256)])
def test_shapes_without_dims_and_without_elements(session: Session, dims: tuple[int, ...], size: int) -> None:
    """A scalar has the shape () and 4 bytes, an empty tensor keeps its dims and has none; four dims are NCHW."""
    with session.load(models.identity(dims)) as model:
        (tensor,) = model.inputs
        assert (tensor.shape, tensor.size) == (dims, size)
        assert tensor.format_name == ("NCHW" if len(dims) == 4 else "ND")
        assert str(tensor) == f"x: float32{list(dims)}"


def test_a_name_longer_than_c_holds_is_whole(session: Session) -> None:
    """A name that aclmdlIODims cannot hold is the model's own all the same."""
    long, other = "x" * 300, "y/with:signs\u00e9"
    with session.load(models.identity(source=long, target=other)) as model:
        assert (model.inputs[0].name, model.outputs[0].name) == (long, other)


def test_a_name_that_is_no_text_is_shown_in_escapes(doctored: Callable[..., Doctored]) -> None:
    """Bytes of a name that are no UTF-8 become escapes; the model can be used."""
    name = ffi.new("char[]", b"a\xff")
    with Session(doctored({"aclmdlGetInputNameByIndex": name})) as session, session.load(models.identity()) as model:
        assert model.inputs[0].name == "a\\xff"
        assert model({"a\\xff": np.ones(3, np.float32)})["y"].tolist() == [1, 1, 1]


def test_a_data_type_or_format_without_a_name_is_a_number() -> None:
    """Numbers that no table knows are shown as numbers; only asking for the dtype fails."""
    tensor = TensorInfo("x", (1,), 9999, 9998, 4)
    assert (tensor.dtype_name, tensor.format_name) == ("aclDataType 9999", "9998")
    assert str(tensor) == "x: aclDataType 9999[1]"
    with pytest.raises(TypeError, match="9999"):
        _ = tensor.dtype


def test_a_description_leaves_nothing_behind(any_session: Session, identity: Path) -> None:
    """The C description is destroyed once it was read."""
    with any_session.load(identity):
        assert counts(any_session)["descs"] == 0


def test_a_model_that_cannot_be_described_is_unloaded(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Where the description cannot be made or read, the error comes out and neither model nor description is left."""
    backend = doctored()
    with Session(backend) as session:
        before = counts(session)
        for function, answer, error in (
            ("aclmdlCreateDesc", ffi.NULL, OutOfMemoryError),
            ("aclmdlGetDesc", 500002, aclcffi.InternalError),
            ("aclmdlGetOutputDims", 100000, aclcffi.InvalidArgumentError),
        ):
            backend.exchanged = {function: answer}
            with pytest.raises(error, match=function):
                session.load(identity)
            assert counts(session) == before


def test_more_dims_than_c_holds_is_an_error(session: Session) -> None:
    """A tensor of more dims than aclmdlIODims holds cannot be described, and the model is not left loaded."""
    dims = (1,) * (int(lib.ACL_MAX_DIM_CNT) + 1)
    with pytest.raises(aclcffi.InvalidArgumentError) as caught:
        session.load(models.identity(dims, TensorProto.FLOAT))
    assert caught.value.code == 300000
    assert counts(session)["models"] == 0

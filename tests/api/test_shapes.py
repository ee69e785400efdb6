"""Models whose shapes vary: dynamic-shape models, and models with gears."""

from collections.abc import Iterator

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec
from onnx import TensorProto, helper

import aclcffi
from aclcffi import Session


def doubler() -> bytes:
    """y = x + x, x of shape [n, 3]."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubler", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def acl() -> Iterator[Session]:
    with aclcffi.open_backend("simulator") as backend:
        for name, spec in (
            ("batch", GearSpec(batch=[1, 2, 4])),
            ("dims", GearSpec(dims=[[1], [3]])),
        ):
            backend.register_model(name, onnx=doubler(), gears=spec)  # type: ignore[attr-defined]
        with Session(backend) as session:
            yield session


def rows(count: int) -> "dict[str, np.ndarray[tuple[int, int], np.dtype[np.float32]]]":
    """An input of that many rows."""
    return {"x": np.arange(3 * count, dtype=np.float32).reshape(count, 3)}


def test_a_dynamic_model_takes_any_shape(acl: Session) -> None:
    """Shapes go in with the arrays and come out with the outputs; when the model is closed nothing is left allocated."""
    before = acl.device.memory_info()
    with acl.load(doubler()) as model:
        assert model.description.dynamic
        for count in (1, 5, 2):
            given = rows(count)
            assert model(given)["y"].tolist() == (2 * given["x"]).tolist()
            assert model.execute(given)["y"].shape == (count, 3)
    assert acl.device.memory_info() == before


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 2, 3)])
def test_a_shape_must_fit_what_is_fixed(acl: Session, shape: tuple[int, ...]) -> None:
    """Another rank, or another size of a dim that is fixed, is refused before anything runs."""
    with acl.load(doubler()) as model, pytest.raises(aclcffi.InvalidArgumentError, match=r"takes \(-1, 3\)"):
        model({"x": np.zeros(shape, np.float32)})


def test_gears_are_described(acl: Session) -> None:
    """The kind and the values of the gears are there; the input that tells the device is not among the inputs."""
    with acl.load("sim://batch") as batch, acl.load("sim://dims") as dims:
        assert [tensor.name for tensor in batch.inputs] == ["x"]
        assert batch.inputs[0].shape == (-1, 3)
        gears = batch.description.gears
        assert gears is not None
        assert (gears.kind, gears.values, gears.position) == ("batch", ((1,), (2,), (4,)), 1)
        assert not batch.description.dynamic
        other = dims.description.gears
        assert other is not None
        assert (other.kind, other.values) == ("dims", ((1,), (3,)))


@pytest.mark.parametrize(("name", "counts"), [("batch", (4, 1, 2)), ("dims", (3, 1))])
def test_the_shape_of_the_input_chooses_the_gear(acl: Session, name: str, counts: tuple[int, ...]) -> None:
    """Executions in several gears can be queued at once; each comes out in its own shape."""
    with acl.load(f"sim://{name}") as model, acl.create_stream() as stream:
        pending = [model.execute_async(rows(count), stream) for count in counts]
        stream.synchronize()
        for count, result in zip(counts, pending, strict=True):
            assert result.outputs["y"].tolist() == (2 * rows(count)["x"]).tolist()


def test_a_gear_that_does_not_exist(acl: Session) -> None:
    """A shape between the gears is refused, and the message lists them."""
    with acl.load("sim://batch") as model, pytest.raises(aclcffi.InvalidArgumentError, match=r"batch \(1,\), \(2,\)"):
        model(rows(3))


def test_gears_of_height_and_width() -> None:
    """A convolutional model takes pictures of the sizes that it was built for."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, "h", "w"]) for name in ("image", "out")]
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["out"])], "relu", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with aclcffi.open_backend("simulator") as backend:
        path = backend.register_model(  # type: ignore[attr-defined]
            "hw", onnx=model.SerializeToString(), gears=GearSpec(hw=[(2, 3), (4, 4)])
        )
        with Session(backend) as session, session.load(path) as loaded:
            for size in ((2, 3), (4, 4)):
                picture = np.full((1, 1, *size), -1, np.float32)
                assert loaded({"image": picture})["out"].tolist() == np.zeros((1, 1, *size)).tolist()
            with pytest.raises(aclcffi.InvalidArgumentError, match="hw"):
                loaded({"image": np.zeros((1, 1, 3, 3), np.float32)})


def test_inputs_beside_those_that_vary() -> None:
    """An input whose shape is fixed has no part in the choice of the gear."""
    with aclcffi.open_backend("simulator") as backend:
        path = backend.register_model(  # type: ignore[attr-defined]
            "scaled",
            function=lambda factor, x: factor * x,
            infer=lambda dims: [dims[1]],
            inputs=[TensorSpec("factor", (1,)), TensorSpec("x", (-1, 2))],
            outputs=[TensorSpec("y", (-1, 2))],
            gears=GearSpec(batch=[1, 3]),
        )
        with Session(backend) as session, session.load(path) as model:
            for count in (3, 1):
                given = {"factor": np.array([2], np.float32), "x": np.ones((count, 2), np.float32)}
                assert model(given)["y"].tolist() == [[2, 2]] * count

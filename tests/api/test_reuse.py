"""Device memory of models: taken by the first execution, used again by the next, and given back."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from aclsim import TensorSpec

import aclcffi
from aclcffi import InvalidArgumentError, Model, Session, ffi, lib
from tests.api import models, shaped
from tests.api.conftest import Doctored, counts
from tests.api.shaped import Array, repeated
from tests.api.test_shapes import doubler, rows


@pytest.fixture
def machine(doctored: Callable[..., Doctored]) -> Doctored:
    return shaped.machine(doctored)


@pytest.fixture
def acl(machine: Doctored) -> Iterator[Session]:
    with Session(machine) as session:
        yield session


MADE = (
    "aclrtMalloc",
    "aclCreateDataBuffer",
    "aclmdlCreateDataset",
    "aclrtCreateStream",
    "aclmdlCreateExecConfigHandle",
)


def called(model: Model, _stream: aclcffi.Stream, inputs: dict[str, Array]) -> Array:
    return model(inputs)["y"]


def executed(model: Model, _stream: aclcffi.Stream, inputs: dict[str, Array]) -> Array:
    return model.execute(inputs)["y"]


def queued_one(model: Model, stream: aclcffi.Stream, inputs: dict[str, Array]) -> Array:
    pending = model.execute_async(inputs, stream)
    stream.synchronize()
    return pending.outputs["y"]


@pytest.mark.parametrize("run", [called, executed, queued_one])
@pytest.mark.parametrize("name", ["static", "geared", "bounded"])
def test_nothing_is_allocated_after_the_first_execution(
    machine: Doctored, acl: Session, name: str, run: Callable[[Model, aclcffi.Stream, dict[str, Array]], Array]
) -> None:
    """Static models, gears and bounded dynamic-shape models take their memory once, whatever shapes come."""
    source = models.identity((1, 3)) if name == "static" else f"sim://{name}"
    times = {"static": 1, "geared": 1, "bounded": 2}[name]
    with acl.load(source) as model, acl.create_stream() as stream:
        run(model, stream, rows(1))
        machine.watched = MADE
        memory = acl.device.memory_info(), counts(acl)
        for number in range(12):
            count = 1 if name == "static" else (1, 4, 2)[number % 3]
            wanted = repeated(count, times) * (2 if name == "geared" else 1)
            assert run(model, stream, rows(count)).tolist() == wanted.tolist()
            assert (acl.device.memory_info(), counts(acl)["device memory"]) == (memory[0], memory[1]["device memory"])
        assert machine.calls == []


def test_what_acl_allocated_is_given_back_at_once(machine: Doctored, acl: Session) -> None:
    """Memory of unbounded outputs is freed when they are read, also when the array for one does not fit (MD11.11)."""
    with acl.load("sim://unbounded") as model:
        model(rows(4))
        machine.watched = MADE
        before = acl.device.memory_info(), counts(acl)["device memory"]
        for count in (4, 1, 3):
            model(rows(count))
            with pytest.raises(InvalidArgumentError, match="comes out with shape"):
                model(rows(count), out={"y": np.zeros((1, 3), np.float32)})
            assert (acl.device.memory_info(), counts(acl)["device memory"]) == before
        assert machine.calls == []


def test_memory_grows_with_what_comes(machine: Doctored, acl: Session) -> None:
    """Where nothing bounds an input its memory is exchanged for more when more comes, and kept when less does."""
    with acl.load(doubler()) as model:
        sizes = []
        for count in (1, 100, 2, 50):
            assert model(rows(count))["y"].tolist() == (2 * rows(count)["x"]).tolist()
            sizes.append(counts(acl)["device memory"])
        assert sizes == [1, 1, 1, 1]
        machine.watched = ("aclrtMalloc",)
        model(rows(99))
        assert machine.calls == []
        model(rows(101))
        assert machine.calls == ["aclrtMalloc"]


def test_memory_that_cannot_grow_leaves_the_model_usable(machine: Doctored, acl: Session) -> None:
    """Where the device has no more memory the call fails, and the next one works as soon as there is some."""
    with acl.load(doubler()) as model:
        model(rows(2))
        before = counts(acl)
        machine.exchanged["aclrtMalloc"] = 207001
        for _ in range(2):
            with pytest.raises(aclcffi.OutOfMemoryError):
                model(rows(50))
            assert counts(acl) == {**before, "device memory": before["device memory"] - 1}
        machine.exchanged.clear()
        assert model(rows(1))["y"].shape == (1, 3)
        assert model(rows(50))["y"].shape == (50, 3)


def test_memory_grows_where_old_and_new_do_not_fit_together(doctored: Callable[..., Doctored]) -> None:
    """Memory that must grow is given back first where the device cannot hold both."""
    backend = doctored(memory=1_000_000)
    path = backend.register_model(
        "sum",
        function=lambda x: x.sum(keepdims=True),
        inputs=[TensorSpec("x", (-1,))],
        outputs=[TensorSpec("y", (1,))],
    )
    with Session(backend) as session, session.load(path) as model:
        for count in (100_000, 170_000, 100_000):
            assert model({"x": np.ones(count, np.float32)})["y"].tolist() == [count]
        with pytest.raises(aclcffi.OutOfMemoryError):
            model({"x": np.ones(300_000, np.float32)})
        assert model({"x": np.ones(170_000, np.float32)})["y"].tolist() == [170_000]


def test_a_bound_that_the_device_cannot_hold(machine: Doctored) -> None:
    """An input gets the memory that its array needs where there is none for the largest that could come."""
    path = machine.register_model(
        "vast",
        function=lambda x: x.sum(keepdims=True),
        infer=lambda _dims: [(1,)],
        inputs=[TensorSpec("x", (-1,), max_shape=(1 << 45,))],
        outputs=[TensorSpec("y", (1,))],
    )
    with Session(machine) as session, session.load(path) as model:
        assert model.inputs[0].bound == 4 << 45
        for count in (2, 1000, 3):
            assert model({"x": np.ones(count, np.float32)})["y"].tolist() == [count]


def test_memory_that_cannot_be_placed_is_given_back(machine: Doctored, acl: Session) -> None:
    """Where the library does not take the new memory of a slot, the error comes out and the old memory is still used."""
    with acl.load(doubler()) as model:
        model(rows(2))
        before = counts(acl)
        machine.exchanged["aclUpdateDataBuffer"] = 500000
        with pytest.raises(aclcffi.InternalError, match="aclUpdateDataBuffer"):
            model(rows(50))
        assert counts(acl) == before
        machine.exchanged.clear()
        assert model(rows(1))["y"].shape == (1, 3)


@pytest.mark.parametrize("function", ["aclmdlCreateDataset", "aclCreateDataBuffer"])
@pytest.mark.parametrize("after", range(2))
def test_buffers_that_cannot_be_made_leave_nothing(machine: Doctored, acl: Session, function: str, after: int) -> None:
    """Wherever making the datasets fails, the error comes out and nothing is left of them."""
    left = [after]

    def sometimes(*arguments: Any) -> Any:
        left[0] -= 1
        return machine.original(function)(*arguments) if left[0] >= 0 else ffi.NULL

    with acl.load("sim://bounded") as model:
        before = counts(acl)
        machine.exchanged[function] = sometimes
        with pytest.raises(aclcffi.OutOfMemoryError, match=function):
            model(rows(1))
        assert counts(acl) == before


def test_an_interrupt_leaves_no_memory_behind_the_model(machine: Doctored, acl: Session) -> None:
    """What ACL allocated for an execution that was interrupted is freed when the model is closed."""
    before = counts(acl)

    def interrupted(*arguments: Any) -> int:
        assert machine.original("aclmdlExecuteV2")(*arguments) == lib.ACL_SUCCESS
        raise KeyboardInterrupt

    with acl.load("sim://unbounded") as model:
        machine.exchanged["aclmdlExecuteV2"] = interrupted
        with pytest.raises(KeyboardInterrupt):
            model(rows(2))
        assert counts(acl)["device memory"] == before["device memory"] + 2
    assert counts(acl) == before

"""Outputs into arrays of the caller's: which fit, which do not, and what comes back."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.backend import SimulatorBackend

import aclcffi
from aclcffi import InvalidArgumentError, Model, Session, StateError, Stream
from tests.api import models
from tests.api.conftest import BAD, X, counts, queued, world_of

Array = np.ndarray[Any, Any]
Run = Callable[[Model, Stream, dict[str, Array], Any], Any]


def plain(model: Model, _stream: Stream, inputs: dict[str, Array], out: Any) -> Any:
    return model(inputs, out=out)


def waiting(model: Model, _stream: Stream, inputs: dict[str, Array], out: Any) -> Any:
    return model.execute(inputs, out=out)


def queueing(model: Model, stream: Stream, inputs: dict[str, Array], out: Any) -> Any:
    pending = model.execute_async(inputs, stream, out=out)
    stream.synchronize()
    return pending.outputs


MANNERS = pytest.mark.parametrize("run", [plain, waiting, queueing])
SIDES = {"left": np.arange(6, dtype=np.float32).reshape(2, 3), "right": np.ones((2, 3), np.float32)}


def varying(session: Session, *, gears: bool = False) -> tuple[str, list[int]]:
    """y = [x, x], x of up to 4 rows of two; with gears of 1, 2 and 4 rows. The list gets the rows of each run."""
    assert isinstance(session.backend, SimulatorBackend)
    runs: list[int] = []

    def twice(x: Array) -> Array:
        runs.append(len(x))
        return np.concatenate([x, x])

    path = session.backend.register_model(
        f"varying{gears}",
        function=twice,
        infer=lambda dims: [(2 * dims[0][0], 2)],
        inputs=[TensorSpec("x", (-1, 2), max_shape=(4, 2))],
        outputs=[TensorSpec("y", (-1, 2), max_shape=(8, 2))],
        gears=GearSpec(batch=[1, 2, 4]) if gears else None,
    )
    return path, runs


@MANNERS
def test_outputs_go_into_the_arrays(any_session: Session, run: Run, write: Callable[[bytes], Any]) -> None:
    """All or some of the outputs are copied into given arrays, which come back; each time again."""
    total, difference = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    with any_session.load(write(models.two_of_each())) as model, any_session.create_stream() as stream:
        for factor in (1, 2):
            inputs = {name: array * factor for name, array in SIDES.items()}
            outputs = run(model, stream, inputs, {"difference": difference, "sum": total})
            assert list(outputs) == ["sum", "difference"]
            assert outputs["sum"] is total
            assert outputs["difference"] is difference
            np.testing.assert_array_equal(total, factor * (SIDES["left"] + SIDES["right"]))
            np.testing.assert_array_equal(difference, factor * (SIDES["left"] - SIDES["right"]))
        outputs = run(model, stream, SIDES, {"sum": total})
        assert outputs["sum"] is total
        assert outputs["difference"] is not difference
        np.testing.assert_array_equal(outputs["difference"], SIDES["left"] - SIDES["right"])
        assert run(model, stream, SIDES, {})["sum"] is not total


@pytest.mark.parametrize("shape", [(), (0, 3), (2,)])
def test_scalars_empty_arrays_and_bfloat16(session: Session, shape: tuple[int, ...]) -> None:
    """Arrays of every rank, without elements and of ml_dtypes' types are filled too; slices of arrays are."""
    number, dtype = models.ELEMENTS["bfloat16"]
    whole = np.zeros((3, *shape), ml_dtypes.bfloat16)
    with session.load(models.identity(shape, number)) as model:
        given = np.ones(shape, dtype)
        part = whole[1:2].reshape(shape)  # a view
        assert model({"x": given}, out={"y": part})["y"] is part
        assert whole[1].tolist() == given.tolist()
        assert not whole[0].any()


def frozen() -> Array:
    array = np.zeros(3, np.float32)
    array.flags.writeable = False
    return array


WRONG: list[tuple[Any, str]] = [
    ({"z": X}, "out: the model's outputs are y; unknown: z"),
    (X, "out: the model's outputs go by name, in a mapping; this is of type ndarray"),
    ({"y": [0, 0, 0]}, r"out\['y'\] is of type list; outputs go into numpy arrays"),
    ({"y": np.zeros(3)}, r"out\['y'\] has dtype float64, the output has float32"),
    ({"y": np.zeros(3, ">f4")}, "has dtype >f4"),
    ({"y": np.zeros(4, np.float32)}, r"out\['y'\] has shape \(4,\), the output has \(3,\)"),
    ({"y": np.zeros((1, 3), np.float32)}, r"has shape \(1, 3\)"),
    ({"y": np.zeros(6, np.float32)[::2]}, r"out\['y'\] must be C-contiguous and writable"),
    ({"y": frozen()}, "C-contiguous and writable"),
]


@MANNERS
@pytest.mark.parametrize(("out", "message"), WRONG)
def test_an_array_that_does_not_fit_is_refused_before_anything_runs(
    session: Session, run: Run, out: Any, message: str
) -> None:
    """The error names the array; nothing was allocated or queued, and the model's manner is still open."""
    with session.load(models.identity()) as model, session.create_stream() as stream:
        before = counts(session)
        with pytest.raises(InvalidArgumentError, match=message):
            run(model, stream, {"x": X}, out)
        assert counts(session) == before
        assert queued(session) == 0
        assert world_of(session).models[model.id].mode is None


def test_arrays_that_share_memory_are_refused(session: Session) -> None:
    """Two outputs cannot go to the same place, nor to places that overlap; neighbours are fine."""
    room = np.zeros((5, 3), np.float32)
    with session.load(models.two_of_each()) as model:
        for first, second in ((room[:2], room[:2]), (room[1:3], room[:2]), (room[:2], room[1:3])):
            with pytest.raises(InvalidArgumentError, match=r"out\['\w+'\] and out\['\w+'\] share memory"):
                model(SIDES, out={"sum": first, "difference": second})
        model(SIDES, out={"sum": room[:2], "difference": room[2:4]})
        np.testing.assert_array_equal(room[:2] + room[2:4], 2 * SIDES["left"])
        assert not room[4].any()


@MANNERS
def test_a_failed_execution_leaves_the_array_alone(session: Session, run: Run) -> None:
    """Where the computation fails nothing is written."""
    with session.load(models.gather()) as model, session.create_stream() as stream:
        picked = np.full(1, 7, np.float32)
        with pytest.raises(aclcffi.ModelError):
            run(model, stream, BAD, {"picked": picked})
        assert picked.tolist() == [7]


def test_a_pending_result_fills_its_arrays_when_it_is_read(session: Session) -> None:
    """Results that are queued together have arrays of their own, filled at the first look, once."""
    with session.load(models.identity()) as model, session.create_stream() as stream:
        arrays = [np.zeros(3, np.float32) for _ in range(3)]
        pending = [
            model.execute_async({"x": X + number}, stream, out={"y": array}) for number, array in enumerate(arrays)
        ]
        with pytest.raises(StateError, match="not there yet"):
            _ = pending[0].outputs
        stream.synchronize()
        assert [array.tolist() for array in arrays] == [[0, 0, 0]] * 3
        for number, (result, array) in enumerate(zip(pending, arrays, strict=True)):
            assert result.outputs["y"] is array
            assert array.tolist() == (X + number).tolist()
            array[:] = 9
            assert result.outputs["y"].tolist() == [9, 9, 9]


def test_the_mapping_may_change_afterwards(session: Session) -> None:
    """Which arrays were given when the execution was queued counts."""
    with session.load(models.identity()) as model, session.create_stream() as stream:
        array = np.zeros(3, np.float32)
        out = {"y": array}
        pending = model.execute_async({"x": X}, stream, out=out)
        out["y"] = np.zeros(9, np.float32)
        stream.synchronize()
        assert pending.outputs["y"] is array


@MANNERS
def test_the_shape_of_the_gear_counts(session: Session, run: Run) -> None:
    """With gears the array must have the shape of the gear that the inputs choose, which is checked before it runs."""
    path, runs = varying(session, gears=True)
    with session.load(path) as model, session.create_stream() as stream:
        for count in (2, 1, 4, 2):
            inputs = {"x": np.full((count, 2), count, np.float32)}
            array = np.zeros((2 * count, 2), np.float32)
            assert run(model, stream, inputs, {"y": array})["y"] is array
            assert array.tolist() == np.full((2 * count, 2), count).tolist()
            for shape in ((8, 2) if count < 4 else (4, 2), (2 * count,), (2 * count, 3)):
                with pytest.raises(InvalidArgumentError, match=r"out\['y'\] has shape"):
                    run(model, stream, inputs, {"y": np.zeros(shape, np.float32)})
                assert queued(session) == 0
    assert runs == [2, 1, 4, 2]


@MANNERS
def test_the_shape_of_a_dynamic_model_counts(session: Session, run: Run) -> None:
    """An array of the right shape is filled; one that cannot be right is refused at once, another when it is known."""
    path, runs = varying(session)
    with session.load(path) as model, session.create_stream() as stream:
        inputs = {"x": np.full((2, 2), 5, np.float32)}
        array = np.zeros((4, 2), np.float32)
        assert run(model, stream, inputs, {"y": array})["y"] is array
        assert array.tolist() == [[5, 5]] * 4
        with pytest.raises(InvalidArgumentError, match=r"out\['y'\] has shape \(4, 3\), the output has \(-1, 2\)"):
            run(model, stream, inputs, {"y": np.zeros((4, 3), np.float32)})
        wrong = np.zeros((5, 2), np.float32)
        with pytest.raises(
            InvalidArgumentError, match=r"out\['y'\] has shape \(5, 2\), the output comes out with shape \(4, 2\)"
        ):
            run(model, stream, inputs, {"y": wrong})
        assert not wrong.any()
        assert run(model, stream, inputs, {"y": array})["y"] is array
    assert len(runs) == 3

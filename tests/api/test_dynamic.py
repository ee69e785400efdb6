"""Dynamic-shape models: queued on streams with room for their outputs, and executed synchronously."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from aclsim import TensorSpec

import aclcffi
from aclcffi import (
    ExecConfig,
    ExecOptions,
    InvalidArgumentError,
    Model,
    Session,
    StateError,
    UnsupportedError,
    ffi,
)
from tests.api import models, shaped
from tests.api.conftest import Doctored, OpenSession, copy, counts, queued
from tests.api.shaped import repeated
from tests.api.test_shapes import doubler, rows


@pytest.fixture
def machine(doctored: Callable[..., Doctored]) -> Doctored:
    return shaped.machine(doctored)


@pytest.fixture
def acl(machine: Doctored) -> Iterator[Session]:
    with Session(machine) as session:
        yield session


# -- queued ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD7.16", "MD7.22")
@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
def test_executions_of_several_shapes_are_queued(open_session: OpenSession, schedule: str) -> None:
    """Executions with shapes of their own can be queued at once, with room for the outputs; each has its own result."""
    session = open_session(schedule=schedule, seed=3)
    with session.load(doubler()) as model, session.create_stream() as stream:
        pending = {
            count: model.execute_async(rows(count), stream, output_bytes={"y": 12 * count}) for count in (3, 1, 7)
        }
        with pytest.raises(StateError, match="not there yet"):
            _ = pending[3].outputs
        stream.synchronize()
        for count, result in pending.items():
            assert result.outputs["y"].tolist() == (2 * rows(count)["x"]).tolist()


def test_a_bounded_model_needs_no_sizes(acl: Session) -> None:
    """Where the description bounds every output it can be queued as a static model can."""
    with acl.load("sim://bounded") as model, acl.create_stream() as stream:
        pending = [model.execute_async(rows(count), stream) for count in (8, 1)]
        stream.synchronize()
        assert [result.outputs["y"].tolist() for result in pending] == [repeated(8).tolist(), repeated(1).tolist()]


def test_manners_may_be_mixed(acl: Session) -> None:
    """A dynamic-shape model can be called, executed and queued in any order (MD7.07)."""
    with acl.load("sim://unbounded") as model, acl.create_stream() as stream:
        for count in (2, 5, 1):
            wanted = repeated(count).tolist()
            assert model(rows(count))["y"].tolist() == wanted
            pending = model.execute_async(rows(count), stream, output_bytes={"y": 1000})
            stream.synchronize()
            assert pending.outputs["y"].tolist() == wanted
            assert model.execute(rows(count))["y"].tolist() == wanted
        pending = model.execute_async(rows(1), stream, output_bytes={"y": 24})
        stream.synchronize()
        assert pending.outputs["y"].tolist() == repeated(1).tolist()
        assert model(rows(8))["y"].tolist() == repeated(8).tolist(), "the room of one is not that of the next"


@pytest.mark.parametrize("name", ["silent", "untold"])
def test_a_shape_that_only_the_data_tells_cannot_be_read(acl: Session, name: str) -> None:
    """The execution is queued and runs; reading it says why that cannot be, each time, and its buffers come back."""
    with acl.load(f"sim://{name}") as model, acl.create_stream() as stream:
        pending = model.execute_async(rows(2), stream, output_bytes={"y": 100})
        stream.synchronize()
        for _ in range(2):
            with pytest.raises(UnsupportedError, match=r"only the data tells the shape of output 'y'.*use execute\(\)"):
                _ = pending.outputs
        del pending
        before = counts(acl)["datasets"]
        assert model(rows(2))["y"].tolist() == repeated(2).tolist()
        assert counts(acl)["datasets"] == before


@pytest.mark.parametrize(
    ("function", "answer"), [("aclGetTensorDescNumDims", (1 << 64) - 2), ("aclmdlGetDatasetTensorDesc", ffi.NULL)]
)
def test_a_rank_that_nobody_tells(machine: Doctored, acl: Session, function: str, answer: Any) -> None:
    """Where ACL does not even tell the rank, or wrote no shape at all, reading is refused as with an unknown dim."""
    with acl.load("sim://bounded") as model, acl.create_stream() as stream:
        pending = model.execute_async(rows(1), stream)
        stream.synchronize()
        machine.exchanged[function] = lambda *_arguments: answer
        with pytest.raises(UnsupportedError, match="only the data tells the shape of output 'y'"):
            _ = pending.outputs
        machine.exchanged.clear()
        assert pending.outputs["y"].tolist() == repeated(1).tolist()


WRONG: list[tuple[Any, str]] = [
    (None, r"nothing bounds the size of the outputs 'y': .*output_bytes, or use execute\(\)"),
    ({}, "nothing bounds the size of the outputs 'y'"),
    ({"z": 12}, "output_bytes: the model's outputs are y; unknown: z"),
    ({"y": 0}, r"output_bytes\['y'\] is 0; a buffer has at least 1 byte"),
    ({"y": -5}, r"output_bytes\['y'\] is -5"),
    ({"y": 1.5}, r"output_bytes\['y'\] is 1.5; it is a number of bytes"),
    ({"y": 1 << 64}, "size is 18446744073709551616"),
    (12, "output_bytes: the model's outputs go by name, in a mapping; this is of type int"),
]


@pytest.mark.parametrize(("sizes", "message"), WRONG)
def test_sizes_that_cannot_be_are_refused(acl: Session, sizes: Any, message: str) -> None:
    """Sizes that are missing or make no sense are an InvalidArgumentError; nothing is queued."""
    with acl.load(doubler()) as model, acl.create_stream() as stream:
        with pytest.raises(InvalidArgumentError, match=message):
            model.execute_async(rows(1), stream, output_bytes=sizes)
        assert queued(acl) == 0
        assert model(rows(1))["y"].shape == (1, 3)


def test_sizes_are_for_dynamic_models(acl: Session) -> None:
    """A static model and one with gears know their sizes: giving them is refused."""
    with acl.load(models.identity()) as static, acl.load("sim://geared") as geared, acl.create_stream() as stream:
        for model, inputs in ((static, {"x": np.zeros(3, np.float32)}), (geared, rows(1))):
            with pytest.raises(InvalidArgumentError, match="output_bytes is for dynamic-shape models"):
                model.execute_async(inputs, stream, output_bytes={"y": 99})


def test_an_output_that_does_not_fit_its_memory(acl: Session) -> None:
    """Too few bytes are an error when the execution runs; how much was allocated before does not matter."""
    with acl.load("sim://unbounded") as model, acl.create_stream() as stream:
        for size in (1000, 12):
            pending = model.execute_async(rows(1), stream, output_bytes={"y": size})
            if size == 1000:
                stream.synchronize()
                assert pending.outputs["y"].shape == (2, 3)
            else:
                with pytest.raises(aclcffi.ModelError, match="24 bytes, its buffer has 12"):
                    stream.synchronize()


@pytest.mark.parametrize(("shape", "limits"), [((9, 3), r"\(1..8, 3\)"), ((0, 3), r"\(1..8, 3\)"), ((2, 4), "3")])
def test_a_dim_outside_its_range_is_refused(acl: Session, shape: tuple[int, ...], limits: str) -> None:
    """A shape outside the range that the description tells is refused before anything runs, and the range is named."""
    with acl.load("sim://bounded") as model:
        before = counts(acl)
        with pytest.raises(InvalidArgumentError, match=limits):
            model({"x": np.zeros(shape, np.float32)})
        assert counts(acl) == before


def test_closing_the_model_waits_for_what_is_queued(acl: Session) -> None:
    """Executions that are queued are finished when the model is closed; nothing is left of them."""
    before = counts(acl)
    with acl.create_stream() as stream:
        with acl.load("sim://bounded") as model:
            pending = [model.execute_async(rows(count), stream) for count in (1, 2)]
            assert queued(acl) == 2
        assert queued(acl) == 0
        assert all(result.ready for result in pending)
        del pending
    assert counts(acl) == before


# -- synchronously ---------------------------------------------------------------------------------------------------


def test_executing_on_a_stream_comes_after_it(acl: Session) -> None:
    """ACL gives a dynamic-shape model a stream of its own; what was queued on the given one is over before (MD7.15)."""
    with acl.load("sim://bounded") as model, acl.load(models.identity()) as other, acl.create_stream() as stream:
        pending = other.execute_async({"x": np.ones(3, np.float32)}, stream)
        assert model.execute(rows(2), stream=stream)["y"].tolist() == repeated(2).tolist()
        assert pending.outputs["y"].tolist() == [1, 1, 1]


def test_a_timeout_holds_for_what_is_waited_for(acl: Session) -> None:
    """The config's timeout bounds the wait for the stream too, and the model did not run then."""
    with (
        acl.load("sim://bounded") as model,
        acl.create_stream() as stream,
        ExecConfig(acl, ExecOptions(stream_sync_timeout=1)) as config,
    ):
        copy(acl, stream)
        with pytest.raises(aclcffi.AclTimeoutError):
            model.execute(rows(1), stream=stream, config=config)
        stream.synchronize()
        assert model.execute(rows(1), stream=stream, config=config)["y"].tolist() == repeated(1).tolist()


def test_a_timeout_of_nothing_is_named(acl: Session) -> None:
    """A timeout of 0 answers 107000 for a dynamic-shape model too, and the message names the option."""
    with (
        acl.load("sim://bounded") as model,
        acl.create_stream() as stream,
        ExecConfig(acl, ExecOptions(stream_sync_timeout=0)) as config,
        pytest.raises(InvalidArgumentError, match="stream_sync_timeout is 0") as caught,
    ):
        model.execute(rows(1), stream=stream, config=config)
    assert caught.value.code == 107000


def test_timeouts_hold_for_dynamic_models(doctored: Callable[..., Doctored]) -> None:
    """A config's timeout bounds the execution, which then ends (500002), and none of the next one's."""
    backend = doctored()
    path = backend.register_model(
        "slow",
        function=lambda x: x,
        inputs=[TensorSpec("x", (-1, 3))],
        outputs=[TensorSpec("y", (-1, 3))],
        duration_us=50_000,
    )
    with (
        Session(backend) as session,
        session.load(path) as model,
        ExecConfig(session, ExecOptions(stream_sync_timeout=1)) as config,
    ):
        with pytest.raises(aclcffi.InternalError) as caught:
            model.execute(rows(1), config=config)
        assert (caught.value.function, caught.value.code) == ("aclmdlExecuteV2", 500002)
        before = counts(session)["datasets"]
        assert model.execute(rows(1))["y"].tolist() == rows(1)["x"].tolist()
        assert counts(session)["datasets"] == before


def test_an_older_library_executes_them_too(doctored: Callable[..., Doctored]) -> None:
    """Without aclmdlExecuteV2 they are executed by aclmdlExecute."""
    backend = doctored(lacking=("aclmdlExecuteV2",), watched=("aclmdlExecute",))
    with Session(backend) as session, session.load(doubler()) as model:
        assert model(rows(2))["y"].tolist() == (2 * rows(2)["x"]).tolist()
    assert backend.calls == ["aclmdlExecute"]


def test_no_elements_go_through(acl: Session) -> None:
    """Arrays without elements go in and come out, synchronously and queued."""
    with acl.load(doubler()) as model, acl.create_stream() as stream:
        pending = model.execute_async(rows(0), stream, output_bytes={"y": 1})
        stream.synchronize()
        for outputs in (model(rows(0)), pending.outputs):
            assert outputs["y"].shape == (0, 3)


# -- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["lazy", "random", "parallel"])
def test_threads_that_share_a_dynamic_model(open_session: OpenSession, schedule: str) -> None:
    """Threads with a stream each execute one model in all manners with shapes of their own, and get their own results."""
    session = open_session(schedule=schedule, seed=1)
    wrong: list[object] = []

    def work(model: Model, base: int) -> None:
        try:
            session.context.make_current()
            with session.create_stream() as stream:
                for number in range(12):
                    count = (7 * number + base) % 10
                    given = {"x": np.full((count, 3), 100 * base + number, np.float32)}
                    out = np.zeros((count, 3), np.float32)
                    if number % 3:
                        model.execute(given, stream=stream if number % 2 else None, out={"y": out})
                    else:
                        pending = model.execute_async(given, stream, out={"y": out}, output_bytes={"y": 120})
                        stream.synchronize()
                        assert pending.outputs["y"] is out
                    if out.tolist() != (2 * given["x"]).tolist():
                        wrong.append((base, number))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            wrong.append(error)

    with session.load(doubler()) as model:
        threads = [threading.Thread(target=work, args=(model, base)) for base in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert counts(session)["datasets"] <= 2 * 4
    assert counts(session)["datasets"] == 0

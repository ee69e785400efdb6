"""Models: buffers used again, closing with work under way, and threads."""

import gc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from aclcffi import ModelError, Session, StateError
from aclcffi.execution import ExecutionBuffers
from tests.api import models
from tests.api.conftest import BAD, OpenSession, X, counts, dropped, in_thread, in_threads, queued

# -- buffers ---------------------------------------------------------------------------------------------------------


def test_executions_one_after_the_other_share_buffers(any_session: Session, identity: Path) -> None:
    """Any number of executions, read or dropped, takes no more memory and no more objects than the first."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        first = None
        for number in range(30):
            pending = model.execute_async({"x": X + number}, stream)
            stream.synchronize()
            if number % 2:
                assert pending.outputs["y"].tolist() == (X + number).tolist()
            del pending
            first = first or (counts(any_session), any_session.device.memory_info())
            assert (counts(any_session), any_session.device.memory_info()) == first
    with any_session.load(identity) as model:
        pass


def test_all_memory_comes_back_with_the_model(any_session: Session, identity: Path) -> None:
    """When a model that was executed in each manner is closed, device memory and objects are those of before."""
    before = counts(any_session), any_session.device.memory_info()
    with any_session.load(identity) as one, any_session.load(identity) as two, any_session.create_stream() as stream:
        pending = [one.execute_async({"x": X}, stream) for _ in range(5)]
        one({"x": X})
        two.execute({"x": X})
        two.execute({"x": X}, stream=stream)
        assert all(result.ready for result in pending)
    assert (counts(any_session), any_session.device.memory_info()) == before


def test_executions_under_way_have_buffers_of_their_own(any_session: Session, identity: Path) -> None:
    """Executions that are queued together do not write into each other's memory."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        pending = [model.execute_async({"x": X * number}, stream) for number in range(10)]
        assert counts(any_session)["datasets"] == 20
        stream.synchronize()
        assert [result.outputs["y"].tolist() for result in pending] == [(X * number).tolist() for number in range(10)]
        assert len(model._pool._free) == 10
        model.execute_async({"x": X}, stream)
        stream.synchronize()
        assert counts(any_session)["datasets"] == 20


def test_dropped_results_keep_their_buffers_until_they_are_through(any_session: Session, identity: Path) -> None:
    """Buffers of a result that nobody holds are not used again while its execution may still run."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        for _ in range(3):
            model.execute_async({"x": X}, stream)
        assert counts(any_session)["datasets"] == 6
        stream.synchronize()
        model.execute_async({"x": X}, stream)
        assert counts(any_session)["datasets"] == 6
        stream.synchronize()


def test_buffers_come_back_from_a_stream_that_was_closed(any_session: Session, identity: Path) -> None:
    """Closing a stream finishes its work, so the buffers of its executions are free again."""
    with any_session.load(identity) as model:
        for _ in range(3):
            with any_session.create_stream() as stream:
                model.execute_async({"x": X}, stream)
            assert counts(any_session)["datasets"] == 2
        assert model({"x": X})["y"].tolist() == [1, 2, 3]
        assert counts(any_session)["datasets"] == 2
        assert len(model._pool._running) == 1, "streams that were closed are forgotten"


# -- closing with work under way -------------------------------------------------------------------------------------


def test_closing_a_model_waits_for_its_executions(any_session: Session, identity: Path) -> None:
    """A model that is closed with executions queued waits for them first: nothing fails, on any stream."""
    streams = [any_session.create_stream() for _ in range(2)]
    with any_session.load(identity) as model, any_session.load(identity) as other:
        model.execute_async({"x": X}, streams[0])
        unrelated = other.execute_async({"x": X}, streams[1])
        assert queued(any_session) == 2
        model.close()
        assert queued(any_session) == 1
        streams[1].synchronize()
        assert unrelated.outputs["y"].tolist() == [1, 2, 3]
        for stream in streams:
            stream.synchronize()  # an execution without its model would be an error here
            stream.close()


def test_closing_a_model_tells_what_failed(any_session: Session, gather: Path) -> None:
    """An execution that fails while its model is being closed is raised there, and everything is given back."""
    with any_session.create_stream() as stream:
        before = counts(any_session)
        model = any_session.load(gather)
        pending = model.execute_async(BAD, stream)
        with pytest.raises(ModelError, match="the model's computation failed"):
            model.close()
        assert model.closed
        with pytest.raises(ModelError, match="the model's computation failed"):
            _ = pending.outputs
        assert counts(any_session) == before


def test_a_dropped_model_waits_for_its_executions(any_session: Session, identity: Path) -> None:
    """A model that nobody closed is one warning, and goes at the session's next use after its work is finished."""
    with any_session.create_stream() as stream:
        before = counts(any_session)
        assert dropped(lambda: any_session.load(identity).execute_async({"x": X}, stream)) == ["Model was not closed"]
        assert queued(any_session) == 1
        assert any_session.device.memory_info().free > 0
        assert counts(any_session) == before
        stream.synchronize()


def test_a_model_is_closed_in_any_thread(any_session: Session, identity: Path) -> None:
    """A thread without a context can close a model with work queued."""
    with any_session.create_stream() as stream:
        before = counts(any_session)
        model = any_session.load(identity)
        model.execute_async({"x": X}, stream)
        assert in_thread(model.close) is None
        assert counts(any_session) == before


# -- threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
def test_threads_with_models_of_their_own(open_session: OpenSession, schedule: str, identity: Path) -> None:
    """Threads that each make the context current, with a model and a stream each, get their own results."""
    session = open_session(schedule=schedule)

    def work(base: int) -> None:
        with session.load(identity) as model, session.create_stream() as stream:
            for number in range(20):
                x = X + 100 * base + number
                pending = model.execute_async({"x": x}, stream)
                stream.synchronize()
                assert pending.outputs["y"].tolist() == x.tolist()

    in_threads(session, work)
    assert counts(session)["models"] == 0


def test_threads_that_share_a_model(open_session: OpenSession, identity: Path) -> None:
    """Threads may call one model at the same time: one stream serves them all, and each gets its own result."""
    session = open_session()
    with session.load(identity) as model:

        def work(base: int) -> None:
            for number in range(20):
                x = X + 100 * base + number
                assert model({"x": x})["y"].tolist() == x.tolist()

        in_threads(session, work)
        assert counts(session)["streams"] == 2  # the default stream, and the model's own
        assert counts(session)["datasets"] <= 2 * 4


def test_a_plain_call_gives_no_context_to_a_thread(any_session: Session, identity: Path) -> None:
    """A plain call from a thread without a context is a StateError, and the thread has none afterwards."""
    with any_session.load(identity) as model:
        for _ in range(2):
            error = in_thread(lambda: model({"x": X}))
            assert isinstance(error, StateError)
            assert error.code == 107002


def test_half_precision_is_what_ml_dtypes_makes_of_it(session: Session) -> None:
    """bfloat16 is computed with, not only carried along: sums are those of ml_dtypes."""
    x = np.array([1.0, 1.001, 3.1415926, -65504.5], np.float32)
    with session.load(models.rounded(4)) as model:
        y = model({"x": x})["y"]
        assert y.dtype == np.dtype(ml_dtypes.bfloat16)
        assert y.tobytes() == x.astype(ml_dtypes.bfloat16).tobytes()


def test_buffers_are_parts_of_the_model(session: Session, identity: Path) -> None:
    """What the API makes for itself is not reported when it is dropped."""
    with session.load(identity) as model:
        buffers = ExecutionBuffers(session, model.description, None, model._parts)
        del buffers
        gc.collect()

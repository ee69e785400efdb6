"""Pending results: locked until their stream was synchronised, and failed when the stream says so."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aclcffi import AclError, DeviceFaultError, ModelError, Session, StateError
from tests.api.conftest import BAD, GOOD, MAIN, Doctored, OpenSession, X, counts, in_thread, in_threads, queued

LOCKED = r"not there yet: synchronize\(\) the stream"


@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
def test_outputs_are_locked_until_the_stream_was_synchronised(
    open_session: OpenSession, product: str, schedule: str, identity: Path
) -> None:
    """Under every schedule, even if the work is long done, outputs are a StateError until a synchronise."""
    session = open_session(product, schedule=schedule, seed=1)
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        for _ in range(2):
            assert not pending.ready
            assert repr(pending) == "<PendingResult, not synchronised yet>"
            with pytest.raises(StateError, match=LOCKED):
                _ = pending.outputs
        stream.synchronize()
        assert pending.ready
        assert repr(pending) == "<PendingResult, ready>"
        assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_under_the_lazy_schedule_nothing_has_run_yet(any_session: Session, identity: Path) -> None:
    """A result that is locked under the lazy schedule has not been computed: a missing synchronise always shows."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        model.execute_async({"x": X}, stream)
        with any_session.create_stream() as other:
            other.synchronize()
        assert queued(any_session) == 1
        stream.synchronize()
        assert queued(any_session) == 0


def test_another_stream_unlocks_nothing(any_session: Session, identity: Path) -> None:
    """Synchronising another stream does not count, nor does a synchronise before the execution was queued."""
    with (
        any_session.load(identity) as model,
        any_session.create_stream() as stream,
        any_session.create_stream() as other,
    ):
        stream.synchronize()
        pending = model.execute_async({"x": X}, stream)
        other.synchronize()
        with pytest.raises(StateError, match=LOCKED):
            _ = pending.outputs
        stream.synchronize()
        later = model.execute_async({"x": X}, stream)
        assert [pending.ready, later.ready] == [True, False]
        stream.synchronize()


def test_one_synchronise_is_enough_for_all_before_it(any_session: Session, identity: Path) -> None:
    """All executions that were queued before a synchronise are ready, read in any order and as often as one likes."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        pending = [model.execute_async({"x": X + number}, stream) for number in range(4)]
        stream.synchronize()
        for number in (2, 0, 3, 1, 2):
            assert pending[number].outputs["y"].tolist() == (X + number).tolist()


def test_outputs_are_the_callers_own(session: Session, identity: Path) -> None:
    """Outputs are read once, cannot be exchanged, and do not change when the model runs again."""
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()
        outputs = pending.outputs
        assert pending.outputs is outputs
        with pytest.raises(TypeError):
            outputs["y"] = X  # type: ignore[index]
        outputs["y"][0] = 50
        model.execute_async({"x": X * 9}, stream)
        stream.synchronize()
        assert outputs["y"].tolist() == [50, 2, 3]


def test_a_failure_reaches_the_outputs_each_time(any_session: Session, gather: Path) -> None:
    """An execution that failed raises the stream's error from `outputs`, a new one each time; the next one works."""
    with any_session.load(gather) as model, any_session.create_stream() as stream:
        pending = model.execute_async(BAD, stream)
        with pytest.raises(ModelError) as told:
            stream.synchronize()
        errors = []
        for _ in range(2):
            with pytest.raises(ModelError) as caught:
                _ = pending.outputs
            errors.append(caught.value)
        assert errors[0] is not errors[1]
        assert {str(error) for error in errors} == {str(told.value)}
        assert errors[0].code == 507011
        assert pending.ready
        good = model.execute_async(GOOD, stream)
        stream.synchronize()
        assert good.outputs["picked"].tolist() == [12]


def test_a_failure_stands_for_all_that_was_not_synchronised(any_session: Session, gather: Path) -> None:
    """Which task failed is not known: every result since the last synchronise fails, none before it and none after."""
    with any_session.load(gather) as model, any_session.create_stream() as stream:
        before = model.execute_async(GOOD, stream)
        stream.synchronize()
        during = [model.execute_async(inputs, stream) for inputs in (GOOD, BAD, GOOD)]
        with pytest.raises(ModelError):
            stream.synchronize()
        after = model.execute_async(GOOD, stream)
        stream.synchronize()
        assert before.outputs["picked"].tolist() == after.outputs["picked"].tolist() == [12]
        for pending in during:
            with pytest.raises(ModelError):
                _ = pending.outputs


def test_a_failure_of_other_work_in_the_stream_counts(open_session: OpenSession, identity: Path) -> None:
    """An error of work that somebody else queued on the stream stands for the results in it too."""
    session = open_session("310P")
    with session.load(identity) as model, session.create_stream() as stream:
        source, target = session.allocate(64), session.allocate(64)
        session.call("aclrtMemcpyAsync", target.pointer, 64, source.pointer, 64, 3, stream.handle)
        pending = model.execute_async({"x": X}, stream)
        source.close()
        target.close()
        with pytest.raises(DeviceFaultError) as caught:
            stream.synchronize()
        assert caught.value.code == 507053
        with pytest.raises(DeviceFaultError):
            _ = pending.outputs


def test_a_failure_keeps_no_frames_alive(session: Session, gather: Path) -> None:
    """The error that a stream remembers holds nothing of the call that met it."""

    class Local:
        """Something in the caller's frame."""

    def meet() -> "weakref.ref[Local]":
        local = Local()
        with pytest.raises(ModelError):
            stream.synchronize()
        return weakref.ref(local)

    with session.load(gather) as model, session.create_stream() as stream:
        pending = model.execute_async(BAD, stream)
        gone = meet()
        gc.collect()
        assert gone() is None
        with pytest.raises(ModelError):
            _ = pending.outputs


@pytest.mark.parametrize("answer", [107002, 107000, 100001, 200001])
def test_a_refused_synchronise_fails_nothing(doctored: Callable[..., Doctored], identity: Path, answer: int) -> None:
    """A synchronise that is refused says nothing of the work: results stay locked, then come."""
    backend = doctored()
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        backend.exchanged["aclrtSynchronizeStream"] = answer
        with pytest.raises(AclError):
            stream.synchronize()
        with pytest.raises(StateError, match=LOCKED):
            _ = pending.outputs
        backend.exchanged.clear()
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("answer", [507014, 507034, 107022, 207003, 500001, -5])
def test_any_other_answer_is_a_failure_of_the_work(
    doctored: Callable[..., Doctored], identity: Path, answer: int
) -> None:
    """Whatever else a synchronise answers, known or not, a timeout of an operator among them, fails the results."""
    backend = doctored()
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        backend.exchanged["aclrtSynchronizeStream"] = answer
        with pytest.raises(AclError):
            stream.synchronize()
        backend.exchanged.clear()
        stream.synchronize()
        with pytest.raises(AclError) as caught:
            _ = pending.outputs
        assert caught.value.code == answer


@pytest.mark.parametrize(("answer", "fails"), [(507015, True), (107023, True), (507046, False), (145003, False)])
def test_what_a_synchronous_execution_says_of_earlier_work(
    doctored: Callable[..., Doctored], identity: Path, answer: int, fails: bool
) -> None:
    """aclmdlExecuteV2 on a stream may answer for work before it; a timeout and a refusal say nothing of that work."""
    backend = doctored()
    with (
        Session(backend) as session,
        session.load(identity) as model,
        session.load(identity) as other,
        session.create_stream() as stream,
    ):
        pending = model.execute_async({"x": X}, stream)
        backend.exchanged["aclmdlExecuteV2"] = answer
        with pytest.raises(AclError):
            other.execute({"x": X}, stream=stream)
        stream.synchronize()
        if fails:
            with pytest.raises(AclError) as caught:
                _ = pending.outputs
            assert caught.value.code == answer
        else:
            assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_work_that_is_queued_during_a_failing_wait(doctored: Callable[..., Doctored], gather: Path) -> None:
    """What another thread queues while a wait fails may have failed too: it fails, but its buffers stay in use."""
    backend = doctored()
    with Session(backend) as session, session.load(gather) as model, session.create_stream() as stream:
        later = []

        def synchronise(*_arguments: object) -> int:
            backend.exchanged.clear()
            later.append(model.execute_async(GOOD, stream))
            return 507015

        first = model.execute_async(GOOD, stream)
        backend.exchanged["aclrtSynchronizeStream"] = synchronise
        with pytest.raises(DeviceFaultError):
            stream.synchronize()
        assert first.ready
        assert not later[0].ready
        for pending in (first, later[0]):
            with pytest.raises(DeviceFaultError):
                _ = pending.outputs
        del first, pending
        later.clear()
        gc.collect()
        model.execute_async(GOOD, stream)
        assert counts(session)["datasets"] == 4, "the first one's buffers were used again, the later one's were not"
        stream.synchronize()


def test_a_result_that_cannot_be_read_here_can_be_read_elsewhere(any_session: Session, identity: Path) -> None:
    """A thread without a context cannot read the outputs (StateError), which loses neither them nor their buffers."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()
        error = in_thread(lambda: pending.outputs)
        assert isinstance(error, StateError)
        assert error.code == 107002
        assert pending.outputs["y"].tolist() == [1, 2, 3]
        assert len(model._pool._free) == 1


def test_threads_may_read_at_the_same_time(session: Session, identity: Path) -> None:
    """Threads that read one result get the same arrays, and its buffers come back once."""
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()
        seen = []
        in_threads(session, lambda _: seen.append(pending.outputs))
        assert len(seen) == 4
        assert len({id(outputs) for outputs in seen}) == 1
        assert len(model._pool._free) == 1


def test_outputs_are_read_by_one_thread_at_a_time(doctored: Callable[..., Doctored], identity: Path) -> None:
    """While a thread reads the outputs, others wait for it: no buffer comes back twice."""
    backend = doctored()
    read, locked = backend.original("aclrtMemcpy"), []
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()

        def note(*arguments: object) -> int:
            locked.append(pending._lock.locked())
            return int(read(*arguments))

        backend.exchanged["aclrtMemcpy"] = note
        assert pending.outputs["y"].tolist() == [1, 2, 3]
    assert locked == [True]


def test_results_outlive_their_stream_but_not_their_model(session: Session, identity: Path) -> None:
    """Ready outputs can be read when the stream is closed; when the model is closed only those that were read before."""
    with session.load(identity) as model:
        with session.create_stream() as stream:
            pending = [model.execute_async({"x": X + number}, stream) for number in range(2)]
            stream.synchronize()
        assert pending[0].outputs["y"].tolist() == [1, 2, 3]
    assert pending[0].outputs["y"].tolist() == [1, 2, 3]
    with pytest.raises(StateError, match="this Model is closed"):
        _ = pending[1].outputs


@pytest.mark.parametrize("product", MAIN)
def test_many_results_in_flight_on_many_streams(open_session: OpenSession, product: str, identity: Path) -> None:
    """Each result belongs to its own stream and ticket, whatever order the streams are synchronised in."""
    session = open_session(product)
    pairs = [(session.load(identity), session.create_stream()) for _ in range(3)]
    pending = {}
    for number in range(12):
        model, stream = pairs[number % 3]
        pending[number] = model.execute_async({"x": np.full(3, number, np.float32)}, stream)
    for done in (1, 0, 2):
        pairs[done][1].synchronize()
        for number, result in pending.items():
            if number % 3 == done:
                assert result.outputs["y"].tolist() == [number] * 3
        ready = {number % 3 for number, result in pending.items() if result.ready}
        assert ready == {1: {1}, 0: {0, 1}, 2: {0, 1, 2}}[done]
    session.close()

"""Streams: synchronising, timeouts in virtual time, and errors that belong to the stream and not to the call."""

from collections.abc import Callable
from pathlib import Path

import pytest

import aclcffi
from aclcffi import AclError, AclTimeoutError, InvalidArgumentError, ModelError, Session, StateError, Stream, ffi
from tests.api.conftest import (
    BAD,
    GOOD,
    MAIN,
    Doctored,
    OpenSession,
    X,
    copy,
    counts,
    dropped,
    in_thread,
    queued,
    world_of,
)


def test_a_stream_is_closed_once(any_session: Session) -> None:
    """A stream is one native object, destroyed when it is closed, and closing it again does nothing."""
    before = counts(any_session)
    stream = any_session.create_stream()
    assert counts(any_session)["streams"] == before["streams"] + 1
    assert repr(stream) == "<Stream>"
    stream.close()
    stream.close()
    assert repr(stream) == "<Stream (closed)>"
    assert counts(any_session) == before


def test_a_closed_stream_says_so(session: Session, identity: Path) -> None:
    """Everything that is done with a closed stream is a StateError, before ACL is asked."""
    stream = session.create_stream()
    stream.close()
    with session.load(identity) as model:
        for use in (
            stream.synchronize,
            lambda: stream.done,
            lambda: model.execute_async({"x": X}, stream),
            lambda: model.execute({"x": X}, stream=stream),
        ):
            with pytest.raises(StateError, match="this Stream is closed"):
                use()


def test_done_is_an_answer_and_not_a_wait(session: Session) -> None:
    """`done` is False while something is queued; under the lazy schedule asking makes it run, so polling ends."""
    with session.create_stream() as stream:
        idle = stream.done
        copy(session, stream, 64)
        assert [idle, *(stream.done for _ in range(2))] == [True, False, True]
        assert queued(session) == 0


def test_done_says_nothing_of_success(session: Session, gather: Path) -> None:
    """A stream whose work failed is done; synchronize() tells."""
    with session.load(gather) as model, session.create_stream() as stream:
        model.execute_async(BAD, stream)
        assert [stream.done for _ in range(2)] == [False, True]
        with pytest.raises(ModelError):
            stream.synchronize()


@pytest.mark.parametrize("timeout", [0, -1, 1 << 31])
def test_a_timeout_that_cannot_be_is_refused(session: Session, timeout: int) -> None:
    """Timeouts below 1 ms and above what an int32_t holds are refused, and nothing is waited for."""
    with session.create_stream() as stream:
        copy(session, stream, 64)
        with pytest.raises(InvalidArgumentError, match=f"timeout_ms is {timeout}; it must be 1 to 2147483647"):
            stream.synchronize(timeout_ms=timeout)
        assert queued(session) == 1


@pytest.mark.parametrize("product", MAIN)
def test_a_timeout_is_virtual_and_the_work_goes_on(open_session: OpenSession, product: str) -> None:
    """A wait that is too short is an AclTimeoutError with 507046, takes no real time, and loses no work."""
    session = open_session(product)
    with session.create_stream() as stream:
        copy(session, stream)
        before = world_of(session).clock.now
        with pytest.raises(TimeoutError) as caught:
            stream.synchronize(timeout_ms=1)
        assert isinstance(caught.value, AclTimeoutError)
        assert (caught.value.function, caught.value.code) == ("aclrtSynchronizeStreamWithTimeout", 507046)
        assert world_of(session).clock.now == before + 1_000_000
        stream.synchronize(timeout_ms=1000)
        assert stream.done


def test_without_the_timed_function_a_timeout_is_unsupported(open_session: OpenSession) -> None:
    """IPV350 has no aclrtSynchronizeStreamWithTimeout: a timeout is an UnsupportedFunctionError, a plain wait works."""
    session = open_session("IPV350")
    with session.create_stream() as stream:
        with pytest.raises(aclcffi.UnsupportedFunctionError, match="aclrtSynchronizeStreamWithTimeout"):
            stream.synchronize(timeout_ms=5)
        stream.synchronize()


def test_a_timeout_locks_nothing_and_unlocks_nothing(session: Session, identity: Path) -> None:
    """After a wait that was too short results are still locked and the execution still runs; a longer wait gives them."""
    with session.load(identity) as model, session.create_stream() as stream:
        copy(session, stream)
        pending = model.execute_async({"x": X}, stream)
        with pytest.raises(AclTimeoutError):
            stream.synchronize(timeout_ms=1)
        assert not pending.ready
        with pytest.raises(StateError, match="not there yet"):
            _ = pending.outputs
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_a_task_that_failed_is_told_once(any_session: Session, gather: Path) -> None:
    """The error of a failed execution comes out of one synchronize; the stream and the model go on working."""
    with any_session.load(gather) as model, any_session.create_stream() as stream:
        model.execute_async(BAD, stream)
        with pytest.raises(ModelError) as caught:
            stream.synchronize()
        assert (caught.value.function, caught.value.code) == ("aclrtSynchronizeStream", 507011)
        assert "the model's computation failed" in caught.value.recent_message
        stream.synchronize()
        pending = model.execute_async(GOOD, stream)
        stream.synchronize()
        assert pending.outputs["picked"].tolist() == [12]


def test_a_failure_that_stands_for_no_result_is_not_kept(session: Session) -> None:
    """An error of work that gave no result is told and forgotten: a stream does not grow with each."""
    with session.create_stream() as stream:
        for _ in range(3):
            with session.allocate(64) as source, session.allocate(64) as target:
                session.call("aclrtMemcpyAsync", target.pointer, 64, source.pointer, 64, 3, stream.handle)
            with pytest.raises(aclcffi.DeviceFaultError):
                stream.synchronize()
        assert stream._timeline._failures == []


def test_a_thread_without_a_context_is_told_so(any_session: Session, gather: Path) -> None:
    """A call from a thread without a context is a StateError; it neither fails nor frees what is queued."""
    with any_session.load(gather) as model, any_session.create_stream() as stream:
        pending = model.execute_async(GOOD, stream)
        for work in (
            stream.synchronize,
            any_session.create_stream,
            lambda: any_session.load(gather),
            lambda: model.execute_async(GOOD, stream),
            any_session.device.memory_info,
        ):
            error = in_thread(work)
            assert isinstance(error, StateError)
            assert error.code == 107002
        assert not pending.ready
        model.execute_async(GOOD, stream)  # may take no buffers that are still in use
        stream.synchronize()
        assert pending.outputs["picked"].tolist() == [12]


def test_a_thread_may_work_after_make_current(any_session: Session, gather: Path) -> None:
    """A thread that makes the session's context current can queue, synchronise and read."""
    with any_session.load(gather) as model, any_session.create_stream() as stream:
        picked = []

        def work() -> None:
            any_session.context.make_current()
            pending = model.execute_async(GOOD, stream)
            stream.synchronize()
            picked.append(pending.outputs["picked"].tolist())

        assert in_thread(work) is None
        assert picked == [[12]]


def test_a_stream_is_closed_in_any_thread(any_session: Session, gather: Path) -> None:
    """A thread without a context can close a stream with work in it: it is closed in the context that it is of."""
    with any_session.load(gather) as model:
        stream = any_session.create_stream()
        model.execute_async(GOOD, stream)
        assert in_thread(stream.close) is None
        assert stream.closed
        assert queued(any_session) == 0


def test_results_of_a_closed_stream_are_lost(session: Session, identity: Path) -> None:
    """Closing a stream finishes its work, but results that were not synchronised for stay locked, and say why."""
    with session.load(identity) as model:
        with session.create_stream() as stream:
            pending = model.execute_async({"x": X}, stream)
        assert queued(session) == 0
        with pytest.raises(StateError, match="lost: their stream was closed before it was synchronised"):
            _ = pending.outputs


def test_a_dropped_stream_is_reported_and_destroyed_at_the_next_use(session: Session) -> None:
    """A stream that nobody closed is one warning, lives until the session is used, and is destroyed then."""
    before = counts(session)
    assert dropped(session.create_stream) == ["Stream was not closed"]
    assert counts(session)["streams"] == before["streams"] + 1
    session.device.memory_info()
    assert counts(session) == before


def test_a_dropped_stream_finishes_its_work(session: Session, identity: Path) -> None:
    """What is queued on a stream that nobody holds any more is finished before the stream is destroyed."""
    with session.load(identity) as model:
        said = dropped(lambda: model.execute_async({"x": X}, session.create_stream()))
        assert said == ["Stream was not closed"]
        assert queued(session) == 1
        session.device.memory_info()
        assert queued(session) == 0


def test_a_stream_needs_a_context_before_it_is_made(session: Session) -> None:
    """A thread without a context makes no stream, and nothing is left of the attempt."""
    before = counts(session)
    error = in_thread(session.create_stream)
    assert isinstance(error, StateError)
    assert counts(session) == before


@pytest.mark.parametrize("function", ["aclrtCreateStreamV2", "aclrtCreateStreamConfigHandle"])
def test_a_stream_that_cannot_be_made_leaves_no_config(doctored: Callable[..., Doctored], function: str) -> None:
    """Where IPV350's way to a stream fails, the error comes out and its config handle is destroyed."""
    answer = 207008 if function.endswith("V2") else ffi.NULL
    with Session(doctored({function: answer}, product="IPV350")) as session:
        before = counts(session)
        with pytest.raises(AclError, match=function):
            session.create_stream()
        assert counts(session) == before


def test_too_many_streams_are_a_resource_error(open_session: OpenSession) -> None:
    """A device that has no stream left is a ResourceError (207008); a closed one makes room."""
    session = open_session("IPV350")
    streams: list[Stream] = []
    with pytest.raises(aclcffi.ResourceError) as caught:
        streams.extend(session.create_stream() for _ in range(10_000))
    assert caught.value.code == 207008
    streams.pop().close()
    streams.append(session.create_stream())
    for stream in streams:
        stream.close()

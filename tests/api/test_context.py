"""Contexts: which one is current, what goes down with one, and synchronising a device."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aclcffi
from aclcffi import InvalidHandleError, ModelError, Session, StateError, ffi
from tests.api.conftest import BAD, GOOD, MAIN, Doctored, OpenSession, X, counts, dropped, queued


def current(session: Session) -> Any:
    """The handle of the current context."""
    out = ffi.new("aclrtContext *")
    session.call("aclrtGetCurrentContext", out)
    return out[0]


def test_a_new_context_is_current_until_it_is_closed(any_session: Session) -> None:
    """A new context is current; when it is closed, the session's own is again."""
    own = any_session.context
    assert current(any_session) == own.handle
    with any_session.create_context() as context:
        assert current(any_session) == context.handle != own.handle
        assert repr(context) == "<Context>"
    assert current(any_session) == own.handle
    assert repr(context) == "<Context (closed)>"
    context.close()


def test_closing_another_context_changes_nothing(any_session: Session) -> None:
    """Closing a context that is not current leaves the current one alone."""
    one, two = any_session.create_context(), any_session.create_context()
    one.close()
    assert current(any_session) == two.handle
    two.close()


def test_make_current_switches(any_session: Session) -> None:
    """make_current() makes a context current; a closed one is a StateError."""
    context = any_session.create_context()
    any_session.context.make_current()
    assert current(any_session) == any_session.context.handle
    context.make_current()
    assert current(any_session) == context.handle
    context.close()
    with pytest.raises(StateError, match="this Context is closed"):
        context.make_current()


def test_streams_and_models_go_with_their_context(any_session: Session, identity: Path) -> None:
    """Closing a context closes its streams and models, and nothing of another context; memory stays."""
    outside = any_session.create_stream(), any_session.load(identity)
    before = counts(any_session)
    context = any_session.create_context()
    inside = any_session.create_stream(), any_session.load(identity)
    buffer = any_session.allocate(4)
    pending = inside[1].execute_async({"x": X}, inside[0])
    context.close()
    assert all(thing.closed for thing in inside)
    assert not any(thing.closed for thing in (*outside, buffer))
    with pytest.raises(StateError, match="this Model is closed"):
        _ = pending.outputs
    buffer.close()
    assert counts(any_session) == before
    for thing in outside:
        thing.close()


def test_objects_are_closed_in_the_context_that_they_are_of(any_session: Session, identity: Path) -> None:
    """Streams and models can be closed while another context is current, and that one stays current."""
    before = counts(any_session)
    first = any_session.create_context()
    stream, model = any_session.create_stream(), any_session.load(identity)
    model.execute_async({"x": X}, stream)
    second = any_session.create_context()
    stream.close()
    model.close()
    assert current(any_session) == second.handle
    assert queued(any_session) == 0
    second.close()
    first.close()
    assert counts(any_session) == before


def test_a_model_is_unloaded_in_its_own_context(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Unloading happens in the context that the model was loaded in, whichever is current (MD11.03)."""
    backend, seen = doctored(), []
    with Session(backend) as session:
        model = session.load(identity)

        def unload(number: int) -> int:
            seen.append(current(session))
            return int(backend.original("aclmdlUnload")(number))

        backend.exchanged["aclmdlUnload"] = unload
        with session.create_context():
            model.close()
    assert seen == [session.context.handle]


def test_a_plain_call_belongs_to_the_context_of_the_model(any_session: Session, identity: Path) -> None:
    """In another context than the model's a plain call is an InvalidHandleError, and leaves nothing in that context."""
    with any_session.load(identity) as model:
        with any_session.create_context(), pytest.raises(InvalidHandleError) as caught:
            model({"x": X})
        assert caught.value.code == 107003
        assert model({"x": X})["y"].tolist() == [1, 2, 3]


def test_a_context_that_is_gone_keeps_nothing_open(open_session: OpenSession, identity: Path) -> None:
    """Where somebody destroyed a context behind the session's back, its end raises that and closes the rest."""
    session = open_session()
    context = session.create_context()
    stream, model = session.create_stream(), session.load(identity)
    assert session.backend.aclrtDestroyContext(context.handle) == 0
    with pytest.raises(InvalidHandleError) as caught:
        session.close()
    assert caught.value.code == 107017
    assert "aclrtSetCurrentContext" not in caught.value.recent_message
    assert stream.closed
    assert model.closed
    assert session.closed


def test_a_dropped_context_goes_later(any_session: Session) -> None:
    """A context that nobody closed is one warning and goes at the session's next use."""
    before = counts(any_session)
    assert dropped(any_session.create_context) == ["Context was not closed"]
    any_session.device.memory_info()
    assert counts(any_session) == before
    assert current(any_session) == any_session.context.handle


def test_the_sessions_context_can_be_closed_early(open_session: OpenSession, identity: Path) -> None:
    """Closing the session's own context closes its streams and models; the context of the device stays."""
    session = open_session()
    with session.context:
        stream, model = session.create_stream(), session.load(identity)
    assert stream.closed
    assert model.closed
    assert session.context.closed
    assert current(session) == session.context.handle


def test_a_stream_of_another_context_is_a_handle_error(session: Session, identity: Path) -> None:
    """Executing on a stream of another context than the current one is an InvalidHandleError; nothing is queued."""
    with session.load(identity) as model, session.create_stream() as stream:
        with session.create_context(), pytest.raises(InvalidHandleError) as caught:
            model.execute_async({"x": X}, stream)
        assert caught.value.code == 107003
        assert queued(session) == 0
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("product", MAIN)
def test_synchronising_the_device_unlocks_the_streams_of_its_context(
    open_session: OpenSession, product: str, identity: Path
) -> None:
    """Device.synchronize() counts for the streams of the current context, and for no other."""
    session = open_session(product)
    there = session.load(identity), session.create_stream()
    elsewhere = there[0].execute_async({"x": X}, there[1])
    with session.create_context():
        here = [(session.load(identity), session.create_stream()) for _ in range(2)]
        pending = [model.execute_async({"x": X}, stream) for model, stream in here]
        session.device.synchronize()
        assert all(result.ready for result in pending)
        assert [result.outputs["y"].tolist() for result in pending] == [[1, 2, 3]] * 2
        assert not elsewhere.ready
    session.device.synchronize()
    assert elsewhere.outputs["y"].tolist() == [1, 2, 3]
    session.close()


def test_without_the_function_nothing_is_unlocked(open_session: OpenSession, identity: Path) -> None:
    """IPV350 has no aclrtSynchronizeDevice: that is said, and results neither fail nor come by it."""
    session = open_session("IPV350")
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        with pytest.raises(aclcffi.UnsupportedFunctionError, match="aclrtSynchronizeDevice"):
            session.device.synchronize()
        assert not pending.ready
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_a_failure_that_the_device_tells_reaches_the_results(session: Session, gather: Path) -> None:
    """An error from Device.synchronize() stands for all unsynchronised results of the context, and for no other."""
    other = session.load(gather), session.create_stream()
    elsewhere = other[0].execute_async(GOOD, other[1])
    with session.create_context():
        model, stream, idle = session.load(gather), session.create_stream(), session.create_stream()
        model.execute_async(GOOD, stream)
        stream.synchronize()
        pending = model.execute_async(BAD, stream)
        with pytest.raises(ModelError, match="aclrtSynchronizeDevice"):
            session.device.synchronize()
        with pytest.raises(ModelError, match="aclrtSynchronizeDevice"):
            _ = pending.outputs
        session.device.synchronize()
        again = model.execute_async(GOOD, idle)
        idle.synchronize()
        assert again.outputs["picked"].tolist() == [12]
    other[1].synchronize()
    assert elsewhere.outputs["picked"].tolist() == [12]
    session.close()


def test_a_device_that_cannot_be_synchronised_fails_no_result(session: Session, identity: Path) -> None:
    """A refusal of Device.synchronize() is no failure of the work: results stay locked and come later."""
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        lost = session.create_context()
        assert session.backend.aclrtDestroyContext(lost.handle) == 0
        with pytest.raises(StateError) as caught:
            session.device.synchronize()
        assert caught.value.code == 107002
        with pytest.raises(aclcffi.StateError) as refused:
            lost.close()
        assert refused.value.code == 107002
        session.context.make_current()
        assert not pending.ready
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]

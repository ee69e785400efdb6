"""Sessions: initialising and undoing it, what is closed in which order, and what happens when nobody closes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aclcffi
from aclcffi import AclError, Context, Dataset, ExecConfig, ExecOptions, Session, StateError, ffi, lib
from tests.api.conftest import (
    BAD,
    PRODUCTS,
    Doctored,
    OpenSession,
    X,
    counts,
    dropped,
    in_thread,
    queued,
    said_at_the_end,
    world_of,
)

FINALISED = 100037


def one_of_each(session: Session, model: Path) -> list[Any]:
    """An open object of each kind, oldest first."""
    buffer = session.allocate(64)
    loaded = session.load(model)
    stream = session.create_stream()
    return [
        buffer,
        Dataset(session, [buffer]),
        loaded,
        stream,
        ExecConfig(session, ExecOptions()),
        session.create_context(),
    ]


def test_a_session_initialises_and_finalises(any_session: Session) -> None:
    """A session has a backend, a device and a current context; closing it undoes all that, and once."""
    backend = any_session.backend
    assert backend.aclrtGetCurrentContext(ffi.new("aclrtContext *")) == 0
    before = any_session.closed
    assert repr(any_session) == "<Session on 'simulator', device 0>"
    any_session.close()
    any_session.close()
    assert (before, any_session.closed) == (False, True)
    assert backend.closed
    assert repr(any_session) == "<Session on 'simulator', closed>"


def test_a_with_block_closes(identity: Path) -> None:
    """At the end of the with block everything is closed, also when the block raises."""
    session = Session("simulator")
    model = session.load(identity)
    with pytest.raises(ZeroDivisionError), session:
        raise ZeroDivisionError
    assert session.closed
    assert model.closed
    with pytest.raises(StateError, match="this Session is closed"), session:
        pass


def test_everything_after_the_end_is_a_state_error(open_session: OpenSession, identity: Path) -> None:
    """A closed session makes and calls nothing any more."""
    session = open_session()
    session.close()
    for use in (
        lambda: session.load(identity),
        session.create_stream,
        session.create_context,
        lambda: session.allocate(4),
        lambda: session.to_device(X),
        lambda: ExecConfig(session, ExecOptions()),
        session.device.memory_info,
        session.device.synchronize,
        lambda: session.call("aclrtSetDevice", 0),
        lambda: session.create("aclmdlCreateDataset"),
    ):
        with pytest.raises(StateError, match="this Session is closed"):
            use()
    with pytest.raises(StateError, match="this Context is closed"):
        session.context.make_current()


def test_everything_is_closed_with_the_session(any_session: Session, identity: Path) -> None:
    """Objects that are still open are closed with the session, and closing them afterwards does nothing."""
    things = one_of_each(any_session, identity)
    assert not any(thing.closed for thing in things)
    any_session.close()
    assert all(thing.closed for thing in things)
    for thing in things:
        thing.close()


WATCHED = (
    "aclInit",
    "aclrtSetDevice",
    "aclrtDestroyContext",
    "aclmdlDestroyExecConfigHandle",
    "aclrtDestroyStream",
    "aclmdlUnload",
    "aclmdlDestroyDataset",
    "aclDestroyDataBuffer",
    "aclrtFree",
    "aclrtResetDevice",
    "aclFinalize",
)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_end_comes_in_the_reverse_order(doctored: Callable[..., Doctored], product: str, identity: Path) -> None:
    """The session's end gives everything back newest first; the device and ACL come last."""
    backend = doctored(product=product, watched=WATCHED)
    with Session(backend) as session:
        things = one_of_each(session, identity)
    assert all(thing.closed for thing in things)
    last = ["aclrtDestroyContext"] if product == "IPV350" else []  # there the session has made one itself
    assert backend.calls == [
        "aclInit",
        "aclrtSetDevice",
        "aclrtDestroyContext",
        "aclmdlDestroyExecConfigHandle",
        "aclmdlDestroyDataset",
        "aclDestroyDataBuffer",
        "aclrtDestroyStream",
        "aclmdlUnload",
        "aclrtFree",
        *last,
        "aclrtResetDevice",
        "aclFinalize",
    ]


def test_objects_come_and_go_without_a_trace(any_session: Session, identity: Path) -> None:
    """Many objects of each kind, used and closed, leave nothing: the counts of native objects are those of before."""
    warm = any_session.load(identity)
    warm.close()
    before = counts(any_session)
    for _ in range(20):
        with any_session.create_context() as context:
            assert isinstance(context, Context)
        with any_session.create_stream() as stream, any_session.load(identity) as model:
            pending = model.execute_async({"x": X}, stream)
            stream.synchronize()
            assert pending.outputs["y"].tolist() == [1, 2, 3]
        with any_session.to_device(X) as buffer, Dataset(any_session, [buffer, buffer]):
            pass
        with ExecConfig(any_session, ExecOptions()):
            pass
    assert counts(any_session) == before


def test_the_counts_see_each_kind_of_object(any_session: Session, identity: Path) -> None:
    """The test of the test above: an object of any kind that stays open changes the counts."""
    seen = [counts(any_session)]
    kept = []
    for make in (
        lambda: any_session.allocate(4),
        lambda: Dataset(any_session, []),
        lambda: any_session.load(identity),
        any_session.create_stream,
        lambda: ExecConfig(any_session, ExecOptions()),
        any_session.create_context,
    ):
        kept.append(make())
        assert counts(any_session) not in seen
        seen.append(counts(any_session))
    for thing in reversed(kept):
        thing.close()
    assert counts(any_session) == seen[0]


def test_dropped_objects_are_reported_once_each_and_released_later(session: Session, identity: Path) -> None:
    """Objects that nobody closed are one warning each, live on, and go at the session's next use, newest first."""
    before = counts(session)

    def use() -> None:
        things = one_of_each(session, identity)
        session.context.make_current()
        things[2]({"x": X})  # its buffers and its stream are parts of the model: no warnings of their own

    expected = ["Context", "Dataset", "DeviceBuffer", "ExecConfig", "Model", "Stream"]
    assert sorted(dropped(use)) == [f"{name} was not closed" for name in expected]
    assert counts(session) != before
    assert session.device.memory_info().free > 0
    assert counts(session) == before


def test_a_dropped_object_that_cannot_be_released_is_an_error_of_the_end(doctored: Callable[..., Doctored]) -> None:
    """Where releasing a dropped object fails, the session's next use works, and its end raises the failure."""
    session = Session(doctored({"aclrtFree": 507899}))
    assert dropped(lambda: session.allocate(4)) == ["DeviceBuffer was not closed"]
    assert session.device.memory_info().free > 0
    with pytest.raises(aclcffi.InternalError, match="aclrtFree"):
        session.close()
    assert session.closed


def test_a_dropped_session_is_reported(identity: Path) -> None:
    """A session that nobody closed is one warning, with those for its objects, and calls nothing of C."""
    backend = Doctored(watched=WATCHED)
    names = sorted(said.split()[0] for said in dropped(lambda: one_of_each(Session(backend), identity)))
    assert names == ["Context", "Dataset", "DeviceBuffer", "ExecConfig", "Model", "Session", "Stream"]
    assert backend.calls == ["aclInit", "aclrtSetDevice"]
    backend.close()


def test_a_session_that_ends_with_the_interpreter_is_silent() -> None:
    """A session that lives when the interpreter ends calls nothing and says nothing then."""
    script = (
        "import aclcffi\n"
        "session = aclcffi.Session('simulator')\n"
        "kept = [session.allocate(4), session.create_stream()]\n"
        "print('end')\n"
    )
    assert said_at_the_end(script) == ("end\n", "")


def test_one_failure_keeps_nothing_open(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Where one step of the end fails, all others are done, and the first failure is raised; a second end is quiet."""
    backend = doctored({"aclmdlUnload": 145003, "aclrtResetDevice": 507899}, watched=WATCHED)
    session = Session(backend)
    model, stream = session.load(identity), session.create_stream()
    with pytest.raises(aclcffi.InvalidHandleError, match="aclmdlUnload"):
        session.close()
    assert backend.calls[-4:] == ["aclrtDestroyStream", "aclmdlUnload", "aclrtResetDevice", "aclFinalize"]
    assert stream.closed
    assert model.closed
    assert session.closed
    session.close()


def test_work_that_is_queued_is_finished_first(any_session: Session, identity: Path) -> None:
    """A session that ends with work in a stream runs it, with its model, memory and stream still there."""
    backend = any_session.backend
    stream = any_session.create_stream()
    model = any_session.load(identity)
    model.execute_async({"x": X}, stream)
    model.execute_async({"x": X}, stream)
    assert queued(any_session) == 2
    world = world_of(any_session)
    ran = world.clock.now
    any_session.close()
    assert backend.closed
    assert world.clock.now > ran


def test_streams_are_finished_before_anything_goes(doctored: Callable[..., Doctored]) -> None:
    """Work that a caller queued by himself is finished before memory that is newer than its stream is freed."""
    backend = doctored(watched=("aclrtSynchronizeStream", "aclrtDestroyStream", "aclrtFree"))
    with Session(backend) as session:
        stream = session.create_stream()
        source, target = session.to_device(X), session.allocate(X.nbytes)
        size = X.nbytes
        session.call("aclrtMemcpyAsync", target.pointer, size, source.pointer, size, 3, stream.handle)
    assert source.closed
    assert backend.calls == ["aclrtSynchronizeStream", "aclrtFree", "aclrtFree", "aclrtDestroyStream"]


def test_work_that_fails_unseen_is_an_error_of_the_end(any_session: Session, gather: Path) -> None:
    """An execution that fails and that nobody synchronised for is raised by the session's end: no error is lost."""
    stream, model = any_session.create_stream(), any_session.load(gather)
    model.execute_async(BAD, stream)
    with pytest.raises(aclcffi.ModelError, match="the model's computation failed"):
        any_session.close()
    assert any_session.closed


def test_a_session_closes_in_any_thread(any_session: Session, identity: Path) -> None:
    """A thread without a context can close a session with everything that is in it."""
    things = one_of_each(any_session, identity)
    assert in_thread(any_session.close) is None
    assert all(thing.closed for thing in things)


# -- over a backend that is open ------------------------------------------------------------------------------------


def test_an_open_backend_stays_open(product: str) -> None:
    """A session over an open backend gives back what it made and leaves the backend to its owner, again and again."""
    with aclcffi.open_backend("simulator", product=product) as backend:
        for _ in range(3):
            with Session(backend) as session:
                stream = session.create_stream()
                assert any(counts(session).values())
            assert stream.closed
            assert not backend.closed
            assert not any(counts(session).values())
        assert product == "IPV350" or backend.aclFinalize() == FINALISED


def test_who_initialised_before_finalises(product: str) -> None:
    """Where ACL is initialised already, a session neither fails nor finalises it."""
    with aclcffi.open_backend("simulator", product=product) as backend:
        assert backend.aclInit(ffi.NULL) == 0
        with Session(backend):
            pass
        assert backend.aclGetRecentErrMsg() == ffi.NULL
        model = ffi.new("uint32_t *")
        assert backend.aclrtSetDevice(0) == 0
        context = ffi.new("aclrtContext *")
        assert product != "IPV350" or backend.aclrtCreateContext(context, 0) == 0
        assert backend.aclmdlUnload(model[0]) == lib.ACL_ERROR_GE_EXEC_MODEL_ID_INVALID
        assert backend.aclFinalize() == 0


def test_two_sessions_share_a_backend(identity: Path) -> None:
    """A second session on the same device works beside the first and leaves it alone when it ends."""
    with aclcffi.open_backend("simulator", devices=2) as backend, Session(backend) as first:
        model = first.load(identity)
        with Session(backend) as second, Session(backend, device=1):
            second.context.make_current()
            with second.load(identity) as other:
                assert other({"x": X})["y"].tolist() == [1, 2, 3]
        first.context.make_current()
        assert model({"x": X})["y"].tolist() == [1, 2, 3]


def test_a_backend_that_was_closed_first_is_told(identity: Path) -> None:
    """Closing the backend under a session is a BackendError at the session's end, not a crash."""
    backend = aclcffi.open_backend("simulator")
    session = Session(backend)
    model = session.load(identity)
    backend.close()
    with pytest.raises(aclcffi.BackendError, match="is closed"):
        session.close()
    assert model.closed
    assert session.closed


def test_options_go_with_a_name_only() -> None:
    """Options beside a backend that is open already are a TypeError that names them."""
    message = "product, seed: options go with the name of a backend"
    with aclcffi.open_backend("simulator") as backend, pytest.raises(TypeError, match=message):
        Session(backend, product="310P", seed=3)


# -- making one that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "code", "undone"),
    [
        ("aclInit", 100000, []),
        ("aclrtSetDevice", 507899, ["aclFinalize"]),
        ("aclrtCreateContext", 207001, ["aclrtResetDevice", "aclFinalize"]),
    ],
)
def test_a_step_that_fails_undoes_those_before(
    doctored: Callable[..., Doctored], function: str, code: int, undone: list[str]
) -> None:
    """Where a step fails the ones before are undone in reverse order, and its error comes out."""
    watched = ("aclrtResetDevice", "aclFinalize")
    backend = doctored({function: code}, product="IPV350", watched=watched)  # makes a context of its own
    with pytest.raises(AclError, match=f"{function} returned") as caught:
        Session(backend)
    assert caught.value.code == code
    assert backend.calls == undone
    assert not backend.closed


def test_undoing_that_fails_hides_no_error(doctored: Callable[..., Doctored]) -> None:
    """Where undoing fails too, what went wrong first comes out."""
    backend = doctored({"aclrtSetDevice": 107001, "aclFinalize": 507899})
    with pytest.raises(aclcffi.InvalidArgumentError, match="aclrtSetDevice"):
        Session(backend)


@pytest.mark.parametrize(("device", "function"), [(1, "aclrtSetDevice"), (-1, "aclrtSetDevice"), (1 << 31, None)])
def test_a_device_that_does_not_exist(device: int, function: str | None, product: str) -> None:
    """A device that is not there is an InvalidArgumentError, and the backend that was opened for it is closed."""
    with pytest.raises(aclcffi.InvalidArgumentError, match=f"{device}") as caught:
        Session("simulator", device=device, product=product)
    assert caught.value.function == function


def test_the_backend_of_a_failed_session_is_closed() -> None:
    """A backend that the session opened itself is closed when the session cannot be made."""
    closed = []

    class Noting(Doctored):
        def _release(self) -> None:
            closed.append(True)
            super()._release()

    globals()["Noting"] = Noting
    try:
        with pytest.raises(aclcffi.InvalidArgumentError):
            Session(f"{__name__}:Noting", device=7)
    finally:
        del globals()["Noting"]
    assert closed == [True]


def test_a_configuration_file_is_handed_over(tmp_path: Path) -> None:
    """`config` is the path that aclInit gets; a file that is missing or no JSON is an InvalidArgumentError."""
    good, bad = tmp_path / "acl.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"defaultDevice": {"default_device": "1"}}), encoding="utf-8")
    bad.write_text("{", encoding="utf-8")
    with Session("simulator", config=good, devices=2) as session:
        assert world_of(session).library.default_device == 1
    for path, code in ((bad, 100006), (tmp_path / "none.json", 100003)):
        with pytest.raises(aclcffi.InvalidArgumentError) as caught:
            Session("simulator", config=path)
        assert caught.value.code == code
    with pytest.raises(aclcffi.InvalidArgumentError, match="NUL"):
        Session("simulator", config="acl\0.json")


def test_an_unknown_backend_or_option_is_a_backend_error() -> None:
    """What open_backend refuses comes out as it is."""
    with pytest.raises(aclcffi.BackendError, match="there is no backend 'nowhere'"):
        Session("nowhere")
    with pytest.raises(aclcffi.BackendError, match="colour"):
        Session("simulator", colour="red")


# -- the device ------------------------------------------------------------------------------------------------------


def test_the_device_is_the_chosen_one(open_session: OpenSession) -> None:
    """The session's device is the one of its number, and memory comes from it alone."""
    session = open_session(devices=2, device=1)
    assert repr(session.device) == "<Device 1>"
    world, before = world_of(session), session.device.memory_info()
    with session.to_device(np.zeros(1000, np.uint8)):
        assert session.device.memory_info().free < before.free
        assert world.memory.used[0] == 0
    assert session.device.memory_info() == before

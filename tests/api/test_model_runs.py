"""Models: work memory, executing on a stream, and executions that fail."""

import gc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

import aclcffi
from aclcffi import (
    AclTimeoutError,
    ExecConfig,
    ExecOptions,
    InternalError,
    InvalidArgumentError,
    ModelError,
    Session,
    ffi,
)
from tests.api import models
from tests.api.conftest import BAD, GOOD, MAIN, PRODUCTS, Doctored, OpenSession, X, copy, counts, queued

EXECUTE = ("aclmdlExecute", "aclmdlExecuteV2", "aclmdlExecuteAsync", "aclmdlExecuteAsyncV2")


# -- work memory -----------------------------------------------------------------------------------------------------


def test_ipv350_brings_its_work_memory(open_session: OpenSession, identity: Path) -> None:
    """A model from a file is told by aclmdlQuerySize how much work memory each execution brings."""
    session = open_session("IPV350")
    with session.load(identity) as model:
        assert model.work_size == 512
        assert model({"x": X})["y"].tolist() == [1, 2, 3]
        assert counts(session)["exec_configs"] == 1
    assert counts(session)["exec_configs"] == 0


@pytest.mark.parametrize("product", MAIN)
def test_elsewhere_models_bring_no_work_memory(open_session: OpenSession, product: str, identity: Path) -> None:
    """On the main library the work memory is the model's own, so that there is no size to say."""
    session = open_session(product)
    with session.load(identity) as model:
        assert model.work_size == 0


def test_ipv350_cannot_know_the_work_memory_of_bytes(open_session: OpenSession, identity: Path) -> None:
    """A model from memory needs a config with work memory on IPV350, which is said before anything is queued."""
    session = open_session("IPV350")
    with session.load(identity.read_bytes()) as model, session.create_stream() as stream:
        assert model.work_size == 0
        for execute in (
            lambda: model({"x": X}),
            lambda: model.execute({"x": X}),
            lambda: model.execute_async({"x": X}, stream),
        ):
            with pytest.raises(
                InvalidArgumentError, match="load it from its file, or pass an ExecConfig with work_size"
            ):
                execute()
        assert queued(session) == 0
        with ExecConfig(session, ExecOptions(work_size=512)) as config:
            pending = model.execute_async({"x": X}, stream, config=config)
            stream.synchronize()
            assert pending.outputs["y"].tolist() == [1, 2, 3]
            assert model.execute({"x": X}, stream=stream, config=config)["y"].tolist() == [1, 2, 3]
        small = ExecConfig(session, ExecOptions(work_size=16))
        with small, pytest.raises(InvalidArgumentError, match="the work memory has 16 bytes"):
            model.execute_async({"x": X}, stream, config=small)


def test_a_model_whose_size_cannot_be_asked_is_unloaded(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Where aclmdlQuerySize fails, the error comes out and the model is not left loaded."""
    with Session(doctored({"aclmdlQuerySize": 145000}, product="IPV350")) as session:
        before = counts(session)
        with pytest.raises(InvalidArgumentError, match="aclmdlQuerySize"):
            session.load(identity)
        assert counts(session) == before


def test_generic_takes_work_memory_of_the_caller(session: Session, identity: Path) -> None:
    """On "generic" aclmdlExecuteAsyncV2 runs with a config that brings work memory."""
    with (
        session.load(identity) as model,
        session.create_stream() as stream,
        ExecConfig(session, ExecOptions(work_size=512)) as config,
    ):
        pending = model.execute_async({"x": X}, stream, config=config)
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_a_pending_result_keeps_its_config(session: Session, identity: Path) -> None:
    """A config that only a queued execution still needs lives until the execution is over, and is reported then."""
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream, config=ExecConfig(session, ExecOptions(work_size=512)))
        del pending
        gc.collect()
        assert session.device.memory_info().free > 0  # a use: what was dropped would go now
        stream.synchronize()
        with pytest.warns(ResourceWarning, match="^ExecConfig was not closed$"):
            model.execute_async({"x": X}, stream)  # takes the buffers back
        stream.synchronize()


# -- synchronously on a stream ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS)
def test_executing_on_a_stream_waits_for_all_of_it(open_session: OpenSession, product: str, identity: Path) -> None:
    """A synchronous execution on a stream unlocks what was queued there before."""
    session = open_session(product)
    with session.load(identity) as one, session.load(identity) as other, session.create_stream() as stream:
        pending = one.execute_async({"x": X}, stream)
        assert other.execute({"x": X + 1}, stream=stream)["y"].tolist() == [2, 3, 4]
        assert pending.ready
        assert pending.outputs["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_failure_of_earlier_work_reaches_its_result(
    open_session: OpenSession, product: str, gather: Path, identity: Path
) -> None:
    """Where work that was queued before fails, the synchronous execution raises it, and so do that work's outputs."""
    session = open_session(product)
    with session.load(gather) as one, session.load(identity) as other, session.create_stream() as stream:
        pending = one.execute_async(BAD, stream)
        with pytest.raises(ModelError) as caught:
            other.execute({"x": X}, stream=stream)
        assert (caught.value.function, caught.value.code) == ("aclmdlExecuteV2", 507011)
        with pytest.raises(ModelError, match="aclmdlExecuteV2"):
            _ = pending.outputs
        assert len(other._pool._free) == 1
        assert other.execute({"x": X}, stream=stream)["y"].tolist() == [1, 2, 3]


def test_a_refused_execution_fails_no_earlier_work(session: Session, identity: Path) -> None:
    """A synchronous execution that is refused on a stream says nothing of what was queued there before."""
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": X}, stream)
        with pytest.raises(InternalError, match="load it twice"):
            model.execute({"x": X}, stream=stream)
        assert not pending.ready
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("product", MAIN)
def test_a_timeout_on_a_stream_leaves_its_buffers_to_the_device(
    open_session: OpenSession, product: str, identity: Path
) -> None:
    """An execution that timed out on a stream goes on: its buffers are not used again before a synchronise."""
    session = open_session(product)
    with (
        session.load(identity) as model,
        session.create_stream() as stream,
        ExecConfig(session, ExecOptions(stream_sync_timeout=1)) as config,
    ):
        copy(session, stream)
        with pytest.raises(AclTimeoutError) as caught:
            model.execute({"x": X}, stream=stream, config=config)
        assert (caught.value.function, caught.value.code) == ("aclmdlExecuteV2", 507046)
        assert queued(session) == 2
        before = counts(session)["datasets"]
        assert model.execute({"x": X + 1})["y"].tolist() == [2, 3, 4]
        assert counts(session)["datasets"] == before + 2
        assert queued(session) == 2
        stream.synchronize()
        model.execute({"x": X})
        assert len(model._pool._free) == 2


def test_closing_a_model_waits_for_what_timed_out(session: Session, identity: Path) -> None:
    """An execution that timed out on a stream is waited for when its model is closed: it does not fail."""
    with (
        session.create_stream() as stream,
        session.load(identity) as model,
        ExecConfig(session, ExecOptions(stream_sync_timeout=1)) as config,
    ):
        copy(session, stream)
        with pytest.raises(AclTimeoutError):
            model.execute({"x": X}, stream=stream, config=config)
        model.close()
        assert queued(session) == 0
        stream.synchronize()


def test_a_timeout_without_a_stream_ends_the_execution(
    open_session: OpenSession, write: Callable[[bytes], Path]
) -> None:
    """An execution without a stream that takes longer than its timeout is aborted, and its buffers are free again."""
    session = open_session("310B")
    large = np.zeros(30_000_000, np.uint8)
    path = write(models.identity(large.shape, TensorProto.UINT8))
    with session.load(path) as model, ExecConfig(session, ExecOptions(stream_sync_timeout=1)) as config:
        with pytest.raises(AclTimeoutError) as caught:
            model.execute({"x": large}, config=config)
        assert (caught.value.function, caught.value.code) == ("aclmdlExecuteV2", 507046)
        assert len(model._pool._free) == 1


# -- failures --------------------------------------------------------------------------------------------------------


def test_a_computation_that_fails_is_a_model_error(any_session: Session, gather: Path) -> None:
    """A computation that fails is a ModelError of each manner of executing, and the model can be used afterwards."""
    with any_session.load(gather) as one, any_session.load(gather) as other:
        for execute in (one, other.execute):
            with pytest.raises(ModelError, match="the model's computation failed") as caught:
                execute(BAD)
            assert caught.value.code == 507011
            assert execute(GOOD)["picked"].tolist() == [12]


@pytest.mark.parametrize("function", ["aclrtMemcpy", "aclmdlExecuteAsync"])
def test_an_execution_that_cannot_be_queued_gives_its_buffers_back(
    doctored: Callable[..., Doctored], function: str, identity: Path
) -> None:
    """Where copying the inputs or the launch fails, nothing is queued and the buffers are used again."""
    backend = doctored()
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        backend.exchanged[function] = 507899
        with pytest.raises(InternalError, match=function):
            model.execute_async({"x": X}, stream)
        backend.exchanged.clear()
        before = counts(session)
        pending = model.execute_async({"x": X}, stream)
        assert counts(session) == before
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("manner", ["execute_async", "execute"])
@pytest.mark.parametrize(("interrupted", "free"), [(EXECUTE, 0), (("aclrtMemcpy",), 1)])
def test_an_interrupt_leaves_the_buffers_alone(
    doctored: Callable[..., Doctored], identity: Path, manner: str, interrupted: tuple[str, ...], free: int
) -> None:
    """After an interrupt nobody knows whether the execution was queued: its buffers are used again only if not."""

    def interrupt(*_arguments: object) -> int:
        raise KeyboardInterrupt

    functions = dict.fromkeys(interrupted, interrupt)
    backend = doctored()
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        backend.exchanged = functions
        execute = model.execute if manner == "execute" else partial(model.execute_async, stream=stream)
        with pytest.raises(KeyboardInterrupt):
            execute({"x": X})
        backend.exchanged = {}
        assert len(model._pool._free) == free
    assert counts(session)["buffers"] == 0


@pytest.mark.parametrize("function", ["aclrtMalloc", "aclmdlCreateDataset", "aclCreateDataBuffer"])
@pytest.mark.parametrize("after", range(5))
def test_buffers_that_cannot_be_made_leave_nothing(
    doctored: Callable[..., Doctored], function: str, after: int, write: Callable[[bytes], Path]
) -> None:
    """Wherever making the buffers of an execution fails, the error comes out and nothing is left of them."""
    left = [after]

    def sometimes(*arguments: Any) -> Any:
        if not left[0]:
            return 207001 if function == "aclrtMalloc" else ffi.NULL
        left[0] -= 1
        return backend.original(function)(*arguments)

    backend = doctored()
    path = write(models.two_of_each())
    inputs = dict.fromkeys(("left", "right"), np.zeros((2, 3), np.float32))
    with Session(backend) as session, session.load(path) as model, session.create_stream() as stream:
        before = counts(session)
        backend.exchanged[function] = sometimes
        if after >= (2 if function == "aclmdlCreateDataset" else 4):  # as many as there are to make
            model.execute_async(inputs, stream)
        else:
            with pytest.raises(aclcffi.OutOfMemoryError, match=function):
                model.execute_async(inputs, stream)
            assert counts(session) == before
        stream.synchronize()

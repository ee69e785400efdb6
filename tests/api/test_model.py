"""Models: loading, executing with numpy arrays by name, checks before anything is queued, and buffers used again."""

import gc
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
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
    StateError,
    UnsupportedError,
    UnsupportedFunctionError,
    ffi,
    lib,
)
from aclcffi.dtypes import dtype_of
from aclcffi.execution import ExecutionBuffers
from tests.api import models
from tests.api.conftest import (
    BAD,
    GOOD,
    MAIN,
    PRODUCTS,
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

EXECUTE = ("aclmdlExecute", "aclmdlExecuteV2", "aclmdlExecuteAsync", "aclmdlExecuteAsyncV2")
Array = np.ndarray[Any, Any]


def sample(dtype: Any, shape: tuple[int, ...]) -> Array:
    """Some values of a dtype, each different where it can be."""
    values = np.arange(int(np.prod(shape))) % 7
    return (values % 2 == 0 if dtype is np.bool_ else values).astype(dtype).reshape(shape)


# -- loading ---------------------------------------------------------------------------------------------------------


def test_a_model_is_loaded_from_a_file_or_its_bytes(any_session: Session, identity: Path) -> None:
    """Path, text and bytes give the same model under ids of their own; closing unloads it, once."""
    before = counts(any_session)
    loaded = [any_session.load(source) for source in (identity, str(identity), identity.read_bytes())]
    assert len({model.id for model in loaded}) == 3
    assert len({model.description for model in loaded}) == 1
    assert counts(any_session)["models"] == 3
    assert repr(loaded[0]) == f"<Model {loaded[0].id}: (x: float32[3]) -> (y: float32[3])>"
    for model in loaded:
        model.close()
        model.close()
        assert repr(model) == f"<Model {model.id} (closed)>"
    assert counts(any_session) == before


@pytest.mark.parametrize(
    ("source", "error", "code"),
    [
        (Path("/nowhere/model.onnx"), InvalidArgumentError, 145002),
        (b"abc", ModelError, 145006),
        (b"", InvalidArgumentError, 100000),
    ],
)
@pytest.mark.parametrize("product", MAIN)
def test_what_is_no_model_is_refused(
    open_session: OpenSession, product: str, source: Any, error: type[Exception], code: int
) -> None:
    """A file that is missing and bytes that are no model are errors with the code of the contract; nothing is left."""
    session = open_session(product)
    before = counts(session)
    with pytest.raises(error) as caught:
        session.load(source)
    assert isinstance(caught.value, aclcffi.AclError)
    assert caught.value.code == code
    assert counts(session) == before


def test_ipv350_leaves_no_config_when_it_loads_nothing(open_session: OpenSession) -> None:
    """Where the load with a config fails, the error comes out and the config handle is destroyed."""
    session = open_session("IPV350")
    before = counts(session)
    for source in (Path("/nowhere/model.onnx"), b"abc", b""):
        with pytest.raises(aclcffi.AclError, match=r"aclmdlLoadWithConfig|aclmdlSetConfigOpt"):
            session.load(source)
    assert counts(session) == before


def test_a_path_with_a_nul_is_refused(any_session: Session, identity: Path) -> None:
    """A path that C would cut short is refused, although there is a file up to the NUL."""
    with pytest.raises(InvalidArgumentError, match="NUL"):
        any_session.load(f"{identity}\0.other")


# -- executing -------------------------------------------------------------------------------------------------------


def test_arrays_go_in_and_out_by_name(any_session: Session, write: Callable[[bytes], Path]) -> None:
    """Inputs are found by name in any order, outputs come by name, and the results are those of numpy."""
    left, right = np.arange(6, dtype=np.float32).reshape(2, 3), np.full((2, 3), 10, np.float32)
    with any_session.load(write(models.two_of_each())) as model:
        for outputs in (model({"right": right, "left": left}), model({"left": left, "right": right})):
            assert list(outputs) == ["sum", "difference"]
            np.testing.assert_array_equal(outputs["sum"], left + right)
            np.testing.assert_array_equal(outputs["difference"], left - right)


@pytest.mark.parametrize("name", models.ELEMENTS)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3)], ids=["2x3", "0-d", "empty"])
def test_every_element_type_and_shape_goes_through(session: Session, name: str, shape: tuple[int, ...]) -> None:
    """Arrays of each element type, scalars and arrays without elements come back as they went in."""
    number, dtype = models.ELEMENTS[name]
    with session.load(models.identity(shape, number)) as model, session.create_stream() as stream:
        x = sample(dtype, shape)
        pending = model.execute_async({"x": x}, stream)
        stream.synchronize()
        y = pending.outputs["y"]
        assert (y.shape, y.dtype) == (shape, np.dtype(dtype))
        assert y.tobytes() == x.tobytes()


def test_every_layout_goes_in(session: Session) -> None:
    """Inputs that do not lie in one piece, lists and numbers are taken as numpy takes them."""
    x = np.arange(6, dtype=np.float32)
    with session.load(models.identity((3,))) as vector, session.load(models.identity((), TensorProto.DOUBLE)) as scalar:
        assert vector({"x": x[::2]})["y"].tolist() == [0, 2, 4]
        assert vector({"x": x[::-2]})["y"].tolist() == [5, 3, 1]
        assert scalar({"x": 2.5})["y"].tolist() == 2.5  # type: ignore[dict-item]


def test_inputs_may_change_at_once(session: Session, identity: Path) -> None:
    """What an array holds when the execution is queued counts, not what it holds when it runs."""
    x = X.copy()
    with session.load(identity) as model, session.create_stream() as stream:
        pending = model.execute_async({"x": x}, stream)
        x[:] = 99
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


def test_a_model_without_inputs_runs(session: Session) -> None:
    """A model that takes nothing is executed with no arrays."""
    with session.load(models.constant([1.5, 2.5])) as model:
        assert model({})["y"].tolist() == [1.5, 2.5]
        with pytest.raises(InvalidArgumentError, match="the model's inputs are none; unknown: x"):
            model({"x": X})


WRONG: list[tuple[Any, str]] = [
    ({}, "the model's inputs are x; missing: x"),
    ({"x": X, "z": X, 3: X}, "the model's inputs are x; unknown: z, 3"),
    ({"X": X}, "the model's inputs are x; unknown: X; missing: x"),
    ({"x": X[:2]}, r"input 'x' has shape \(2,\), the model takes \(3,\)"),
    ({"x": X.reshape(1, 3)}, r"input 'x' has shape \(1, 3\), the model takes \(3,\)"),
    ({"x": X.astype(np.float64)}, r"input 'x' has dtype float64, the model takes float32; .* \.astype\('float32'\)"),
    ({"x": X.astype(">f4")}, "input 'x' has dtype >f4, the model takes float32"),
    ({"x": None}, r"input 'x' has shape \(\)"),
    ({"x": [[1], [2, 3]]}, "input 'x' is no array: "),
    ({"x": np.array(["a", "b", "c"])}, "input 'x' has dtype <U1"),
]


@pytest.mark.parametrize(("inputs", "message"), WRONG)
def test_wrong_inputs_are_refused_before_anything_is_queued(
    any_session: Session, identity: Path, inputs: Any, message: str
) -> None:
    """Wrong names, shapes and dtypes are an InvalidArgumentError that names the input; nothing is queued or allocated."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        before, ticket = counts(any_session), stream._timeline._submitted
        for execute in (
            lambda: model.execute_async(inputs, stream),
            lambda: model.execute(inputs),
            lambda: model.execute(inputs, stream=stream),
        ):
            with pytest.raises(InvalidArgumentError, match=message):
                execute()
        assert queued(any_session) == 0
        assert counts(any_session) == before
        assert stream._timeline._submitted == ticket


def test_refused_inputs_fix_no_mode(session: Session, identity: Path) -> None:
    """A call that was refused for its inputs does not decide the manner in which the model is executed."""
    with session.load(identity) as model:
        with pytest.raises(InvalidArgumentError):
            model({})
        assert model.execute({"x": X})["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("missing_module", [True, False])
def test_a_data_type_that_no_array_holds_is_refused(
    doctored: Callable[..., Doctored], identity: Path, missing_module: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor whose data type neither numpy nor ml_dtypes holds is refused before anything is queued."""
    data_type = int(lib.ACL_BF16 if missing_module else lib.ACL_STRING)
    with Session(doctored({"aclmdlGetOutputDataType": data_type})) as session, session.load(identity) as model:
        if missing_module:
            dtype_of.cache_clear()
            monkeypatch.setitem(sys.modules, "ml_dtypes", None)
        with pytest.raises(UnsupportedError, match=r"^y: .*\[3\]: (dtype bfloat16 needs|neither numpy nor ml_dtypes)"):
            model({"x": X})
        assert queued(session) == 0


def test_a_closed_model_says_so(any_session: Session, identity: Path) -> None:
    """Everything that is done with a closed model is a StateError."""
    with any_session.load(identity) as model, any_session.create_stream() as stream:
        model.close()
        for use in (
            lambda: model({"x": X}),
            lambda: model.execute({"x": X}),
            lambda: model.execute_async({"x": X}, stream),
        ):
            with pytest.raises(StateError, match="this Model is closed"):
                use()


# -- the manner of executing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", MAIN)
def test_the_first_manner_sticks(open_session: OpenSession, product: str, identity: Path) -> None:
    """A model that ran asynchronously is refused synchronously with 500002, and the other way round; both go on."""
    session = open_session(product)
    with session.load(identity) as one, session.load(identity) as other:
        one({"x": X})
        other.execute({"x": X})
        wrong: list[Callable[[aclcffi.model.Inputs], object]] = [one.execute, other]
        for execute in wrong:
            with pytest.raises(InternalError) as caught:
                execute({"x": X})
            assert caught.value.code == 500002
            assert "load it twice" in str(caught.value)
        assert one({"x": X})["y"].tolist() == other.execute({"x": X})["y"].tolist() == [1, 2, 3]


def test_ipv350_knows_no_manner(open_session: OpenSession, identity: Path) -> None:
    """On IPV350 a model runs both ways, also without a stream of the caller's."""
    session = open_session("IPV350")
    with session.load(identity) as model, session.create_stream() as stream:
        for _ in range(2):
            assert model({"x": X})["y"].tolist() == [1, 2, 3]
            assert model.execute({"x": X})["y"].tolist() == [1, 2, 3]
            assert model.execute({"x": X}, stream=stream)["y"].tolist() == [1, 2, 3]


CALLS = {
    "generic": ["aclmdlExecuteAsync", "aclmdlExecuteV2", "aclmdlExecuteV2"],
    "310P": ["aclmdlExecuteAsync", "aclmdlExecuteV2", "aclmdlExecuteV2"],
    "IPV350": ["aclmdlExecuteAsyncV2", "aclmdlExecuteV2", "aclmdlExecuteV2"],
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_is_called_in_its_own_manner(
    doctored: Callable[..., Doctored], product: str, identity: Path
) -> None:
    """Plain calls are asynchronous, `execute` is aclmdlExecuteV2, and IPV350 gets its V2 functions."""
    backend = doctored(product=product, watched=EXECUTE)
    with Session(backend) as session, session.load(identity) as one, session.load(identity) as two:
        one({"x": X})
        two.execute({"x": X})
        with session.create_stream() as stream:
            two.execute({"x": X}, stream=stream)
    assert backend.calls == CALLS[product]


def test_an_older_library_without_the_second_version(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Where aclmdlExecuteV2 does not exist, aclmdlExecute is called; what needs V2 says that it is missing."""
    backend = doctored(lacking=("aclmdlExecuteV2",), watched=EXECUTE)
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        assert model.execute({"x": X})["y"].tolist() == [1, 2, 3]
        assert backend.calls == ["aclmdlExecute"]
        with ExecConfig(session, ExecOptions(stream_sync_timeout=5)) as config:
            for arguments in ({"stream": stream}, {"config": config}):
                with pytest.raises(UnsupportedFunctionError, match="aclmdlExecuteV2"):
                    model.execute({"x": X}, **arguments)
        assert model.execute({"x": X})["y"].tolist() == [1, 2, 3]
        assert len(model._pool._free) == 1


def test_a_timeout_of_one_call_is_none_of_the_next(session: Session, identity: Path) -> None:
    """ACL keeps the timeouts of an exec config in the thread; a call without a config is not bound by them."""
    with session.load(identity) as model, ExecConfig(session, ExecOptions(stream_sync_timeout=7)) as config:
        model.execute({"x": X}, config=config)
        assert world_of(session).thread.stream_timeout == 7
        model.execute({"x": X})
        assert world_of(session).thread.stream_timeout == -1


def test_a_model_that_ran_on_a_stream_stays_on_streams(doctored: Callable[..., Doctored], identity: Path) -> None:
    """On hardware a model remembers its stream and does not wait without one: later calls always have one."""
    streams = []
    backend = doctored()
    execute = backend.original("aclmdlExecuteV2")

    def noting(*arguments: Any) -> int:
        streams.append(arguments[3])
        return int(execute(*arguments))

    backend.exchanged["aclmdlExecuteV2"] = noting
    with Session(backend) as session, session.load(identity) as model, session.create_stream() as stream:
        model.execute({"x": X})
        model.execute({"x": X}, stream=stream)
        model.execute({"x": X})
        assert streams[:2] == [ffi.NULL, stream.handle]
        assert streams[2] not in (ffi.NULL, stream.handle)


def test_a_library_without_the_second_asynchronous_version(open_session: OpenSession, identity: Path) -> None:
    """A config for an asynchronous execution is unsupported where there is no aclmdlExecuteAsyncV2."""
    session = open_session("310P")
    with (
        session.load(identity) as model,
        session.create_stream() as stream,
        ExecConfig(session, ExecOptions()) as config,
    ):
        with pytest.raises(UnsupportedFunctionError, match="aclmdlExecuteAsyncV2"):
            model.execute_async({"x": X}, stream, config=config)
        assert queued(session) == 0
        pending = model.execute_async({"x": X}, stream)
        stream.synchronize()
        assert pending.outputs["y"].tolist() == [1, 2, 3]


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
    with Session(doctored()) as session, session.load(identity) as model, session.create_stream() as stream:
        backend = session.backend
        assert isinstance(backend, Doctored)
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
    with Session(doctored()) as session, session.load(identity) as model, session.create_stream() as stream:
        backend = session.backend
        assert isinstance(backend, Doctored)
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
    wrong: list[object] = []

    def work(base: int) -> None:
        try:
            session.context.make_current()
            with session.load(identity) as model, session.create_stream() as stream:
                for number in range(20):
                    x = X + 100 * base + number
                    pending = model.execute_async({"x": x}, stream)
                    stream.synchronize()
                    if pending.outputs["y"].tolist() != x.tolist():
                        wrong.append((base, number))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(base,)) for base in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert counts(session)["models"] == 0


def test_threads_that_share_a_model(open_session: OpenSession, identity: Path) -> None:
    """Threads may call one model at the same time: one stream serves them all, and each gets its own result."""
    session = open_session()
    wrong: list[object] = []
    with session.load(identity) as model:

        def work(base: int) -> None:
            try:
                session.context.make_current()
                for number in range(20):
                    x = X + 100 * base + number
                    if model({"x": x})["y"].tolist() != x.tolist():
                        wrong.append((base, number))
            except Exception as error:  # noqa: BLE001 - the test looks at it
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(base,)) for base in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
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

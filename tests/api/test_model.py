"""Models: loading, executing with numpy arrays by name, checks before anything is queued, the manner of executing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

import aclcffi
from aclcffi import (
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
from tests.api import models
from tests.api.conftest import (
    MAIN,
    PRODUCTS,
    Doctored,
    OpenSession,
    X,
    counts,
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
        wrong: list[Callable[[dict[str, Any]], object]] = [one.execute, other]
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


def test_objects_of_other_types_are_named(session: Session, identity: Path) -> None:
    """What is no stream or no config is an InvalidArgumentError that says what it is; nothing is queued."""
    wrong: Any = aclcffi.ExecOptions()
    none: Any = None
    with session.load(identity) as model, session.create_stream() as stream:
        for use in (
            lambda: model.execute_async({"x": X}, none),
            lambda: model.execute_async({"x": X}, wrong),
            lambda: model.execute({"x": X}, stream=wrong),
        ):
            with pytest.raises(InvalidArgumentError, match=r"stream is of type .*; it takes a Stream"):
                use()
        for use in (
            lambda: model.execute_async({"x": X}, stream, config=wrong),
            lambda: model.execute({"x": X}, config=wrong),
        ):
            with pytest.raises(InvalidArgumentError, match="config is of type ExecOptions; it takes an ExecConfig"):
                use()
        assert queued(session) == 0

"""Loading with options: which product knows which, memory of the caller's, and what can be asked before loading."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import aclcffi
from aclcffi import InvalidArgumentError, LoadOptions, Session, StateError, UnsupportedError, lib
from tests.api import models
from tests.api.conftest import MAIN, PRODUCTS, Doctored, OpenSession, X, counts, dropped, in_thread, world_of

SMALL = ("memory_policy", "fifo", "model_desc", "kernel", "kernel_args", "static_task", "dynamic_task")
LARGE = ("priority", "work", "weight_path", "external_weights", "memory_optimize", "without_graph")
KNOWN = {"generic": {*LARGE, *SMALL, "weights"}, "310P": {*LARGE, "weights"}, "IPV350": {*SMALL, "weights"}}
VALUES: dict[str, Any] = {
    "priority": 1,
    "weight_path": "/tmp",
    "memory_optimize": True,
    "without_graph": True,
    "memory_policy": int(lib.ACL_MEM_MALLOC_NORMAL_ONLY),
}


def scaled() -> bytes:
    """y = x * w, with three floats of weights in the file."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [3], [2.0, 3.0, 4.0])
    ends = [models.tensor("x", [3]), models.tensor("y", [3])]
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "scaled", ends[:1], ends[1:], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def symbolic() -> bytes:
    """y = x, of any number of floats."""
    node = helper.make_node("Identity", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    return models.build([node], ends[:1], ends[1:])


def outside(location: str = "w.bin") -> bytes:
    """The same model with its weights in a file of that name."""
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    model.ParseFromString(scaled())
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", "12")):
        weight.external_data.add(key=key, value=value)
    return bytes(model.SerializeToString())


W = np.array([2, 3, 4], np.float32)


@pytest.mark.parametrize("name", LoadOptions._fields)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_takes_the_options_of_its_library(
    open_session: OpenSession, product: str, name: str, identity: Path
) -> None:
    """Each product takes what its library knows, and says of the rest in one sentence that it does not."""
    session = open_session(product)
    source = identity.read_bytes() if name == "weight_path" else identity
    with session.allocate(4096) as buffer:
        value: Any = {"w.bin": buffer} if name == "external_weights" else VALUES.get(name, buffer)
        options = LoadOptions(**{name: value})
        before = counts(session)
        if name in KNOWN[product]:
            with session.load(source, options) as model:
                if product in MAIN:
                    assert model({"x": X})["y"].tolist() == [1, 2, 3]
        else:
            with pytest.raises(UnsupportedError) as caught:
                session.load(source, options)
            assert str(caught.value) == f"{name}: the libraries of this device do not know this option"
        assert counts(session) == before
    assert session.backend.aclGetRecentErrMsg() == aclcffi.ffi.NULL


def test_options_reach_the_config_handle(doctored: Callable[..., Doctored], identity: Path) -> None:
    """Each option is set with the attribute, the value and the size that the contract names for it."""
    seen: dict[int, int] = {}

    def noting(handle: Any, attribute: int, value: Any, size: int) -> int:
        seen[attribute] = int.from_bytes(bytes(aclcffi.ffi.buffer(aclcffi.ffi.cast("char *", value), size)), "little")
        return int(own(handle, attribute, value, size))

    backend = doctored({"aclmdlSetConfigOpt": noting})
    own = backend.original("aclmdlSetConfigOpt")
    with Session(backend) as session, session.allocate(1024) as work, session.allocate(2048) as kernel:
        options = LoadOptions(priority=3, work=work, kernel=kernel, memory_optimize=True, without_graph=False)
        with session.load(identity, options) as model:
            assert model.priority == 3
    assert seen.pop(int(lib.ACL_MDL_PATH_PTR))
    assert seen == {
        int(lib.ACL_MDL_PRIORITY_INT32): 3,
        int(lib.ACL_MDL_WORKSPACE_ADDR_PTR): work.address,
        int(lib.ACL_MDL_WORKSPACE_SIZET): 1024,
        int(lib.ACL_MDL_KERNEL_PTR): kernel.address,
        int(lib.ACL_MDL_KERNEL_SIZET): 2048,
        int(lib.ACL_MDL_WORKSPACE_MEM_OPTIMIZE): 1,
        int(lib.ACL_MDL_WITHOUT_GRAPH_INT32): 0,
        int(lib.ACL_MDL_LOAD_TYPE_SIZET): int(lib.ACL_MDL_LOAD_FROM_FILE_WITH_MEM),
    }


def test_no_option_is_the_default(any_session: Session, identity: Path) -> None:
    """Options that say nothing load as without options, from a file and from bytes."""
    assert LoadOptions().given == {}
    assert LoadOptions(priority=0, memory_optimize=False).given == {"priority": 0, "memory_optimize": False}
    for source in (identity, identity.read_bytes()):
        with any_session.load(source, LoadOptions()) as model, any_session.load(source) as plain:
            assert model.description == plain.description


@pytest.mark.parametrize("from_bytes", [False, True])
@pytest.mark.parametrize("product", MAIN)
def test_memory_of_the_caller_is_used(
    open_session: OpenSession, product: str, from_bytes: bool, write: Callable[[bytes], Path]
) -> None:
    """With work and weight memory of the caller's the model allocates none, and it computes."""
    session = open_session(product)
    source = scaled() if from_bytes else write(scaled())
    size = session.query_size(source)
    with session.allocate(size.work) as work, session.allocate(size.weights) as weights:
        before = session.device.memory_info()
        with session.load(source, LoadOptions(work=work, weights=weights)):
            assert session.device.memory_info() == before
        with session.load(source, LoadOptions(work=work)) as model:
            assert session.device.memory_info() != before
            assert model({"x": X})["y"].tolist() == [2, 6, 12]


@pytest.mark.parametrize("name", ["work", "weights"])
def test_memory_that_is_too_small_is_refused(session: Session, name: str) -> None:
    """Too little memory is an error with the contract's code, and the buffer is the caller's alone again."""
    with session.allocate(8) as small:
        options = LoadOptions(work=small) if name == "work" else LoadOptions(weights=small)
        with pytest.raises(InvalidArgumentError, match="has 8 bytes, the model needs") as caught:
            session.load(scaled(), options)
        assert caught.value.code == 145000
        before = session.device.memory_info().free
        small.close()
        assert session.device.memory_info().free > before


def test_a_buffer_that_is_closed_lives_as_long_as_the_model(session: Session) -> None:
    """Closing the buffers that a model was loaded with gives the memory back when the last such model is closed."""
    size = session.query_size(scaled())
    before = session.device.memory_info()
    work, weights = session.allocate(size.work), session.allocate(size.weights)
    first = session.load(scaled(), LoadOptions(work=work, weights=weights))
    second = session.load(scaled(), LoadOptions(weights=weights))
    held = session.device.memory_info().free
    work.close()
    weights.close()
    assert (work.closed, weights.closed) == (True, True)
    assert session.device.memory_info().free == held
    for model in (first, second):
        assert model({"x": X})["y"].tolist() == [2, 6, 12]
    first.close()
    assert second({"x": X})["y"].tolist() == [2, 6, 12]
    second.close()
    assert session.device.memory_info() == before


def test_a_buffer_outlives_the_model_that_used_it(session: Session) -> None:
    """A buffer that the caller did not close is still his when the model is closed."""
    with session.allocate(4096) as work:
        with session.load(scaled(), LoadOptions(work=work)):
            pass
        work.copy_from(np.arange(4))
        back = np.zeros(4, np.int64)
        work.copy_to(back)
        assert back.tolist() == [0, 1, 2, 3]


def test_a_buffer_that_only_the_model_holds_is_not_dropped(session: Session) -> None:
    """The model holds the Python object: memory that nobody else knows is reported when the model is gone."""
    before = session.device.memory_info()

    def use() -> None:
        with session.load(scaled(), LoadOptions(work=session.allocate(4096))) as model:
            assert not session._owner.abandoned
            assert model({"x": X})["y"].tolist() == [2, 6, 12]

    assert dropped(use) == ["DeviceBuffer was not closed"]
    assert session.device.memory_info() == before


def test_closing_the_session_frees_what_models_hold(open_session: OpenSession) -> None:
    """A session that is closed with a model loaded gives back the model's and the caller's memory, once."""
    session = open_session()
    work, weights = session.allocate(4096), session.allocate(4096)
    model = session.load(scaled(), LoadOptions(work=work, weights=weights))
    work.close()
    session.close()
    assert model.closed
    assert counts(session)["device memory"] == 0


def test_weights_in_files_of_their_own(session: Session, tmp_path: Path) -> None:
    """The weights that a model names come from device memory, or from the folder that the options name."""
    (tmp_path / "w.bin").write_bytes(W.tobytes())
    with session.load(outside(), LoadOptions(weight_path=tmp_path)) as model:
        assert model({"x": X})["y"].tolist() == [2, 6, 12]
    with session.allocate(32) as buffer:
        buffer.copy_from(W * 10)
        with session.load(outside(), LoadOptions(external_weights={"w.bin": buffer})) as model:
            buffer.close()
            assert model({"x": X})["y"].tolist() == [20, 60, 120]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"priority": 99}, "priority cannot be 99: aclmdlSetConfigOpt returned"),
    ({"priority": 1 << 31}, "priority is 2147483648, which a C int32_t cannot hold"),
    ({"priority": "high"}, "priority is 'high'; it takes a whole number"),
    ({"memory_optimize": 2}, "memory_optimize cannot be 2: aclmdlSetConfigOpt returned"),
    ({"without_graph": 7}, "without_graph cannot be 7"),
    ({"memory_policy": 77}, "memory_policy cannot be 77"),
    ({"work": 4096}, "work is of type int; it takes a DeviceBuffer"),
    ({"external_weights": ["w.bin"]}, r"external_weights takes device buffers by file name, .* it is \['w.bin'\]"),
    ({"external_weights": {5: b""}}, "external_weights takes device buffers by file name, .* it is {5: b''}"),
    ({"external_weights": {"w.bin": b""}}, r"external_weights\['w.bin'\] is of type bytes; it takes a DeviceBuffer"),
    ({"weight_path": 5}, "a path is text or an os.PathLike; this is of type int"),
    ({"weight_path": "a\0b"}, "NUL"),
    ({"weight_path": "/tmp"}, "weight_path is for a model that is loaded from its bytes"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_an_option_that_cannot_be_is_named(
    session: Session, identity: Path, options: dict[str, Any], message: str
) -> None:
    """What is wrong with an option is an InvalidArgumentError that names it; nothing is loaded and nothing is left."""
    before = counts(session)
    with pytest.raises(InvalidArgumentError, match=message):
        session.load(identity, LoadOptions(**options))
    assert counts(session) == before


def test_what_is_neither_a_model_nor_options_is_refused(any_session: Session, identity: Path) -> None:
    """A source that is no path and no bytes, and options of another type, are named by their types."""
    wrong: Any = bytearray(b"model")
    for ask in (any_session.load, any_session.describe, any_session.query_size):
        with pytest.raises(InvalidArgumentError, match=r"a model is a path .* or bytes; this is of type bytearray"):
            ask(wrong)
    with pytest.raises(InvalidArgumentError, match="options is of type bytearray; loading takes LoadOptions"):
        any_session.load(identity, wrong)
    assert counts(any_session)["models"] == 0


def test_external_weights_have_whole_blocks(session: Session) -> None:
    """External weights that are no multiple of 32 bytes are refused under their name."""
    with session.allocate(12) as odd, pytest.raises(InvalidArgumentError, match=r"\['w.bin'\] cannot be 12 bytes"):
        session.load(outside(), LoadOptions(external_weights={"w.bin": odd}))


def test_buffers_that_are_closed_or_foreign_are_refused(open_session: OpenSession, identity: Path) -> None:
    """A closed buffer is a StateError, one of another session an InvalidArgumentError."""
    session, other = open_session(), open_session()
    closed = session.allocate(64)
    closed.close()
    with pytest.raises(StateError, match="this DeviceBuffer is closed"):
        session.load(identity, LoadOptions(weights=closed))
    with other.allocate(64) as foreign, pytest.raises(InvalidArgumentError, match="weights is device memory of anoth"):
        session.load(identity, LoadOptions(weights=foreign))
    assert counts(session)["models"] == 0


# -- priority --------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD5.28", "MD5.31")
@pytest.mark.parametrize("product", MAIN)
def test_a_model_has_a_priority(open_session: OpenSession, product: str, identity: Path) -> None:
    """It is that of the load at first, can be changed, and is refused outside the device's range."""
    with open_session(product).load(identity, LoadOptions(priority=2)) as model:
        assert model.priority == 2
        model.priority = 5
        assert model.priority == 5
        for wrong, message in ((8, "aclmdlSetAttribute returned"), (-1, "priority is -1"), (1 << 32, "cannot hold")):
            with pytest.raises(InvalidArgumentError, match=message):
                model.priority = wrong
        assert model.priority == 5
    with pytest.raises(StateError, match="this Model is closed"):
        _ = model.priority


def test_no_priority_where_there_is_none(open_session: OpenSession, identity: Path) -> None:
    """IPV350's library has no attributes, and dynamic-shape models have no priority of their own (MD5.29)."""
    with (
        open_session("IPV350").load(identity) as model,
        pytest.raises(aclcffi.UnsupportedFunctionError, match="aclmdlGetAttribute"),
    ):
        _ = model.priority
    with open_session().load(symbolic()) as dynamic, pytest.raises(UnsupportedError, match="dynamic-shape"):
        dynamic.priority = 1


# -- asking before loading -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_model_is_described_without_loading(open_session: OpenSession, product: str, identity: Path) -> None:
    """The description of a file or of bytes is that of the loaded model, and nothing is loaded for it."""
    session = open_session(product)
    before = counts(session)
    described = [session.describe(source) for source in (identity, identity.read_bytes())]
    assert counts(session) == before
    with session.load(identity) as model:
        assert described == [model.description] * 2


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_size_of_a_model(open_session: OpenSession, product: str, write: Callable[[bytes], Path]) -> None:
    """Work and weight bytes are there without loading; IPV350 tells them of files only."""
    session = open_session(product)
    before = counts(session)
    assert session.query_size(write(scaled())) == (512, 12)
    if product in MAIN:
        assert session.query_size(scaled()) == (512, 12)
    else:
        with pytest.raises(aclcffi.UnsupportedFunctionError, match="aclmdlQuerySizeFromMem"):
            session.query_size(scaled())
    assert counts(session) == before


def test_what_is_no_model_can_neither_be_described_nor_measured(session: Session) -> None:
    """Files that are missing and bytes that are no model are errors; no description is left."""
    before = counts(session)
    for ask in (session.describe, session.query_size):
        with pytest.raises(InvalidArgumentError) as caught:
            ask("/nowhere/model.onnx")
        assert caught.value.code == 145002
        with pytest.raises(aclcffi.AclError):
            ask(b"no model at all")
        with pytest.raises(InvalidArgumentError, match="NUL"):
            ask("a\0b")
    assert counts(session) == before
    assert world_of(session).models == {}


def test_a_buffer_that_another_thread_closes_while_a_model_is_loaded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buffer that is closed after it was checked is refused, and those before it are let go."""
    need = session.query_size(models.identity())
    work, weights = session.allocate(max(need.work, 1)), session.allocate(max(need.weights, 1))
    check = LoadOptions.check

    def checked(options: LoadOptions, of: Session) -> None:
        check(options, of)
        assert in_thread(weights.close) is None

    monkeypatch.setattr(LoadOptions, "check", checked)
    with pytest.raises(StateError, match="this DeviceBuffer is closed"):
        session.load(models.identity(), LoadOptions(work=work, weights=weights))
    before = counts(session)["device memory"]
    work.close()
    assert counts(session)["device memory"] == before - 1

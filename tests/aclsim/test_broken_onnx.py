"""Broken ONNX models through every loader and query: the contract's code, the checker's own words, in one line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from aclsim.models.guard import check_harmless
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

import aclcffi
from aclcffi.cli import main
from tests.aclsim.broken_models import (
    CHECKED,
    KILLING,
    NO_MODELS,
    REFUSED_LATER,
    SEEDS,
    branches,
    doubling,
    functions,
    layer_normalization,
    node,
    one,
    split,
    weight,
    with_weight,
)
from tests.aclsim.machine import world_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.machine_state import state_of
from tests.contract.models import (
    EINVAL,
    EMODELID,
    ENOTSUP,
    EPARAM,
    ESIZE,
    NO_ID,
    Program,
    add,
    build,
    file_config,
    last_message,
    memory_config,
    tensor,
)

CODES = {0, EINVAL, EPARAM, ESIZE, ENOTSUP, 245000}
"""What a load may answer to any bytes at all, on the main library."""

BROKEN = {**CHECKED, **KILLING, **REFUSED_LATER, **NO_MODELS}
ONLY_LOADS = REFUSED_LATER
"""Those that a description takes: no engine looks at them there."""


def ways(acl: Acl, path: bytes, data: bytes) -> Iterator[tuple[str, Callable[[], int]]]:
    """Every way of handing a model to the main library; each answers its code. The bytes are those of the file."""
    place, work, weights = acl.ffi.new("uint32_t *", NO_ID), acl.out("size_t"), acl.out("size_t")
    size, desc, nothing = len(data), acl.aclmdlCreateDesc(), (NULL, 0, NULL, 0)
    yield "aclmdlLoadFromFile", lambda: acl.aclmdlLoadFromFile(path, place)
    yield "aclmdlLoadFromFileWithMem", lambda: acl.aclmdlLoadFromFileWithMem(path, place, *nothing)
    yield "aclmdlLoadFromMem", lambda: acl.aclmdlLoadFromMem(data, size, place)
    yield "aclmdlLoadFromMemWithMem", lambda: acl.aclmdlLoadFromMemWithMem(data, size, place, *nothing)
    for config in (file_config(acl, path), memory_config(acl, data)):
        yield "aclmdlLoadWithConfig", config.load
    yield "aclmdlQuerySize", lambda: acl.aclmdlQuerySize(path, work, weights)
    yield "aclmdlQuerySizeFromMem", lambda: acl.aclmdlQuerySizeFromMem(data, size, work, weights)
    yield "aclmdlGetDescFromFile", lambda: acl.aclmdlGetDescFromFile(desc, path)
    yield "aclmdlGetDescFromMem", lambda: acl.aclmdlGetDescFromMem(desc, data, size)
    assert place[0] == NO_ID


def one_line(text: str) -> str:
    """The words of a text, without what separates them."""
    return " ".join(text.split())


def words_of(data: bytes) -> str:
    """What onnx's checker says of a model, or else onnxruntime; the first words, without colours."""
    try:
        onnx.checker.check_model(data)
        onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # noqa: BLE001 - whatever they say is what is looked for
        return one_line(str(error).split("\x1b")[0].split("\x00")[0][:200])
    raise AssertionError("nobody refuses the model")


@pytest.mark.parametrize("name", BROKEN)
def test_every_way_refuses(ready: Acl, name: str, tmp_path: Path) -> None:
    """A broken model is 145000 from everywhere, in one printable line that is not too long, and nothing is kept of it."""
    data = BROKEN[name]
    file = tmp_path / "model.onnx"
    file.write_bytes(data)
    for way, call in ways(ready, str(file).encode(), data):
        if name in ONLY_LOADS and not way.startswith("aclmdlLoad"):
            assert call() == 0
            continue
        before = {**state_of(world_of(ready)), ".next_model_id": 0}
        assert call() == EPARAM, way
        message = ready.message()
        assert message.startswith(f"{way}: the model was not taken: ")
        assert message.endswith("[145000 ACL_ERROR_GE_PARAM_INVALID]")
        assert message.isprintable()
        assert len(message) <= 2000
        assert {**state_of(world_of(ready)), ".next_model_id": 0} == before
    assert ready.aclmdlLoadFromMem(add(), len(add()), ready.out("uint32_t")) == 0


@pytest.mark.parametrize("name", [*CHECKED, *REFUSED_LATER])
def test_their_own_words(ready: Acl, name: str) -> None:
    """The message holds what onnx's checker says of the model, or onnxruntime where the checker takes it."""
    data = {**CHECKED, **REFUSED_LATER}[name]
    assert ready.aclmdlLoadFromMem(data, len(data), ready.out("uint32_t")) == EPARAM
    assert words_of(data) in one_line(ready.message().replace("\\x1b", "\x1b").replace("\\x00", "\x00"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_registered_model(ready: Acl, name: str, tmp_path: Path) -> None:
    """An ONNX model that was registered by name is refused when it is loaded, as bytes and as a file."""
    file = tmp_path / "model.onnx"
    file.write_bytes(BROKEN[name])
    for onnx_model in (BROKEN[name], file):
        path = ready.backend.register_model("broken", onnx=onnx_model)  # type: ignore[attr-defined]
        assert ready.aclmdlLoadFromFile(path.encode(), ready.out("uint32_t")) == EPARAM
        assert "the model was not taken: " in ready.message()


@pytest.mark.parametrize("name", BROKEN)
def test_the_object_api(name: str, tmp_path: Path) -> None:
    """Session.load raises an error of its own tree with the code and the words, in one line."""
    file = tmp_path / "model.onnx"
    file.write_bytes(BROKEN[name])
    with aclcffi.Session("simulator") as session:
        with pytest.raises(aclcffi.InvalidArgumentError, match="the model was not taken") as caught:
            session.load(file)
        assert caught.value.code == EPARAM
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["an html page", "breaks and colours in names", "a cycle", "functions that double"])
def test_the_command_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`aclcffi run` says it in one printable line, and its exit code is 2."""
    file = tmp_path / "model.onnx"
    file.write_bytes(BROKEN[name])
    assert main(["run", str(file), "--backend", "simulator", "--output", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert "the model was not taken" in err


def test_messages_keep_apart(ready: Acl) -> None:
    """aclGetRecentErrMsg has one line for each call that failed, whatever the engines say in how many lines."""
    data = CHECKED["breaks and colours in names"]
    for _ in range(3):
        ready.aclmdlLoadFromMem(data, len(data), ready.out("uint32_t"))
    assert [line.partition(":")[0] for line in ready.message().split("\n")] == ["aclmdlLoadFromMem"] * 3


# -- what the guard lets through ---------------------------------------------------------------------------------------


GOOD = {
    "an Einsum that sums": build(
        [node("Einsum", ["x", "x"], ["y"], equation=" ...i j , ...jk -> ...ik")],
        [tensor("x", [2, 2, 2])],
        [tensor("y", [2, 2, 2])],
    ),
    "an Einsum without a right side": build(
        [node("Einsum", ["x"], ["y"], equation="ii")], [tensor("x", [2, 2])], [tensor("y", [])]
    ),
    "a GatherND in batches": build(
        [node("GatherND", ["x", "i"], ["y"], batch_dims=1)],
        [tensor("x", [2, 2]), tensor("i", [2, 1], TensorProto.INT64)],
        [tensor("y", [2])],
    ),
    "a last axis by its negative number": layer_normalization(-1),
    "a Split by halves": split(2, 2),
    "a function a thousand times": doubling(9),
    "a function within a function": functions(("F", ["Relu", "Neg"]), ("G", ["F", "F"])),
    "an optional input in the middle": build(
        [node("Clip", ["x", "", "most"], ["y"])], [tensor("x", [4]), tensor("most", [])], [tensor("y", [4])]
    ),
    "an optional input at the end": one("Clip", ["x", ""]),
    "a bias without a name": layer_normalization(-1, ["x", "w", ""]),
    "many branches": branches(20),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_models_run(ready: Acl, name: str) -> None:
    """What looks like one of the models that kill, and is none, is loaded and computed."""
    program = Program(ready, GOOD[name])
    assert program.execute() == 0


def test_functions_that_call_themselves() -> None:
    """Where the checker of an old onnx takes functions that call themselves, the guard does not."""
    for data in (functions(("F", ["F"])), functions(("G", ["F"]), ("F", ["G"]))):
        with pytest.raises(ValueError, match="call themselves"):
            check_harmless(onnx.load_model_from_string(data))


def test_nodes_of_others(ready: Acl) -> None:
    """Operators of other domains are not judged by the rules for ONNX's; neither an unknown one nor its inputs."""
    call = node("Einsum", ["x", "", "x"], ["y"], domain="mine", equation="..")
    model = onnx.load_model_from_string(build([call], [tensor("x", [4])], [tensor("y", [4])]))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    data = model.SerializeToString()
    assert ready.aclmdlLoadFromMem(data, len(data), ready.out("uint32_t")) == ENOTSUP
    assert "onnxruntime lacks" in ready.message()


def test_what_onnxruntime_cannot_do(ready: Acl) -> None:
    """Where onnxruntime gives no hint whether a model is wrong, it is refused as one that cannot be run here."""
    data = with_weight(weight([4], bytes(17)))
    assert ready.aclmdlLoadFromMem(data, len(data), ready.out("uint32_t")) == ENOTSUP
    assert "onnxruntime cannot run the model" in ready.message()


# -- any damage --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared() -> Iterator[Acl]:
    """A machine for many examples."""
    with aclcffi.open_backend("simulator") as backend:
        acl = Acl(backend)
        acl.start()
        yield acl


def damage(data: st.DataObject, content: bytes) -> bytes:
    """A model that ends too early, or with some bytes changed, put in or taken out."""
    if data.draw(st.booleans(), "cut"):
        return content[: data.draw(st.integers(0, len(content) - 1))]
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    return bytes(damaged)


@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_damaged_models(shared: Acl, seed: str, data: st.DataObject) -> None:
    """Whatever happens to a model's bytes, each way of loading it answers a code of the contract and says why."""
    content = damage(data, SEEDS[seed])
    shared.message()
    place, size = shared.ffi.new("uint32_t *", NO_ID), len(content)
    desc = shared.aclmdlCreateDesc()
    described = shared.aclmdlGetDescFromMem(desc, content, size)
    assert described in CODES
    assert shared.message().isprintable()
    loaded = shared.aclmdlLoadFromMem(content, size, place)
    assert loaded in CODES
    message = last_message(shared)
    assert bool(message) == bool(loaded)
    assert message.isprintable()
    if loaded == 0:
        shared.ok(shared.aclmdlUnload(place[0]))
        assert described == 0
    else:
        assert place[0] == NO_ID
        assert shared.aclmdlUnload(place[0]) == EMODELID
    shared.ok(shared.aclmdlDestroyDesc(desc))


@given(st.sampled_from(sorted(SEEDS)), st.data())
def test_damaged_files_of_the_small_library(open_small: Any, seed: str, data: st.DataObject) -> None:
    """On IPV350 a damaged file is one of its own codes."""
    acl, folder = open_small
    content = damage(data, SEEDS[seed])
    (folder / "model.onnx").write_bytes(content)
    acl.message()
    code = file_config(acl, str(folder / "model.onnx").encode()).load()
    assert code in {0, ENOTSUP, ESIZE, 545000, 545002, 245000}
    assert bool(acl.message()) == bool(code)


@pytest.fixture(scope="module")
def open_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Acl, Path]]:
    """A machine with the small library, and a folder."""
    with aclcffi.open_backend("simulator", product="IPV350") as backend:
        acl = Acl(backend)
        acl.start()
        yield acl, tmp_path_factory.mktemp("damaged")


def test_what_is_left_of_broken_models(open_acl: OpenAcl) -> None:
    """A hundred loads that fail keep no device memory, and no model."""
    acl = open_acl()
    acl.start()
    free = acl.free_bytes()
    for data in list(BROKEN.values())[:100]:
        acl.aclmdlLoadFromMem(data, len(data), acl.out("uint32_t"))
    assert acl.free_bytes() == free
    assert not world_of(acl).models

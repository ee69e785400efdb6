"""What is no ONNX model, or none that can be run: what is refused with which words, and that nothing crashes."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

import aclcffi
from tests.aclsim.onnx_loads import file_refused, in_a_branch, load_code, refused
from tests.contract.acl import NULL, Acl
from tests.contract.models import (
    EGE,
    EINVAL,
    ENOTSUP,
    EPARAM,
    ESIZE,
    add,
    build,
    external,
    identity,
    om_file,
    sizes_of,
    tensor,
    two_of_each,
    weighted,
    write_file,
)

# -- what is no model, or none that can be run -----------------------------------------------------------------------


def test_the_checker_s_words_reach_the_caller(ready: Acl) -> None:
    """onnx's checker says what is wrong with a model, and aclGetRecentErrMsg says it on."""
    data = build([helper.make_node("Identity", ["nowhere"], ["y"])], [tensor("x", [3])], [tensor("y", [3])])
    refused(ready, data, EPARAM, "aclmdlLoadFromMem: ", "checker", "nowhere", "ACL_ERROR_GE_PARAM_INVALID")


def test_onnxruntime_s_words_reach_the_caller(ready: Acl) -> None:
    """Shapes that do not go together are onnxruntime's find: the model is broken, in its words."""
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    data = build([node], [tensor("a", [3, 4]), tensor("b", [3, 4])], [tensor("y", [3, 4])])
    refused(ready, data, EPARAM, "onnxruntime refuses the model", "MatMul")


def test_what_an_engine_lacks_is_no_broken_model(machine: Acl, engine: str) -> None:
    """An operator of somebody's own is refused as unsupported, with the engine's name and words."""
    node = helper.make_node("Nope", ["x"], ["y"], domain="mine")
    model = onnx.load_model_from_string(build([node], [tensor("x", [2])], [tensor("y", [2])]))
    model.opset_import.append(helper.make_opsetid("mine", 1))
    data = model.SerializeToString()
    refused(machine, data, ENOTSUP, "onnxruntime lacks" if engine == "onnxruntime" else "evaluator lacks", "Nope")


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", EINVAL, "git lfs pull"),
        (om_file(44, 300), ENOTSUP, "load the .onnx file it was converted from"),
        (om_file(44, 300, wide=True), ENOTSUP, "load the .onnx file it was converted from"),
        (om_file(44, 301, wide=True), EPARAM, "announces 300 bytes"),
        (om_file(44, 100), EINVAL, "header of an .om file"),
        (om_file(44, 290), EPARAM, "announces 300 bytes"),
        (b"PK\x03\x04" + bytes(300), ENOTSUP, "zip package"),
        (bytes(4), EINVAL, "was not taken"),
        (bytes(300), EPARAM, "was not taken"),
        (b"\x08\x01\x08\x01", EINVAL, "no graph with an output"),
    ],
    ids=["git-lfs", "om", "wide om", "long om", "short om", "cut om", "zip", "few zeros", "zeros", "no graph"],
)
def test_bytes_that_are_told_apart(ready: Acl, data: bytes, code: int, words: str) -> None:
    """Files of other kinds are recognised, and the message says what they are and what to do."""
    refused(ready, data, code, words)


def test_a_git_lfs_pointer_in_a_file(ready: Acl, tmp_path: Path) -> None:
    """A repository that was cloned without its large files leads to a sentence that says so."""
    path = write_file(tmp_path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    file_refused(ready, path, ESIZE, "git-lfs pointer")


def test_names_that_are_no_text(ready: Acl) -> None:
    """A tensor whose name is no UTF-8 is refused, not passed on."""
    refused(ready, identity([3], names=("x" * 9, "y")).replace(b"x" * 9, b"\xff" * 9), EPARAM, "no UTF-8")


def test_a_description_needs_no_engine(ready: Acl) -> None:
    """A model that no engine can compute can be described, and its sizes asked for."""
    data = identity([4], TensorProto.COMPLEX64)
    assert load_code(ready, data) == ENOTSUP
    desc = ready.aclmdlCreateDesc()
    assert ready.aclmdlGetDescFromMem(desc, data, len(data)) == 0
    assert ready.aclmdlGetInputSizeByIndex(desc, 0) == 32
    assert sizes_of(ready, data)[0] >= 1


# -- anything at all -------------------------------------------------------------------------------------------------

CODES = {0, EINVAL, EPARAM, ESIZE, ENOTSUP}
MODELS = [add(), weighted(), two_of_each(), external(), in_a_branch(), identity(["n"]), om_file(44, 300)]


@pytest.fixture(scope="module")
def shared() -> Any:
    """A machine for many examples."""
    with aclcffi.open_backend("simulator") as backend:
        acl = Acl(backend)
        acl.start()
        yield acl


@given(st.binary(max_size=600))
def test_random_bytes_never_crash(shared: Acl, data: bytes) -> None:
    """Whatever the bytes are, a load answers a code of the contract and a sentence."""
    shared.message()
    assert load_code(shared, data) in CODES - {0}
    assert shared.message()


@given(st.sampled_from(MODELS), st.data())
def test_truncated_models_never_crash(shared: Acl, model: bytes, data: st.DataObject) -> None:
    """A model that ends too early is refused with a code and a sentence, from memory and when it is described."""
    cut = model[: data.draw(st.integers(0, len(model) - 1))]
    shared.message()
    assert load_code(shared, cut) in CODES - {0}
    assert shared.message()
    assert shared.aclmdlGetDescFromMem(shared.aclmdlCreateDesc(), cut, len(cut)) in CODES - {0}


@given(st.sampled_from(MODELS), st.data())
def test_damaged_models_never_crash(shared: Acl, model: bytes, data: st.DataObject) -> None:
    """A model with bytes changed, put in or taken out is described or refused; what is described has working getters."""
    damaged = bytearray(model)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    desc, content = shared.aclmdlCreateDesc(), bytes(damaged)
    code = shared.aclmdlGetDescFromMem(desc, content, len(content))
    assert code in CODES
    if code == 0:
        dims = shared.out("aclmdlIODims")
        for index in range(shared.aclmdlGetNumInputs(desc)):
            assert shared.aclmdlGetInputDims(desc, index, dims) in (0, 300000)
            assert shared.aclmdlGetInputSizeByIndex(desc, index) >= 0
            assert shared.aclmdlGetInputNameByIndex(desc, index) != NULL
    shared.ok(shared.aclmdlDestroyDesc(desc))


def test_a_bad_model_is_no_engine_failure(ready: Acl) -> None:
    """A load never answers the engine's 500002, which would tell the caller nothing."""
    assert load_code(ready, bytes(1000)) != EGE

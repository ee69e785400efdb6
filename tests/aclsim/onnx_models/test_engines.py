"""ONNX models in the simulator: the engines that compute, and packages that are not there."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from aclsim.models.engines import ENGINES, session_options
from onnx import TensorProto, helper

import aclcffi
from aclcffi.dtypes import dtype_of
from tests.aclsim.onnx_loads import load_code, refused, run
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import (
    ENOTSUP,
    Program,
    add,
    build,
    gather,
    identity,
    last_message,
    sizes_of,
    tensor,
    two_of_each,
    write_file,
)

# -- engines ---------------------------------------------------------------------------------------------------------


def test_engines_agree(open_acl: OpenAcl) -> None:
    """onnxruntime and onnx's evaluator compute the same of the same model."""
    results = []
    for engine in ENGINES:
        acl = open_acl(engine=engine)
        acl.start()
        left, right = np.arange(6, dtype=np.float32), np.full(6, 0.5, np.float32)
        results.append([output.tolist() for output in run(acl, two_of_each(), left, right)])
    assert results[0] == results[1] == [[[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]], [[-0.5, 0.5, 1.5], [2.5, 3.5, 4.5]]]


def test_the_engine_of_the_environment(open_acl: OpenAcl, monkeypatch: pytest.MonkeyPatch) -> None:
    """ACLCFFI_SIM_ENGINE chooses the engine, and a name that there is not is refused."""
    open_acl()
    monkeypatch.setenv("ACLCFFI_SIM_ENGINE", "reference")
    acl = open_acl()
    acl.start()
    assert load_code(acl, identity([4], TensorProto.COMPLEX64)) == 0
    monkeypatch.setenv("ACLCFFI_SIM_ENGINE", "abacus")
    with pytest.raises(aclcffi.BackendError, match="ACLCFFI_SIM_ENGINE is 'abacus'; it can be onnxruntime, reference"):
        open_acl()


def test_a_failing_computation_has_the_engine_s_words(machine: Acl) -> None:
    """An index outside its range fails the execution, and the message names the model's computation and the reason."""
    program = Program(machine, gather())
    program.feed(np.zeros(4, np.float32), np.array([7], np.int64))
    assert program.execute() == 507011
    assert "the model's computation failed: " in last_message(machine)


def test_sessions_use_one_thread() -> None:
    """Results do not depend on the machine: one thread within an operator, one between them."""
    options = session_options(onnxruntime)
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_nothing_is_printed(ready: Acl, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither a refused model nor a failing one writes to the terminal: the message is for who asks."""
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    load_code(ready, build([node], [tensor("a", [3, 4]), tensor("b", [3, 4])], [tensor("y", [3, 4])]))
    program = Program(ready, gather())
    program.feed(np.zeros(4, np.float32), np.array([7], np.int64))
    assert program.execute() == 507011
    assert capfd.readouterr() == ("", "")


# -- packages that are not there -------------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package impossible to import, as if it was not installed."""

    def hide(name: str) -> None:
        dtype_of.cache_clear()
        for module in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, name, None)

    return hide


def test_without_onnx(ready: Acl, without: Callable[[str], None], tmp_path: Path) -> None:
    """Without onnx no model can be loaded, described or measured, and each call says what to install."""
    data, size, path = add(), ready.out("size_t"), write_file(tmp_path, add())
    without("onnx")
    refused(ready, data, ENOTSUP, "onnx is needed", "install aclcffi[onnx]")
    assert ready.aclmdlQuerySize(path, size, size) == ENOTSUP
    assert ready.aclmdlGetDescFromFile(ready.aclmdlCreateDesc(), path) == ENOTSUP


def test_without_onnxruntime(ready: Acl, without: Callable[[str], None], open_acl: OpenAcl) -> None:
    """Without onnxruntime models can be described, not loaded; the other engine still works."""
    without("onnxruntime")
    refused(ready, add(), ENOTSUP, "onnxruntime is needed", "install aclcffi[onnx]")
    assert sizes_of(ready, add())[0] >= 1
    other = open_acl(engine="reference")
    other.start()
    assert load_code(other, add()) == 0


def test_without_ml_dtypes(ready: Acl, without: Callable[[str], None]) -> None:
    """Without ml_dtypes models with bfloat16 as inputs or weights are refused with a sentence, all others work."""
    weight = TensorProto(name="w", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=bytes(4))
    node = helper.make_node("Cast", ["w"], ["v"], to=TensorProto.FLOAT)
    total = helper.make_node("Add", ["v", "x"], ["y"])
    with_weight = build([node, total], [tensor("x", [2])], [tensor("y", [2])], [weight])
    without("ml_dtypes")
    refused(ready, identity([2], TensorProto.BFLOAT16), ENOTSUP, "'x'", "install aclcffi[onnx]")
    refused(ready, with_weight, ENOTSUP, "'w'", "install aclcffi[onnx]")
    assert load_code(ready, add()) == 0

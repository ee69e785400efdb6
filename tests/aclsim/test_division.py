"""Divisions of whole numbers in ONNX models: the least number by -1 does not end the process."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from aclsim.models.division import tame
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import aclcffi
from tests.contract.acl import Acl
from tests.contract.models import Array, Program, build, tensor

node = helper.make_node
INT64, BOOL = TensorProto.INT64, TensorProto.BOOL
LEAST = np.iinfo(np.int64).min
ONNXRUNTIME = tuple(map(int, onnxruntime.__version__.split(".")[:2]))


def plain() -> bytes:
    """y = a / b."""
    sides = [tensor("a", [4], INT64), tensor("b", [4], INT64)]
    return build([node("Div", ["a", "b"], ["y"], name="division")], sides, [tensor("y", [4], INT64)])


def by_a_scalar() -> bytes:
    """y = a / b[0], in an opset that has Where for the first time."""
    one = numpy_helper.from_array(np.array([0]), "first")
    nodes = [node("Gather", ["b", "first"], ["scalar"]), node("Div", ["a", "scalar"], ["y"])]
    sides = [tensor("a", [4], INT64), tensor("b", [4], INT64)]
    return build(nodes, sides, [tensor("y", [4], INT64)], [one], opset=9)


def in_a_branch() -> bytes:
    """y = a / b, in a branch that is always taken."""
    made = [helper.make_graph([node("Div", ["a", "b"], [name])], name, [], [tensor(name, [4], INT64)]) for name in "pq"]
    yes = numpy_helper.from_array(np.array(True), "yes")
    call = node("If", ["yes"], ["y"], then_branch=made[0], else_branch=made[1])
    sides = [tensor("a", [4], INT64), tensor("b", [4], INT64)]
    return build([call], sides, [tensor("y", [4], INT64)], [yes])


def by_a_constant() -> bytes:
    """y = a / [1, -1, 3, -3] + b - b."""
    constant = node("Constant", [], ["c"], value=numpy_helper.from_array(np.array([1, -1, 3, -3])))
    nodes = [constant, node("Div", ["a", "c"], ["q"]), node("Add", ["q", "b"], ["s"]), node("Sub", ["s", "b"], ["y"])]
    sides = [tensor("a", [4], INT64), tensor("b", [4], INT64)]
    return build(nodes, sides, [tensor("y", [4], INT64)])


def divided(a: Array, b: Array) -> Array:
    """What the quotients are: towards 0, and in two's complement."""
    exact = [abs(int(x)) // abs(int(y)) * (1 if (x < 0) == (y < 0) else -1) for x, y in zip(a, b, strict=True)]
    return np.array([(each + (1 << 63)) % (1 << 64) - (1 << 63) for each in exact], np.int64)


MODELS: dict[str, tuple[Callable[[], bytes], Callable[[Array], Array]]] = {
    "plain": (plain, lambda b: b),
    "by a scalar": (by_a_scalar, lambda b: np.repeat(b[:1], 4)),
    "in a branch": (in_a_branch, lambda b: b),
    "by a constant": (by_a_constant, lambda _: np.array([1, -1, 3, -3])),
}


@pytest.fixture(scope="module")
def programs() -> Any:
    """Each model, loaded."""
    with aclcffi.open_backend("simulator") as backend:
        acl = Acl(backend)
        acl.start()
        yield {name: Program(acl, make()) for name, (make, _) in MODELS.items()}


WHOLE = st.integers(LEAST, -LEAST - 1) | st.sampled_from([LEAST, LEAST + 1, -1, 0, 1, -LEAST - 1])


@pytest.mark.parametrize("name", MODELS)
@given(a=st.lists(WHOLE, min_size=4, max_size=4), b=st.lists(WHOLE.filter(bool), min_size=4, max_size=4))
def test_any_quotient(programs: dict[str, Program], name: str, a: list[int], b: list[int]) -> None:
    """Quotients of any 64-bit numbers are right, and the least by -1 is the least, as in two's complement."""
    program = programs[name]
    program.feed(np.array(a), np.array(b))
    assert program.execute() == 0
    given_back = np.frombuffer(program.acl.read(program.output_memory[0], 32), np.int64)
    assert given_back.tolist() == divided(np.array(a), MODELS[name][1](np.array(b))).tolist()


@pytest.mark.skipif(ONNXRUNTIME < (1, 25), reason="this onnxruntime ends the process there")
def test_by_zero(programs: dict[str, Program]) -> None:
    """A division by 0 is an error of the execution as before, with the node's name."""
    program = programs["plain"]
    program.feed(np.ones(4, np.int64), np.array([1, 0, -1, 1]))
    assert program.execute() == 507011
    message = program.acl.message()
    assert "division by zero" in message
    assert "'division'" in message


def quotient(divisor: Any, element: int = INT64, opset: int = 17) -> bytes:
    """y = x / divisor, a weight."""
    weight = numpy_helper.from_array(np.array(divisor), "b")
    call = node("Div", ["x", "b"], ["y"])
    return build([call], [tensor("x", [4], element)], [tensor("y", [4], element)], [weight], opset=opset)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (plain(), True),
        (quotient([2, 3, -2, 7]), False),
        (quotient([2, 3, -1, 7]), True),
        (quotient(np.float32(-1), TensorProto.FLOAT), False),
        (quotient(np.int32(-1), TensorProto.INT32), True),
        (quotient(np.int16(-1), TensorProto.INT16), False),
        (quotient([2, 3, -1, 7], opset=8), False),
    ],
    ids=["unknown", "harmless", "-1", "floats", "-1 in 32 bits", "narrow", "old"],
)
def test_what_is_changed(data: bytes, *, changes: bool) -> None:
    """Only divisions of 32 and 64-bit numbers by what may be -1 are written otherwise, where the opset has what that takes."""
    model = onnx.load_model_from_string(data)
    assert tame(model) is changes
    onnx.checker.check_model(model)
    assert (model.SerializeToString() != data) is changes


def test_a_constant_that_is_no_array() -> None:
    """A divisor whose data is not as long as its shape says is for the engine to refuse."""
    model = onnx.load_model_from_string(quotient([2, 3, 5, 7]))
    broken = TensorProto(name="b", data_type=INT64, dims=[4], int64_data=[1])
    model.graph.initializer[0].CopyFrom(broken)
    assert tame(model) is True


def inner(cast: int, *, constant: dict[str, Any] | None = None) -> bytes:
    """y = x / d, of tensors whose types only the operators before them tell."""
    nodes = [node("Cast", ["x"], ["wide"], to=cast), node("Neg", ["wide"], ["m"]), node("Neg", ["m"], ["n"])]
    if constant is None:
        nodes.append(node("Cast", ["b"], ["d"], to=cast))
    else:
        nodes.append(node("Constant", [], ["d"], **constant))
    nodes += [node("Div", ["n", "d"], ["q"]), node("Cast", ["q"], ["y"], to=INT64)]
    sides = [tensor("x", [3], INT64), tensor("b", [3], INT64)]
    return build(nodes, sides, [tensor("y", [3], INT64)])


@pytest.mark.parametrize(
    "data",
    [
        inner(TensorProto.INT32),
        inner(INT64),
        inner(INT64, constant={"value_int": -1}),
        inner(INT64, constant={"value_ints": [-1, -1, -1]}),
    ],
    ids=["32 bits", "64 bits", "value_int", "value_ints"],
)
def test_types_that_operators_tell(ready: Acl, data: bytes) -> None:
    """The least number by -1 is the least one also where the file gives no types, for 3 elements as for any."""
    program = Program(ready, data)
    wide = np.int64 if onnx.load_model_from_string(data).graph.node[0].attribute[0].i == INT64 else np.int32
    least = np.iinfo(wide).min
    program.feed(np.full(3, least, np.int64), np.full(3, -1, np.int64))
    assert program.execute() == 0
    assert np.frombuffer(ready.read(program.output_memory[0], 24), np.int64).tolist() == [least] * 3

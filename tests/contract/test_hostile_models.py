"""Executions that fail or misbehave inside the model: the contract's 507011 with the reason, and all goes on after it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
from aclsim import SimulationHang, TensorSpec
from onnx import TensorProto, helper, numpy_helper

from tests.aclsim.machine import world_of
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import EGE, EMODELID, Array, Program, build, dataset, tensor

ERUN = 507011
EINTERRUPTED = 507000
SCHEDULES = ("lazy", "eager", "random", "parallel")
INT32, INT64 = TensorProto.INT32, TensorProto.INT64
node = helper.make_node


@pytest.fixture(params=SCHEDULES)
def machine(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """An initialised machine of each schedule."""
    acl = open_acl(schedule=request.param)
    acl.start()
    return acl


def program(acl: Acl, function: Callable[..., Any], shape: tuple[int, ...] = (4,)) -> Program:
    """A model that a Python function computes: y[4] of x[4]."""
    path = acl.backend.register_model(  # type: ignore[attr-defined]
        "model", function=function, inputs=[TensorSpec("x", shape)], outputs=[TensorSpec("y", shape)]
    )
    place = acl.out("uint32_t")
    acl.ok(acl.aclmdlLoadFromFile(path.encode(), place))
    return Program(acl, b"", int(place[0]))


def ways(acl: Acl) -> tuple[Callable[[Program], int], ...]:
    """Execute and wait, and execute on a stream and wait for that: both answer the execution's code."""

    def on_a_stream(what: Program) -> int:
        stream = acl.stream()
        acl.ok(what.execute_async(stream))
        return acl.aclrtSynchronizeStream(stream)

    return Program.execute, on_a_stream


def assert_usable(acl: Acl) -> None:
    """Assert that a model computes as ever, in both ways."""
    for execute in ways(acl):
        good = program(acl, lambda x: x + 1)
        good.feed([1, 2, 3, 4])
        assert execute(good) == 0
        assert good.result() == [2, 3, 4, 5]


# -- functions of the program ------------------------------------------------------------------------------------------


class WordlessError(Exception):
    """An error whose words raise."""

    def __str__(self) -> str:
        """Raise."""
        raise ValueError


class NoArray:
    """Something that numpy asks for an array, and that raises."""

    def __array__(self, *_: object, **__: object) -> Array:
        """Raise."""
        raise RuntimeError("no array today")


def raising(error: BaseException) -> Callable[..., Any]:
    """A function that raises."""

    def function(x: Array) -> Any:
        raise error

    return function


def overwriting(x: Array) -> Array:
    """Write to the input."""
    x[0] = 9
    return x


def endless(x: Array) -> Any:
    """Call itself until the interpreter has enough."""
    return endless(x)


FAILING = {
    "an error": (raising(ValueError("a reason")), "ValueError: a reason"),
    "an error in many lines": (raising(ValueError("one\r\ntwo\x1b[31m\x00three")), "one two\\x1b[31m\\x00three"),
    "an error that is no text": (raising(ValueError("\udcff")), "ValueError: \\udcff"),
    "an error without words": (raising(WordlessError()), "WordlessError, whose words cannot be had"),
    "no memory": (raising(MemoryError()), "MemoryError"),
    "endless recursion": (endless, "RecursionError"),
    "an input that is written to": (overwriting, "read-only"),
    "another shape": (lambda x: x[:2], "(2,)"),
    "another dtype": (lambda x: x.astype(np.float64), "float64"),
    "more than there is memory": (lambda x: np.lib.stride_tricks.as_strided(x, (1 << 40,), (0,)), "(1099511627776,)"),
    "objects": (lambda x: np.array([x, None, "text", ()], object), "object"),
    "nothing": (lambda x: None, "'y'"),
    "what is no array": (lambda x: NoArray(), "RuntimeError: no array today"),
    "another name": (lambda x: {"z": x}, "'z'"),
}


@pytest.mark.parametrize("name", FAILING)
def test_functions_that_fail(machine: Acl, name: str) -> None:
    """The execution fails with 507011 and the function's words in one line; outputs stay, and the machine goes on."""
    function, words = FAILING[name]
    for execute in ways(machine):
        bad = program(machine, function)
        machine.write(bad.output_memory[0], b"\x01" * 16)
        machine.message()
        assert execute(bad) == ERUN
        message = machine.message()
        assert words in message
        assert message.isprintable()
        assert machine.read(bad.output_memory[0], 16) == b"\x01" * 16
        machine.ok(machine.aclmdlUnload(bad.id))
    assert_usable(machine)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException])
def test_functions_that_are_killed(machine: Acl, error: type[BaseException]) -> None:
    """What ends a program reaches the caller, or 507000 from a thread of the machine's; the machine goes on."""
    for execute in ways(machine):
        bad = program(machine, raising(error()))
        if world_of(machine).options.schedule == "parallel":
            assert execute(bad) == EINTERRUPTED
            assert "interrupted" in machine.message()
        else:
            with pytest.raises(error):
                execute(bad)
        assert machine.aclrtSynchronizeDevice() in (0, EINTERRUPTED)
        machine.message()
    assert_usable(machine)


def test_functions_that_call_acl(machine: Acl) -> None:
    """A function may allocate, query and load, and unload its own model, while it runs."""
    seen: list[int] = []
    outer: list[Program] = []

    def function(x: Array) -> Array:
        place = machine.out("void *")
        seen.append(machine.aclrtSetDevice(0) or machine.aclrtMalloc(place, 64, 0) or machine.aclrtFree(place[0]))
        inner = program(machine, lambda x: x)
        seen.append(machine.aclmdlUnload(inner.id))
        seen.append(machine.aclmdlUnload(outer[0].id))
        return x + 1

    outer.append(program(machine, function))
    outer[0].feed([1, 2, 3, 4])
    machine.ok(outer[0].execute())
    assert outer[0].result() == [2, 3, 4, 5]
    assert seen == [0, 0, 0]
    assert outer[0].execute() == EMODELID
    assert_usable(machine)


@pytest.mark.parametrize("schedule", SCHEDULES[:3])
def test_a_function_that_executes_a_model(open_acl: OpenAcl, schedule: str) -> None:
    """One task runs at a time: a function that waits for another execution fails its own, with the hang report."""
    acl = open_acl(schedule=schedule, hang_after=0.1)
    acl.start()
    inner = program(acl, lambda x: x * 2)
    inner.feed([1, 2, 3, 4])

    def function(x: Array) -> Array:
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(inner.execute())
        return x + np.array(inner.result(), np.float32)

    assert program(acl, function).execute() == ERUN
    assert "SimulationHang: nothing can end the wait" in acl.message()
    assert_usable(acl)


def test_a_function_that_waits_for_itself(open_acl: OpenAcl) -> None:
    """A function that synchronises its own stream can never go on: the hang report fails the execution."""
    acl = open_acl(hang_after=0.1)
    acl.start()
    stream, seen = acl.stream(), []

    def function(x: Array) -> Array:
        try:
            acl.aclrtSynchronizeStream(stream)
        except SimulationHang as hang:
            seen.append(str(hang))
            raise
        return x

    bad = program(acl, function)
    acl.ok(bad.execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == ERUN
    assert "nothing can end the wait" in seen[0]
    assert "SimulationHang" in acl.message()
    assert_usable(acl)


# -- ONNX that fails when it runs --------------------------------------------------------------------------------------


def binary(operator: str, element: int) -> bytes:
    """y = operator(a, b), four of an element type each."""
    sides = [tensor("a", [4], element), tensor("b", [4], element)]
    return build([node(operator, ["a", "b"], ["y"])], sides, [tensor("y", [4], element)])


def shaped(operator: str, element: int = TensorProto.FLOAT) -> bytes:
    """y = operator(x, s): the numbers in s, which come when it runs, are a shape of one dim."""
    inputs = [tensor("x", [4]), tensor("s", [1], INT64)]
    taken = ["s"] if operator == "ConstantOfShape" else ["x", "s"]
    return build([node(operator, taken, ["y"])], inputs, [tensor("y", [4], element)])


OLD = tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 25)
dies = pytest.mark.skipif(OLD, reason="this onnxruntime ends the process there")
prints = pytest.mark.skipif(OLD, reason="this onnxruntime prints there whatever it is told")
ON_OLD = {"a division by 0": dies, "a modulo 0": dies, "tiles of more than an address space": prints}

ONES, ZEROS, X = np.ones(4, np.int32), np.zeros(4, np.int32), np.ones(4, np.float32)
RUNNING = {
    "a division by 0": (binary("Div", INT32), ONES, ZEROS),
    "a modulo 0": (binary("Mod", INT32), ONES, ZEROS),
    "a shape with fewer elements": (shaped("Reshape"), X, np.array([3])),
    "two dims that are to be found": (shaped("Reshape"), X, np.array([-7])),
    "a shape below 0": (shaped("ConstantOfShape"), X, np.array([-5])),
    "a shape of more than an address space": (shaped("ConstantOfShape"), X, np.array([1 << 50])),
    "tiles of more than an address space": (shaped("Tile"), X, np.array([1 << 60])),
    "another shape than the model says": (shaped("Tile"), X, np.array([3])),
    "shapes that do not go together": (shaped("Expand"), X, np.array([7])),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=ON_OLD.get(name, ())) for name in RUNNING])
def test_onnx_that_fails(machine: Acl, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What only the data tells to be wrong is 507011 with the engine's words, on no terminal, and with no output written."""
    data, *inputs = RUNNING[name]
    for execute in ways(machine):
        bad = Program(machine, data)
        bad.feed(*inputs)
        machine.write(bad.output_memory[0], b"\x01" * 16)
        machine.message()
        assert execute(bad) == ERUN
        message = machine.message()
        assert "the model's computation failed: " in message or "came out with shape" in message
        assert message.isprintable()
        assert machine.read(bad.output_memory[0], 16) == b"\x01" * 16
    assert capfd.readouterr() == ("", "")
    assert_usable(machine)


def test_dynamic_dims_that_do_not_go_together(machine: Acl) -> None:
    """Inputs of a dynamic-shape model whose dims contradict each other fail with 507011, synchronously and not."""
    sides = [tensor("a", ["n"]), tensor("b", ["n"])]
    data = build([node("Add", ["a", "b"], ["y"])], sides, [tensor("y", ["n"])])
    place = machine.out("uint32_t")
    machine.ok(machine.aclmdlLoadFromMem(data, len(data), place))
    sizes = (8, 12)
    inputs = dataset(machine, [machine.aclCreateDataBuffer(machine.malloc(size, bytes(size)), size) for size in sizes])
    outputs = dataset(machine, [machine.aclCreateDataBuffer(machine.malloc(64), 64)])
    for index, size in enumerate(sizes):
        desc = machine.aclCreateTensorDesc(machine.lib.ACL_FLOAT, 1, [size // 4], machine.lib.ACL_FORMAT_ND)
        machine.ok(machine.aclmdlSetDatasetTensorDesc(inputs, desc, index))
    assert machine.aclmdlExecute(place[0], inputs, outputs) == ERUN
    stream = machine.stream()
    code = machine.aclmdlExecuteAsync(place[0], inputs, outputs, stream)
    assert code in (0, EGE)
    assert code or machine.aclrtSynchronizeStream(stream) == ERUN
    assert_usable(machine)


@dies
def test_a_weight_that_is_a_divisor_of_0(machine: Acl) -> None:
    """A division by 0 that onnxruntime sees at load is refused there, and not computed."""
    weight = numpy_helper.from_array(ZEROS, "b")
    data = build([node("Div", ["a", "b"], ["y"])], [tensor("a", [4], INT32)], [tensor("y", [4], INT32)], [weight])
    assert machine.aclmdlLoadFromMem(data, len(data), machine.out("uint32_t")) == 200001
    assert "ivision by zero" in machine.message()
    assert_usable(machine)

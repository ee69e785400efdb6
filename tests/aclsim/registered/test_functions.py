"""Registered models in Python: what the functions get and give, and the shapes that they tell."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec

from tests.aclsim.machine import Background, stream_of
from tests.aclsim.python_models import MODELS, VARIED, VARIES, X, double, doubler
from tests.contract.acl import Acl
from tests.contract.models import EGE, EPARAM, Array, Program, last_message
from tests.contract.varying import EFAILED, Dynamic, feed, give_room, load_path, numbers, output, register, shape_of


def raising(**_: Array) -> Array:
    """Raise something."""
    raise ZeroDivisionError("of all things")


# -- functions -------------------------------------------------------------------------------------------------------

PAIR = [TensorSpec("sum", (3,)), TensorSpec("count", (), "int64")]

GOOD: dict[str, Callable[[Array], Any]] = {
    "a mapping": lambda x: {"count": np.array(2), "sum": x.sum(0)},
    "a tuple": lambda x: (x.sum(0), np.array(2)),
    "a list": lambda x: [x.sum(0), np.int64(2)],
    "Python numbers": lambda x: (x.sum(0).tolist(), 2),
    "integers for floats": lambda x: ([0, 0, 0], 2),
}


@pytest.mark.parametrize("function", GOOD.values(), ids=GOOD.keys())
def test_what_a_function_may_give(acl: Acl, function: Callable[[Array], Any]) -> None:
    """Outputs come by name, in any order, or in order; as arrays of the dtype, or as Python numbers that fit it."""
    path = register(acl, function=function, inputs=[X], outputs=PAIR)
    program = Program(acl, b"", load_path(acl, path))
    values = numbers(2, 3) if function is not GOOD["integers for floats"] else np.zeros((2, 3), np.float32)
    feed(program, values)
    assert program.output_sizes == [12, 8]
    assert program.execute() == 0
    assert np.array_equal(output(program, numbers(3), 0), values.sum(0))
    assert output(program, np.zeros(1, np.int64), 1) == [2]


BAD: dict[str, tuple[Callable[..., Any], str]] = {
    "raises": (raising, "the model's function failed: ZeroDivisionError: of all things"),
    "takes other inputs": (lambda: np.zeros((2, 3), np.float32), "the model's function failed: TypeError"),
    "writes its input": (lambda x: x.fill(0), "the model's function failed: ValueError"),
    "nothing": (lambda x: None, "output 'y'"),
    "too many": (lambda x: (x, x), "gave 2 outputs, the model has 1"),
    "too few": (lambda x: (), "gave 0 outputs, the model has 1"),
    "another name": (lambda x: {"z": x}, "gave the outputs ['z'], the model has ['y']"),
    "one name more": (lambda x: {"y": x, "z": x}, "gave the outputs ['y', 'z']"),
    "another rank": (lambda x: x.reshape(-1), "shape (6,), the model says (2, 3)"),
    "another shape": (lambda x: x.T, "shape (3, 2), the model says (2, 3)"),
    "a scalar": (lambda x: x.sum(), "shape (), the model says (2, 3)"),
    "a wider dtype": (lambda x: x.astype(np.float64), "dtype float64, the model says float32"),
    "an integer dtype": (lambda x: x.astype(np.int32), "dtype int32, the model says float32"),
    "text": (lambda x: [[["a"] * 3] * 2], "output 'y'"),
    "rows of different lengths": (lambda x: [[[1, 2, 3], [1, 2]]], "output 'y'"),
    "complex numbers": (lambda x: [[[1j] * 3] * 2], "output 'y'"),
}


@pytest.mark.parametrize(("function", "sentence"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("dynamic", [False, True])
def test_functions_that_fail(acl: Acl, function: Callable[..., Any], sentence: str, dynamic: bool) -> None:
    """A function that raises, or gives another number, shape or dtype, fails the execution: 507011, and nothing is written."""
    values = numbers(2, 3)
    if dynamic:
        path = register(acl, function=function, inputs=[VARIES], outputs=[VARIED])
        program: Program = Dynamic(acl, load_path(acl, path), [values], [24])
        # Of dims that vary only those that do not are compared.
        sentence = sentence.replace("(2, 3)", "(-1, 3)")
    else:
        program = doubler(acl, function=function)
    acl.write(program.output_memory[0], b"\xff" * 24)
    assert program.execute() == EFAILED
    assert sentence in last_message(acl)
    assert acl.read(program.output_memory[0], 24) == b"\xff" * 24
    assert np.array_equal(np.frombuffer(acl.read(program.input_memory[0], 24), np.float32), values.reshape(-1))


@pytest.mark.parametrize(
    ("dtype", "given"), [("uint8", [300]), ("uint8", [-1]), ("int32", [1.5]), ("bool", [2]), ("int8", [128])]
)
def test_python_numbers_that_do_not_fit(acl: Acl, dtype: str, given: list[float]) -> None:
    """Python numbers that the dtype cannot hold fail the execution instead of being cut."""
    path = register(acl, function=lambda: [given], outputs=[TensorSpec("y", (1,), dtype)])
    program = Program(acl, b"", load_path(acl, path))
    assert program.execute() == EFAILED
    assert "output 'y'" in last_message(acl)


def test_a_result_beyond_its_bound(acl: Acl) -> None:
    """An output with more than its greatest dims fails the execution."""
    outputs = [TensorSpec("y", (-1,), max_shape=(4,))]
    path = register(
        acl, function=lambda n: np.zeros(int(n), np.float32), inputs=[TensorSpec("n", (), "int32")], outputs=outputs
    )
    number = load_path(acl, path)
    for count, code in ((4, 0), (5, EFAILED)):
        assert Dynamic(acl, number, [np.array(count, np.int32)], [64]).execute() == code
    assert "shape (5,), the model says (4,)" in last_message(acl)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8", "uint64", "complex64", "bool"])
def test_dtypes(acl: Acl, dtype: str) -> None:
    """Inputs come with the dtype of their description, and outputs go out with it."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    wanted = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    values = np.array([0, 1, 1], wanted)
    seen: list[Any] = []

    def note(x: Array) -> Array:
        seen.append((x.dtype, x.shape))
        return x

    spec = TensorSpec("x", (3,), wanted), TensorSpec("y", (3,), wanted)
    program = Program(acl, b"", load_path(acl, register(acl, function=note, inputs=spec[:1], outputs=spec[1:])))
    feed(program, values)
    assert program.execute() == 0
    assert seen == [(wanted, (3,))]
    assert acl.read(program.output_memory[0], values.nbytes) == values.tobytes()


def test_a_function_may_call_acl(acl: Acl) -> None:
    """Functions run without the machine's lock: they may call ACL, also from a thread of their own."""
    seen: list[int] = []

    def count(x: Array) -> Array:
        place = acl.out("uint32_t")
        seen.append(acl.in_thread(lambda: acl.aclrtGetDeviceCount(place)))
        seen.append(int(place[0]))
        return x

    assert doubler(acl, function=count).execute() == 0
    assert seen == [0, 1]


def test_several_inputs(acl: Acl) -> None:
    """Inputs go to the function under their names, whatever the order of its parameters."""
    inputs = [TensorSpec("left", (2,)), TensorSpec("right", (2,))]
    path = register(acl, function=lambda right, left: left - right, inputs=inputs, outputs=[TensorSpec("y", (2,))])
    program = Program(acl, b"", load_path(acl, path))
    program.feed([5, 7], [1, 2])
    assert program.execute() == 0
    assert program.result() == [4, 5]


# -- shapes that a function tells ------------------------------------------------------------------------------------


def test_inferred_shapes(acl: Acl) -> None:
    """Of an asynchronous execution the output's shape is what `infer` says; without it what varies is -1."""
    for infer, shape in ((lambda shapes: [(shapes[0][0], 3)], (4, 3)), (None, (-1, 3))):
        path = register(acl, function=double, inputs=[VARIES], outputs=[VARIED], infer=infer)
        program = Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64])
        assert program.execute_async() == 0
        assert shape_of(acl, program.output_desc()) == shape
        acl.synchronize()
        assert np.array_equal(output(program, numbers(4, 3)), double(numbers(4, 3)))


@pytest.mark.parametrize(
    ("infer", "sentence"),
    [
        (lambda shapes: 1 // 0, "ZeroDivisionError"),
        (lambda shapes: [], "gave the shapes []"),
        (lambda shapes: [(4, 3), (4, 3)], "gave the shapes"),
        (lambda shapes: [(4,)], "gave the shapes"),
        (lambda shapes: ["text"], "TypeError"),
    ],
)
def test_infer_functions_that_fail(acl: Acl, infer: Callable[..., Any], sentence: str) -> None:
    """An `infer` that raises or gives no shapes makes an asynchronous call 500002, and nothing is queued; others need it not."""
    path = register(acl, function=double, inputs=[VARIES], outputs=[VARIED], infer=infer)
    program = Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64])
    assert program.execute_async() == EGE
    assert sentence in last_message(acl)
    acl.synchronize()
    assert acl.read(program.output_memory[0], 48) == bytes(48)
    assert program.execute() == 0
    assert np.array_equal(output(program, numbers(4, 3)), double(numbers(4, 3)))
    register(acl, function=double, inputs=[VARIES], outputs=[VARIED], infer=infer, gears=GearSpec(batch=[4]))
    assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == EPARAM
    assert sentence in last_message(acl)


def test_others_go_on_while_shapes_are_inferred(acl: Acl) -> None:
    """While `infer` runs, another thread's calls are not held up, and so `infer` may wait for them."""

    def elsewhere() -> int:
        acl.ok(acl.aclrtSetDevice(0))
        return acl.device()

    def infer(shapes: Any) -> Any:
        seen.append(Background(elsewhere).result())
        return [(shapes[0][0], 3)]

    seen: list[int] = []
    path = register(acl, function=double, inputs=[VARIES], outputs=[VARIED], infer=infer)
    program = Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64])
    assert program.execute_async() == 0
    assert seen == [0]


def test_gears_without_infer_are_measured(acl: Acl) -> None:
    """The outputs of a function with gears are told by calling it once with zeros for each gear."""
    seen: list[tuple[int, ...]] = []

    def note(x: Array) -> Array:
        seen.append(x.shape)
        assert len(seen) > 2 or not x.any()
        return double(x)

    path = register(acl, function=note, inputs=[VARIES], outputs=[VARIED], gears=GearSpec(batch=[2, 5]))
    number = load_path(acl, path)
    assert seen == [(2, 3), (5, 3)]
    program = Program(acl, b"", number)
    assert program.output_sizes == [60]
    feed(program, numbers(2, 3))
    acl.ok(acl.aclmdlSetDynamicBatchSize(number, program.inputs, 1, 2))
    assert program.execute() == 0
    assert seen == [(2, 3), (5, 3), (2, 3)]
    assert np.array_equal(output(program, numbers(2, 3)), double(numbers(2, 3)))


def test_a_function_that_fails_when_it_is_measured(acl: Acl) -> None:
    """A function with gears that fails for zeros, without `infer`, is a broken model: 145000 at load."""
    path = register(acl, function=raising, inputs=[VARIES], outputs=[VARIED], gears=GearSpec(batch=[2]))
    assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == EPARAM
    assert "of all things" in last_message(acl)


def test_what_a_queued_execution_reads(acl: Acl) -> None:
    """Of a model with gears the gear buffer is among the addresses that the task reads, as far as numbers can lie there."""
    program, stream = Program(acl, b"", load_path(acl, register(acl, **MODELS["gears"]))), acl.stream()
    memory = give_room(program, 100)
    assert program.execute_async(stream) == 0
    task = stream_of(acl, stream).queue[0]
    assert task.reads == ((acl.address(program.input_memory[0]), 48), (acl.address(memory), 8))
    assert task.writes == ((acl.address(program.output_memory[0]), 32),)


def test_a_result_that_is_not_the_gear_s(acl: Acl) -> None:
    """In a gear the outputs have the shapes that were told; others fail the execution."""
    path = register(
        acl,
        function=lambda x: x[:1],
        inputs=[VARIES],
        outputs=[VARIED],
        infer=lambda shapes: shapes,
        gears=GearSpec(batch=[2]),
    )
    program = Program(acl, b"", load_path(acl, path))
    acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 2))
    assert program.execute() == EFAILED
    assert "in this gear it has (2, 3)" in last_message(acl)

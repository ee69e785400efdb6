"""Models that a program registers by name: `backend.register_model` and the path `sim://name`."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aclsim.backend import SimulatorBackend
from aclsim.models.python_model import GearSpec, TensorSpec

from aclcffi.errors import BackendError
from tests.aclsim.machine import stream_of
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    EPARAM,
    EPATH,
    Array,
    Program,
    add,
    described,
    external,
    file_config,
    last_message,
    memory_config,
    sizes,
    started,
    timeout_config,
    work_config,
)
from tests.contract.sync import event, milliseconds, record
from tests.contract.varying import (
    EFAILED,
    UNKNOWN,
    Dynamic,
    feed,
    give_room,
    linear,
    load_path,
    numbers,
    output,
    reference,
    register,
    shape_of,
)

X = TensorSpec("x", (2, 3))
Y = TensorSpec("y", (2, 3))
VARIES = TensorSpec("x", (-1, 3))
VARIED = TensorSpec("y", (-1, 3))


@pytest.fixture
def acl(open_acl: OpenAcl) -> Acl:
    """An initialised machine."""
    return started(open_acl, "generic")


def double(x: Array) -> Array:
    """Twice the input."""
    return x + x


def anything(**_: Array) -> Array:
    """A function that is never called."""
    raise AssertionError


def doubler(acl: Acl, **options: Any) -> Program:
    """A program with the function `double`, fed."""
    path = register(acl, "double", **{"function": double, "inputs": [X], "outputs": [Y], **options})
    program = Program(acl, b"", load_path(acl, path))
    feed(program, numbers(2, 3))
    return program


def backend_of(acl: Acl) -> SimulatorBackend:
    """The backend of a machine."""
    assert isinstance(acl.backend, SimulatorBackend)
    return acl.backend


# -- names -----------------------------------------------------------------------------------------------------------


def test_the_path(acl: Acl) -> None:
    """register_model returns the path that loaders take."""
    path = backend_of(acl).register_model("a name, with spaces and ü", function=double, inputs=[X], outputs=[Y])
    assert path == "sim://a name, with spaces and ü"
    program = Program(acl, b"", load_path(acl, path.encode()))
    feed(program, numbers(2, 3))
    assert program.execute() == 0
    assert np.array_equal(output(program, numbers(2, 3)), double(numbers(2, 3)))


def test_every_loader_takes_the_name(acl: Acl) -> None:
    """The path stands for a file, and its characters for a model in memory, for loaders, size queries and descriptions."""
    path = register(acl, "double", function=double, inputs=[X], outputs=[Y])
    place = acl.out("uint32_t")
    work, weight = acl.out("size_t"), acl.out("size_t")
    size = len(path)
    calls: list[Callable[[], int]] = [
        lambda: acl.aclmdlLoadFromFile(path, place),
        lambda: acl.aclmdlLoadFromFileWithMem(path, place, NULL, 0, NULL, 0),
        lambda: acl.aclmdlLoadFromMem(path, size, place),
        lambda: acl.aclmdlLoadFromMemWithMem(path, size, place, NULL, 0, NULL, 0),
    ]
    for number, call in enumerate(calls, 1):
        assert call() == 0
        assert place[0] == number
    for config in (file_config(acl, path), memory_config(acl, path)):
        assert config.load() == 0
        assert sizes(acl, described(acl, int(config.id[0]))) == ([24], [24])
    for call in (
        lambda: acl.aclmdlQuerySize(path, work, weight),
        lambda: acl.aclmdlQuerySizeFromMem(path, size, work, weight),
    ):
        work[0] = weight[0] = 9
        assert call() == 0
        assert (work[0], weight[0]) == (512, 0)
    describers: list[Callable[[Any], int]] = [
        lambda desc: acl.aclmdlGetDescFromFile(desc, path),
        lambda desc: acl.aclmdlGetDescFromMem(desc, path, size),
    ]
    for describe in describers:
        desc = acl.aclmdlCreateDesc()
        assert describe(desc) == 0
        assert sizes(acl, desc) == ([24], [24])


def test_the_small_library_takes_the_name(open_acl: OpenAcl) -> None:
    """On IPV350 models with fixed shapes are loaded by a config handle and run as others do."""
    acl = started(open_acl, "IPV350")
    path = register(acl, "double", function=double, inputs=[X], outputs=[Y])
    for config in (file_config(acl, path), memory_config(acl, path)):
        assert config.load() == 0
    program = Program(acl, b"", int(config.id[0]))
    feed(program, numbers(2, 3))
    stream = acl.out("aclrtStream")
    acl.ok(acl.aclrtCreateStreamV2(stream, acl.aclrtCreateStreamConfigHandle()))
    assert program.execute_v2(stream[0], work_config(acl)) == 0
    assert np.array_equal(output(program, numbers(2, 3)), double(numbers(2, 3)))


def test_unknown_names(acl: Acl) -> None:
    """As a path an unknown name is 145002, as a missing file is, and the names that there are are told; in memory 100000."""
    place, desc = acl.out("uint32_t"), acl.aclmdlCreateDesc()
    assert acl.aclmdlLoadFromFile(b"sim://unknown", place) == EPATH
    assert "no model is registered as 'sim://unknown'; there are: none" in last_message(acl)
    register(acl, "one", function=double, inputs=[X], outputs=[Y])
    register(acl, "two", function=double, inputs=[X], outputs=[Y])
    for path in (b"sim://unknown", b"sim://", b"sim://one/", b"sim://ONE"):
        assert acl.aclmdlLoadFromFile(path, place) == EPATH
        assert "there are: sim://one, sim://two" in last_message(acl)
        assert acl.aclmdlGetDescFromFile(desc, path) == EPATH
        assert file_config(acl, path).load() == EPATH
        assert acl.aclmdlLoadFromMem(path, len(path), place) == EINVAL


def test_names_belong_to_one_machine(acl: Acl, open_acl: OpenAcl) -> None:
    """What is registered with one machine is unknown to another one, before and after it was loaded."""
    other, place = started(open_acl, "generic"), acl.out("uint32_t")
    path = register(acl, "double", function=double, inputs=[X], outputs=[Y])
    assert other.aclmdlLoadFromFile(path, place) == EPATH
    assert acl.aclmdlLoadFromFile(path, place) == 0
    assert other.aclmdlLoadFromFile(path, place) == EPATH
    assert other.aclmdlUnload(place[0]) == EMODELID


def test_registering_again(acl: Acl) -> None:
    """A name that is registered again stands for the new model; what was loaded before is what it was."""
    before = doubler(acl)
    after = doubler(acl, function=lambda x: x - 1)
    for program, wanted in ((before, double(numbers(2, 3))), (after, numbers(2, 3) - 1)):
        assert program.execute() == 0
        assert np.array_equal(output(program, wanted), wanted)


# -- registrations that make no sense --------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": ""}, "has a name"),
    "a NUL in the name": ({"name": "a\0b"}, "has a name"),
    "no function": ({"function": None}, "either a function or an ONNX file"),
    "both": ({"onnx": b"bytes"}, "either a function or an ONNX file"),
    "no outputs": ({"outputs": []}, "has outputs"),
    "ONNX and inputs": ({"function": None, "onnx": b"bytes"}, "its own inputs and outputs"),
    "no such file": ({"function": None, "onnx": "/no/file.onnx", "inputs": [], "outputs": []}, "/no/file.onnx"),
    "two inputs of one name": ({"inputs": [X, X]}, "a name of its own"),
    "two outputs of one name": ({"outputs": [Y, Y]}, "a name of its own"),
    "an input without a name": ({"inputs": [TensorSpec("", (1,))]}, "a name of its own"),
    "an unknown dtype": ({"inputs": [TensorSpec("x", (1,), "no dtype")]}, "'x'"),
    "a dtype that ACL lacks": ({"inputs": [TensorSpec("x", (1,), "datetime64[s]")]}, "'x'"),
    "a dim below -1": ({"inputs": [TensorSpec("x", (-2,))]}, "(-2,)"),
    "a dim that is no number": ({"inputs": [TensorSpec("x", (1.5,))]}, "'x'"),  # type: ignore[arg-type]
    "another rank of the bounds": ({"inputs": [TensorSpec("x", (-1,), max_shape=(1, 2))]}, "max_shape"),
    "a bound of a fixed dim": ({"inputs": [TensorSpec("x", (3,), max_shape=(4,))]}, "max_shape"),
    "a tensor that is too large": ({"inputs": [TensorSpec("x", (1 << 40, 1 << 40))]}, "address space"),
    "no gears": ({"gears": GearSpec()}, "give one of them"),
    "two kinds of gears": ({"inputs": [VARIES], "gears": GearSpec(batch=[1], dims=[(1,)])}, "give one of them"),
    "gears of 0": ({"inputs": [VARIES], "gears": GearSpec(batch=[1, 0])}, "positive"),
    "gears of more than 32 bits": ({"inputs": [VARIES], "gears": GearSpec(batch=[1 << 31])}, "32 bits"),
    "gears of different lengths": ({"inputs": [VARIES], "gears": GearSpec(dims=[(1,), (1, 2)])}, "as many"),
    "gears of fixed dims": ({"gears": GearSpec(batch=[1])}, "dims that vary"),
    "too few numbers": ({"inputs": [TensorSpec("x", (-1, -1))], "gears": GearSpec(dims=[(1,)])}, "1 of dims"),
    "too many numbers": ({"inputs": [VARIES], "gears": GearSpec(dims=[(1, 2)])}, "2 of dims"),
    "two batches": ({"inputs": [TensorSpec("x", (-1, -1))], "gears": GearSpec(batch=[1])}, "1 of batch"),
    "half an image": ({"inputs": [VARIES], "gears": GearSpec(hw=[(1, 2)])}, "2 of hw"),
    "a negative duration": ({"duration_us": -1}, "duration_us is -1"),
    "a duration that never ends": ({"duration_us": math.inf}, "duration_us is inf"),
    "a duration that is none": ({"duration_us": math.nan}, "duration_us is nan"),
    "a negative code": ({"failure": -1}, "failure is -1"),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_wrong_registrations(acl: Acl, options: dict[str, Any], sentence: str) -> None:
    """What makes no sense is a BackendError that says why, at once, and nothing is registered."""
    given: dict[str, Any] = {"name": "model", "function": anything, "inputs": [X], "outputs": [Y], **options}
    with pytest.raises(BackendError) as caught:
        backend_of(acl).register_model(**given)
    assert sentence in str(caught.value)
    assert acl.aclmdlLoadFromFile(b"sim://model", acl.out("uint32_t")) == EPATH
    assert "there are: none" in last_message(acl)


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


def raising(**_: Array) -> Array:
    """Raise something."""
    raise ZeroDivisionError("of all things")


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


# -- ONNX files ------------------------------------------------------------------------------------------------------


def test_onnx_files(acl: Acl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ONNX file is taken as bytes, as a path, also a relative one from where it was registered, and with its weights."""
    (tmp_path / "model.onnx").write_bytes(add())
    monkeypatch.chdir(tmp_path)
    names = [
        register(acl, str(index), onnx=onnx)
        for index, onnx in enumerate((add(), tmp_path / "model.onnx", str(tmp_path / "model.onnx"), "model.onnx"))
    ]
    monkeypatch.chdir("/")
    for path in names:
        program = Program(acl, b"", load_path(acl, path))
        program.feed([1, 2, 3, 4], [10, 20, 30, 40])
        assert program.execute() == 0
        assert program.result() == [11, 22, 33, 44]
    (tmp_path / "with_weights.onnx").write_bytes(external(count=2))
    (tmp_path / "weights.bin").write_bytes(np.array([5, 6], np.float32).tobytes())
    program = Program(acl, b"", load_path(acl, register(acl, onnx=tmp_path / "with_weights.onnx")))
    program.feed([1, 1])
    assert program.execute() == 0
    assert program.result() == [6, 7]


def test_onnx_files_that_are_wrong(acl: Acl, tmp_path: Path) -> None:
    """Bytes that are no model, and a file that went away, are refused at load."""
    place = acl.out("uint32_t")
    assert acl.aclmdlLoadFromFile(register(acl, onnx=b"no model at all"), place) == 145006
    file = tmp_path / "model.onnx"
    file.write_bytes(add())
    path = register(acl, onnx=file)
    file.unlink()
    assert acl.aclmdlLoadFromFile(path, place) == EPARAM
    assert "cannot be read" in last_message(acl)


def test_an_onnx_file_without_gears(acl: Acl) -> None:
    """A registered ONNX file with symbolic dims and no gears is a dynamic-shape model."""
    values = numbers(4, 3)
    wanted = reference(linear(), x=values)[0]
    program = Dynamic(acl, load_path(acl, register(acl, onnx=linear())), [values], [64])
    assert program.id == 1 << 31
    assert program.execute() == 0
    assert np.array_equal(output(program, wanted), wanted)


# -- duration and failure --------------------------------------------------------------------------------------------


def elapsed(acl: Acl, program: Program) -> float:
    """Milliseconds of virtual time that an execution takes, by events around it."""
    start, end, stream = event(acl), event(acl), acl.stream()
    record(acl, start, stream)
    assert program.execute_async(stream) == 0
    record(acl, end, stream)
    acl.synchronize(stream)
    return milliseconds(acl, start, end)


MODELS: dict[str, dict[str, Any]] = {
    "function": {"function": double, "inputs": [X], "outputs": [Y]},
    "onnx": {"onnx": add()},
    "gears": {"onnx": linear(), "gears": GearSpec(batch=[4])},
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_durations(acl: Acl, model: dict[str, Any]) -> None:
    """An execution takes as long in virtual time as it was registered to, up to what the records take themselves."""
    programs = {
        duration: Program(acl, b"", load_path(acl, register(acl, duration_us=duration, **model)))
        for duration in (0, 2500, 1e6)
    }
    if "gears" in model:
        for program in programs.values():
            acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 4))
    least = elapsed(acl, programs[0])
    assert least < 0.1
    assert elapsed(acl, programs[2500]) - least == pytest.approx(2.5, abs=1e-3)
    assert elapsed(acl, programs[1e6]) - least == pytest.approx(1000, abs=1e-2)


def test_the_duration_of_a_dynamic_shape_model(acl: Acl) -> None:
    """Dynamic-shape models take the time that they were registered with, too."""
    path = register(acl, function=double, inputs=[VARIES], outputs=[VARIED], duration_us=7000)
    program = Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64])
    assert elapsed(acl, program) == pytest.approx(7, abs=0.1)


def test_without_a_duration_the_cost_model_tells(acl: Acl) -> None:
    """Without one it is a launch, and longer for more bytes."""
    specs = {count: (TensorSpec("x", (count,)), TensorSpec("y", (count,))) for count in (1, 1 << 22)}
    times = []
    for count, (given, out) in specs.items():
        path = register(acl, str(count), function=double, inputs=[given], outputs=[out])
        times.append(elapsed(acl, Program(acl, b"", load_path(acl, path))))
    assert 0 < times[0] < times[1]


def test_a_duration_against_a_timeout(acl: Acl) -> None:
    """A timeout is compared with the registered duration: what takes 5 ms is over in 6, and not in 4."""
    program = doubler(acl, duration_us=5000)
    assert program.execute_v2(NULL, timeout_config(acl, 6)) == 0
    assert program.execute_v2(NULL, timeout_config(acl, 4)) == 507046


@pytest.mark.parametrize("code", [507015, 507011, 507053])
@pytest.mark.parametrize("dynamic", [False, True])
def test_failures(acl: Acl, code: int, dynamic: bool) -> None:
    """Every execution of a model with a failure code fails with it, at once or at synchronise, and computes nothing."""
    if dynamic:
        path = register(acl, function=anything, inputs=[VARIES], outputs=[VARIED], failure=code)
        sync, queued = (Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64]) for _ in range(2))
    else:
        sync, queued = (doubler(acl, function=anything, failure=code) for _ in range(2))  # type: ignore[assignment]
    for _ in range(2):
        assert sync.execute() == code
        assert "was registered to fail" in last_message(acl)
        assert queued.execute_async() == 0
        assert acl.aclrtSynchronizeStream(NULL) == code
    assert acl.read(sync.output_memory[0], 24) == bytes(24)


def test_a_failure_of_an_onnx_model_with_gears(acl: Acl) -> None:
    """An ONNX file with gears takes a failure code as a function does."""
    path = register(acl, onnx=linear(), gears=GearSpec(batch=[4]), failure=507015)
    program = Program(acl, b"", load_path(acl, path))
    acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 4))
    assert program.execute() == 507015
    program.id = UNKNOWN
    assert program.execute() == EMODELID

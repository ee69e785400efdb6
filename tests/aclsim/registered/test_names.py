"""Models that a program registers by name: `backend.register_model` and the path `sim://name`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.backend import SimulatorBackend

from aclcffi.errors import BackendError
from tests.aclsim.python_models import VARIES, X, Y, double, doubler
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EINVAL,
    EMODELID,
    EPATH,
    Program,
    described,
    file_config,
    last_message,
    memory_config,
    sizes,
    started,
    work_config,
)
from tests.contract.varying import anything, feed, load_path, numbers, output, register


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
    "a code that is none": ({"failure": "x"}, "'str'"),
    "a duration in words": ({"duration_us": "1"}, "'str'"),
    "one gear": ({"inputs": [VARIES], "gears": GearSpec(batch=5)}, "iterable"),  # type: ignore[arg-type]
    "half a gear": ({"inputs": [VARIES], "gears": GearSpec(batch=[1.5])}, "integer"),  # type: ignore[list-item]
    "an endless gear": ({"inputs": [VARIES], "gears": GearSpec(batch=[math.inf])}, "integer"),  # type: ignore[list-item]
    "inputs by name": ({"inputs": ["x"]}, "'str'"),
    "shapes without names": (
        {"function": None, "inputs": [], "outputs": [], "onnx": b"", "input_shapes": [1]},
        "sequence",
    ),
    "a bound below -1": ({"inputs": [TensorSpec("x", (-1,), max_shape=(-5,))]}, "max_shape (-5,)"),
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

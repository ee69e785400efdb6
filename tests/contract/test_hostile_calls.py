"""Any calls of the model half with any arguments: a code of the contract and a sentence, never an exception or a crash.

What only the caller can answer for, as in C, is left out: arrays shorter than their count says, and addresses that are
nobody's. Everything else goes together as it comes.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aclsim import GearSpec, TensorSpec
from aclsim.api import modelled
from aclsim.core.codes import NAMES
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from build_acl import Function
from tests.aclsim.machine import world_of
from tests.contract import models
from tests.contract.acl import BACKEND, NULL, Acl
from tests.contract.bad_input import bounds
from tests.contract.good_input import FUNCTIONS, HANDLES, Bench, bare_type, handle_kind, type_of
from tests.contract.models import Program, is_small
from tests.contract.varying import load_path, register

ffi = aclcffi.ffi

CALLED = sorted(name for name in modelled() if re.match("aclmdl|acl.*(DataBuffer|TensorDesc)|aclSetTensor", name))
"""What is called: all that is modelled of acl_mdl.h and acl_base_mdl.h."""

ROOM = 16
"""Elements of every array that is passed, and what a count of elements is at most."""

COUNTS = ("numDims", "dimsCount", "valueCount", "length", "gearCount")
NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127, 128, 129, 255, 256, 1 << 31, 1 << 32, 1 << 63)
"""Numbers at whose neighbours things change."""


class Pool:
    """A machine with handles, memory and texts of every kind, good and bad, to be drawn from."""

    def __init__(self, acl: Acl, path: bytes) -> None:
        self.bench = Bench(acl, path)
        acl.ok(acl.aclrtSetDevice(0))
        self.acl = acl
        self.ids = [models.load(acl, models.weighted()), 0, 7, 0xFFFFFFFF]
        if not is_small(acl):
            self.ids += [varying(acl), models.load(acl, models.identity(["n", 4]))]
        freed = acl.malloc(64)
        acl.ok(acl.aclrtFree(freed))
        device = acl.malloc(256)
        self.text = pinned(acl, 64, b"none.onnx")
        self.memory = [
            NULL,
            device,
            acl.offset(device, 255),
            acl.offset(device, 1 << 40),
            freed,
            pinned(acl, 512, models.weighted()),
            self.text,
        ]
        self.handles: dict[str, list[Any]] = {}

    def of_kind(self, kind: str) -> list[Any]:
        """Handles that could be given for one of a kind."""
        if kind not in self.handles:
            wrong, null = ffi.cast(kind, self.acl.current_context()), ffi.cast(kind, 0)
            if kind == "aclrtStream" and is_small(self.acl):
                stream, dead = models.config_stream(self.acl), models.config_stream(self.acl)
                self.acl.ok(self.acl.aclrtDestroyStream(dead))
                self.handles[kind] = [stream, dead, wrong, null]
                return self.handles[kind]
            self.handles[kind] = [self.bench.handle(kind), self.bench.dead(kind), wrong, null]
        return self.handles[kind]


def pinned(acl: Acl, size: int, content: bytes) -> Any:
    """Host memory that the machine knows the end of; the small library has no function that gives it."""
    pointer = ffi.cast("void *", world_of(acl).memory.allocate_host(size).address)
    ffi.memmove(pointer, content, len(content))
    return pointer


def varying(acl: Acl) -> int:
    """A loaded model with gears; its path is sim://x."""
    specs = [TensorSpec("x", (-1, 4))], [TensorSpec("y", (-1, 4))]
    path = register(acl, "x", function=lambda x: x, inputs=specs[0], outputs=specs[1], gears=GearSpec(batch=[1, 4]))
    return load_path(acl, path)


def argument(data: st.DataObject, pool: Pool, function: Function, index: int) -> Any:
    """Something that C lets pass."""
    parameter, c_type = function.parameters[index], type_of(function, index)
    kind, name = handle_kind(parameter), parameter.name
    if kind is not None and kind in HANDLES:
        live = pool.of_kind(kind)
        return live[0] if data.draw(st.integers(0, 3)) else data.draw(st.sampled_from(live))
    if name == "modelId" and c_type.kind != "pointer":
        return data.draw(st.sampled_from(pool.ids))
    if c_type.kind == "pointer":
        return pointer(data, pool, c_type, bare_type(parameter))
    return number(data, c_type, most=ROOM if name in COUNTS else None)


def pointer(data: st.DataObject, pool: Pool, c_type: Any, declared: str) -> Any:
    """NULL, memory of the device, or host memory with something in it."""
    if c_type.item.kind == "void":
        if data.draw(st.booleans()):  # what the setters of options read: a number, or a pointer to a text
            address = pool.acl.address(pool.text)
            content = (data.draw(st.sampled_from([0, 1, 2, 5, 64, address]))).to_bytes(8, "little") * 8
            place = pinned(pool.acl, 64, content)
            return ffi.cast(c_type, place)
        return ffi.cast(c_type, data.draw(st.sampled_from(pool.memory)))
    way = data.draw(st.integers(0, 5))
    if way == 0:
        return ffi.cast(c_type, 0)
    if way == 1:
        return ffi.cast(c_type, pool.memory[1])
    if declared == "char *":
        texts = [b"", b"x", b"y", b"none.onnx", b"a" * 127, b"a" * 128, b"\xff\n\x1b", b"sim://x", pool.bench.path]
        return pool.bench.text(data.draw(st.sampled_from(texts)))
    made = pool.bench.keep(ffi.new(ffi.getctype(c_type.item, f"[{ROOM}]")))
    content = data.draw(st.binary(max_size=32))
    ffi.memmove(made, content, min(len(content), ffi.sizeof(made)))
    return ffi.cast(c_type, made)


def number(data: st.DataObject, c_type: Any, most: int | None) -> Any:
    """A number that the type holds, likely one at whose neighbours things change."""
    if c_type.kind == "enum":
        return data.draw(st.sampled_from([*c_type.elements, max(c_type.elements) + 1]))
    low, high = bounds(c_type)
    high = high if most is None else min(high, most)
    near = st.sampled_from(NUMBERS).flatmap(lambda value: st.sampled_from([value, -value, value - 1]))
    drawn: int = data.draw(near | st.integers(low, high) | st.just(high))
    return min(max(drawn, low), high)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The path of a model file."""
    file: Path = tmp_path_factory.mktemp("models") / "m.onnx"
    file.write_bytes(models.weighted())
    return str(file).encode()


def check(acl: Acl, name: str, arguments: list[Any]) -> None:
    """Call, and assert that what comes back is a code that there is, with a sentence where it is no success."""
    acl.message()
    result = getattr(acl, name)(*arguments)
    lines = acl.message().split("\n")
    assert all(line.isprintable() for line in lines)
    if FUNCTIONS[name].returns == "aclError":
        assert result == 0 or result in NAMES
        assert bool(lines[0]) == bool(result)


def sequence(data: st.DataObject, pool: Pool, names: list[str]) -> None:
    """Make some calls, one after the other, on the same handles."""
    for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=10)):
        function = FUNCTIONS[name]
        arguments = [argument(data, pool, function, index) for index in range(len(function.parameters))]
        check(pool.acl, name, arguments)


def assert_sound(acl: Acl) -> None:
    """Assert that memory is counted right, and that the machine computes."""
    world = world_of(acl)
    live = [each for each in world.memory._by_pointer.values() if each.device is not None]
    assert sum(each.extent for each in live) == sum(world.memory.used)
    if not is_small(acl):
        acl.aclrtSynchronizeDevice()
    acl.message()
    program = Program(acl, models.weighted())
    program.feed([1, 1, 1, 1])
    if is_small(acl):
        acl.ok(program.execute_v2(models.config_stream(acl), models.work_config(acl)))
    else:
        acl.ok(program.execute())
    assert program.result() == [2, 3, 4, 5]


@pytest.mark.parametrize("product", ["generic", "310P", "IPV350"])
@given(data=st.data())
def test_any_calls(path: bytes, product: str, data: st.DataObject) -> None:
    """Up to ten calls in a row with whatever arguments leave a machine that works."""
    with aclcffi.open_backend(BACKEND, product=product) as backend:
        pool = Pool(Acl(backend), path)
        sequence(data, pool, [name for name in CALLED if backend.supports(name)])
        assert_sound(pool.acl)


@pytest.mark.parametrize("name", CALLED)
def test_each_function(path: bytes, name: str) -> None:
    """Each function by itself, many times on one machine, with whatever arguments."""
    with aclcffi.open_backend(BACKEND) as backend:
        pool = Pool(Acl(backend), path)
        function = FUNCTIONS[name]

        @given(st.data())
        def calls(data: st.DataObject) -> None:
            arguments = [argument(data, pool, function, index) for index in range(len(function.parameters))]
            check(pool.acl, name, arguments)

        run: Callable[[], None] = calls
        run()
        assert_sound(pool.acl)

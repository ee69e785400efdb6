"""Bad arguments, one at a time, for every function that the simulator models."""

from collections.abc import Iterator
from typing import Any

import pytest
from aclsim.api import modelled

import aclcffi
from tests.aclsim.machine import world_of
from tests.contract import models
from tests.contract.acl import BACKEND, Acl
from tests.contract.bad_input import (
    ANSWERS,
    CHANGES,
    OK,
    QUIET,
    SKIPPED,
    WORDS,
    Case,
    answer,
    bad_value,
    bounds,
    cases,
    fits,
    lookup,
    nothing,
)
from tests.contract.good_input import FUNCTIONS, REFUSED, Bench, type_of
from tests.contract.machine_state import state_of

ffi, lib = aclcffi.ffi, aclcffi.lib
NAMES = sorted(modelled())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The path of a model file."""
    file = tmp_path_factory.mktemp("models") / "model.onnx"
    file.write_bytes(models.weighted())
    return str(file).encode()


@pytest.fixture(scope="module")
def other(path: bytes) -> Iterator[Bench]:
    """A bench of another machine."""
    with aclcffi.open_backend(BACKEND, devices=2) as backend:
        yield Bench(Acl(backend), path)


def plain(value: Any) -> object:
    """An answer that can be compared: of a C string the bytes."""
    is_text = isinstance(value, ffi.CData) and ffi.typeof(value).cname in ("char *", "char[]") and value
    return ffi.string(value) if is_text else value


def is_code(name: str) -> bool:
    """Whether a function answers a code."""
    return bool(FUNCTIONS[name].returns == "aclError")


def call(acl: Acl, name: str, arguments: list[Any]) -> tuple[object, str]:
    """The answer of a call and what it said."""
    acl.message()
    result = plain(getattr(acl, name)(*arguments))
    return result, acl.message()


def complaints(acl: Acl, bench: Bench, case: Case, value: Any) -> Iterator[str]:
    """What is wrong with how a machine takes a bad argument."""
    name, expected = case.function, answer(case)
    good = bench.arguments(FUNCTIONS[name])
    arguments = [*good[: case.place], value, *good[case.place + 1 :]]
    before = state_of(world_of(bench.acl))
    result, message = call(acl, name, arguments)
    after = state_of(world_of(bench.acl))
    if expected == OK:
        usual = REFUSED.get(name, 0)
        if (is_code(name) and result != usual) or (message and not usual):
            yield f"answers {result} instead of {usual}: {message}"
        return
    if result != (expected if is_code(name) else nothing(FUNCTIONS[name])):
        yield f"answers {result} instead of {expected}: {message}"
    changed = sorted(where for where in {*before, *after} if before.get(where) != after.get(where))
    known = lookup(CHANGES, f"{name} {case.label}") or ()
    if any(not where.startswith(tuple(known)) for where in changed):
        yield f"is refused and changes {', '.join(changed)}"
    result, said = call(acl, name, good)
    if is_code(name) and result != REFUSED.get(name, 0):
        yield f"is refused, and a good call after it answers {result}: {said}"
    if not message:
        if lookup(dict.fromkeys(QUIET, True), f"{name} {case.label}") is None:
            yield "is refused without a sentence"
        return
    if not message.startswith(f"{name}: ") or f"[{expected} " not in message:
        yield f"does not name function and code: {message}"
    word = lookup(WORDS, f"{name} {case.label}") or case.parameter.name
    if word not in message.partition(": ")[2]:
        yield f"does not say {word!r}: {message}"


def tried(name: str) -> list[Case]:
    """The cases of a function, without those that only the caller can answer for."""
    return [
        case for case in cases(FUNCTIONS[name]) if not any(fits(f"{name} {case.label}", pattern) for pattern in SKIPPED)
    ]


@pytest.mark.parametrize("name", NAMES)
class TestEveryFunction:
    """All functions that are modelled, with good and with bad arguments."""

    def test_good_arguments(self, name: str, path: bytes) -> None:
        """What the bad arguments are tried in place of is good: the call succeeds without a word, but for a few."""
        with aclcffi.open_backend(BACKEND, devices=2) as backend:
            bench = Bench(Acl(backend), path)
            result, message = call(bench.acl, name, bench.arguments(FUNCTIONS[name]))
        usual = REFUSED.get(name, 0)
        assert not is_code(name) or result == usual
        assert bool(message) == bool(usual)

    def test_bad_arguments(self, name: str, path: bytes, other: Bench) -> None:
        """Each bad argument has the contract's code and a sentence; a refused call changes nothing, and a good one follows."""
        problems = []
        for case in tried(name):
            with aclcffi.open_backend(BACKEND, devices=2) as backend:
                bench = Bench(Acl(backend), path)
                value = bad_value(case, bench, other)
                problems += [f"{case.label}: {text}" for text in complaints(bench.acl, bench, case, value)]
        assert problems == []

    def test_what_c_cannot_hold(self, name: str, path: bytes) -> None:
        """None, a text for a number and a number that is too large are TypeError and OverflowError, before any check."""
        function = FUNCTIONS[name]
        with aclcffi.open_backend(BACKEND, devices=2) as backend:
            bench = Bench(Acl(backend), path)
            good = bench.arguments(function)
            before = state_of(world_of(bench.acl))
            for index in range(len(good)):
                c_type = type_of(function, index)
                impossible: list[tuple[Any, type[Exception]]] = [(None, TypeError), (object(), TypeError)]
                if c_type.kind in ("primitive", "enum") and c_type.cname not in ("float", "double"):
                    low, high = bounds(c_type)
                    impossible += [(low - 1, OverflowError), (high + 1, OverflowError), ("1", TypeError)]
                for value, error in impossible:
                    with pytest.raises(error):
                        getattr(bench.acl, name)(*good[:index], value, *good[index + 1 :])
            with pytest.raises(TypeError):
                getattr(bench.acl, name)(*good, 0)
            assert state_of(world_of(bench.acl)) == before
            assert bench.acl.message() == ""


TABLES = {
    "answers": ANSWERS,
    "changes": CHANGES,
    "words": WORDS,
    "skipped": dict.fromkeys(SKIPPED),
    "quiet": dict.fromkeys(QUIET),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_exception_is_needed(table: dict[str, object]) -> None:
    """Each line of the tables is the first that fits some case."""
    used = set()
    for name in NAMES:
        for case in cases(FUNCTIONS[name]):
            text = f"{name} {case.label}"
            used.add(next((pattern for pattern in table if fits(text, pattern)), None))
    assert set(table) - used == set()


class Careless(Acl):
    """A machine with a function that does not look at its arguments."""

    def aclrtFree(self, _: Any) -> int:
        """Say that it succeeded."""
        return 0

    def aclrtSetDevice(self, number: int) -> int:
        """Count a device, and then refuse it."""
        world_of(self).devices[0].set_count += 1
        return self.backend.aclrtSetDevice(number)

    def aclrtGetDeviceCount(self, _: Any) -> int:
        """Refuse without a sentence."""
        return 100000


@pytest.mark.parametrize(
    ("name", "way", "words"),
    [
        ("aclrtFree", "NULL", "answers 0 instead of 100000"),
        ("aclrtSetDevice", "most", ".set_count"),
        ("aclrtGetDeviceCount", "NULL", "without a sentence"),
    ],
)
def test_carelessness_is_seen(path: bytes, other: Bench, name: str, way: str, words: str) -> None:
    """A machine that takes a bad argument, says nothing, or changes its state is complained of."""
    case = next(case for case in tried(name) if case.way == way)
    with aclcffi.open_backend(BACKEND, devices=2) as backend:
        bench = Bench(Acl(backend), path)
        found = list(complaints(Careless(backend), bench, case, bad_value(case, bench, other)))
        assert any(words in text for text in found)
        assert list(complaints(bench.acl, bench, case, bad_value(case, bench, other))) == []

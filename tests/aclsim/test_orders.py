"""Programs that order their streams with events, notifies and values: what schedules may do with them, and what not."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aclsim.programs import SIZES, WAYS, Program, Run, play

STREAMS, BLOCKS = 3, 5
LAZY: dict[str, Any] = {"schedule": "lazy"}
EAGER: dict[str, Any] = {"schedule": "eager"}

numbers = st.integers(0, 7)
streams = st.integers(0, STREAMS - 1)
blocks = st.integers(0, BLOCKS - 1)
copies = st.tuples(st.just("copy"), streams, blocks, blocks, st.sampled_from(SIZES), st.sampled_from(WAYS), numbers)
synchronisations = st.tuples(st.just("wait"), streams, streams, st.sampled_from(WAYS), numbers)


def schedules(seeds: list[int]) -> list[dict[str, Any]]:
    """The schedules that decide for themselves, and the random one with some seeds."""
    return [LAZY, EAGER, *({"schedule": "random", "seed": seed} for seed in seeds)]


@st.composite
def any_programs(draw: st.DrawFn) -> Program:
    """Copies and synchronisations in no relation to each other."""
    program = Program(STREAMS, BLOCKS)
    for step in draw(st.lists(st.one_of(copies, synchronisations), min_size=10, max_size=30)):
        if step[0] == "copy":
            program.copy(*step[1:5])
        else:
            program.synchronise(*step[1:])
    return program


@st.composite
def ordered_programs(draw: st.DrawFn) -> Program:
    """Copies, each behind those of other streams that touch the same blocks, and more synchronisations than needed."""
    program = Program(STREAMS, BLOCKS)
    for step in draw(st.lists(st.one_of(copies, copies, copies, synchronisations), min_size=8, max_size=20)):
        if step[0] == "copy":
            program.ordered_copy(*step[1:])
        else:
            program.synchronise(*step[1:])
    return program


def host_waits(program: Program, calls: list[int], wishes: list[tuple[int, int]]) -> dict[int, int]:
    """Those of the wishes (place, stream) that cannot hang: all that the stream needs has been queued there."""
    return {
        place % len(calls): stream
        for place, stream in wishes
        if calls and program.may_synchronise(stream, set(calls[: place % len(calls)]))
    }


def check_order(program: Program, run: Run, calls: list[int], waits: dict[int, int]) -> None:
    """Assert that a run was legal: each task once, none before what it has to follow, memory as the copies left it."""
    assert len(set(run.trace)) == len(run.trace)
    place = {index: number for number, index in enumerate(run.trace)}
    # For some waits nothing is queued: their records are over at the call.
    assert all(index in place or program.ops[index].needs is not None for index in calls)
    for first, second in program.constraints():
        assert first not in place or second not in place or place[first] < place[second]
    for number, stream in waits.items():
        behind = [place[index] for index in calls[number:] if index in place]
        over = [place[index] for index in calls[:number] if program.ops[index].stream == stream and index in place]
        assert max(over, default=-1) < min(behind, default=len(place))
    assert run.memory == program.memory_after(run.trace)


call_orders = st.lists(numbers, max_size=9)
wishes = st.lists(st.tuples(st.integers(0, 40), streams), max_size=2)
two_seeds = st.lists(st.integers(0, 2**32), min_size=2, max_size=2)


@given(any_programs(), call_orders, wishes, two_seeds)
def test_only_legal_orders_at_the_same_times(
    program: Program, priorities: list[int], wished: list[tuple[int, int]], seeds: list[int]
) -> None:
    """Every schedule runs each task behind what it has to follow, and each begins and ends when the model says."""
    calls = program.calls(priorities)
    waits = host_waits(program, calls, wished)
    for options in schedules(seeds):
        run = play(program, options, calls, waits)
        check_order(program, run, calls, waits)
        expected = program.times(calls, waits, run.now)
        assert [each or wanted for each, wanted in zip(run.times, expected, strict=True)] == expected


@given(ordered_programs(), call_orders, wishes, two_seeds)
def test_programs_without_races(
    program: Program, priorities: list[int], wished: list[tuple[int, int]], seeds: list[int]
) -> None:
    """Where everything that touches the same memory is synchronised, every schedule leaves the same memory."""
    calls = program.calls(priorities)
    waits = host_waits(program, calls, wished)
    expected = program.memory_after(range(len(program.ops)))
    for options in schedules(seeds):
        assert play(program, options, calls, waits).memory == expected


def long_program(seed: int) -> tuple[Program, list[int]]:
    """A program of 40 copies that uses every way to synchronise, again and again, and an order to queue it in."""
    numbers = random.Random(seed)
    program = Program(STREAMS, BLOCKS)
    for step in range(40):
        stream, destination, source = (numbers.randrange(bound) for bound in (STREAMS, BLOCKS, BLOCKS))
        size, way = SIZES[numbers.randrange(len(SIZES))], WAYS[step % len(WAYS)]
        program.ordered_copy(stream, destination, source, size, way, numbers.randrange(4))
    return program, program.calls([numbers.randrange(100) for _ in range(200)])


@pytest.mark.parametrize("number", range(2))
def test_200_seeds_leave_the_same_memory(number: int) -> None:
    """A long program without races leaves the same memory under 200 seeds, in many different orders, at the same times."""
    program, calls = long_program(number)
    runs = [play(program, options, calls) for options in schedules(list(range(200)))]
    expected = program.memory_after(range(len(program.ops)))
    times = program.times(calls, {}, runs[0].now)
    for run in runs:
        assert run.memory == expected
        assert [each or wanted for each, wanted in zip(run.times, times, strict=True)] == times
    assert len({tuple(run.trace) for run in runs}) > 150


def waits_for(program: Program) -> list[frozenset[int]]:
    """The synchronisations of a program: for each what its waiting stream does, the wait and (OLD) the reset behind it."""
    found = []
    for index, op in enumerate(program.ops):
        if op.needs is not None:
            parts = {index}
            if index + 1 < len(program.ops) and program.ops[index + 1].is_reset:
                parts.add(index + 1)
            found.append(frozenset(parts))
    return found


def two_copies(way: str, *second: int) -> Program:
    """A copy from block 0 to block 1 in stream 0, and another one behind it in a stream that waits."""
    program = Program(STREAMS, BLOCKS)
    program.copy(0, 1, 0, 1)
    program.synchronise(0, 1, way)
    program.copy(1, *second)
    return program


def read_after_write(way: str) -> Program:
    """What one stream makes the next one takes."""
    return two_copies(way, 2, 1, 1)


def write_after_read(way: str) -> Program:
    """What one stream still has to take another one replaces."""
    return two_copies(way, 0, 2, 1)


def write_after_write(way: str) -> Program:
    """Two streams write to one place."""
    return two_copies(way, 1, 2, 1)


def pipeline(way: str) -> Program:
    """Three items go through three streams by way of two buffers, each of which is used again for the next item."""
    program = Program(STREAMS, 8)
    for item in range(3):
        program.ordered_copy(0, 6, item, 1, way)
        program.ordered_copy(1, 7, 6, 1, way)
        program.ordered_copy(2, 3 + item, 7, 1, way)
    return program


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [read_after_write, write_after_read, write_after_write, pipeline])
def test_no_synchronisation_can_be_missed(make: Callable[[str], Program], way: str) -> None:
    """With all of them every schedule leaves the same memory; without any one of them some schedule leaves another."""
    program = make(way)
    expected = program.memory_after(range(len(program.ops)))
    options = schedules(list(range(200)))  # any() below stops at the first that shows it
    assert all(play(program, each).memory == expected for each in options[:12])
    synchronisations = waits_for(program)
    assert synchronisations
    for missing in synchronisations:
        assert any(play(program, each, without=missing).memory != expected for each in options)

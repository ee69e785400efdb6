"""Programs that order their streams with events, notifies and values: what schedules may do with them, and what not."""

from typing import Any

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


@given(
    any_programs(),
    st.lists(numbers, max_size=9),
    st.lists(st.tuples(st.integers(0, 40), streams), max_size=2),
    st.lists(st.integers(0, 2**32), min_size=2, max_size=2),
)
def test_only_legal_orders_at_the_same_times(
    program: Program, priorities: list[int], wishes: list[tuple[int, int]], seeds: list[int]
) -> None:
    """Every schedule runs each task behind what it has to follow, and each begins and ends when the model says."""
    calls = program.calls(priorities)
    waits = host_waits(program, calls, wishes)
    for options in schedules(seeds):
        run = play(program, options, calls, waits)
        check_order(program, run, calls, waits)
        expected = program.times(calls, waits, run.now)
        assert [each or wanted for each, wanted in zip(run.times, expected, strict=True)] == expected

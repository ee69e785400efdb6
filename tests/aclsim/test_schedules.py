"""The schedules: what they run and when, and that a run can be repeated."""

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from aclsim.backend import SimulatorBackend
from aclsim.core.schedules import SCHEDULES, make_schedule
from aclsim.core.task import DONE
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.aclsim.machine import PATIENCE, After, Background, Blocker, Source, Traced, stream_of, submit, world_of
from tests.contract.acl import BACKEND, Acl, OpenAcl

OPTIONS: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    *({"schedule": "random", "seed": seed} for seed in range(10)),
]
each_schedule = pytest.mark.parametrize(
    "options", OPTIONS, ids=lambda options: "-".join(str(value) for value in options.values())
)
STREAMS = 3

# What a task is: its stream, its duration, and which of the earlier tasks it waits for.
programs = st.lists(
    st.tuples(st.integers(0, STREAMS - 1), st.integers(0, 50), st.lists(st.integers(0, 30), max_size=3)), max_size=20
)
Program = list[tuple[int, int, list[int]]]


@dataclass
class Run:
    """What came of a program: its tasks, the order in which they ran, and what had run after each submission."""

    tasks: list[Traced]
    trace: list[object]
    ran_at_once: list[int]


def play(options: dict[str, Any], program: Program, synchronize: list[int]) -> Run:
    """Queue a program's tasks and synchronise its streams in the given order, all of them in the end."""
    with aclcffi.open_backend(BACKEND, **options) as backend:
        acl = Acl(backend)
        acl.start()
        handles = [acl.stream() for _ in range(STREAMS)]
        source = Source()
        run = Run([], [], [])
        for label, (stream, duration, earlier) in enumerate(program):
            wait = After(source, *(run.tasks[index % label] for index in earlier)) if label and earlier else None
            task = Traced(
                stream_of(acl, handles[stream]), label, run.trace, source=source, wait=wait, duration=duration
            )
            run.tasks.append(task)
            submit(acl, task)
            run.ran_at_once.append(len(run.trace))
        for stream in [*synchronize, *range(STREAMS)]:
            acl.synchronize(handles[stream])
        return run


def waits_of(task: Traced) -> list[Any]:
    """The tasks that a task waits for."""
    return task.wait.tasks if isinstance(task.wait, After) else []


@given(
    st.sampled_from([*OPTIONS, {"schedule": "parallel"}]), programs, st.lists(st.integers(0, STREAMS - 1), max_size=3)
)
def test_only_legal_orders(options: dict[str, Any], program: Program, synchronize: list[int]) -> None:
    """Each task runs once, behind those queued before it on its stream and behind those that it waits for."""
    run = play(options, program, synchronize)
    assert sorted(run.trace, key=str) == sorted(range(len(program)), key=str)
    place = {label: index for index, label in enumerate(run.trace)}
    for label, task in enumerate(run.tasks):
        before = [other for other in run.tasks[:label] if other.stream is task.stream] + waits_of(task)
        assert all(place[other.label] < place[label] for other in before)
        assert task.state is DONE


@given(programs, st.lists(st.integers(0, STREAMS - 1), max_size=3))
def test_virtual_time_is_the_same_under_every_schedule(program: Program, synchronize: list[int]) -> None:
    """A task begins when its stream is free, it was submitted and its wait holds, whenever it is executed."""
    runs = [play(options, program, synchronize) for options in (OPTIONS[0], OPTIONS[1], OPTIONS[2], OPTIONS[3])]
    times = [[(task.begin, task.end) for task in run.tasks] for run in runs]
    assert times == [times[0]] * len(times)
    for label, task in enumerate(runs[0].tasks):
        before = [other for other in runs[0].tasks[:label] if other.stream is task.stream] + waits_of(task)
        assert task.begin == max([task.submitted, *(other.end for other in before)])
        assert task.end == task.begin + task.duration


@given(programs, st.integers(0, STREAMS - 1))
def test_lazy_runs_what_is_needed_and_nothing_else(program: Program, stream: int) -> None:
    """Queuing runs nothing; synchronising a stream runs its tasks and those that they wait for, directly or not."""
    with aclcffi.open_backend(BACKEND, schedule="lazy") as backend:
        acl = Acl(backend)
        acl.start()
        handles = [acl.stream() for _ in range(STREAMS)]
        source, trace, tasks = Source(), list[object](), list[Traced]()
        for label, (on, duration, earlier) in enumerate(program):
            wait = After(source, *(tasks[index % label] for index in earlier)) if label and earlier else None
            tasks.append(Traced(stream_of(acl, handles[on]), label, trace, source=source, wait=wait, duration=duration))
            submit(acl, tasks[-1])
        assert trace == []
        needed = {task for task in tasks if task.stream is stream_of(acl, handles[stream])}
        for task in reversed(tasks):
            if task in needed:
                needed |= {other for other in tasks[: tasks.index(task)] if other.stream is task.stream}
                needed |= set(waits_of(task))
        acl.synchronize(handles[stream])
        assert set(trace) == {task.label for task in needed}


@given(programs)
def test_eager_leaves_nothing_ready(program: Program) -> None:
    """When a task was queued that waits only for what is over, it is over too: with waits on earlier tasks, all are."""
    run = play({"schedule": "eager"}, program, [])
    assert run.ran_at_once == list(range(1, len(program) + 1))


def test_random_finds_different_orders() -> None:
    """Different seeds run independent tasks in different orders, and leave some queued for later."""
    program: Program = [(label % STREAMS, 1, []) for label in range(9)]
    runs = [play({"schedule": "random", "seed": seed}, program, []) for seed in range(30)]
    assert len({tuple(run.trace) for run in runs}) > 10
    assert len({tuple(run.ran_at_once) for run in runs}) > 10
    assert all(run.trace.index(0) < run.trace.index(3) < run.trace.index(6) for run in runs)


@given(st.integers(-(2**70), 2**70), programs, st.lists(st.integers(0, STREAMS - 1), max_size=3))
def test_the_same_seed_gives_the_same_run(seed: int, program: Program, synchronize: list[int]) -> None:
    """A seed and the calls decide the order, completely."""
    options = {"schedule": "random", "seed": seed}
    first, second = (play(options, program, synchronize) for _ in range(2))
    assert (first.trace, first.ran_at_once) == (second.trace, second.ran_at_once)


@given(st.sampled_from(OPTIONS), st.integers(-(2**70), 2**70), programs)
def test_a_token_repeats_a_run(options: dict[str, Any], seed: int, program: Program) -> None:
    """What a machine's token makes does what that machine did, and has the same token."""
    if options["schedule"] == "random":
        options = {"schedule": "random", "seed": seed}
    with aclcffi.open_backend(BACKEND, **options) as backend:
        assert isinstance(backend, SimulatorBackend)
        replay = {"schedule": "replay", "token": backend.schedule_token}
    with aclcffi.open_backend(BACKEND, **replay) as backend:
        assert isinstance(backend, SimulatorBackend)
        assert backend.schedule_token == replay["token"]
    first, second = play(options, program, []), play(replay, program, [])
    assert (first.trace, first.ran_at_once) == (second.trace, second.ran_at_once)


@pytest.mark.parametrize(
    "token", [None, "", "1", "1:random", "1:random:x", "2:random:1", "1:lazy:3", "1:parallel", "x"]
)
def test_a_bad_token_is_refused(token: str | None) -> None:
    """A replay without a token, or with a text that is none, opens nothing."""
    with pytest.raises(aclcffi.BackendError, match="token"):
        aclcffi.open_backend(BACKEND, schedule="replay", token=token)


RACE = """
import sys
import aclcffi
ffi, lib = aclcffi.ffi, aclcffi.lib
backend = aclcffi.open_backend("simulator", schedule="random", seed=int(sys.argv[1]))
def check(code):
    assert code == 0, code
def place(c_type):
    return ffi.new(ffi.getctype(c_type, "*"))
check(backend.aclrtSetDevice(0))
blocks, streams = [], []
for number in range(6):
    pointer, stream = place("void *"), place("aclrtStream")
    check(backend.aclrtMalloc(pointer, 1, 0))
    check(backend.aclrtMemset(pointer[0], 1, number, 1))
    check(backend.aclrtCreateStream(stream))
    blocks.append(pointer[0])
    streams.append(stream[0])
seen, status = ffi.new("char[6]"), place("aclrtStreamStatus")
for step in range(60):
    check(backend.aclrtMemcpyAsync(blocks[step * 7 % 6], 1, blocks[step * 5 % 6 - 1], 1, 3, streams[step % 6]))
    if step % 4 == 0:
        check(backend.aclrtStreamQuery(streams[step % 5], status))
        print(status[0], end="")
    if step % 6 == 5:
        for number, block in enumerate(blocks):
            check(backend.aclrtMemcpy(seen + number, 1, block, 1, lib.ACL_MEMCPY_DEVICE_TO_HOST))
        print("", bytes(ffi.buffer(seen)).hex(), end=" ")
check(backend.aclrtSynchronizeDevice())
"""


def race(seed: int, hash_seed: str) -> str:
    """What a program without any ordering between its streams shows, in a Python of its own."""
    result = subprocess.run(
        [sys.executable, "-c", RACE, str(seed)],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return result.stdout


def test_the_same_seed_gives_the_same_run_in_every_process() -> None:
    """What a racy program shows depends on the seed, not on the hash seed of the Python that runs it."""
    shown = [race(7, hash_seed) for hash_seed in ("0", "1", "2", "random")]
    assert shown == [shown[0]] * 4
    assert race(8, "0") != shown[0]


@each_schedule
@pytest.mark.parametrize("count", [0, 1, 30])
def test_poll_loops_end(open_acl: OpenAcl, options: dict[str, Any], count: int) -> None:
    """A loop that only queries a stream sees it complete after at most one query per queued task, or nearly so."""
    acl = open_acl(**options)
    acl.start()
    stream, other = acl.stream(), acl.stream()
    works = [acl.work(stream) for _ in range(count)]
    beside = acl.work(other)
    queries = 1
    while not acl.complete(stream):
        queries += 1
        assert queries < 10_000
    assert [work.ran() for work in works] == [True] * count
    if options["schedule"] == "lazy":
        assert queries == count + 1
        assert not beside.ran()
    elif options["schedule"] == "eager":
        assert queries == 1
    else:
        assert queries <= count + 2  # each query runs a task of either stream


@each_schedule
def test_poll_loops_end_across_streams(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """A loop that queries a stream whose head waits for another stream brings that one up too."""
    acl = open_acl(**options)
    acl.start()
    first, second = acl.stream(), acl.stream()
    source, trace = Source(), list[object]()
    brings = [Traced(stream_of(acl, first), number, trace, source=source) for number in range(3)]
    for task in brings:
        submit(acl, task)
    submit(acl, Traced(stream_of(acl, second), "last", trace, source=source, wait=After(source, brings[-1])))
    queries = 0
    while not acl.complete(second):
        queries += 1
        assert queries < 10_000
    assert trace == [0, 1, 2, "last"]


@each_schedule
def test_one_task_runs_at_a_time(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """While a task runs in one thread no other starts, and what was kept back runs when somebody asks."""
    acl = open_acl(**options)
    acl.start()
    busy, other = acl.stream(), acl.stream()
    blocker, trace = Blocker(stream_of(acl, busy)), list[object]()
    context = acl.current_context()

    def queue_and_wait() -> None:
        acl.ok(acl.aclrtSetCurrentContext(context))
        submit(acl, blocker)
        acl.synchronize(busy)

    waiting = Background(queue_and_wait)
    assert blocker.started.wait(PATIENCE)
    submit(acl, Traced(stream_of(acl, other), "kept back", trace))
    assert not acl.complete(other)
    assert trace == []
    assert list(world_of(acl).scheduler.running) == [blocker]
    blocker.released.set()
    waiting.result()
    acl.synchronize(other)
    assert trace == ["kept back"]


def test_names_of_schedules() -> None:
    """Each name makes a schedule, any other is refused and the message lists them."""
    for name in SCHEDULES:
        if name != "replay":  # which is one of the others again
            assert make_schedule(name, 1) is not make_schedule(name, 1)
    with pytest.raises(ValueError, match=r"fastest.*lazy"):
        make_schedule("fastest", 0)
    with pytest.raises(aclcffi.BackendError, match="schedule is 'fastest'"):
        aclcffi.open_backend(BACKEND, schedule="fastest")

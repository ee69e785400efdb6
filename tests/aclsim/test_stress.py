"""Many host threads and many streams at once: nothing is lost, nothing deadlocks, and a serial run repeats itself."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aclsim import SimulationHang

from tests.aclsim.machine import PATIENCE, Background, world_of
from tests.contract import sync
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import Calls, noted_calls

THREADS, STREAMS, ROUNDS, SIZE = 8, 8, 12, 16
BLOCK = 1

SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    {"schedule": "random", "seed": 1},
    {"schedule": "parallel"},
]
each_schedule = pytest.mark.parametrize("options", SCHEDULES, ids=lambda options: "-".join(map(str, options.values())))


def event(acl: Acl, way: int) -> Any:
    """An event of one of the three families."""
    return sync.event(acl, ("DEF", "OLD", "EX")[way % 3], sync.SYNC)


class Worker:
    """What one thread does: a value goes from stream to stream through its blocks, and from it to the next thread.

    `before` and `after` are the notifies that hand a block of the ring from thread to thread.
    """

    def __init__(self, acl: Acl, number: int, ring: list[Any], notifies: list[Any], calls: Calls) -> None:
        self.acl, self.number, self.ring, self.notifies, self.calls = acl, number, ring, notifies, calls
        self.trace: list[Any] = []

    def begin(self) -> None:
        """Make a context of the thread's own, streams and memory."""
        acl = self.acl
        self.context = acl.context()
        self.streams = [acl.stream() for _ in range(STREAMS)]
        self.pinned = [acl.malloc_host(SIZE, b"%02d%02d" % (self.number, turn) * 4) for turn in range(ROUNDS)]
        self.blocks = [acl.malloc(SIZE, bytes(SIZE)) for _ in range(STREAMS)]
        self.results = [acl.malloc_host(SIZE, bytes(SIZE)) for _ in range(ROUNDS)]
        self.previous: Any = None

    def round(self, turn: int) -> None:
        """Queue one round: from page-locked memory through all blocks and back, with an event from stream to stream."""
        acl = self.acl
        if self.previous is not None:
            acl.ok(acl.aclrtStreamWaitEvent(self.streams[0], self.previous))
        acl.copy(self.blocks[0], self.pinned[turn], SIZE, self.streams[0], acl.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        for place in range(1, STREAMS):
            done = event(acl, turn + place)
            acl.ok(acl.aclrtRecordEvent(done, self.streams[place - 1]))
            acl.ok(acl.aclrtStreamWaitEvent(self.streams[place], done))
            acl.copy(self.blocks[place], self.blocks[place - 1], SIZE, self.streams[place])
            acl.ok(acl.aclrtDestroyEvent(done))
        last = self.streams[-1]
        acl.copy(self.results[turn], self.blocks[-1], SIZE, last, acl.lib.ACL_MEMCPY_DEVICE_TO_HOST)
        acl.ok(acl.aclrtLaunchHostFunc(last, self.calls.note("aclrtHostFunc", (self.number, turn)), NULL))
        self.previous = event(acl, turn)
        acl.ok(acl.aclrtRecordEvent(self.previous, last))
        self.trace.append(acl.complete(self.streams[turn % STREAMS]))
        if turn % 4 == 3:
            acl.synchronize(self.streams[turn % STREAMS])

    def hand_on(self) -> None:
        """Wait for the thread before, add to the ring's block, and let the next one go on."""
        acl, stream = self.acl, self.streams[0]
        if self.number:
            acl.ok(acl.aclrtWaitAndResetNotify(self.notifies[self.number], stream, 0))
        acl.copy(self.ring[self.number + 1], self.ring[self.number], SIZE, stream)
        acl.ok(acl.aclrtRecordNotify(self.notifies[self.number + 1], stream))

    def end(self) -> list[bytes]:
        """Wait for everything, and give what came out of it."""
        acl = self.acl
        acl.ok(acl.aclrtSynchronizeDevice())
        assert all(acl.complete(stream) for stream in self.streams)
        return [acl.content(result, SIZE) for result in self.results]

    def run(self) -> list[bytes]:
        """All of it."""
        self.begin()
        self.hand_on()
        for turn in range(ROUNDS):
            self.round(turn)
        return self.end()


def workers(acl: Acl, calls: Calls) -> list[Worker]:
    """The workers of a ring of blocks, the first of which has content."""
    acl.start()
    ring = [acl.malloc(SIZE, b"from hand to hand"[:SIZE]), *(acl.malloc(SIZE) for _ in range(THREADS))]
    notifies = [sync.notify(acl) for _ in range(THREADS + 1)]
    return [Worker(acl, number, ring, notifies, calls) for number in range(THREADS)]


@each_schedule
def test_nothing_is_lost(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """Eight threads with eight streams each get all their bytes, each callback once, and leave nothing behind."""
    acl = open_acl(**options)
    with noted_calls() as calls:
        made = workers(acl, calls)
        results = [call.result() for call in [Background(worker.run) for worker in made]]
        for worker, contents in zip(made, results, strict=True):
            assert contents == [b"%02d%02d" % (worker.number, turn) * 4 for turn in range(ROUNDS)]
        assert sorted(calls.trace) == [(number, turn) for number in range(THREADS) for turn in range(ROUNDS)]
        for number in range(THREADS):
            assert [turn for who, turn in calls.trace if who == number] == list(range(ROUNDS))
    assert acl.read(made[0].ring[-1], SIZE) == b"from hand to hand"[:SIZE]
    world = world_of(acl)
    assert not world.scheduler.busy
    assert len(world.streams) == 1 + THREADS * (STREAMS + 1)
    for worker in made:
        acl.ok(acl.aclrtDestroyContext(worker.context))
    assert (len(world.streams), len(world.contexts)) == (1, 1)


class Turnstile:
    """Lets threads through one at a time, in a fixed order: a step of the first, a step of the second, and so on."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 0
        self._changed = threading.Condition()

    def step(self, number: int, call: Callable[[], Any]) -> Any:
        """Do one step when it is this thread's turn. What fails lets the others go on all the same."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._next == number, PATIENCE)
            try:
                return call()
            finally:
                self._next = (self._next + 1) % self._count
                self._changed.notify_all()


def serial_run(acl: Acl) -> list[Any]:
    """What threads that take turns see, and what the machine does meanwhile."""
    trace: list[Any] = []
    world = world_of(acl)
    with noted_calls() as calls:
        made = workers(acl, calls)
        gate = Turnstile(THREADS)

        def look(worker: Worker) -> None:
            states = [acl.complete(stream) for stream in worker.streams]
            trace.append((worker.number, states, [acl.read(block, 4) for block in worker.blocks], world.clock.now))

        def run(worker: Worker) -> list[bytes]:
            step = partial(gate.step, worker.number)
            step(worker.begin)
            step(worker.hand_on)
            for turn in range(ROUNDS // 2):
                step(partial(worker.round, turn))
                step(partial(look, worker))
            step(lambda: None)
            contents: list[bytes] = step(worker.end)
            trace.append((worker.number, contents))
            return contents

        for call in [Background(partial(run, worker)) for worker in made]:
            call.result()
        trace.append(calls.trace)
        trace.append([worker.trace for worker in made])
    return trace


@pytest.mark.parametrize("seed", [3, 4])
def test_threads_that_take_turns_repeat(open_acl: OpenAcl, seed: int) -> None:
    """The same seed and the same calls in the same order give the same answers, contents and virtual times."""

    def once(seed: int) -> list[Any]:
        return serial_run(open_acl(schedule="random", seed=seed))

    first = once(seed)
    assert once(seed) == first
    assert once(seed + 100) != first


def test_hang_report_names_all(open_acl: OpenAcl, capsys: pytest.CaptureFixture[str]) -> None:
    """Threads that wait for what nobody brings all hang, and each report has the head of every stream that waits."""
    acl = open_acl(hang_after=0.2)
    acl.start()
    waiting = [sync.notify(acl) for _ in range(4)]
    barrier = threading.Barrier(4, timeout=PATIENCE)

    def wait(number: int) -> str:
        acl.context()
        stream = acl.stream()
        acl.ok(acl.aclrtWaitAndResetNotify(waiting[number], stream, 0))
        barrier.wait()
        with pytest.raises(SimulationHang) as caught:
            acl.synchronize(stream)
        barrier.wait()  # no stream goes before all have reported
        acl.ok(acl.aclrtDestroyStreamForce(stream))
        return str(caught.value)

    reports = [call.result() for call in [Background(partial(wait, number)) for number in range(4)]]
    for report in reports:
        assert report.startswith("nothing can end the wait for wait for notify")
        for number in range(4):
            assert f"waits for notify {number}, which no queued task records" in report
    printed = capsys.readouterr().err
    assert all(report in printed for report in reports)
    acl.ok(acl.aclrtSynchronizeDevice())


@each_schedule
def test_threads_block_at_once(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """Four threads in aclrtProcessReport and four in aclrtSynchronizeStream all come back with their work done."""
    acl = open_acl(**options)
    acl.start()
    context = acl.current_context()
    streams = [acl.stream() for _ in range(4)]
    subscribed = threading.Barrier(5, timeout=PATIENCE)
    counts = [0] * 4

    def serve(number: int) -> int:
        acl.ok(acl.aclrtSetCurrentContext(context))
        acl.ok(acl.aclrtSubscribeReport(threading.get_ident(), streams[number]))
        subscribed.wait()
        served = 0
        while counts[number] < ROUNDS:
            acl.ok(acl.aclrtProcessReport(-1))
            served += 1
        return served

    def wait(number: int) -> int:
        acl.ok(acl.aclrtSetCurrentContext(context))
        acl.synchronize(streams[number])
        return counts[number]

    def count(number: int, _data: Any) -> None:
        counts[number] += 1

    with noted_calls() as calls:
        servers = [Background(partial(serve, number)) for number in range(4)]
        subscribed.wait()
        for _ in range(ROUNDS):
            for number, stream in enumerate(streams):
                function = calls.function("aclrtCallback", partial(count, number))
                acl.ok(acl.aclrtLaunchCallback(function, NULL, BLOCK, stream))
        waiters = [Background(partial(wait, number)) for number in range(4)]
        assert [call.result() for call in waiters] == [ROUNDS] * 4
        assert all(1 <= call.result() <= ROUNDS for call in servers)

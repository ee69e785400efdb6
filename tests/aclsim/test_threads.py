"""Host threads: what each has for itself, what they share, and waits that nobody can end."""

import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aclsim import SimulationHang

from tests.aclsim.machine import (
    PATIENCE,
    After,
    Background,
    Blocker,
    Never,
    Source,
    Traced,
    Waiting,
    stream_of,
    submit,
    world_of,
)
from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl

MS = 1_000_000
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lonely(open_acl: OpenAcl) -> Acl:
    """A machine on which an untimed wait that no queued task can end is a hang at once."""
    acl = open_acl(hang_after=0)
    acl.start()
    return acl


def hold(acl: Acl, stream: Any) -> tuple[Blocker, Background]:
    """Make a task run in another thread, which waits for its stream: returns the task and that call."""
    blocker, context = Blocker(stream_of(acl, stream)), acl.current_context()
    submit(acl, blocker)

    def wait() -> int:
        acl.ok(acl.aclrtSetCurrentContext(context))
        return acl.aclrtSynchronizeStream(stream)

    waiting = Background(wait)
    assert blocker.started.wait(PATIENCE)
    return blocker, waiting


class TestStateOfThreads:
    """What each host thread has for itself."""

    def test_current_contexts_and_messages(self, open_acl: OpenAcl) -> None:
        """Threads that work at the same time each see their own current context, default stream and messages."""
        count = 8
        acl = open_acl(devices=count)
        barrier = threading.Barrier(count)

        def work(number: int) -> tuple[Any, Any, int, str]:
            acl.ok(acl.aclrtSetDevice(number))
            context = acl.context(number)
            barrier.wait(PATIENCE)
            assert acl.aclrtSetDevice(1000 + number) == 107001
            barrier.wait(PATIENCE)
            assert acl.current_context() == context
            return context, acl.default_stream(), acl.device(), acl.message()

        calls = [Background(partial(work, number)) for number in range(count)]
        results = [call.result() for call in calls]
        contexts, streams, devices, messages = zip(*results, strict=True)
        assert len(set(contexts)) == len(set(streams)) == count
        assert devices == tuple(range(count))
        assert [f"device {1000 + number} " in message for number, message in enumerate(messages)] == [True] * count
        assert all(len(message.splitlines()) == 1 for message in messages)

    def test_a_new_thread_starts_from_nothing(self, ready: Acl) -> None:
        """Each new thread begins without a current context, also where an earlier one had the same id."""
        for _ in range(20):
            assert ready.in_thread(lambda: ready.aclrtGetDevice(ready.out("int32_t"))) == 107002
            ready.in_thread(ready.context)

    @pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
    def test_many_threads_at_work(self, open_acl: OpenAcl, schedule: str) -> None:
        """Threads with streams of their own queue, copy, allocate and wait at the same time, and each gets its own data."""
        acl = open_acl(schedule=schedule)
        acl.start()
        context = acl.current_context()

        def work(number: int) -> bytes:
            acl.ok(acl.aclrtSetCurrentContext(context))
            stream = acl.stream()
            blocks = [acl.malloc(4, b"%04d" % number) for _ in range(2)]
            for step in range(40):
                blocks.append(acl.malloc(4))
                acl.copy(blocks[-1], blocks[-2], 4, stream)
                if step % 10 == 9:
                    acl.synchronize(stream)
                    acl.ok(acl.aclrtFree(blocks[0]))
                    del blocks[0]
            acl.ok(acl.aclrtDestroyStream(stream))
            return acl.read(blocks[-1], 4)

        calls = [Background(partial(work, number)) for number in range(6)]
        assert [call.result() for call in calls] == [b"%04d" % number for number in range(6)]


class TestRunningTask:
    """What other threads can do while a task runs."""

    def test_getters_do_not_wait(self, ready: Acl) -> None:
        """Getters, queries, allocation, synchronous copies and other streams' work go on while a task runs."""
        stream, other = ready.stream(), ready.stream()
        blocker, waiting = hold(ready, stream)
        assert ready.device() == 0
        assert not ready.complete(stream)
        assert ready.complete(other)
        memory = ready.malloc(4, b"1234")
        assert ready.read(memory, 4) == b"1234"
        ready.copy(memory, ready.malloc(4, b"5678"), 4, other)
        ready.stream()
        ready.context()
        assert waiting.running
        blocker.released.set()
        assert waiting.result() == 0

    @pytest.mark.row("RT12.11")
    def test_a_wait_covers_what_was_queued_when_it_began(self, ready: Acl) -> None:
        """A task that is queued while another thread waits for the stream is not waited for."""
        stream = ready.stream()
        blocker, waiting = hold(ready, stream)
        late = ready.work(stream)
        blocker.released.set()
        assert waiting.result() == 0
        assert not late.ran()
        ready.synchronize(stream)
        assert late.ran()

    def test_several_threads_wait_for_one_stream(self, ready: Acl) -> None:
        """All of them return when the task is over, each with success."""
        stream = ready.stream()
        blocker, first = hold(ready, stream)
        more = [Background(lambda: ready.in_thread(lambda: self.wait_for(ready, stream))) for _ in range(3)]
        blocker.released.set()
        assert [call.result() for call in (first, *more)] == [0, 0, 0, 0]

    @staticmethod
    def wait_for(acl: Acl, stream: Any) -> int:
        """Wait for a stream in a thread that has no context yet."""
        acl.ok(acl.aclrtSetDevice(0))
        return acl.aclrtSynchronizeStream(stream)

    def test_timed_waits_expire(self, ready: Acl) -> None:
        """A timed wait for a stream whose task runs elsewhere is 507046 when its time is over, and the task goes on."""
        stream = ready.stream()
        blocker, waiting = hold(ready, stream)
        now = world_of(ready).clock.now
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, 1) == 507046
        assert world_of(ready).clock.now == now + MS
        assert waiting.running
        blocker.released.set()
        assert waiting.result() == 0

    def test_forced_destruction_does_not_wait(self, ready: Acl) -> None:
        """aclrtDestroyStreamForce returns while the task still runs; the thread that waited for it is released later."""
        stream = ready.stream()
        blocker, waiting = hold(ready, stream)
        dropped = ready.work(stream)
        assert ready.aclrtDestroyStreamForce(stream) == 0
        assert ready.aclrtSynchronizeStream(stream) == 107017
        assert waiting.running
        blocker.released.set()
        assert waiting.result() == 0
        assert not dropped.ran()

    def test_a_context_is_destroyed_once(self, ready: Acl) -> None:
        """While a thread destroys a context and waits for its work, another one's attempt is 507007 (RT4.02)."""
        context = ready.context()
        stream = ready.stream()
        blocker = Blocker(stream_of(ready, stream))
        submit(ready, blocker)
        destroying = Background(lambda: ready.aclrtDestroyContext(context))
        assert blocker.started.wait(PATIENCE)
        assert ready.aclrtDestroyContext(context) == 507007
        assert "another thread" in ready.message()
        blocker.released.set()
        assert destroying.result() == 0
        assert ready.aclrtDestroyContext(context) == 107002

    def test_two_threads_reset_a_device(self, ready: Acl) -> None:
        """While the last reset waits for the device's work, another reset is 507007."""
        blocker = Blocker(stream_of(ready, ready.default_stream()))
        submit(ready, blocker)
        resetting = Background(lambda: ready.aclrtResetDevice(0))
        assert blocker.started.wait(PATIENCE)
        assert ready.aclrtResetDevice(0) == 507007
        blocker.released.set()
        assert resetting.result() == 0
        assert ready.aclrtGetDevice(ready.out("int32_t")) == 107002


class TestWaitsForOthers:
    """Waits that a queued task cannot end, but another thread can."""

    def test_another_thread_queues_what_is_missing(self, ready: Acl) -> None:
        """An untimed wait goes on when another thread queues the task that it needs."""
        stream, other = ready.stream(), ready.stream()
        trace: list[object] = []
        bringer = Traced(stream_of(ready, other), "brought", trace)
        wait = After(Source(), bringer)
        submit(ready, Waiting(ready, stream, wait))
        wait.asked.clear()
        waiting = Background(lambda: self.synchronize(ready, stream))
        assert wait.asked.wait(PATIENCE)
        assert waiting.running
        submit(ready, bringer)  # takes the lock: the other thread has let it go by now, so it waits
        assert waiting.result() == 0
        assert trace == ["brought"]

    @staticmethod
    def synchronize(acl: Acl, stream: Any) -> int:
        """Wait for a stream in a thread that has no context yet."""
        acl.ok(acl.aclrtSetDevice(0))
        return acl.aclrtSynchronizeStream(stream)

    def test_a_timed_wait_that_nobody_ends(self, ready: Acl) -> None:
        """It is 507046 after its time, which is what passes on the machine's clock; the task stays queued."""
        stream, never = ready.stream(), Never()
        submit(ready, Waiting(ready, stream, never))
        now = world_of(ready).clock.now
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, 2) == 507046
        assert world_of(ready).clock.now == now + 2 * MS
        assert ready.aclrtSynchronizeDeviceWithTimeout(3) == 507046
        assert world_of(ready).clock.now == now + 5 * MS
        assert not ready.complete(stream)


class TestHang:
    """Untimed waits that nothing can end."""

    CALLS = (
        lambda acl, stream: acl.aclrtSynchronizeStream(stream),
        lambda acl, stream: acl.aclrtSynchronizeStreamWithTimeout(stream, FOREVER),
        lambda acl, _: acl.aclrtSynchronizeDevice(),
        lambda acl, stream: acl.aclrtDestroyStream(stream),
        lambda acl, stream: acl.aclrtMemcpyAsync(acl.malloc(4), 4, b"host", 4, 1, stream),
    )

    @pytest.mark.parametrize("call", CALLS)
    def test_raises(self, lonely: Acl, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """The call raises SimulationHang; its text names each stream's head and what it waits for, and is printed."""
        stream, busy = lonely.stream(), lonely.stream()
        submit(lonely, Waiting(lonely, stream, Never()))
        submit(lonely, Traced(stream_of(lonely, stream), "behind", []))
        submit(lonely, Traced(stream_of(lonely, busy), "beside", []))
        with pytest.raises(SimulationHang) as caught:
            call(lonely, stream)
        report = str(caught.value)
        assert f"{stream_of(lonely, stream)!r}: task: a thing that never comes; 1 more behind it" in report
        assert f"{stream_of(lonely, busy)!r}: task beside: queued; 0 more behind it" in report
        assert report in capsys.readouterr().err

    @pytest.mark.parametrize("call", CALLS)
    def test_returns_a_code(self, open_acl: OpenAcl, call: Any, capsys: pytest.CaptureFixture[str]) -> None:
        """With on_hang="return" the call is 507000, and the message is the report."""
        acl = open_acl(hang_after=0, on_hang="return")
        acl.start()
        stream = acl.stream()
        submit(acl, Waiting(acl, stream, Never()))
        assert call(acl, stream) == 507000
        assert "a thing that never comes" in acl.message()
        assert "a thing that never comes" in capsys.readouterr().err

    def test_the_machine_works_on(self, lonely: Acl) -> None:
        """After a hang other streams work, and the stream that hangs can be destroyed by force."""
        stream = lonely.stream()
        submit(lonely, Waiting(lonely, stream, Never()))
        with pytest.raises(SimulationHang):
            lonely.aclrtSynchronizeStream(stream)
        work = lonely.work()
        lonely.synchronize()
        assert work.ran()
        assert lonely.aclrtDestroyStreamForce(stream) == 0
        assert lonely.aclrtSynchronizeDevice() == 0

    def test_a_context_that_hangs_can_be_destroyed_later(self, lonely: Acl) -> None:
        """A destruction that hung leaves the context alone; without the stream that hangs it succeeds."""
        context = lonely.context()
        stream = lonely.stream()
        submit(lonely, Waiting(lonely, stream, Never()))
        for _ in range(2):
            with pytest.raises(SimulationHang):
                lonely.aclrtDestroyContext(context)
        lonely.ok(lonely.aclrtDestroyStreamForce(stream))
        assert lonely.aclrtDestroyContext(context) == 0


# A Python of its own, in which no other thread lives: the process of the tests may have some.
ALONE = """
import threading
import aclcffi
from aclsim import SimulationHang
from tests.aclsim.machine import Never, Waiting, submit
from tests.contract.acl import Acl

acl = Acl(aclcffi.open_backend("simulator", hang_after=1e6))
acl.start()
streams = [acl.stream(), acl.stream()]
waits = [Never(), Never()]
for stream, wait in zip(streams, waits):
    submit(acl, Waiting(acl, stream, wait))

def hangs(stream):
    try:
        acl.aclrtSynchronizeStream(stream)
    except SimulationHang:
        return True
    return False
"""


def run_alone(script: str) -> None:
    """Run a script after the common part; a wait in real time would take longer than the test gives it."""
    command = [sys.executable, "-c", ALONE + script]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert result.returncode == 0, result.stderr


def test_a_lone_thread_waits_in_virtual_time() -> None:
    """Where no other thread lives an untimed wait is a hang at once, and a timed one of days expires at once."""
    run_alone("""
assert hangs(streams[0])
assert acl.aclrtSynchronizeStreamWithTimeout(streams[0], 2**31 - 1) == 507046
assert acl.backend._world.clock.now == (2**31 - 1) * 1_000_000
""")


def test_threads_that_all_wait_hang() -> None:
    """A thread that waits while another one lives waits on; when that one waits too, it is a hang at once."""
    run_alone("""
codes = []

def other():
    acl.ok(acl.aclrtSetDevice(0))
    waits[1].asked.clear()
    codes.append(acl.aclrtSynchronizeStream(streams[1]))

thread = threading.Thread(target=other)
thread.start()
assert waits[1].asked.wait(60)
with acl.backend._world.lock:  # the other thread has let it go: it waits
    assert codes == [] and thread.is_alive()
assert hangs(streams[0])
assert codes == [] and thread.is_alive()
acl.ok(acl.aclrtDestroyStreamForce(streams[1]))
thread.join(60)
assert codes == [0]
""")


def test_a_closed_machine_answers(ready: Acl) -> None:
    """Functions that were looked up before the machine was closed answer 100001, and the message says why."""
    set_device, get_message = ready.aclrtSetDevice, ready.aclGetRecentErrMsg
    synchronize = ready.aclrtSynchronizeStream
    ready.backend.close()
    assert set_device(0) == 100001
    assert synchronize(NULL) == 100001
    assert b"closed" in ready.ffi.string(get_message())

"""Callbacks and host functions in streams (contract_rt section 9)."""

import gc
import threading
from typing import Any

import pytest

from tests.aclsim.machine import world_of
from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.helpers import (
    PATIENCE,
    Calls,
    HeldStream,
    HostThread,
    dead_stream,
    foreign_stream,
    refuse,
)

NO_BLOCK, BLOCK = 0, 1
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    *({"schedule": "random", "seed": seed} for seed in range(4)),
    {"schedule": "parallel"},
]
schedules = pytest.mark.parametrize("options", SCHEDULES, ids=lambda options: "-".join(map(str, options.values())))


def subscribe(acl: Acl, stream: Any, thread: int | None = None) -> None:
    """Let a thread, by default this one, serve the callbacks of a stream."""
    acl.ok(acl.aclrtSubscribeReport(threading.get_ident() if thread is None else thread, stream))


def with_host_functions(acl: Acl, calls: Calls) -> Any:
    """A stream in HostFunc mode."""
    stream = acl.stream()
    acl.ok(acl.aclrtLaunchHostFunc(stream, calls.note("aclrtHostFunc", "mode"), NULL))
    acl.synchronize(stream)
    calls.trace.clear()
    return stream


def serve(acl: Acl, thread: HostThread, stop: threading.Event) -> Any:
    """Let a thread run callbacks until told to stop."""

    def loop() -> None:
        while not stop.is_set():
            assert acl.aclrtProcessReport(10) in (0, 507012)

    return thread.begin(loop)


@pytest.mark.row("RT9.01")
class TestSubscribeReport:
    """aclrtSubscribeReport."""

    def test_order_of_checks(self, ready: Acl, calls: Calls) -> None:
        """Dead handle, HostFunc mode, no context for NULL, subscribed, other device: the first that is wrong decides."""
        me = threading.get_ident()
        elsewhere, taken = foreign_stream(ready, 1), ready.stream()
        subscribe(ready, taken)
        host = with_host_functions(ready, calls)
        refuse(ready, 107017, "aclrtSubscribeReport", me, dead_stream(ready), says="was destroyed")
        refuse(ready, 107011, "aclrtSubscribeReport", me, host, says="host functions")
        ready.in_thread(lambda: refuse(ready, 107011, "aclrtSubscribeReport", me, host))
        ready.in_thread(lambda: refuse(ready, 107002, "aclrtSubscribeReport", me, NULL, says="no current context"))
        refuse(ready, 107012, "aclrtSubscribeReport", me, elsewhere, says="of device 0")
        subscribe(ready, elsewhere, me + 1)
        refuse(ready, 107011, "aclrtSubscribeReport", me, elsewhere, says=f"thread {me + 1} subscribed")

    def test_twice(self, ready: Acl) -> None:
        """A second subscription of a stream is 107011, by whatever thread; NULL is the default stream."""
        subscribe(ready, NULL)
        for stream in (NULL, ready.default_stream()):
            for thread in (threading.get_ident(), 77):
                refuse(ready, 107011, "aclrtSubscribeReport", thread, stream)

    def test_a_refused_call_subscribes_nothing(self, ready: Acl, calls: Calls) -> None:
        """After 107012 the stream has no thread, and the thread goes on to serve its own streams."""
        mine, elsewhere = ready.stream(), foreign_stream(ready, 1)
        subscribe(ready, mine)
        refuse(ready, 107012, "aclrtSubscribeReport", threading.get_ident(), elsewhere)
        refuse(ready, 107011, "aclrtUnSubscribeReport", threading.get_ident(), elsewhere)
        ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, NO_BLOCK, mine))
        ready.ok(ready.aclrtProcessReport(FOREVER))
        assert calls.trace == ["ran"]

    def test_one_thread_serves_several_streams(self, ready: Acl, calls: Calls) -> None:
        """Callbacks of all streams that a thread is subscribed to run in its loop, also those of another context."""
        streams = [ready.stream(), NULL, foreign_stream(ready)]
        for stream in streams:
            subscribe(ready, stream)
        for label, stream in enumerate(streams[:2]):
            ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", label), NULL, NO_BLOCK, stream))
            ready.synchronize(stream)
        ready.ok(ready.aclrtProcessReport(FOREVER))
        assert sorted(calls.trace) == [0, 1]

    @pytest.mark.row("RT14.04")
    def test_groups_run_out(self, ready: Acl) -> None:
        """With 1024 threads subscribed one more is 507000; one of them may serve more; one that leaves makes room."""
        streams = [ready.stream() for _ in range(1026)]
        for number in range(1024):
            subscribe(ready, streams[number], 1000 + number)
        refuse(ready, 507000, "aclrtSubscribeReport", 1, streams[1024], says="1024 threads")
        subscribe(ready, streams[1024], 1000)
        refuse(ready, 507000, "aclrtSubscribeReport", 1, streams[1025])
        ready.ok(ready.aclrtUnSubscribeReport(1001, streams[1]))
        subscribe(ready, streams[1025], 1)
        ready.ok(ready.aclrtDestroyStream(streams[1025]))
        subscribe(ready, streams[1], 2)


@pytest.mark.row("RT9.02")
class TestUnSubscribeReport:
    """aclrtUnSubscribeReport."""

    def test_order_of_checks(self, ready: Acl, calls: Calls) -> None:
        """Dead handle, no context for NULL, not subscribed, another thread: the first that is wrong decides."""
        me, mine = threading.get_ident(), ready.stream()
        subscribe(ready, mine)
        refuse(ready, 107017, "aclrtUnSubscribeReport", me, dead_stream(ready))
        ready.in_thread(lambda: refuse(ready, 107002, "aclrtUnSubscribeReport", me, NULL))
        refuse(ready, 107011, "aclrtUnSubscribeReport", me, ready.stream(), says="no thread subscribed")
        refuse(ready, 107011, "aclrtUnSubscribeReport", me, with_host_functions(ready, calls))
        refuse(ready, 107012, "aclrtUnSubscribeReport", me + 1, mine, says=f"thread {me} subscribed, not {me + 1}")
        assert ready.aclrtUnSubscribeReport(me, mine) == 0
        refuse(ready, 107011, "aclrtUnSubscribeReport", me, mine)

    def test_ends_the_subscription(self, ready: Acl, calls: Calls) -> None:
        """The stream takes no callbacks then, until it is subscribed again; it may have host functions instead."""
        me, first, second = threading.get_ident(), ready.stream(), ready.stream()
        note = calls.note("aclrtCallback", "ran")
        for stream in (first, second):
            subscribe(ready, stream)
        ready.ok(ready.aclrtUnSubscribeReport(me, first))
        assert ready.aclrtLaunchCallback(note, NULL, NO_BLOCK, first) == 107015
        assert ready.aclrtProcessReport(1) == 507012  # it still serves the second stream
        ready.ok(ready.aclrtUnSubscribeReport(me, second))
        assert ready.aclrtProcessReport(1) == 107012
        ready.ok(ready.aclrtLaunchHostFunc(first, note, NULL))
        subscribe(ready, second)
        ready.ok(ready.aclrtLaunchCallback(note, NULL, NO_BLOCK, second))
        ready.ok(ready.aclrtProcessReport(FOREVER))
        assert calls.trace == ["ran"]
        ready.synchronize(first)
        assert calls.trace == ["ran", "ran"]


@pytest.mark.row("RT9.03")
class TestLaunchCallback:
    """aclrtLaunchCallback."""

    def test_order_of_checks(self, ready: Acl, calls: Calls) -> None:
        """Block, handle, function, HostFunc mode, context, owner, subscription: the first that is wrong decides."""
        note, dead, host = calls.note("aclrtCallback", "ran"), dead_stream(ready), with_host_functions(ready, calls)
        mine, foreign = ready.stream(), foreign_stream(ready)
        launch = "aclrtLaunchCallback"
        for block in (2, 0xFFFFFFFF):
            refuse(ready, 100000, launch, NULL, NULL, block, dead, says=f"blockType is {block}")
        refuse(ready, 107017, launch, NULL, NULL, BLOCK, dead)
        refuse(ready, 107000, launch, NULL, NULL, BLOCK, host, says="fn is NULL")
        ready.in_thread(lambda: refuse(ready, 107011, launch, note, NULL, BLOCK, host, says="host functions"))
        ready.in_thread(lambda: refuse(ready, 107002, launch, note, NULL, BLOCK, mine))
        refuse(ready, 107003, launch, note, NULL, BLOCK, foreign)
        refuse(ready, 107015, launch, note, NULL, BLOCK, mine, says="call aclrtSubscribeReport first")
        refuse(ready, 107015, launch, note, NULL, BLOCK, NULL)
        ready.ok(ready.aclrtSynchronizeDevice())
        assert calls.trace == []

    @schedules
    @pytest.mark.parametrize("block", [NO_BLOCK, BLOCK])
    def test_is_a_task_of_its_stream(
        self, open_acl: OpenAcl, calls: Calls, options: dict[str, Any], block: int
    ) -> None:
        """It runs with its data behind what was queued before, in the order of the launches, and in no launch."""
        acl = open_acl(**options)
        acl.start()
        stream = acl.stream()
        subscribe(acl, stream)
        before = acl.work(stream)
        datas = [acl.ffi.new_handle(label) for label in range(5)]

        def call(data: Any) -> None:
            calls.trace.append((acl.ffi.from_handle(data), before.ran(), threading.get_ident()))

        function = calls.function("aclrtCallback", call)
        for data in datas:
            acl.ok(acl.aclrtLaunchCallback(function, data, block, stream))
        assert calls.trace == []
        while len(calls.trace) < 5:
            acl.ok(acl.aclrtProcessReport(1000))
        assert calls.trace == [(label, True, threading.get_ident()) for label in range(5)]
        acl.synchronize(stream)

    @pytest.mark.row("RT12.13")
    @schedules
    def test_no_block_lets_its_stream_go_on(self, open_acl: OpenAcl, calls: Calls, options: dict[str, Any]) -> None:
        """Later tasks run and the stream can be waited for although the callback did not run yet; then it does."""
        acl = open_acl(**options)
        acl.start()
        stream = acl.stream()
        subscribe(acl, stream)
        acl.ok(acl.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, NO_BLOCK, stream))
        after = acl.work(stream)
        acl.synchronize(stream)
        assert (after.ran(), calls.trace) == (True, [])
        acl.ok(acl.aclrtProcessReport(1))
        assert calls.trace == ["ran"]
        assert acl.aclrtProcessReport(1) == 507012

    @pytest.mark.row("RT12.13")
    @schedules
    def test_block_holds_its_stream(self, open_acl: OpenAcl, calls: Calls, options: dict[str, Any]) -> None:
        """Nothing behind it runs before the function returned; other streams do not wait."""
        acl = open_acl(**options)
        acl.start()
        stream, other = acl.stream(), acl.stream()
        subscribe(acl, stream)
        call = calls.function("aclrtCallback", lambda _: calls.trace.append(after.ran()))
        acl.ok(acl.aclrtLaunchCallback(call, NULL, BLOCK, stream))
        after, beside = acl.work(stream), acl.work(other)
        acl.synchronize(other)
        assert beside.ran()
        for _ in range(3):
            assert not acl.complete(stream)
        assert not after.ran()
        acl.ok(acl.aclrtProcessReport(FOREVER))
        assert calls.trace == [False]
        acl.synchronize(stream)
        assert after.ran()

    @pytest.mark.parametrize("name", ["aclrtDestroyStreamForce", "aclrtStreamAbort"])
    @pytest.mark.parametrize("block", [NO_BLOCK, BLOCK])
    def test_goes_with_what_its_stream_drops(self, ready: Acl, calls: Calls, name: str, block: int) -> None:
        """A callback whose turn had not come when its stream was emptied never runs."""
        stream, other = ready.stream(), ready.stream()
        for served in (stream, other):
            subscribe(ready, served)
        ready.work(stream)
        ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, block, stream))
        ready.ok(getattr(ready, name)(stream))
        assert ready.aclrtProcessReport(1) == 507012
        assert calls.trace == []


@pytest.mark.row("RT9.04")
class TestProcessReport:
    """aclrtProcessReport."""

    @pytest.mark.parametrize("timeout", [0, -2, -1000, -(2**31)])
    def test_refuses_a_timeout(self, ready: Acl, calls: Calls, timeout: int) -> None:
        """0 and what is below -1 is 100000, subscribed or not, and no callback runs."""
        refuse(ready, 100000, "aclrtProcessReport", timeout, says=f"timeout is {timeout} ms")
        subscribe(ready, NULL)
        ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, NO_BLOCK, NULL))
        ready.synchronize()
        refuse(ready, 100000, "aclrtProcessReport", timeout)
        assert calls.trace == []

    def test_refuses_a_thread_that_is_not_subscribed(self, ready: Acl, calls: Calls, server: HostThread) -> None:
        """Only the thread whose id was subscribed gets its callbacks; any other is 107012 and runs none."""
        refuse(ready, 107012, "aclrtProcessReport", FOREVER, says="subscribed to no stream")
        subscribe(ready, NULL, server.ident)
        ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, NO_BLOCK, NULL))
        ready.synchronize()
        refuse(ready, 107012, "aclrtProcessReport", 5)
        assert calls.trace == []
        assert server.call(lambda: ready.aclrtProcessReport(5)) == 0  # needs no context
        assert calls.trace == ["ran"]

    @pytest.mark.row("RT13.05")
    @pytest.mark.parametrize("timeout", [1, 20])
    def test_expires(self, ready: Acl, calls: Calls, timeout: int) -> None:
        """With nothing due in time it is 507012, which is the thread's last error, and a later call gets what comes."""
        stream = ready.stream()
        subscribe(ready, stream)
        refuse(ready, 507012, "aclrtProcessReport", timeout, says=f"within {timeout} ms")
        assert ready.last_error() == 507012
        ready.long_work(stream, milliseconds=timeout + 1)
        ready.ok(ready.aclrtLaunchCallback(calls.note("aclrtCallback", "ran"), NULL, BLOCK, stream))
        refuse(ready, 507012, "aclrtProcessReport", timeout)
        assert calls.trace == []
        assert ready.aclrtProcessReport(2) == 0
        assert calls.trace == ["ran"]

    @pytest.mark.parametrize("timeout", [1, 2**31 - 1, FOREVER])
    def test_runs_all_that_is_due(self, ready: Acl, calls: Calls, timeout: int) -> None:
        """One call runs the callbacks that are due; what these bring about is for the next call."""
        stream = ready.stream()
        subscribe(ready, stream)
        again = calls.note("aclrtCallback", "again")

        def first(_: Any) -> None:
            calls.trace.append("first")
            ready.ok(ready.aclrtLaunchCallback(again, NULL, NO_BLOCK, stream))
            ready.synchronize(stream)

        for function in (calls.function("aclrtCallback", first), calls.note("aclrtCallback", "second")):
            ready.ok(ready.aclrtLaunchCallback(function, NULL, NO_BLOCK, stream))
        ready.synchronize(stream)
        assert ready.aclrtProcessReport(timeout) == 0
        assert calls.trace == ["first", "second"]
        assert ready.aclrtProcessReport(timeout) == 0
        assert calls.trace == ["first", "second", "again"]

    @pytest.mark.parametrize("block", [NO_BLOCK, BLOCK])
    def test_leaves_nothing_behind(self, ready: Acl, calls: Calls, block: int) -> None:
        """Callbacks that ran, and callbacks that were dropped, are forgotten."""
        stream, note = ready.stream(), calls.note("aclrtCallback", "ran")
        subscribe(ready, stream)
        for _ in range(3):
            ready.ok(ready.aclrtLaunchCallback(note, NULL, block, stream))
            ready.ok(ready.aclrtProcessReport(FOREVER))
        for _ in range(3):
            ready.ok(ready.aclrtLaunchCallback(note, NULL, block, stream))
        ready.ok(ready.aclrtStreamAbort(stream))
        reporter = world_of(ready).reporters[threading.get_ident()]
        assert (len(reporter.due), len(reporter.queued)) == (0, 0)
        assert calls.trace == ["ran"] * 3

    def test_runs_in_the_calling_thread(self, ready: Acl, calls: Calls, server: HostThread) -> None:
        """Whoever launches and waits for the stream, the function runs in the thread that processes reports."""
        subscribe(ready, NULL, server.ident)
        call = calls.function("aclrtCallback", lambda _: calls.trace.append(threading.get_ident()))
        waiting = server.begin(lambda: ready.aclrtProcessReport(FOREVER))
        ready.ok(ready.aclrtLaunchCallback(call, NULL, BLOCK, NULL))
        ready.synchronize()
        assert waiting.result(PATIENCE) == 0
        assert calls.trace == [server.ident]

    @schedules
    def test_loops_while_another_thread_synchronises(
        self, open_acl: OpenAcl, calls: Calls, server: HostThread, options: dict[str, Any]
    ) -> None:
        """A thread in a loop of reports and one that launches and waits bring each other on."""
        acl = open_acl(**options)
        acl.start()
        stream, stop = acl.stream(), threading.Event()
        subscribe(acl, stream, server.ident)
        serving = serve(acl, server, stop)
        for label in range(20):
            acl.ok(acl.aclrtLaunchCallback(calls.note("aclrtCallback", label), NULL, BLOCK, stream))
            work = acl.work(stream)
            acl.synchronize(stream)
            assert work.ran()
            assert calls.trace == list(range(label + 1))
        stop.set()
        serving.result(PATIENCE)


@pytest.mark.row("RT9.05")
class TestLaunchHostFunc:
    """aclrtLaunchHostFunc."""

    def test_order_of_checks(self, ready: Acl, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
        """Handle, function, subscription, context, owner, thread: the first that is wrong decides."""
        note, dead, taken, mine = calls.note("aclrtHostFunc", "ran"), dead_stream(ready), ready.stream(), ready.stream()
        subscribe(ready, taken)
        launch = "aclrtLaunchHostFunc"
        foreign = foreign_stream(ready)
        refuse(ready, 107017, launch, dead, NULL, NULL)
        refuse(ready, 107000, launch, taken, NULL, NULL, says="fn is NULL")
        ready.in_thread(lambda: refuse(ready, 107011, launch, taken, note, NULL, says="a thread subscribed"))
        ready.in_thread(lambda: refuse(ready, 107002, launch, mine, note, NULL))

        def fail(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            refuse(ready, 107003, launch, foreign, note, NULL)
            refuse(ready, 207001, launch, mine, note, NULL, says="can't start new thread")
        subscribe(ready, mine)  # a refused launch puts the stream into no mode
        ready.ok(ready.aclrtSynchronizeDevice())
        assert calls.trace == []

    @schedules
    def test_runs_in_a_thread_of_its_context(
        self, open_acl: OpenAcl, calls: Calls, server: HostThread, options: dict[str, Any]
    ) -> None:
        """All functions of a context run in one thread, which no program's thread is, whoever launches and waits."""
        acl = open_acl(**options)
        acl.start()
        call = calls.function("aclrtHostFunc", lambda _: calls.trace.append(threading.get_ident()))
        primary = acl.current_context()

        def launch(context: Any) -> None:
            acl.ok(acl.aclrtSetCurrentContext(context))
            for stream in (NULL, acl.stream()):
                acl.ok(acl.aclrtLaunchHostFunc(stream, call, NULL))
                acl.synchronize(stream)

        launch(primary)
        server.call(lambda: launch(primary))
        first = set(calls.trace)
        launch(acl.context())
        assert len(calls.trace) == 6
        assert len(first) == 1
        assert len(set(calls.trace)) == 2
        assert not set(calls.trace) & {threading.get_ident(), server.ident}

    @pytest.mark.row("RT12.13")
    @schedules
    def test_holds_its_stream(self, open_acl: OpenAcl, calls: Calls, options: dict[str, Any]) -> None:
        """It runs with its argument behind what was queued before, and nothing of the stream before it returned."""
        acl = open_acl(**options)
        acl.start()
        stream, context = acl.stream(), acl.current_context()
        before = acl.work(stream)
        label = acl.ffi.new_handle("argument")

        def call(args: Any) -> None:
            acl.ok(acl.aclrtSetCurrentContext(context))
            calls.trace.append((acl.ffi.from_handle(args), before.ran(), acl.complete(stream)))

        acl.ok(acl.aclrtLaunchHostFunc(stream, calls.function("aclrtHostFunc", call), label))
        after = acl.work(stream)
        acl.synchronize(stream)
        assert calls.trace == [("argument", True, False)]
        assert after.ran()

    def test_holds_nothing_else(self, ready: Acl, calls: Calls, server: HostThread) -> None:
        """While a function runs other streams go on, and their tasks run."""
        other, held = ready.stream(), HeldStream(ready, calls, server)
        beside = ready.work(other)
        assert not ready.complete(held.stream)
        assert not held.after.ran()
        held.go_on.set()
        ready.synchronize(other)
        assert held.waiting.result(PATIENCE) == 0
        assert (held.after.ran(), beside.ran()) == (True, True)

    def test_first_use_chooses_the_mode(self, ready: Acl, calls: Calls) -> None:
        """From the first launch on the stream can be subscribed by nobody and takes no callbacks."""
        stream, note = ready.stream(), calls.note("aclrtHostFunc", "ran")
        refuse(ready, 107000, "aclrtLaunchHostFunc", stream, NULL, NULL)
        subscribe(ready, stream)
        ready.ok(ready.aclrtUnSubscribeReport(threading.get_ident(), stream))
        ready.ok(ready.aclrtLaunchHostFunc(stream, note, NULL))
        refuse(ready, 107011, "aclrtSubscribeReport", threading.get_ident(), stream)
        refuse(ready, 107011, "aclrtLaunchCallback", note, NULL, BLOCK, stream)
        ready.ok(ready.aclrtLaunchHostFunc(stream, note, NULL))
        ready.synchronize(stream)
        assert calls.trace == ["ran", "ran"]

    def test_cannot_fail_its_stream(self, ready: Acl) -> None:
        """Whatever goes wrong in the function, the stream goes on and has no error."""
        stream, calls = ready.stream(), Calls()

        def call(_: Any) -> None:
            assert ready.aclrtMalloc(NULL, 0, 0) == 100000
            raise ValueError("in a host function")

        ready.ok(ready.aclrtLaunchHostFunc(stream, calls.function("aclrtHostFunc", call), NULL))
        after = ready.work(stream)
        ready.synchronize(stream)
        assert after.ran()
        with pytest.raises(ValueError, match="in a host function"):
            calls.check()

    def test_its_thread_counts_only_while_it_works(self, ready: Acl, calls: Calls) -> None:
        """Nobody who waits hopes for the thread between two functions; while one runs it may bring anything."""

        def call(_: Any) -> None:
            calls.trace.append(getattr(threading.current_thread(), "aclsim_idle", None))

        threads = set(threading.enumerate())
        ready.ok(ready.aclrtLaunchHostFunc(NULL, calls.function("aclrtHostFunc", call), NULL))
        (thread,) = (each for each in set(threading.enumerate()) - threads if each.name.startswith("host functions"))
        for _ in range(2):
            ready.synchronize()
            assert calls.trace == [False]
            assert getattr(thread, "aclsim_idle", None) is True

    @pytest.mark.parametrize("end", ["close", "destroy"])
    def test_its_thread_ends(self, ready: Acl, calls: Calls, end: str) -> None:
        """The thread ends with its context and with the machine."""
        context = ready.context()
        threads: list[threading.Thread] = []
        call = calls.function("aclrtHostFunc", lambda _: threads.append(threading.current_thread()))
        ready.ok(ready.aclrtLaunchHostFunc(NULL, call, NULL))
        ready.synchronize()
        assert threads[0].is_alive()
        if end == "close":
            ready.backend.close()
        else:
            ready.ok(ready.aclrtDestroyContext(context))
            gc.collect()
        threads[0].join(PATIENCE)
        assert not threads[0].is_alive()


@pytest.mark.row("RT12.13")
@pytest.mark.parametrize("timeout", [1, 20])
def test_a_thread_that_serves_no_more_stalls_its_blocking_streams(ready: Acl, calls: Calls, timeout: int) -> None:
    """Without the loop a stream with a BLOCK callback is never done, one with NO_BLOCK is, a host function needs none."""
    streams = [ready.stream() for _ in range(3)]
    note = calls.note("aclrtCallback", "callback")
    for stream, block in zip(streams, (BLOCK, NO_BLOCK), strict=False):
        subscribe(ready, stream)
        ready.ok(ready.aclrtLaunchCallback(note, NULL, block, stream))
    ready.ok(ready.aclrtLaunchHostFunc(streams[2], calls.note("aclrtHostFunc", "host function"), NULL))
    works = [ready.work(stream) for stream in streams]
    codes = [ready.aclrtSynchronizeStreamWithTimeout(stream, timeout) for stream in streams]
    assert codes == [507046, 0, 0]
    assert [work.ran() for work in works] == [False, True, True]
    assert calls.trace == ["host function"]
    ready.ok(ready.aclrtProcessReport(FOREVER))
    ready.synchronize(streams[0])
    assert works[0].ran()


@pytest.mark.row("RT15.08")
def test_the_codes_are_those_of_the_runtime(ready: Acl, calls: Calls) -> None:
    """The headers still have 100034 to 100036 for callbacks; the answers are 107011, 107012, 107015 and 507012."""
    stream, me, note = ready.stream(), threading.get_ident(), calls.note("aclrtCallback", "ran")
    assert ready.aclrtLaunchCallback(note, NULL, BLOCK, stream) == 107015
    assert ready.aclrtUnSubscribeReport(me, stream) == 107011
    assert ready.aclrtProcessReport(1) == 107012
    subscribe(ready, stream)
    assert ready.aclrtSubscribeReport(me, stream) == 107011
    assert ready.aclrtUnSubscribeReport(me + 1, stream) == 107012
    assert ready.aclrtProcessReport(1) == 507012


@pytest.mark.row("RT15.22")
def test_a_stream_has_callbacks_or_host_functions(ready: Acl, calls: Calls) -> None:
    """A sample uses both on one stream; the answer is 107011 to whatever comes second by handle."""
    note = calls.note("aclrtHostFunc", "ran")
    subscribed, host = ready.stream(), with_host_functions(ready, calls)
    subscribe(ready, subscribed)
    refuse(ready, 107011, "aclrtLaunchHostFunc", subscribed, note, NULL)
    refuse(ready, 107011, "aclrtSubscribeReport", threading.get_ident(), host)
    refuse(ready, 107011, "aclrtLaunchCallback", note, NULL, BLOCK, host)
    ready.ok(ready.aclrtSynchronizeDevice())
    assert calls.trace == []


@pytest.mark.row("RT15.24")
def test_null_slips_through_the_guards(ready: Acl, calls: Calls) -> None:
    """NULL passes the guards that stop the default stream's handle; a later check refuses it, or none does."""
    note = calls.note("aclrtHostFunc", "ran")
    ready.ok(ready.aclrtLaunchHostFunc(NULL, note, NULL))
    default = ready.default_stream()
    refuse(ready, 107011, "aclrtLaunchCallback", note, NULL, BLOCK, default)
    refuse(ready, 107015, "aclrtLaunchCallback", note, NULL, BLOCK, NULL)
    refuse(ready, 107011, "aclrtSubscribeReport", threading.get_ident(), NULL)
    ready.context()
    subscribe(ready, NULL)
    refuse(ready, 107011, "aclrtLaunchHostFunc", ready.default_stream(), note, NULL)
    ready.ok(ready.aclrtLaunchHostFunc(NULL, note, NULL))
    ready.synchronize()
    assert calls.trace == ["ran"]

"""Callbacks in streams, and the threads that run them (contract_rt section 9)."""

import threading
from typing import Any

import pytest

from tests.aclsim.machine import PATIENCE, world_of
from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.callbacks import BLOCK, NO_BLOCK, schedules, subscribe, with_host_functions
from tests.contract.helpers import Calls, HostThread, dead_stream, foreign_stream, refuse


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

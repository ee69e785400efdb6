"""Host functions in streams, and what keeps them and callbacks apart (contract_rt section 9)."""

import gc
import threading
from typing import Any

import pytest

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.callbacks import BLOCK, NO_BLOCK, schedules, subscribe, with_host_functions
from tests.contract.helpers import Calls, HeldStream, HostThread, dead_stream, foreign_stream, refuse


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

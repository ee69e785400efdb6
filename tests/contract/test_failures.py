"""What a failed task does, in CONTINUE and in STOP mode, expired waits, and aborts (contract_rt section 13)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.aclsim.machine import PATIENCE, Never, Waiting, submit
from tests.contract.acl import FOREVER, NULL, Acl
from tests.contract.helpers import (
    Calls,
    HeldStream,
    HostThread,
    begin_synchronize,
    dead_stream,
    fail_with,
    foreign_stream,
    refuse,
)
from tests.contract.sync import SYNC, event

FAILED = 507015
STOP, CONTINUE = 1, 0
FAILURES = (
    *(507014, 507015, 507034, 507035, 507017, 507018),  # AI core, vector core, AI CPU
    *(507011, 507048, 507049, 507010, 507053, 507054, 207018, 107020),
)
NO_FAILURES = (507005, 507023, 207003, 207016, 207017, 507901)


def stop(acl: Acl, stream: Any) -> None:
    """Put a stream, and its context, into STOP mode."""
    acl.ok(acl.aclrtSetStreamFailureMode(stream, STOP))


def stopped(acl: Acl, code: int = FAILED) -> Any:
    """A stream whose context failed in STOP mode."""
    stream = acl.stream()
    stop(acl, stream)
    fail_with(acl, stream, code)
    assert acl.aclrtSynchronizeStream(stream) == code
    return stream


class TestCodes:
    """The codes of failed tasks (section 13.1), in both modes."""

    @pytest.mark.row("RT13.01")
    @pytest.mark.parametrize("code", FAILURES)
    def test_failures_are_delivered_and_written(self, ready: Acl, code: int) -> None:
        """A failure comes out of the first synchronise unchanged, once, and is the last error of the thread."""
        stream = ready.stream()
        fail_with(ready, stream, code)
        refuse(ready, code, "aclrtSynchronizeStream", stream, says="made to fail")
        assert ready.last_error() == code
        assert ready.aclrtSynchronizeStream(stream) == 0

    @pytest.mark.row("RT13.01")
    @pytest.mark.parametrize("code", NO_FAILURES)
    def test_other_answers_are_delivered_and_not_written(self, ready: Acl, code: int) -> None:
        """End of a sequence, a normal abort, overflow and a closed socket come out once and are no last error."""
        stream = ready.stream()
        for wait, *arguments in [("aclrtSynchronizeStream", stream), ("aclrtSynchronizeDevice",)]:
            fail_with(ready, stream, code)
            refuse(ready, code, wait, *arguments, says="made to fail")
            assert ready.last_error() == 0
            assert ready.aclrtSynchronizeStream(stream) == 0

    @pytest.mark.row("RT13.02")
    @pytest.mark.parametrize("code", NO_FAILURES)
    def test_other_answers_stop_nothing(self, ready: Acl, calls: Calls, code: int) -> None:
        """In STOP mode an answer that is no failure leaves the stream going, and calls no exception callback."""
        stream = ready.stream()
        stop(ready, stream)
        ready.ok(ready.aclrtSetExceptionInfoCallback(calls.note("aclrtExceptionInfoCallback", "called")))
        fail_with(ready, stream, code)
        work = ready.work(stream)
        assert ready.aclrtSynchronizeStream(stream) == code
        assert work.ran()
        assert ready.aclrtSynchronizeStream(stream) == 0
        assert calls.trace == []

    @pytest.mark.row("RT13.02")
    @pytest.mark.parametrize("code", FAILURES)
    def test_failures_stick(self, ready: Acl, code: int) -> None:
        """In STOP mode a failure is the answer of every synchronise, and the last error each time."""
        stream = stopped(ready, code)
        for _ in range(3):
            assert ready.last_error() == code
            refuse(ready, code, "aclrtSynchronizeStream", stream, says="made to fail")


NOTHING = Acl.ffi.callback("void(void *)", lambda _: None)
Sticky = Callable[[Acl, Any, Any, Any], tuple[Any, ...]]

SUBMITS: dict[str, Sticky] = {
    "copy": lambda acl, stream, device, _: ("aclrtMemcpyAsync", device, 4, acl.offset(device, 8), 4, 3, stream),
    "whole copy": lambda acl, stream, device, _: ("aclrtMemcpyAsync", device, 4, acl.malloc(4), 4, 3, stream),
    "pageable copy": lambda acl, stream, device, _: ("aclrtMemcpyAsync", device, 4, acl.host(4), 4, 1, stream),
    "rectangle": lambda acl, stream, device, _: (
        *("aclrtMemcpy2dAsync", device, 4, acl.offset(device, 32)),
        *(4, 4, 2, 3, stream),
    ),
    "set": lambda _acl, stream, device, _: ("aclrtMemsetAsync", device, 4, 0, 4, stream),
    "set of words": lambda _acl, stream, device, _: ("aclrtMemsetD32Async", device, 4, 0, 1, stream),
    "record": lambda _acl, stream, _device, event: ("aclrtRecordEvent", event, stream),
    "wait": lambda _acl, stream, _device, event: ("aclrtStreamWaitEvent", stream, event),
    "reset": lambda _acl, stream, _device, event: ("aclrtResetEvent", event, stream),
    "value": lambda _acl, stream, device, _: ("aclrtValueWrite", device, 1, 0, stream),
    "callback": lambda acl, stream, _device, _: ("aclrtLaunchCallback", NOTHING, NULL, 0, stream),
    "host function": lambda acl, stream, _device, _: ("aclrtLaunchHostFunc", stream, NOTHING, NULL),
    "overflow": lambda _acl, stream, device, _: ("aclrtGetOverflowStatus", device, 64, stream),
}
WAITS: dict[str, Sticky] = {
    "synchronise": lambda _acl, stream, _device, _: ("aclrtSynchronizeStream", stream),
    "synchronise in time": lambda _acl, stream, _device, _: ("aclrtSynchronizeStreamWithTimeout", stream, 5),
    "query": lambda acl, stream, _device, _: ("aclrtStreamQuery", stream, acl.out("aclrtStreamStatus")),
    "event": lambda _acl, _stream, _device, event: ("aclrtSynchronizeEvent", event),
    "event in time": lambda _acl, _stream, _device, event: ("aclrtSynchronizeEventWithTimeout", event, 5),
    "device": lambda *_: ("aclrtSynchronizeDevice",),
    "device in time": lambda *_: ("aclrtSynchronizeDeviceWithTimeout", 5),
}


@pytest.mark.row("RT13.02")
class TestStopOnFailure:
    """What a failed task does in STOP mode."""

    def test_the_rest_of_the_queues_is_not_run(self, ready: Acl) -> None:
        """What was queued before the failed task is done, what was queued behind it, or on other streams, never is."""
        stream, other = ready.stream(), ready.stream()
        stop(ready, stream)
        before = ready.work(stream)
        fail_with(ready, stream, FAILED)
        after = [ready.work(stream), ready.work(stream), ready.work(other)]
        assert ready.aclrtSynchronizeStream(stream) == FAILED
        assert before.ran()
        ready.aclrtSynchronizeDevice()
        ready.ok(ready.aclrtDestroyStream(stream))
        ready.ok(ready.aclrtDestroyStream(other))
        assert [work.ran() for work in after] == [False] * 3

    @pytest.mark.parametrize("which", ["that stream", "another stream", "a stream made later"])
    @pytest.mark.parametrize("arguments", (SUBMITS | WAITS).values(), ids=SUBMITS | WAITS)
    def test_the_code_sticks_to_the_context(self, ready: Acl, arguments: Sticky, which: str) -> None:
        """Submits, waits and queries of every stream of the context answer the code, each time, and do nothing."""
        device, marker = ready.malloc(128, b"." * 128), event(ready, "OLD", SYNC)
        other = ready.stream()
        ready.ok(ready.aclrtRecordEvent(marker, other))
        failed = stopped(ready)
        streams = {"that stream": failed, "another stream": other, "a stream made later": ready.stream()}
        call = arguments(ready, streams[which], device, marker)
        for _ in range(2):
            refuse(ready, FAILED, *call, says="made to fail")
            assert ready.last_error() == FAILED
        assert ready.read(device, 128) == b"." * 128

    def test_one_stream_stops_them_all(self, ready: Acl) -> None:
        """With one stream in STOP mode the failure of any other of its context sticks too; the default stream's as well."""
        stop(ready, ready.stream())
        default = ready.default_stream()
        fail_with(ready, default, FAILED)
        after = ready.work(default)
        assert [ready.aclrtSynchronizeStream(stream) for stream in (NULL, default, ready.stream())] == [FAILED] * 3
        assert not after.ran()

    def test_the_first_failure_stays(self, ready: Acl) -> None:
        """Of several failures of a context the first is what sticks."""
        stream, other = ready.stream(), stopped(ready)
        for failing in (stream, other):
            fail_with(ready, failing, 507018)
            ready.ok(ready.aclrtDestroyStream(failing))  # finishes what is queued there
        assert ready.aclrtSynchronizeDevice() == FAILED

    def test_what_still_works(self, ready: Acl) -> None:
        """Streams are made and destroyed, modes set and bytes copied synchronously as before."""
        device = ready.malloc(4)
        failed = stopped(ready)
        stream = ready.stream()
        assert ready.aclrtSetStreamFailureMode(stream, STOP) == 0
        assert ready.aclrtSetStreamFailureMode(failed, STOP) == 0
        ready.write(device, b"sync")
        assert ready.read(device, 4) == b"sync"
        assert ready.aclrtDestroyStream(stream) == 0
        assert ready.aclrtDestroyStream(failed) == 0
        assert ready.aclrtSynchronizeDevice() == FAILED

    def test_another_context_works(self, ready: Acl) -> None:
        """A context that is there, or is made then, knows nothing of the failure, also in other threads."""
        before = ready.context()
        other = ready.stream()
        ready.ok(ready.aclrtSetDevice(0))
        stream = stopped(ready)
        for context in (before, ready.context()):
            ready.ok(ready.aclrtSetCurrentContext(context))
            work = ready.work(ready.stream())
            ready.ok(ready.aclrtSynchronizeDevice())
            assert work.ran()
        assert ready.aclrtSynchronizeStream(other) == 0
        assert ready.aclrtSynchronizeStream(stream) == FAILED  # a wait may name a stream of the failed one

    @pytest.mark.parametrize("way", ["aclrtDestroyContext", "aclrtResetDevice", "aclrtResetDeviceForce"])
    def test_the_way_out(self, ready: Acl, way: str) -> None:
        """Destroying the context, or resetting the device, and beginning anew ends it."""
        if way == "aclrtDestroyContext":
            context = ready.context()
            stopped(ready)
            assert ready.aclrtDestroyContext(context) == 0
        else:
            stopped(ready)
            assert getattr(ready, way)(0) == 0
        assert ready.aclrtSetDevice(0) == 0
        work = ready.work()
        ready.ok(ready.aclrtSynchronizeDevice())
        assert work.ran()
        fail_with(ready, ready.default_stream(), FAILED)  # in CONTINUE mode again
        assert [ready.aclrtSynchronizeStream(NULL) for _ in range(2)] == [FAILED, 0]

    def test_a_waiting_thread_gets_it(self, ready: Acl, server: HostThread) -> None:
        """A thread that waits when a task fails, for another stream of the context, gets the code at once."""
        stream, other = ready.stream(), ready.stream()
        stop(ready, stream)
        never = Never()
        submit(ready, Waiting(ready, other, never))
        waiting = begin_synchronize(ready, server, other)
        assert never.asked.wait(PATIENCE)
        fail_with(ready, stream, FAILED)
        assert ready.aclrtSynchronizeStream(stream) == FAILED
        assert waiting.result(PATIENCE) == FAILED


@pytest.mark.row("RT13.04")
class TestExpiredEventWaits:
    """aclrtSynchronizeEventWithTimeout."""

    def test_the_tasks_go_on(self, ready: Acl) -> None:
        """It is 507047 and the thread's last error; the stream goes on, and a later wait finds the event complete."""
        stream, marker = ready.stream(), event(ready, "OLD", SYNC)
        ready.long_work(stream, milliseconds=3)
        work = ready.work(stream)
        ready.ok(ready.aclrtRecordEvent(marker, stream))
        for _ in range(2):
            refuse(ready, 507047, "aclrtSynchronizeEventWithTimeout", marker, 1, says="within 1 ms")
            assert ready.last_error() == 507047
        assert not work.ran()
        assert ready.aclrtSynchronizeEventWithTimeout(marker, FOREVER) == 0
        assert work.ran()


@pytest.mark.row("RT13.07")
class TestExpiredStreamWaits:
    """Waits of streams for events."""

    @pytest.mark.parametrize("way", ["per call", "of the process"])
    def test_the_next_synchronise_tells(self, ready: Acl, way: str) -> None:
        """A wait that expires on the device is no error of its call; the synchronise answers 107020, once."""
        stream, marker = ready.stream(), event(ready, "OLD", SYNC)
        if way == "per call":
            assert ready.aclrtStreamWaitEventWithTimeout(stream, marker, 2) == 0
        else:
            ready.ok(ready.aclrtSetOpWaitTimeout(2))
            assert ready.aclrtStreamWaitEventWithFlag(stream, marker, 0xFFFFFFFF, 0) == 0
        work = ready.work(stream)
        refuse(ready, 507046, "aclrtSynchronizeStreamWithTimeout", stream, 1)
        refuse(ready, 107020, "aclrtSynchronizeStream", stream, says="not over within 2 s")
        assert ready.last_error() == 107020
        assert work.ran()
        assert ready.aclrtSynchronizeStream(stream) == 0


@pytest.mark.row("RT13.08")
def test_an_expired_wait_for_a_notify(ready: Acl) -> None:
    """It is no error of its call; the synchronise answers 107020, once, and the stream goes on."""
    stream, notify = ready.stream(), ready.out("aclrtNotify")
    ready.ok(ready.aclrtCreateNotify(notify, 0))
    assert ready.aclrtWaitAndResetNotify(notify[0], stream, 2) == 0
    work = ready.work(stream)
    refuse(ready, 107020, "aclrtSynchronizeStream", stream, says="not over within 2 s")
    assert ready.last_error() == 107020
    assert work.ran()
    assert ready.aclrtSynchronizeStream(stream) == 0


class TestStreamAbort:
    """RT5.14 without streams that are bound to a graph, and without the expiry of RT13.06."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Dead handle, no context, stream of another context: the first that is wrong decides."""
        dead, foreign = dead_stream(ready), foreign_stream(ready)
        ready.in_thread(lambda: refuse(ready, 107017, "aclrtStreamAbort", dead))
        ready.in_thread(lambda: refuse(ready, 107002, "aclrtStreamAbort", foreign))
        refuse(ready, 107003, "aclrtStreamAbort", foreign)

    def test_null_is_the_default_stream(self, ready: Acl) -> None:
        """On chips with a device control queue NULL aborts the default stream of the context."""
        dropped, kept = ready.work(), ready.work(ready.stream())
        assert ready.aclrtStreamAbort(NULL) == 0
        ready.ok(ready.aclrtSynchronizeDevice())
        assert (dropped.ran(), kept.ran()) == (False, True)

    def test_drops_what_is_queued(self, ready: Acl) -> None:
        """Nothing of it runs, the stream is complete at once and takes and runs work afterwards."""
        stream = ready.stream()
        dropped = [ready.work(stream) for _ in range(3)]
        assert ready.aclrtStreamAbort(stream) == 0
        assert ready.complete(stream)
        later = ready.work(stream)
        ready.synchronize(stream)
        assert [work.ran() for work in dropped] == [False] * 3
        assert later.ran()

    @pytest.mark.parametrize("begun", [False, True], ids=["waits for its thread", "runs in its thread"])
    def test_kills_a_callback(self, ready: Acl, calls: Calls, server: HostThread, begun: bool) -> None:
        """A BLOCK callback holds the stream no longer; it is not run if its thread had not begun with it."""
        stream = ready.stream()
        started, go_on = threading.Event(), threading.Event()

        def call(_: Any) -> None:
            started.set()
            assert go_on.wait(PATIENCE)
            calls.trace.append("ran")

        ready.ok(ready.aclrtSubscribeReport(server.ident, stream))
        ready.ok(ready.aclrtLaunchCallback(calls.function("aclrtCallback", call), NULL, 1, stream))
        assert not ready.complete(stream)  # under the lazy schedule its turn comes now
        assert not ready.complete(stream)
        serving = server.begin(lambda: ready.aclrtProcessReport(FOREVER)) if begun else None
        assert not begun or started.wait(PATIENCE)
        assert ready.aclrtStreamAbort(stream) == 0
        work = ready.work(stream)
        ready.synchronize(stream)
        assert work.ran()
        go_on.set()
        if serving is None:
            assert server.call(lambda: ready.aclrtProcessReport(1)) == 507012
        else:
            assert serving.result(PATIENCE) == 0
        assert calls.trace == (["ran"] if begun else [])
        later = ready.work(stream)
        ready.synchronize(stream)
        assert later.ran()

    @pytest.mark.parametrize("timeout", [None, FOREVER, 2**31 - 1])
    @pytest.mark.parametrize("name", ["aclrtStreamAbort", "aclrtDeviceTaskAbort"])
    def test_a_waiting_thread_is_told(self, ready: Acl, server: HostThread, name: str, timeout: int | None) -> None:
        """A thread that waits for the stream meanwhile gets 107023; a wait that begins later is none of that."""
        stream, context, never = ready.stream(), ready.current_context(), Never()
        submit(ready, Waiting(ready, stream, never))

        def wait() -> None:
            ready.ok(ready.aclrtSetCurrentContext(context))
            if timeout is None:
                refuse(ready, 107023, "aclrtSynchronizeStream", stream, says="was aborted")
            else:
                refuse(ready, 107023, "aclrtSynchronizeStreamWithTimeout", stream, timeout, says="was aborted")
            assert ready.last_error() == 107023

        waiting = server.begin(wait)
        assert never.asked.wait(PATIENCE)
        arguments = (stream,) if name == "aclrtStreamAbort" else (0, 0)
        assert getattr(ready, name)(*arguments) == 0
        waiting.result(PATIENCE)
        assert ready.aclrtSynchronizeStream(stream) == 0

    def test_a_thread_in_a_running_task_is_told(self, ready: Acl, calls: Calls, server: HostThread) -> None:
        """A task that runs in host code ends when it returns; its waiter gets 107023, and what is behind it is dropped."""
        held = HeldStream(ready, calls, server)
        assert ready.aclrtStreamAbort(held.stream) == 0
        later = ready.work(held.stream)
        held.go_on.set()
        assert held.waiting.result(PATIENCE) == 107023
        ready.synchronize(held.stream)
        assert (held.after.ran(), later.ran()) == (False, True)


class TestDeviceTaskAbort:
    """RT3.13 without the calls that are made while it works: here it is over at once."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """More than 36 minutes is 107000, then a device that does not exist is 107001; neither drops anything."""
        work, longest = ready.work(), 36 * 60 * 1000
        refuse(ready, 107000, "aclrtDeviceTaskAbort", 7, longest + 1, says="36 minutes")
        refuse(ready, 107000, "aclrtDeviceTaskAbort", 0, 0xFFFFFFFF)
        for device in (-1, 2, 7):
            refuse(ready, 107001, "aclrtDeviceTaskAbort", device, longest, says=f"device {device} does not exist")
        ready.synchronize()
        assert work.ran()

    @pytest.mark.parametrize("timeout", [0, 1, 36 * 60 * 1000])
    def test_drops_what_is_queued_on_the_device(self, ready: Acl, timeout: int) -> None:
        """Streams of all contexts of the device lose their work and can be used again; other devices keep theirs."""
        contexts = [ready.current_context(), ready.context(), ready.context(1)]
        works, later = [], []
        for context in contexts:
            ready.ok(ready.aclrtSetCurrentContext(context))
            works += [ready.work(), ready.work(ready.stream())]
        assert ready.in_thread(lambda: ready.aclrtDeviceTaskAbort(0, timeout)) == 0  # needs no context
        for context in contexts:
            ready.ok(ready.aclrtSetCurrentContext(context))
            later.append(ready.work())
            ready.ok(ready.aclrtSynchronizeDevice())
        assert [work.ran() for work in works] == [False] * 4 + [True] * 2
        assert [work.ran() for work in later] == [True] * 3

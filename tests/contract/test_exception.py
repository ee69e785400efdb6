"""Exception callbacks and the last error of a thread (contract_rt sections 10 and 13.3)."""

import threading
from typing import Any

import pytest

from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.helpers import (
    Calls,
    HostThread,
    dead_stream,
    fail_with,
    foreign_stream,
    refuse,
)

CALLBACK = "aclrtExceptionInfoCallback"
FAILED = 507053
GETTERS = ("TaskId", "StreamId", "ThreadId", "DeviceId", "ErrorCode")
NOTHING = 0xFFFFFFFF
SCHEDULES: list[dict[str, Any]] = [{"schedule": "lazy"}, {"schedule": "eager"}, {"schedule": "random", "seed": 1}]


def details(acl: Acl, info: Any) -> dict[str, int]:
    """All that the getters say of an exception info."""
    return {name: int(getattr(acl, f"aclrtGet{name}FromExceptionInfo")(info)) for name in GETTERS}


def fail(acl: Acl, stream: Any) -> None:
    """Let a task of a stream fail, and take its error."""
    acl.failing_work(stream)
    assert acl.aclrtSynchronizeStream(stream) == FAILED


@pytest.mark.row("RT10.01")
class TestSetExceptionInfoCallback:
    """aclrtSetExceptionInfoCallback."""

    def test_the_last_one_wins(self, ready: Acl, calls: Calls) -> None:
        """Of several only the last is called, once for each failed task of any stream; NULL ends it."""
        stream = ready.stream()
        for label in ("first", "second"):
            assert ready.aclrtSetExceptionInfoCallback(calls.note(CALLBACK, label)) == 0
        for failing in (stream, NULL, stream):
            fail(ready, failing)
        assert calls.trace == ["second"] * 3
        assert ready.aclrtSetExceptionInfoCallback(NULL) == 0
        fail(ready, stream)
        assert calls.trace == ["second"] * 3

    def test_is_of_the_process(self, acl: Acl, calls: Calls, server: HostThread) -> None:
        """It needs no device, holds for all devices and threads, and what another thread sets replaces it."""
        assert acl.aclrtSetExceptionInfoCallback(calls.note(CALLBACK, "mine")) == 0
        acl.start(1)
        fail(acl, NULL)

        def elsewhere() -> None:
            acl.ok(acl.aclrtSetDevice(0))
            fail(acl, NULL)
            acl.ok(acl.aclrtSetExceptionInfoCallback(calls.note(CALLBACK, "theirs")))

        server.call(elsewhere)
        fail(acl, NULL)
        assert calls.trace == ["mine", "mine", "theirs"]

    def test_tasks_that_succeed_call_nothing(self, ready: Acl, calls: Calls) -> None:
        """Neither done work nor a refused call is an exception."""
        ready.ok(ready.aclrtSetExceptionInfoCallback(calls.note(CALLBACK, "called")))
        ready.work()
        ready.synchronize()
        refuse(ready, 107017, "aclrtSynchronizeStream", dead_stream(ready))
        ready.long_work(milliseconds=2)
        refuse(ready, 507046, "aclrtSynchronizeStreamWithTimeout", NULL, 1)
        assert calls.trace == []


@pytest.mark.row("RT10.02")
class TestExceptionInfoCallbackRegister:
    """aclrtExceptionInfoCallbackRegister and aclrtExceptionInfoCallbackUnregister."""

    @pytest.mark.parametrize("name", ["Register", "Unregister"])
    def test_refuses_null(self, ready: Acl, calls: Calls, name: str) -> None:
        """NULL is 107000 and changes nothing."""
        ready.ok(ready.aclrtExceptionInfoCallbackRegister(calls.note(CALLBACK, "called")))
        refuse(ready, 107000, f"aclrtExceptionInfoCallback{name}", NULL, says="callback is NULL")
        fail(ready, NULL)
        assert calls.trace == ["called"]

    def test_each_is_called_once(self, ready: Acl, calls: Calls) -> None:
        """All that are registered are called; one that is registered twice counts once and is gone at one unregister."""
        first, second = calls.note(CALLBACK, "first"), calls.note(CALLBACK, "second")
        for callback in (first, second, first):
            assert ready.aclrtExceptionInfoCallbackRegister(callback) == 0
        fail(ready, NULL)
        assert sorted(calls.trace) == ["first", "second"]
        assert ready.aclrtExceptionInfoCallbackUnregister(first) == 0
        fail(ready, NULL)
        assert sorted(calls.trace) == ["first", "second", "second"]

    def test_unregistering_what_is_unknown(self, ready: Acl, calls: Calls) -> None:
        """A callback that is not, or not any more, registered is no error."""
        known, unknown = calls.note(CALLBACK, "known"), calls.note(CALLBACK, "unknown")
        ready.ok(ready.aclrtExceptionInfoCallbackRegister(known))
        assert [ready.aclrtExceptionInfoCallbackUnregister(callback) for callback in (unknown, known, known)] == [0] * 3
        fail(ready, NULL)
        assert calls.trace == []

    def test_both_forms_count(self, ready: Acl, calls: Calls) -> None:
        """A callback that is set and registered runs twice; each form is taken back by its own function."""
        callback = calls.note(CALLBACK, "called")
        ready.ok(ready.aclrtSetExceptionInfoCallback(callback))
        ready.ok(ready.aclrtExceptionInfoCallbackRegister(callback))
        fail(ready, NULL)
        assert len(calls.trace) == 2
        ready.ok(ready.aclrtExceptionInfoCallbackUnregister(callback))
        fail(ready, NULL)
        assert len(calls.trace) == 3
        ready.ok(ready.aclrtExceptionInfoCallbackRegister(callback))
        ready.ok(ready.aclrtSetExceptionInfoCallback(NULL))
        fail(ready, NULL)
        assert len(calls.trace) == 4


@pytest.mark.row("RT10.03")
class TestExceptionInfo:
    """The getters of an exception info."""

    @pytest.mark.parametrize("options", SCHEDULES, ids=lambda options: str(options["schedule"]))
    def test_says_what_failed(self, open_acl: OpenAcl, calls: Calls, options: dict[str, Any]) -> None:
        """The task's place in its stream from 0 on, the stream's id, the thread, the device and the code."""
        acl = open_acl(devices=2, **options)
        acl.start(1)
        stream, number = acl.stream(), acl.out("int32_t")
        acl.ok(acl.aclrtStreamGetId(stream, number))
        callback = calls.function(CALLBACK, lambda info: calls.trace.append(details(acl, info)))
        acl.ok(acl.aclrtSetExceptionInfoCallback(callback))
        failing = (0, 4, 5)
        for place in range(6):
            if place in failing:
                fail_with(acl, stream, 507015)
            else:
                acl.work(stream)
        assert acl.aclrtSynchronizeStream(stream) == 507015
        assert calls.trace == [
            {
                "TaskId": place,
                "StreamId": number[0],
                "ThreadId": threading.get_ident() & 0xFFFFFFFF,
                "DeviceId": 1,
                "ErrorCode": 507015,
            }
            for place in failing
        ]

    def test_no_info(self, ready: Acl, calls: Calls) -> None:
        """NULL is 0xFFFFFFFF for every getter, and so is an info whose callback is over."""
        infos: list[Any] = []
        ready.ok(ready.aclrtSetExceptionInfoCallback(calls.function(CALLBACK, infos.append)))
        fail(ready, NULL)
        assert len(infos) == 1
        for info in (NULL, infos[0]):
            assert details(ready, info) == dict.fromkeys(GETTERS, NOTHING)

    def test_a_callback_may_call_acl(self, ready: Acl, calls: Calls) -> None:
        """What a callback asks for is answered, from any thread."""

        def call(info: Any) -> None:
            free = ready.free_bytes()
            calls.trace.append((free, ready.in_thread(lambda: details(ready, info)["ErrorCode"])))

        ready.ok(ready.aclrtSetExceptionInfoCallback(calls.function(CALLBACK, call)))
        free = ready.free_bytes()
        fail(ready, NULL)
        assert calls.trace == [(free, FAILED)]


@pytest.mark.row("RT10.04")
class TestLastError:
    """aclrtGetLastError and aclrtPeekAtLastError."""

    @pytest.mark.parametrize("level", [1, 2, 0xFFFFFFFF])
    def test_refuses_a_level(self, ready: Acl, level: int) -> None:
        """A level other than 0, the thread's, is 100000 and clears nothing."""
        assert ready.aclrtSetDevice(7) == 107001
        for name in ("aclrtGetLastError", "aclrtPeekAtLastError"):
            refuse(ready, 100000, name, level, says=f"level is {level}")
        assert ready.last_error() == 107001

    def test_getting_clears_and_peeking_keeps(self, ready: Acl) -> None:
        """Both return the code of the last call that failed; after Get there is none."""
        level = ready.lib.ACL_RT_THREAD_LEVEL
        assert [ready.aclrtPeekAtLastError(level), ready.aclrtGetLastError(level)] == [0, 0]
        for device, code in [(7, 107001), (0, 107001)]:
            assert ready.aclrtSetDevice(device) == (code if device else 0)
            assert [ready.aclrtPeekAtLastError(level) for _ in range(3)] == [code] * 3
        assert [ready.aclrtGetLastError(level) for _ in range(2)] == [107001, 0]
        assert ready.aclrtPeekAtLastError(level) == 0

    def test_is_of_the_thread(self, ready: Acl) -> None:
        """No thread sees or clears what another one's call left."""
        assert ready.aclrtSetDevice(7) == 107001

        def other() -> tuple[int, int]:
            before = ready.last_error()
            assert ready.aclrtResetDevice(1) == 507007
            return before, ready.last_error()

        assert ready.in_thread(other) == (0, 507007)
        assert ready.last_error() == 107001

    def test_needs_no_context(self, acl: Acl) -> None:
        """It works before anything was initialised."""
        assert acl.last_error() == 0
        assert acl.aclrtSynchronizeDevice() == 107002
        assert acl.last_error() == 107002


def written(acl: Acl, code: int, name: str, *arguments: Any) -> bool:
    """Whether the answer of a call becomes the last error; whatever it is, the sentence is there."""
    acl.last_error()
    refuse(acl, code, name, *arguments)
    error = acl.last_error()
    assert error in (0, code)
    return error == code


class TestWhatIsWritten:
    """contract_rt section 13.3: which answers become the last error."""

    def test_success_clears_nothing(self, ready: Acl) -> None:
        """Calls that succeed leave an earlier error where it is."""
        assert ready.aclrtSetDevice(7) == 107001
        ready.work(ready.stream())
        ready.ok(ready.aclrtSynchronizeDevice())
        assert ready.last_error() == 107001

    @pytest.mark.row("RT15.21")
    def test_answers_of_the_acl_layer_are_not(self, ready: Acl) -> None:
        """Parameter errors of the ACL layer, 100xxx, do not touch the last error, though the documentation says so."""
        assert ready.aclrtSetDevice(7) == 107001
        cases: list[tuple[Any, ...]] = [
            (100000, "aclrtMalloc", NULL, 1, 0),
            (100000, "aclrtMemcpy", NULL, 1, NULL, 1, 0),
            (100000, "aclrtGetMemInfo", 0, NULL, NULL),
            (100000, "aclrtLaunchCallback", NULL, NULL, 9, NULL),
            (100000, "aclrtProcessReport", 0),
            (100002, "aclInit", NULL),
        ]
        for code, name, *arguments in cases:
            refuse(ready, code, name, *arguments)
            assert ready.aclrtPeekAtLastError(0) == 107001

    def test_runtime_codes_are(self, ready: Acl, calls: Calls) -> None:
        """107000 to 107017 and 507xxx from any call are written."""
        note, stream, foreign = calls.note("aclrtCallback", "ran"), ready.stream(), foreign_stream(ready)
        event, progress = ready.out("aclrtEvent"), ready.out("aclrtEvent")
        ready.ok(ready.aclrtCreateEvent(event))
        ready.ok(ready.aclrtCreateEventWithFlag(progress, ready.lib.ACL_EVENT_CAPTURE_STREAM_PROGRESS))
        ready.ok(ready.aclrtRecordEvent(progress[0], stream))
        ready.ok(ready.aclrtRecordEvent(event[0], stream))
        ready.synchronize(stream)
        cases: list[tuple[Any, ...]] = [
            (107000, "aclrtSynchronizeStreamWithTimeout", stream, 0),
            (107001, "aclrtSetDevice", 7),
            (107003, "aclrtRecordEvent", event[0], foreign),
            (107006, "aclrtEventElapsedTime", ready.out("float"), progress[0], event[0]),
            (107011, "aclrtUnSubscribeReport", 1, stream),
            (107012, "aclrtProcessReport", FOREVER),
            (107015, "aclrtLaunchCallback", note, NULL, 0, stream),
            (107017, "aclrtSynchronizeStream", dead_stream(ready)),
            (507007, "aclrtResetDevice", 1),
            (207001, "aclrtMalloc", ready.out("void *"), 1 << 60, 0),
        ]
        for code, name, *arguments in cases:
            assert written(ready, code, name, *arguments), name
        never = ready.out("aclrtEvent")
        ready.ok(ready.aclrtCreateEvent(never))
        assert written(ready, 507000, "aclrtEventElapsedTime", ready.out("float"), never[0], event[0])
        place = ready.out("int32_t")
        assert ready.in_thread(lambda: written(ready, 107002, "aclrtGetDevice", place))

    def test_what_is_quiet(self, ready: Acl) -> None:
        """The 107002 of GetCurrentContext, 107021, and 207000 of some calls are not written; Memcpy2d's 207000 is."""
        plain, host = ready.out("aclrtEvent"), ready.malloc_host(64)
        new = ready.out("aclrtEvent")
        ready.ok(ready.aclrtCreateEventExWithFlag(new, ready.lib.ACL_EVENT_SYNC))
        ready.ok(ready.aclrtCreateEventWithFlag(plain, ready.lib.ACL_EVENT_TIME_LINE))
        stream = ready.stream()
        ready.ok(ready.aclrtSetStreamFailureMode(stream, 1))
        one, two = ready.malloc(64), ready.malloc(64)
        cases: list[tuple[Any, ...]] = [
            (207000, "aclrtResetEvent", new[0], NULL),
            (207000, "aclrtQueryEvent", new[0], ready.out("aclrtEventStatus")),
            (207000, "aclrtStreamWaitEvent", NULL, plain[0]),
            (207000, "aclrtMemcpyAsync", host, 4, ready.offset(host, 8), 4, 0, NULL),
            (207000, "aclrtSetStreamFailureMode", stream, 0),
            (107021, "aclrtCtxGetSysParamOpt", 0, ready.out("int64_t")),
        ]
        for code, name, *arguments in cases:
            assert not written(ready, code, name, *arguments), name
        context = ready.out("aclrtContext")
        assert not ready.in_thread(lambda: written(ready, 107002, "aclrtGetCurrentContext", context))
        assert written(ready, 207000, "aclrtMemcpy2d", one, 8, two, 8, 4, 2, 3)

    def test_errors_of_tasks_are(self, ready: Acl) -> None:
        """What a synchronise delivers of a failed task, and an expired wait, are written in the thread that waited."""
        stream = ready.stream()
        ready.failing_work(stream)
        assert written(ready, FAILED, "aclrtSynchronizeStream", stream)
        ready.long_work(stream, milliseconds=2)
        assert written(ready, 507046, "aclrtSynchronizeStreamWithTimeout", stream, 1)
        ready.failing_work(NULL)
        assert written(ready, FAILED, "aclrtSynchronizeDevice")

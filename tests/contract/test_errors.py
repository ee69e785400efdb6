"""Errors of running tasks, and timeouts (contract_rt section 13)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.acl import FOREVER, NULL, Acl

FAILED = 507053


def _pageable_copy(acl: Acl, stream: Any) -> int:
    device = acl.malloc(4)
    return acl.aclrtMemcpyAsync(device, 4, b"host", 4, acl.lib.ACL_MEMCPY_HOST_TO_DEVICE, stream)


WAITS = {
    "stream": lambda acl, stream: acl.aclrtSynchronizeStream(stream),
    "stream-timeout": lambda acl, stream: acl.aclrtSynchronizeStreamWithTimeout(stream, FOREVER),
    "device": lambda acl, _: acl.aclrtSynchronizeDevice(),
    "device-timeout": lambda acl, _: acl.aclrtSynchronizeDeviceWithTimeout(FOREVER),
    "pageable-copy": _pageable_copy,
}


@pytest.mark.row("RT13.01")
class TestContinueOnFailure:
    """What a failed task does by default."""

    @pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
    @pytest.mark.parametrize("ran_before", [True, False])
    def test_a_wait_delivers_it_once(self, ready: Acl, wait: Callable[[Acl, Any], int], ran_before: bool) -> None:
        """Whatever waits for the stream first returns the code, with its sentence; then it is cleared."""
        stream = ready.stream()
        ready.failing_work(stream)
        if ran_before:
            ready.complete(stream)  # under the lazy schedule the task runs now
        assert ready.message() == ""
        assert wait(ready, stream) == FAILED
        assert "was freed before the copy ran" in ready.message()
        assert [again(ready, stream) for again in WAITS.values()] == [0] * len(WAITS)

    def test_a_query_does_not_deliver_it(self, ready: Acl) -> None:
        """aclrtStreamQuery answers 0 before and after the task failed."""
        stream = ready.stream()
        ready.failing_work(stream)
        assert [ready.complete(stream) for _ in range(3)] == [False, True, True]
        assert ready.aclrtSynchronizeStream(stream) == FAILED

    def test_the_following_tasks_run(self, ready: Acl) -> None:
        """What is queued behind the failed task is done."""
        stream = ready.stream()
        before = ready.work(stream)
        ready.failing_work(stream)
        after = ready.work(stream)
        assert ready.aclrtSynchronizeStream(stream) == FAILED
        assert (before.ran(), after.ran()) == (True, True)

    def test_a_later_failure_replaces_it(self, ready: Acl) -> None:
        """Of two failures of one stream the later one is delivered, and only that."""
        stream = ready.stream()
        target, first, second = ready.malloc(4), ready.malloc(4), ready.malloc(4)
        for source in (first, second):
            ready.copy(target, source, 4, stream)
            ready.ok(ready.aclrtFree(source))
        assert ready.aclrtSynchronizeStream(stream) == FAILED
        message = ready.message()
        assert f"{ready.address(second):x}" in message
        assert f"{ready.address(first):x}" not in message
        assert ready.aclrtSynchronizeStream(stream) == 0

    def test_other_streams_do_not_notice(self, ready: Acl) -> None:
        """Waiting for another stream, the default stream too, is 0 and takes the error from nobody."""
        stream, other = ready.stream(), ready.stream()
        ready.failing_work(stream)
        ready.complete(stream)
        works = [ready.work(other), ready.work()]
        assert ready.aclrtSynchronizeStream(other) == 0
        assert ready.aclrtSynchronizeStream(NULL) == 0
        assert [work.ran() for work in works] == [True, True]
        assert ready.aclrtSynchronizeStream(stream) == FAILED

    def test_everything_else_goes_on(self, ready: Acl) -> None:
        """With the error still pending the stream takes work, and other calls succeed."""
        stream = ready.stream()
        ready.failing_work(stream)
        ready.complete(stream)
        work = ready.work(stream)
        other = ready.stream()
        ready.ok(ready.aclrtDestroyStream(other))
        ready.ok(ready.aclrtDestroyContext(ready.context()))
        ready.ok(ready.aclrtSetDevice(0))
        assert ready.aclrtSynchronizeStream(stream) == FAILED
        assert work.ran()


@pytest.mark.row("RT13.10")
@pytest.mark.parametrize("timeout", [0, -2, -1000, -(2**31)])
def test_timeouts_that_are_refused(ready: Acl, timeout: int) -> None:
    """A timeout of 0 or below -1 is 107000 for streams, devices and events, 100000 for reports, and nothing runs."""
    work, event = ready.work(), ready.out("aclrtEvent")
    ready.ok(ready.aclrtCreateEvent(event))
    ready.ok(ready.aclrtRecordEvent(event[0], NULL))
    ready.ok(ready.aclrtSubscribeReport(threading.get_ident(), NULL))
    calls: list[tuple[int, Callable[[], int]]] = [
        (107000, lambda: ready.aclrtSynchronizeStreamWithTimeout(NULL, timeout)),
        (107000, lambda: ready.aclrtSynchronizeDeviceWithTimeout(timeout)),
        (107000, lambda: ready.aclrtSynchronizeEventWithTimeout(event[0], timeout)),
        (100000, lambda: ready.aclrtProcessReport(timeout)),
    ]
    for code, call in calls:
        assert call() == code
        assert f"timeout is {timeout} ms" in ready.message()
    assert not work.ran()


@pytest.mark.row("RT13.03")
class TestExpiredWaits:
    """Timeouts of stream and device synchronisation."""

    @pytest.mark.parametrize("first", ["stream", "device"])
    @pytest.mark.parametrize("then", WAITS.values(), ids=WAITS)
    def test_expiry_leaves_the_tasks_alone(self, ready: Acl, first: str, then: Callable[[Acl, Any], int]) -> None:
        """An expired wait is 507046; the tasks go on and can be waited for in any way."""
        stream = ready.stream()
        ready.long_work(stream, milliseconds=3)
        work = ready.work(stream)
        if first == "stream":
            assert ready.aclrtSynchronizeStreamWithTimeout(stream, 1) == 507046
        else:
            assert ready.aclrtSynchronizeDeviceWithTimeout(1) == 507046
        assert "go on" in ready.message()
        assert ready.last_error() == 507046
        assert not ready.complete(stream)
        assert then(ready, stream) == 0
        assert work.ran()

    def test_an_error_is_delivered_after_an_expiry(self, ready: Acl) -> None:
        """The error of a task that failed before the wait expired is not lost."""
        stream = ready.stream()
        ready.failing_work(stream)
        ready.long_work(stream, milliseconds=3)
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, 1) == 507046
        assert ready.aclrtSynchronizeStream(stream) == FAILED

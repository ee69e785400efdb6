"""What the host asks of events (contract_rt section 6): queries, synchronisation, times and ids."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.aclsim.machine import PATIENCE, world_of
from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.helpers import HostThread, fail_with
from tests.contract.sync import (
    EXTERNAL,
    PROGRESS,
    SYNC,
    TIME_LINE,
    complete,
    dead_event,
    each_family,
    each_schedule,
    event,
    events_left,
    hold,
    let_pass,
    microseconds,
    milliseconds,
    record,
    refuse,
    refuse_elsewhere,
    started,
    wait,
)


class TestQuery:
    """aclrtQueryEvent, aclrtQueryEventStatus and aclrtQueryEventWaitStatus, without graph capture."""

    @pytest.mark.parametrize(
        ("name", "c_type"),
        [
            ("aclrtQueryEvent", "aclrtEventStatus"),
            ("aclrtQueryEventStatus", "aclrtEventRecordedStatus"),
            pytest.param("aclrtQueryEventWaitStatus", "aclrtEventWaitStatus", marks=pytest.mark.row("RT6.14")),
        ],
    )
    def test_order_of_checks(self, ready: Acl, name: str, c_type: str) -> None:
        """NULLs are 100000, then a dead handle 107017, then 207000 for events that it is not for; no context is needed."""
        dead, place = dead_event(ready), ready.out(c_type)
        refuse(ready, 100000, name, NULL, NULL, says="event is NULL")
        refuse(ready, 100000, name, dead, NULL, says="status is NULL")
        refuse(ready, 107017, name, dead, place)
        if name != "aclrtQueryEventStatus":
            refuse(ready, 207000, name, event(ready, "EX"), place, says="aclrtCreateEventExWithFlag", quiet=True)
        if name != "aclrtQueryEventWaitStatus":
            refuse(ready, 207000, name, event(ready, "OLD", EXTERNAL), place, says="external", quiet=True)
        made = event(ready)
        assert ready.in_thread(lambda: getattr(ready, name)(made, place)) == 0

    @pytest.mark.row("RT15.16")
    def test_values(self, ready: Acl) -> None:
        """COMPLETE is 0 and NOT_READY 1 for aclrtQueryEvent, and just the other way round for aclrtQueryEventStatus."""
        lib = ready.lib
        assert (lib.ACL_EVENT_STATUS_COMPLETE, lib.ACL_EVENT_STATUS_NOT_READY) == (0, 1)
        assert (lib.ACL_EVENT_RECORDED_STATUS_COMPLETE, lib.ACL_EVENT_RECORDED_STATUS_NOT_READY) == (1, 0)
        made, status, recorded = event(ready), ready.out("aclrtEventStatus"), ready.out("aclrtEventRecordedStatus")
        stream = ready.stream()
        hold(ready, stream)
        for on, codes in [(NULL, (0, 1)), (stream, (1, 0))]:
            record(ready, made, on)
            if on == NULL:
                ready.synchronize()
            ready.ok(ready.aclrtQueryEvent(made, status))
            ready.ok(ready.aclrtQueryEventStatus(made, recorded))
            assert (status[0], recorded[0]) == codes

    @pytest.mark.parametrize(("family", "flag"), [("DEF", 0), ("OLD", SYNC), ("OLD", TIME_LINE), ("EX", SYNC)])
    def test_an_event_without_a_record(self, ready: Acl, family: str, flag: int) -> None:
        """aclrtQueryEvent finds it complete, aclrtQueryEventStatus only if it is an EX event."""
        made, status, recorded = (
            event(ready, family, flag),
            ready.out("aclrtEventStatus"),
            ready.out("aclrtEventRecordedStatus"),
        )
        if family != "EX":
            status[0] = 1
            ready.ok(ready.aclrtQueryEvent(made, status))
            assert status[0] == 0
        ready.ok(ready.aclrtQueryEventStatus(made, recorded))
        assert recorded[0] == (1 if family == "EX" else 0)

    @pytest.mark.row("RT12.08")
    @each_schedule
    @pytest.mark.parametrize("name", ["aclrtQueryEvent", "aclrtQueryEventStatus", "aclrtQueryEventWaitStatus"])
    def test_poll_loops_end(self, open_acl: OpenAcl, options: dict[str, Any], name: str) -> None:
        """A loop that only asks sees the event complete after not much more than one query for each queued task."""
        acl = started(open_acl, **options)
        first, second, beside = acl.stream(), acl.stream(), acl.stream()
        made = event(acl, "OLD")
        release = hold(acl, first)
        works = [acl.work(first) for _ in range(5)]
        record(acl, made, first)
        wait(acl, second, made)
        last = acl.work(beside)
        place = acl.out("int")
        ask = getattr(acl, name)
        not_ready, is_complete = (0, 1) if name == "aclrtQueryEventStatus" else (1, 0)

        def answer() -> int:
            acl.ok(ask(made, acl.ffi.cast(acl.ffi.typeof(f"{c_type} *"), place)))
            return int(place[0])

        c_type = {
            "aclrtQueryEvent": "aclrtEventStatus",
            "aclrtQueryEventStatus": "aclrtEventRecordedStatus",
            "aclrtQueryEventWaitStatus": "aclrtEventWaitStatus",
        }[name]
        assert [answer() for _ in range(20)] == [not_ready] * 20
        release()
        answers = [answer()]
        while answers[-1] == not_ready:
            answers.append(answer())
            assert len(answers) < 100
        assert answers[-1] == is_complete
        assert len(answers) <= 12
        assert [work.ran() for work in works] == [True] * 5
        if options["schedule"] == "lazy":
            assert not last.ran()

    @pytest.mark.row("RT6.14")
    @pytest.mark.parametrize("family", ["DEF", "OLD"])
    def test_waits_that_are_outstanding(self, ready: Acl, family: str) -> None:
        """aclrtQueryEventWaitStatus is NOT_READY (1) while a wait is queued, whatever the records do; else COMPLETE (0)."""
        made, place, stream = event(ready, family), ready.out("aclrtEventWaitStatus"), ready.stream()

        def outstanding() -> bool:
            ready.ok(ready.aclrtQueryEventWaitStatus(made, place))
            return bool(place[0])

        assert not outstanding()
        release = hold(ready, stream)
        record(ready, made, stream)
        assert not outstanding()  # a record is no wait
        others = [ready.stream(), ready.stream()]
        for other in others:
            wait(ready, other, made)
        assert outstanding()
        ready.ok(ready.aclrtDestroyStreamForce(others[0]))
        assert outstanding()
        release()
        ready.synchronize(others[1])
        assert not outstanding()
        assert complete(ready, made)

    @pytest.mark.row("RT6.14")
    def test_a_wait_that_gave_up_is_over(self, ready: Acl) -> None:
        """A wait that expired is outstanding no longer, one behind it still is."""
        made, place = event(ready, "OLD"), ready.out("aclrtEventWaitStatus")
        first, second = ready.stream(), ready.stream()
        ready.ok(ready.aclrtStreamWaitEventWithTimeout(first, made, 1))
        ready.ok(ready.aclrtStreamWaitEventWithTimeout(second, made, 5))
        for stream, status in [(first, 1), (second, 0)]:
            assert ready.aclrtSynchronizeStream(stream) == 107020
            ready.ok(ready.aclrtQueryEventWaitStatus(made, place))
            assert place[0] == status


class TestSynchronize:
    """aclrtSynchronizeEvent, and aclrtSynchronizeEventWithTimeout without a limit: without graph capture."""

    @pytest.fixture(params=["plain", "timed"])
    def synchronize(self, ready: Acl, request: pytest.FixtureRequest) -> Callable[[Any], int]:
        """One of the two calls."""
        if request.param == "plain":
            return ready.aclrtSynchronizeEvent
        return lambda event: ready.aclrtSynchronizeEventWithTimeout(event, FOREVER)

    @each_family
    def test_an_event_without_a_record(self, ready: Acl, synchronize: Callable[[Any], int], family: str) -> None:
        """It is 0 at once, with or without a context, and nothing runs."""
        made, work = event(ready, family), ready.work()
        assert synchronize(made) == 0
        assert ready.in_thread(lambda: synchronize(made)) == 0
        assert not work.ran()

    def test_external_events(self, ready: Acl, synchronize: Callable[[Any], int]) -> None:
        """An EXTERNAL event is 207000, recorded or not."""
        made = event(ready, "OLD", EXTERNAL)
        assert synchronize(made) == 207000
        record(ready, made)
        assert synchronize(made) == 207000
        assert "is external" in ready.message()

    @pytest.mark.row("RT12.08")
    @each_family
    def test_waits_for_the_newest_record(self, ready: Acl, synchronize: Callable[[Any], int], family: str) -> None:
        """It waits for the latest record and what is before it in its stream, and for nothing else."""
        made, held, free = event(ready, family), ready.stream(), ready.stream()
        hold(ready, held)
        record(ready, made, held)
        before = ready.work(free)
        record(ready, made, free)
        after, beside = ready.work(free), ready.work()
        assert synchronize(made) == 0
        assert (before.ran(), after.ran(), beside.ran()) == (True, False, False)

    def test_streams_of_other_contexts(self, ready: Acl, synchronize: Callable[[Any], int]) -> None:
        """The record may be in a stream of another context; the calling thread needs none."""
        made, context = event(ready), ready.current_context()
        ready.context(1)
        work = ready.work()
        record(ready, made)
        observer = ready.current_context()
        ready.ok(ready.aclrtSetCurrentContext(context))
        assert ready.in_thread(lambda: synchronize(made)) == 0
        ready.ok(ready.aclrtSetCurrentContext(observer))
        assert work.ran()

    @each_family
    def test_gives_the_error_of_a_failed_stream(
        self, ready: Acl, synchronize: Callable[[Any], int], family: str
    ) -> None:
        """The code of a task that failed before the record is returned, and stays for the stream's own synchronise."""
        made, stream = event(ready, family), ready.stream()
        ready.failing_work(stream)
        record(ready, made, stream)
        assert synchronize(made) == 507053
        assert "was freed before the copy ran" in ready.message()
        assert ready.last_error() == 507053
        assert ready.aclrtSynchronizeStream(stream) == 507053
        assert synchronize(made) == 0

    def test_gives_the_error_of_a_failed_context(self, ready: Acl, synchronize: Callable[[Any], int]) -> None:
        """In STOP mode the code sticks: it is returned for every record of the context."""
        made, stream = event(ready), ready.stream()
        ready.ok(ready.aclrtSetStreamFailureMode(stream, 1))
        record(ready, made, stream)
        fail_with(ready, stream, 507015)
        assert synchronize(made) == 0
        assert ready.aclrtSynchronizeStream(stream) == 507015
        assert [synchronize(made) for _ in range(2)] == [507015, 507015]

    @pytest.mark.parametrize("forced", [True, False])
    def test_a_record_that_was_dropped(self, ready: Acl, synchronize: Callable[[Any], int], forced: bool) -> None:
        """A record that an abort or a forced destruction dropped holds nobody up; it took no time."""
        made, stream = event(ready), ready.stream()
        hold(ready, stream)
        record(ready, made, stream)
        if forced:
            ready.ok(ready.aclrtDestroyStreamForce(stream))
        else:
            ready.ok(ready.aclrtStreamAbort(stream))
        assert synchronize(made) == 0
        refuse(ready, 107006, "aclrtEventGetTimestamp", made, ready.out("uint64_t"))

    def test_an_abort_meanwhile(self, ready: Acl, server: HostThread, synchronize: Callable[[Any], int]) -> None:
        """When another thread aborts the stream while this one waits, it is 107023."""
        made, stream = event(ready), ready.stream()
        hold(ready, stream)
        record(ready, made, stream)
        scheduler = world_of(ready).scheduler
        waiting = server.begin(lambda: synchronize(made))
        while not scheduler._waiting:  # it is about to wait; the lock is free only when it does
            assert not waiting.done()
        ready.ok(ready.aclrtStreamAbort(stream))
        assert waiting.result(PATIENCE) == 107023
        assert "was aborted" in server.call(ready.message)
        assert server.call(ready.last_error) == 107023


class TestSynchronizeWithTimeout:
    """aclrtSynchronizeEventWithTimeout with a limit."""

    @pytest.mark.row("RT6.16", "RT13.10", "RT15.10")
    def test_order_of_checks(self, ready: Acl) -> None:
        """Below -1 is 107000 even for NULL, then NULL 100000, then a dead handle 107017, then 0 is 107000."""
        name, dead, external = "aclrtSynchronizeEventWithTimeout", dead_event(ready), event(ready, "OLD", EXTERNAL)
        for timeout in (-2, -(2**31)):
            refuse(ready, 107000, name, NULL, timeout, says=f"timeout is {timeout} ms", quiet=True)
            refuse(ready, 107000, name, dead, timeout, says=f"timeout is {timeout} ms", quiet=True)
        refuse(ready, 100000, name, NULL, 0, says="event is NULL")
        refuse(ready, 107017, name, dead, 0, says="event: ")
        refuse(ready, 107000, name, external, 0, says="timeout is 0 ms")
        refuse(ready, 107000, name, event(ready), 0, says="timeout is 0 ms")  # though it was never recorded
        refuse(ready, 207000, name, external, 1, quiet=True)

    @pytest.mark.row("RT6.16", "RT13.04")
    @each_family
    def test_expires(self, ready: Acl, family: str) -> None:
        """A record that comes later is 507047, which is a last error; the stream goes on, a later wait finds it done."""
        made, stream = event(ready, family), ready.stream()
        ready.long_work(stream, milliseconds=5)
        record(ready, made, stream)
        for _ in range(2):
            refuse(ready, 507047, "aclrtSynchronizeEventWithTimeout", made, 2, says="within 2 ms of virtual time")
        assert not complete(ready, made)
        assert ready.aclrtSynchronizeEventWithTimeout(made, 2) == 0
        assert complete(ready, made)
        assert microseconds(ready, made) == 5000

    @pytest.mark.row("RT6.16", "RT13.04")
    @each_schedule
    def test_expires_in_virtual_time(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A wait for what nobody brings is over at once, whatever the limit; the host has lived that long then."""
        acl = started(open_acl, **options)
        made, stream = event(acl), acl.stream()
        release = hold(acl, stream)
        record(acl, made, stream)
        assert acl.aclrtSynchronizeEventWithTimeout(made, 2**31 - 1) == 507047
        release()
        assert acl.aclrtSynchronizeEventWithTimeout(made, 1) == 0
        assert microseconds(acl, made) == (2**31 - 1) * 1000

    @pytest.mark.row("RT6.16")
    @pytest.mark.parametrize("timeout", [6, 2**31 - 1, FOREVER])
    def test_succeeds_in_time(self, ready: Acl, timeout: int) -> None:
        """A record that is done before the limit is 0; -1 is no limit."""
        made, stream = event(ready), ready.stream()
        ready.long_work(stream, milliseconds=5)
        record(ready, made, stream)
        assert ready.aclrtSynchronizeEventWithTimeout(made, timeout) == 0
        assert complete(ready, made)


# -- times -----------------------------------------------------------------------------------------------------------


class TestTimes:
    """aclrtEventElapsedTime (RT6.17) and aclrtEventGetTimestamp (RT6.18), without graph capture."""

    def test_order_of_checks_of_elapsed_time(self, ready: Acl) -> None:
        """NULLs 100000, dead 107017, never recorded 507000, no time 107006: the first that is wrong of either decides."""
        name, place, dead = "aclrtEventElapsedTime", ready.out("float"), dead_event(ready)
        place[0] = 7
        new, untimed, pending, good = event(ready), event(ready, "OLD", SYNC), event(ready), event(ready)
        for made in (untimed, good):
            record(ready, made)
        ready.synchronize()
        stream = ready.stream()
        hold(ready, stream)
        record(ready, pending, stream)
        refuse(ready, 100000, name, NULL, dead, dead, says="ms is NULL")
        refuse(ready, 100000, name, place, NULL, dead, says="startEvent is NULL")
        refuse(ready, 100000, name, place, dead, NULL, says="endEvent is NULL")
        refuse(ready, 107017, name, place, new, dead, says="endEvent: ")
        refuse(ready, 107017, name, place, dead, new, says="startEvent: ")
        refuse(ready, 507000, name, place, new, untimed, says="startEvent: ")
        refuse(ready, 507000, name, place, untimed, new, says="endEvent: ")
        refuse(ready, 507000, name, place, pending, new, says="endEvent: ")
        refuse(ready, 107006, name, place, untimed, good, says="without ACL_EVENT_TIME_LINE")
        refuse(ready, 107006, name, place, good, untimed, says="without ACL_EVENT_TIME_LINE")
        refuse(ready, 107006, name, place, pending, good, says="startEvent: ")
        refuse(ready, 107006, name, place, good, pending, says="is not complete")
        assert place[0] == 7
        assert ready.in_thread(lambda: ready.aclrtEventElapsedTime(place, good, good)) == 0
        assert place[0] == 0

    def test_order_of_checks_of_time_stamp(self, ready: Acl) -> None:
        """NULLs 100000, dead 107017, never recorded 507000, no time 107006: the first that is wrong decides."""
        name, place, dead = "aclrtEventGetTimestamp", ready.out("uint64_t"), dead_event(ready)
        place[0] = 7
        untimed, stream = event(ready, "EX", SYNC | PROGRESS), ready.stream()
        refuse(ready, 100000, name, NULL, NULL, says="event is NULL")
        refuse(ready, 100000, name, dead, NULL, says="timestamp is NULL")
        refuse(ready, 107017, name, dead, place)
        refuse(ready, 507000, name, untimed, place, says="never recorded")
        record(ready, untimed)
        ready.synchronize()
        for _ in range(2):  # also the second time
            refuse(ready, 107006, name, untimed, place, says="without ACL_EVENT_TIME_LINE")
        made = event(ready)
        hold(ready, stream)
        record(ready, made, stream)
        refuse(ready, 107006, name, made, place, says="is not complete")
        assert place[0] == 7

    @each_schedule
    @each_family
    def test_times_are_the_same_under_every_schedule(
        self, open_acl: OpenAcl, options: dict[str, Any], family: str
    ) -> None:
        """Milliseconds between two records, across streams and in either direction; time stamps are microseconds."""
        acl = started(open_acl, **options)
        start, middle, end = (event(acl, family) for _ in range(3))
        first, second = acl.stream(), acl.stream()
        acl.long_work(first, milliseconds=0.5)
        record(acl, start, first)
        acl.long_work(first, milliseconds=1)
        record(acl, middle, first)
        wait(acl, second, middle)
        acl.long_work(second, milliseconds=2.5)
        record(acl, end, second)
        acl.ok(acl.aclrtSynchronizeEvent(end))
        assert [microseconds(acl, each) for each in (start, middle, end)] == [500, 1500, 4000]
        assert milliseconds(acl, start, middle) == 1
        assert milliseconds(acl, start, end) == 3.5
        assert milliseconds(acl, end, start) == -3.5
        assert milliseconds(acl, end, end) == 0
        let_pass(acl, 10)  # from 4 ms on
        record(acl, start, second)
        acl.synchronize(second)
        assert milliseconds(acl, start, end) == -10

    @each_schedule
    @pytest.mark.parametrize("name", ["aclrtEventElapsedTime", "aclrtEventGetTimestamp"])
    def test_loops_until_there_is_a_time_end(self, open_acl: OpenAcl, options: dict[str, Any], name: str) -> None:
        """A loop that asks again while the answer is 107006 ends when the record is done."""
        acl = started(open_acl, **options)
        made, stream = event(acl), acl.stream()
        for _ in range(5):
            acl.work(stream)
        record(acl, made, stream)
        times = 0
        place = acl.out("float"), acl.out("uint64_t")

        def ask() -> int:
            if name == "aclrtEventElapsedTime":
                return acl.aclrtEventElapsedTime(place[0], made, made)
            return acl.aclrtEventGetTimestamp(made, place[1])

        while (code := ask()) == 107006:
            times += 1
            assert times < 100
        assert code == 0
        assert times <= 6
        assert complete(acl, made)


# -- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.row("RT6.19")
class TestGetEventId:
    """aclrtGetEventId."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULLs are 100000, then a dead handle 107017, then an event without an id 507000; no context is needed."""
        name, place, dead = "aclrtGetEventId", ready.out("uint32_t"), dead_event(ready)
        refuse(ready, 100000, name, NULL, NULL, says="event is NULL")
        refuse(ready, 100000, name, dead, NULL, says="eventId is NULL")
        refuse(ready, 107017, name, dead, place)
        made = event(ready)
        refuse_elsewhere(ready, 507000, name, made, place, says="no hardware id")

    def test_ids(self, ready: Acl) -> None:
        """An OLD event with SYNC has its id all the time, DEF and EX events while a record is pending, others never."""
        stream = ready.stream()
        release = hold(ready, stream)
        place, limit = ready.out("uint32_t"), events_left(ready)

        def number(made: Any) -> int:
            ready.ok(ready.aclrtGetEventId(made, place))
            return int(place[0])

        old = [event(ready, "OLD", SYNC), event(ready, "OLD", SYNC)]
        never, later = event(ready, "OLD", TIME_LINE), [event(ready, "DEF"), event(ready, "EX")]
        numbers = [number(made) for made in old]
        for made in (*later, never):
            refuse(ready, 507000, "aclrtGetEventId", made, place, says="no hardware id")
            record(ready, made, stream)
        numbers += [number(made) for made in later]
        assert len(set(numbers)) == 4
        assert set(numbers) <= set(range(limit))
        record(ready, old[0], stream)
        assert [number(made) for made in (*old, *later)] == numbers
        release()
        ready.synchronize(stream)
        assert [number(made) for made in old] == numbers[:2]
        for made in (*later, never):
            refuse(ready, 507000, "aclrtGetEventId", made, place, says="no hardware id")


@pytest.mark.row("RT6.20")
class TestGetEventAvailNum:
    """aclrtGetEventAvailNum."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without one it is 107002."""
        refuse(acl, 100000, "aclrtGetEventAvailNum", NULL, says="eventCount is NULL")
        refuse(acl, 107002, "aclrtGetEventAvailNum", acl.out("uint32_t"))

    def test_counts_the_ids_of_the_current_device(self, ready: Acl) -> None:
        """It goes down with each id that is taken, and is another number on another device."""
        left = events_left(ready)
        made = [event(ready, "OLD", SYNC) for _ in range(3)]
        assert events_left(ready) == left - 3
        ready.context(1)
        assert events_left(ready) == left
        ready.ok(ready.aclrtDestroyEvent(made[0]))  # of device 0
        assert events_left(ready) == left
        ready.ok(ready.aclrtSetDevice(0))
        assert events_left(ready) == left - 2

"""Streams that wait for events (contract_rt sections 6, 12 and 13)."""

from typing import Any

import pytest
from aclsim import SimulationHang

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import PATIENCE, HostThread, begin_synchronize, dead_stream, foreign_stream
from tests.contract.sync import (
    DEFAULT_TIMEOUT,
    DEVICE_USE_ONLY,
    EXTERNAL,
    IPC,
    PROGRESS,
    SCHEDULES,
    SYNC,
    TIME_LINE,
    blocked,
    complete,
    dead_event,
    each_family,
    each_schedule,
    event,
    hold,
    let_pass,
    microseconds,
    record,
    refuse,
    refuse_elsewhere,
    started,
    wait,
)

PLAIN, TIMED, FLAGGED = "aclrtStreamWaitEvent", "aclrtStreamWaitEventWithTimeout", "aclrtStreamWaitEventWithFlag"
each_wait = pytest.mark.parametrize("name", [PLAIN, TIMED, FLAGGED])


def arguments(name: str, stream: Any, made: Any, timeout: int = 0) -> tuple[Any, ...]:
    """The arguments of one of the three calls; `timeout` in seconds, which the first of them does not take."""
    return {PLAIN: (stream, made), TIMED: (stream, made, timeout), FLAGGED: (stream, made, timeout, 0)}[name]


def queries_until_complete(acl: Acl, stream: Any) -> int:
    """How often one has to ask before a stream is complete: on a lazy machine once for each of its tasks."""
    queries = 0
    while not acl.complete(stream):
        queries += 1
        assert queries < 100
    return queries


# -- arguments -------------------------------------------------------------------------------------------------------


class TestOrderOfChecks:
    """RT6.07, RT6.08 and RT6.09 without streams that are bound to a graph, and without graph capture."""

    @each_wait
    def test_what_all_three_have_in_common(self, ready: Acl, name: str) -> None:
        """A dead handle is 107017, then no SYNC 207000, no context 107002, foreign stream 107003, no DEF record 107000."""
        dead, live, foreign, never = dead_stream(ready), ready.stream(), foreign_stream(ready), event(ready, "DEF")
        for untimed in (event(ready, "OLD", TIME_LINE), event(ready, "EX", PROGRESS | TIME_LINE)):
            refuse(ready, 107017, name, *arguments(name, dead, untimed), says="stream: ")
            refuse_elsewhere(ready, 107017, name, *arguments(name, dead, untimed), says="stream: ")
            for stream in (foreign, live):
                says = "event: "
                refuse(ready, 207000, name, *arguments(name, stream, untimed), says=says, quiet=True)
                refuse_elsewhere(ready, 207000, name, *arguments(name, stream, untimed), says=says, quiet=True)
        refuse(ready, 107017, name, *arguments(name, foreign, dead_event(ready)), says="event: ")
        for stream in (foreign, live, NULL):
            refuse_elsewhere(ready, 107002, name, *arguments(name, stream, never), says="no current context")
        refuse(ready, 107003, name, *arguments(name, foreign, never), says="current context")
        refuse(ready, 107000, name, *arguments(name, live, never), says="never recorded")
        assert ready.complete(live)

    def test_a_negative_timeout(self, ready: Acl) -> None:
        """aclrtStreamWaitEventWithTimeout: below 0 is 107000 before all else; then NULL is 107000 too, written then."""
        for timeout in (-1, -(2**31)):
            for stream, made in [(NULL, NULL), (dead_stream(ready), event(ready)), (NULL, dead_event(ready))]:
                refuse(ready, 107000, TIMED, stream, made, timeout, says=f"timeout is {timeout} s", quiet=True)
        refuse_elsewhere(ready, 107000, TIMED, NULL, NULL, 0, says="event is NULL")

    def test_flags(self, ready: Acl) -> None:
        """aclrtStreamWaitEventWithFlag: NULL, a bad flag, EXTERNAL with a timeout are 100000; then dead handles 107017."""
        dead, ex = dead_event(ready), event(ready, "EX", SYNC)
        refuse(ready, 100000, FLAGGED, NULL, NULL, 1, 2, says="event is NULL")
        for flag in (2, 2**32 - 1):
            refuse(ready, 100000, FLAGGED, dead_stream(ready), dead, 1, flag, says=f"flag is {flag}")
        for timeout in (1, DEFAULT_TIMEOUT):
            refuse(ready, 100000, FLAGGED, dead_stream(ready), dead, timeout, 1, says=f"timeout is {timeout} s")
        refuse(ready, 107017, FLAGGED, NULL, dead, 0, 1, says="event: ")
        refuse(ready, 107017, FLAGGED, dead_stream(ready), ex, 0, 1, says="stream: ")
        refuse_elsewhere(ready, 107029, FLAGGED, NULL, ex, 0, 1, says="captures")
        refuse(ready, 107029, FLAGGED, foreign_stream(ready), ex, 0, 1, says="captures")

    @pytest.mark.parametrize(
        ("family", "flag"),
        [("DEF", 0), ("OLD", SYNC), ("OLD", EXTERNAL), ("EX", SYNC | TIME_LINE), ("EX", TIME_LINE), ("EX", IPC)],
    )
    def test_external_needs_a_new_event_with_exactly_sync(self, ready: Acl, family: str, flag: int) -> None:
        """An EXTERNAL wait for any other event is 207000, even without a context."""
        says = "exactly ACL_EVENT_SYNC"
        refuse_elsewhere(ready, 207000, FLAGGED, NULL, event(ready, family, flag), 0, 1, says=says, quiet=True)

    @each_wait
    @pytest.mark.parametrize(
        ("family", "flag"),
        [
            *(("OLD", flag) for flag in (SYNC, SYNC | TIME_LINE, SYNC | PROGRESS, DEVICE_USE_ONLY, EXTERNAL)),
            *(("EX", flag) for flag in (SYNC, SYNC | TIME_LINE, SYNC | PROGRESS, IPC)),
        ],
    )
    def test_events_to_wait_for(self, ready: Acl, name: str, family: str, flag: int) -> None:
        """Only events with nothing but TIME_LINE and PROGRESS cannot be waited for."""
        made, first, second = event(ready, family, flag), ready.stream(), ready.stream()
        release = hold(ready, first)
        record(ready, made, first)
        assert getattr(ready, name)(*arguments(name, second, made)) == 0
        assert blocked(ready, second)
        release()
        assert not blocked(ready, second)

    @each_wait
    def test_streams(self, ready: Acl, name: str) -> None:
        """NULL is the default stream; the event may be of another context, even of another device."""
        made, held = event(ready), ready.stream()
        release = hold(ready, held)
        record(ready, made, held)
        contexts = [ready.context(0), ready.context(1)]
        for context in contexts:
            ready.ok(ready.aclrtSetCurrentContext(context))
            assert getattr(ready, name)(*arguments(name, NULL, made)) == 0
            assert blocked(ready, NULL)
            assert blocked(ready, ready.default_stream())
        ready.ok(ready.aclrtSetDevice(0))
        release()
        for context in contexts:
            ready.ok(ready.aclrtSetCurrentContext(context))
            assert not blocked(ready, NULL)


# -- whom a wait holds back ------------------------------------------------------------------------------------------


@pytest.mark.row("RT12.07")
@each_schedule
@each_family
def test_a_wait_holds_back_what_comes_later(open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
    """Earlier tasks of the stream and other streams go on, later ones do not; the call itself returns at once."""
    acl = started(open_acl, **options)
    made, first, second, third = event(acl, family), acl.stream(), acl.stream(), acl.stream()
    release = hold(acl, first)
    record(acl, made, first)
    earlier = acl.work(second)
    wait(acl, second, made)
    later, beside = acl.work(second), acl.work(third)
    assert blocked(acl, second)
    acl.synchronize(third)
    assert (earlier.ran(), later.ran(), beside.ran()) == (True, False, True)
    release()
    acl.synchronize(second)
    assert later.ran()


@pytest.mark.row("RT12.07")
@each_schedule
@each_family
def test_a_chain_of_streams(open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
    """A value that is handed from stream to stream arrives, whether the host waits for the last one or only asks."""
    for poll in (False, True):
        acl = started(open_acl, **options)
        blocks = [acl.malloc(4, b"%04d" % number) for number in range(6)]
        streams = [acl.stream() for _ in range(5)]
        made = event(acl, "EX")
        for number, stream in enumerate(streams):
            wait(acl, stream, made)  # the first one for nothing: an EX event without a record
            acl.copy(blocks[number + 1], blocks[number], 4, stream)
            made = event(acl, family)
            record(acl, made, stream)
        if poll:
            queries_until_complete(acl, streams[-1])
        else:
            acl.synchronize(streams[-1])
        assert acl.read(blocks[-1], 4) == b"0000"


@pytest.mark.row("RT12.07")
@each_family
def test_lazy_brings_on_what_is_waited_for(ready: Acl, family: str) -> None:
    """Waiting for a stream runs what is before the record that it waits for, and nothing behind it or beside it."""
    made, first, second = event(ready, family), ready.stream(), ready.stream()
    before = ready.work(first)
    record(ready, made, first)
    behind, beside = ready.work(first), ready.work()
    wait(ready, second, made)
    ready.synchronize(second)
    assert (before.ran(), behind.ran(), beside.ran()) == (True, False, False)


# -- the wait table --------------------------------------------------------------------------------------------------


@pytest.mark.row("RT6.21", "RT15.13")
@each_schedule
@each_wait
class TestNeverRecorded:
    """A wait for an event without any record, by family."""

    def test_new(self, open_acl: OpenAcl, options: dict[str, Any], name: str) -> None:
        """For an EX event the call succeeds and nothing waits, not even for a record that comes later."""
        acl = started(open_acl, **options)
        made, stream, held = event(acl, "EX"), acl.stream(), acl.stream()
        assert getattr(acl, name)(*arguments(name, stream, made)) == 0
        assert acl.complete(stream)  # no task is queued
        hold(acl, held)
        record(acl, made, held)
        work = acl.work(stream)
        acl.synchronize(stream)
        assert work.ran()

    @pytest.mark.row("RT15.14")
    def test_default(self, open_acl: OpenAcl, options: dict[str, Any], name: str) -> None:
        """For a DEF event the call is 107000 and nothing is queued."""
        acl = started(open_acl, **options)
        made, stream = event(acl, "DEF"), acl.stream()
        refuse(acl, 107000, name, *arguments(name, stream, made), says="never recorded")
        assert acl.complete(stream)
        record(acl, made)
        assert getattr(acl, name)(*arguments(name, stream, made)) == 0

    def test_old(self, open_acl: OpenAcl, options: dict[str, Any], name: str) -> None:
        """For an OLD event the call succeeds and the stream is blocked until somebody records; if nobody does it hangs."""
        acl = started(open_acl, **options)
        made, stream = event(acl, "OLD"), acl.stream()
        assert getattr(acl, name)(*arguments(name, stream, made)) == 0
        work = acl.work(stream)
        assert not acl.complete(stream)
        assert blocked(acl, stream)
        with pytest.raises(SimulationHang) as hang:
            acl.synchronize(stream)
        assert f"OLD event 0x{acl.address(made):x}, which no queued task records" in str(hang.value)
        assert not work.ran()
        record(acl, made, acl.stream())
        acl.synchronize(stream)
        assert work.ran()


@pytest.mark.row("RT6.22")
@each_schedule
class TestRecordIsDone:
    """A wait for an event whose latest record was executed."""

    @pytest.mark.parametrize("family", ["DEF", "EX"])
    @pytest.mark.parametrize("same", [True, False], ids=["same stream", "other stream"])
    def test_new_and_default(self, open_acl: OpenAcl, options: dict[str, Any], family: str, same: bool) -> None:
        """EX and DEF events: nothing is queued."""
        acl = started(open_acl, **options)
        made, first = event(acl, family), acl.stream()
        record(acl, made, first)
        acl.ok(acl.aclrtSynchronizeEvent(made))
        second = first if same else acl.stream()
        wait(acl, second, made)
        assert acl.complete(second)

    @pytest.mark.parametrize("times", [1, 3])
    def test_old(self, open_acl: OpenAcl, options: dict[str, Any], times: int) -> None:
        """OLD events: the flag stays set for any number of waits, until it is reset."""
        acl = started(open_acl, **options)
        made, first, second = event(acl, "OLD"), acl.stream(), acl.stream()
        record(acl, made, first)
        acl.synchronize(first)
        for _ in range(times):
            wait(acl, second, made)
            assert not blocked(acl, second)
        acl.ok(acl.aclrtResetEvent(made, first))
        acl.synchronize(first)
        wait(acl, second, made)
        assert blocked(acl, second)


@pytest.mark.row("RT6.23")
@each_schedule
@each_family
def test_record_is_pending_elsewhere(open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
    """The stream waits for the record that is on its way in another stream, and goes on when it is over, not before."""
    acl = started(open_acl, **options)
    made, after, first, second = event(acl, family), event(acl), acl.stream(), acl.stream()
    release = hold(acl, first)
    record(acl, made, first)
    wait(acl, second, made)
    record(acl, after, second)
    assert blocked(acl, second)  # for a millisecond
    let_pass(acl, 3)
    assert not complete(acl, after)
    release()
    acl.synchronize(second)
    assert complete(acl, after)
    assert microseconds(acl, made) == microseconds(acl, after) == 4000


@pytest.mark.row("RT6.24")
class TestSameStream:
    """A wait for an event whose latest record is on its way in the same stream."""

    @each_schedule
    @each_family
    def test_does_not_block(self, open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
        """The order of the stream satisfies it."""
        acl = started(open_acl, **options)
        made, stream = event(acl, family), acl.stream()
        release = hold(acl, stream)
        record(acl, made, stream)
        wait(acl, stream, made)
        work = acl.work(stream)
        release()
        acl.synchronize(stream)
        assert work.ran()

    @pytest.mark.parametrize(("family", "waits"), [("DEF", 1), ("OLD", 1), ("EX", 0)])
    def test_what_is_queued(self, ready: Acl, family: str, waits: int) -> None:
        """A DEF or OLD event brings a wait task, which the event counts as outstanding; an EX event none."""
        made, stream, status = event(ready, family), ready.stream(), ready.out("aclrtEventWaitStatus")
        release = hold(ready, stream)
        record(ready, made, stream)
        wait(ready, stream, made)
        if waits:
            ready.ok(ready.aclrtQueryEventWaitStatus(made, status))
            assert status[0] == 1
        release()
        assert queries_until_complete(ready, stream) == 3 + waits  # what holds it, what releases it, and the record
        if waits:
            ready.ok(ready.aclrtQueryEventWaitStatus(made, status))
            assert status[0] == 0


@pytest.mark.row("RT6.25")
@each_schedule
class TestReset:
    """A wait for an event that was recorded, executed and reset."""

    def test_old(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """For an OLD event the stream is blocked until the event is recorded again."""
        acl = started(open_acl, **options)
        made, first, second = event(acl, "OLD"), acl.stream(), acl.stream()
        record(acl, made, first)
        acl.ok(acl.aclrtResetEvent(made, first))
        acl.synchronize(first)
        wait(acl, second, made)
        work = acl.work(second)
        assert blocked(acl, second)
        record(acl, made, first)
        acl.synchronize(second)
        assert work.ran()

    def test_default(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """For a DEF event the call is 107000, as if it was never recorded (a choice: the contract leaves it open)."""
        acl = started(open_acl, **options)
        made, first, second = event(acl, "DEF"), acl.stream(), acl.stream()
        record(acl, made, first)
        acl.ok(acl.aclrtResetEvent(made, first))
        acl.synchronize(first)
        refuse(acl, 107000, PLAIN, second, made, says="never recorded")
        record(acl, made, first)
        wait(acl, second, made)
        acl.synchronize(second)

    def test_new(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """An EX event cannot be reset: 207000, and waits go on as before."""
        acl = started(open_acl, **options)
        made, first, second = event(acl, "EX"), acl.stream(), acl.stream()
        record(acl, made, first)
        acl.synchronize(first)
        refuse(acl, 207000, "aclrtResetEvent", made, first, quiet=True)
        wait(acl, second, made)
        assert acl.complete(second)


@pytest.mark.row("RT6.26", "RT12.06")
@each_schedule
class TestRecordedAgain:
    """An event that is recorded again behind a wait that is queued."""

    @pytest.mark.parametrize("family", ["DEF", "EX"])
    def test_new_and_default_wait_for_the_record_of_the_call(
        self, open_acl: OpenAcl, options: dict[str, Any], family: str
    ) -> None:
        """A wait looks at the record that was newest at the call: a later one neither ends it nor prolongs it."""
        acl = started(open_acl, **options)
        made, held, free = event(acl, family), acl.stream(), acl.stream()
        early, late = acl.stream(), acl.stream()
        release = hold(acl, held)
        record(acl, made, held)
        wait(acl, early, made)
        record(acl, made, free)
        wait(acl, late, made)
        acl.synchronize(late)
        assert complete(acl, made)
        assert blocked(acl, early)
        release()
        acl.synchronize(early)

        release = hold(acl, held)
        record(acl, made, free)
        wait(acl, early, made)
        record(acl, made, held)
        wait(acl, late, made)
        acl.synchronize(early)
        assert blocked(acl, late)
        release()
        acl.synchronize(late)

    def test_old_waits_for_the_flag(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A wait for an OLD event is over as soon as any record has set the flag."""
        acl = started(open_acl, **options)
        made, held, free, waiting = event(acl, "OLD"), acl.stream(), acl.stream(), acl.stream()
        hold(acl, held)
        record(acl, made, held)
        wait(acl, waiting, made)
        work = acl.work(waiting)
        assert blocked(acl, waiting)
        record(acl, made, free)
        acl.synchronize(waiting)
        assert work.ran()
        assert blocked(acl, held)

    def test_old_goes_on_when_the_flag_was_set(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A record that finds the flag set changes nothing: the stream goes on at the time of the one that set it."""
        acl = started(open_acl, **options)
        made, after, first, second = event(acl, "OLD"), event(acl), acl.stream(), acl.stream()
        for _ in range(3):
            acl.long_work(first, milliseconds=1)
            record(acl, made, first)
        wait(acl, second, made)
        record(acl, after, second)
        acl.synchronize(second)
        assert microseconds(acl, after) == 1000


@pytest.mark.row("RT12.09")
@pytest.mark.parametrize("ordered", [False, True])
def test_a_reset_must_be_ordered_behind_the_waits(open_acl: OpenAcl, ordered: bool) -> None:
    """A reset that nothing orders behind a wait may come first, and the wait hangs; ordered by the user it never does."""
    passed = set()
    for options in [*SCHEDULES, *({"schedule": "random", "seed": seed} for seed in range(10, 20))]:
        acl = started(open_acl, **options)
        made, waited = event(acl, "OLD"), event(acl, "EX")
        first, second = acl.stream(), acl.stream()
        record(acl, made, first)
        wait(acl, second, made)
        record(acl, waited, second)
        if ordered:
            wait(acl, first, waited)
        acl.ok(acl.aclrtResetEvent(made, first))
        acl.synchronize(first)
        passed.add(not blocked(acl, second))
        acl.backend.close()
    assert passed == ({True} if ordered else {True, False})


@pytest.mark.row("RT12.09")
@pytest.mark.parametrize("family", ["OLD", "DEF"])
def test_a_reset_waits_for_its_turn(ready: Acl, family: str) -> None:
    """A reset in a stream that is held back does nothing yet: waits pass."""
    made, held, free = event(ready, family), ready.stream(), ready.stream()
    record(ready, made, free)
    ready.synchronize(free)
    hold(ready, held)
    ready.ok(ready.aclrtResetEvent(made, held))
    wait(ready, free, made)
    assert not blocked(ready, free)


def test_a_stream_that_waits_for_two(ready: Acl) -> None:
    """It goes on when both records are there, in whichever order they come."""
    waiting, releases = ready.stream(), []
    for stream in (ready.stream(), ready.stream()):
        releases.append(hold(ready, stream))
        made = event(ready)
        record(ready, made, stream)
        wait(ready, waiting, made)
    releases[1]()
    assert blocked(ready, waiting)
    releases[0]()
    assert not blocked(ready, waiting)


# -- records that never come -----------------------------------------------------------------------------------------


@each_schedule
@pytest.mark.parametrize("end", ["aclrtDestroyStreamForce", "aclrtStreamAbort"])
@pytest.mark.parametrize("family", ["DEF", "EX"])
def test_a_record_that_was_dropped_holds_nobody_up(
    open_acl: OpenAcl, options: dict[str, Any], end: str, family: str
) -> None:
    """A wait for a record that its stream forgot goes on; for an OLD event nobody has set the flag."""
    acl = started(open_acl, **options)
    made, held, waiting = event(acl, family), acl.stream(), acl.stream()
    flag, patient = event(acl, "OLD"), acl.stream()
    hold(acl, held)
    record(acl, made, held)
    record(acl, flag, held)
    wait(acl, waiting, made)
    wait(acl, patient, flag)
    work = acl.work(waiting)
    acl.ok(getattr(acl, end)(held))
    acl.synchronize(waiting)
    assert work.ran()
    assert blocked(acl, patient)


def test_another_host_thread_may_bring_it(ready: Acl, server: HostThread) -> None:
    """A thread that waits for a blocked stream goes on when another one records the event."""
    made, stream = event(ready, "OLD"), ready.stream()
    wait(ready, stream, made)
    waiting = begin_synchronize(ready, server, stream)
    record(ready, made, ready.stream())
    assert waiting.result(PATIENCE) == 0


@each_schedule
@pytest.mark.parametrize("family", ["DEF", "EX"])
def test_a_hang_names_the_record(open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
    """The report says which event the stream waits for, where it is recorded, and what holds up that stream."""
    acl = started(open_acl, **options)
    made, held, waiting = event(acl, family), acl.stream(), acl.stream()
    hold(acl, held)
    record(acl, made, held)
    wait(acl, waiting, made)
    number = acl.out("int32_t")
    acl.ok(acl.aclrtStreamGetId(held, number))
    with pytest.raises(SimulationHang) as hang:
        acl.synchronize(waiting)
    report = str(hang.value)
    assert f"waits for the record of {family} event 0x{acl.address(made):x} on stream {number[0]}" in report
    assert "waits for notify 0, which no queued task records" in report


def test_a_hang_can_be_a_code(open_acl: OpenAcl) -> None:
    """With on_hang="return" it is 507000, and the message has the report."""
    acl = started(open_acl, on_hang="return")
    made = event(acl, "OLD")
    wait(acl, NULL, made)
    refuse(acl, 507000, "aclrtSynchronizeStream", NULL, says=f"waits for OLD event 0x{acl.address(made):x}")

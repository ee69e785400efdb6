"""Streams that wait for events (contract_rt sections 6, 12 and 13): arguments, whom a wait holds back, records that never
come. What a wait does by the state of the event is in test_event_wait_table.
"""

from typing import Any

import pytest
from aclsim import SimulationHang

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.event_waits import FLAGGED, TIMED, arguments, each_wait, queries_until_complete
from tests.contract.helpers import HostThread, begin_synchronize, dead_stream, foreign_stream
from tests.contract.sync import (
    DEFAULT_TIMEOUT,
    DEVICE_USE_ONLY,
    EXTERNAL,
    IPC,
    PROGRESS,
    SYNC,
    TIME_LINE,
    blocked,
    dead_event,
    each_family,
    each_schedule,
    event,
    hold,
    record,
    refuse,
    refuse_elsewhere,
    started,
    wait,
)

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

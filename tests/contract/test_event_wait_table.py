"""What a stream's wait for an event does, by the state of the event's latest record (contract_rt section 6)."""

from typing import Any

import pytest
from aclsim import SimulationHang

from tests.contract.acl import Acl, OpenAcl
from tests.contract.event_waits import PLAIN, arguments, each_wait, queries_until_complete
from tests.contract.sync import (
    SCHEDULES,
    blocked,
    complete,
    each_family,
    each_schedule,
    event,
    hold,
    let_pass,
    microseconds,
    record,
    refuse,
    started,
    wait,
)


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

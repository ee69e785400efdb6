"""Events (contract_rt section 6): creation, records and resets. See also test_event_wait and test_event_host."""

from collections.abc import Callable
from itertools import product as combinations
from typing import Any

import pytest

from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.helpers import dead_stream, foreign_stream
from tests.contract.sync import (
    DEVICE_USE_ONLY,
    EXTERNAL,
    IPC,
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
    record,
    refuse,
    refuse_elsewhere,
    started,
    wait,
)

PLAIN = [sum(bits) for bits in combinations((0, SYNC), (0, PROGRESS), (0, TIME_LINE)) if any(bits)]
UNKNOWN = [0x4, 0x80, 0x100, 1 << 31, SYNC | 0x4, TIME_LINE | 1 << 20]

# Every call that names one event, with its arguments.
CALLS: dict[str, Callable[[Acl, Any], tuple[Any, ...]]] = {
    "aclrtDestroyEvent": lambda acl, event: (event,),
    "aclrtRecordEvent": lambda acl, event: (event, NULL),
    "aclrtRecordEventWithFlag": lambda acl, event: (event, NULL, 0),
    "aclrtStreamWaitEvent": lambda acl, event: (NULL, event),
    "aclrtStreamWaitEventWithTimeout": lambda acl, event: (NULL, event, 1),
    "aclrtStreamWaitEventWithFlag": lambda acl, event: (NULL, event, 0, 0),
    "aclrtResetEvent": lambda acl, event: (event, NULL),
    "aclrtQueryEvent": lambda acl, event: (event, acl.out("aclrtEventStatus")),
    "aclrtQueryEventStatus": lambda acl, event: (event, acl.out("aclrtEventRecordedStatus")),
    "aclrtQueryEventWaitStatus": lambda acl, event: (event, acl.out("aclrtEventWaitStatus")),
    "aclrtSynchronizeEvent": lambda acl, event: (event,),
    "aclrtSynchronizeEventWithTimeout": lambda acl, event: (event, FOREVER),
    "aclrtEventGetTimestamp": lambda acl, event: (event, acl.out("uint64_t")),
    "aclrtGetEventId": lambda acl, event: (event, acl.out("uint32_t")),
}
each_call = pytest.mark.parametrize("name", CALLS)


@each_call
def test_handles_that_name_no_event(ready: Acl, open_acl: OpenAcl, name: str) -> None:
    """A destroyed event, an object of another kind and an event of another machine are 107017, with or without a context."""
    other = open_acl()
    other.start()
    wrong = [
        (dead_event(ready), "was destroyed"),
        (ready.pointer(ready.address(ready.stream()), "aclrtEvent"), "of another kind"),
        (event(other), "of another backend"),
        (ready.pointer(0x1000, "aclrtEvent"), "is no event"),
    ]
    for handle, why in wrong:
        refuse(ready, 107017, name, *CALLS[name](ready, handle), says=why)
        refuse_elsewhere(ready, 107017, name, *CALLS[name](ready, handle), says="event: ")
    assert ready.complete()


@pytest.mark.row("RT15.10")
@each_call
def test_null_in_place_of_an_event(ready: Acl, name: str) -> None:
    """NULL is 100000 from the ACL layer, but 107000 from aclrtStreamWaitEventWithTimeout, with or without a context."""
    code = 107000 if name == "aclrtStreamWaitEventWithTimeout" else 100000
    refuse(ready, code, name, *CALLS[name](ready, NULL), says="event is NULL")
    refuse_elsewhere(ready, code, name, *CALLS[name](ready, NULL), says="event is NULL")


@pytest.mark.parametrize("name", ["aclrtRecordEvent", "aclrtRecordEventWithFlag", "aclrtResetEvent"])
def test_order_of_checks_of_a_task(ready: Acl, name: str) -> None:
    """A dead stream is 107017, then no context 107002, then a stream of another context 107003; nothing is queued."""
    made, live, dead, foreign = event(ready, "OLD"), ready.stream(), dead_stream(ready), foreign_stream(ready)

    def arguments(stream: Any, given: Any = made) -> tuple[Any, ...]:
        return (given, stream, 0) if name.endswith("WithFlag") else (given, stream)

    refuse(ready, 100000, name, *arguments(dead, NULL), says="event is NULL")
    refuse(ready, 107017, name, *arguments(live, dead_event(ready)), says="event: ")
    refuse(ready, 107017, name, *arguments(dead), says="stream: ")
    refuse_elsewhere(ready, 107017, name, *arguments(dead), says="stream: ")
    for stream in (live, foreign, NULL):
        refuse_elsewhere(ready, 107002, name, *arguments(stream), says="no current context")
    refuse(ready, 107003, name, *arguments(foreign), says="current context")
    assert not complete(ready, made)  # an OLD event that was never recorded
    assert ready.complete(live)
    for stream in (live, NULL, ready.default_stream()):
        assert getattr(ready, name)(*arguments(stream)) == 0
        assert not ready.complete(stream)
        ready.synchronize(stream)


# -- creation --------------------------------------------------------------------------------------------------------


class TestCreate:
    """The three ways to make an event."""

    @pytest.mark.row("RT6.01", "RT6.02", "RT6.03")
    @pytest.mark.parametrize(
        ("name", "good", "bad"),
        [
            ("aclrtCreateEvent", (), None),
            ("aclrtCreateEventWithFlag", (SYNC,), (0,)),
            ("aclrtCreateEventExWithFlag", (SYNC,), (0,)),
        ],
    )
    def test_order_of_checks(self, acl: Acl, name: str, good: tuple[int, ...], bad: tuple[int, ...] | None) -> None:
        """NULL is 100000, then a bad flag 107000, then no context 107002; the place for the event stays as it was."""
        place = acl.out("aclrtEvent")
        refuse(acl, 100000, name, NULL, *(bad or good), says="event is NULL")
        if bad is not None:
            refuse(acl, 107000, name, place, *bad, says="flag is 0x0")
        refuse(acl, 107002, name, place, *good, says="no current context")
        assert place[0] == NULL
        acl.start()
        assert getattr(acl, name)(place, *good) == 0
        first = place[0]
        assert getattr(acl, name)(place, *good) == 0
        assert len({NULL, first, place[0]}) == 3

    @pytest.mark.row("RT6.01")
    def test_a_default_event_can_do_all(self, ready: Acl) -> None:
        """An event of aclrtCreateEvent can be waited for, takes the time and shows progress."""
        made = event(ready, "DEF")
        first, second = ready.stream(), ready.stream()
        ready.long_work(first, milliseconds=1)
        record(ready, made, first)
        wait(ready, second, made)
        work = ready.work(second)
        assert not complete(ready, made)
        assert not work.ran()
        ready.synchronize(second)
        assert complete(ready, made)
        assert microseconds(ready, made) == 1000

    @pytest.mark.row("RT6.02")
    @pytest.mark.parametrize("flag", [*PLAIN, DEVICE_USE_ONLY, EXTERNAL])
    def test_flags_of_the_old_kind(self, ready: Acl, flag: int) -> None:
        """Any sum of SYNC, PROGRESS and TIME_LINE is legal, DEVICE_USE_ONLY and EXTERNAL alone; SYNC takes an id at once."""
        left = events_left(ready)
        made = event(ready, "OLD", flag)
        assert events_left(ready) == left - bool(flag & SYNC)
        record(ready, made)  # takes no other id, and gives none back
        assert events_left(ready) == left - bool(flag & SYNC)
        ready.synchronize()
        assert events_left(ready) == left - bool(flag & SYNC)
        ready.ok(ready.aclrtDestroyEvent(made))
        assert events_left(ready) == left

    @pytest.mark.row("RT6.02")
    @pytest.mark.parametrize(
        "flag",
        [0, *UNKNOWN, *(alone | SYNC for alone in (DEVICE_USE_ONLY, EXTERNAL)), DEVICE_USE_ONLY | EXTERNAL, 0x3F],
    )
    def test_bad_flags_of_the_old_kind(self, ready: Acl, flag: int) -> None:
        """0, unknown bits and combinations with DEVICE_USE_ONLY or EXTERNAL are 107000, and take no id."""
        left, place = events_left(ready), ready.out("aclrtEvent")
        refuse(ready, 107000, "aclrtCreateEventWithFlag", place, flag, says=f"flag is 0x{flag:x}")
        assert place[0] == NULL
        assert events_left(ready) == left

    @pytest.mark.row("RT6.03")
    @pytest.mark.parametrize("flag", [*PLAIN, IPC])
    def test_flags_of_the_new_kind(self, ready: Acl, flag: int) -> None:
        """Any sum of SYNC, PROGRESS and TIME_LINE is legal, and IPC alone; none of them takes an id."""
        left = events_left(ready)
        made = event(ready, "EX", flag)
        assert events_left(ready) == left
        record(ready, made)
        ready.synchronize()
        assert complete(ready, made)

    @pytest.mark.row("RT6.03")
    @pytest.mark.parametrize(
        "flag",
        [0, *UNKNOWN, DEVICE_USE_ONLY, EXTERNAL, SYNC | EXTERNAL, *(IPC | flag for flag in PLAIN), IPC | EXTERNAL],
    )
    def test_bad_flags_of_the_new_kind(self, ready: Acl, flag: int) -> None:
        """0, DEVICE_USE_ONLY, EXTERNAL, unknown bits and IPC with anything else are 107000."""
        place = ready.out("aclrtEvent")
        refuse(ready, 107000, "aclrtCreateEventExWithFlag", place, flag, says=f"flag is 0x{flag:x}")
        assert place[0] == NULL

    @pytest.mark.row("RT6.03")
    @pytest.mark.parametrize(
        ("product", "code"),
        [("950", 0), ("A3", 0), ("A2", 0), ("310B", 207000), ("310P", 207000), ("910", 207000)],
    )
    def test_events_between_processes(self, open_acl: OpenAcl, product: str, code: int) -> None:
        """IPC is 207000 on a chip that does not support it, even without a context, and legal on the others."""
        acl, place = open_acl(product=product), open_acl().out("aclrtEvent")
        assert acl.aclrtCreateEventExWithFlag(place, IPC) == (code or 107002)
        acl.start()
        assert acl.aclrtCreateEventExWithFlag(place, IPC) == code
        assert acl.aclrtCreateEventExWithFlag(place, IPC | SYNC) == 107000


@pytest.mark.row("RT14.02")
@pytest.mark.parametrize(
    ("product", "limit"),
    [("950", 65536), ("A3", 65536), ("A2", 65536), ("310B", 65536), ("310P", 1023), ("910", 65535)],
)
def test_events_run_out(open_acl: OpenAcl, product: str, limit: int) -> None:
    """A device has so many event ids; when all are taken, another event that needs one at once is 207007."""
    acl = open_acl(product=product, devices=2)
    acl.start()
    assert events_left(acl) == limit
    create, place = acl.aclrtCreateEventWithFlag, acl.out("aclrtEvent")
    events = [place[0] for _ in range(limit) if create(place, SYNC) == 0]
    assert len(events) == limit
    assert events_left(acl) == 0
    place[0] = NULL
    refuse(acl, 207007, "aclrtCreateEventWithFlag", place, SYNC, says="device 0")
    assert place[0] == NULL
    refuse(acl, 107000, "aclrtCreateEventWithFlag", place, 0)
    refuse_elsewhere(acl, 107002, "aclrtCreateEventWithFlag", place, SYNC)
    recorded = [event(acl, "OLD", TIME_LINE), event(acl, "DEF"), event(acl, "EX")]  # need none yet
    record(acl, recorded[0])
    for made in recorded[1:]:
        refuse(acl, 207007, "aclrtRecordEvent", made, NULL, says="device 0")
    acl.ok(acl.aclrtDestroyEvent(events[0]))
    for made in recorded[1:]:
        record(acl, made)  # the second waits until the first has given its id back
    acl.synchronize()
    event(acl, "OLD", SYNC)
    assert events_left(acl) == 0
    acl.context(1)  # another device has its own
    assert events_left(acl) == limit
    event(acl, "OLD", SYNC)


# -- destruction -----------------------------------------------------------------------------------------------------


class TestDestroy:
    """aclrtDestroyEvent."""

    @pytest.mark.row("RT6.04")
    @each_family
    def test_is_over_at_once(self, ready: Acl, family: str) -> None:
        """The handle is 107017 from then on, a second call as well; no context is needed."""
        made, other = event(ready, family), event(ready, family)
        assert ready.in_thread(lambda: ready.aclrtDestroyEvent(made)) == 0
        refuse(ready, 107017, "aclrtDestroyEvent", made, says="was destroyed")
        refuse(ready, 107017, "aclrtRecordEvent", made, NULL, says="was destroyed")
        assert ready.aclrtDestroyEvent(other) == 0

    @pytest.mark.row("RT6.04", "RT12.17")
    @each_schedule
    @each_family
    def test_lives_on_inside(self, open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
        """With its record and a wait for it queued it returns at once; both still do their work, then its id is free."""
        acl = started(open_acl, **options)
        left = events_left(acl)
        first, second = acl.stream(), acl.stream()
        made = event(acl, family)
        release = hold(acl, first)
        before = acl.work(first)
        record(acl, made, first)
        wait(acl, second, made)
        after = acl.work(second)
        assert acl.aclrtDestroyEvent(made) == 0
        refuse(acl, 107017, "aclrtSynchronizeEvent", made)
        assert (before.ran(), after.ran()) == (False, False)
        assert events_left(acl) == left - 1
        release()
        acl.synchronize(second)
        assert (before.ran(), after.ran()) == (True, True)
        assert events_left(acl) == left

    @pytest.mark.row("RT6.04")
    def test_a_queued_wait_keeps_the_id_of_an_old_event(self, ready: Acl) -> None:
        """The id of an OLD event is free when the last record and the last wait are over, also if they never ran."""
        left = events_left(ready)
        for over in ("synchronised", "dropped"):
            first, second = ready.stream(), ready.stream()
            made = event(ready, "OLD")
            release = hold(ready, second)
            record(ready, made, first)
            wait(ready, second, made)
            ready.ok(ready.aclrtDestroyEvent(made))
            ready.synchronize(first)
            assert events_left(ready) == left - 1
            if over == "synchronised":
                release()
                ready.synchronize(second)
            else:
                ready.ok(ready.aclrtDestroyStreamForce(second))
            assert events_left(ready) == left


# -- records ---------------------------------------------------------------------------------------------------------


class TestRecord:
    """RT6.05 without streams that are bound to a graph."""

    @pytest.mark.row("RT12.05")
    @each_family
    def test_marks_what_is_in_the_stream(self, ready: Acl, family: str) -> None:
        """It is complete when everything is that was in this stream before it; what comes later does not count."""
        made, stream = event(ready, family), ready.stream()
        before = [ready.work(stream), ready.work(stream)]
        beside = ready.work(ready.stream())
        record(ready, made, stream)
        after = ready.work(stream)
        assert not before[0].ran()  # the call is asynchronous
        ready.ok(ready.aclrtSynchronizeEvent(made))
        assert [work.ran() for work in before] == [True, True]
        assert (after.ran(), beside.ran()) == (False, False)
        assert complete(ready, made)
        assert not ready.complete(stream)

    @pytest.mark.row("RT12.05", "RT12.08")
    @each_family
    def test_a_new_record_replaces_the_old_one(self, ready: Acl, family: str) -> None:
        """The event is complete when its newest record is; an older one in a stream that is held back does not count."""
        made, held, free = event(ready, family), ready.stream(), ready.stream()
        release = hold(ready, held)
        record(ready, made, held)
        assert not complete(ready, made)
        let_pass(ready, 3)
        record(ready, made, free)
        ready.ok(ready.aclrtSynchronizeEvent(made))
        assert complete(ready, made)
        assert microseconds(ready, made) == 3000
        record(ready, made, held)
        assert not complete(ready, made)
        assert ready.aclrtSynchronizeEventWithTimeout(made, 1) == 507047
        release()
        ready.ok(ready.aclrtSynchronizeEvent(made))
        assert complete(ready, made)

    @each_family
    def test_null_is_the_default_stream(self, ready: Acl, family: str) -> None:
        """NULL and the handle of the default stream are the same; a thread records in its own context's one."""
        made = event(ready, family)
        for stream in (NULL, ready.default_stream()):
            work, other = ready.work(NULL), ready.work(ready.stream())
            record(ready, made, stream)
            ready.ok(ready.aclrtSynchronizeEvent(made))
            assert (work.ran(), other.ran()) == (True, False)

    @each_family
    def test_the_event_may_be_of_another_context(self, ready: Acl, family: str) -> None:
        """Only the stream has to be of the current context."""
        made = event(ready, family)
        ready.context(1)
        work = ready.work()
        record(ready, made)
        ready.ok(ready.aclrtSynchronizeEvent(made))
        assert work.ran()

    @pytest.mark.parametrize("family", ["DEF", "EX"])
    def test_ids_while_a_record_is_pending(self, ready: Acl, family: str) -> None:
        """DEF and EX events have one id from the first record until none is on its way, or dropped."""
        left = events_left(ready)
        made, held, free = event(ready, family), ready.stream(), ready.stream()
        hold(ready, held)
        record(ready, made, held)
        record(ready, made, free)
        assert events_left(ready) == left - 1
        ready.synchronize(free)
        assert events_left(ready) == left - 1
        ready.ok(ready.aclrtDestroyStreamForce(held))
        assert events_left(ready) == left

    @pytest.mark.row("RT14.02")
    @each_schedule
    @pytest.mark.parametrize("family", ["DEF", "EX"])
    def test_waits_for_an_id_and_gives_up(self, open_acl: OpenAcl, options: dict[str, Any], family: str) -> None:
        """With all ids taken the host waits until a record that can run gives one back; when none can it is 207007."""
        acl = started(open_acl, product="310P", **options)
        left = events_left(acl)
        held, free = acl.stream(), acl.stream()
        hold(acl, held)
        for _ in range(left - 1):
            record(acl, event(acl, family), held)
        work = acl.work(free)
        record(acl, event(acl, family), free)
        last = event(acl, family)
        record(acl, last, held)  # the record in `free` had to make room
        assert work.ran()
        assert events_left(acl) == 0
        refused = event(acl, family)
        refuse(acl, 207007, "aclrtRecordEvent", refused, free, says="event: all 1023 event ids")
        assert complete(acl, refused) == (family == "EX")  # as never recorded
        acl.synchronize(free)
        record(acl, last, held)  # an event that has an id needs no other
        acl.ok(acl.aclrtDestroyStreamForce(held))
        assert events_left(acl) == left


class TestRecordWithFlag:
    """RT6.06 without streams that capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL and a bad flag are 100000, then dead handles 107017, then 207000 or 107029 for EXTERNAL, without a context."""
        name, dead, ex = "aclrtRecordEventWithFlag", dead_event(ready), event(ready, "EX", SYNC)
        refuse(ready, 100000, name, NULL, NULL, 2, says="event is NULL")
        refuse(ready, 100000, name, dead, NULL, 2, says="flag is 2")
        refuse(ready, 100000, name, ex, dead_stream(ready), 2**32 - 1, says="flag is 4294967295")
        refuse(ready, 107017, name, dead, NULL, 1, says="event: ")
        refuse(ready, 107017, name, event(ready), dead_stream(ready), 1, says="stream: ")

        refuse_elsewhere(ready, 207000, name, event(ready), NULL, 1, says="exactly ACL_EVENT_SYNC", quiet=True)
        refuse_elsewhere(ready, 107029, name, ex, NULL, 1, says="captures")
        refuse(ready, 107029, name, ex, foreign_stream(ready), 1, says="captures")

    @pytest.mark.parametrize(
        ("family", "flag"),
        [("DEF", 0), ("OLD", SYNC), ("OLD", EXTERNAL), *(("EX", flag) for flag in [*PLAIN, IPC] if flag != SYNC)],
    )
    def test_external_needs_a_new_event_with_exactly_sync(self, ready: Acl, family: str, flag: int) -> None:
        """An EXTERNAL record of any other event is 207000, and the event stays as it was."""
        made = event(ready, family, flag)
        refuse(ready, 207000, "aclrtRecordEventWithFlag", made, NULL, 1, says="exactly ACL_EVENT_SYNC", quiet=True)
        record(ready, made)

    @pytest.mark.parametrize("first", ["aclrtRecordEventWithFlag", "aclrtStreamWaitEventWithFlag"])
    def test_the_first_use_sticks(self, ready: Acl, first: str) -> None:
        """After an EXTERNAL record or wait, though refused with 107029, everything else about the event is refused."""
        made = event(ready, "EX", SYNC)
        refuse(ready, 107029, first, *((made, NULL, 1) if "Record" in first else (NULL, made, 0, 1)), says="captures")
        refuse(ready, 107000, "aclrtRecordEvent", made, NULL, says="was used with flag 1")
        refuse(ready, 107000, "aclrtRecordEventWithFlag", made, NULL, 0, says="was used with flag 1")
        refuse(ready, 107000, "aclrtStreamWaitEvent", NULL, made, says="was used with flag 1")
        refuse(ready, 107000, "aclrtStreamWaitEventWithTimeout", NULL, made, 1, says="was used with flag 1")
        refuse(ready, 107000, "aclrtStreamWaitEventWithFlag", NULL, made, 0, 0, says="was used with flag 1")
        refuse(ready, 107017, "aclrtRecordEvent", made, dead_stream(ready))
        refuse(ready, 207000, "aclrtQueryEventStatus", made, ready.out("aclrtEventRecordedStatus"), quiet=True)
        refuse(ready, 207000, "aclrtSynchronizeEvent", made, quiet=True)
        assert ready.complete()

    @pytest.mark.parametrize("use", ["record", "record with flag", "wait", "wait with flag"])
    def test_no_change_to_external(self, ready: Acl, use: str) -> None:
        """After a default record or wait an EXTERNAL one is 107029, which comes first, and the event stays default."""
        made = event(ready, "EX", SYNC)
        ready.ok(
            {
                "record": lambda: ready.aclrtRecordEvent(made, NULL),
                "record with flag": lambda: ready.aclrtRecordEventWithFlag(made, NULL, 0),
                "wait": lambda: ready.aclrtStreamWaitEvent(NULL, made),
                "wait with flag": lambda: ready.aclrtStreamWaitEventWithFlag(NULL, made, 0, 0),
            }[use]()
        )
        refuse(ready, 107029, "aclrtRecordEventWithFlag", made, NULL, 1)
        refuse(ready, 107029, "aclrtStreamWaitEventWithFlag", NULL, made, 0, 1)
        record(ready, made)
        wait(ready, NULL, made)
        ready.synchronize()
        assert complete(ready, made)

    def test_a_use_that_fails_later_sticks_too(self, ready: Acl) -> None:
        """The event is default from the first default record on, even if that had no context or a foreign stream."""
        made = event(ready, "EX", SYNC)
        refuse(ready, 107003, "aclrtRecordEvent", made, foreign_stream(ready))
        refuse(ready, 107029, "aclrtRecordEventWithFlag", made, NULL, 1)
        record(ready, made)

    @each_family
    def test_default_is_a_plain_record(self, ready: Acl, family: str) -> None:
        """With the default flag it does what aclrtRecordEvent does."""
        made, stream = event(ready, family), ready.stream()
        work = ready.work(stream)
        assert ready.aclrtRecordEventWithFlag(made, stream, 0) == 0
        assert not work.ran()
        ready.ok(ready.aclrtSynchronizeEvent(made))
        assert work.ran()


# -- resets ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("RT6.11")
class TestReset:
    """aclrtResetEvent; what waits make of it is in test_event_wait."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Dead handles are 107017, then 207000 for an event that has no flag, then no context 107002, then 107003."""
        name, dead, foreign = "aclrtResetEvent", dead_stream(ready), foreign_stream(ready)
        good, untimed = (
            event(ready, "OLD"),
            [event(ready, "EX"), event(ready, "EX", IPC), event(ready, "OLD", TIME_LINE)],
        )
        for made in untimed:
            refuse(ready, 107017, name, made, dead, says="stream: ")
            refuse_elsewhere(ready, 207000, name, made, foreign, says="event: ", quiet=True)
        refuse_elsewhere(ready, 107002, name, good, foreign)
        refuse(ready, 107003, name, good, foreign)

    @pytest.mark.parametrize("flag", [TIME_LINE, PROGRESS, TIME_LINE | PROGRESS])
    def test_needs_an_event_to_wait_for(self, ready: Acl, flag: int) -> None:
        """An OLD event that no stream can wait for is 207000."""
        refuse(ready, 207000, "aclrtResetEvent", event(ready, "OLD", flag), NULL, says="ACL_EVENT_SYNC", quiet=True)

    @pytest.mark.row("RT15.15")
    @pytest.mark.parametrize("family", ["OLD", "DEF"])
    def test_is_a_task_of_the_stream(self, ready: Acl, family: str) -> None:
        """It waits for its turn in the stream; the event is as never recorded then, until the next record."""
        made, stream = event(ready, family), ready.stream()
        record(ready, made, stream)
        ready.synchronize(stream)
        release = hold(ready, stream)
        assert ready.aclrtResetEvent(made, stream) == 0
        assert complete(ready, made)
        release()
        ready.synchronize(stream)
        assert not complete(ready, made)
        record(ready, made, stream)
        ready.synchronize(stream)
        assert complete(ready, made)

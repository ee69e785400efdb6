"""Notifies and count notifies (contract_rt sections 7, 12 and 13), and how many there are (section 14)."""

from collections.abc import Callable
from typing import Any

import pytest
from aclsim import SimulationHang

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import HostThread, begin_synchronize, dead_stream, foreign_stream
from tests.contract.sync import (
    ADD,
    AT_LEAST,
    DEFAULT_TIMEOUT,
    EQUAL,
    SCHEDULES,
    await_count,
    behind,
    blocked,
    count,
    count_notify,
    each_schedule,
    event,
    let_pass,
    microseconds,
    milliseconds,
    notify,
    post,
    record,
    refuse,
    refuse_elsewhere,
    started,
    take,
    waiting,
    writing,
)

# -- arguments -------------------------------------------------------------------------------------------------------

# The calls that name one notify, with their arguments.
CALLS: dict[str, Callable[[Acl, Any, Any], tuple[Any, ...]]] = {
    "aclrtDestroyNotify": lambda acl, made, stream: (made,),
    "aclrtRecordNotify": lambda acl, made, stream: (made, stream),
    "aclrtWaitAndResetNotify": lambda acl, made, stream: (made, stream, 0),
    "aclrtGetNotifyId": lambda acl, made, stream: (made, acl.out("uint32_t")),
    "aclrtCntNotifyDestroy": lambda acl, made, stream: (made,),
    "aclrtCntNotifyRecord": lambda acl, made, stream: (made, stream, writing(acl, ADD, 1)),
    "aclrtCntNotifyWaitWithTimeout": lambda acl, made, stream: (made, stream, waiting(acl, EQUAL, 0)),
    "aclrtCntNotifyReset": lambda acl, made, stream: (made, stream),
}


def kind(acl: Acl, name: str) -> tuple[Any, str, str, int]:
    """For a call: a new notify of its kind, the C type, the parameter's name, and what NULL gives."""
    if "Cnt" in name:
        return count_notify(acl), "aclrtCntNotify", "cntNotify", 107000
    return notify(acl), "aclrtNotify", "notify", 100000


@pytest.mark.parametrize("name", CALLS)
def test_handles_that_name_no_notify(ready: Acl, open_acl: OpenAcl, name: str) -> None:
    """NULL is 100000, for count notifies 107000; dead handles, other kinds and other machines' are 107017."""
    made, c_type, parameter, null = kind(ready, name)
    other = open_acl()
    other.start()
    ready.ok(getattr(ready, "aclrtCntNotifyDestroy" if "Cnt" in name else "aclrtDestroyNotify")(made))
    another_kind = notify(ready) if "Cnt" in name else count_notify(ready)
    refuse(ready, null, name, *CALLS[name](ready, ready.pointer(0, c_type), NULL), says=f"{parameter} is NULL")
    for handle, why in [
        (made, "was destroyed"),
        (ready.pointer(ready.address(another_kind), c_type), "of another kind"),
        (kind(other, name)[0], "of another backend"),
    ]:
        refuse(ready, 107017, name, *CALLS[name](ready, handle, NULL), says=why)
        refuse_elsewhere(ready, 107017, name, *CALLS[name](ready, handle, NULL), says=f"{parameter}: ")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("aclrtRecordNotify", marks=pytest.mark.row("RT7.02")),
        "aclrtWaitAndResetNotify",
        pytest.param("aclrtCntNotifyRecord", marks=pytest.mark.row("RT7.08")),
        pytest.param("aclrtCntNotifyWaitWithTimeout", marks=pytest.mark.row("RT7.09")),
        pytest.param("aclrtCntNotifyReset", marks=pytest.mark.row("RT7.10")),
    ],
)
def test_order_of_checks_of_a_task(ready: Acl, name: str) -> None:
    """Dead handles are 107017, then a bad mode 107000, no context 107002, a foreign stream 107003; nothing is queued."""
    made, live, dead, foreign = kind(ready, name)[0], ready.stream(), dead_stream(ready), foreign_stream(ready)
    gone = kind(ready, name)[0]
    ready.ok(getattr(ready, "aclrtCntNotifyDestroy" if "Cnt" in name else "aclrtDestroyNotify")(gone))
    for check in (refuse, refuse_elsewhere):
        check(ready, 107017, name, *CALLS[name](ready, gone, live))
        check(ready, 107017, name, *CALLS[name](ready, made, dead), says="stream: ")
    for stream in (foreign, live, NULL):
        refuse_elsewhere(ready, 107002, name, *CALLS[name](ready, made, stream), says="no current context")
    refuse(ready, 107003, name, *CALLS[name](ready, made, foreign), says="current context")
    if name in ("aclrtCntNotifyRecord", "aclrtCntNotifyWaitWithTimeout"):
        # Where another argument is looked at: NULL first of all, a bad mode behind the handles.
        info = writing if name.endswith("Record") else waiting
        refuse(ready, 100000, name, ready.pointer(0, "aclrtCntNotify"), dead, NULL, says="info is NULL")
        refuse(ready, 100000, name, gone, dead, NULL, says="info is NULL")
        for mode in (3, 5, 2**31, 2**32 - 1) if name.endswith("Record") else (5, 6, 2**31, 2**32 - 1):
            bad = info(ready, mode, 1)
            refuse(ready, 107000, name, ready.pointer(0, "aclrtCntNotify"), live, bad, says="cntNotify is NULL")
            refuse(ready, 107017, name, gone, live, bad)
            refuse(ready, 107017, name, made, dead, bad)
            refuse_elsewhere(ready, 107000, name, made, foreign, bad, says="info.mode is ")
    assert ready.complete(live)
    for stream in (live, NULL):
        assert getattr(ready, name)(*CALLS[name](ready, made, stream)) == 0
        assert not ready.complete(stream)


# -- notifies --------------------------------------------------------------------------------------------------------


@pytest.mark.row("RT7.01")
class TestCreateNotify:
    """aclrtCreateNotify."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, then a bad flag 107000, then no context 107002; the place stays as it was."""
        name, place = "aclrtCreateNotify", acl.out("aclrtNotify")
        refuse(acl, 100000, name, NULL, 2, says="notify is NULL")
        for flag in (2, 3, 2**32, 2**64 - 1):
            refuse(acl, 107000, name, place, flag, says=f"flag is {flag}")
        refuse(acl, 107002, name, place, 1, says="no current context")
        assert place[0] == NULL

    @pytest.mark.parametrize("flag", [0, 1])
    def test_is_not_set(self, ready: Acl, flag: int) -> None:
        """A new notify holds up who waits for it until it is recorded."""
        place, stream = ready.out("aclrtNotify"), ready.stream()
        ready.ok(ready.aclrtCreateNotify(place, flag))
        take(ready, place[0], stream)
        assert blocked(ready, stream)
        post(ready, place[0], ready.stream())
        assert not blocked(ready, stream)


@pytest.mark.row("RT7.01", "RT14.03")
@pytest.mark.parametrize(
    ("product", "limit"), [("950", 65535), ("A3", 8192), ("A2", 8192), ("310B", 2048), ("310P", 1024), ("910", 1024)]
)
def test_notifies_run_out(open_acl: OpenAcl, product: str, limit: int) -> None:
    """A device has so many notifies; one more is 207009, until one is destroyed."""
    acl = open_acl(product=product, devices=2)
    acl.start()
    create, place = acl.aclrtCreateNotify, acl.out("aclrtNotify")
    made = [place[0] for _ in range(limit) if create(place, 0) == 0]
    assert len(set(made)) == limit
    place[0] = NULL
    refuse(acl, 207009, "aclrtCreateNotify", place, 0, says="device 0")
    assert place[0] == NULL
    refuse(acl, 107000, "aclrtCreateNotify", place, 2)
    refuse_elsewhere(acl, 107002, "aclrtCreateNotify", place, 0)
    acl.context(1)  # another device has its own
    acl.ok(create(place, 0))
    acl.ok(acl.aclrtSetDevice(0))
    acl.ok(acl.aclrtDestroyNotify(made[1]))
    acl.ok(create(place, 0))
    refuse(acl, 207009, "aclrtCreateNotify", place, 0)


@pytest.mark.row("RT7.02", "RT12.10")
@each_schedule
class TestRecordAndWait:
    """aclrtRecordNotify and aclrtWaitAndResetNotify: RT7.03 without notifies of other processes."""

    def test_a_record_is_a_task(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """It is done when everything before it in its stream is, and not before."""
        acl = started(open_acl, **options)
        made, key, first, second = notify(acl), notify(acl), acl.stream(), acl.stream()
        take(acl, key, first)
        before = acl.work(first)
        post(acl, made, first)
        take(acl, made, second)
        assert blocked(acl, second)
        post(acl, key, acl.stream())
        acl.synchronize(second)
        assert before.ran()

    def test_each_wait_takes_one_record(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A record lets one wait pass; the next one needs another record."""
        acl = started(open_acl, **options)
        made, first, second = notify(acl), acl.stream(), acl.stream()
        for _ in range(3):
            post(acl, made, first)
            acl.synchronize(first)
            take(acl, made, second)
            take(acl, made, second)
            work = acl.work(second)
            assert blocked(acl, second)
            assert not work.ran()
            post(acl, made, first)
            acl.synchronize(second)
            assert work.ran()

    @pytest.mark.parametrize("records", [2, 5])
    def test_it_counts_to_one(self, open_acl: OpenAcl, options: dict[str, Any], records: int) -> None:
        """Several records before a wait count once."""
        acl = started(open_acl, **options)
        made, first, second = notify(acl), acl.stream(), acl.stream()
        for _ in range(records):
            post(acl, made, first)
        acl.synchronize(first)
        take(acl, made, second)
        acl.synchronize(second)
        take(acl, made, second)
        assert blocked(acl, second)

    def test_a_wait_may_be_queued_first(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A wait that is queued before its record passes when the record is done."""
        acl = started(open_acl, **options)
        made, first, second = notify(acl), acl.stream(), acl.stream()
        take(acl, made, second)
        work = acl.work(second)
        assert blocked(acl, second)
        post(acl, made, first)
        acl.synchronize(second)
        assert work.ran()

    def test_who_waits_first_is_not_said(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """Of two streams that wait one passes with the first record, the other with the second, whichever that is."""
        acl = started(open_acl, **options)
        made, waiters = notify(acl), [acl.stream(), acl.stream()]
        for stream in waiters:
            take(acl, made, stream)
        recording = acl.stream()
        post(acl, made, recording)
        acl.synchronize(recording)
        assert sorted(blocked(acl, stream) for stream in waiters) == [False, True]
        post(acl, made, recording)
        for stream in waiters:
            acl.synchronize(stream)

    def test_back_and_forth(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """Two streams that wait for each other in turn hand a value to and fro, at the same times on every schedule."""
        acl = started(open_acl, **options)
        there, back, streams = notify(acl), notify(acl), [acl.stream(), acl.stream()]
        blocks = [acl.malloc(4, b"ball"), acl.malloc(4, b"....")]
        start, end = event(acl), event(acl)
        record(acl, start, streams[0])
        for _ in range(4):
            acl.copy(blocks[1], blocks[0], 4, streams[0])
            post(acl, there, streams[0])
            take(acl, there, streams[1])
            acl.ok(acl.aclrtMemsetAsync(blocks[0], 4, ord("x"), 4, streams[1]))
            acl.copy(blocks[0], blocks[1], 4, streams[1])
            post(acl, back, streams[1])
            take(acl, back, streams[0])
        record(acl, end, streams[0])
        acl.synchronize(streams[0])
        assert acl.read(blocks[0], 4) == acl.read(blocks[1], 4) == b"ball"
        assert milliseconds(acl, start, end) == pytest.approx(4 * 3 * 0.005)

    def test_times(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A stream goes on at the virtual time of the record, not at the time at which the simulation ran it."""
        acl = started(open_acl, **options)
        made, after, first, second = notify(acl), event(acl), acl.stream(), acl.stream()
        acl.long_work(first, milliseconds=1)
        post(acl, made, first)
        acl.long_work(first, milliseconds=1)
        post(acl, made, first)  # it is set already, or again
        take(acl, made, second)
        record(acl, after, second)
        acl.ok(acl.aclrtSynchronizeEvent(after))
        assert microseconds(acl, after) == 1000

    def test_another_context(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """The notify may be of another context, even of another device; only the stream has to be of this one."""
        acl = started(open_acl, devices=2, **options)
        made, first = notify(acl), acl.stream()
        post(acl, made, first)
        acl.context(1)
        take(acl, made)
        work = acl.work()
        acl.synchronize()
        assert work.ran()


@pytest.mark.row("RT7.04")
class TestDestroyNotify:
    """aclrtDestroyNotify."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL is 100000, a dead handle 107017, and then no context 107002, which leaves the notify alive."""
        name, made = "aclrtDestroyNotify", notify(ready)
        refuse_elsewhere(ready, 100000, name, NULL, says="notify is NULL")
        refuse_elsewhere(ready, 107002, name, made, says="no current context")
        assert ready.aclrtDestroyNotify(made) == 0
        refuse_elsewhere(ready, 107017, name, made, says="was destroyed")

    @pytest.mark.row("RT12.17")
    @each_schedule
    def test_is_immediate(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """It waits for nothing that is queued: its handle is dead and its id free at once; what is queued is no crash."""
        acl = started(open_acl, **options)
        made, stream, held, number = notify(acl), acl.stream(), acl.stream(), acl.out("uint32_t")
        acl.ok(acl.aclrtGetNotifyId(made, number))
        key = notify(acl)
        take(acl, key, held)
        post(acl, made, held)
        take(acl, made, stream)
        assert acl.aclrtDestroyNotify(made) == 0
        assert blocked(acl, stream)
        refuse(acl, 107017, "aclrtRecordNotify", made, NULL)
        again = acl.out("uint32_t")
        acl.ok(acl.aclrtGetNotifyId(notify(acl), again))
        assert again[0] == number[0]
        post(acl, key, acl.stream())
        acl.synchronize(stream)


@pytest.mark.row("RT7.05")
class TestNotifyBatchReset:
    """aclrtNotifyBatchReset."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULL is 100000, then a number of 0 is 107000, then a chip that cannot do it 207000; no context is needed."""
        name, made = "aclrtNotifyBatchReset", ready.ffi.new("aclrtNotify[]", [notify(ready)])
        refuse(ready, 100000, name, NULL, 0, says="notifies is NULL")
        refuse(ready, 107000, name, made, 0, says="num is 0")
        assert ready.in_thread(lambda: ready.aclrtNotifyBatchReset(made, 1)) == 0
        for product in ("310B", "310P", "910"):
            behind(ready, product)
            refuse(ready, 107000, name, made, 0, says="num is 0")
            refuse(ready, 207000, name, made, 1, says="chip")
        for product in ("950", "A3", "A2"):
            behind(ready, product)
            assert ready.aclrtNotifyBatchReset(made, 1) == 0

    def test_stops_at_the_first_error(self, ready: Acl) -> None:
        """It clears one after the other at once; a handle that names no notify ends it with 107017."""
        dead = notify(ready)
        ready.ok(ready.aclrtDestroyNotify(dead))
        made = [notify(ready) for _ in range(4)]
        streams = [ready.stream() for _ in made]
        for each in made:
            post(ready, each)
        ready.synchronize()
        some = ready.ffi.new("aclrtNotify[]", [made[0], made[1], dead, made[2]])
        refuse(ready, 107017, "aclrtNotifyBatchReset", some, 4, says="notifies[2]: ")
        some[1] = made[3]
        assert ready.aclrtNotifyBatchReset(some, 1) == 0  # only the first of them
        for each, stream in zip(made, streams, strict=True):
            take(ready, each, stream)
        assert [blocked(ready, stream) for stream in streams] == [True, True, False, False]


@pytest.mark.row("RT7.06")
class TestGetNotifyId:
    """aclrtGetNotifyId."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """NULLs are 100000, then a dead handle is 107017; no context is needed."""
        name, place, dead = "aclrtGetNotifyId", ready.out("uint32_t"), notify(ready)
        ready.ok(ready.aclrtDestroyNotify(dead))
        refuse(ready, 100000, name, NULL, NULL, says="notify is NULL")
        refuse(ready, 100000, name, dead, NULL, says="notifyId is NULL")
        refuse(ready, 107017, name, dead, place)
        made = notify(ready)
        assert ready.in_thread(lambda: ready.aclrtGetNotifyId(made, place)) == 0

    def test_ids(self, ready: Acl) -> None:
        """Each living notify has a number of its own, which stays."""
        made, place = [notify(ready) for _ in range(5)], ready.out("uint32_t")

        def number(each: Any) -> int:
            ready.ok(ready.aclrtGetNotifyId(each, place))
            return int(place[0])

        numbers = [number(each) for each in made]
        assert len(set(numbers)) == 5
        post(ready, made[0])
        ready.synchronize()
        assert [number(each) for each in made] == numbers


# -- timeouts --------------------------------------------------------------------------------------------------------


def plainly(acl: Acl, stream: Any, timeout: int) -> Callable[[], None]:
    """A wait for a notify; what comes back records it."""
    made = notify(acl)
    take(acl, made, stream, timeout)
    return lambda: post(acl, made, acl.stream())


def by_count(acl: Acl, stream: Any, timeout: int) -> Callable[[], None]:
    """A wait for a count notify."""
    made = count_notify(acl)
    await_count(acl, made, AT_LEAST, 2, stream, timeout=timeout)
    count(acl, made, ADD, 1, acl.stream())
    return lambda: count(acl, made, ADD, 1, acl.stream())


Limited = Callable[[Acl, Any, int], Callable[[], None]]


@pytest.mark.row("RT13.08")
@each_schedule
@pytest.mark.parametrize("limited", [plainly, by_count])
class TestTimeout:
    """Waits with a limit, which expire in virtual time."""

    def test_expires(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """A wait that nobody ends is 107020 at the next synchronise, once; the tasks behind it run."""
        acl = started(open_acl, **options)
        stream, after = acl.stream(), event(acl)
        limited(acl, stream, 2)
        record(acl, after, stream)
        refuse(acl, 107020, "aclrtSynchronizeStream", stream, says="was not over within 2 s")
        acl.synchronize(stream)
        assert microseconds(acl, after) == 2_000_000

    @pytest.mark.parametrize(("passed", "code", "stamp"), [(1999, 0, 1_999_000), (2001, 107020, 2_000_000)])
    def test_in_time_or_late(
        self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited, passed: int, code: int, stamp: int
    ) -> None:
        """A record before the limit ends the wait; a later one does not, and stays for the next wait."""
        acl = started(open_acl, **options)
        stream, after = acl.stream(), event(acl)
        bring = limited(acl, stream, 2)
        record(acl, after, stream)
        let_pass(acl, passed)
        bring()
        assert acl.aclrtSynchronizeStream(stream) == code
        assert microseconds(acl, after) == stamp

    def test_zero_is_for_ever(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """0 is no limit; UINT32_MAX is none either, as long as the process has none."""
        acl = started(open_acl, **options)
        for timeout in (0, DEFAULT_TIMEOUT):
            stream = acl.stream()
            bring = limited(acl, stream, timeout)
            assert acl.aclrtSynchronizeStreamWithTimeout(stream, 2**31 - 1) == 507046
            bring()
            acl.synchronize(stream)

    def test_the_default(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """UINT32_MAX is what aclrtSetOpWaitTimeout said; 0 stays for ever."""
        acl = started(open_acl, **options)
        acl.ok(acl.aclrtSetOpWaitTimeout(3))
        after, streams = event(acl), [acl.stream(), acl.stream()]
        limited(acl, streams[0], DEFAULT_TIMEOUT)
        record(acl, after, streams[0])
        limited(acl, streams[1], 0)
        assert acl.aclrtSynchronizeStream(streams[0]) == 107020
        assert microseconds(acl, after) == 3_000_000
        assert acl.aclrtSynchronizeStreamWithTimeout(streams[1], 10_000) == 507046


@pytest.mark.row("RT13.08")
def test_a_wait_that_expired_takes_nothing(open_acl: OpenAcl) -> None:
    """A record that comes too late for a wait is there for the next one."""
    for options in SCHEDULES:
        acl = started(open_acl, **options)
        made, first, second = notify(acl), acl.stream(), acl.stream()
        take(acl, made, first, 1)
        let_pass(acl, 1500)
        post(acl, made, acl.stream())
        assert acl.aclrtSynchronizeStream(first) == 107020
        take(acl, made, second)
        acl.synchronize(second)


def test_another_host_thread_may_record(ready: Acl, server: HostThread) -> None:
    """A thread that waits for a blocked stream goes on when another one records the notify."""
    made, stream = notify(ready), ready.stream()
    take(ready, made, stream)
    waiting = begin_synchronize(ready, server, stream)
    post(ready, made, ready.stream())
    assert waiting.result(PATIENCE) == 0


@each_schedule
def test_a_hang_names_the_notify(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """The report says which notify a stream waits for, and for what count, and whether anybody records it."""
    acl = started(open_acl, **options)
    plain, counting = notify(acl), count_notify(acl)
    first, second = acl.stream(), acl.stream()
    take(acl, plain, first)
    post(acl, plain, second)
    await_count(acl, counting, AT_LEAST, 3, second)
    acl.synchronize(first)
    take(acl, plain, first)
    count(acl, counting, ADD, 1, acl.stream())
    with pytest.raises(SimulationHang) as hang:
        acl.synchronize(second)
    assert "waits for count notify 1 to be at least 3 (it is 1), which no queued task records" in str(hang.value)
    with pytest.raises(SimulationHang) as hang:
        acl.synchronize(first)
    assert "waits for notify 0, which no queued task records" in str(hang.value)

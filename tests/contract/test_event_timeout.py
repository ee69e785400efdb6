"""Waits for events that have a limit (contract_rt sections 6 and 13): from the call, or from aclrtSetOpWaitTimeout."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.contract.acl import Acl, OpenAcl
from tests.contract.sync import (
    DEFAULT_TIMEOUT,
    SCHEDULES,
    behind,
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


def limited_wait(acl: Acl, name: str, stream: Any, made: Any, timeout: int) -> None:
    """One of the three calls; the first takes no timeout."""
    arguments = {
        "aclrtStreamWaitEvent": (),
        "aclrtStreamWaitEventWithTimeout": (timeout,),
        "aclrtStreamWaitEventWithFlag": (timeout, 0),
    }[name]
    acl.ok(getattr(acl, name)(stream, made, *arguments))


def by_call(acl: Acl, stream: Any, made: Any, seconds: int) -> None:
    """A wait that says its own timeout."""
    acl.ok(acl.aclrtStreamWaitEventWithTimeout(stream, made, seconds))


def by_flagged_call(acl: Acl, stream: Any, made: Any, seconds: int) -> None:
    """The other one."""
    acl.ok(acl.aclrtStreamWaitEventWithFlag(stream, made, seconds, 0))


def by_process(acl: Acl, stream: Any, made: Any, seconds: int) -> None:
    """A wait without a timeout of its own: that of the process counts."""
    acl.ok(acl.aclrtSetOpWaitTimeout(seconds))
    wait(acl, stream, made)


def by_name(acl: Acl, stream: Any, made: Any, seconds: int) -> None:
    """A wait that asks for that of the process."""
    acl.ok(acl.aclrtSetOpWaitTimeout(seconds))
    acl.ok(acl.aclrtStreamWaitEventWithFlag(stream, made, DEFAULT_TIMEOUT, 0))


Limited = Callable[[Acl, Any, Any, int], None]
each_way = pytest.mark.parametrize("limited", [by_call, by_flagged_call, by_process, by_name])


@pytest.mark.row("RT13.07")
@each_schedule
@each_way
class TestTimeout:
    """Waits with a limit, however it was given; waits that expire do it in virtual time."""

    def test_expires(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """A wait that nobody ends is 107020 at the next synchronise, once; the tasks behind it run."""
        acl = started(open_acl, **options)
        made, after, stream = event(acl, "OLD"), event(acl), acl.stream()
        limited(acl, stream, made, 2)
        work = acl.work(stream)
        record(acl, after, stream)
        says = f"the wait for OLD event 0x{acl.address(made):x} on stream "
        refuse(acl, 107020, "aclrtSynchronizeStream", stream, says=says)
        assert work.ran()
        acl.synchronize(stream)
        assert microseconds(acl, after) == 2_000_005  # and the work

    def test_a_record_in_time(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """A record that comes before the limit ends the wait."""
        acl = started(open_acl, **options)
        made, after, stream = event(acl, "OLD"), event(acl), acl.stream()
        limited(acl, stream, made, 2)
        record(acl, after, stream)
        let_pass(acl, 1999)
        record(acl, made, acl.stream())
        acl.synchronize(stream)
        assert microseconds(acl, after) == 1_999_000

    def test_a_record_that_is_late(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """A record that comes after the limit changes nothing: the wait was over when the limit was."""
        acl = started(open_acl, **options)
        made, after, stream = event(acl, "OLD"), event(acl), acl.stream()
        limited(acl, stream, made, 2)
        record(acl, after, stream)
        let_pass(acl, 2001)
        record(acl, made, acl.stream())
        assert acl.aclrtSynchronizeStream(stream) == 107020
        assert microseconds(acl, after) == 2_000_000

    def test_counts_from_its_turn(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """The limit begins when the stream comes to the wait, for a record of another stream as well."""
        acl = started(open_acl, **options)
        made, after, first, second = event(acl), event(acl), acl.stream(), acl.stream()
        hold(acl, first)
        record(acl, made, first)
        release = hold(acl, second)
        limited(acl, second, made, 2)
        record(acl, after, second)
        let_pass(acl, 3000)
        release()
        assert acl.aclrtSynchronizeStream(second) == 107020
        assert microseconds(acl, after) == 5_000_000

    def test_zero_is_never(self, open_acl: OpenAcl, options: dict[str, Any], limited: Limited) -> None:
        """0 is no limit."""
        acl = started(open_acl, **options)
        made, stream = event(acl, "OLD"), acl.stream()
        limited(acl, stream, made, 0)
        assert acl.aclrtSynchronizeStreamWithTimeout(stream, 2**31 - 1) == 507046
        record(acl, made, acl.stream())
        acl.synchronize(stream)


@pytest.mark.row("RT6.10")
class TestSetOpWaitTimeout:
    """aclrtSetOpWaitTimeout."""

    def test_default(self, ready: Acl) -> None:
        """Without it waits have no limit, whether they say so, ask for the process's, or say nothing."""
        made = event(ready, "OLD")
        for name, timeout in [
            ("aclrtStreamWaitEvent", 0),
            ("aclrtStreamWaitEventWithFlag", DEFAULT_TIMEOUT),
            ("aclrtStreamWaitEventWithTimeout", 0),
        ]:
            stream = ready.stream()
            limited_wait(ready, name, stream, made, timeout)
            assert ready.aclrtSynchronizeStreamWithTimeout(stream, 2**31 - 1) == 507046

    def test_is_of_the_process_and_the_last_call_wins(self, ready: Acl) -> None:
        """Any thread sets it, without a context, for all contexts; a wait that says its own limit keeps that."""
        made, after = event(ready, "OLD"), [event(ready) for _ in range(3)]
        for seconds in (100, 7, 3):
            assert ready.in_thread(partial(ready.aclrtSetOpWaitTimeout, seconds)) == 0
        ready.context(1)
        for name, timeout, each in [
            ("aclrtStreamWaitEvent", 0, after[0]),
            ("aclrtStreamWaitEventWithFlag", DEFAULT_TIMEOUT, after[1]),
            ("aclrtStreamWaitEventWithTimeout", 5, after[2]),
        ]:
            stream = ready.stream()
            limited_wait(ready, name, stream, made, timeout)
            record(ready, each, stream)
        assert ready.aclrtSynchronizeDevice() == 107020
        assert [microseconds(ready, each) for each in after] == [3_000_000, 3_000_000, 5_000_000]

    def test_waits_that_say_never(self, ready: Acl) -> None:
        """A limit of 0 in the call is none, whatever the process has; 0 for the process takes its limit back."""
        made, never, again = event(ready, "OLD"), ready.stream(), ready.stream()
        ready.ok(ready.aclrtSetOpWaitTimeout(1))
        ready.ok(ready.aclrtStreamWaitEventWithTimeout(never, made, 0))
        assert ready.aclrtSynchronizeStreamWithTimeout(never, 5000) == 507046
        ready.ok(ready.aclrtSetOpWaitTimeout(0))
        wait(ready, again, made)
        assert ready.aclrtSynchronizeStreamWithTimeout(again, 5000) == 507046

    def test_waits_that_are_queued_keep_theirs(self, ready: Acl) -> None:
        """A call changes nothing for waits that are queued already (a choice: the contract leaves it open)."""
        made, stream = event(ready, "OLD"), ready.stream()
        ready.ok(ready.aclrtSetOpWaitTimeout(2))
        wait(ready, stream, made)
        ready.ok(ready.aclrtSetOpWaitTimeout(0))
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, 5000) == 107020


@pytest.mark.parametrize(("product", "code"), [("950", 107020), ("A3", 107020), ("A2", 107020), ("310P", 507046)])
def test_products_that_honour_a_timeout(open_acl: OpenAcl, product: str, code: int) -> None:
    """RT6.08: A2, A3 and 950 keep the timeout of a call, 310P takes it and waits on."""
    acl = started(open_acl, product=product)
    made, stream = event(acl, "OLD"), acl.stream()
    acl.ok(acl.aclrtStreamWaitEventWithTimeout(stream, made, 1))
    assert acl.aclrtSynchronizeStreamWithTimeout(stream, 5000) == code
    if code == 507046:
        record(acl, made, acl.stream())
        acl.synchronize(stream)


def test_who_waits_for_a_wait_that_expires(open_acl: OpenAcl) -> None:
    """A stream that waits for one whose wait expires goes on then, under every schedule at the same virtual time."""
    for options in SCHEDULES:
        acl = started(open_acl, **options)
        never, made, after = event(acl, "OLD"), event(acl), event(acl)
        first, second = acl.stream(), acl.stream()
        acl.ok(acl.aclrtStreamWaitEventWithTimeout(first, never, 3))
        record(acl, made, first)
        wait(acl, second, made)
        record(acl, after, second)
        acl.synchronize(second)
        assert microseconds(acl, after) == 3_000_000
        assert acl.aclrtSynchronizeStream(first) == 107020


@pytest.mark.row("RT6.10")
@pytest.mark.parametrize(
    ("product", "code"),
    [("generic", 0), ("950", 0), ("A3", 0), ("A2", 0), ("310B", 0), ("910", 0), ("310P", 207000)],
)
def test_products_with_a_limit_for_all_waits(acl: Acl, product: str, code: int) -> None:
    """aclrtSetOpWaitTimeout is 207000 on a chip that has no such limit; it needs no context."""
    behind(acl, product)
    if code:
        refuse(acl, code, "aclrtSetOpWaitTimeout", 1, says="timeout: ")
    else:
        assert acl.aclrtSetOpWaitTimeout(1) == 0

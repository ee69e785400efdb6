"""Count notifies (contract_rt section 7). What they have in common with notifies is in test_notify."""

from functools import partial
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.sync import (
    ADD,
    AT_LEAST,
    BIGGER,
    BIT_AND,
    BIT_OR,
    BITS,
    EQUAL,
    LESS,
    SET,
    await_count,
    behind,
    blocked,
    count,
    count_notify,
    counts,
    each_schedule,
    event,
    let_pass,
    microseconds,
    notify,
    passes,
    post,
    record,
    refuse,
    started,
    take,
    writing,
)

_MASK = 2**32 - 1


class TestCreateCountNotify:
    """RT7.07 without chips that lack flag 1: no product is known to."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL and a bad flag are 107000, then any chip but a 950 is 207000, then no context 107002."""
        name, place = "aclrtCntNotifyCreate", acl.out("aclrtCntNotify")
        for product in ("generic", "950", "A3", "A2", "310B", "310P", "910"):
            behind(acl, product)
            refuse(acl, 107000, name, NULL, 2, says="cntNotify is NULL")
            for flag in (2, 3, 2**64 - 1):
                refuse(acl, 107000, name, place, flag, says=f"flag is {flag}")
            if product in ("generic", "950"):
                refuse(acl, 107002, name, place, 1, says="no current context")
            else:
                refuse(acl, 207000, name, place, 1, says="chip")
        assert place[0] == NULL

    @pytest.mark.parametrize("flag", [0, 1])
    def test_starts_at_zero(self, ready: Acl, flag: int) -> None:
        """A new count notify counts 0."""
        place = ready.out("aclrtCntNotify")
        ready.ok(ready.aclrtCntNotifyCreate(place, flag))
        assert counts(ready, place[0], 0)
        assert not counts(ready, place[0], 1)

    def test_they_are_notifies_of_the_device(self, ready: Acl) -> None:
        """They take the ids of notifies (a choice): with all taken it is 207009."""
        place, counting = ready.out("aclrtNotify"), ready.out("aclrtCntNotify")
        while ready.aclrtCreateNotify(place, 0) == 0:
            pass
        refuse(ready, 207009, "aclrtCntNotifyCreate", counting, 0)
        ready.ok(ready.aclrtDestroyNotify(place[0]))
        assert ready.aclrtCntNotifyCreate(counting, 0) == 0
        refuse(ready, 207009, "aclrtCreateNotify", place, 0)
        ready.ok(ready.aclrtCntNotifyDestroy(counting[0]))
        assert ready.aclrtCreateNotify(place, 0) == 0


@pytest.mark.row("RT7.08")
class TestCountRecord:
    """aclrtCntNotifyRecord."""

    @pytest.mark.parametrize(
        ("steps", "result"),
        [
            ([(SET, 5)], 5),
            ([(SET, 5), (SET, 3)], 3),
            ([(SET, _MASK)], _MASK),
            ([(ADD, 5)], 5),
            ([(ADD, 5), (ADD, 3)], 8),
            ([(SET, _MASK), (ADD, 1)], 0),  # what it does on overflow is not known; here it wraps
            ([(SET, 0b0101), (BIT_OR, 0b0110)], 0b0111),
            ([(BIT_OR, 0x80000000)], 0x80000000),
            ([(SET, 0b0101), (BIT_AND, 0b0110)], 0b0001),  # clears the bits
            ([(SET, _MASK), (BIT_AND, 1)], _MASK - 1),
            ([(SET, 7), (BIT_AND, 0)], 7),
        ],
    )
    def test_modes(self, ready: Acl, steps: list[tuple[int, int]], result: int) -> None:
        """SET replaces the count, ADD adds to it, BIT_OR sets bits of it and BIT_AND clears them."""
        made, stream = count_notify(ready), ready.stream()
        for mode, value in steps:
            count(ready, made, mode, value, stream)
        ready.synchronize(stream)
        assert counts(ready, made, result)

    @each_schedule
    def test_is_a_task(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """It counts when its turn in the stream comes; what it is told is read at the call."""
        acl = started(open_acl, **options)
        made, key, stream = count_notify(acl), notify(acl), acl.stream()
        take(acl, key, stream)
        info = writing(acl, SET, 5)
        acl.ok(acl.aclrtCntNotifyRecord(made, stream, info))
        info.value = 9
        assert counts(acl, made, 0)
        post(acl, key, acl.stream())
        acl.synchronize(stream)
        assert counts(acl, made, 5)


FITTING = [
    (LESS, 5, [0, 4], [5, 6, _MASK]),
    (LESS, 0, [], [0, 1]),
    (EQUAL, 5, [5], [0, 4, 6]),
    (BIGGER, 5, [6, _MASK], [0, 5]),
    (AT_LEAST, 5, [5, 6, _MASK], [0, 4]),
    (BITS, 0b101, [0b101, 0b111, _MASK], [0, 0b001, 0b110]),
    (BITS, 0, [0, 7], []),
]


@pytest.mark.row("RT7.09")
class TestCountWait:
    """aclrtCntNotifyWaitWithTimeout."""

    @pytest.mark.parametrize(("mode", "value", "fitting", "others"), FITTING)
    def test_modes(self, ready: Acl, mode: int, value: int, fitting: list[int], others: list[int]) -> None:
        """Waits for a count less than, equal to, bigger than, or at least the value, or with all of its bits."""
        made = count_notify(ready)
        for present, passing in [*((each, True) for each in fitting), *((each, False) for each in others)]:
            count(ready, made, SET, present)
            ready.synchronize()
            assert passes(ready, made, mode, value) == passing

    @each_schedule
    @pytest.mark.parametrize(("clear", "left"), [(0, 6), (1, 0), (255, 0)])
    def test_clearing(self, open_acl: OpenAcl, options: dict[str, Any], clear: int, left: int) -> None:
        """With isClear other than 0 the count is 0 after the wait, else what it was."""
        acl = started(open_acl, **options)
        made, stream = count_notify(acl), acl.stream()
        await_count(acl, made, BIGGER, 5, stream, clear=clear)
        assert blocked(acl, stream)
        count(acl, made, ADD, 6)
        acl.synchronize(stream)
        assert counts(acl, made, left)

    @each_schedule
    def test_the_end_of_a_clearing_wait_counts_as_a_record(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A stream that waits for a small count goes on when another one's wait clears it, at that one's time."""
        acl = started(open_acl, **options)
        made, key, after = count_notify(acl), notify(acl), event(acl)
        first, second, third = acl.stream(), acl.stream(), acl.stream()
        count(acl, made, SET, 5, first)
        acl.synchronize(first)
        await_count(acl, made, LESS, 1, second)
        record(acl, after, second)
        assert blocked(acl, second)  # for a millisecond
        take(acl, key, third)
        await_count(acl, made, EQUAL, 5, third, clear=True)
        let_pass(acl, 2)
        post(acl, key, first)
        acl.synchronize(second)
        assert microseconds(acl, after) == 3000

    @each_schedule
    def test_a_barrier(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """Streams that add one each let another one go when the last of them is there, at the same virtual time."""
        acl = started(open_acl, **options)
        made, after, ends, last = count_notify(acl), event(acl), [event(acl) for _ in range(3)], acl.stream()
        for number, end in enumerate(ends):
            stream = acl.stream()
            acl.long_work(stream, milliseconds=(1, 3, 2)[number])
            record(acl, end, stream)
            count(acl, made, ADD, 1, stream)
        await_count(acl, made, EQUAL, 3, last)
        record(acl, after, last)
        acl.synchronize(last)
        assert [microseconds(acl, each) for each in (*ends, after)] == [1000, 3000, 2000, 3000]

    @each_schedule
    @pytest.mark.parametrize("first", ["wait", "record"])
    def test_a_count_that_goes_on(self, open_acl: OpenAcl, options: dict[str, Any], first: str) -> None:
        """A stream goes on when its count was reached, though the count is higher and time has passed when it is run."""
        acl = started(open_acl, **options)
        made, afters, counting, following = count_notify(acl), [event(acl), event(acl)], acl.stream(), acl.stream()

        def follow() -> None:
            for number, after in zip((2, 3), afters, strict=True):
                await_count(acl, made, AT_LEAST, number, following)
                record(acl, after, following)

        if first == "wait":
            follow()
        for _ in range(5):
            acl.long_work(counting, milliseconds=1)
            count(acl, made, ADD, 1, counting)
            if first == "wait":
                acl.synchronize(counting)
        if first == "record":
            follow()
        acl.synchronize(following)
        assert [microseconds(acl, after) for after in afters] == [2000, 3000]


@pytest.mark.row("RT7.10")
@each_schedule
def test_reset_of_a_count_notify(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """aclrtCntNotifyReset is a record that stores 0 when its turn in the stream comes; waits for 0 go on then."""
    acl = started(open_acl, **options)
    made, key, held, low = count_notify(acl), notify(acl), acl.stream(), acl.stream()
    count(acl, made, SET, 5)
    acl.synchronize()
    take(acl, key, held)
    assert acl.aclrtCntNotifyReset(made, held) == 0
    await_count(acl, made, EQUAL, 0, low)
    assert counts(acl, made, 5)
    assert blocked(acl, low)
    post(acl, key, acl.stream())
    acl.synchronize(low)
    assert counts(acl, made, 0)


@pytest.mark.row("RT7.11")
@each_schedule
def test_destroying_a_count_notify(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """aclrtCntNotifyDestroy is over at once, without a context; the handle is 107017 then, and what is queued no crash."""
    acl = started(open_acl, **options)
    made, key, held, stream = count_notify(acl), notify(acl), acl.stream(), acl.stream()
    refuse(acl, 107000, "aclrtCntNotifyDestroy", acl.pointer(0, "aclrtCntNotify"), says="cntNotify is NULL")
    take(acl, key, held)
    count(acl, made, SET, 5, held)
    await_count(acl, made, EQUAL, 5, stream)
    assert acl.in_thread(partial(acl.aclrtCntNotifyDestroy, made)) == 0
    refuse(acl, 107017, "aclrtCntNotifyDestroy", made, says="was destroyed")
    refuse(acl, 107017, "aclrtCntNotifyReset", made, NULL)
    assert blocked(acl, stream)
    post(acl, key, acl.stream())
    acl.synchronize(stream)


class TestGetCountNotifyId:
    """aclrtCntNotifyGetId, which has no row."""

    def test_ids(self, ready: Acl) -> None:
        """Each living count notify has a number of its own; NULLs and dead handles are refused."""
        made, place = [count_notify(ready) for _ in range(3)], ready.out("uint32_t")
        numbers = []
        for each in made:
            ready.ok(ready.aclrtCntNotifyGetId(each, place))
            numbers.append(place[0])
        assert len(set(numbers)) == 3
        name = "aclrtCntNotifyGetId"
        refuse(ready, 107000, name, ready.pointer(0, "aclrtCntNotify"), place, says="cntNotify is NULL")
        refuse(ready, 100000, name, made[0], NULL, says="notifyId is NULL")
        ready.ok(ready.aclrtCntNotifyDestroy(made[0]))
        refuse(ready, 107017, name, made[0], place)

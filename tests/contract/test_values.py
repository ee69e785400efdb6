"""Values in device memory that streams write and wait for (contract_rt section 10)."""

from collections.abc import Callable
from typing import Any

import pytest
from aclsim import SimulationHang

from tests.aclsim.machine import PATIENCE
from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import HostThread, begin_synchronize, dead_stream, foreign_stream
from tests.contract.sync import (
    SCHEDULES,
    blocked,
    each_schedule,
    event,
    hold,
    let_pass,
    microseconds,
    record,
    refuse,
    refuse_elsewhere,
    started,
)

AT_LEAST, EQUAL, AND, NOR = 0, 1, 2, 3
SIZE = 8
_MASK = 2**64 - 1
_TOP = 2**63

FITTING = [
    (AT_LEAST, 5, [5, 6, 5 + _TOP - 1], [0, 4, 5 + _TOP, _MASK]),  # the difference is signed
    (AT_LEAST, _MASK, [_MASK, 0, _TOP - 2], [_MASK - 1, _TOP - 1, _TOP]),
    (EQUAL, 5, [5], [0, 4, 6, 5 + 2**32]),
    (EQUAL, _MASK, [_MASK], [0, _MASK - 1]),
    (AND, 0b101, [0b001, 0b100, 0b111, _MASK], [0, 0b010, _MASK - 0b101]),
    (AND, _TOP, [_TOP, _MASK], [0, _TOP - 1]),
    (AND, 0, [], [0, _MASK]),
    (NOR, 0b101, [0, 0b101, 0b010, _MASK - 0b111], [_MASK, _MASK - 0b101, _MASK - 0b001]),
    (NOR, _MASK, [], [0, 1]),
    (NOR, 0, [0, _MASK - 1], [_MASK]),
]


def eight(value: int) -> bytes:
    """A value as it lies in memory."""
    return value.to_bytes(SIZE, "little")


def cell(acl: Acl, value: int = 0) -> Any:
    """Device memory that holds a value."""
    return acl.malloc(SIZE, eight(value))


def held(acl: Acl, place: Any) -> int:
    """The value that a place holds."""
    return int.from_bytes(acl.read(place, SIZE), "little")


def write(acl: Acl, place: Any, value: int, stream: Any = NULL) -> None:
    """aclrtValueWrite."""
    acl.ok(acl.aclrtValueWrite(place, value, 0, stream))


def wait(acl: Acl, place: Any, value: int, stream: Any = NULL, flag: int = AT_LEAST) -> None:
    """aclrtValueWait."""
    acl.ok(acl.aclrtValueWait(place, value, flag, stream))


@pytest.mark.parametrize(
    ("name", "bad_flags"),
    [
        pytest.param("aclrtValueWrite", [1, 2, 4, 2**32 - 1], marks=pytest.mark.row("RT10.07")),
        pytest.param("aclrtValueWait", [4, 5, 8, 2**32 - 1], marks=pytest.mark.row("RT10.08")),
    ],
)
class TestArguments:
    """What both calls refuse."""

    def test_order_of_checks(self, ready: Acl, name: str, bad_flags: list[int]) -> None:
        """NULL 100000, dead stream 107017, bad flag 107000, no device address 107000, no context 107002, foreign 107003."""
        good, dead, foreign, live = cell(ready, 7), dead_stream(ready), foreign_stream(ready), ready.stream()
        host = ready.host(SIZE)
        for flag in bad_flags:
            refuse(ready, 100000, name, NULL, 1, flag, dead, says="devAddr is NULL")
            refuse(ready, 107017, name, host, 1, flag, dead, says="stream: ")
            refuse(ready, 107000, name, host, 1, flag, foreign, says=f"flag is {flag}")
            refuse_elsewhere(ready, 107000, name, good, 1, flag, live, says=f"flag is {flag}")
        refuse_elsewhere(ready, 100000, name, NULL, 1, 0, live, says="devAddr is NULL")
        refuse_elsewhere(ready, 107017, name, good, 1, 0, dead, says="stream: ")
        refuse_elsewhere(ready, 107000, name, host, 1, 0, live, says="devAddr: ")
        for stream in (live, foreign, NULL):
            refuse_elsewhere(ready, 107002, name, good, 1, 0, stream, says="no current context")
        refuse(ready, 107003, name, good, 1, 0, foreign, says="current context")
        assert ready.complete(live)
        assert held(ready, good) == 7

    def test_no_device_address(self, ready: Acl, open_acl: OpenAcl, name: str, bad_flags: list[int]) -> None:
        """Host memory, page-locked or not, freed, foreign and odd addresses and the end of an allocation are 107000."""
        call, other, freed, short = getattr(ready, name), open_acl(), cell(ready), ready.malloc(64)
        other.start()
        ready.ok(ready.aclrtFree(freed))
        wrong = [
            ready.host(64),
            ready.pointer(8),
            ready.pointer(2**64 - 8),
            ready.malloc_host(64),
            freed,
            cell(other),
            ready.offset(short, 1),
            ready.offset(short, 4),
            ready.offset(short, 96),  # with its padding it has 96 bytes
            ready.offset(short, 92),
        ]
        assert call(ready.offset(short, 88), 0, 0, NULL) == 0
        ready.synchronize()
        for address in wrong:
            refuse(ready, 107000, name, address, 1, 0, NULL, says="devAddr")
            refuse_elsewhere(ready, 107000, name, address, 1, 0, NULL, says="devAddr")
        assert ready.complete()

    def test_where_host_and_device_share_memory(self, open_acl: OpenAcl, name: str, bad_flags: list[int]) -> None:
        """In the run mode ACL_DEVICE it is the same: device memory is legal, host memory is 107000."""
        acl = started(open_acl, run_mode="device")
        refuse(acl, 107000, name, acl.malloc_host(8), 0, 0, NULL, says="devAddr: ")
        assert getattr(acl, name)(cell(acl), 0, 0, NULL) == 0
        acl.synchronize()

    def test_memory_of_another_device(self, ready: Acl, name: str, bad_flags: list[int]) -> None:
        """The memory may be of any device."""
        place = cell(ready)
        ready.context(1)
        assert getattr(ready, name)(place, 0, 0, NULL) == 0
        ready.synchronize()


@pytest.mark.row("RT10.07")
class TestWrite:
    """aclrtValueWrite."""

    @pytest.mark.parametrize("value", [0, 1, 0x0123456789ABCDEF, _MASK])
    def test_writes_eight_bytes(self, ready: Acl, value: int) -> None:
        """It writes 64 bits, little-endian, also inside an allocation, and nothing around them."""
        memory = ready.malloc(24, b"." * 24)
        write(ready, ready.offset(memory, 8), value)
        assert ready.read(memory, 24) == b"." * 24
        ready.synchronize()
        assert ready.read(memory, 24) == b"." * 8 + eight(value) + b"." * 8

    @each_schedule
    def test_is_a_task(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """It writes when its turn in the stream comes."""
        acl = started(open_acl, **options)
        place, stream = cell(acl, 1), acl.stream()
        release = hold(acl, stream)
        write(acl, place, 2, stream)
        write(acl, place, 3)
        acl.synchronize()
        assert held(acl, place) == 3
        release()
        acl.synchronize(stream)
        assert held(acl, place) == 2

    @each_schedule
    def test_freed_memory(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """A write whose memory was freed meanwhile fails its stream with 507053."""
        acl = started(open_acl, **options)
        place, stream = cell(acl), acl.stream()
        release = hold(acl, stream)
        write(acl, place, 1, stream)
        acl.ok(acl.aclrtFree(place))
        release()
        refuse(acl, 507053, "aclrtSynchronizeStream", stream, says="was freed")


@pytest.mark.row("RT10.08")
class TestWait:
    """aclrtValueWait."""

    @pytest.mark.parametrize(("flag", "value", "fitting", "others"), FITTING)
    def test_flags(self, ready: Acl, flag: int, value: int, fitting: list[int], others: list[int]) -> None:
        """GEQ: the signed difference is not negative; EQ; AND: a common bit; NOR: a bit that neither has."""
        for present, passing in [*((each, True) for each in fitting), *((each, False) for each in others)]:
            place, stream = cell(ready, present), ready.stream()
            wait(ready, place, value, stream, flag)
            assert blocked(ready, stream) != passing
            assert held(ready, place) == present

    @each_schedule
    @pytest.mark.parametrize("flag", [AT_LEAST, EQUAL, AND])
    def test_blocks_until_it_fits(self, open_acl: OpenAcl, options: dict[str, Any], flag: int) -> None:
        """The stream is blocked, for earlier tasks not, until a write that fits; other writes do not help."""
        acl = started(open_acl, **options)
        place, stream, writing = cell(acl), acl.stream(), acl.stream()
        earlier = acl.work(stream)
        wait(acl, place, 4, stream, flag)
        later = acl.work(stream)
        write(acl, place, 3, writing)
        assert blocked(acl, stream)
        assert (earlier.ran(), later.ran()) == (True, False)
        write(acl, place, 4, writing)
        acl.synchronize(stream)
        assert later.ran()

    @each_schedule
    @pytest.mark.parametrize(
        "way", ["value", "device copy", "host copy", "memset", "halves", "copy now", "memset now", "pageable copy"]
    )
    def test_whoever_writes(self, open_acl: OpenAcl, options: dict[str, Any], way: str) -> None:
        """Anything that writes to the memory ends the wait: tasks of streams, and the host."""
        acl = started(open_acl, **options)
        memory, stream, other = acl.malloc(64, bytes(64)), acl.stream(), acl.stream()
        place = acl.offset(memory, 16)
        ones, pinned = acl.malloc(64, b"\x01" * 64), acl.malloc_host(64, b"\x01" * 64)
        value = int.from_bytes(b"\x01" * 8, "little")
        wait(acl, place, value, stream, EQUAL)
        work = acl.work(stream)
        assert blocked(acl, stream)
        lib = acl.lib
        ways: dict[str, Callable[[], int]] = {
            "value": lambda: acl.aclrtValueWrite(place, value, 0, other),
            "device copy": lambda: acl.aclrtMemcpyAsync(memory, 64, ones, 64, lib.ACL_MEMCPY_DEVICE_TO_DEVICE, other),
            "host copy": lambda: acl.aclrtMemcpyAsync(memory, 64, pinned, 64, lib.ACL_MEMCPY_HOST_TO_DEVICE, other),
            "memset": lambda: acl.aclrtMemsetAsync(memory, 64, 1, 64, other),
            "halves": lambda: (
                acl.aclrtMemsetAsync(acl.offset(memory, 12), 8, 1, 8, other)
                or acl.aclrtMemsetAsync(acl.offset(memory, 20), 8, 1, 8, other)
            ),
            "copy now": lambda: acl.aclrtMemcpy(place, 8, b"\x01" * 8, 8, lib.ACL_MEMCPY_HOST_TO_DEVICE),
            "memset now": lambda: acl.aclrtMemset(memory, 64, 1, 64),
            "pageable copy": lambda: acl.aclrtMemcpyAsync(
                place, 8, b"\x01" * 8, 8, lib.ACL_MEMCPY_HOST_TO_DEVICE, other
            ),
        }
        assert ways[way]() == 0
        acl.synchronize(stream)
        assert work.ran()

    @each_schedule
    @pytest.mark.parametrize("polls", [False, True])
    def test_two_streams_take_turns(self, open_acl: OpenAcl, options: dict[str, Any], polls: bool) -> None:
        """Two streams that hand a value to and fro by counting up take turns, also when the host only asks."""
        acl = started(open_acl, **options)
        turn, streams = cell(acl), [acl.stream(), acl.stream()]
        blocks = [acl.malloc(4, b"0000"), acl.malloc(4, b"1111"), acl.malloc(4, b"2222")]
        for number in range(6):
            stream = streams[number % 2]
            wait(acl, turn, number, stream)
            acl.copy(blocks[(number + 1) % 3], blocks[number % 3], 4, stream)
            write(acl, turn, number + 1, stream)
        if polls:
            queries = 0
            while not acl.complete(streams[1]):
                queries += 1
                assert queries < 100
        else:
            acl.synchronize(streams[1])
        assert [acl.read(block, 4) for block in blocks] == [b"0000"] * 3
        assert held(acl, turn) == 6

    def test_freed_memory(self, open_acl: OpenAcl) -> None:
        """A wait whose memory was freed meanwhile is over, and fails its stream with 507053."""
        for schedule in ("lazy", "eager", "random"):
            acl = started(open_acl, schedule=schedule)
            place, stream = cell(acl), acl.stream()
            wait(acl, place, 1, stream)
            work = acl.work(stream)
            acl.ok(acl.aclrtFree(place))
            refuse(acl, 507053, "aclrtSynchronizeStream", stream, says="was freed")
            assert work.ran()

    def test_another_host_thread_may_write(self, ready: Acl, server: HostThread) -> None:
        """A thread that waits for a blocked stream goes on when another one writes to the memory."""
        place, stream = cell(ready), ready.stream()
        wait(ready, place, 1, stream)
        waiting = begin_synchronize(ready, server, stream)
        ready.write(place, eight(1))
        assert waiting.result(PATIENCE) == 0

    @each_schedule
    def test_a_hang_names_the_value(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """The report says where the value is, what is waited for, what is there, and whether anybody writes it."""
        acl = started(open_acl, **options)
        place, stream, other = cell(acl, 3), acl.stream(), acl.stream()
        wait(acl, place, 0x11, stream)
        release = hold(acl, other)
        write(acl, place, 0x11, other)
        number = acl.out("int32_t")
        acl.ok(acl.aclrtStreamGetId(other, number))
        what = f"waits for a value at least 0x11 at 0x{acl.address(place):x} (it is 0x3)"
        with pytest.raises(SimulationHang) as hang:
            acl.synchronize(stream)
        assert f"{what}, written on stream {number[0]}" in str(hang.value)
        acl.ok(acl.aclrtDestroyStreamForce(other))
        with pytest.raises(SimulationHang) as hang:
            acl.synchronize(stream)
        assert f"{what}, which no queued task writes" in str(hang.value)
        assert release is not None


class TestTimes:
    """When streams go on, in virtual time: the same under every schedule."""

    @each_schedule
    @pytest.mark.parametrize("first", ["write", "wait"])
    def test_a_wait_ends_with_the_write(self, open_acl: OpenAcl, options: dict[str, Any], first: str) -> None:
        """The stream goes on when the write is over, whichever of the two was queued first."""
        acl = started(open_acl, **options)
        place, after, writing, waiting = cell(acl), event(acl), acl.stream(), acl.stream()

        def queue_wait() -> None:
            wait(acl, place, 1, waiting)
            record(acl, after, waiting)

        start = event(acl)
        record(acl, start, writing)
        if first == "wait":
            queue_wait()
        acl.long_work(writing, milliseconds=1)
        write(acl, place, 1, writing)
        acl.long_work(writing, milliseconds=1)
        if first == "write":
            queue_wait()
        acl.synchronize(writing)
        acl.synchronize(waiting)
        assert microseconds(acl, after) - microseconds(acl, start) == pytest.approx(1000, abs=15)

    def test_are_the_same(self, open_acl: OpenAcl) -> None:
        """A consumer that follows a counter sees each step at the time at which it was made, however late it is run."""
        seen = []
        for options in SCHEDULES:
            acl = started(open_acl, **options)
            place, other, producer, consumer = cell(acl), cell(acl), acl.stream(), acl.stream()
            source, target = acl.malloc(1), acl.malloc(1)
            afters = [event(acl) for _ in range(5)]
            for number in range(8):
                for _ in range(number + 1):
                    acl.copy(target, source, 1, producer)
                write(acl, place, number, producer)
                write(acl, other, 1, producer)
            for number, after in enumerate(afters):
                wait(acl, place, number, consumer)
                record(acl, after, consumer)
            let_pass(acl, 1)
            acl.synchronize(producer)
            acl.synchronize(consumer)
            seen.append([microseconds(acl, after) for after in afters])
        assert seen == [seen[0]] * len(seen)
        steps = [later - earlier for earlier, later in zip(seen[0], seen[0][1:], strict=False)]
        assert steps == [15, 15, 20, 25]  # 0 was there from the beginning

    @each_schedule
    def test_many_values(self, open_acl: OpenAcl, options: dict[str, Any]) -> None:
        """With many values in use, forgotten ones among them, each wait still ends with its own write."""
        acl = started(open_acl, **options)
        memory, source, target = acl.malloc(8 * 100, bytes(800)), acl.malloc(1), acl.malloc(1)
        for first in (0, 50):
            producer, consumer, other = acl.stream(), acl.stream(), acl.stream()
            start, afters = event(acl), [event(acl) for _ in range(3)]
            record(acl, start, producer)
            for number in range(first, first + 50):
                acl.copy(target, source, 1, producer)
                write(acl, acl.offset(memory, 8 * number), 1, producer)
            for number, after in zip((40, 10, 49), afters, strict=True):
                stream = other if number == 10 else consumer
                wait(acl, acl.offset(memory, 8 * (first + number)), 1, stream)
                record(acl, after, stream)
            acl.ok(acl.aclrtSynchronizeDevice())
            times = [microseconds(acl, after) - microseconds(acl, start) for after in afters]
            assert times == [5 * 41, 5 * 11, 5 * 50]
        ones = acl.malloc(800, b"\x02" * 800)
        waits = [acl.stream() for _ in range(3)]
        for number, stream in zip((0, 60, 99), waits, strict=True):
            wait(acl, acl.offset(memory, 8 * number), 2, stream)
        assert all(blocked(acl, stream) for stream in waits)
        acl.copy(memory, ones, 800, acl.stream())
        for stream in waits:
            acl.synchronize(stream)

"""Copies of rectangles and in batches, and fills (contract_rt section 8.2)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl
from tests.contract.helpers import dead_stream, foreign_stream, refuse

SIZE_MAX = (1 << 64) - 1
H2H, H2D, D2H, D2D, DEFAULT = range(5)
MOST_ROWS, MOST_COLUMNS = 5_242_880, 5_000_000
HOST, DEVICE = 0, 1


def without_context(acl: Acl, *arguments: Any, says: str = "") -> None:
    """As `refuse`, in a thread without a current context."""
    acl.in_thread(partial(refuse, acl, *arguments, says=says))


def freed(acl: Acl, size: int = 64) -> Any:
    """Device memory that is gone."""
    memory = acl.malloc(size)
    acl.ok(acl.aclrtFree(memory))
    return memory


class TestMemcpyAsyncWithCondition:
    """RT8.16 without graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Count 0, NULL, kind, dead stream, destMax, same address, owner, addresses: as aclrtMemcpyAsync."""
        one, two, gone = ready.malloc(64), ready.malloc(64), freed(ready)
        dead, foreign, name = dead_stream(ready), foreign_stream(ready), "aclrtMemcpyAsyncWithCondition"
        assert ready.in_thread(lambda: ready.aclrtMemcpyAsyncWithCondition(NULL, 0, NULL, 0, 99, dead)) == 0
        refuse(ready, 100000, name, NULL, 0, NULL, 4, 99, dead, says="dst is NULL")
        refuse(ready, 100000, name, one, 0, NULL, 4, 99, dead, says="src is NULL")
        for kind in (6, 7, 99):
            refuse(ready, 100000, name, one, 0, two, 4, kind, dead, says=f"kind is {kind}")
        refuse(ready, 107017, name, one, 0, two, 4, D2D, dead)
        refuse(ready, 107000, name, one, 0, two, 4, D2D, foreign, says="destMax is 0")
        refuse(ready, 107000, name, one, 3, two, 4, D2D, foreign, says="more than destMax")
        assert ready.aclrtMemcpyAsyncWithCondition(one, 4, one, 4, D2D, foreign) == 0
        without_context(ready, 107002, name, one, 4, gone, 4, D2D, foreign)
        refuse(ready, 107003, name, one, 4, gone, 4, D2D, foreign)
        refuse(ready, 107000, name, one, 4, gone, 4, D2D, NULL, says="was freed")
        host = ready.host(64)
        refuse(ready, 207000, name, host, 4, ready.offset(host, 8), 4, H2H, NULL)
        refuse(ready, 107000, name, one, 4, host, 4, D2D, NULL, says="not page-locked")

    def test_is_a_task(self, ready: Acl) -> None:
        """Between device and page-locked memory it waits in its stream; pageable memory brings the stream up first."""
        stream, host, device = ready.stream(), ready.malloc_host(4, b"host"), ready.malloc(4, b"0000")
        assert ready.aclrtMemcpyAsyncWithCondition(device, 4, host, 4, H2D, stream) == 0
        assert ready.read(device, 4) == b"0000"
        back = ready.host(4)
        assert ready.aclrtMemcpyAsyncWithCondition(back, 4, device, 4, D2H, stream) == 0
        assert ready.content(back, 4) == b"host"


Call = Callable[..., tuple[Any, ...]]


def call_of(name: str) -> Call:
    """Name and arguments of a call; an asynchronous one is on the default stream if no other is said."""

    def arguments(*given: Any, stream: Any = NULL) -> tuple[Any, ...]:
        return (name, *given, stream) if name.endswith("Async") else (name, *given)

    return arguments


@pytest.fixture(params=["aclrtMemcpy2d", "aclrtMemcpy2dAsync"])
def rows(request: pytest.FixtureRequest) -> Call:
    """Name and arguments of either copy of rectangles, the asynchronous one on the default stream."""
    return call_of(request.param)


class TestMemcpy2d:
    """RT8.17 without graph capture."""

    def test_nothing_to_copy(self, ready: Acl, rows: Call) -> None:
        """Without width or height it is 0, whatever else is wrong, and nothing is written."""
        for width, height in [(0, 1), (1, 0), (0, SIZE_MAX), (0, 0)]:
            name, *arguments = rows(NULL, 0, NULL, 0, width, height, 99)
            assert ready.in_thread(partial(getattr(ready, name), *arguments)) == 0
        assert ready.message() == ""

    def test_order_of_checks(self, ready: Acl, rows: Call) -> None:
        """NULL, width above a pitch, kind, too large, no context, addresses: the first that is wrong decides."""
        one, host, gone = ready.malloc(64), ready.host(64), freed(ready)
        refuse(ready, 100000, *rows(NULL, 0, NULL, 0, 4, 2, 99), says="dst is NULL")
        refuse(ready, 100000, *rows(one, 0, NULL, 0, 4, 2, 99), says="src is NULL")
        for pitches in [(3, 4), (4, 3)]:
            refuse(ready, 100000, *rows(one, pitches[0], host, pitches[1], 4, SIZE_MAX, 99), says="width is 4")
        for kind in (H2H, 5, 6, 7, 99):
            refuse(ready, 100000, *rows(one, 4, host, 4, 4, SIZE_MAX, kind), says=f"kind is {kind}")
        without_context(ready, 107002, *rows(one, 4, gone, 4, 4, 2, H2D))
        for source in (gone, ready.malloc(4)):  # two rows 60 bytes apart run over the end of both
            refuse(ready, 107000, *rows(host, 20, source, 60, 20, 2, D2H), says="src: ")
        refuse(ready, 107000, *rows(gone, 4, host, 4, 4, 2, H2D), says="dst: ")

    @pytest.mark.row("RT14.08")
    def test_limits(self, ready: Acl, rows: Call) -> None:
        """More than 5242880 rows or 5000000 columns is 107000, before the context; the largest of either is legal."""
        device, host = ready.malloc(MOST_ROWS), ready.malloc_host(MOST_ROWS, b"z")
        for width, height in [(1, MOST_ROWS + 1), (MOST_COLUMNS + 1, 1), (SIZE_MAX, 1), (1, SIZE_MAX)]:
            without_context(ready, 107000, *rows(device, SIZE_MAX, host, SIZE_MAX, width, height, H2D), says="at most")
        for width, height in [(1, MOST_ROWS), (MOST_COLUMNS, 1)]:
            ready.ok(ready.aclrtMemset(device, 1, 0, 1))
            name, *arguments = rows(device, width, host, width, width, height, H2D)
            assert getattr(ready, name)(*arguments) == 0
            ready.synchronize()
            assert ready.read(device, 1) == b"z"

    def test_ranges_that_leave_the_address_space(self, ready: Acl, rows: Call) -> None:
        """A pitch that leads out of all memory is refused, and nothing is copied."""
        device, host = ready.malloc(8, b"." * 8), ready.host(b"h" * 8)
        name, *arguments = rows(device, 4, host, SIZE_MAX, 4, 2, H2D)
        assert getattr(ready, name)(*arguments) == 100000
        refuse(ready, 107000, *rows(device, SIZE_MAX, host, 4, 4, 2, H2D))
        assert ready.read(device, 8) == b"." * 8

    @pytest.mark.row("RT15.11")
    def test_device_to_device(self, ready: Acl) -> None:
        """The synchronous form is 207000, by its kind before the context or by its addresses; the other copies."""
        one, two = ready.malloc(8, b"01234567"), ready.malloc(8, b"." * 8)
        name = "aclrtMemcpy2d"
        without_context(ready, 207000, name, two, 4, one, 4, 2, 2, D2D, says="only aclrtMemcpy2dAsync")
        refuse(ready, 207000, name, two, 4, one, 4, 2, 2, DEFAULT, says="only aclrtMemcpy2dAsync")
        assert ready.read(two, 8) == b"." * 8
        for kind in (D2D, DEFAULT):
            ready.write(two, b"." * 8)
            assert ready.aclrtMemcpy2dAsync(two, 4, one, 4, 2, 2, kind, NULL) == 0
            ready.synchronize()
            assert ready.read(two, 8) == b"01..45.."

    def test_order_of_checks_of_streams(self, ready: Acl) -> None:
        """A dead stream comes after the kind and the size, one of another context before the addresses."""
        name, one, host, gone = "aclrtMemcpy2dAsync", ready.malloc(64), ready.malloc_host(64), freed(ready)
        dead, foreign = dead_stream(ready), foreign_stream(ready)
        refuse(ready, 100000, name, one, 4, host, 4, 4, 2, 99, dead)
        refuse(ready, 107017, name, one, 4, host, 4, 4, 2, H2D, dead)
        refuse(ready, 107003, name, gone, 4, host, 4, 4, 2, H2D, foreign)
        refuse(ready, 207000, name, ready.host(8), 4, host, 4, 4, 2, DEFAULT, NULL)

    def test_copies_rows(self, ready: Acl, rows: Call) -> None:
        """Each row of the source goes to a row of the destination, and nothing between the rows is touched."""
        source = b"abcd--efgh--ijkl"
        for make in (ready.host, lambda content: ready.malloc_host(len(content), content)):
            host, device, back = make(source), ready.malloc(20, b"." * 20), make(b"." * 16)
            for step in [rows(device, 8, host, 6, 4, 3, H2D), rows(back, 5, device, 8, 4, 3, D2H)]:
                name, *arguments = step
                assert getattr(ready, name)(*arguments) == 0
                ready.synchronize()
            assert ready.read(device, 20) == b"abcd....efgh....ijkl"
            assert ready.content(back, 16) == b"abcd.efgh.ijkl.."

    def test_when_it_copies(self, ready: Acl, rows: Call) -> None:
        """The synchronous form is ordered with no stream; the other is a task, but pageable memory brings its stream up."""
        device, pinned, target = ready.malloc(8, b"." * 8), ready.malloc_host(8, b"pinned.."), ready.host(8)
        stream = ready.stream()
        work = ready.work(stream)
        asynchronous = rows()[0] == "aclrtMemcpy2dAsync"
        name, *arguments = rows(device, 4, pinned, 4, 2, 2, H2D, stream=stream)
        assert getattr(ready, name)(*arguments) == 0
        assert ready.read(device, 8) == (b"." * 8 if asynchronous else b"pi..ed..")
        name, *arguments = rows(target, 4, device, 4, 2, 2, D2H, stream=stream)
        assert getattr(ready, name)(*arguments) == 0
        assert ready.content(target, 8) == b"pi\0\0ed\0\0"
        assert work.ran() == asynchronous

    def test_memory_that_was_freed(self, ready: Acl) -> None:
        """The task fails when one side is gone by then."""
        for which in (0, 1):
            memory, stream = [ready.malloc(8), ready.malloc(8)], ready.stream()
            ready.ok(ready.aclrtMemcpy2dAsync(memory[0], 4, memory[1], 4, 2, 2, D2D, stream))
            ready.ok(ready.aclrtFree(memory[which]))
            refuse(ready, 507053, "aclrtSynchronizeStream", stream, says=("destination", "source")[which])


sizes = st.integers(1, 8)


@given(sizes, sizes, st.integers(0, 4), st.integers(0, 4), st.booleans())
def test_rectangles_agree_with_a_model(width: int, height: int, gap_to: int, gap_from: int, up: bool) -> None:
    """Any rectangle comes out as a loop over its bytes would have it."""
    with aclcffi.open_backend(BACKEND) as backend:
        acl = Acl(backend)
        acl.start()
        dpitch, spitch = width + gap_to, width + gap_from
        source = bytes(index % 251 for index in range(spitch * height))
        expected = bytearray(b"\xff" * (dpitch * height))
        for row in range(height):
            expected[row * dpitch : row * dpitch + width] = source[row * spitch : row * spitch + width]
        host, device = acl.malloc_host(len(source if up else expected)), acl.malloc(len(expected if up else source))
        dst, src = (device, host) if up else (host, device)
        acl.ok(acl.aclrtMemcpy(src, len(source), source, len(source), DEFAULT))
        acl.ok(acl.aclrtMemset(dst, len(expected), 0xFF, len(expected)))
        acl.ok(acl.aclrtMemcpy2dAsync(dst, dpitch, src, spitch, width, height, H2D if up else D2H, NULL))
        acl.synchronize()
        assert acl.read(dst, len(expected)) == bytes(expected)


@pytest.mark.row("RT8.19")
class TestMemsetAsync:
    """aclrtMemsetAsync."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Count 0, NULL, dead stream, count above maxCount, no context, owner, address: the first decides."""
        name, memory, dead, foreign = "aclrtMemsetAsync", ready.malloc(64), dead_stream(ready), foreign_stream(ready)
        assert ready.in_thread(lambda: ready.aclrtMemsetAsync(NULL, 0, 0, 0, dead)) == 0
        refuse(ready, 100000, name, NULL, 0, 0, 4, dead, says="devPtr is NULL")
        refuse(ready, 107017, name, memory, 3, 0, 4, dead)
        without_context(ready, 107000, name, memory, 3, 0, 4, foreign, says="more than maxCount")
        without_context(ready, 107002, name, freed(ready), 4, 0, 4, foreign)
        refuse(ready, 107003, name, freed(ready), 4, 0, 4, foreign)
        refuse(ready, 107000, name, freed(ready), 4, 0, 4, NULL, says="was freed")
        refuse(ready, 107000, name, memory, SIZE_MAX, 0, 97, NULL, says="over the end")
        refuse(ready, 107000, name, ready.host(4), 4, 0, 4, NULL, says="not page-locked")

    @pytest.mark.parametrize(("value", "byte"), [(0, 0), (1, 1), (256, 0), (0x1234, 0x34), (-1, 255), (-(2**31), 0)])
    def test_is_a_task_that_sets_bytes(self, ready: Acl, value: int, byte: int) -> None:
        """It sets `count` bytes to the low byte of the value when its turn comes; NULL is the default stream."""
        for stream in (NULL, ready.stream()):
            for memory in (ready.malloc(8, b"." * 8), ready.malloc_host(8, b"." * 8)):
                assert ready.aclrtMemsetAsync(ready.offset(memory, 2), 6, value, 3, stream) == 0
                assert ready.read(memory, 8) == b"." * 8
                ready.synchronize(stream)
                assert ready.read(memory, 8) == b".." + bytes([byte] * 3) + b"..."

    def test_memory_that_was_freed(self, ready: Acl) -> None:
        """The task fails when its memory is gone by then."""
        memory, stream = ready.malloc(8), ready.stream()
        ready.ok(ready.aclrtMemsetAsync(memory, 8, 0, 8, stream))
        ready.ok(ready.aclrtFree(memory))
        assert ready.aclrtSynchronizeStream(stream) == 507053


@pytest.mark.parametrize(
    "write",
    [
        lambda acl, device, host: acl.aclrtMemcpy2d(device, 8, host, 8, 8, 1, H2D),
        lambda acl, device, host: acl.aclrtMemcpy2dAsync(device, 8, host, 8, 8, 1, H2D, acl.default_stream()),
        lambda acl, device, _: acl.aclrtMemsetD32(device, 8, 0x01010101, 2),
    ],
    ids=["rectangle", "rectangle of pageable memory", "words"],
)
def test_a_stream_that_waits_for_the_bytes_goes_on(open_acl: OpenAcl, write: Callable[..., int]) -> None:
    """A value that a synchronous copy or set writes ends a stream's wait for it."""
    acl = open_acl(schedule="eager")
    acl.start()
    device, stream = acl.malloc(8, bytes(8)), acl.stream()
    acl.ok(acl.aclrtValueWait(device, 0x0101010101010101, acl.lib.ACL_STREAM_WAIT_VALUE_EQ, stream))
    work = acl.work(stream)
    assert not work.ran()
    assert write(acl, device, acl.host(b"\x01" * 8)) == 0
    assert work.ran()


@pytest.fixture(params=["aclrtMemsetD32", "aclrtMemsetD32Async"])
def words(request: pytest.FixtureRequest) -> Call:
    """Name and arguments of either fill with 32-bit values, the asynchronous one on the default stream."""
    return call_of(request.param)


@pytest.mark.row("RT8.20")
class TestMemsetD32:
    """aclrtMemsetD32 and aclrtMemsetD32Async."""

    def test_order_of_checks(self, ready: Acl, words: Call) -> None:
        """N 0, NULL, alignment, room, memory that is not page-locked, no context: the first that is wrong decides."""
        memory, pageable = ready.malloc(64), ready.host(64)
        name, *arguments = words(NULL, 0, 0, 0)
        assert ready.in_thread(partial(getattr(ready, name), *arguments)) == 0
        refuse(ready, 100000, *words(NULL, 0, 0, 1), says="ptr is NULL")
        for by in (1, 2, 3):
            refuse(ready, 100000, *words(ready.offset(memory, by), 0, 0, 1), says="no multiple of 4")
        aligned = ready.offset(pageable, -ready.address(pageable) % 4)
        for size, count in [(3, 1), (7, 2), (SIZE_MAX, 1 << 62), (SIZE_MAX, SIZE_MAX)]:
            refuse(ready, 100000, *words(aligned, size, 0, count), says=f"memSize is {size}")
        without_context(ready, 100000, *words(aligned, 4, 0, 1), says="not page-locked")
        without_context(ready, 100000, *words(freed(ready), 4, 0, 1), says="was freed")
        without_context(ready, 100000, *words(memory, 400, 0, 100), says="over the end")
        without_context(ready, 107002, *words(memory, 4, 0, 1))

    def test_streams(self, ready: Acl) -> None:
        """A dead stream is 107017 and one of another context 107003, after all that the memory decides."""
        name, memory = "aclrtMemsetD32Async", ready.malloc(64)
        refuse(ready, 100000, name, memory, 3, 0, 1, dead_stream(ready))
        refuse(ready, 107017, name, memory, 4, 0, 1, dead_stream(ready))
        refuse(ready, 107003, name, memory, 4, 0, 1, foreign_stream(ready))

    @pytest.mark.parametrize("value", [0, 1, 0x12345678, 0xFFFFFFFF])
    def test_sets_words(self, ready: Acl, words: Call, value: int) -> None:
        """N little-endian values are written, in device or page-locked memory, and nothing behind them."""
        for memory in (ready.malloc(20, b"." * 20), ready.malloc_host(20, b"." * 20)):
            name, *arguments = words(ready.offset(memory, 4), 16, value, 3)
            assert getattr(ready, name)(*arguments) == 0
            if name.endswith("Async"):
                assert ready.read(memory, 20) == b"." * 20
                ready.synchronize()
            assert ready.read(memory, 20) == b"...." + value.to_bytes(4, "little") * 3 + b"...."


class Batch:
    """The arguments of a batch of copies between host and device; a test changes what it is about."""

    def __init__(self, acl: Acl, count: int = 3, *, up: bool = True) -> None:
        self.acl = acl
        self.host = [acl.malloc_host(8, b"host%04d" % number) for number in range(count)]
        self.device = [acl.malloc(8, b"dev.%04d" % number) for number in range(count)]
        self.dsts, self.srcs = (self.device, self.host) if up else (self.host, self.device)
        self.rooms, self.sizes = [8] * count, [8] * count
        self.attrs = [self.attribute(up=up)]
        self.first = [0]
        self.fail = acl.out("size_t")
        self.fail[0] = 77

    @staticmethod
    def attribute(*, up: bool, to: int = 0, source: int = 0) -> dict[str, Any]:
        """Where destination and source lie."""
        host, device = {"type": HOST, "id": 0}, {"type": DEVICE, "id": to if up else source}
        return {"dstLoc": device if up else host, "srcLoc": host if up else device}

    def arguments(self, name: str, stream: Any = NULL, **changes: Any) -> tuple[Any, ...]:
        """Name and arguments of one of the four functions, with changes by parameter."""
        values: dict[str, Any] = {
            "dsts": self.dsts,
            "destMaxs": self.rooms,
            "srcs": self.srcs,
            "sizes": self.sizes,
            "numBatches": len(self.sizes),
            "attrs": self.attrs,
            "attrsIndexes": self.first,
            "numAttrs": len(self.attrs),
        }
        if not name.endswith("V2"):
            values["failIndex"] = self.fail
        values.update(changes)
        return (name, *values.values(), *((stream,) if "Async" in name else ()))

    def run(self, name: str, stream: Any = NULL, **changes: Any) -> int:
        """Call one of the four functions."""
        _, *arguments = self.arguments(name, stream, **changes)
        return int(getattr(self.acl, name)(*arguments))

    def copied(self) -> list[bool]:
        """Which destinations have what their source has."""
        return [self.acl.read(dst, 8) == self.acl.read(src, 8) for dst, src in zip(self.dsts, self.srcs, strict=True)]


BATCHES = ("aclrtMemcpyBatch", "aclrtMemcpyBatchV2", "aclrtMemcpyBatchAsync", "aclrtMemcpyBatchAsyncV2")


@pytest.mark.row("RT8.21")
@pytest.mark.parametrize("name", BATCHES)
class TestMemcpyBatch:
    """aclrtMemcpyBatch and its three relatives."""

    def test_refuses_null(self, ready: Acl, name: str) -> None:
        """NULL for any array or the failing index, and a number of 0, is 100000; nothing is copied or written."""
        batch = Batch(ready)
        arrays = ["dsts", "destMaxs", "srcs", "sizes", "attrs", "attrsIndexes"]
        for parameter in [*arrays, *([] if name.endswith("V2") else ["failIndex"])]:
            refuse(ready, 100000, *batch.arguments(name, **{parameter: NULL}), says=f"{parameter} is NULL")
        refuse(ready, 100000, *batch.arguments(name, numBatches=0, dsts=NULL), says="numBatches is 0")
        ready.synchronize()
        assert batch.fail[0] == 77
        assert batch.copied() == [False] * 3

    def test_nothing_to_copy(self, ready: Acl, name: str) -> None:
        """With all sizes 0 it is 0, nothing else is looked at, not even the context, and failIndex says SIZE_MAX."""
        batch = Batch(ready)
        batch.sizes = [0, 0, 0]
        nothing = {"dsts": NULL, "destMaxs": NULL, "srcs": NULL, "attrs": NULL, "attrsIndexes": NULL}
        assert ready.in_thread(partial(batch.run, name, **nothing)) == 0
        assert batch.fail[0] == (77 if name.endswith("V2") else SIZE_MAX)

    def test_checks_all_before_it_copies(self, ready: Acl, name: str) -> None:
        """Too little room anywhere is 100000, then a reserved byte that is not 0, before the context; nothing is copied."""
        batch = Batch(ready)
        batch.rooms[2] = 7
        batch.attrs.append({**batch.attrs[0], "rsv": [0] * 15 + [1]})
        batch.first.append(1)
        without_context(ready, 100000, *batch.arguments(name), says="destMaxs[2] is 7")
        batch.rooms[2] = 8
        without_context(ready, 100000, *batch.arguments(name), says="attrs[1].rsv")
        batch.attrs.pop()
        assert batch.fail[0] == 77
        without_context(ready, 107002, *batch.arguments(name))
        assert batch.fail[0] == (77 if name.endswith("V2") else SIZE_MAX)  # no piece is to blame
        ready.synchronize()
        assert batch.copied() == [False] * 3

    @pytest.mark.parametrize("up", [True, False])
    def test_copies(self, ready: Acl, name: str, up: bool) -> None:
        """Every piece is copied, from host to device or back, of any size up to its room."""
        batch, stream = Batch(ready, up=up), ready.stream()
        batch.sizes[1] = 3
        before = ready.read(batch.dsts[1], 8)
        assert batch.run(name, stream) == 0
        assert batch.copied() == ([False] * 3 if "Async" in name else [True, False, True])
        ready.synchronize(stream)
        assert batch.copied() == [True, False, True]
        assert ready.read(batch.dsts[1], 8) == ready.read(batch.srcs[1], 3) + before[3:]
        assert batch.fail[0] == (77 if name.endswith("V2") else SIZE_MAX)

    def test_pageable_memory(self, ready: Acl, name: str) -> None:
        """Pageable memory is host memory too; the asynchronous form then brings its stream up."""
        batch, stream = Batch(ready), ready.stream()
        work = ready.work(stream)
        batch.srcs[1] = ready.ffi.cast("void *", kept := ready.host(b"pageable"))
        assert batch.run(name, stream) == 0
        assert ready.read(batch.dsts[1], 8) == ready.content(kept, 8)
        assert work.ran() == ("Async" in name)

    def test_one_direction(self, ready: Acl, name: str) -> None:
        """Pieces of both directions, or within the device or the host, are 107000 (a choice): nothing is copied."""
        batch = Batch(ready)
        batch.dsts[2], batch.srcs[2] = batch.srcs[2], batch.dsts[2]
        batch.attrs.append(Batch.attribute(up=False))
        batch.first.append(2)
        self.fails(batch, name, 2, "a batch has one direction")
        for memory, where in [(ready.malloc(8), DEVICE), (ready.malloc_host(8), HOST)]:
            same = Batch(ready)
            same.dsts[1], same.srcs[1] = memory, (ready.malloc if where else ready.malloc_host)(8, b"same....")
            place = {"type": where, "id": 0}
            same.attrs += [{"dstLoc": place, "srcLoc": place}, Batch.attribute(up=True)]
            same.first += [1, 2]
            self.fails(same, name, 1, "between host and device")

    def test_attributes_must_be_true(self, ready: Acl, name: str) -> None:
        """Memory that does not lie where its attributes say is 107000 (a choice), and failIndex names the piece."""
        for index, wrong, words in [
            (0, Batch.attribute(up=False), "dsts[0] is device memory, attrs[0].dstLoc.type is 0"),
            (0, Batch.attribute(up=True, to=1), "dsts[0] is memory of device 0, attrs[0].dstLoc.id is 1"),
        ]:
            batch = Batch(ready)
            batch.attrs = [wrong]
            self.fails(batch, name, index, words)
        batch = Batch(ready)
        batch.attrs = []
        refuse(ready, 107000, *batch.arguments(name), says="numAttrs is 0")

    @pytest.mark.parametrize(
        ("bad", "words"),
        [("NULL", "dsts[1] is NULL"), ("freed", "dsts[1]: device address"), ("too long", "dst: 100 bytes")],
    )
    def test_bad_addresses(self, ready: Acl, name: str, bad: str, words: str) -> None:
        """An address that is none is 107000, and failIndex names the piece."""
        batch = Batch(ready)
        if bad == "too long":
            batch.srcs[1] = ready.malloc_host(100)
            batch.sizes[1] = batch.rooms[1] = 100
        else:
            batch.dsts[1] = NULL if bad == "NULL" else freed(ready)
        refuse(ready, 107000, *batch.arguments(name), says=f"piece 1: {words}")
        assert batch.fail[0] == (77 if name.endswith("V2") else 1)

    @staticmethod
    def fails(batch: Batch, name: str, index: int, words: str) -> None:
        """Assert that the batch is 107000 because of one piece, and copies nothing."""
        refuse(batch.acl, 107000, *batch.arguments(name), says=f"piece {index}: ")
        batch.acl.message()
        assert batch.run(name) == 107000
        assert words in batch.acl.message()
        batch.acl.synchronize()
        assert batch.copied() == [False] * len(batch.dsts)
        assert batch.fail[0] == (77 if name.endswith("V2") else index)


@pytest.mark.row("RT8.21")
@pytest.mark.parametrize("name", [name for name in BATCHES if "Async" in name])
def test_streams_of_batches(ready: Acl, name: str) -> None:
    """A dead stream is 107017, one of another context 107003, behind the sizes and before the pieces are looked at."""
    batch, dead = Batch(ready), dead_stream(ready)
    batch.dsts[0] = NULL
    batch.rooms[0] = 7
    refuse(ready, 100000, *batch.arguments(name, dead))
    batch.rooms[0] = 8
    for code, stream in [(107017, dead), (107003, foreign_stream(ready))]:
        refuse(ready, code, *batch.arguments(name, stream))
    assert batch.fail[0] == (77 if name.endswith("V2") else SIZE_MAX)

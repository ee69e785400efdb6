"""Memory: allocation, copies and sets (contract_rt sections 8 and 14)."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl

KINDS = range(6)
MALLOCS = ("aclrtMalloc", "aclrtMallocCached", "aclrtMallocAlign32")
HUGE_1G = (6, 7)
SIZES = (1, 31, 32, 33, 63, 64, 65, 4096, 1 << 18, (1 << 18) + 1)
MAX = (1 << 64) - 1


def extent(name: str, size: int, policy: int = 0) -> int:
    """The bytes that an allocation takes: rounded up to 32, and 32 more unless by Align32 or on pages of 1 GiB."""
    padding = 0 if name == "aclrtMallocAlign32" or policy in HUGE_1G else 32
    return (size + 31) // 32 * 32 + padding


@pytest.mark.parametrize("name", MALLOCS)
class TestMalloc:
    """aclrtMalloc and its relatives."""

    pytestmark = pytest.mark.row("RT8.01", "RT8.02", "RT8.04")

    def test_order_of_checks(self, acl: Acl, name: str) -> None:
        """NULL, size 0, size too large for its padding, no context, no room: the first that is wrong decides."""
        malloc, place = getattr(acl, name), acl.out("void *")
        assert malloc(NULL, 0, 0) == 100000
        assert "devPtr" in acl.message()
        assert malloc(place, 0, 0) == 100000
        assert "size" in acl.message()
        assert malloc(place, MAX, 0) == 100000
        assert malloc(place, 1 << 60, 0) == 107002
        acl.start()
        assert malloc(place, 1 << 60, 0) == 207001
        assert place[0] == NULL

    def test_largest_sizes(self, ready: Acl, name: str) -> None:
        """A size that does not fit size_t with what it is rounded up by is 100000; a little less is only too much."""
        place, added = ready.out("void *"), 32 if name == "aclrtMallocAlign32" else 64
        for size, code in [(MAX, 100000), (MAX - added + 1, 100000), (MAX - added, 207001)]:
            assert getattr(ready, name)(place, size, 0) == code

    @pytest.mark.parametrize("policy", [*range(9), 99, 0xFFFFFFFF])
    def test_takes_any_policy(self, ready: Acl, name: str, policy: int) -> None:
        """Every policy works, an unknown one is the default; it decides only about the padding."""
        before, place = ready.free_bytes(), ready.out("void *")
        assert getattr(ready, name)(place, 100, policy) == 0
        assert before - ready.free_bytes() == extent(name, 100, policy)
        ready.write(place[0], b"x" * 100)
        assert ready.read(place[0], 100) == b"x" * 100

    @pytest.mark.parametrize("size", SIZES)
    def test_rounds_the_size_up(self, ready: Acl, name: str, size: int) -> None:
        """What it is rounded up to is there to be used, counts against the device, and is given back; no byte more."""
        before, place = ready.free_bytes(), ready.out("void *")
        ready.ok(getattr(ready, name)(place, size, 0))
        whole = extent(name, size)
        assert before - ready.free_bytes() == whole
        assert ready.aclrtMemset(place[0], whole + 1, 1, whole + 1) == 107000
        assert ready.aclrtMemset(place[0], whole, 1, whole) == 0
        assert ready.read(place[0], whole) == b"\x01" * whole
        ready.ok(ready.aclrtFree(place[0]))
        assert ready.free_bytes() == before

    def test_product_950_pads_nothing(self, open_acl: OpenAcl, name: str) -> None:
        """On product 950 no allocation has padding."""
        acl = open_acl(product="950")
        acl.start()
        before, place = acl.free_bytes(), acl.out("void *")
        acl.ok(getattr(acl, name)(place, 100, 0))
        assert before - acl.free_bytes() == 128

    @pytest.mark.row("RT14.07")
    def test_aligns_addresses(self, ready: Acl, name: str) -> None:
        """Every address is a multiple of 64, and no two living allocations overlap."""
        place, ranges = ready.out("void *"), []
        for size in SIZES * 2:
            ready.ok(getattr(ready, name)(place, size, 0))
            ranges.append((ready.address(place[0]), extent(name, size)))
        assert [address % 64 for address, _ in ranges] == [0] * len(ranges)
        ranges.sort()
        assert all(first + size <= second for (first, size), (second, _) in pairwise(ranges))

    @pytest.mark.row("RT14.07")
    def test_memory_runs_out(self, open_acl: OpenAcl, name: str) -> None:
        """What does not fit into the device's memory is 207001; what does fit, to the last byte, is allocated."""
        whole = extent(name, 1000)
        acl = open_acl(memory=3 * whole, devices=2)
        acl.start()
        places = [acl.out("void *") for _ in range(4)]
        assert [getattr(acl, name)(place, 1000, 0) for place in places] == [0, 0, 0, 207001]
        assert acl.free_bytes() == 0
        acl.ok(acl.aclrtFree(places[1][0]))
        assert [getattr(acl, name)(places[1], 1000, 0) for _ in range(2)] == [0, 207001]
        acl.ok(acl.aclrtSetDevice(1))
        assert acl.free_bytes() == 3 * whole


@pytest.mark.row("RT8.05")
class TestMallocHost:
    """aclrtMallocHost."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL, size 0, no context, no room: the first that is wrong decides."""
        place = acl.out("void *")
        assert acl.aclrtMallocHost(NULL, 0) == 100000
        assert "hostPtr" in acl.message()
        assert acl.aclrtMallocHost(place, 0) == 100000
        assert "size" in acl.message()
        assert acl.aclrtMallocHost(place, MAX) == 107002
        acl.start()
        assert [acl.aclrtMallocHost(place, size) for size in (MAX, MAX - 64, 1 << 62)] == [207001] * 3

    @pytest.mark.parametrize("size", SIZES)
    def test_gives_host_memory(self, ready: Acl, size: int) -> None:
        """The memory is aligned, the program's own to read and write, and takes nothing of the device."""
        before = ready.free_bytes()
        memory = ready.malloc_host(size, b"h" * size)
        assert ready.address(memory) % 64 == 0
        assert ready.content(memory, size) == b"h" * size
        assert ready.free_bytes() == before

    def test_is_page_locked(self, ready: Acl) -> None:
        """An asynchronous copy with it waits in its stream, as one between device memory does."""
        host, device = ready.malloc_host(4, b"host"), ready.malloc(4, b"0000")
        ready.copy(device, host, 4, kind=ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert ready.read(device, 4) == b"0000"
        ready.synchronize()
        assert ready.read(device, 4) == b"host"


@pytest.mark.row("RT8.06")
class TestFree:
    """aclrtFree."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        assert acl.aclrtFree(NULL) == 100000

    def test_needs_no_context(self, ready: Acl) -> None:
        """A thread without a context may free."""
        memory = ready.malloc(64)
        assert ready.in_thread(lambda: ready.aclrtFree(memory)) == 0
        assert ready.in_thread(lambda: ready.aclrtFree(memory)) == 107000

    def test_refuses_what_was_not_allocated(self, ready: Acl, open_acl: OpenAcl) -> None:
        """Freed, inside an allocation, of another machine, on the host or nowhere: each is 107000 and says which."""
        other = open_acl()
        other.start()
        memory, freed, pinned = ready.malloc(64), ready.malloc(64), ready.malloc_host(64)
        pageable = ready.host(64)
        ready.ok(ready.aclrtFree(freed))
        foreign = other.malloc(64)
        for pointer, reason in [
            (freed, "was freed"),
            (ready.offset(memory, 32), "lies inside device 0 memory of 64 bytes"),
            (ready.offset(memory, 1 << 20), "lies in no live allocation"),
            (ready.offset(memory, 1 << 30), "not allocated by this backend"),
            (foreign, "not allocated by this backend"),
            (pinned, "page-locked host memory of 64 bytes"),
            (ready.offset(pinned, 32), "lies inside page-locked host memory of 64 bytes"),
            (pageable, "host memory that ACL did not allocate"),
            (ready.pointer(0x1000), "host memory that ACL did not allocate"),
        ]:
            assert ready.aclrtFree(pointer) == 107000
            assert reason in ready.message()
        ready.write(memory, b"fine")
        assert ready.content(pinned, 64) == bytes(64)
        other.write(foreign, b"fine")

    def test_does_not_wait(self, ready: Acl) -> None:
        """With work pending on the memory it returns at once, and nothing runs."""
        stream = ready.stream()
        work = ready.work(stream)
        ready.copy(work.source, ready.malloc(4), 4, stream)
        memory = work.source
        assert ready.aclrtFree(memory) == 0
        assert not work.ran()
        assert ready.aclrtSynchronizeStream(stream) == 507053
        assert "(freed), was freed before the copy ran" in ready.message()


@pytest.mark.row("RT8.07")
class TestFreeHost:
    """aclrtFreeHost."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        assert acl.aclrtFreeHost(NULL) == 100000

    def test_needs_no_context(self, ready: Acl) -> None:
        """A thread without a context may free; a second time is 107000."""
        memory = ready.malloc_host(64)
        assert ready.in_thread(lambda: ready.aclrtFreeHost(memory)) == 0
        assert ready.in_thread(lambda: ready.aclrtFreeHost(memory)) == 107000

    def test_refuses_a_device_address(self, ready: Acl) -> None:
        """Device memory, live or freed, is 107000 and stays as it is; so is any host memory that is not ACL's."""
        device, freed, pinned = ready.malloc(4, b"kept"), ready.malloc(64), ready.malloc_host(64)
        pageable = ready.host(64)
        ready.ok(ready.aclrtFree(freed))
        for pointer in (device, freed, ready.offset(device, 1), ready.offset(pinned, 1), pageable):
            assert ready.aclrtFreeHost(pointer) == 107000
        assert ready.read(device, 4) == b"kept"

    def test_does_not_wait(self, ready: Acl) -> None:
        """With work pending on the memory it returns at once, and nothing runs."""
        host, device, stream = ready.malloc_host(4, b"host"), ready.malloc(4, b"0000"), ready.stream()
        ready.copy(device, host, 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert ready.aclrtFreeHost(host) == 0
        assert ready.aclrtSynchronizeStream(stream) == 507053
        assert ready.read(device, 4) == b"0000"


@pytest.mark.row("RT8.12")
class TestGetMemInfo:
    """aclrtGetMemInfo."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL for either is 100000, even without a context; without one it is 107002."""
        size = acl.out("size_t")
        assert acl.aclrtGetMemInfo(acl.lib.ACL_HBM_MEM, NULL, size) == 100000
        assert acl.aclrtGetMemInfo(acl.lib.ACL_HBM_MEM, size, NULL) == 100000
        assert acl.aclrtGetMemInfo(acl.lib.ACL_HBM_MEM, size, acl.out("size_t")) == 107002

    @pytest.mark.parametrize("attr", range(18))
    def test_counts_bytes(self, open_acl: OpenAcl, attr: int) -> None:
        """Total is the device's memory and free what is left of it, for every kind; the other device has its own."""
        acl = open_acl(memory=1 << 20, devices=2)
        acl.start()
        free, total = acl.out("size_t"), acl.out("size_t")

        def info() -> tuple[int, int]:
            acl.ok(acl.aclrtGetMemInfo(attr, free, total))
            return free[0], total[0]

        assert info() == (1 << 20, 1 << 20)
        memory = acl.malloc(1000)
        acl.malloc_host(1000)
        assert info() == ((1 << 20) - extent("aclrtMalloc", 1000), 1 << 20)
        acl.context(1)
        assert info() == (1 << 20, 1 << 20)
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(acl.aclrtFree(memory))
        assert info() == (1 << 20, 1 << 20)

    def test_refuses_an_unknown_kind(self, ready: Acl) -> None:
        """A number that is no kind of memory is 107000 (a choice)."""
        assert ready.aclrtGetMemInfo(18, ready.out("size_t"), ready.out("size_t")) == 107000


Copy = Callable[..., int]


@pytest.fixture(params=["aclrtMemcpy", "aclrtMemcpyAsync"])
def memcpy(request: pytest.FixtureRequest, ready: Acl) -> Copy:
    """Either copy, the asynchronous one on the default stream."""
    if request.param == "aclrtMemcpy":
        return ready.aclrtMemcpy

    def on_default_stream(dst: Any, dest_max: int, src: Any, count: int, kind: int) -> int:
        return ready.aclrtMemcpyAsync(dst, dest_max, src, count, kind, NULL)

    return on_default_stream


class TestBothCopies:
    """RT8.14 and RT8.15, what the two have in common; without graph capture and aborting devices."""

    def test_nothing_to_copy(self, ready: Acl, memcpy: Copy) -> None:
        """A count of 0 is 0, whatever else is wrong."""
        assert ready.in_thread(lambda: memcpy(NULL, 0, NULL, 0, 99)) == 0
        assert ready.aclGetRecentErrMsg() == NULL

    def test_order_of_checks(self, ready: Acl, memcpy: Copy) -> None:
        """NULL, kind, destMax 0, count above destMax, dst same as src, no context, addresses: the first one decides."""
        one, two, freed = ready.malloc(64), ready.malloc(64), ready.malloc(64)
        ready.ok(ready.aclrtFree(freed))
        for code, *arguments in [
            (100000, NULL, 0, one, 4, 3),
            (100000, one, 0, NULL, 4, 3),
            (100000, one, 0, two, 4, 6),
            (100000, one, 0, two, 4, 99),
            (107000, one, 0, one, 4, 3),
            (107000, one, 4, one, 5, 3),
            (0, one, 4, one, 4, 3),
            (0, freed, 4, freed, 4, 3),
            (107002, one, 4, freed, 4, 3),
            (107002, one, 4, two, 4, 3),
        ]:
            assert ready.in_thread(partial(memcpy, *arguments)) == code, arguments
        assert memcpy(one, 4, freed, 4, 3) == 107000
        assert memcpy(one, 4, two, 4, 3) == 0

    def test_says_what_is_wrong(self, ready: Acl, memcpy: Copy) -> None:
        """The message names the parameter."""
        one = ready.malloc(64)
        for arguments, word in [
            ((NULL, 4, one, 4, 3), "dst is NULL"),
            ((one, 4, NULL, 4, 3), "src is NULL"),
            ((one, 4, ready.offset(one, 8), 4, 7), "kind is 7"),
            ((one, 0, ready.offset(one, 8), 4, 3), "destMax is 0"),
            ((one, 3, ready.offset(one, 8), 4, 3), "more than destMax"),
        ]:
            assert memcpy(*arguments)
            assert word in ready.message()

    @pytest.mark.parametrize("side", ["dst", "src"])
    def test_refuses_bad_device_addresses(self, ready: Acl, open_acl: OpenAcl, memcpy: Copy, side: str) -> None:
        """Freed, foreign and unallocated device memory, and a range over the end of an allocation, is 107000."""
        other = open_acl()
        other.start()
        good, freed = ready.malloc(256), ready.malloc(64)
        ready.ok(ready.aclrtFree(freed))
        pinned = ready.malloc_host(64)
        for bad in [
            freed,
            ready.offset(freed, 8),
            other.malloc(64),
            ready.offset(good, 256),  # 32 bytes of padding are left behind it
            ready.offset(good, 1 << 30),
            ready.offset(pinned, 1),
        ]:
            dst, src = (bad, good) if side == "dst" else (good, bad)
            assert memcpy(dst, 64, src, 64, 3) == 107000
            assert ready.message().split(": ")[1] == side
            ready.synchronize()

    def test_refuses_addresses_that_leave_the_address_space(self, ready: Acl, memcpy: Copy) -> None:
        """A host range that runs over the end of all addresses is 100000."""
        device, outside = ready.malloc(64), ready.pointer(MAX - 8)
        assert memcpy(outside, 64, device, 64, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST) == 100000
        assert memcpy(device, 64, outside, 64, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE) == 100000


class TestMemcpy:
    """RT8.14 without graph capture and aborting devices."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_direction_comes_from_the_addresses(self, ready: Acl, kind: int) -> None:
        """Whatever legal kind is said, the bytes go from src to dst, and they are there when it returns."""
        sides: list[Callable[[bytes], Any]] = [
            ready.host,
            lambda content: ready.malloc_host(4, content),
            lambda content: ready.malloc(4, content),
        ]
        for make_src in sides:
            for make_dst in sides:
                src, dst = make_src(b"from"), make_dst(b"....")
                assert ready.aclrtMemcpy(dst, 4, src, 4, kind) == 0
                assert self.bytes_of(ready, dst) == b"from"
                assert self.bytes_of(ready, src) == b"from"

    @staticmethod
    def bytes_of(acl: Acl, pointer: Any) -> bytes:
        """Four bytes of memory of any kind."""
        buffer = acl.host(4)
        acl.ok(acl.aclrtMemcpy(buffer, 4, pointer, 4, acl.lib.ACL_MEMCPY_DEFAULT))
        return acl.content(buffer, 4)

    def test_copies_count_bytes(self, ready: Acl) -> None:
        """Not destMax, count says how many bytes are copied; either side may begin inside an allocation."""
        device = ready.malloc(8, b"........")
        ready.ok(ready.aclrtMemcpy(ready.offset(device, 2), 6, b"abcdef", 3, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE))
        assert ready.read(device, 8) == b"..abc..."
        assert ready.read(ready.offset(device, 3), 3) == b"bc."

    def test_between_devices(self, ready: Acl) -> None:
        """Memory of another device than the current one can be read and written."""
        first = ready.malloc(4, b"1111")
        ready.context(1)
        second = ready.malloc(4)
        ready.ok(ready.aclrtMemcpy(second, 4, first, 4, ready.lib.ACL_MEMCPY_DEVICE_TO_DEVICE))
        assert ready.read(second, 4) == b"1111"

    def test_overlapping_ranges(self, ready: Acl) -> None:
        """Source and destination may overlap in one allocation."""
        device = ready.malloc(8, b"abcdefgh")
        ready.ok(ready.aclrtMemcpy(ready.offset(device, 2), 6, device, 6, ready.lib.ACL_MEMCPY_DEVICE_TO_DEVICE))
        assert ready.read(device, 8) == b"ababcdef"

    def test_is_ordered_with_no_stream(self, ready: Acl) -> None:
        """It waits for no queued work, not even for that on its own operands or on the default stream."""
        first, second, third = ready.malloc(4, b"1111"), ready.malloc(4, b"2222"), ready.malloc(4, b"3333")
        ready.copy(second, first, 4)
        ready.copy(second, first, 4, ready.stream())
        ready.ok(ready.aclrtMemcpy(third, 4, second, 4, ready.lib.ACL_MEMCPY_DEVICE_TO_DEVICE))
        assert ready.read(third, 4) == b"2222"


class TestMemcpyAsync:
    """RT8.15 without graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """A dead stream comes after NULL and kind and before destMax; a foreign stream comes before the addresses."""
        one, two = ready.malloc(64), ready.malloc(64)
        dead, current = ready.stream(), ready.current_context()
        ready.ok(ready.aclrtDestroyStream(dead))
        ready.context()
        foreign = ready.stream()
        ready.ok(ready.aclrtSetCurrentContext(current))
        host, freed = ready.host(64), ready.malloc(64)
        ready.ok(ready.aclrtFree(freed))
        for code, *arguments in [
            (0, NULL, 0, NULL, 0, 99, dead),
            (100000, one, 4, NULL, 4, 3, dead),
            (100000, one, 4, two, 4, 6, dead),
            (107017, one, 0, two, 4, 3, dead),
            (107017, one, 4, one, 4, 3, dead),
            (107000, one, 0, one, 4, 3, foreign),
            (0, one, 4, one, 4, 3, foreign),
            (107003, one, 4, freed, 4, 3, foreign),
            (107003, host, 4, ready.offset(host, 8), 4, 0, foreign),
        ]:
            assert ready.aclrtMemcpyAsync(*arguments) == code, arguments
            elsewhere = ready.in_thread(partial(ready.aclrtMemcpyAsync, *arguments))
            assert elsewhere == (107002 if code == 107003 else code), arguments

    def test_refuses_host_to_host(self, ready: Acl) -> None:
        """Between host memory, page-locked or not, it is 207000 whatever the kind."""
        stream = ready.stream()
        for make in (ready.host, lambda content: ready.malloc_host(4, content)):
            for other in (ready.host, lambda content: ready.malloc_host(4, content)):
                src, dst = make(b"from"), other(b"....")
                for kind in KINDS:
                    assert ready.aclrtMemcpyAsync(dst, 4, src, 4, kind, stream) == 207000
                assert ready.content(dst, 4) == b"...."

    def test_refuses_an_impossible_kind_of_pageable_memory(self, ready: Acl) -> None:
        """For pageable memory the kind must say that it is on the host, else it is 107000, and nothing is copied."""
        device, host = ready.malloc(4, b"dev."), ready.host(b"host")
        for kind, from_host, to_host in [
            (ready.lib.ACL_MEMCPY_HOST_TO_HOST, 0, 0),
            (ready.lib.ACL_MEMCPY_HOST_TO_DEVICE, 0, 107000),
            (ready.lib.ACL_MEMCPY_DEVICE_TO_HOST, 107000, 0),
            (ready.lib.ACL_MEMCPY_DEVICE_TO_DEVICE, 107000, 107000),
            (ready.lib.ACL_MEMCPY_DEFAULT, 0, 0),
            (ready.lib.ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE, 0, 107000),
        ]:
            ready.write(device, b"dev.")
            assert ready.aclrtMemcpyAsync(device, 4, host, 4, kind, NULL) == from_host
            assert ready.read(device, 4) == (b"dev." if from_host else b"host")
            ready.write(device, b"dev.")
            target = ready.host(b"....")
            assert ready.aclrtMemcpyAsync(target, 4, device, 4, kind, NULL) == to_host
            assert ready.content(target, 4) == (b"...." if to_host else b"dev.")

    @pytest.mark.parametrize("kind", KINDS)
    def test_any_kind_of_known_memory(self, ready: Acl, kind: int) -> None:
        """For device and page-locked memory the direction comes from the addresses, whatever legal kind is said."""
        stream = ready.stream()
        host, device, other = ready.malloc_host(4, b"host"), ready.malloc(4), ready.malloc(4)
        back = ready.malloc_host(4)
        for dst, src in [(device, host), (other, device), (back, other)]:
            assert ready.aclrtMemcpyAsync(dst, 4, src, 4, kind, stream) == 0
        assert ready.content(back, 4) == bytes(4)
        ready.synchronize(stream)
        assert ready.content(back, 4) == b"host"

    def test_pageable_memory_brings_up_the_stream_first(self, ready: Acl) -> None:
        """With pageable memory what is queued on the stream is done first, then the bytes are copied, then it returns."""
        stream, other = ready.stream(), ready.stream()
        first, second = ready.malloc(4, b"1111"), ready.malloc(4, b"2222")
        ready.copy(second, first, 4, stream)
        beside, target = ready.work(other), ready.host(4)
        ready.copy(target, second, 4, stream, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST)
        assert ready.content(target, 4) == b"1111"
        assert not beside.ran()
        work = ready.work(stream)
        ready.copy(first, b"back", 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert work.ran()
        assert ready.read(first, 4) == b"back"

    def test_pageable_memory_does_not_wait_for_special_streams(self, ready: Acl) -> None:
        """On a stream that no synchronise waits for the bytes are copied at once, and what is queued stays queued."""
        stream = ready.stream(flags=ready.lib.ACL_STREAM_PERSISTENT)
        work, device = ready.work(stream), ready.malloc(4)
        ready.copy(device, b"host", 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        assert ready.read(device, 4) == b"host"
        assert not work.ran()

    def test_pageable_memory_delivers_a_pending_error(self, ready: Acl) -> None:
        """The error of a queued task is returned, once, and nothing is copied."""
        stream, target = ready.stream(), ready.host(b"....")
        device = ready.malloc(4, b"dev.")
        ready.failing_work(stream)
        arguments = (target, 4, device, 4, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST, stream)
        assert ready.aclrtMemcpyAsync(*arguments) == 507053
        assert ready.content(target, 4) == b"...."
        assert ready.aclrtMemcpyAsync(*arguments) == 0
        assert ready.content(target, 4) == b"dev."


class TestMemset:
    """RT8.18 without graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Count 0, NULL, no context, count above maxCount or beyond the memory: the first that applies decides."""
        memory = ready.malloc(64)
        no_context = ready.in_thread
        assert no_context(lambda: ready.aclrtMemset(NULL, 0, 0, 0)) == 0
        assert no_context(lambda: ready.aclrtMemset(NULL, 0, 0, 1)) == 100000
        assert no_context(lambda: ready.aclrtMemset(memory, 0, 0, 1)) == 107002
        assert ready.aclrtMemset(memory, 0, 0, 1) == 107000
        assert ready.aclrtMemset(memory, 1000, 0, 1000) == 107000
        assert ready.aclrtMemset(memory, 64, 0, 64) == 0

    @pytest.mark.parametrize(("value", "byte"), [(0, 0), (1, 1), (255, 255), (256, 0), (0x1234, 0x34), (-1, 255)])
    def test_sets_bytes(self, ready: Acl, value: int, byte: int) -> None:
        """It sets `count` bytes, not maxCount, to the low byte of the value, and they are there when it returns."""
        for memory in (ready.malloc(8, b"." * 8), ready.malloc_host(8, b"." * 8), ready.host(b"." * 8)):
            assert ready.aclrtMemset(ready.offset(memory, 2), 6, value, 3) == 0
            assert TestMemcpy.bytes_of(ready, ready.offset(memory, 1)) == b"." + bytes([byte] * 3)
            assert TestMemcpy.bytes_of(ready, ready.offset(memory, 4))[1:] == b"..."

    @pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
    def test_sets_large_memory(self, ready: Acl, size: int) -> None:
        """All bytes of a large block are set, and none behind it."""
        memory = ready.malloc(size + 1)
        ready.write(ready.offset(memory, size), b"x")
        assert ready.aclrtMemset(memory, size, 7, size) == 0
        assert ready.read(memory, size + 1) == b"\x07" * size + b"x"

    def test_is_ordered_with_no_stream(self, ready: Acl) -> None:
        """Queued work on the same memory stays queued and overwrites it later."""
        first, second = ready.malloc(4, b"1111"), ready.malloc(4, b"2222")
        ready.copy(second, first, 4)
        ready.ok(ready.aclrtMemset(second, 4, 0x33, 4))
        assert ready.read(second, 4) == b"3333"
        ready.synchronize()
        assert ready.read(second, 4) == b"1111"


SIZE = 96
PLACES = ("device", "device", "pinned", "pinned", "pageable")
offsets = st.integers(0, SIZE - 1)
blocks_of = st.integers(0, len(PLACES) - 1)
copies = st.tuples(blocks_of, offsets, blocks_of, offsets, st.integers(0, SIZE), st.sampled_from(KINDS))


@given(st.lists(copies, max_size=20))
def test_copies_agree_with_a_model(steps: list[tuple[int, int, int, int, int, int]]) -> None:
    """Any sequence of copies between any kinds of memory does what it does to byte arrays, or is refused there too."""
    with aclcffi.open_backend(BACKEND, memory=1 << 20) as backend:
        acl = Acl(backend)
        acl.start()
        contents = [bytes([16 * index + offset % 16 for offset in range(SIZE)]) for index in range(len(PLACES))]
        make = {"device": acl.malloc, "pinned": acl.malloc_host}
        blocks = [
            acl.host(content) if place == "pageable" else make[place](SIZE - 32 * (place == "device"), content)
            for place, content in zip(PLACES, contents, strict=True)
        ]
        model = [bytearray(content) for content in contents]
        for dst, to, src, start, count, kind in steps:
            inside = to + count <= SIZE and start + count <= SIZE
            if not inside and "pageable" in (PLACES[dst], PLACES[src]):
                continue  # the machine takes the caller's word for pageable memory
            same = count and dst == src and to == start
            code = acl.aclrtMemcpy(acl.offset(blocks[dst], to), SIZE, acl.offset(blocks[src], start), count, kind)
            assert code == (0 if inside or same or not count else 107000)
            if inside:
                model[dst][to : to + count] = model[src][start : start + count]
        for block, expected in zip(blocks, model, strict=True):
            assert acl.read(block, SIZE) == bytes(expected)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4000), st.integers(0, 9)), max_size=40))
def test_allocations_agree_with_a_model(steps: list[tuple[bool, int, int]]) -> None:
    """In any sequence of allocations and frees the free bytes add up, what fits is allocated, contents stay apart."""
    memory = 1 << 14
    with aclcffi.open_backend(BACKEND, memory=memory) as backend:
        acl = Acl(backend)
        acl.start()
        live: list[tuple[Any, int, bytes]] = []
        for number, (allocate, size, which) in enumerate(steps):
            used = sum(extent("aclrtMalloc", size) for _, size, _ in live)
            if allocate:
                place = acl.out("void *")
                fits = used + extent("aclrtMalloc", size) <= memory
                assert acl.aclrtMalloc(place, size, 0) == (0 if fits else 207001)
                if fits:
                    live.append((place[0], size, bytes([number]) * size))
                    acl.write(place[0], live[-1][2])
            elif live:
                pointer, _, content = live.pop(which % len(live))
                assert acl.read(pointer, len(content)) == content
                assert acl.aclrtFree(pointer) == 0
                assert acl.aclrtFree(pointer) == 107000
            used = sum(extent("aclrtMalloc", size) for _, size, _ in live)
            assert acl.free_bytes() == memory - used
        for pointer, size, content in live:
            assert acl.read(pointer, size) == content

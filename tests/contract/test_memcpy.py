"""Memory: copies and sets (contract_rt section 8)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl

KINDS = range(6)
MAX = (1 << 64) - 1

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

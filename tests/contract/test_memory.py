"""Memory: allocation (contract_rt sections 8 and 14)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl

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

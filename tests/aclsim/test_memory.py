"""Memory of the machine: addresses that the host cannot follow, and what they cost."""

import ctypes
import gc
import signal
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aclsim.core import host
from aclsim.core.fault import Fault
from aclsim.core.memory import Allocation, Memory, padded
from aclsim.core.reservation import ADDRESSES, AddressSpace
from aclsim.core.world import World
from aclsim.products import load_product
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl

MIB = 1 << 20
GIB = 1 << 30

DEREFERENCE = """
import sys
import aclcffi
backend = aclcffi.open_backend("simulator")
place = aclcffi.ffi.new("void **")
assert backend.aclrtSetDevice(0) == 0 and backend.aclrtMalloc(place, 4096, 0) == 0
pointer = aclcffi.ffi.cast("char *", place[0]) + int(sys.argv[2])
if sys.argv[1] == "freed":
    assert backend.aclrtFree(place[0]) == 0
print("before", flush=True)
if sys.argv[1] == "write":
    pointer[0] = b"x"
else:
    pointer[0]
print("after", flush=True)
"""


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in a Python of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("way", ["read", "write", "freed"])
@pytest.mark.parametrize("offset", ["0", "4000", "1000000"])
def test_following_a_device_pointer_faults(way: str, offset: str) -> None:
    """A host program that reads or writes through a device pointer, live or freed, dies as it would on hardware."""
    result = run(DEREFERENCE, way, offset)
    assert result.stdout.split() == ["before"]
    assert result.returncode == -signal.SIGSEGV


def test_device_pointers_are_no_out_parameters(ready: Acl) -> None:
    """A call that would write its answer to a device address is 100000 and says which address."""
    device = ready.malloc(64)
    assert ready.aclrtGetDevice(ready.ffi.cast("int32_t *", device)) == 100000
    assert f"0x{ready.address(device):x}" in ready.message()
    assert ready.aclInit(ready.ffi.cast("char *", device)) == 100002  # not looked at: the library is initialised
    ready.ok(ready.aclFinalize())
    assert ready.aclInit(ready.ffi.cast("char *", device)) == 100000


def test_host_memory_that_runs_into_device_addresses_is_refused(ready: Acl) -> None:
    """Bytes that begin on the host's side and end among the device addresses are 100000, whichever side of a copy."""
    device, before = ready.malloc(64), ready.pointer(ADDRESSES.base - 8)
    assert ready.aclrtMemcpy(before, 64, device, 64, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST) == 100000
    assert ready.aclrtMemcpy(device, 64, before, 64, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE) == 100000
    assert ready.aclrtMemset(before, 64, 0, 64) == 100000


@pytest.mark.parametrize("view", [host.read_host, host.write_host])
@pytest.mark.parametrize(
    ("address", "size", "legal"),
    [
        (ADDRESSES.base - 8, 8, True),
        (ADDRESSES.base - 8, 9, False),
        (ADDRESSES.base, 1, False),
        (ADDRESSES.end - 1, 1, False),
        (ADDRESSES.end, 8, True),
        (0, 8, False),
        ((1 << 64) - 8, 8, True),
        ((1 << 64) - 8, 9, False),
    ],
    ids=["up-to-it", "into-it", "first", "last", "behind-it", "null", "the-very-last", "over-the-end"],
)
def test_which_host_ranges_are_refused(view: Any, address: int, size: int, legal: bool) -> None:
    """Host memory lies on either side of the device addresses, not at NULL and not beyond the end; looking is no access."""
    if legal:
        assert len(view(address, size)) == size
    else:
        with pytest.raises(Fault) as caught:
            view(address, size)
        assert caught.value.code == 100000


def test_run_mode_device_gives_real_addresses(open_acl: OpenAcl) -> None:
    """Where host and device share memory the host follows device pointers; they are still device memory to ACL."""
    acl = open_acl(run_mode="device", memory=MIB)
    acl.start()
    device = acl.malloc(8, b"12345678")
    assert acl.address(device) not in ADDRESSES
    assert acl.address(device) % 64 == 0
    assert acl.content(device, 8) == b"12345678"
    acl.ffi.memmove(device, b"host", 4)
    assert acl.read(device, 8) == b"host5678"
    assert acl.free_bytes() == MIB - padded(8)
    acl.copy(acl.malloc(8), device, 8)
    acl.synchronize()
    assert acl.aclrtFreeHost(device) == 107000
    assert acl.aclrtMemset(device, 100, 0, 100) == 107000
    assert [acl.aclrtFree(device) for _ in range(2)] == [0, 107000]


def test_large_memory_costs_what_is_touched(open_acl: OpenAcl) -> None:
    """A device may have far more memory than the host: 60 GiB are allocated, and both ends used."""
    acl = open_acl(memory=64 * GIB)
    acl.start()
    large = acl.malloc(60 * GIB, b"low")
    high = acl.offset(large, 60 * GIB - 4)
    acl.write(high, b"high")
    assert acl.read(large, 3) == b"low"
    assert acl.read(high, 4) == b"high"
    assert acl.read(acl.offset(large, 30 * GIB), 4) == bytes(4)
    assert acl.aclrtMalloc(acl.out("void *"), 4 * GIB, 0) == 207001


def outstanding() -> int:
    """Bytes of device addresses that worlds of this process hold."""
    with ADDRESSES._lock:
        ADDRESSES._merge()
        return ADDRESSES._fresh - ADDRESSES.base - sum(size for _, size in ADDRESSES._free)


def test_ten_thousand_worlds_that_nobody_closes() -> None:
    """Machines that are dropped with memory allocated leave no device addresses and no mappings behind."""
    product = replace(load_product("generic"), memory=GIB)

    def leave_one() -> None:
        world = World(product)
        context = world.create_context(world.devices[0], primary=True)
        world.create_stream(context)
        world.memory.allocate(0, MIB, padded(MIB))
        world.memory.allocate_host(MIB)

    gc.collect()
    addresses, mappings = outstanding(), len(Path("/proc/self/maps").read_text().splitlines())
    for _ in range(10_000):
        leave_one()
    gc.collect()
    assert outstanding() <= addresses
    assert len(Path("/proc/self/maps").read_text().splitlines()) < mappings + 100


@pytest.mark.parametrize("close", [True, False])
def test_a_backend_that_nobody_holds_goes(close: bool) -> None:
    """A backend with everything that hangs on it is collected, closed or not."""

    def leave_one() -> "weakref.ref[object]":
        acl = Acl(aclcffi.open_backend(BACKEND))
        acl.start()
        acl.work(acl.stream())
        if close:
            acl.backend.close()
        return weakref.ref(acl.backend)

    before = outstanding()
    left = [leave_one() for _ in range(20)]
    gc.collect()
    assert [reference() for reference in left] == [None] * 20
    assert outstanding() <= before


class TestAddressSpace:
    """The range of device addresses."""

    def test_pieces_are_apart(self) -> None:
        """Pieces are at least as large as asked for, inside the range, and do not overlap."""
        space = AddressSpace((1 << 26,))
        pieces = [space.take(size) for size in (1, 1 << 21, (1 << 21) + 1, 5 << 20)]
        assert [size for _, size in pieces] == [1 << 21, 1 << 21, 1 << 22, 3 << 21]
        assert all(address in space and address + size <= space.end for address, size in pieces)
        assert all(first + size <= second for (first, size), (second, _) in pairwise(pieces))

    def test_fresh_addresses_come_first(self) -> None:
        """What was given back is used again only when nothing fresh is left."""
        space = AddressSpace((1 << 26,))
        first = space.take(1 << 21)
        space.give_back(*first)
        seen = [space.take(1 << 21) for _ in range(space.size // (1 << 21) - 1)]
        assert first not in seen
        assert space.take(1 << 21) == first
        with pytest.raises(MemoryError):
            space.take(1)

    def test_neighbours_grow_together(self) -> None:
        """Pieces that lie side by side serve a larger one when they are back, in whatever order they came."""
        space = AddressSpace((1 << 24,))
        pieces = [space.take(1 << 21) for _ in range(space.size // (1 << 21))]
        with pytest.raises(MemoryError):
            space.take(1 << 22)
        for index in (3, 1, 2):
            space.give_back(*pieces[index])
        assert space.take(3 << 21) == (pieces[1][0], 3 << 21)

    def test_the_part_that_is_left_is_kept(self) -> None:
        """Of a piece that is larger than needed the rest can be taken later."""
        space = AddressSpace((1 << 24,))
        whole = space.take(space.size)
        space.give_back(*whole)
        assert space.take(1 << 21) == (whole[0], 1 << 21)
        assert space.take(1 << 21) == (whole[0] + (1 << 21), 1 << 21)

    def test_giving_back_takes_no_lock(self) -> None:
        """A finalizer that runs while the same thread is taking addresses does not hang."""
        space = AddressSpace((1 << 24,))
        piece = space.take(space.size)
        with space._lock:
            thread = threading.Thread(target=space.give_back, args=piece, daemon=True)
            thread.start()
            thread.join(30)
            assert not thread.is_alive()
        assert space.take(1)[0] == piece[0]

    def test_where_the_platform_refuses(self) -> None:
        """Without a reservation the addresses are ones that no process has; of several sizes the first that works counts."""
        refused = AddressSpace((1 << 62,))
        assert refused.base >= 1 << 47
        address, size = refused.take(1 << 21)
        assert size == 1 << 21
        assert address in refused
        smaller = AddressSpace((1 << 62, 1 << 24))
        assert smaller.base < 1 << 47
        assert smaller.size < 1 << 24


def plain_memory(capacity: int = 1 << 40, space: AddressSpace = ADDRESSES) -> Memory:
    """Memory of a machine with one device; pointers are numbers."""
    return Memory(1, capacity, lambda address: address, space)


class TestReuseOfAddresses:
    """Addresses of one machine."""

    def test_freed_addresses_are_not_used_while_fresh_ones_are_left(self) -> None:
        """A stale pointer does not soon mean something new."""
        memory = plain_memory(space=AddressSpace((1 << 30,)))
        seen = set()
        for _ in range(1000):
            allocation = memory.allocate(0, 1000, padded(1000))
            seen.add(allocation.address)
            memory.free(allocation)
        assert len(seen) == 1000

    def test_a_machine_that_allocates_and_frees_goes_on_for_ever(self) -> None:
        """When a machine has used all addresses of the process, those of freed memory serve again; live ones never."""
        space = AddressSpace((1 << 30,))
        memory = plain_memory(space=space)
        kept = memory.allocate(0, MIB, padded(MIB))
        kept.data[:4] = b"kept"
        for _ in range(100):
            allocation = memory.allocate(0, 50 * MIB, padded(50 * MIB))
            assert not kept.address - padded(50 * MIB) < allocation.address < kept.address + kept.extent
            memory.free(allocation)
            assert sum(size for _, size in memory.pieces) <= space.size
        assert bytes(kept.data[:4]) == b"kept"
        assert memory.at(kept.address) is kept

    def test_addresses_can_run_out(self) -> None:
        """When live memory fills all addresses of the process it is 207001, and small memory is still found room for."""
        memory = plain_memory(space=AddressSpace((1 << 27,)))
        memory.allocate(0, 1, padded(1))
        with pytest.raises(Fault, match=r"no .* bytes of device addresses left") as caught:
            memory.allocate(0, GIB, padded(GIB))
        assert caught.value.code == 207001
        assert memory.allocate(0, 1, padded(1)).address in memory._space

    def test_addresses_that_went_back_are_not_used(self) -> None:
        """After an attempt that returned unused addresses in vain, allocations lie in addresses that were taken again."""
        memory = plain_memory(space=AddressSpace((1 << 27,)))
        memory.free(memory.allocate(0, 1, padded(1)))
        with pytest.raises(Fault, match="left in this process"):
            memory.allocate(0, GIB, padded(GIB))
        assert memory.pieces == []
        again = memory.allocate(0, 1, padded(1))
        assert [start <= again.address < start + size for start, size in memory.pieces] == [True]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 300), st.integers(0, 9)), max_size=25),
    st.lists(st.tuples(st.integers(0, 24), st.integers(-70, 400), st.integers(1, 400)), max_size=25),
)
def test_ranges_are_found_as_a_plain_search_finds_them(
    steps: list[tuple[bool, int, int]], questions: list[tuple[int, int, int]]
) -> None:
    """After any allocations and frees a range is what a search through all living memory says it is."""
    space = AddressSpace((1 << 27,))
    memory = plain_memory(space=space)
    made: list[Allocation] = []
    for allocate, size, which in steps:
        if allocate or not made:
            made.append(memory.allocate(0, size, padded(size)))
        elif not made[which % len(made)].freed:
            memory.free(made[which % len(made)])
    live = [allocation for allocation in made if not allocation.freed]
    for which, offset, size in questions:
        if not made:
            break
        address = made[which % len(made)].address + offset
        found = [a for a in live if a.address <= address and address + size <= a.address + a.extent]
        if found:
            span = memory.span(address, size)
            assert (span.allocation, span.address) == (found[0], address)
            assert (span.offset, span.size) == (address - found[0].address, size)
        elif address in space:
            with pytest.raises(Fault, match="0x") as caught:
                memory.span(address, size)
            assert caught.value.code == 107000
        assert memory.at(address) is next((a for a in live if a.address == address), None)
        assert memory.find(address) is next((a for a in live if a.address <= address < a.address + a.extent), None)
    assert memory.live() == (len(live), 0)
    assert memory.used[0] == sum(a.extent for a in live)


def test_page_locked_memory_is_found() -> None:
    """Page-locked memory is found by each of its addresses, and not by the first one behind it; freed, by none."""
    memory = plain_memory()
    pinned = memory.allocate_host(100)
    assert memory.at(pinned.address) is pinned
    assert memory.at(pinned.address + 1) is None
    assert [memory.find(pinned.address + offset) is pinned for offset in (-1, 0, 99, 100)] == [False, True, True, False]
    assert memory.live() == (0, 1)
    memory.free(pinned)
    assert memory.find(pinned.address) is memory.at(pinned.address) is None
    assert memory.live() == (0, 0)


class TestCheckHost:
    """The option that asks the kernel about host addresses."""

    def test_bad_host_memory_is_an_error(self, open_acl: OpenAcl) -> None:
        """With the option a host address that is none is 100000, for reading and writing, at the start and in between."""
        acl = open_acl(check_host=True)
        acl.start()
        device, good = acl.malloc(1 << 16), acl.host(64)
        acl.ok(acl.aclrtMemcpy(device, 64, good, 64, acl.lib.ACL_MEMCPY_HOST_TO_DEVICE))
        acl.ok(acl.aclrtMemcpy(good, 64, device, 64, acl.lib.ACL_MEMCPY_DEVICE_TO_HOST))
        for bad in (acl.pointer(0x1000), acl.pointer(0x1234567)):
            assert acl.aclrtMemcpy(device, 64, bad, 64, acl.lib.ACL_MEMCPY_HOST_TO_DEVICE) == 100000
            assert "not memory of this process" in acl.message()
            assert acl.aclrtMemcpy(bad, 64, device, 64, acl.lib.ACL_MEMCPY_DEVICE_TO_HOST) == 100000
            assert acl.aclrtMemcpyAsync(device, 64, bad, 64, acl.lib.ACL_MEMCPY_HOST_TO_DEVICE, NULL) == 100000
            assert acl.aclrtMemset(bad, 64, 0, 64) == 100000

    def test_every_page_counts(self) -> None:
        """Two pages of which the second cannot be read are accessible up to its edge and no further."""
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        start = libc.mmap(None, 8192, 3, 0x22, -1, 0)  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
        assert libc.mprotect(ctypes.c_void_p(start + 4096), ctypes.c_size_t(4096), 0) == 0
        try:
            assert host.accessible(start, 4096)
            assert host.accessible(start + 4000, 96)
            assert not host.accessible(start + 4000, 97)
            assert not host.accessible(start + 4096, 1)
        finally:
            libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(8192))

    def test_where_the_kernel_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where a process may not ask, nothing is known, and the caller's word counts."""
        monkeypatch.setattr(
            "os.getpid", lambda: 1 << 30
        )  # no such process: what comes back is no statement on an address
        assert host.accessible(0x1000, 64)

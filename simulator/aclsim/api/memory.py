"""Device and host memory (contract_rt section 8)."""

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import live_stream, target
from aclsim.api.stream import synchronize
from aclsim.api.types import CData, address_of, lib
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.grids import fill
from aclsim.core.memory import GRANULE, PADDING, Allocation, Span, move
from aclsim.core.stream import Stream
from aclsim.core.transfers import Copy, PartCopy
from aclsim.core.world import World

_LARGEST = (1 << 64) - 1
_HUGE_1G = (lib.ACL_MEM_MALLOC_HUGE1G_ONLY, lib.ACL_MEM_MALLOC_HUGE1G_ONLY_P2P)
_KINDS = range(6)
_FROM_HOST = (
    lib.ACL_MEMCPY_HOST_TO_HOST,
    lib.ACL_MEMCPY_HOST_TO_DEVICE,
    lib.ACL_MEMCPY_DEFAULT,
    lib.ACL_MEMCPY_HOST_TO_BUF_TO_DEVICE,
)
_TO_HOST = (lib.ACL_MEMCPY_HOST_TO_HOST, lib.ACL_MEMCPY_DEVICE_TO_HOST, lib.ACL_MEMCPY_DEFAULT)


def _positive(size: int) -> None:
    if size == 0:
        raise invalid("size is 0; it must be positive")


def aclrtMalloc(world: World, devPtr: CData, size: int, policy: int) -> None:
    """RT8.01: size rounded up to 32, mostly with 32 more; the content is undefined."""
    unpadded = policy in _HUGE_1G or world.product.name == "950"
    _malloc(world, devPtr, size, padding=0 if unpadded else PADDING)


def aclrtMallocCached(world: World, devPtr: CData, size: int, policy: int) -> None:
    """RT8.04: memory is coherent here, the cache functions have nothing to do."""
    aclrtMalloc(world, devPtr, size, policy)


def aclrtMallocAlign32(world: World, devPtr: CData, size: int, policy: int) -> None:  # noqa: ARG001 - any is legal
    """RT8.02: size rounded up to 32."""
    _malloc(world, devPtr, size, padding=0)


def _malloc(world: World, devPtr: CData, size: int, padding: int) -> None:
    on_host(devPtr, "devPtr")
    _positive(size)
    if size + GRANULE + padding > _LARGEST:
        raise invalid(f"size is {size}; rounded up and with its padding it does not fit size_t")
    extent = -(-size // GRANULE) * GRANULE + padding
    device = world.current_context().device.number
    devPtr[0] = world.memory.allocate(device, size, extent).pointer


def aclrtMallocHost(world: World, hostPtr: CData, size: int) -> None:
    """RT8.05: page-locked host memory. Needs a context."""
    on_host(hostPtr, "hostPtr")
    _positive(size)
    world.current_context()
    hostPtr[0] = world.memory.allocate_host(size).pointer


def aclrtFree(world: World, devPtr: CData) -> None:
    """RT8.06: at once, and without a context."""
    if not devPtr:
        raise null("devPtr")
    allocation = _starting_at(world, devPtr, "devPtr")
    if allocation.on_host:
        raise Fault(
            codes.ACL_ERROR_RT_PARAM_INVALID,
            f"devPtr names {allocation!r}; free it with aclrtFreeHost",
        )
    world.memory.free(allocation)
    if allocation.held:
        for model in world.models.values():
            model.forget_freed()
    if world.scheduler.memory.watched:  # a stream that waits for a value there waits no longer
        world.scheduler.changed(world.scheduler.memory)


def aclrtFreeHost(world: World, hostPtr: CData) -> None:
    """RT8.07: at once; a device address is refused with 107000."""
    if not hostPtr:
        raise null("hostPtr")
    allocation = _starting_at(world, hostPtr, "hostPtr")
    if allocation.registered:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"hostPtr names {allocation!r}; aclrtHostUnregister lets it go")
    if not allocation.on_host:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"hostPtr names {allocation!r}; free it with aclrtFree")
    world.memory.free(allocation)


def _starting_at(world: World, pointer: CData, parameter: str) -> Allocation:
    allocation = world.memory.by_pointer(pointer)
    if allocation is not None:
        return allocation
    address = address_of(pointer)
    inside = world.memory.find(address)
    if inside is not None:
        reason = f"0x{address:x} lies inside {inside!r}; only its first address can be freed"
    elif world.memory.is_device(address):
        reason = world.memory.explain(address)
    else:
        reason = f"0x{address:x} is host memory that ACL did not allocate, or that was freed"
    raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"{parameter}: {reason}")


def aclrtGetMemInfo(world: World, attr: int, free: CData, total: CData) -> None:
    """RT8.12: bytes of the current context's device. All kinds of memory are one here."""
    on_host(free, "free")
    on_host(total, "total")
    context = world.current_context()
    if not lib.ACL_DDR_MEM <= attr <= lib.ACL_MEM_P2P_HUGE1G:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"attr {attr} is no aclrtMemAttr")
    memory = world.memory
    free[0] = memory.capacity - memory.used[context.device.number]
    total[0] = memory.capacity


def span_of(world: World, pointer: CData, count: int, parameter: str) -> Span:
    """What `count` bytes at `pointer` are; the first byte of an allocation is found at once."""
    memory = world.memory
    allocation = memory.by_pointer(pointer)
    if allocation is not None and count <= allocation.extent:
        return Span(allocation, allocation.address, 0, count)
    try:
        return memory.span(address_of(pointer), count)
    except Fault as fault:
        raise Fault(fault.code, f"{parameter}: {fault.message}") from None


def _check_pointers(dst: CData, src: CData, kind: int) -> None:
    if not dst:
        raise null("dst")
    if not src:
        raise null("src")
    if kind not in _KINDS:
        raise invalid(f"kind is {kind}; this copy takes 0 to 5")


def _check_room(destMax: int, count: int) -> None:
    if destMax == 0:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "destMax is 0")
    if count > destMax:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"count is {count}, more than destMax, {destMax}")


def aclrtMemcpy(world: World, dst: CData, destMax: int, src: CData, count: int, kind: int) -> None:
    """RT8.14: the bytes are there when it returns; ordered with no stream. The kind is taken from the addresses."""
    if count == 0:
        return
    _check_pointers(dst, src, kind)
    _check_room(destMax, count)
    if dst == src:
        return
    world.current_context()
    source = span_of(world, src, count, "src")
    destination = span_of(world, dst, count, "dst")
    move(destination, source)
    world.clock.now += duration_of(world, count)
    world.host_wrote(destination.address, count)


def aclrtMemcpyAsync(world: World, dst: CData, destMax: int, src: CData, count: int, kind: int, stream: CData) -> None:
    """RT8.15: a task of the stream between device and page-locked memory; with pageable memory it waits and copies."""
    if count == 0:
        return
    # The usual case in a few look-ups: the beginnings of two allocations, one of them on a device, and a stream of this
    # context.
    find = world.memory.by_pointer
    to, from_, on = find(dst), find(src), world.streams.get(stream)
    if (
        to is not None
        and from_ is not None
        and on is not None
        and count <= to.room
        and count <= from_.room
        and count <= destMax
        and kind <= 5
        and (to.device is not None or from_.device is not None)
        and to is not from_
        and on.open_in is world.thread.context
    ):
        cost = world.cost
        world.scheduler.submit(Copy(on, cost.launch_ns + count * 1000 // cost.copy_bytes_per_us, to, from_, count))
        return
    _check_pointers(dst, src, kind)
    found = live_stream(world, stream)
    _check_room(destMax, count)
    if dst == src:
        return
    found = target(world, found)
    source = span_of(world, src, count, "src")
    destination = span_of(world, dst, count, "dst")
    from_, to = source.allocation, destination.allocation
    if (from_ is None or from_.device is None) and (to is None or to.device is None):
        raise Fault(
            codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "dst and src are both host memory; use aclrtMemcpy", quiet=True
        )
    if from_ is None or to is None:
        _copy_pageable(world, kind, found, destination, source)
        return
    world.scheduler.submit(
        PartCopy(found, duration_of(world, count), to, destination.offset, from_, source.offset, count)
    )


def duration_of(world: World, count: int) -> int:
    """What a copy takes, in virtual nanoseconds."""
    cost = world.cost
    return cost.launch_ns + count * 1000 // cost.copy_bytes_per_us


def _copy_pageable(world: World, kind: int, stream: Stream, destination: Span, source: Span) -> None:
    side, legal = ("src", _FROM_HOST) if source.allocation is None else ("dst", _TO_HOST)
    if kind not in legal:
        raise Fault(
            codes.ACL_ERROR_RT_PARAM_INVALID, f"kind is {kind}, but {side} is host memory that is not page-locked"
        )
    synchronize(world, stream, -1)
    move(destination, source)
    world.host_wrote(destination.address, destination.size)


def aclrtMemset(world: World, devPtr: CData, maxCount: int, value: int, count: int) -> None:
    """RT8.18: sets bytes to the low byte of `value`; ordered with no stream."""
    if count == 0:
        return
    if not devPtr:
        raise null("devPtr")
    world.current_context()
    if count > maxCount:
        # RT15.18: the implementation leaves it to the driver, whose "invalid value" becomes this code.
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"count is {count}, more than maxCount, {maxCount}")
    span = span_of(world, devPtr, count, "devPtr")
    fill(span.write(), bytes([value & 0xFF]))
    world.host_wrote(span.address, span.size)

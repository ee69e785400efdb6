"""Copies of rectangles and in batches, and fills as tasks (contract_rt section 8.2)."""

from collections.abc import Callable

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import live_stream, target
from aclsim.api.memory import aclrtMemcpy, aclrtMemcpyAsync, duration_of, span_of
from aclsim.api.stream import synchronize
from aclsim.api.types import CData, address_of, lib
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.grids import Fill, RowCopy, copy_rows, fill
from aclsim.core.memory import Span
from aclsim.core.world import World

_KINDS_2D = (
    lib.ACL_MEMCPY_HOST_TO_DEVICE,
    lib.ACL_MEMCPY_DEVICE_TO_HOST,
    lib.ACL_MEMCPY_DEVICE_TO_DEVICE,
    lib.ACL_MEMCPY_DEFAULT,
)
_MOST_ROWS, _MOST_COLUMNS = 5_242_880, 5_000_000  # RT14.08
_NO_INDEX = (1 << 64) - 1


def aclrtMemcpyAsyncWithCondition(
    world: World, dst: CData, destMax: int, src: CData, count: int, kind: int, stream: CData
) -> None:
    """RT8.16: as aclrtMemcpyAsync."""
    aclrtMemcpyAsync(world, dst, destMax, src, count, kind, stream)


# -- rectangles ------------------------------------------------------------------------------------------------------


class _Rows:
    """The arguments of a copy of `height` rows of `width` bytes, checked in the contract's order."""

    def __init__(self, dst: CData, dpitch: int, src: CData, spitch: int, width: int, height: int, kind: int) -> None:
        if not dst:
            raise null("dst")
        if not src:
            raise null("src")
        if width > dpitch or width > spitch:
            raise invalid(f"width is {width}, more than dpitch, {dpitch}, or spitch, {spitch}")
        if kind not in _KINDS_2D:
            raise invalid(f"kind is {kind}; this copy takes 1 to 4")
        if height > _MOST_ROWS or width > _MOST_COLUMNS:
            raise Fault(
                codes.ACL_ERROR_RT_PARAM_INVALID,
                f"height is {height} and width {width}; at most {_MOST_ROWS} and {_MOST_COLUMNS} are legal",
            )
        self.dst, self.dpitch, self.src, self.spitch = dst, dpitch, src, spitch
        self.width, self.height, self.kind = width, height, kind

    def spans(self, world: World) -> tuple[Span, Span]:
        """Destination and source, from the first byte to the last."""
        rows = self.height - 1
        return (
            span_of(world, self.dst, self.dpitch * rows + self.width, "dst"),
            span_of(world, self.src, self.spitch * rows + self.width, "src"),
        )

    def copy(self, destination: Span, source: Span) -> None:
        """Copy now."""
        copy_rows(destination.write(), self.dpitch, source.read(), self.spitch, self.width, self.height)


def _on_device(span: Span) -> bool:
    return span.allocation is not None and not span.allocation.on_host


def aclrtMemcpy2d(
    world: World, dst: CData, dpitch: int, src: CData, spitch: int, width: int, height: int, kind: int
) -> None:
    """RT8.17: synchronous; from device to device it is refused."""
    if width == 0 or height == 0:
        return
    rows = _Rows(dst, dpitch, src, spitch, width, height, kind)
    world.current_context()
    refusal = Fault(
        codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "from device to device only aclrtMemcpy2dAsync copies rectangles"
    )
    if kind == lib.ACL_MEMCPY_DEVICE_TO_DEVICE:
        raise refusal
    destination, source = rows.spans(world)
    if _on_device(destination) and _on_device(source):
        raise refusal
    rows.copy(destination, source)
    world.clock.now += duration_of(world, width * height)
    world.host_wrote(destination.address, destination.size)


def aclrtMemcpy2dAsync(
    world: World,
    dst: CData,
    dpitch: int,
    src: CData,
    spitch: int,
    width: int,
    height: int,
    kind: int,
    stream: CData,
) -> None:
    """RT8.17: a task of the stream; with pageable memory it waits for the stream and copies, as aclrtMemcpyAsync."""
    if width == 0 or height == 0:
        return
    rows = _Rows(dst, dpitch, src, spitch, width, height, kind)
    on = target(world, live_stream(world, stream))
    destination, source = rows.spans(world)
    if not _on_device(destination) and not _on_device(source):
        raise Fault(codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "dst and src are both host memory", quiet=True)
    if destination.allocation is None or source.allocation is None:
        synchronize(world, on, -1)
        rows.copy(destination, source)
        world.host_wrote(destination.address, destination.size)
        return
    duration = duration_of(world, width * height)
    world.scheduler.submit(RowCopy(on, duration, destination, dpitch, source, spitch, width, height))


# -- fills -----------------------------------------------------------------------------------------------------------


def aclrtMemsetAsync(world: World, devPtr: CData, maxCount: int, value: int, count: int, stream: CData) -> None:
    """RT8.19: a task that sets bytes to the low byte of `value`."""
    if count == 0:
        return
    if not devPtr:
        raise null("devPtr")
    found = live_stream(world, stream)
    if count > maxCount:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"count is {count}, more than maxCount, {maxCount}")
    on = target(world, found)
    span = span_of(world, devPtr, count, "devPtr")
    if span.allocation is None:
        raise Fault(
            codes.ACL_ERROR_RT_PARAM_INVALID, "devPtr is host memory that is not page-locked; a stream cannot set it"
        )
    world.scheduler.submit(Fill(on, duration_of(world, count), span, bytes([value & 0xFF])))


def _words(world: World, ptr: CData, memSize: int, count: int) -> Span:
    """The memory of aclrtMemsetD32, checked in the contract's order."""
    if not ptr:
        raise null("ptr")
    if address_of(ptr) % 4:
        raise invalid(f"ptr, 0x{address_of(ptr):x}, is no multiple of 4")
    if memSize < 4 * count:
        raise invalid(f"memSize is {memSize}, less than {count} values of 4 bytes")
    try:
        span = world.memory.span(address_of(ptr), 4 * count)
    except Fault as fault:
        raise invalid(f"ptr: {fault.message}") from None
    if span.allocation is None:
        raise invalid("ptr is host memory that is not page-locked")
    return span


def aclrtMemsetD32(world: World, ptr: CData, memSize: int, value: int, N: int) -> None:
    """RT8.20: sets N values of 32 bits; ordered with no stream."""
    if N == 0:
        return
    span = _words(world, ptr, memSize, N)
    world.current_context()
    fill(span.write(), value.to_bytes(4, "little"))
    world.host_wrote(span.address, span.size)


def aclrtMemsetD32Async(world: World, ptr: CData, memSize: int, value: int, N: int, stream: CData) -> None:
    """RT8.20: a task that sets N values of 32 bits."""
    if N == 0:
        return
    span = _words(world, ptr, memSize, N)
    on = target(world, live_stream(world, stream))
    world.scheduler.submit(Fill(on, duration_of(world, 4 * N), span, value.to_bytes(4, "little")))


# -- batches ---------------------------------------------------------------------------------------------------------

_Copy = Callable[[CData, int, CData, int, int], None]


def _batch(
    arrays: dict[str, CData],
    numBatches: int,
    attrs: CData,
    attrsIndexes: CData,
    numAttrs: int,
    failIndex: CData | None,
    copy: _Copy,
) -> None:
    """Copy several pieces; the first that fails ends the batch and is named by failIndex."""
    for name, array in arrays.items():
        on_host(array, name)
    if numBatches == 0:
        raise invalid("numBatches is 0")
    dsts, rooms, srcs, sizes = arrays.values()
    if failIndex is not None and failIndex:
        on_host(failIndex, "failIndex")[0] = _NO_INDEX
    if not any(sizes[index] for index in range(numBatches)):
        return
    if numAttrs:
        on_host(attrs, "attrs")
        on_host(attrsIndexes, "attrsIndexes")
    for index in range(numAttrs):
        if any(attrs[index].rsv):
            raise invalid(f"attrs[{index}].rsv is not all 0")
    for index in range(numBatches):
        try:
            if rooms[index] < sizes[index]:
                raise invalid(f"destMaxs[{index}] is {rooms[index]}, less than sizes[{index}], {sizes[index]}")
            copy(dsts[index], rooms[index], srcs[index], sizes[index], lib.ACL_MEMCPY_DEFAULT)
        except Fault as fault:  # noqa: PERF203 - the first failure ends the batch
            if failIndex is not None and failIndex:
                failIndex[0] = index
            raise Fault(fault.code, f"piece {index}: {fault.message}") from None


def _arrays(dsts: CData, destMaxs: CData, srcs: CData, sizes: CData) -> dict[str, CData]:
    return {"dsts": dsts, "destMaxs": destMaxs, "srcs": srcs, "sizes": sizes}


def aclrtMemcpyBatch(
    world: World,
    dsts: CData,
    destMaxs: CData,
    srcs: CData,
    sizes: CData,
    numBatches: int,
    attrs: CData,
    attrsIndexes: CData,
    numAttrs: int,
    failIndex: CData,
) -> None:
    """RT8.21: synchronous."""

    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpy(world, dst, room, src, size, kind)

    _batch(_arrays(dsts, destMaxs, srcs, sizes), numBatches, attrs, attrsIndexes, numAttrs, failIndex, copy)


def aclrtMemcpyBatchV2(
    world: World,
    dsts: CData,
    destMaxs: CData,
    srcs: CData,
    sizes: CData,
    numBatches: int,
    attrs: CData,
    attrsIndexes: CData,
    numAttrs: int,
) -> None:
    """RT8.21: aclrtMemcpyBatch without failIndex."""

    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpy(world, dst, room, src, size, kind)

    _batch(_arrays(dsts, destMaxs, srcs, sizes), numBatches, attrs, attrsIndexes, numAttrs, None, copy)


def aclrtMemcpyBatchAsync(
    world: World,
    dsts: CData,
    destMaxs: CData,
    srcs: CData,
    sizes: CData,
    numBatches: int,
    attrs: CData,
    attrsIndexes: CData,
    numAttrs: int,
    failIndex: CData,
    stream: CData,
) -> None:
    """RT8.21: tasks of the stream, one for each piece."""

    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpyAsync(world, dst, room, src, size, kind, stream)

    _batch(_arrays(dsts, destMaxs, srcs, sizes), numBatches, attrs, attrsIndexes, numAttrs, failIndex, copy)


def aclrtMemcpyBatchAsyncV2(
    world: World,
    dsts: CData,
    destMaxs: CData,
    srcs: CData,
    sizes: CData,
    numBatches: int,
    attrs: CData,
    attrsIndexes: CData,
    numAttrs: int,
    stream: CData,
) -> None:
    """RT8.21: aclrtMemcpyBatchAsync without failIndex."""

    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpyAsync(world, dst, room, src, size, kind, stream)

    _batch(_arrays(dsts, destMaxs, srcs, sizes), numBatches, attrs, attrsIndexes, numAttrs, None, copy)

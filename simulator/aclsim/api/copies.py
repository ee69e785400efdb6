"""Copies of rectangles and in batches, and fills as tasks (contract_rt section 8.2)."""

from collections.abc import Callable, Iterator

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import live_stream, target
from aclsim.api.memory import aclrtMemcpy, aclrtMemcpyAsync, duration_of, span_of
from aclsim.api.stream import synchronize
from aclsim.api.types import NULL, CData, address_of, lib
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


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


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
    refusal = Fault(
        codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "from device to device only aclrtMemcpy2dAsync copies rectangles"
    )
    if kind == lib.ACL_MEMCPY_DEVICE_TO_DEVICE:
        raise refusal
    world.current_context()
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


class _Batch:
    """The arguments of a batch of copies, checked in the contract's order before anything is copied (RT8.21)."""

    def __init__(
        self,
        dsts: CData,
        destMaxs: CData,
        srcs: CData,
        sizes: CData,
        count: int,
        attrs: CData,
        attrsIndexes: CData,
        numAttrs: int,
    ) -> None:
        on_host(sizes, "sizes")
        if count == 0:
            raise invalid("numBatches is 0")
        self.nothing = not any(sizes[index] for index in range(count))
        if self.nothing:  # then nobody looks at the rest
            return
        arrays = {"dsts": dsts, "destMaxs": destMaxs, "srcs": srcs, "attrs": attrs, "attrsIndexes": attrsIndexes}
        for name, array in arrays.items():
            on_host(array, name)
        for index in range(count):
            if destMaxs[index] < sizes[index]:
                raise invalid(f"destMaxs[{index}] is {destMaxs[index]}, less than sizes[{index}], {sizes[index]}")
        for index in range(numAttrs):
            if any(attrs[index].rsv):
                raise invalid(f"attrs[{index}].rsv is not all 0")
        if numAttrs == 0:
            raise _bad("numAttrs is 0; attrs[0] says where the memory of the first copies lies")  # a choice
        self.count = count
        self.dsts, self.destMaxs, self.srcs, self.sizes = dsts, destMaxs, srcs, sizes
        self.attrs, self.attrsIndexes, self.numAttrs = attrs, attrsIndexes, numAttrs

    def run(self, world: World, failIndex: CData, check: Callable[[], object], copy: "_Copy") -> None:
        """Copy piece after piece, which is one of the legal orders; the first that fails ends the batch.

        Its index is written to `failIndex` where that is not NULL. `check` refuses all of it.
        """
        if failIndex:
            failIndex[0] = _NO_INDEX
        if self.nothing:
            return
        check()
        index = 0
        try:
            directions = []
            for index, which in enumerate(self._attributes()):
                directions.append(self._direction(world, index, which))
                if directions[-1] != directions[0]:
                    raise _bad(f"it goes {directions[-1]}, the first one {directions[0]}; a batch has one direction")
            for index, direction in enumerate(directions):
                copy(self.dsts[index], self.destMaxs[index], self.srcs[index], self.sizes[index], _KINDS[direction])
        except Fault as fault:
            if failIndex:
                failIndex[0] = index
            raise Fault(fault.code, f"piece {index}: {fault.message}", quiet=fault.quiet) from None

    def _attributes(self) -> Iterator[int]:
        """The index of each piece's attributes: attrs[k] holds from piece attrsIndexes[k] on."""
        which = 0
        for index in range(self.count):
            if which + 1 < self.numAttrs and index >= self.attrsIndexes[which + 1]:
                which += 1
            yield which

    def _direction(self, world: World, index: int, which: int) -> str:
        """Where a piece goes; its attributes must say the same."""
        attribute = self.attrs[which]
        to = self._place(world, self.dsts[index], f"dsts[{index}]", attribute.dstLoc, f"attrs[{which}].dstLoc")
        from_ = self._place(world, self.srcs[index], f"srcs[{index}]", attribute.srcLoc, f"attrs[{which}].srcLoc")
        if to == from_:
            raise _bad(f"dsts[{index}] and srcs[{index}] are both {to} memory; a batch copies between host and device")
        return f"from {from_} to {to}"

    @staticmethod
    def _place(world: World, pointer: CData, parameter: str, location: CData, said: str) -> str:
        if not pointer:
            raise _bad(f"{parameter} is NULL")
        address = address_of(pointer)
        found = world.memory.find(address)
        if found is None and world.memory.is_device(address):
            raise _bad(f"{parameter}: {world.memory.explain(address)}")
        on_device = found is not None and not found.on_host
        if on_device != (location.type == lib.ACL_MEM_LOCATION_TYPE_DEVICE) or location.type not in _LOCATIONS:
            raise _bad(f"{parameter} is {'device' if on_device else 'host'} memory, {said}.type is {location.type}")
        if found is not None and on_device and found.device != location.id:
            raise _bad(f"{parameter} is memory of device {found.device}, {said}.id is {location.id}")
        return "device" if on_device else "host"


_Copy = Callable[[CData, int, CData, int, int], None]
_KINDS = {"from host to device": lib.ACL_MEMCPY_HOST_TO_DEVICE, "from device to host": lib.ACL_MEMCPY_DEVICE_TO_HOST}
_LOCATIONS = (lib.ACL_MEM_LOCATION_TYPE_HOST, lib.ACL_MEM_LOCATION_TYPE_DEVICE, lib.ACL_MEM_LOCATION_TYPE_HOST_NUMA)


def _at_once(world: World) -> _Copy:
    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpy(world, dst, room, src, size, kind)

    return copy


def _queued(world: World, stream: CData) -> _Copy:
    def copy(dst: CData, room: int, src: CData, size: int, kind: int) -> None:
        aclrtMemcpyAsync(world, dst, room, src, size, kind, stream)

    return copy


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
    on_host(failIndex, "failIndex")
    batch = _Batch(dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs)
    batch.run(world, failIndex, world.current_context, _at_once(world))


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
    batch = _Batch(dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs)
    batch.run(world, NULL, world.current_context, _at_once(world))


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
    on_host(failIndex, "failIndex")
    _batch_async(
        world, stream, _Batch(dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs), failIndex
    )


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
    batch = _Batch(dsts, destMaxs, srcs, sizes, numBatches, attrs, attrsIndexes, numAttrs)
    _batch_async(world, stream, batch, NULL)


def _batch_async(world: World, stream: CData, batch: _Batch, failIndex: CData) -> None:
    batch.run(world, failIndex, lambda: target(world, live_stream(world, stream)), _queued(world, stream))

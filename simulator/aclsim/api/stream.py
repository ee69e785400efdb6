"""Streams (contract_rt section 5)."""

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import bad_timeout, item, live_stream, or_default, own
from aclsim.api.types import CData, address_of, ffi, lib
from aclsim.core import codes
from aclsim.core.configs import StreamConfig
from aclsim.core.fault import Fault
from aclsim.core.stream import Stream
from aclsim.core.world import World

_FLAGS = (
    lib.ACL_STREAM_FAST_LAUNCH
    | lib.ACL_STREAM_FAST_SYNC
    | lib.ACL_STREAM_PERSISTENT
    | lib.ACL_STREAM_HUGE
    | lib.ACL_STREAM_CPU_SCHEDULE
    | lib.ACL_STREAM_DEVICE_USE_ONLY
)


def aclrtCreateStream(world: World, stream: CData) -> None:
    """RT5.01: no flags, highest priority."""
    on_host(stream, "stream")
    stream[0] = world.create_stream(world.current_context()).handle


def aclrtCreateStreamWithConfig(world: World, stream: CData, priority: int, flag: int) -> None:
    """RT5.02: the priority is clamped, unknown flag bits are ignored."""
    on_host(stream, "stream")
    flag &= _FLAGS
    if flag & lib.ACL_STREAM_DEVICE_USE_ONLY and flag != lib.ACL_STREAM_DEVICE_USE_ONLY:
        raise Fault(
            codes.ACL_ERROR_RT_PARAM_INVALID, f"flag is 0x{flag:x}: ACL_STREAM_DEVICE_USE_ONLY goes with no other flag"
        )
    context = world.current_context()
    stream[0] = world.create_stream(context, flag, _clamp(world, priority)).handle


def _clamp(world: World, priority: int) -> int:
    return min(max(priority, world.product.priority_greatest), world.product.priority_least)


def aclrtDestroyStream(world: World, stream: CData) -> None:
    """RT5.03: waits for what is queued."""
    _destroy(world, stream, drain=True)


def aclrtDestroyStreamForce(world: World, stream: CData) -> None:
    """RT5.04: drops what is queued."""
    _destroy(world, stream, drain=False)


def _destroy(world: World, stream: CData, *, drain: bool) -> None:
    found = live_stream(world, stream)
    if found is None:
        raise null("stream")
    own(world, found)
    if found is found.context.default_stream:
        # A choice: the implementation returns 0 and crashes at the next NULL stream (contract_rt section 4).
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "stream is the default stream of its context and goes with it")
    if drain:
        world.scheduler.drain(found)
    world.destroy_stream(found)


def aclrtSynchronizeStream(world: World, stream: CData) -> None:
    """RT5.05: streams of other contexts are allowed."""
    _synchronize_found(world, live_stream(world, stream), -1)


def aclrtSynchronizeStreamWithTimeout(world: World, stream: CData, timeout: int) -> None:
    """RT5.06: `timeout` in ms, -1 for ever; on expiry the tasks go on."""
    if timeout < -1:  # the ACL layer's check: not written to the last error
        fault = bad_timeout(timeout)
        fault.quiet = True
        raise fault
    found = live_stream(world, stream)
    if timeout == 0:
        raise bad_timeout(timeout)
    _synchronize_found(world, found, timeout)


def _synchronize_found(world: World, stream: Stream | None, timeout: int) -> None:
    if stream is None or not stream.special:  # a special stream needs no context
        _synchronize(world, or_default(world, stream), timeout)


def synchronize(world: World, stream: Stream, timeout: int) -> None:
    """Wait for a stream as aclrtSynchronizeStreamWithTimeout does, and deliver its error.

    Raises:
        Fault: 107000 for a timeout of 0 or below -1, 507046 on expiry, else the stream's error.
    """
    if timeout < -1 or timeout == 0:
        raise bad_timeout(timeout)
    _synchronize(world, stream, timeout)


def aborted(stream: Stream) -> Fault:
    """What a wait answers when somebody aborts the stream meanwhile (13.4)."""
    return Fault(codes.ACL_ERROR_RT_STREAM_ABORT, f"{stream!r} was aborted while this call waited for it")


def _synchronize(world: World, stream: Stream, timeout: int) -> None:
    if stream.special:
        return
    aborts = stream.aborts
    done = stream.context.failure is not None or world.scheduler.drain(stream, timeout)
    if stream.aborts != aborts:
        raise aborted(stream)
    if not done:
        raise Fault(
            codes.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
            f"{stream!r} was not done within {timeout} ms of virtual time; its tasks go on",
        )
    error = stream.context.failure or stream.take_error()
    if error is not None:
        raise error


def aclrtStreamQuery(world: World, stream: CData, status: CData) -> None:
    """RT5.07: answers first; under the lazy schedule one task of the stream runs then."""
    on_host(status, "status")
    found = or_default(world, live_stream(world, stream))
    if found.context.failure is not None:
        raise found.context.failure
    done = found.special or world.scheduler.complete(found)
    status[0] = lib.ACL_STREAM_STATUS_COMPLETE if done else lib.ACL_STREAM_STATUS_NOT_READY


def aclrtStreamGetId(world: World, stream: CData, streamId: CData) -> None:
    """RT5.08."""
    on_host(streamId, "streamId")
    streamId[0] = or_default(world, live_stream(world, stream)).number


# -- IPV350: streams from a config handle ------------------------------------------------------------------------

_ATTRIBUTES = {
    lib.ACL_RT_STREAM_WORK_ADDR_PTR: ("workptr", "void **"),
    lib.ACL_RT_STREAM_WORK_SIZE: ("workSize", "size_t *"),
    lib.ACL_RT_STREAM_FLAG: ("flag", "size_t *"),
    lib.ACL_RT_STREAM_PRIORITY: ("priority", "uint32_t *"),
}


def aclrtCreateStreamConfigHandle(world: World) -> CData:
    """A config handle for aclrtCreateStreamV2, everything 0. The caller may look into it: its type is public."""
    memory = ffi.new("aclrtStreamConfigHandle *")
    world.stream_configs.add(StreamConfig(memory), memory)
    return memory


def aclrtSetStreamConfigOpt(world: World, handle: CData, attr: int, attrValue: CData, valueSize: int) -> None:
    """Set one attribute; checks handle, value, attribute and size in this order, as for the other config handles."""
    config = item(world, world.stream_configs, handle, "handle")
    on_host(attrValue, "attrValue")
    if attr not in _ATTRIBUTES:
        raise invalid(f"attr {attr} is no aclrtStreamConfigAttr that can be set")
    field, pointer = _ATTRIBUTES[attr]
    size = ffi.sizeof(ffi.typeof(pointer).item)
    if valueSize != size:
        raise invalid(f"valueSize is {valueSize}; attr {attr} takes {size} bytes")
    value = ffi.cast(pointer, attrValue)[0]
    setattr(config.memory, field, value)


def aclrtDestroyStreamConfigHandle(world: World, handle: CData) -> None:
    """Destroy a config handle; streams made with it stay."""
    world.stream_configs.remove(item(world, world.stream_configs, handle, "handle"))


def aclrtCreateStreamV2(world: World, stream: CData, handle: CData) -> None:
    """A stream with the flags, the priority and the work memory of a config handle.

    A NULL handle is refused with 100000 (a choice, the contract is silent).
    """
    on_host(stream, "stream")
    config = item(world, world.stream_configs, handle, "handle").memory
    priority = _clamp(world, config.priority)  # type: ignore[attr-defined]
    work = (address_of(config.workptr), int(config.workSize))  # type: ignore[attr-defined]
    context = world.current_context()
    stream[0] = world.create_stream(context, int(config.flag), priority, work).handle  # type: ignore[attr-defined]

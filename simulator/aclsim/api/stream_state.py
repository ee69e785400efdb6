"""Attributes, failure modes and control of streams (contract_rt section 5)."""

from aclsim.api.answers import checked_only
from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import live, live_stream, or_default, own, target
from aclsim.api.memory import duration_of, span_of
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.failures import empty
from aclsim.core.fault import Fault
from aclsim.core.overflow import STATUS_SIZE, OverflowReset, OverflowStatus
from aclsim.core.stream import Stream
from aclsim.core.world import World

_STOP = 1


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def _unsupported(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, message, quiet=True)


def aclrtStreamGetFlags(world: World, stream: CData, flags: CData) -> None:
    """RT5.09."""
    on_host(flags, "flags")
    flags[0] = or_default(world, live_stream(world, stream)).flags


def aclrtStreamGetPriority(world: World, stream: CData, priority: CData) -> None:
    """RT5.09."""
    on_host(priority, "priority")
    priority[0] = or_default(world, live_stream(world, stream)).priority


def aclrtGetStreamAvailableNum(world: World, streamCount: CData) -> None:
    """RT5.10: streams that are left on the current context's device."""
    on_host(streamCount, "streamCount")
    streamCount[0] = world.product.max_streams - world.current_context().device.streams


def aclrtSetStreamFailureMode(world: World, stream: CData, mode: int) -> None:
    """RT5.11: STOP puts the whole context into STOP, and there is no way back."""
    found = live_stream(world, stream)
    if found is None and not world.product.has("null_failure_mode"):
        raise _bad("stream is NULL; this product sets the failure mode of its own streams only")
    _set_failure_mode(own(world, found), mode)


def _set_failure_mode(stream: Stream, mode: int) -> None:
    if stream.flags & lib.ACL_STREAM_DEVICE_USE_ONLY:
        raise _unsupported(f"{stream!r} was made with ACL_STREAM_DEVICE_USE_ONLY")
    wanted = mode & _STOP  # only bit 0 counts
    if stream.failure_mode == _STOP and not wanted:
        raise _unsupported(f"{stream!r} is in the mode ACL_STOP_ON_FAILURE, which it cannot leave")
    stream.failure_mode = wanted
    if wanted:
        stream.context.stops = True


_PLAIN_ATTRIBUTES = {
    lib.ACL_STREAM_ATTR_USER_CUSTOM_TAG: "userCustomTag",
    lib.ACL_STREAM_ATTR_CACHE_OP_INFO: "cacheOpInfoSwitch",
}


def aclrtSetStreamAttribute(world: World, stream: CData, stmAttrType: int, value: CData) -> None:
    """RT5.12: the failure mode and the overflow switch are those of their own functions."""
    on_host(value, "value")
    found = live_stream(world, stream)
    if stmAttrType == lib.ACL_STREAM_ATTR_FAILURE_MODE:
        aclrtSetStreamFailureMode(world, stream, int(value.failureMode))
    elif stmAttrType == lib.ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK:
        switch = int(value.overflowSwitch)
        if switch not in (0, 1):  # the runtime's check here: the ACL layer knows no attribute
            raise _bad(f"value.overflowSwitch is {switch}; it can be 0 or 1")
        own(world, found).overflow_switch = switch
    elif stmAttrType == lib.ACL_STREAM_ATTR_PRIORITY:
        product = world.product
        priority = int(value.streamPriority)
        own(world, found).priority = min(max(priority, product.priority_greatest), product.priority_least)
    elif stmAttrType in _PLAIN_ATTRIBUTES:
        own(world, found).attributes[stmAttrType] = int(getattr(value, _PLAIN_ATTRIBUTES[stmAttrType]))
    else:
        raise _bad(f"stmAttrType is {stmAttrType}, which is no aclrtStreamAttr")


def aclrtGetStreamAttribute(world: World, stream: CData, stmAttrType: int, value: CData) -> None:
    """RT5.12."""
    on_host(value, "value")
    found = live_stream(world, stream)
    if stmAttrType == lib.ACL_STREAM_ATTR_FAILURE_MODE:
        value.failureMode = own(world, found).failure_mode
    elif stmAttrType == lib.ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK:
        value.overflowSwitch = own(world, found).overflow_switch
    elif stmAttrType == lib.ACL_STREAM_ATTR_PRIORITY:
        value.streamPriority = own(world, found).priority
    elif stmAttrType in _PLAIN_ATTRIBUTES:
        setattr(value, _PLAIN_ATTRIBUTES[stmAttrType], own(world, found).attributes.get(stmAttrType, 0))
    else:
        raise _bad(f"stmAttrType is {stmAttrType}, which is no aclrtStreamAttr")


def aclrtSetStreamOverflowSwitch(world: World, stream: CData, flag: int) -> None:
    """RT5.13: kept; no simulated computation overflows in the device's saturation mode."""
    if flag not in (0, 1):
        raise invalid(f"flag is {flag}; it can be 0 or 1")
    own(world, live_stream(world, stream)).overflow_switch = flag


def aclrtGetStreamOverflowSwitch(world: World, stream: CData, flag: CData) -> None:
    """RT5.13."""
    on_host(flag, "flag")
    flag[0] = own(world, live_stream(world, stream)).overflow_switch


def aclrtGetOverflowStatus(world: World, outputAddr: CData, outputSize: int, stream: CData) -> None:
    """RT10.09: a task that writes 64 bytes of status to device memory: 0, nothing overflowed.

    A choice: what is no device memory of 64 bytes is 107000.
    """
    if not outputAddr:
        raise null("outputAddr")
    found = live_stream(world, stream)
    if outputSize != STATUS_SIZE:
        raise _bad(f"outputSize is {outputSize}; it must be {STATUS_SIZE}")
    on = target(world, found)
    place = span_of(world, outputAddr, STATUS_SIZE, "outputAddr")
    if place.allocation is None or place.allocation.on_host:
        raise _bad("outputAddr is host memory; device memory is needed")
    world.scheduler.submit(OverflowStatus(on, duration_of(world, STATUS_SIZE), place))


def aclrtGetFloatOverflowStatus(world: World, outputAddr: CData, outputSize: int, stream: CData) -> None:
    """RT10.09: as aclrtGetOverflowStatus."""
    aclrtGetOverflowStatus(world, outputAddr, outputSize, stream)


def aclrtResetOverflowStatus(world: World, stream: CData) -> None:
    """RT10.09: a task that clears the status."""
    world.scheduler.submit(OverflowReset(target(world, live_stream(world, stream)), world.cost.launch_ns))


def aclrtResetFloatOverflowStatus(world: World, stream: CData) -> None:
    """RT10.09: as aclrtResetOverflowStatus."""
    aclrtResetOverflowStatus(world, stream)


def aclrtStreamAbort(world: World, stream: CData) -> None:
    """RT5.14: drops what is queued; the stream can be used again. Threads that wait for it get 107023.

    NULL is the default stream: all chips that have this function have the device control queue for it.
    """
    _abort(world, own(world, live_stream(world, stream)))


def _abort(world: World, stream: Stream) -> None:
    world.abort_stream(stream)
    empty(world, stream)


def aclrtStreamStop(world: World, stream: CData) -> None:
    """RT5.15: stops what runs and keeps what is queued; no task runs between two calls here, so nothing is to stop."""
    if not stream:
        raise _bad("stream is NULL")
    live(world, world.streams, stream, "stream")


def aclrtDeviceTaskAbort(world: World, deviceId: int, timeout: int) -> None:
    """RT3.13: drops what is queued on all streams of the device; `timeout` in ms, at most 36 minutes, 0: no limit."""
    if timeout > 36 * 60 * 1000:
        raise _bad(f"timeout is {timeout} ms; at most 36 minutes are legal")
    device = world.device(deviceId)
    for found in world.streams:
        if found.context.device is device:
            _abort(world, found)


def _needs_a_graph() -> Fault:
    return Fault(
        codes.ACL_ERROR_API_NOT_SUPPORT,
        "it chooses between streams of a built graph (aclmdlRIBindStream), which the simulator does not model",
    )


@checked_only
def aclrtActiveStream(world: World, activeStream: CData, stream: CData) -> None:
    """RT5.16: the arguments are checked; there are no streams of built graphs yet that it could activate."""
    for handle, name in ((activeStream, "activeStream"), (stream, "stream")):
        if not handle:
            raise null(name)
    live(world, world.streams, activeStream, "activeStream")
    own(world, live_stream(world, stream))
    raise _needs_a_graph()


@checked_only
def aclrtSwitchStream(
    world: World,
    leftValue: CData,
    cond: int,  # noqa: ARG001
    rightValue: CData,
    dataType: int,  # noqa: ARG001
    trueStream: CData,
    falseStream: CData,
    stream: CData,
) -> None:
    """RT5.16: the arguments are checked; there are no streams of built graphs yet that it could switch to."""
    needed = {"leftValue": leftValue, "rightValue": rightValue, "trueStream": trueStream, "stream": stream}
    for name, pointer in needed.items():
        if not pointer:
            raise null(name)
    if falseStream:
        raise invalid("falseStream must be NULL")
    live(world, world.streams, trueStream, "trueStream")
    own(world, live_stream(world, stream))
    raise _needs_a_graph()

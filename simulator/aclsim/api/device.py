"""Devices (contract_rt section 3)."""

from aclsim.api.host import on_host
from aclsim.api.stream import aborted
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.device import Device
from aclsim.core.fault import Fault
from aclsim.core.stream import Stream
from aclsim.core.world import DEVICE_GOES, DEVICE_SET, World

_MS = 1_000_000  # nanoseconds


def aclrtSetDevice(world: World, deviceId: int) -> None:
    """RT3.01: counts; the first call makes the primary context. On IPV350 it makes none."""
    device = world.device(deviceId)
    if not world.product.ipv350:
        if device.primary is None:
            device.primary = world.create_context(device, primary=True)
        world.thread.context = device.primary
    device.set_count += 1
    if device.set_count == 1:
        world.tell(world.device_callbacks, deviceId, DEVICE_SET)


def aclrtResetDevice(world: World, deviceId: int) -> None:
    """RT3.02: at count 0 the primary context is torn down."""
    device = _set_device(world, deviceId)
    if device.set_count == 1:
        world.tell(world.device_callbacks, deviceId, DEVICE_GOES)
    device.set_count -= 1
    if not device.set_count:
        _tear_down(world, device)


def aclrtResetDeviceForce(world: World, deviceId: int) -> None:
    """RT3.03: drops all counts at once."""
    device = _set_device(world, deviceId)
    world.tell(world.device_callbacks, deviceId, DEVICE_GOES)
    device.set_count = 0
    _tear_down(world, device)


def _set_device(world: World, number: int) -> Device:
    device = world.device(number)
    if not device.set_count:
        raise Fault(
            codes.ACL_ERROR_RT_CONTEXT_RELEASE_ERROR,
            f"device {number} is not set (any more); each reset needs an aclrtSetDevice before it",
        )
    return device


def _tear_down(world: World, device: Device) -> None:
    primary, device.primary = device.primary, None
    if primary is not None:
        world.destroy_context(primary)


def aclrtGetDevice(world: World, deviceId: CData) -> None:
    """RT3.04: the device of the current context, or the default one of the configuration."""
    on_host(deviceId, "deviceId")
    context, default = world.thread.context, world.library.default_device
    if default is not None and (context is None or not context.alive):
        deviceId[0] = default
    else:
        deviceId[0] = world.current_context().device.number


def aclrtGetDeviceCount(world: World, count: CData) -> None:
    """RT3.05. Needs no context."""
    on_host(count, "count")[0] = len(world.devices)


def aclrtGetRunMode(world: World, runMode: CData) -> None:
    """RT3.06. Needs no context."""
    on_host(runMode, "runMode")[0] = lib.ACL_DEVICE if world.product.run_mode == "device" else lib.ACL_HOST


def aclrtSynchronizeDevice(world: World) -> None:
    """RT3.07: waits for the streams of the current context, the default stream last, and gives the first error."""
    _synchronize(world, -1)


def aclrtSynchronizeDeviceWithTimeout(world: World, timeout: int) -> None:
    """RT3.08: `timeout` in ms, -1 for ever."""
    if timeout < -1 or timeout == 0:
        raise Fault(
            codes.ACL_ERROR_RT_PARAM_INVALID, f"timeout is {timeout} ms; -1 (for ever) and positive values are legal"
        )
    _synchronize(world, timeout)


def _synchronize(world: World, timeout: int) -> None:
    context = world.current_context()
    if context.failure is not None:
        raise context.failure
    clock, started = world.clock, world.clock.now
    first: Fault | None = None

    def last(stream: Stream) -> bool:
        return stream is context.default_stream

    for stream in sorted(context.streams, key=last):
        if stream.special:
            continue
        # A drain counts whole milliseconds, so it may end a fraction of one too late.
        left = timeout if timeout < 0 else max(timeout - (clock.now - started) // _MS, 0)
        aborts = stream.aborts
        done = world.scheduler.drain(stream, left)
        if stream.aborts != aborts:
            first = first or aborted(stream)
            continue
        if not done or (timeout >= 0 and clock.now - started > timeout * _MS):
            raise Fault(
                codes.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT,
                f"{stream!r} was not done within {timeout} ms of virtual time; its tasks go on",
            )
        error = stream.take_error()
        first = first or error
    first = context.failure or first
    if first is not None:
        raise first


def aclrtDeviceGetStreamPriorityRange(world: World, leastPriority: CData, greatestPriority: CData) -> None:
    """RT3.10: both are optional."""
    if leastPriority:
        on_host(leastPriority, "leastPriority")[0] = world.product.priority_least
    if greatestPriority:
        on_host(greatestPriority, "greatestPriority")[0] = world.product.priority_greatest

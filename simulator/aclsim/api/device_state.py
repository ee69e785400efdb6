"""What devices have and allow, and callbacks at their changes (contract_rt section 3)."""

from collections.abc import Callable, Hashable

from aclsim.api.answers import checked_only
from aclsim.api.host import invalid, on_host, text
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.device import Device
from aclsim.core.fault import Fault
from aclsim.core.world import World

_MOST_DEVICES = 64  # RT3.11


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def aclrtGetPrimaryCtxState(world: World, deviceId: int, flags: CData, active: CData) -> None:
    """RT3.11, RT4.07: whether aclrtSetDevice holds the device; `flags` must be NULL."""
    if flags:
        raise invalid("flags must be NULL")
    on_host(active, "active")
    if not 0 <= deviceId < _MOST_DEVICES:
        raise Fault(codes.ACL_ERROR_RT_INVALID_DEVICEID, f"deviceId is {deviceId}; it can be 0 to {_MOST_DEVICES - 1}")
    known = deviceId < len(world.devices)
    active[0] = int(known and world.devices[deviceId].set_count > 0)


def aclrtSetTsDevice(world: World, tsId: int) -> None:  # noqa: ARG001
    """RT3.09: which task scheduler later streams use; there is one here."""
    if tsId not in (lib.ACL_TS_ID_AICORE, lib.ACL_TS_ID_AIVECTOR):
        raise invalid(f"tsId is {tsId}; it can be 0 or 1")


# -- access between devices ------------------------------------------------------------------------------------------


def aclrtDeviceCanAccessPeer(world: World, canAccessPeer: CData, deviceId: int, peerDeviceId: int) -> None:
    """RT3.12: all devices of a machine reach each other."""
    if deviceId == peerDeviceId:
        raise invalid(f"deviceId and peerDeviceId are both {deviceId}")
    world.device(peerDeviceId)
    if not canAccessPeer:
        raise _bad("canAccessPeer is NULL")
    on_host(canAccessPeer, "canAccessPeer")
    world.device(deviceId)
    canAccessPeer[0] = 1


def aclrtDeviceEnablePeerAccess(world: World, peerDeviceId: int, flags: int) -> None:
    """Let the current device reach another one's memory; `flags` must be 0. Copies between devices work either way."""
    if flags != 0:
        raise Fault(codes.ACL_ERROR_FEATURE_UNSUPPORTED, f"flags is {flags}; it must be 0")
    device, peer = _peers(world, peerDeviceId)
    device.peers.add(peer)


def _peers(world: World, peerDeviceId: int) -> tuple[Device, int]:
    """The current device and the number of another one."""
    device = world.current_context().device
    if peerDeviceId == device.number:
        raise invalid(f"peerDeviceId is {peerDeviceId}, the current device itself")
    return device, world.device(peerDeviceId).number


def aclrtDeviceDisablePeerAccess(world: World, peerDeviceId: int) -> None:
    """Take aclrtDeviceEnablePeerAccess back."""
    device, peer = _peers(world, peerDeviceId)
    device.peers.discard(peer)


def aclrtDevicePeerAccessStatus(world: World, deviceId: int, peerDeviceId: int, status: CData) -> None:
    """Whether a device may reach another one's memory: 1 or 0."""
    on_host(status, "status")
    device = world.device(deviceId)
    world.device(peerDeviceId)
    status[0] = int(peerDeviceId in device.peers)


# -- attributes ------------------------------------------------------------------------------------------------------


def _attribute(world: World, deviceId: int, attr: int) -> int:
    """What the machine really has; anything else would be made up."""
    device = world.device(deviceId)
    if attr == lib.ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE:
        return world.memory.capacity
    if attr in (lib.ACL_DEV_ATTR_PHY_CHIP_ID, lib.ACL_DEV_ATTR_SMP_ID):
        return device.number
    if attr == lib.ACL_DEV_ATTR_IS_VIRTUAL:
        return 0
    raise Fault(
        codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
        f"attr {attr}: the simulated device has no such property; cores and caches are not modelled",
    )


def aclrtGetDeviceInfo(world: World, deviceId: int, attr: int, value: CData) -> None:
    """Memory size, chip id and whether the device is virtual; 207000 for what is not modelled."""
    on_host(value, "value")
    value[0] = _attribute(world, deviceId, attr)


@checked_only
def aclGetDeviceCapability(world: World, deviceId: int, deviceInfo: int, value: CData) -> None:
    """Cores and caches, which are not modelled: 207000, except that a bad device or pointer comes first."""
    on_host(value, "value")
    world.device(deviceId)
    raise Fault(
        codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
        f"deviceInfo {deviceInfo}: cores and caches of the simulated device are not modelled",
    )


def aclrtQueryDeviceStatus(world: World, deviceId: int, deviceStatus: CData) -> None:
    """A simulated device is well."""
    on_host(deviceStatus, "deviceStatus")
    world.device(deviceId)
    deviceStatus[0] = lib.ACL_RT_DEVICE_STATUS_NORMAL


def aclrtGetDeviceUtilizationRate(world: World, deviceId: int, utilizationInfo: CData) -> None:
    """RT3.14: -1 for everything, which is what the function answers where a rate is not known."""
    on_host(utilizationInfo, "utilizationInfo")
    if utilizationInfo.utilizationExtend:
        raise invalid("utilizationInfo.utilizationExtend must be NULL")
    world.current_context()
    world.device(deviceId)
    for rate in ("cubeUtilization", "vectorUtilization", "aicpuUtilization", "memoryUtilization"):
        setattr(utilizationInfo, rate, -1)


def _same_number(world: World, number: int, out: CData, parameter: str) -> None:
    on_host(out, parameter)
    world.device(number)
    out[0] = number


def aclrtGetPhyDevIdByLogicDevId(world: World, logicDevId: int, phyDevId: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, logicDevId, phyDevId, "phyDevId")


def aclrtGetLogicDevIdByPhyDevId(world: World, phyDevId: int, logicDevId: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, phyDevId, logicDevId, "logicDevId")


def aclrtGetLogicDevIdByUserDevId(world: World, userDevid: int, logicDevId: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, userDevid, logicDevId, "logicDevId")


def aclrtGetUserDevIdByLogicDevId(world: World, logicDevId: int, userDevid: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, logicDevId, userDevid, "userDevid")


def aclrtGetPhyDevIdByUserDevId(world: World, userDevId: int, phyDevId: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, userDevId, phyDevId, "phyDevId")


def aclrtGetUserDevIdByPhyDevId(world: World, phyDevId: int, userDevId: CData) -> None:
    """All ways of counting devices are one here."""
    _same_number(world, phyDevId, userDevId, "userDevId")


# -- callbacks at changes --------------------------------------------------------------------------------------------


def aclrtRegDeviceStateCallback(world: World, regName: CData, callback: CData, args: CData) -> None:
    """RT9.07: runs after a device is set and before it is reset; NULL unregisters."""

    def call(device: Hashable, state: int) -> None:
        callback(device, state, args)

    _register(world.device_callbacks, regName, callback, call)


def aclrtRegStreamStateCallback(world: World, regName: CData, callback: CData, args: CData) -> None:
    """RT5.17, RT9.07: runs after a stream is made and before it is destroyed, default streams included."""

    def call(stream: Hashable, state: int) -> None:
        callback(stream, state, args)

    _register(world.stream_callbacks, regName, callback, call)


_Call = Callable[[Hashable, int], None]


def _register(table: dict[bytes, _Call], regName: CData, callback: CData, call: _Call) -> None:
    name = text(regName, "regName")
    if not callback:
        table.pop(name, None)
    elif name in table:
        raise _bad(f"regName {name.decode(errors='replace')!r} is registered already")
    else:
        table[name] = call


# -- system parameters -----------------------------------------------------------------------------------------------


def _check_option(opt: int, last: int) -> None:
    if not lib.ACL_OPT_DETERMINISTIC <= opt <= last:
        raise invalid(f"opt is {opt}; it can be {lib.ACL_OPT_DETERMINISTIC} to {last}")


def _not_set(opt: int) -> Fault:
    return Fault(codes.ACL_ERROR_RT_SYSPARAMOPT_NOT_SET, f"opt {opt} was not set", quiet=True)


def aclrtCtxSetSysParamOpt(world: World, opt: int, value: int) -> None:
    """RT4.06: kept for the current context; computations here are deterministic whatever it says."""
    _check_option(opt, lib.ACL_OPT_STRONG_CONSISTENCY)
    world.current_context().options[opt] = value


def aclrtCtxGetSysParamOpt(world: World, opt: int, value: CData) -> None:
    """RT4.06: 107021 before it was set."""
    on_host(value, "value")
    _check_option(opt, lib.ACL_OPT_STRONG_CONSISTENCY)
    options = world.current_context().options
    if opt not in options:
        raise _not_set(opt)
    value[0] = options[opt]


def aclrtSetSysParamOpt(world: World, opt: int, value: int) -> None:
    """As aclrtCtxSetSysParamOpt, for the whole process, and with one option more."""
    _check_option(opt, lib.ACL_OPT_ENABLE_KERNEL_EARLY_START)
    world.options_of_process[opt] = value


def aclrtGetSysParamOpt(world: World, opt: int, value: CData) -> None:
    """As aclrtCtxGetSysParamOpt, for the whole process, and with one option more."""
    on_host(value, "value")
    _check_option(opt, lib.ACL_OPT_ENABLE_KERNEL_EARLY_START)
    if opt not in world.options_of_process:
        raise _not_set(opt)
    value[0] = world.options_of_process[opt]

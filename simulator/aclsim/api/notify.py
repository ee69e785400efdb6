"""Notifies and count notifies (contract_rt section 7)."""

from aclsim.api.chips import has_function
from aclsim.api.host import null, on_host
from aclsim.api.lookup import live, live_stream, target
from aclsim.api.types import CData
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.handles import HandleTable
from aclsim.core.notify import CHECKS, SET, WRITES, Counted, Notify, NotifyRecord, NotifyWait
from aclsim.core.world import World

_SECOND = 1_000_000_000
_DEFAULT = (1 << 32) - 1
_AT_LEAST_ONE = (3, 1)  # what a wait for a plain notify looks at


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def _needs_chip(world: World, function: str) -> None:
    if not has_function(world.product, function):
        raise Fault(codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "this chip cannot do it")


def _check_flag(flag: int) -> None:
    if flag not in (0, 1):
        raise _bad(f"flag is {flag}; it can be 0 or 1")


def _create(world: World, out: CData, table: HandleTable[Notify], *, counts: bool) -> None:
    device = world.current_context().device
    number = device.notify_numbers.take()
    if number is None:
        raise Fault(codes.ACL_ERROR_RT_NO_NOTIFY_RESOURCE, f"all notifies of device {device.number} are in use")
    out[0] = table.add(Notify(device, number, counts=counts)).handle


def _destroy(table: HandleTable[Notify], notify: Notify) -> None:
    table.remove(notify)
    notify.device.notify_numbers.give_back(notify.number)


# -- notifies --------------------------------------------------------------------------------------------------------


def _notify(world: World, handle: CData) -> Notify:
    if not handle:
        raise null("notify")
    return live(world, world.notifies, handle, "notify")


def aclrtCreateNotify(world: World, notify: CData, flag: int) -> None:
    """RT7.01: a binary semaphore, not set."""
    on_host(notify, "notify")
    _check_flag(flag)
    _create(world, notify, world.notifies, counts=False)


def aclrtDestroyNotify(world: World, notify: CData) -> None:
    """RT7.04: at once; what is queued keeps the notify alive inside."""
    found = _notify(world, notify)
    world.current_context()
    _destroy(world.notifies, found)


def aclrtRecordNotify(world: World, notify: CData, stream: CData) -> None:
    """RT7.02: a task that sets it; two before a wait count once."""
    found = _notify(world, notify)
    world.scheduler.submit(NotifyRecord(target(world, live_stream(world, stream)), found))


def aclrtWaitAndResetNotify(world: World, notify: CData, stream: CData, timeout: int) -> None:
    """RT7.03: the stream waits until it is set, and clears it. `timeout` in s, 0: never, UINT32_MAX: default."""
    found = _notify(world, notify)
    on = target(world, live_stream(world, stream))
    wait = Counted(found, *_AT_LEAST_ONE)
    world.scheduler.submit(NotifyWait(on, wait, _timeout(world, timeout), clears=True))


def _timeout(world: World, seconds: int) -> int | None:
    """What a wait's timeout is in virtual nanoseconds."""
    return world.op_wait_timeout if seconds == _DEFAULT else seconds * _SECOND or None


def aclrtNotifyBatchReset(world: World, notifies: CData, num: int) -> None:
    """RT7.05: clears them now, up to the first that cannot be."""
    on_host(notifies, "notifies")
    if num == 0:
        raise _bad("num is 0; it must be positive")
    _needs_chip(world, "aclrtNotifyBatchReset")
    now = world.clock.now
    for index in range(num):
        handle = notifies[index]
        if not handle:
            raise _bad(f"notifies[{index}] is NULL")
        live(world, world.notifies, handle, f"notifies[{index}]").write(0, now, now)


def aclrtGetNotifyId(world: World, notify: CData, notifyId: CData) -> None:
    """RT7.06."""
    if not notify:
        raise null("notify")
    on_host(notifyId, "notifyId")
    notifyId[0] = _notify(world, notify).number


# -- count notifies --------------------------------------------------------------------------------------------------


def _count_notify(world: World, handle: CData) -> Notify:
    """The count notify of a handle; here a NULL is the runtime's business, 107000."""
    if not handle:
        raise _bad("cntNotify is NULL")
    return live(world, world.count_notifies, handle, "cntNotify")


def aclrtCntNotifyCreate(world: World, cntNotify: CData, flag: int) -> None:
    """RT7.07: a counter that starts at 0."""
    if not cntNotify:
        raise _bad("cntNotify is NULL")
    on_host(cntNotify, "cntNotify")
    _check_flag(flag)
    _needs_chip(world, "aclrtCntNotifyCreate")
    _create(world, cntNotify, world.count_notifies, counts=True)


def aclrtCntNotifyDestroy(world: World, cntNotify: CData) -> None:
    """RT7.11: at once."""
    _destroy(world.count_notifies, _count_notify(world, cntNotify))


def aclrtCntNotifyRecord(world: World, cntNotify: CData, stream: CData, info: CData) -> None:
    """RT7.08: a task that sets, adds to, or sets or clears bits of the counter."""
    on_host(info, "info")
    found, on = _count_notify(world, cntNotify), live_stream(world, stream)
    mode, value = int(info.mode), int(info.value)
    if mode not in WRITES:
        raise _bad(f"info.mode is {mode}; it can be {', '.join(map(str, WRITES))}")
    world.scheduler.submit(NotifyRecord(target(world, on), found, mode, value))


def aclrtCntNotifyWaitWithTimeout(world: World, cntNotify: CData, stream: CData, info: CData) -> None:
    """RT7.09: the stream waits until the counter fits, and takes it back to 0 where info.isClear says so."""
    on_host(info, "info")
    found, stream_or_default = _count_notify(world, cntNotify), live_stream(world, stream)
    mode = int(info.mode)
    if mode not in CHECKS:
        raise _bad(f"info.mode is {mode}; it can be {', '.join(map(str, CHECKS))}")
    on = target(world, stream_or_default)
    wait = Counted(found, mode, int(info.value))
    world.scheduler.submit(NotifyWait(on, wait, _timeout(world, int(info.timeout)), clears=bool(info.isClear)))


def aclrtCntNotifyReset(world: World, cntNotify: CData, stream: CData) -> None:
    """RT7.10: a task that stores 0."""
    found = _count_notify(world, cntNotify)
    world.scheduler.submit(NotifyRecord(target(world, live_stream(world, stream)), found, SET, 0))


def aclrtCntNotifyGetId(world: World, cntNotify: CData, notifyId: CData) -> None:
    """The hardware id of a count notify."""
    found = _count_notify(world, cntNotify)
    on_host(notifyId, "notifyId")[0] = found.number

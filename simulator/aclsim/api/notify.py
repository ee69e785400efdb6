"""Notifies and count notifies (contract_rt section 7)."""

from aclsim.api.host import null, on_host
from aclsim.api.lookup import live, live_stream, target
from aclsim.api.types import CData
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.handles import HandleTable
from aclsim.core.notify import CHECKS, SET, WRITES, Counted, Notify, NotifyRecord, NotifyWait
from aclsim.core.stream import Stream
from aclsim.core.world import World

_SECOND = 1_000_000_000
_DEFAULT = (1 << 32) - 1
_AT_LEAST_ONE = (3, 1)  # what a wait for a plain notify looks at


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def _create(world: World, out: CData, flag: int, table: HandleTable[Notify], *, counts: bool) -> None:
    if flag not in (0, 1):
        raise _bad(f"flag is {flag}; it can be 0 or 1")
    device = world.current_context().device
    number = device.notify_numbers.take()
    if number is None:
        raise Fault(codes.ACL_ERROR_RT_NO_NOTIFY_RESOURCE, f"all notifies of device {device.number} are in use")
    out[0] = table.add(Notify(device, number, counts=counts)).handle


def _record(world: World, stream: Stream, notify: Notify, mode: int = SET, value: int = 1) -> None:
    record = NotifyRecord(stream, notify, mode, value)
    notify.pending[record] = None
    world.scheduler.submit(record)


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
    _create(world, notify, flag, world.notifies, counts=False)


def aclrtDestroyNotify(world: World, notify: CData) -> None:
    """RT7.04: at once; what is queued keeps the notify alive inside."""
    found = _notify(world, notify)
    world.current_context()
    _destroy(world.notifies, found)


def aclrtRecordNotify(world: World, notify: CData, stream: CData) -> None:
    """RT7.02: a task that sets it; two before a wait count once."""
    found = _notify(world, notify)
    _record(world, target(world, live_stream(world, stream)), found)


def aclrtWaitAndResetNotify(world: World, notify: CData, stream: CData, timeout: int) -> None:
    """RT7.03: the stream waits until it is set, and clears it. `timeout` in s, 0: never, UINT32_MAX: default."""
    found = _notify(world, notify)
    on = target(world, live_stream(world, stream))
    nanoseconds = world.op_wait_timeout if timeout == _DEFAULT else timeout * _SECOND or None
    world.scheduler.submit(NotifyWait(on, Counted(found, *_AT_LEAST_ONE), nanoseconds, clears=True))


def aclrtNotifyBatchReset(world: World, notifies: CData, num: int) -> None:
    """RT7.05: clears them now, up to the first that cannot be."""
    on_host(notifies, "notifies")
    if num == 0:
        raise _bad("num is 0")
    for index in range(num):
        handle = notifies[index]
        if not handle:
            raise _bad(f"notifies[{index}] is NULL")
        live(world, world.notifies, handle, f"notifies[{index}]").count = 0


def aclrtGetNotifyId(world: World, notify: CData, notifyId: CData) -> None:
    """RT7.06."""
    found = _notify(world, notify)
    on_host(notifyId, "notifyId")[0] = found.number


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
    _create(world, cntNotify, flag, world.count_notifies, counts=True)


def aclrtCntNotifyDestroy(world: World, cntNotify: CData) -> None:
    """RT7.11: at once."""
    _destroy(world.count_notifies, _count_notify(world, cntNotify))


def aclrtCntNotifyRecord(world: World, cntNotify: CData, stream: CData, info: CData) -> None:
    """RT7.08: a task that sets, adds to, or sets or clears bits of the counter."""
    on_host(info, "info")
    found = _count_notify(world, cntNotify)
    mode, value = int(info.mode), int(info.value)
    if mode not in WRITES:
        raise _bad(f"info.mode is {mode}; it can be {', '.join(map(str, WRITES))}")
    _record(world, target(world, live_stream(world, stream)), found, mode, value)


def aclrtCntNotifyWaitWithTimeout(world: World, cntNotify: CData, stream: CData, info: CData) -> None:
    """RT7.09: the stream waits until the counter fits, and takes it back to 0 where info.isClear says so."""
    on_host(info, "info")
    found = _count_notify(world, cntNotify)
    mode = int(info.mode)
    if mode not in CHECKS:
        raise _bad(f"info.mode is {mode}; it can be {', '.join(map(str, CHECKS))}")
    on = target(world, live_stream(world, stream))
    timeout = int(info.timeout)
    nanoseconds = world.op_wait_timeout if timeout == _DEFAULT else timeout * _SECOND or None
    wait = Counted(found, mode, int(info.value))
    world.scheduler.submit(NotifyWait(on, wait, nanoseconds, clears=bool(info.isClear)))


def aclrtCntNotifyReset(world: World, cntNotify: CData, stream: CData) -> None:
    """RT7.10: a task that stores 0."""
    found = _count_notify(world, cntNotify)
    _record(world, target(world, live_stream(world, stream)), found, SET, 0)


def aclrtCntNotifyGetId(world: World, cntNotify: CData, notifyId: CData) -> None:
    """The hardware id of a count notify."""
    found = _count_notify(world, cntNotify)
    on_host(notifyId, "notifyId")[0] = found.number

"""Events (contract_rt section 6)."""

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import bad_timeout, live, live_stream, target
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.event import (
    DEF,
    DEVICE_USE_ONLY,
    EX,
    EXTERNAL,
    IPC,
    OLD,
    PROGRESS,
    SYNC,
    TIME_LINE,
    Event,
    EventWait,
    FlagSet,
    Record,
    Recorded,
    Reset,
)
from aclsim.core.fault import Fault
from aclsim.core.task import DONE
from aclsim.core.world import World

_SECOND = 1_000_000_000
_NEVER = (1 << 32) - 1
_PLAIN = SYNC | PROGRESS | TIME_LINE
_NUMBERS = "all event ids of the device are in use"


def _event(world: World, handle: CData) -> Event:
    """The event of a handle: NULL is 100000, a destroyed one 107017."""
    if not handle:
        raise null("event")
    return live(world, world.events, handle, "event")


def _unsupported(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, message, quiet=True)


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


# -- creation --------------------------------------------------------------------------------------------------------


def aclrtCreateEvent(world: World, event: CData) -> None:
    """RT6.01: the old default kind; synchronises, takes the time, shows progress."""
    _create(world, event, DEF, _PLAIN)


def aclrtCreateEventWithFlag(world: World, event: CData, flag: int) -> None:
    """RT6.02: DEVICE_USE_ONLY and EXTERNAL only alone; SYNC takes a hardware id at once."""
    on_host(event, "event")
    alone = flag in (DEVICE_USE_ONLY, EXTERNAL)
    if not flag or (flag & ~_PLAIN and not alone):
        raise _bad(f"flag is 0x{flag:x}; it can be a sum of 0x1, 0x2 and 0x8, or 0x10, or 0x20")
    _create(world, event, OLD, flag)


def aclrtCreateEventExWithFlag(world: World, event: CData, flag: int) -> None:
    """RT6.03: the new kind. Events between processes are not modelled: IPC is refused as a chip without them does."""
    on_host(event, "event")
    if flag == IPC:
        raise Fault(
            codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "events between processes (0x40) are not modelled", quiet=True
        )
    if not flag or flag & ~_PLAIN:
        raise _bad(f"flag is 0x{flag:x}; it can be a sum of 0x1, 0x2 and 0x8, or 0x40")
    _create(world, event, EX, flag)


def _create(world: World, out: CData, family: str, flags: int) -> None:
    on_host(out, "event")
    device = world.current_context().device
    event = Event(device, family, flags)
    if event.keeps_number:
        event.number = device.event_numbers.take()
        if event.number is None:
            raise Fault(codes.ACL_ERROR_RT_NO_EVENT_RESOURCE, _NUMBERS)
    out[0] = world.events.add(event).handle


def aclrtDestroyEvent(world: World, event: CData) -> None:
    """RT6.04: never waits; what is queued keeps the event alive inside."""
    found = _event(world, event)
    world.events.remove(found)
    if found.keeps_number and found.number is not None:
        found.device.event_numbers.give_back(found.number)
        found.number = None


# -- recording -------------------------------------------------------------------------------------------------------


def aclrtRecordEvent(world: World, event: CData, stream: CData) -> None:
    """RT6.05: marks everything that is in the stream so far; a later record replaces the earlier one."""
    found = _event(world, event)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _record(world, found, stream)


def aclrtRecordEventWithFlag(world: World, event: CData, stream: CData, flag: int) -> None:
    """RT6.06: ACL_EVENT_RECORD_EXTERNAL is for streams that capture."""
    found = _event(world, event)
    _check_record_flag(flag)
    if flag == lib.ACL_EVENT_RECORD_EXTERNAL:
        _check_external(found)
    _use(found, flag)
    _record(world, found, stream)


def _check_record_flag(flag: int) -> None:
    if flag not in (lib.ACL_EVENT_RECORD_DEFAULT, lib.ACL_EVENT_RECORD_EXTERNAL):
        raise invalid(f"flag is {flag}; it can be 0 (default) or 1 (external)")


def _check_external(event: Event) -> None:
    """The rules for external records and waits; without graph capture no stream ever captures."""
    if event.family != EX or event.flags != SYNC:
        raise _unsupported(f"{event!r} was not made by aclrtCreateEventExWithFlag with exactly ACL_EVENT_SYNC")
    if event.record_flag is None:
        event.record_flag = lib.ACL_EVENT_RECORD_EXTERNAL  # the association sticks even when the call fails
    raise Fault(codes.ACL_ERROR_RT_STREAM_NOT_CAPTURED, "an external record or wait needs a stream that captures")


def _use(event: Event, flag: int) -> None:
    """Keep how an event is recorded and waited for: default and external do not mix."""
    if event.record_flag is None:
        event.record_flag = flag
    elif event.record_flag != flag:
        raise _bad(f"{event!r} was used with record flag {event.record_flag} before; it cannot change to {flag}")


def _record(world: World, event: Event, stream: CData) -> None:
    on = target(world, live_stream(world, stream))
    numbers = event.device.event_numbers
    if event.number is None and not event.keeps_number and event.family != OLD:
        event.number = numbers.take()
        while event.number is None and world.scheduler.advance():  # the host waits for ids first
            event.number = numbers.take()
        if event.number is None:
            raise Fault(codes.ACL_ERROR_RT_NO_EVENT_RESOURCE, _NUMBERS)
    record = Record(on, event)
    event.record = record
    event.pending[record] = None
    world.scheduler.submit(record)


# -- waiting on a stream ---------------------------------------------------------------------------------------------


def aclrtStreamWaitEvent(world: World, stream: CData, event: CData) -> None:
    """RT6.07, RT6.21 to RT6.26: later tasks of the stream wait; the host does not."""
    found = _event(world, event)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _wait(world, stream, found, None)


def aclrtStreamWaitEventWithTimeout(world: World, stream: CData, event: CData, timeout: int) -> None:
    """RT6.08: `timeout` in seconds, 0: never. A NULL event is 107000 here."""
    if timeout < 0:
        raise _bad(f"timeout is {timeout} s; it must not be negative")
    if not event:
        raise _bad("event is NULL")
    found = _event(world, event)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _wait(world, stream, found, timeout * _SECOND or None)


def aclrtStreamWaitEventWithFlag(world: World, stream: CData, event: CData, timeout: int, flag: int) -> None:
    """RT6.09: `timeout` in seconds, 0: never, UINT32_MAX: what aclrtSetOpWaitTimeout said."""
    found = _event(world, event)
    if flag not in (lib.ACL_EVENT_WAIT_DEFAULT, lib.ACL_EVENT_WAIT_EXTERNAL):
        raise invalid(f"flag is {flag}; it can be 0 (default) or 1 (external)")
    if flag == lib.ACL_EVENT_WAIT_EXTERNAL:
        if timeout:
            raise invalid(f"timeout is {timeout} s; an external wait takes none")
        _check_external(found)
    _use(found, flag)
    nanoseconds = world.op_wait_timeout if timeout == _NEVER else timeout * _SECOND or None
    _wait(world, stream, found, nanoseconds)


def _wait(world: World, stream: CData, event: Event, timeout: int | None) -> None:
    if not event.syncs:
        raise _unsupported(f"{event!r} cannot be waited for by a stream: it was made without ACL_EVENT_SYNC")
    on = target(world, live_stream(world, stream))
    if timeout is not None and not world.product.has("wait_timeout"):
        timeout = None  # RT6.08: 310P ignores it
    if event.family == OLD:
        _queue(world, EventWait(on, event, FlagSet(event), timeout))
        return
    record = event.record
    if record is None:
        if event.family == DEF:
            raise _bad(f"{event!r} was never recorded, so nothing would end the wait")
        return  # RT6.21
    if record.state is DONE or (event.family == EX and record.stream is on):
        return  # RT6.22, RT6.24
    _queue(world, EventWait(on, event, Recorded(record), timeout))


def _queue(world: World, task: EventWait) -> None:
    task.event.waits[task] = None
    world.scheduler.submit(task)


def aclrtResetEvent(world: World, event: CData, stream: CData) -> None:
    """RT6.11: a task of the stream that clears the flag of an OLD event; RT15.15: a DEF event is as never recorded."""
    found = _event(world, event)
    if found.family == EX:
        raise _unsupported(f"{found!r} has no flag to reset: it was made by aclrtCreateEventExWithFlag")
    if not found.syncs:
        raise _unsupported(f"{found!r} was made without ACL_EVENT_SYNC, so it has no flag to reset")
    world.scheduler.submit(Reset(target(world, live_stream(world, stream)), found))


# -- asking ----------------------------------------------------------------------------------------------------------


def _not_external(event: Event) -> None:
    if event.record_flag == lib.ACL_EVENT_RECORD_EXTERNAL or event.flags == EXTERNAL:
        raise _unsupported(f"{event!r} is external; the host cannot look at it")


def aclrtQueryEvent(world: World, event: CData, status: CData) -> None:
    """RT6.12 (deprecated): COMPLETE is 0, also for an event that was never recorded."""
    found = _event(world, event)
    on_host(status, "status")
    if found.family == EX:
        raise _unsupported(f"{found!r} was made by aclrtCreateEventExWithFlag; use aclrtQueryEventStatus")
    _not_external(found)
    done = found.record is None or world.scheduler.over(found.record)
    status[0] = lib.ACL_EVENT_STATUS_COMPLETE if done else lib.ACL_EVENT_STATUS_NOT_READY


def aclrtQueryEventStatus(world: World, event: CData, status: CData) -> None:
    """RT6.13: COMPLETE is 1; never recorded is COMPLETE for an EX event only."""
    found = _event(world, event)
    on_host(status, "status")
    _not_external(found)
    done = found.family == EX if found.record is None else world.scheduler.over(found.record)
    status[0] = lib.ACL_EVENT_RECORDED_STATUS_COMPLETE if done else lib.ACL_EVENT_RECORDED_STATUS_NOT_READY


def aclrtQueryEventWaitStatus(world: World, event: CData, status: CData) -> None:
    """RT6.14: COMPLETE when no wait is queued."""
    found = _event(world, event)
    on_host(status, "status")
    if found.family == EX:
        raise _unsupported(f"{found!r} was made by aclrtCreateEventExWithFlag; its waits are not counted")
    waiting = next(iter(found.waits), None)
    done = waiting is None or world.scheduler.over(waiting)
    status[0] = lib.ACL_EVENT_WAIT_STATUS_COMPLETE if done else lib.ACL_EVENT_WAIT_STATUS_NOT_READY


def aclrtSynchronizeEvent(world: World, event: CData) -> None:
    """RT6.15: waits for the newest record at the call; an event that was never recorded is complete."""
    _synchronize(world, _event(world, event), -1)


def aclrtSynchronizeEventWithTimeout(world: World, event: CData, timeout: int) -> None:
    """RT6.16: `timeout` in ms, -1 for ever; a value below -1 beats a NULL event, 0 is looked at after the handle."""
    if timeout < -1:
        raise bad_timeout(timeout)
    found = _event(world, event)
    if timeout == 0:
        raise bad_timeout(timeout)
    _synchronize(world, found, timeout)


def _synchronize(world: World, event: Event, timeout: int) -> None:
    _not_external(event)
    record = event.record
    if record is None:
        return
    if record.stream.context.failure is not None:
        raise record.stream.context.failure
    if not world.scheduler.finish(record, timeout):
        raise Fault(
            codes.ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
            f"{event!r} was not complete within {timeout} ms of virtual time; its stream goes on",
        )
    error = record.stream.context.failure or record.stream.error
    if error is not None:
        raise error


def aclrtEventElapsedTime(world: World, ms: CData, startEvent: CData, endEvent: CData) -> None:
    """RT6.17: milliseconds of virtual time between two records."""
    on_host(ms, "ms")
    start, end = _named(world, startEvent, "startEvent"), _named(world, endEvent, "endEvent")
    ms[0] = (_time_of(end) - _time_of(start)) / 1_000_000


def aclrtEventGetTimestamp(world: World, event: CData, timestamp: CData) -> None:
    """RT6.18: microseconds of virtual time."""
    found = _event(world, event)
    on_host(timestamp, "timestamp")[0] = _time_of(found) // 1000


def _named(world: World, handle: CData, parameter: str) -> Event:
    if not handle:
        raise null(parameter)
    return live(world, world.events, handle, parameter)


def _time_of(event: Event) -> int:
    record = event.record
    if record is None:
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"{event!r} was never recorded")
    if not event.times or record.state is not DONE:
        why = "its record is not complete" if event.times else "it was made without ACL_EVENT_TIME_LINE"
        raise Fault(codes.ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID, f"{event!r} has no timestamp: {why}")
    return record.end


def aclrtGetEventId(world: World, event: CData, eventId: CData) -> None:
    """RT6.19: the hardware id; DEF and EX events have one only while a record is on its way."""
    found = _event(world, event)
    on_host(eventId, "eventId")
    if found.number is None:
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"{found!r} has no hardware id at present")
    eventId[0] = found.number


def aclrtGetEventAvailNum(world: World, eventCount: CData) -> None:
    """RT6.20: ids that are left on the current context's device."""
    on_host(eventCount, "eventCount")
    eventCount[0] = world.current_context().device.event_numbers.free


def aclrtSetOpWaitTimeout(world: World, timeout: int) -> None:
    """RT6.10: seconds, for the whole process; the last call wins, 0: never."""
    world.op_wait_timeout = timeout * _SECOND or None

"""Events (contract_rt section 6)."""

from aclsim.api.chips import has_function
from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import bad_timeout, live, live_stream, target
from aclsim.api.types import CData, address_of, lib
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
from aclsim.core.stream import Stream
from aclsim.core.task import DONE
from aclsim.core.world import World

_SECOND = 1_000_000_000
_NEVER = (1 << 32) - 1
_PLAIN = SYNC | PROGRESS | TIME_LINE


def _event(world: World, handle: CData, parameter: str = "event") -> Event:
    """The event of a handle: NULL is 100000, a destroyed one 107017."""
    if not handle:
        raise null(parameter)
    return live(world, world.events, handle, parameter)


def _unsupported(message: str) -> Fault:
    """207000 as most event functions answer it: not written to the last error (contract_rt section 13.3).

    That it is so for all of them is a choice: of IPC and EXTERNAL events nobody knows.
    """
    return Fault(codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, message, quiet=True)


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


# -- creation --------------------------------------------------------------------------------------------------------


def aclrtCreateEvent(world: World, event: CData) -> None:
    """RT6.01: the old default kind; synchronises, takes the time, shows progress."""
    _create(world, event, DEF, _PLAIN)


def aclrtCreateEventWithFlag(world: World, event: CData, flag: int) -> None:
    """RT6.02: DEVICE_USE_ONLY and EXTERNAL only alone; SYNC takes a hardware id at once.

    ACL_EVENT_IPC is refused (a choice): such events are made by aclrtCreateEventExWithFlag.
    """
    on_host(event, "event")
    alone = flag in (DEVICE_USE_ONLY, EXTERNAL)
    if not flag or (flag & ~_PLAIN and not alone):
        raise _bad(f"flag is 0x{flag:x}; it can be a sum of 0x1, 0x2 and 0x8, or 0x10, or 0x20")
    _create(world, event, OLD, flag)


def aclrtCreateEventExWithFlag(world: World, event: CData, flag: int) -> None:
    """RT6.03: the new kind. An IPC event works in this process; that other processes open it is not modelled."""
    on_host(event, "event")
    if not flag or (flag & ~_PLAIN and flag != IPC):
        raise _bad(f"flag is 0x{flag:x}; it can be a sum of 0x1, 0x2 and 0x8, or 0x40")
    if flag == IPC and not has_function(world.product, "aclrtIpcGetEventHandle"):
        raise _unsupported("flag is 0x40; this chip has no events between processes")
    _create(world, event, EX, flag)


def _create(world: World, out: CData, family: str, flags: int) -> None:
    on_host(out, "event")
    device = world.current_context().device
    event = Event(device, family, flags)
    if event.keeps_number:
        event.number = device.event_numbers.take()
        if event.number is None:
            raise _no_number(event)
    out[0] = world.events.add(event).handle
    event.label = f"0x{address_of(out[0]):x}"


def _no_number(event: Event) -> Fault:
    return Fault(
        codes.ACL_ERROR_RT_NO_EVENT_RESOURCE,
        f"event: all {event.device.event_numbers.limit} event ids of device {event.device.number} are in use",
    )


def aclrtDestroyEvent(world: World, event: CData) -> None:
    """RT6.04: never waits; what is queued keeps the event alive inside."""
    found = _event(world, event)
    world.events.remove(found)
    found.gone = True
    found.release_number()


# -- recording -------------------------------------------------------------------------------------------------------


def aclrtRecordEvent(world: World, event: CData, stream: CData) -> None:
    """RT6.05: marks everything that is in the stream so far; a later record replaces the earlier one."""
    found, on = _event(world, event), live_stream(world, stream)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _record(world, found, on)


def aclrtRecordEventWithFlag(world: World, event: CData, stream: CData, flag: int) -> None:
    """RT6.06: ACL_EVENT_RECORD_EXTERNAL is for streams that capture."""
    if not event:
        raise null("event")
    if flag not in (lib.ACL_EVENT_RECORD_DEFAULT, lib.ACL_EVENT_RECORD_EXTERNAL):
        raise invalid(f"flag is {flag}; it can be 0 (default) or 1 (external)")
    found, on = _event(world, event), live_stream(world, stream)
    if flag == lib.ACL_EVENT_RECORD_EXTERNAL:
        _check_external(found)
    _use(found, flag)
    _record(world, found, on)


def _check_external(event: Event) -> None:
    """The rules for external records and waits; without graph capture no stream ever captures."""
    if event.family != EX or event.flags != SYNC:
        raise _unsupported(f"event: {event!r} was not made by aclrtCreateEventExWithFlag with exactly ACL_EVENT_SYNC")
    if event.record_flag is None:
        event.record_flag = lib.ACL_EVENT_RECORD_EXTERNAL  # the association sticks even when the call fails
    raise Fault(
        codes.ACL_ERROR_RT_STREAM_NOT_CAPTURED, "flag is 1 (external), which needs a stream that captures a graph"
    )


def _use(event: Event, flag: int) -> None:
    """Keep how an event is recorded and waited for: default and external do not mix."""
    if event.record_flag is None:
        event.record_flag = flag
    elif event.record_flag != flag:
        raise _bad(f"event: {event!r} was used with flag {event.record_flag} before; it cannot change to {flag}")


def _record(world: World, event: Event, stream: Stream | None) -> None:
    on = target(world, stream)
    if event.number is None and event.family != OLD:
        numbers = event.device.event_numbers
        event.number = numbers.take()
        while event.number is None and world.scheduler.advance():  # the host waits for ids first
            event.number = numbers.take()
        if event.number is None:
            raise _no_number(event)
    world.scheduler.submit(Record(on, event, world.scheduler))


# -- waiting on a stream ---------------------------------------------------------------------------------------------


def aclrtStreamWaitEvent(world: World, stream: CData, event: CData) -> None:
    """RT6.07, RT6.21 to RT6.26: later tasks of the stream wait; the host does not.

    How long they may wait says aclrtSetOpWaitTimeout.
    """
    found, on = _event(world, event), live_stream(world, stream)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _wait(world, on, found, world.op_wait_timeout)


def aclrtStreamWaitEventWithTimeout(world: World, stream: CData, event: CData, timeout: int) -> None:
    """RT6.08: `timeout` in seconds, 0: never. A NULL event is 107000 here."""
    if timeout < 0:
        # Quiet because the ACL layer answers it, and that does not write the last error (contract_rt section 1, G1).
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"timeout is {timeout} s; it must not be negative", quiet=True)
    if not event:
        raise _bad("event is NULL")
    found, on = _event(world, event), live_stream(world, stream)
    _use(found, lib.ACL_EVENT_RECORD_DEFAULT)
    _wait(world, on, found, _own_timeout(world, timeout))


def aclrtStreamWaitEventWithFlag(world: World, stream: CData, event: CData, timeout: int, flag: int) -> None:
    """RT6.09: `timeout` in seconds, 0: never, UINT32_MAX: what aclrtSetOpWaitTimeout said."""
    if not event:
        raise null("event")
    if flag not in (lib.ACL_EVENT_WAIT_DEFAULT, lib.ACL_EVENT_WAIT_EXTERNAL):
        raise invalid(f"flag is {flag}; it can be 0 (default) or 1 (external)")
    if flag == lib.ACL_EVENT_WAIT_EXTERNAL and timeout:
        raise invalid(f"timeout is {timeout} s; an external wait takes none")
    found, on = _event(world, event), live_stream(world, stream)
    if flag == lib.ACL_EVENT_WAIT_EXTERNAL:
        _check_external(found)
    _use(found, flag)
    _wait(world, on, found, world.op_wait_timeout if timeout == _NEVER else _own_timeout(world, timeout))


def _own_timeout(world: World, seconds: int) -> int | None:
    """The timeout of one wait, in virtual nanoseconds. 310P takes it and ignores it (RT6.08)."""
    return seconds * _SECOND or None if world.product.has("wait_timeout") else world.op_wait_timeout


def _wait(world: World, stream: Stream | None, event: Event, timeout: int | None) -> None:
    if not event.syncs:
        raise _unsupported(f"event: {event!r} cannot be waited for: it was made without ACL_EVENT_SYNC")
    on = target(world, stream)
    if event.family == OLD:
        world.scheduler.submit(EventWait(on, event, FlagSet(event), timeout))
        return
    record = event.record
    if record is None:
        if event.family == DEF:
            raise _bad(f"event: {event!r} was never recorded, so nothing would end the wait")
        return  # RT6.21
    # A schedule may have run the record before the host's time has come to it.
    over = record.state is DONE and record.end <= world.clock.now
    if over or (event.family == EX and record.stream is on):
        return  # RT6.22, RT6.24
    world.scheduler.submit(EventWait(on, event, Recorded(record), timeout))


def aclrtResetEvent(world: World, event: CData, stream: CData) -> None:
    """RT6.11: a task of the stream that clears the flag of an OLD event; RT15.15: a DEF event is as never recorded."""
    found, on = _event(world, event), live_stream(world, stream)
    if found.family == EX:
        raise _unsupported(f"event: {found!r} has no flag to reset: it was made by aclrtCreateEventExWithFlag")
    if not found.syncs:
        raise _unsupported(f"event: {found!r} was made without ACL_EVENT_SYNC, so it has no flag to reset")
    world.scheduler.submit(Reset(target(world, on), found))


# -- asking ----------------------------------------------------------------------------------------------------------


def _asked(world: World, event: CData, place: CData, parameter: str) -> Event:
    """The event of a query: NULLs are 100000 before a destroyed event is 107017."""
    if not event:
        raise null("event")
    on_host(place, parameter)
    return _event(world, event)


def _not_external(event: Event) -> None:
    if event.record_flag == lib.ACL_EVENT_RECORD_EXTERNAL or event.flags == EXTERNAL:
        raise _unsupported(f"event: {event!r} is external; the host cannot look at it")


def aclrtQueryEvent(world: World, event: CData, status: CData) -> None:
    """RT6.12 (deprecated): COMPLETE is 0, also for an event that was never recorded."""
    found = _asked(world, event, status, "status")
    if found.family == EX:
        raise _unsupported(f"event: {found!r} was made by aclrtCreateEventExWithFlag; use aclrtQueryEventStatus")
    _not_external(found)
    done = found.record is None or world.scheduler.over(found.record)
    status[0] = lib.ACL_EVENT_STATUS_COMPLETE if done else lib.ACL_EVENT_STATUS_NOT_READY


def aclrtQueryEventStatus(world: World, event: CData, status: CData) -> None:
    """RT6.13: COMPLETE is 1; never recorded is COMPLETE for an EX event only."""
    found = _asked(world, event, status, "status")
    _not_external(found)
    done = found.family == EX if found.record is None else world.scheduler.over(found.record)
    status[0] = lib.ACL_EVENT_RECORDED_STATUS_COMPLETE if done else lib.ACL_EVENT_RECORDED_STATUS_NOT_READY


def aclrtQueryEventWaitStatus(world: World, event: CData, status: CData) -> None:
    """RT6.14: COMPLETE when no wait is queued."""
    found = _asked(world, event, status, "status")
    if found.family == EX:
        raise _unsupported(f"event: {found!r} was made by aclrtCreateEventExWithFlag; its waits are not counted")
    waiting = next(iter(found.waits), None)
    done = waiting is None or world.scheduler.over(waiting)
    status[0] = lib.ACL_EVENT_WAIT_STATUS_COMPLETE if done else lib.ACL_EVENT_WAIT_STATUS_NOT_READY


def aclrtSynchronizeEvent(world: World, event: CData) -> None:
    """RT6.15: waits for the newest record at the call; an event that was never recorded is complete."""
    _synchronize(world, _event(world, event), -1)


def aclrtSynchronizeEventWithTimeout(world: World, event: CData, timeout: int) -> None:
    """RT6.16: `timeout` in ms, -1 for ever; a value below -1 beats a NULL event, 0 is looked at after the handle."""
    if timeout < -1:
        fault = bad_timeout(timeout)
        fault.quiet = True  # the ACL layer answers it (contract_rt section 1, G1)
        raise fault
    found = _event(world, event)
    if timeout == 0:
        raise bad_timeout(timeout)
    _synchronize(world, found, timeout)


def _synchronize(world: World, event: Event, timeout: int) -> None:
    _not_external(event)
    record = event.record
    if record is None:
        return
    stream = record.stream
    if stream.context.failure is not None:
        raise stream.context.failure
    aborts = stream.aborts
    done = world.scheduler.finish(record, timeout)
    if stream.aborts != aborts:
        raise Fault(
            codes.ACL_ERROR_RT_STREAM_ABORT, f"event: {stream!r}, which records {event!r}, was aborted meanwhile"
        )
    if not done:
        raise Fault(
            codes.ACL_ERROR_RT_EVENT_SYNC_TIMEOUT,
            f"event: {event!r} was not complete within {timeout} ms of virtual time; its stream goes on",
        )
    error = stream.context.failure or stream.error
    if error is not None:
        raise error


def aclrtEventElapsedTime(world: World, ms: CData, startEvent: CData, endEvent: CData) -> None:
    """RT6.17: milliseconds of virtual time between two records."""
    on_host(ms, "ms")
    for handle, parameter in ((startEvent, "startEvent"), (endEvent, "endEvent")):
        if not handle:
            raise null(parameter)
    start, end = _event(world, startEvent, "startEvent"), _event(world, endEvent, "endEvent")
    first, second = _record_of(start, "startEvent"), _record_of(end, "endEvent")
    begin = _time_of(world, start, first, "startEvent")
    ms[0] = (_time_of(world, end, second, "endEvent") - begin) / 1_000_000


def aclrtEventGetTimestamp(world: World, event: CData, timestamp: CData) -> None:
    """RT6.18: microseconds of virtual time."""
    found = _asked(world, event, timestamp, "timestamp")
    timestamp[0] = _time_of(world, found, _record_of(found, "event"), "event") // 1000


def _record_of(event: Event, parameter: str) -> Record:
    if event.record is None:
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"{parameter}: {event!r} was never recorded")
    return event.record


def _time_of(world: World, event: Event, record: Record, parameter: str) -> int:
    """The time of a record. Asked too early it brings it on, as a query does, so that loops end."""
    over = world.scheduler.over(record)
    if not over or not record.timed:
        why = "it was made without ACL_EVENT_TIME_LINE" if not event.times else "its record is not complete"
        raise Fault(codes.ACL_ERROR_RT_EVENT_TIMESTAMP_INVALID, f"{parameter}: {event!r} has no timestamp: {why}")
    return record.end


def aclrtGetEventId(world: World, event: CData, eventId: CData) -> None:
    """RT6.19: the hardware id; DEF and EX events have one only while a record is on its way."""
    found = _asked(world, event, eventId, "eventId")
    if found.number is None:
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"event: {found!r} has no hardware id at present")
    eventId[0] = found.number


def aclrtGetEventAvailNum(world: World, eventCount: CData) -> None:
    """RT6.20: ids that are left on the current context's device."""
    on_host(eventCount, "eventCount")
    eventCount[0] = world.current_context().device.event_numbers.free


def aclrtSetOpWaitTimeout(world: World, timeout: int) -> None:
    """RT6.10: seconds, for the whole process; the last call wins, 0: never. Waits that are queued already keep theirs.

    The last sentence is a choice, the contract leaves it open.
    """
    if not has_function(world.product, "aclrtSetOpWaitTimeout"):
        raise Fault(
            codes.ACL_ERROR_RT_FEATURE_NOT_SUPPORT, "timeout: this chip lets a stream wait for an event without limit"
        )
    world.op_wait_timeout = timeout * _SECOND or None

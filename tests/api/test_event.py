"""Events and notifies of the object API."""

from collections.abc import Iterator

import numpy as np
import pytest

import aclcffi
from aclcffi import Session


@pytest.fixture
def acl() -> Iterator[Session]:
    with Session("simulator") as session:
        yield session


def test_an_event_orders_two_streams(acl: Session) -> None:
    """What a stream does after wait_event sees what the other stream did before record_event."""
    with acl.create_stream() as first, acl.create_stream() as second, acl.allocate(64) as device:
        source, target = acl.allocate_pinned(64), acl.allocate_pinned(64)
        source.array(64, np.uint8)[:] = 5
        bytes_ = target.array(64, np.uint8)
        bytes_[:] = 0
        device.copy_from_async(source, first)
        event = first.record_event()
        second.wait_event(event)
        device.copy_to_async(target, second)
        states = [event.done]
        second.synchronize()
        states.append(event.done)
        assert states == [False, True]
        assert bytes_.tolist() == [5] * 64
        event.close()
        source.close()
        target.close()


def test_elapsed_time_needs_timing(acl: Session) -> None:
    """Two events with timing give milliseconds of device time; without timing the question is refused."""
    with acl.create_stream() as stream, acl.allocate(1 << 20) as device, acl.allocate_pinned(1 << 20) as pinned:
        start = stream.record_event(timing=True)
        device.copy_from_async(pinned, stream)
        end, plain = stream.record_event(timing=True), stream.record_event()
        stream.synchronize()
        assert end.elapsed_ms(start) > 0
        assert end.elapsed_ms(start) == -start.elapsed_ms(end)
        with pytest.raises(aclcffi.AclError) as caught:
            plain.elapsed_ms(start)
        assert caught.value.code == 107006
        for event in (start, end, plain):
            event.close()


def test_an_event_is_waited_for_in_virtual_time(acl: Session) -> None:
    """A wait that nobody can end is over at once; a record that is not complete within the time is a timeout."""
    with acl.create_stream() as stream, acl.create_notify() as notify:
        notify.wait(stream)
        with stream.record_event() as event:
            with pytest.raises(aclcffi.AclTimeoutError) as caught:
                event.synchronize(timeout_ms=5)
            assert caught.value.code == 507047
            notify.record(acl_stream := acl.create_stream())
            event.synchronize()
            acl_stream.close()


@pytest.mark.parametrize("timeout_ms", [0, -1, 1 << 31])
def test_a_timeout_that_is_none_is_refused(acl: Session, timeout_ms: int) -> None:
    """An event is waited for at least a millisecond, or without a limit."""
    with acl.create_event() as event, pytest.raises(aclcffi.InvalidArgumentError, match="timeout_ms"):
        event.synchronize(timeout_ms=timeout_ms)


def test_an_event_that_was_never_recorded_is_done(acl: Session) -> None:
    """Nothing waits for an event without a record."""
    with acl.create_event() as event, acl.create_stream() as stream:
        assert event.done
        event.synchronize()
        stream.wait_event(event)
        stream.synchronize()


def test_a_closed_event_is_refused(acl: Session) -> None:
    """Whatever is asked of a closed event or notify is a StateError."""
    stream = acl.create_stream()
    event, notify = acl.create_event(), acl.create_notify()
    event.close()
    notify.close()
    for ask in (
        lambda: event.record(stream),
        event.synchronize,
        lambda: event.done,
        lambda: stream.wait_event(event),
        lambda: notify.record(stream),
        lambda: notify.wait(stream),
    ):
        with pytest.raises(aclcffi.StateError, match="is closed"):
            ask()
    assert (repr(event), repr(notify)) == ("<Event (closed)>", "<Notify (closed)>")
    stream.close()


def test_a_notify_hands_over_once(acl: Session) -> None:
    """Each wait consumes one setting; a wait that is not ended within its seconds fails at the next synchronise."""
    with acl.create_stream() as first, acl.create_stream() as second, acl.create_notify() as notify:
        notify.wait(first)
        notify.record(second)
        first.synchronize()
        notify.wait(first, timeout_s=3)
        with pytest.raises(aclcffi.AclError) as caught:
            first.synchronize()
        assert caught.value.code == 107020
        with pytest.raises(aclcffi.InvalidArgumentError, match="timeout_s"):
            notify.wait(first, timeout_s=-1)


def test_a_small_device_has_no_events() -> None:
    """On IPV350 an event is an UnsupportedFunctionError that says who has them."""
    with Session("simulator", product="IPV350") as session:
        with pytest.raises(aclcffi.UnsupportedFunctionError, match="950"):
            session.create_event()
        with pytest.raises(aclcffi.UnsupportedFunctionError):
            session.create_notify()

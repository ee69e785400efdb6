"""Page-locked memory, asynchronous copies, host functions and several devices of the object API."""

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest

import aclcffi
from aclcffi import Session, host_function


@pytest.fixture
def acl() -> Iterator[Session]:
    with Session("simulator", devices=2) as session:
        yield session


def live(session: Session) -> tuple[int, int]:
    """Device and page-locked allocations that are alive."""
    counts: tuple[int, int] = session.backend._world.memory.live()  # type: ignore[attr-defined]
    return counts


def test_bytes_are_read_when_the_copy_runs(acl: Session) -> None:
    """Page-locked memory that changes after the copy was queued reaches the device changed, under the lazy schedule."""
    with acl.create_stream() as stream, acl.allocate(16) as device, acl.allocate_pinned(16) as pinned:
        values = pinned.array(4, "int32")
        values[:] = 1
        device.copy_from_async(pinned, stream)
        values[:] = 2
        stream.synchronize()
        back = np.zeros(4, np.int32)
        device.copy_to(back)
        assert back.tolist() == [2] * 4


def test_an_array_keeps_the_memory(acl: Session) -> None:
    """Memory that was closed while an array of it lives goes when the array went and the session is next used."""
    pinned = acl.allocate_pinned(64)
    values = pinned.array((2, 4), np.float64)
    part = values[1:]
    values[:] = 3
    pinned.close()
    del values
    gc.collect()
    acl.device.synchronize()
    assert part.tolist() == [[3] * 4]
    assert live(acl) == (0, 1)
    del part
    gc.collect()
    acl.device.synchronize()
    assert live(acl) == (0, 0)
    with pytest.raises(aclcffi.StateError, match="is closed"):
        pinned.array(1, np.uint8)


def test_an_array_outlives_the_session() -> None:
    """An array that is still held when the session closes can be read."""
    with Session("simulator") as session:
        pinned = session.allocate_pinned(8)
        values = pinned.array(8, np.uint8)
        values[:] = 9
    del session, pinned
    gc.collect()
    assert values.tolist() == [9] * 8


@pytest.mark.parametrize(
    ("shape", "dtype", "offset"),
    [(17, "u1", 0), ((3, 3), "f4", 0), (1, "f8", 9), (1, "u1", -1), (-1, "u1", 0), (1, object, 0), (1 << 62, "f8", 0)],
)
def test_an_array_must_fit(acl: Session, shape: int, dtype: str, offset: int) -> None:
    """An array beyond the buffer, or of Python objects, is refused."""
    with acl.allocate_pinned(16) as pinned, pytest.raises(aclcffi.InvalidArgumentError):
        pinned.array(shape, dtype, offset=offset)


def test_arrays_of_any_shape(acl: Session) -> None:
    """Scalars, empty arrays, views at an offset and several arrays share the bytes."""
    with acl.allocate_pinned(16) as pinned:
        assert pinned.array((), "f4").shape == ()
        assert pinned.array(0, "f4").size == 0
        pinned.array(16, "u1")[:] = range(16)
        assert pinned.array(2, "u2", offset=4).tolist() == [0x0504, 0x0706]
        assert "16 bytes" in repr(pinned)
        gc.collect()


@pytest.mark.parametrize("size", [0, -1, 1 << 64])
def test_a_size_that_is_none_is_refused(acl: Session, size: int) -> None:
    """A buffer has at least one byte, and no more than a size_t says."""
    with pytest.raises(aclcffi.InvalidArgumentError, match="size is"):
        acl.allocate_pinned(size)


@pytest.mark.parametrize("size", [65, -1])
def test_a_copy_must_fit_both(acl: Session, size: int) -> None:
    """More bytes than one of the buffers has are refused before anything is queued."""
    with acl.create_stream() as stream, acl.allocate(64) as device, acl.allocate_pinned(128) as pinned:
        for copy in (device.copy_from_async, device.copy_to_async):
            with pytest.raises(aclcffi.InvalidArgumentError, match="do not fit"):
                copy(pinned, stream, size=size)
        device.copy_to_async(pinned, stream)
        stream.synchronize()


def test_a_host_function_runs_in_its_turn(acl: Session) -> None:
    """It sees what was queued before it, runs in another thread, and what follows waits for it."""
    seen: list[tuple[int, bool]] = []
    main = threading.get_ident()
    with acl.create_stream() as stream, acl.allocate(4) as device, acl.allocate_pinned(4) as pinned:
        values = pinned.array(1, "int32")
        values[:] = 0
        device.copy_from_async(pinned, stream)
        stream.launch_host_function(lambda: seen.append((int(values[0]), threading.get_ident() == main)))
        stream.launch_host_function(lambda: values.__setitem__(0, 7))
        device.copy_from_async(pinned, stream)
        assert seen == []
        stream.synchronize()
        assert seen == [(0, False)]
        back = np.zeros(1, np.int32)
        device.copy_to(back)
        assert back[0] == 7


def test_what_a_host_function_raises_comes_out_of_synchronize(acl: Session) -> None:
    """Each exception is raised once, by the synchronises that follow, and the stream goes on."""
    done: list[int] = []

    def fail() -> None:
        raise LookupError("in the stream")

    with acl.create_stream() as stream:
        stream.launch_host_function(fail)
        stream.launch_host_function(lambda: done.append(1))
        stream.launch_host_function(fail)
        for _ in range(2):
            with pytest.raises(LookupError, match="in the stream"):
                stream.synchronize()
        stream.synchronize()
        assert done == [1]


def test_a_host_function_that_cannot_be_queued_is_forgotten() -> None:
    """Where there are no host functions nothing is kept of the call."""
    with (
        Session("simulator", product="IPV350") as session,
        session.create_stream() as stream,
        pytest.raises(aclcffi.UnsupportedFunctionError),
    ):
        stream.launch_host_function(print)
    assert not host_function._waiting


def test_several_devices(acl: Session) -> None:
    """A second device has memory of its own; the session's context leads back to the first."""
    assert acl.device_count == 2
    second = acl.open_device(1)
    buffer = acl.allocate(1 << 20)
    assert second.memory_info().free < second.memory_info().total
    acl.context.make_current()
    assert acl.device.memory_info().free == acl.device.memory_info().total
    buffer.close()
    with pytest.raises(aclcffi.InvalidArgumentError):
        acl.open_device(2)

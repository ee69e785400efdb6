"""Device buffers and datasets: copies, checks before anything is copied, and lifetimes."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import aclcffi
from aclcffi import Dataset, DeviceBuffer, InvalidArgumentError, OutOfMemoryError, Session, StateError, ffi
from tests.api.conftest import Doctored, OpenSession, counts, in_thread


def content(session: Session, buffer: DeviceBuffer, size: int) -> bytes:
    """The first bytes of a buffer, read with the C function."""
    target = ffi.new("char[]", size)
    session.call("aclrtMemcpy", target, size, buffer.pointer, size, aclcffi.lib.ACL_MEMCPY_DEVICE_TO_HOST)
    return bytes(ffi.buffer(target))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array(True),
        np.array([], np.int64),
        np.array([1, 2], ml_dtypes.bfloat16),
        np.array([(1, 2.5)], [("a", np.int8), ("b", np.float64)]),
        np.arange(4, dtype=">i4"),
    ],
    ids=["float32", "bool 0-d", "empty", "bfloat16", "record", "big-endian"],
)
def test_an_array_goes_there_and_back(any_session: Session, array: np.ndarray[Any, Any]) -> None:
    """The bytes of an array come back as they were, of every dtype of plain bytes, on every product."""
    with any_session.to_device(array) as buffer:
        back = np.zeros_like(array)
        buffer.copy_to(back)
        assert back.tobytes() == array.tobytes()
        assert buffer.size == max(array.nbytes, 1)


@pytest.mark.parametrize(
    "view",
    [
        np.arange(12, dtype=np.int32).reshape(3, 4).T,
        np.arange(10, dtype=np.int32)[::-2],
        np.broadcast_to(np.int32(7), (2, 2)),
    ],
    ids=["transposed", "strided", "broadcast"],
)
def test_any_layout_arrives_in_c_order(session: Session, view: np.ndarray[Any, Any]) -> None:
    """An array that does not lie in one piece arrives on the device in C order."""
    with session.to_device(view) as buffer:
        assert content(session, buffer, view.nbytes) == view.tobytes()


def test_a_short_array_leaves_the_rest_alone(session: Session) -> None:
    """Copies go to and from the start of the buffer and touch no byte behind the array."""
    with session.to_device(np.arange(4, dtype=np.uint8)) as buffer:
        buffer.copy_from(np.array([9], np.uint8))
        assert content(session, buffer, 4) == bytes([9, 1, 2, 3])
        back = np.zeros(4, np.uint8)
        buffer.copy_to(back[:2])
        assert back.tolist() == [9, 1, 0, 0]


@pytest.mark.parametrize("size", [0, -1, 1 << 64])
def test_a_size_that_cannot_be_is_refused(session: Session, size: int) -> None:
    """Sizes below 1, and above what a size_t holds, are refused before anything is allocated."""
    before = counts(session)
    with pytest.raises(InvalidArgumentError, match=f"size is {size}"):
        session.allocate(size)
    assert counts(session) == before


def test_more_than_the_device_has_is_out_of_memory(session: Session) -> None:
    """A device that has not that much left answers 207001, and nothing is lost."""
    free, total = session.device.memory_info()
    assert 0 < free <= total
    with pytest.raises(OutOfMemoryError) as caught:
        session.allocate(total + 1)
    assert (caught.value.function, caught.value.code) == ("aclrtMalloc", 207001)
    assert session.device.memory_info().free == free


def test_an_array_that_is_too_large_is_refused(session: Session) -> None:
    """An array of more bytes than the buffer is refused in both directions, and nothing is copied."""
    with session.to_device(np.arange(4, dtype=np.uint8)) as buffer:
        big = np.full(5, 7, np.uint8)
        with pytest.raises(InvalidArgumentError, match="the array has 5 bytes, the buffer 4"):
            buffer.copy_from(big)
        with pytest.raises(InvalidArgumentError, match="the array has 5 bytes, the buffer 4"):
            buffer.copy_to(big)
        assert content(session, buffer, 4) == bytes([0, 1, 2, 3])
        assert big.tolist() == [7] * 5


@pytest.mark.parametrize("array", [np.arange(8, dtype=np.uint8)[::2], np.arange(6).reshape(2, 3).T], ids=["step", "T"])
def test_an_array_in_pieces_cannot_be_filled(session: Session, array: np.ndarray[Any, Any]) -> None:
    """An array that does not lie in one piece is refused as a target."""
    with session.allocate(100) as buffer, pytest.raises(InvalidArgumentError, match="C-contiguous and writable"):
        buffer.copy_to(array)


def test_an_array_that_is_read_only_cannot_be_filled(session: Session) -> None:
    """A read-only array is refused as a target and stays as it was."""
    array = np.frombuffer(b"\5\6", np.uint8)
    message = "C-contiguous and writable"
    with session.to_device(np.zeros(2, np.uint8)) as buffer, pytest.raises(InvalidArgumentError, match=message):
        buffer.copy_to(array)
    assert array.tolist() == [5, 6]


def test_python_objects_are_no_bytes(session: Session) -> None:
    """An array of Python objects is refused in both directions: its bytes are addresses. Nothing is left behind."""
    array, before = np.array(["x", None], object), counts(session)
    with pytest.raises(InvalidArgumentError, match="dtype object holds Python objects"):
        session.to_device(array)
    with session.allocate(64) as buffer, pytest.raises(InvalidArgumentError, match="dtype object holds Python objects"):
        buffer.copy_to(array)
    assert counts(session) == before


def test_a_closed_buffer_says_so(session: Session) -> None:
    """A closed buffer is freed once, and copies with it are a StateError."""
    before = counts(session)
    buffer = session.allocate(4)
    assert counts(session)["device memory"] == before["device memory"] + 1
    buffer.close()
    buffer.close()
    assert counts(session) == before
    array = np.zeros(4, np.uint8)
    for use in (buffer.copy_from, buffer.copy_to):
        with pytest.raises(StateError, match="this DeviceBuffer is closed"):
            use(array)
    assert repr(buffer) == f"<DeviceBuffer of 4 bytes at 0x{buffer.address:x} (closed)>"


def test_pointer_and_address_are_the_same(session: Session) -> None:
    """`address` is the number behind `pointer`, and the text of a buffer has it."""
    with session.allocate(16) as buffer:
        assert ffi.typeof(buffer.pointer) is ffi.typeof("void *")
        assert int(ffi.cast("uintptr_t", buffer.pointer)) == buffer.address
        assert repr(buffer) == f"<DeviceBuffer of 16 bytes at 0x{buffer.address:x}>"


def test_a_buffer_is_closed_in_any_thread(session: Session) -> None:
    """A thread without a context can free a buffer, but not allocate one."""
    buffer = session.allocate(4)
    assert in_thread(buffer.close) is None
    assert buffer.closed
    error = in_thread(lambda: session.allocate(4))
    assert isinstance(error, StateError)
    assert error.code == 107002


def test_a_dataset_holds_its_buffers_in_order(any_session: Session) -> None:
    """A dataset has a data buffer for each device buffer, with its address and size, in the order given."""
    backend = any_session.backend
    with any_session.allocate(3) as one, any_session.allocate(5) as two:
        dataset = Dataset(any_session, [one, two])
        assert len(dataset) == backend.aclmdlGetDatasetNumBuffers(dataset.handle) == 2
        parts = [backend.aclmdlGetDatasetBuffer(dataset.handle, index) for index in range(2)]
        assert [backend.aclGetDataBufferAddr(part) for part in parts] == [one.pointer, two.pointer]
        assert [backend.aclGetDataBufferSizeV2(part) for part in parts] == [3, 5]
        assert repr(dataset) == "<Dataset of 2 buffers>"
        dataset.close()
        assert repr(dataset) == "<Dataset of 2 buffers (closed)>"
        assert not one.closed
        assert counts(any_session)["buffers"] == counts(any_session)["datasets"] == 0


def test_a_dataset_may_be_empty(session: Session) -> None:
    """A dataset without buffers is one, as a model without inputs needs it."""
    with Dataset(session, []) as dataset:
        assert len(dataset) == session.backend.aclmdlGetDatasetNumBuffers(dataset.handle) == 0


@pytest.mark.parametrize("function", ["aclmdlCreateDataset", "aclCreateDataBuffer"])
def test_a_dataset_that_cannot_be_made_leaves_nothing(doctored: Callable[..., Doctored], function: str) -> None:
    """Where one of its parts comes back as NULL, it is an OutOfMemoryError and the other parts are destroyed."""
    backend = doctored()
    with Session(backend) as session, session.allocate(4) as buffer:
        before = counts(session)
        backend.exchanged[function] = ffi.NULL
        with pytest.raises(OutOfMemoryError, match=f"^{function} returned NULL$") as caught:
            Dataset(session, [buffer])
        assert (caught.value.function, caught.value.code) == (function, None)
        assert counts(session) == before


def test_a_dataset_that_cannot_be_filled_leaves_nothing(doctored: Callable[..., Doctored]) -> None:
    """Where adding a buffer is refused, the error comes out and all parts are destroyed."""
    backend = doctored()
    with Session(backend) as session, session.allocate(4) as one, session.allocate(4) as two:
        before = counts(session)
        add = backend.original("aclmdlAddDatasetBuffer")
        answers = iter([0, 500000])
        backend.exchanged["aclmdlAddDatasetBuffer"] = lambda *arguments: next(answers) or add(*arguments)
        with pytest.raises(aclcffi.InternalError, match="aclmdlAddDatasetBuffer"):
            Dataset(session, [one, two])
        assert counts(session) == before


def test_nothing_is_made_in_a_closed_session(open_session: OpenSession) -> None:
    """Buffers and datasets of a closed session are a StateError, and touch no backend that is still open."""
    with aclcffi.open_backend("simulator") as backend:
        session = Session(backend)
        buffer = session.allocate(4)
        session.close()
        before = counts(session)
        for make in (lambda: session.allocate(4), lambda: Dataset(session, [buffer])):
            with pytest.raises(StateError, match="this Session is closed"):
                make()
        assert counts(session) == before

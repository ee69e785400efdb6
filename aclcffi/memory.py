"""Device memory."""

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.calls import call
from aclcffi.errors import InvalidArgumentError, StateError
from aclcffi.resource import Owner, Release, Resource

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.pinned import PinnedBuffer
    from aclcffi.session import Session
    from aclcffi.stream import Stream

_LARGEST = (1 << 64) - 1


class DeviceBuffer(Resource):
    """`size` bytes of device memory (aclrtMalloc, huge pages first). The content is undefined.

    `pointer` is the cffi `void *`, `address` the same as a number. Closing one that a loaded model still uses
    (`LoadOptions`) keeps the memory until that model is closed.

    Raises:
        InvalidArgumentError: The size is less than 1, or more than a size_t holds.
        OutOfMemoryError: The device has not that much left (207001).
    """

    def __init__(self, session: "Session", size: int, *, part_of: Owner | None = None) -> None:
        if not 1 <= size <= _LARGEST:
            raise InvalidArgumentError(f"size is {size}; a buffer has at least 1 byte, and less than 2**64")
        self._session = session
        self.size = size
        out = ffi.new("void **")
        session.call("aclrtMalloc", out, size, lib.ACL_MEM_MALLOC_HUGE_FIRST)
        self.pointer = out[0]
        self.address = int(ffi.cast("uintptr_t", self.pointer))
        self._memory = _Memory(partial(call, session.backend, "aclrtFree", self.pointer))
        super().__init__(part_of or session._owner, self._memory.let_go, report=part_of is None)

    def _hold(self) -> Release:
        """Keep the memory, also when the buffer is closed; returns what lets it go.

        Raises:
            StateError: It is closed already.
        """
        self._memory.hold()
        return self._memory.let_go

    def copy_from(self, array: "np.ndarray[Any, Any]") -> None:
        """Copy an array (any dtype of plain bytes, any layout) to the start of the buffer (aclrtMemcpy).

        Complete when this returns. The copy is ordered with no stream.

        Raises:
            InvalidArgumentError: The array has more bytes than the buffer, or holds Python objects.
        """
        import numpy as np

        self._check_open()
        dense = np.ascontiguousarray(array)
        self._check_fits(dense)
        self._take(dense)

    def _take(self, dense: "np.ndarray[Any, Any]") -> None:
        """Copy an array that lies in one piece and fits."""
        if size := dense.nbytes:
            source = ffi.from_buffer(dense)
            self._session.call("aclrtMemcpy", self.pointer, self.size, source, size, lib.ACL_MEMCPY_HOST_TO_DEVICE)

    def copy_to(self, array: "np.ndarray[Any, Any]") -> None:
        """Fill an array from the start of the buffer; complete when this returns (aclrtMemcpy).

        The copy is ordered with no stream: synchronise the one that writes the buffer first.

        Raises:
            InvalidArgumentError: The array has more bytes than the buffer, holds Python objects, or is not writable in
                one piece.
        """
        self._check_open()
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise InvalidArgumentError("the array to copy to must be C-contiguous and writable")
        self._check_fits(array)
        self._give(array)

    def _give(self, array: "np.ndarray[Any, Any]") -> None:
        """Fill a writable array that lies in one piece and fits."""
        if size := array.nbytes:
            target = ffi.from_buffer(array)
            self._session.call("aclrtMemcpy", target, size, self.pointer, size, lib.ACL_MEMCPY_DEVICE_TO_HOST)

    def copy_from_async(self, pinned: "PinnedBuffer", stream: "Stream", *, size: int | None = None) -> None:
        """Queue a copy from page-locked memory to the start of the buffer (aclrtMemcpyAsync).

        The bytes are read when the copy runs, not when it is queued: leave them alone until the stream is through.

        Args:
            pinned: Where the bytes come from.
            stream: The stream to queue it on.
            size: How many bytes; all of `pinned` by default.

        Raises:
            InvalidArgumentError: One of the buffers has less bytes.
        """
        count = self._common(pinned, stream, size)
        kind = lib.ACL_MEMCPY_HOST_TO_DEVICE
        self._queue(stream, self.pointer, self.size, pinned.pointer, count, kind)

    def copy_to_async(self, pinned: "PinnedBuffer", stream: "Stream", *, size: int | None = None) -> None:
        """Queue a copy from the start of the buffer to page-locked memory (aclrtMemcpyAsync).

        The bytes are there when the stream was synchronised.

        Args:
            pinned: Where the bytes go.
            stream: The stream to queue it on.
            size: How many bytes; as many as fit `pinned` and the buffer by default.

        Raises:
            InvalidArgumentError: One of the buffers has less bytes.
        """
        count = self._common(pinned, stream, min(self.size, pinned.size) if size is None else size)
        kind = lib.ACL_MEMCPY_DEVICE_TO_HOST
        self._queue(stream, pinned.pointer, pinned.size, self.pointer, count, kind)

    def _common(self, pinned: "PinnedBuffer", stream: "Stream", size: int | None) -> int:
        self._check_open()
        pinned._check_open()
        stream._check_open()
        count = pinned.size if size is None else size
        if not 0 <= count <= min(self.size, pinned.size):
            raise InvalidArgumentError(
                f"{count} bytes do not fit the device buffer, {self.size} bytes, and the pinned one, {pinned.size}"
            )
        return count

    def _queue(self, stream: "Stream", to: Any, room: int, from_: Any, count: int, kind: int) -> None:
        with stream._timeline.lock:
            self._session.call("aclrtMemcpyAsync", to, room, from_, count, kind, stream.handle)
            stream._timeline.ticket()

    def _check_fits(self, array: "np.ndarray[Any, Any]") -> None:
        if array.dtype.hasobject:
            raise InvalidArgumentError(f"an array of dtype {array.dtype} holds Python objects, not bytes")
        if array.nbytes > self.size:
            raise InvalidArgumentError(f"the array has {array.nbytes} bytes, the buffer {self.size}")

    def __repr__(self) -> str:
        return f"<DeviceBuffer of {self.size} bytes at 0x{self.address:x}{' (closed)' if self.closed else ''}>"


class _Memory:
    """The memory of one buffer: freed when the buffer is closed and nobody holds it any more."""

    def __init__(self, free: Release) -> None:
        self._free = free
        self._lock = threading.Lock()
        self._users = 1  # the buffer itself

    def hold(self) -> None:
        """Count one more who needs it."""
        with self._lock:
            if not self._users:  # another thread may have closed the buffer since it was checked
                raise StateError("this DeviceBuffer is closed")
            self._users += 1

    def let_go(self) -> None:
        """Free it when nobody else needs it."""
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._free()

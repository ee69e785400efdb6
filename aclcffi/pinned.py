"""Page-locked host memory, which asynchronous copies read and write when they run."""

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi

from aclcffi.calls import call
from aclcffi.errors import InvalidArgumentError
from aclcffi.resource import Owner, Resource

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.session import Session

_LARGEST = (1 << 64) - 1


class PinnedBuffer(Resource):
    """`size` bytes of page-locked host memory (aclrtMallocHost). The content is undefined.

    Closing it while arrays of it are alive keeps the memory until the last of them is gone: an array never points to
    memory that was given back.

    Raises:
        InvalidArgumentError: The size is less than 1, or more than a size_t holds.
        OutOfMemoryError: The host has not that much left (207001).
    """

    def __init__(self, session: "Session", size: int) -> None:
        if not 1 <= size <= _LARGEST:
            raise InvalidArgumentError(f"size is {size}; a buffer has at least 1 byte, and less than 2**64")
        self._session = session
        self.size = size
        out = ffi.new("void **")
        session.call("aclrtMallocHost", out, size)
        self.pointer = out[0]
        self.address = int(ffi.cast("uintptr_t", self.pointer))
        self._memory = _Memory(
            session._owner, self.address, partial(call, session.backend, "aclrtFreeHost", self.pointer)
        )
        super().__init__(session._owner, self._memory.leave)

    def array(
        self, shape: "int | tuple[int, ...]", dtype: "np.dtype[Any] | type | str", *, offset: int = 0
    ) -> "np.ndarray[Any, Any]":
        """An array that lies in the buffer, from byte `offset` on.

        Raises:
            InvalidArgumentError: It does not fit, or the dtype holds Python objects.
            StateError: The buffer is closed.
        """
        import numpy as np

        self._check_open()
        kind = np.dtype(dtype)
        dims = (shape,) if isinstance(shape, int) else tuple(shape)
        count = int(np.prod(dims, dtype=object)) if dims else 1
        if kind.hasobject:
            raise InvalidArgumentError(f"dtype {kind} holds Python objects, not bytes")
        if offset < 0 or any(dim < 0 for dim in dims) or offset + count * kind.itemsize > self.size:
            raise InvalidArgumentError(
                f"{count} elements of {kind} from byte {offset} on do not fit a buffer of {self.size} bytes"
            )
        flat = np.asarray(_Lease(self._memory, self.size))
        return flat[offset : offset + count * kind.itemsize].view(kind).reshape(dims)

    def __repr__(self) -> str:
        return f"<PinnedBuffer of {self.size} bytes at 0x{self.address:x}{' (closed)' if self.closed else ''}>"


class _Memory:
    """The memory of one buffer: freed when the buffer is closed and no array of it is alive."""

    def __init__(self, owner: Owner, address: int, free: Any) -> None:
        self.address = address
        self._owner = owner
        self._free = free
        self._leases: weakref.WeakSet[_Lease] = weakref.WeakSet()

    def lend(self, lease: "_Lease") -> None:
        """Note an array that uses the memory."""
        self._leases.add(lease)

    def leave(self) -> None:
        """Free the memory now, or when the last array is gone."""
        leases = list(self._leases)
        if not leases:
            self._free()
            return
        # Nothing of C is called when an array goes: the owner does it when it is next used.
        key = self._owner.adopt(self.leave)
        weakref.finalize(leases[-1], self._owner.abandoned.append, key).atexit = False


class _Lease:
    """What numpy takes the memory from; the arrays hold it."""

    def __init__(self, memory: _Memory, size: int) -> None:
        self._memory = memory
        self.__array_interface__ = {
            "version": 3,
            "data": (memory.address, False),
            "shape": (size,),
            "typestr": "|u1",
        }
        memory.lend(self)

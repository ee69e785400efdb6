"""A backend with short ways to do what a test is not about: the class `Acl`, and what belongs to it."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import aclcffi
from aclcffi.contract import AclFunctions

BACKEND = "simulator"
NULL = aclcffi.ffi.NULL
FOREVER = -1
PENDING_BYTES = 64

Result = TypeVar("Result")


class Acl(AclFunctions):
    """A backend with helpers: `acl.aclrtMalloc(...)` is the C function, `acl.malloc(...)` the short way.

    Every helper asserts that the calls it makes return 0. `ffi` and `lib` are those of the extension, `backend` the
    backend itself. Pointers and handles are cffi data, memory contents are bytes.
    """

    ffi = aclcffi.ffi
    lib = aclcffi.lib

    def __init__(self, backend: aclcffi.Backend) -> None:
        self.backend = backend

    if not TYPE_CHECKING:  # type checkers see the functions one by one

        def __getattr__(self, name: str) -> Any:
            return getattr(self.backend, name)

    # -- answers -----------------------------------------------------------------------------------------------------

    def ok(self, code: int) -> None:
        """Assert that a call succeeded; else show the code and the message."""
        assert code == 0, f"{code}: {self.message()}"

    def message(self) -> str:
        """The text of aclGetRecentErrMsg, "" when there is none. Taking it clears it."""
        text = self.aclGetRecentErrMsg()
        return self.ffi.string(text).decode() if text else ""

    def last_error(self) -> int:
        """The thread's last error of the runtime layer (aclrtGetLastError), 0 when there is none. Taking it clears it."""
        return self.aclrtGetLastError(self.lib.ACL_RT_THREAD_LEVEL)

    def out(self, c_type: str) -> Any:
        """A place for one value of a C type, to be passed as an out parameter: `place[0]` reads it."""
        return self.ffi.new(self.ffi.getctype(c_type, "*"))

    def address(self, pointer: Any) -> int:
        """The number behind a pointer or a handle."""
        return int(self.ffi.cast("uintptr_t", pointer))

    def pointer(self, address: int, c_type: str = "void *") -> Any:
        """A pointer or handle with a given number behind it."""
        return self.ffi.cast(c_type, address)

    def offset(self, pointer: Any, by: int) -> Any:
        """The pointer `by` bytes further."""
        return self.pointer(self.address(pointer) + by)

    # -- devices and contexts ----------------------------------------------------------------------------------------

    def start(self, device: int = 0) -> None:
        """aclInit without a configuration and aclrtSetDevice; where that makes no context (IPV350), make one."""
        self.ok(self.aclInit(NULL))
        self.ok(self.aclrtSetDevice(device))
        if self.aclrtGetCurrentContext(self.out("aclrtContext")):
            self.message()
            self.context(device)

    def context(self, device: int = 0) -> Any:
        """A new explicit context; it is current in this thread from now on."""
        place = self.out("aclrtContext")
        self.ok(self.aclrtCreateContext(place, device))
        return place[0]

    def current_context(self) -> Any:
        """The current context of this thread."""
        place = self.out("aclrtContext")
        self.ok(self.aclrtGetCurrentContext(place))
        return place[0]

    def device(self) -> int:
        """The device of the current context."""
        place = self.out("int32_t")
        self.ok(self.aclrtGetDevice(place))
        return int(place[0])

    # -- streams -----------------------------------------------------------------------------------------------------

    def stream(self, priority: int | None = None, flags: int = 0) -> Any:
        """A new stream of the current context; with flags or a priority by aclrtCreateStreamWithConfig."""
        place = self.out("aclrtStream")
        if priority is None and not flags:
            self.ok(self.aclrtCreateStream(place))
        else:
            self.ok(self.aclrtCreateStreamWithConfig(place, priority or 0, flags))
        return place[0]

    def default_stream(self) -> Any:
        """The handle of the current context's default stream."""
        place = self.out("aclrtStream")
        self.ok(self.aclrtCtxGetCurrentDefaultStream(place))
        return place[0]

    def synchronize(self, stream: Any = NULL) -> None:
        """Wait for a stream (NULL: the default stream)."""
        self.ok(self.aclrtSynchronizeStream(stream))

    def complete(self, stream: Any = NULL) -> bool:
        """aclrtStreamQuery. Under the lazy schedule an answer of False makes one task run."""
        place = self.out("aclrtStreamStatus")
        self.ok(self.aclrtStreamQuery(stream, place))
        assert place[0] in (self.lib.ACL_STREAM_STATUS_COMPLETE, self.lib.ACL_STREAM_STATUS_NOT_READY)
        return bool(place[0] == self.lib.ACL_STREAM_STATUS_COMPLETE)

    # -- memory ------------------------------------------------------------------------------------------------------

    def malloc(self, size: int, content: bytes = b"") -> Any:
        """Device memory; `content` is written to its start."""
        place = self.out("void *")
        self.ok(self.aclrtMalloc(place, size, self.lib.ACL_MEM_MALLOC_HUGE_FIRST))
        self.write(place[0], content)
        return place[0]

    def malloc_host(self, size: int, content: bytes = b"") -> Any:
        """Page-locked host memory; `content` is written to its start."""
        place = self.out("void *")
        self.ok(self.aclrtMallocHost(place, size))
        self.ffi.memmove(place[0], content, len(content))
        return place[0]

    def host(self, content: int | bytes) -> Any:
        """Pageable host memory of so many zero bytes or with this content. It lives as long as the caller keeps it."""
        size = content if isinstance(content, int) else len(content)
        buffer = self.ffi.new("char[]", size)
        if isinstance(content, bytes):
            self.ffi.memmove(buffer, content, size)
        return buffer

    def write(self, device: Any, content: bytes) -> None:
        """Copy bytes to device memory, at once and unordered with streams."""
        self.ok(self.aclrtMemcpy(device, len(content), content, len(content), self.lib.ACL_MEMCPY_HOST_TO_DEVICE))

    def read(self, device: Any, size: int) -> bytes:
        """Copy bytes from device memory, at once and unordered with streams."""
        buffer = self.host(size)
        self.ok(self.aclrtMemcpy(buffer, size, device, size, self.lib.ACL_MEMCPY_DEVICE_TO_HOST))
        return self.content(buffer, size)

    def content(self, pointer: Any, size: int) -> bytes:
        """Bytes of host memory, pageable or page-locked."""
        return bytes(self.ffi.buffer(self.ffi.cast("char *", pointer), size))

    def free_bytes(self) -> int:
        """Free memory of the current context's device (aclrtGetMemInfo)."""
        free, total = self.out("size_t"), self.out("size_t")
        self.ok(self.aclrtGetMemInfo(self.lib.ACL_HBM_MEM, free, total))
        return int(free[0])

    # -- work --------------------------------------------------------------------------------------------------------

    def copy(self, dst: Any, src: Any, size: int, stream: Any = NULL, kind: int | None = None) -> None:
        """Queue a copy (aclrtMemcpyAsync), between device memory if `kind` says nothing else."""
        kind = self.lib.ACL_MEMCPY_DEVICE_TO_DEVICE if kind is None else kind
        self.ok(self.aclrtMemcpyAsync(dst, size, src, size, kind, stream))

    def work(self, stream: Any = NULL) -> "Work":
        """Queue a task on a stream that shows whether it ran. Under the lazy schedule it waits for a reason to run."""
        return Work(self, stream)

    def long_work(self, stream: Any = NULL, *, milliseconds: float) -> None:
        """Queue tasks that take so long in virtual time: tiny copies, 200 to the millisecond on product "generic"."""
        source, destination = self.malloc(1), self.malloc(1)
        for _ in range(round(milliseconds * 200)):
            self.copy(destination, source, 1, stream)

    def failing_work(self, stream: Any = NULL) -> None:
        """Queue a task that fails when it runs: a copy whose memory is gone by then. Its code is 507053."""
        source, destination = self.malloc(PENDING_BYTES), self.malloc(PENDING_BYTES)
        self.copy(destination, source, PENDING_BYTES, stream)
        self.ok(self.aclrtFree(source))
        self.ok(self.aclrtFree(destination))

    # -- threads -----------------------------------------------------------------------------------------------------

    def in_thread(self, function: Callable[[], Result]) -> Result:
        """Call `function` in a host thread of its own, wait for it, and return or raise what it did."""
        results: list[Result] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(function())
            except BaseException as error:  # noqa: BLE001 - raised below, in the test's own thread
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]


class Work:
    """A queued copy between device memory; `ran()` looks at the destination, which causes nothing to run."""

    def __init__(self, acl: Acl, stream: Any) -> None:
        self._acl = acl
        self.source = acl.malloc(PENDING_BYTES, b"\x01" * PENDING_BYTES)
        self.destination = acl.malloc(PENDING_BYTES, bytes(PENDING_BYTES))
        acl.copy(self.destination, self.source, PENDING_BYTES, stream)

    def ran(self) -> bool:
        """Whether the copy ran. Needs a current context in the calling thread."""
        return self._acl.read(self.destination, PENDING_BYTES) == b"\x01" * PENDING_BYTES


class OpenAcl(Protocol):
    """What the fixture `open_acl` is."""

    def __call__(self, **options: Any) -> Acl:
        """Open a machine with these options of `open_backend`."""

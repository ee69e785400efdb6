"""The kinds of memory among the handles (contract_rt section 8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aclcffi import ffi
from aclcffi.testing.handle_kinds import BAD, INVALID, Kind, Ref, Thing, Use, foreign, new

if TYPE_CHECKING:
    from aclcffi.testing.handle_machine import HandleMachine


class DeviceMemory(Kind):
    """Device memory (contract_rt section 8)."""

    name = "device memory"
    c_type = "void *"
    functions = ("aclrtMalloc", "aclrtFree", "aclrtMemset", "aclrtMemcpy")

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT8.01: the size is looked at before the context."""
        context, size = m.context_of(use.thread), use.number * 7
        code = m.context_code(use.thread) if size else INVALID
        handle = new(m, "aclrtMalloc", self.c_type, use, size, use.pick % 3, code=code)
        if handle is None or context is None:
            return None
        return Thing(handle, context.device, about={"size": size, "content": None})

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.06: needs no context."""
        code = INVALID if ref.null else 0 if ref.live else BAD
        m.call("aclrtFree", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.fill, self.read, self.fill_on_stream, self.copy, self.free_as_host_memory]

    @staticmethod
    def _size(ref: Ref) -> int:
        return ref.thing.about["size"] if ref.thing is not None else 4

    def _code(self, m: "HandleMachine", ref: Ref, thread: str) -> int:
        return INVALID if ref.null else m.context_code(thread) or (0 if ref.live else BAD)

    def _filled(self, ref: Ref, code: int, value: int) -> None:
        if not code and ref.thing is not None:
            ref.thing.about["content"] = bytes([value]) * self._size(ref)

    def fill(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.18."""
        code, size = self._code(m, ref, use.thread), self._size(ref)
        m.call("aclrtMemset", ref.handle, size, use.number, size, legal=(code,), thread=use.thread)
        self._filled(ref, code, use.number)

    def fill_on_stream(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.19: the stream is looked at before the memory, and both after NULL."""
        stream, size = m.ref("stream", use.pick), self._size(ref)
        code = INVALID if ref.null else m.stream_code(stream, use.thread) or (0 if ref.live else BAD)
        arguments = (ref.handle, size, use.number, size, stream.handle)
        m.call("aclrtMemsetAsync", *arguments, legal=(code,), thread=use.thread)
        if not code:
            m.call("aclrtSynchronizeStream", stream.handle, thread=use.thread)
        self._filled(ref, code, use.number)

    def read(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.14."""
        code, size = self._code(m, ref, use.thread), self._size(ref)
        buffer = ffi.new("char[]", size)
        m.call("aclrtMemcpy", buffer, size, ref.handle, size, 2, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None and ref.thing.about["content"] is not None:
            m.acl.check_bytes(buffer, [{byte} for byte in ref.thing.about["content"]])

    def copy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.14: one address for both is nothing to do, before the context is looked at."""
        source = m.ref(self.name, use.pick)
        size = min(self._size(ref), self._size(source))
        if ref.null or source.null:
            code = INVALID
        elif ref.handle == source.handle:
            code = 0
        else:
            code = m.context_code(use.thread) or (0 if ref.live and source.live else BAD)
        m.call("aclrtMemcpy", ref.handle, size, source.handle, size, 3, legal=(code,), thread=use.thread)
        if not code and ref.thing is not source.thing and ref.thing is not None and source.thing is not None:
            old, new = ref.thing.about["content"], source.thing.about["content"]
            ref.thing.about["content"] = None if old is None or new is None else new[:size] + old[size:]

    def free_as_host_memory(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.07: a device address is refused."""
        m.call("aclrtFreeHost", ref.handle, legal=(INVALID if ref.null else BAD,), thread=use.thread)

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, "aclrtMalloc", self.c_type, 64, 0)


class HostMemory(Kind):
    """Page-locked memory (contract_rt section 8)."""

    name = "page-locked memory"
    c_type = "void *"
    functions = ("aclrtMallocHost", "aclrtFreeHost")

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT8.05: needs a context, and looks at the size before it."""
        size = use.number
        code = m.context_code(use.thread) if size else INVALID
        handle = new(m, "aclrtMallocHost", self.c_type, use, size, code=code)
        return None if handle is None else Thing(handle, about={"size": size, "content": None})

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.07: needs no context."""
        code = INVALID if ref.null else 0 if ref.live else BAD
        m.call("aclrtFreeHost", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.write_and_read, self.free_as_device_memory]

    def write_and_read(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """It is memory of the program, which keeps what is in it."""
        if ref.live and ref.thing is not None:
            about = ref.thing.about
            if about["content"] is not None:
                m.acl.check_bytes(ref.handle, [{byte} for byte in about["content"]])
            about["content"] = bytes([use.pick]) * about["size"]
            m.acl.write(ref.handle, about["content"])

    def free_as_device_memory(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT8.06: only memory of the aclrtMalloc family."""
        m.call("aclrtFree", ref.handle, legal=(INVALID if ref.null else BAD,), thread=use.thread)

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, "aclrtMallocHost", self.c_type, 64)

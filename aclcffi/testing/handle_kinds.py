"""The kinds of handles, and what each call answers for a live, a stale, a foreign and a NULL one.

Independent of any backend: the answers are those of the contract (contract_rt sections 3 to 8, contract_mdl sections 3
and 4).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from aclcffi import ffi

if TYPE_CHECKING:
    from aclcffi.testing.handle_machine import HandleMachine

LIVE, STALE, FOREIGN, NULL, OTHER = "live", "stale", "foreign", "NULL", "of another kind"

INVALID, BAD, NO_CONTEXT, NOT_OURS, STALE_HANDLE, UNSUPPORTED = 100000, 107000, 107002, 107003, 107017, 207000


@dataclass(eq=False)
class Thing:
    """An object of the model. `context` is that of a stream; `about` is what its kind keeps of it."""

    handle: Any
    device: int = 0
    alive: bool = True
    context: "Thing | None" = None
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ref:
    """A handle that a call is given, and what it is. `thing` is the object of a live or stale one."""

    handle: Any
    state: str
    thing: Thing | None = None

    @property
    def live(self) -> bool:
        """Whether it names a live object."""
        return self.state == LIVE

    @property
    def null(self) -> bool:
        """Whether it is NULL."""
        return self.state == NULL

    @property
    def code(self) -> int:
        """What a call answers that takes live ones only and tells them from stale ones: 0, 100000 or 107017."""
        return INVALID if self.null else 0 if self.live else STALE_HANDLE


@dataclass
class Use:
    """How a call is made: in which thread, and numbers from Hypothesis that choose arguments."""

    thread: str
    pick: int
    number: int


class Kind(ABC):
    """One kind: `make`, `destroy` and the `uses`. Each asserts what the calls answer and keeps the model up to date."""

    name: str
    c_type: ClassVar[str]
    functions: tuple[str, ...]
    """What a backend must have for it."""
    guarded: ClassVar[bool] = False
    """Whether hardware tells stale handles from live ones (gate G2)."""

    @abstractmethod
    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """Make one, or be refused."""

    @abstractmethod
    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """Destroy what a reference names, or be refused."""

    @abstractmethod
    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The ways to use one."""

    @abstractmethod
    def make_foreign(self, acl: Any) -> Any:
        """Make one in another machine, by its recorder, and return its handle."""


def new(m: "HandleMachine", function: str, c_type: str, use: Use, *arguments: Any, code: int) -> Any:
    """Call a function that gives a handle by an out parameter; None when it is refused."""
    out = ffi.new(ffi.getctype(c_type, "*"))
    m.call(function, out, *arguments, legal=(code,), thread=use.thread)
    return None if code else out[0]


def foreign(acl: Any, function: str, c_type: str, *arguments: Any) -> Any:
    """Let another machine's recorder make something by an out parameter."""
    out = ffi.new(ffi.getctype(c_type, "*"))
    acl.expect(function, out, *arguments)
    return out[0]


class Contexts(Kind):
    """Contexts (contract_rt section 4)."""

    name = "context"
    c_type = "aclrtContext"
    functions = ("aclrtCreateContext", "aclrtDestroyContext", "aclrtSetCurrentContext")

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT4.01."""
        device = use.number % (m.devices + 1)
        code = 107001 if device == m.devices else 0
        handle = new(m, "aclrtCreateContext", self.c_type, use, device, code=code)
        if handle is None:
            return None
        context = Thing(handle, device)
        m.current[use.thread] = context
        m.default_stream(context, use.thread)
        return context

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT4.02."""
        primary = ref.thing is not None and ref.thing.about.get("primary")
        code = INVALID if ref.null else NO_CONTEXT if not ref.live or primary else 0
        m.call("aclrtDestroyContext", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            m.context_ends(ref.thing, use.thread)

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.set_current, self.get_current, self.synchronize, self.default_stream]

    def set_current(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT4.03."""
        code = INVALID if ref.null else 0 if ref.live else BAD
        m.call("aclrtSetCurrentContext", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            m.current[use.thread] = ref.thing

    def get_current(self, m: "HandleMachine", ref: Ref, use: Use) -> None:  # noqa: ARG002 - it takes no context
        """RT4.04, RT3.04."""
        current, out, device = m.context_of(use.thread), ffi.new("aclrtContext *"), ffi.new("int32_t *")
        m.call("aclrtGetCurrentContext", out, legal=(0 if current else NO_CONTEXT,), thread=use.thread, quiet=True)
        m.call("aclrtGetDevice", device, legal=(0 if current else NO_CONTEXT,), thread=use.thread)
        if current:
            m.acl.check(out, (current.handle,))
            m.acl.check(device, (current.device,))

    def synchronize(self, m: "HandleMachine", ref: Ref, use: Use) -> None:  # noqa: ARG002 - it takes no context
        """RT3.07."""
        m.call("aclrtSynchronizeDevice", legal=(m.context_code(use.thread),), thread=use.thread)

    def default_stream(self, m: "HandleMachine", ref: Ref, use: Use) -> None:  # noqa: ARG002 - it takes no context
        """RT4.05: the same one each time."""
        current, out = m.context_of(use.thread), ffi.new("aclrtStream *")
        code = m.context_code(use.thread)
        m.call("aclrtCtxGetCurrentDefaultStream", out, legal=(code,), thread=use.thread)
        if current:
            m.acl.check(out, (current.about["default stream"],))

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, "aclrtCreateContext", self.c_type, 0)


class Streams(Kind):
    """Streams (contract_rt section 5)."""

    name = "stream"
    c_type = "aclrtStream"
    functions = ("aclrtCreateStream", "aclrtDestroyStream", "aclrtSynchronizeStream")
    guarded = True

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT5.01, RT5.02: the priority is clamped to 0..7."""
        context, code, priority = m.context_of(use.thread), m.context_code(use.thread), 0
        if use.number % 2:
            priority = use.number % 11
            arguments = (priority, 0)
            handle = new(m, "aclrtCreateStreamWithConfig", self.c_type, use, *arguments, code=code)
        else:
            handle = new(m, "aclrtCreateStream", self.c_type, use, code=code)
        if handle is None or context is None:
            return None
        return Thing(handle, context.device, context=context, about={"priority": min(priority, 7)})

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT5.03."""
        code = INVALID if ref.null else m.stream_code(ref, use.thread)
        m.call("aclrtDestroyStream", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.synchronize, self.query, self.get, self.bad_timeout]

    @staticmethod
    def any_context_code(m: "HandleMachine", ref: Ref, thread: str) -> int:
        """What a call answers that takes streams of all contexts."""
        return m.context_code(thread) if ref.live or ref.null else STALE_HANDLE

    def synchronize(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT5.05."""
        code = self.any_context_code(m, ref, use.thread)
        m.call("aclrtSynchronizeStream", ref.handle, legal=(code,), thread=use.thread)

    def query(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT5.07."""
        code, out = self.any_context_code(m, ref, use.thread), ffi.new("aclrtStreamStatus *")
        m.call("aclrtStreamQuery", ref.handle, out, legal=(code,), thread=use.thread)
        if not code:
            m.acl.check(out, (0, 1))

    def get(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT5.08, RT5.09: the id stays, and the priority is that of the creation."""
        code = self.any_context_code(m, ref, use.thread)
        number, priority = ffi.new("int32_t *"), ffi.new("uint32_t *")
        m.call("aclrtStreamGetId", ref.handle, number, legal=(code,), thread=use.thread)
        m.call("aclrtStreamGetPriority", ref.handle, priority, legal=(code,), thread=use.thread)
        if ref.live and not code and ref.thing is not None:
            m.acl.check(number, (ref.thing.about.setdefault("id", number[0]),))
            m.acl.check(priority, (ref.thing.about["priority"],))

    def bad_timeout(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT5.06: the handle is looked at before a timeout of 0."""
        code = BAD if ref.live or ref.null else STALE_HANDLE
        m.call("aclrtSynchronizeStreamWithTimeout", ref.handle, 0, legal=(code,), thread=use.thread)

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, "aclrtCreateStream", self.c_type)


class Events(Kind):
    """Events of one family (contract_rt section 6)."""

    c_type = "aclrtEvent"
    guarded = True

    def __init__(self, family: str) -> None:
        self.family = family
        self.name = f"{family} event"
        creates = {"DEF": "aclrtCreateEvent", "OLD": "aclrtCreateEventWithFlag", "EX": "aclrtCreateEventExWithFlag"}
        self._create = creates[family]
        self._flags = () if family == "DEF" else (1,)  # ACL_EVENT_SYNC
        self.functions = (self._create, "aclrtDestroyEvent", "aclrtRecordEvent")

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT6.01 to RT6.03."""
        context, code = m.context_of(use.thread), m.context_code(use.thread)
        handle = new(m, self._create, self.c_type, use, *self._flags, code=code)
        if handle is None or context is None:
            return None
        return Thing(handle, context.device, about={"recorded": False, "armed": False, "waited": False})

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.04: needs no context."""
        code = ref.code
        m.call("aclrtDestroyEvent", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.record, self.query, self.synchronize, self.wait, self.reset, self.number]

    def _on(self, m: "HandleMachine", ref: Ref, use: Use) -> tuple[Ref, int]:
        """A stream, and what a call with the event and it answers."""
        stream = m.ref("stream", use.pick)
        return stream, ref.code or m.stream_code(stream, use.thread)

    def record(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.05."""
        stream, code = self._on(m, ref, use)
        m.call("aclrtRecordEvent", ref.handle, stream.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.about.update(recorded=True, armed=True)
            m.taken_ids[ref.thing.device] += self.family != "OLD"

    def query(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.13: of what was never recorded only an EX event is complete."""
        code, out = ref.code, ffi.new("aclrtEventRecordedStatus *")
        m.call("aclrtQueryEventStatus", ref.handle, out, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            untouched = not ref.thing.about["recorded"]
            m.acl.check(out, (int(self.family == "EX"),) if untouched else (0, 1))

    def synchronize(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.15."""
        m.call("aclrtSynchronizeEvent", ref.handle, legal=(ref.code,), thread=use.thread)

    def wait(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.07: never for an OLD event that nobody has recorded since its last reset, as it would block for ever."""
        stream, code = self._on(m, ref, use)
        if not code and ref.thing is not None:
            if self.family == "OLD" and not ref.thing.about["armed"]:
                return
            if self.family == "DEF" and not ref.thing.about["recorded"]:
                code = BAD
        m.call("aclrtStreamWaitEvent", stream.handle, ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.about["waited"] = True
            m.taken_ids[ref.thing.device] += self.family == "OLD"  # should it be destroyed before the wait is over

    def reset(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.11: never while somebody may wait for the event."""
        if self.family == "DEF" or (ref.thing is not None and ref.thing.about["waited"]):
            return
        stream, code = self._on(m, ref, use)
        if self.family == "EX" and ref.code == 0:
            code = STALE_HANDLE if stream.state not in (LIVE, NULL) else UNSUPPORTED
        quiet = code == UNSUPPORTED
        m.call("aclrtResetEvent", ref.handle, stream.handle, legal=(code,), thread=use.thread, quiet=quiet)
        if not code and ref.thing is not None:
            m.call("aclrtSynchronizeStream", stream.handle, thread=use.thread)  # before any later record
            ref.thing.about.update(armed=False, recorded=True)

    def number(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT6.19, RT6.02: an OLD event that synchronises keeps its id."""
        code, out = ref.code, ffi.new("uint32_t *")
        legal = (code,) if code or self.family == "OLD" else (0, 507000)
        m.call("aclrtGetEventId", ref.handle, out, legal=legal, thread=use.thread)
        if not code and self.family == "OLD" and ref.thing is not None:
            m.acl.check(out, (ref.thing.about.setdefault("id", out[0]),))

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, self._create, self.c_type, *self._flags)


class Notifies(Kind):
    """Notifies (contract_rt section 7)."""

    name = "notify"
    c_type = "aclrtNotify"
    functions = ("aclrtCreateNotify", "aclrtDestroyNotify", "aclrtRecordNotify")
    guarded = True

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """RT7.01: the flag is looked at before the context."""
        context, flag = m.context_of(use.thread), use.number % 3
        code = BAD if flag == 2 else m.context_code(use.thread)
        handle = new(m, "aclrtCreateNotify", self.c_type, use, flag, code=code)
        return None if handle is None or context is None else Thing(handle, context.device)

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT7.04: needs a context."""
        code = ref.code or m.context_code(use.thread)
        m.call("aclrtDestroyNotify", ref.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.record, self.number]

    def record(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT7.02."""
        stream = m.ref("stream", use.pick)
        code = ref.code or m.stream_code(stream, use.thread)
        m.call("aclrtRecordNotify", ref.handle, stream.handle, legal=(code,), thread=use.thread)
        if not code:  # a caller must be done with a notify before it is destroyed (RT12.17)
            m.call("aclrtSynchronizeStream", stream.handle, thread=use.thread)

    def number(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT7.06: the id stays."""
        code, out = ref.code, ffi.new("uint32_t *")
        m.call("aclrtGetNotifyId", ref.handle, out, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            m.acl.check(out, (ref.thing.about.setdefault("id", out[0]),))

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        return foreign(acl, "aclrtCreateNotify", self.c_type, 0)

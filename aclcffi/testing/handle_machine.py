"""A state machine over handles of every kind: made, used, destroyed, used again, in two threads and two machines."""

from collections.abc import Collection
from itertools import product, starmap
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aclcffi import ffi
from aclcffi.testing.handle_kinds import (
    FOREIGN,
    LIVE,
    NO_CONTEXT,
    NOT_OURS,
    NULL,
    OTHER,
    STALE,
    STALE_HANDLE,
    Ref,
    Thing,
    Use,
)
from aclcffi.testing.handle_objects import KINDS
from aclcffi.testing.machines import AclMachine, Options, Target, schedules
from aclcffi.testing.script import SUCCESS

MAIN, OTHER_THREAD = "", "other"
_MIXED = {"stream": "notify"}  # a handle of the right is given for one of the left

_NEEDS = {"dataset": ("data buffer", "tensor desc")}
_ON_DEVICE = 0  # ACL_DEVICE: host and device have one memory, whose addresses are those of the process
_MANAGING = ("set", "reset", "force", "error", "count", "settle")
_WHAT = ("use", "use", "use", "use", "make", "make", "destroy", "destroy")

# Each is one draw: Hypothesis deletes a step only if it has few of them.
acts = st.sampled_from([*product(_WHAT, range(6)), *product(_MANAGING, (0,)), ("set", 0), ("count", 0)])
uses = st.sampled_from(list(starmap(Use, product((MAIN, MAIN, OTHER_THREAD), range(7), range(41)))))
hows = st.sampled_from(list(product((0, 0, 0, 0, 1, 1, 2, 3, 4, 5), range(6))))


class HandleMachine(AclMachine):
    """Predicts the code of each call, and what getters and counts answer.

    Each run plays with a few kinds only, so that one and the same object meets many calls. `shared` says that host and
    device have one memory.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.kinds: list[str] = []
        self.things: dict[str, list[Thing]] = {name: [] for name in KINDS}
        self.foreign: dict[str, Any] = {}
        self.second: Any = None
        self.devices = 0
        self.shared = False
        self.primary: list[Thing | None] = []
        self.set_counts: list[int] = []
        self.current: dict[str, Thing | None] = {MAIN: None, OTHER_THREAD: None}
        self.last_error = {MAIN: 0, OTHER_THREAD: 0}
        self.taken_ids: list[int] = []
        self.totals: dict[tuple[str, int], int] = {}

    # -- what the kinds need -----------------------------------------------------------------------------------------

    def call(
        self,
        function: str,
        *arguments: Any,
        legal: Collection[int] = SUCCESS,
        thread: str = MAIN,
        quiet: bool = False,
    ) -> None:
        """Make a call that answers a code. `quiet` says that a failure is not written to the last error (RT13.3)."""
        code = self.acl.expect(function, *arguments, legal=legal, thread=thread)
        if code and code != 100000 and not quiet:
            self.last_error[thread] = code

    def value(self, function: str, *arguments: Any, legal: Collection[Any] = (), thread: str = MAIN) -> Any:
        """Make a call that answers something else than a code."""
        return self.acl.expect(function, *arguments, legal=legal, thread=thread)

    def context_of(self, thread: str) -> Thing | None:
        """The live current context of a thread."""
        context = self.current[thread]
        return context if context is not None and context.alive else None

    def context_code(self, thread: str) -> int:
        """What a call answers that only needs a context."""
        return 0 if self.context_of(thread) else NO_CONTEXT

    def stream_code(self, ref: Ref, thread: str) -> int:
        """What a call answers that queues something on a stream."""
        if ref.state not in (LIVE, NULL):
            return STALE_HANDLE
        context = self.context_of(thread)
        if context is None:
            return NO_CONTEXT
        return NOT_OURS if ref.thing is not None and ref.thing.context is not context else 0

    def default_stream(self, context: Thing, thread: str) -> None:
        """Learn the default stream of the current context."""
        out = ffi.new("aclrtStream *")
        with self.acl.optional():
            self.call("aclrtCtxGetCurrentDefaultStream", out, thread=thread)
        context.about["default stream"] = out[0]

    def context_ends(self, context: Thing, thread: str) -> None:
        """A context was destroyed in a thread, its streams with it."""
        context.alive = False
        for stream in self.things["stream"]:
            if stream.context is context:
                stream.alive = False
        if self.current[thread] is context:
            self.current[thread] = None

    def keep(self, kind: str, thing: Thing) -> Thing:
        """Take an object into the model. Memory may come back under an address that was given out before."""
        self.things[kind] = [each for each in self.things[kind] if each.alive or each.handle != thing.handle]
        self.things[kind].append(thing)
        return thing

    def ref(self, kind: str, pick: int) -> Ref:
        """A handle of a kind: one that was made, the newest first, then NULL, a foreign one, one of another kind."""
        things = self.things[kind][::-1]
        safe = KINDS[kind].guarded or (self.target.exact and not (self.shared and kind == "device memory"))
        if not safe:  # what is stale or foreign would be read or written
            things = [thing for thing in things if thing.alive]
        other = self.things[_MIXED[kind]][-1:] if kind in _MIXED else []
        choices = [
            *things,
            NULL,
            *([FOREIGN] if safe and self.second is not False and self.target.exact else []),
            *other,
        ]
        chosen = choices[pick % len(choices)]
        if chosen in other and isinstance(chosen, Thing):
            return Ref(ffi.cast(KINDS[kind].c_type, chosen.handle), OTHER)
        if isinstance(chosen, Thing):
            return Ref(chosen.handle, LIVE if chosen.alive else STALE, chosen)
        if chosen == FOREIGN and (handle := self.foreign_handle(kind)) is not None:
            return Ref(handle, FOREIGN)
        return Ref(ffi.NULL, NULL)

    def foreign_handle(self, kind: str) -> Any:
        """A live handle of another machine, None if there is no other one."""
        if self.second is None:
            self.second = self.target.second(self.acl) or False
            if self.second:
                self.second.expect("aclrtSetDevice", 0)
        if self.second and kind not in self.foreign:
            self.foreign[kind] = KINDS[kind].make_foreign(self.second)
        return self.foreign.get(kind)

    # -- rules -------------------------------------------------------------------------------------------------------

    @initialize(
        schedule=schedules(),
        kinds=st.sets(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4),
    )
    def start(self, schedule: Options, kinds: set[str]) -> None:
        """Open the backend; the main thread has the primary context of device 0, the other thread none."""
        self.begin(**schedule)
        count = ffi.new("uint32_t *")
        with self.acl.optional():
            self.call("aclrtGetDeviceCount", count)
        self.devices = min(count[0], 2)
        mode = ffi.new("aclrtRunMode *")
        with self.acl.optional():
            self.call("aclrtGetRunMode", mode)
        self.shared = mode[0] == _ON_DEVICE
        self.primary = [None] * self.devices
        self.set_counts = [1] + [0] * (self.devices - 1)
        self.taken_ids = [0] * self.devices
        self.new_primary(0, MAIN)
        kinds = kinds.union(*(_NEEDS.get(name, ()) for name in kinds))
        self.kinds = [name for name in sorted(kinds) if all(map(self.acl.backend.supports, KINDS[name].functions))]

    def new_primary(self, device: int, thread: str) -> None:
        """Take the primary context that aclrtSetDevice made into the model."""
        out = ffi.new("aclrtContext *")
        with self.acl.optional():
            self.call("aclrtGetCurrentContext", out, thread=thread)
        made = self.keep("context", Thing(out[0], device, about={"primary": True}))
        self.primary[device] = self.current[thread] = made
        self.default_stream(made, thread)

    @rule(act=acts, use=uses, how=hows)
    def step(self, act: tuple[str, int], use: Use, how: tuple[int, int]) -> None:
        """Make one, use or destroy one that is live, stale, NULL, of another machine or of another kind."""
        (what, pick), (which, way) = act, how
        names = [*self.kinds, *self.kinds, "context", "stream"]  # the others need these two
        name = names[pick % len(names)]
        kind, ways = KINDS[name], KINDS[name].uses()
        if what in _MANAGING:
            self.manage(what, use)
        elif what == "make" or not self.things[name]:
            thing = kind.make(self, use)
            if thing is not None:
                self.keep(name, thing)
        elif what == "use":
            ways[way % len(ways)](self, self.ref(name, which), use)
        else:
            kind.destroy(self, self.ref(name, which), use)

    def manage(self, what: str, use: Use) -> None:
        """What is no matter of one object."""
        device = (0, 0, 0, 1, 1, 2, -1)[use.pick]
        if what == "set":
            self.set_device(use.thread, device)
        elif what in ("reset", "force"):
            self.reset_device(use.thread, device, what == "force")
        elif what == "error":
            self.ask_for_last_error(use.thread)
        elif what == "settle":
            self.settle()
        elif self.target.exact:
            self.count(use.thread)

    def set_device(self, thread: str, device: int) -> None:
        """RT3.01."""
        known = 0 <= device < self.devices
        if not known and device == 2 > self.devices:
            return
        self.call("aclrtSetDevice", device, legal=(0 if known else 107001,), thread=thread)
        if known:
            self.set_counts[device] += 1
            if self.primary[device] is None:
                self.new_primary(device, thread)
            self.current[thread] = self.primary[device]

    def reset_device(self, thread: str, device: int, force: bool) -> None:
        """RT3.02, RT3.03."""
        if not 0 <= device < self.devices:
            return
        function = "aclrtResetDeviceForce" if force else "aclrtResetDevice"
        count = self.set_counts[device]
        self.call(function, device, legal=(0 if count else 507007,), thread=thread)
        self.set_counts[device] = 0 if force else max(count - 1, 0)
        primary = self.primary[device]
        if primary is not None and not self.set_counts[device]:
            self.context_ends(primary, thread)
            self.primary[device] = None

    def ask_for_last_error(self, thread: str) -> None:
        """Section 13.3: each thread has its own, and asking takes it."""
        self.value("aclrtGetLastError", 0, legal=(self.last_error[thread],), thread=thread)
        self.last_error[thread] = 0

    def count(self, thread: str) -> None:
        """RT5.10, RT6.20, RT8.12: what is left on the device is what was there without what lives."""
        context = self.context_of(thread)
        code = self.context_code(thread)
        streams, events, free, total = (ffi.new(f"{name} *") for name in ("uint32_t", "uint32_t", "size_t", "size_t"))
        self.call("aclrtGetStreamAvailableNum", streams, legal=(code,), thread=thread)
        self.call("aclrtGetEventAvailNum", events, legal=(code,), thread=thread)
        self.call("aclrtGetMemInfo", 1, free, total, legal=(code,), thread=thread)
        if context is None:
            return
        device = context.device
        contexts = sum(each.alive for each in self.things["context"] if each.device == device)
        live = sum(each.alive for each in self.things["stream"] if each.device == device)
        self.left("streams", device, streams, contexts + live)
        kept = sum(each.alive for each in self.things["OLD event"] if each.device == device)
        self.left("events", device, events, kept, self.taken_ids[device])
        extents = (self.extent(each) for each in self.things["device memory"] if each.alive and each.device == device)
        self.left("memory", device, free, sum(extents))

    def left(self, what: str, device: int, out: Any, used: int, more: int = 0) -> None:
        """Check that `used`, and up to `more`, are taken from a total that does not change."""
        if (what, device) not in self.totals:
            if more:
                return
            self.totals[what, device] = out[0] + used
        left = self.totals[what, device] - used
        self.acl.check(out, range(left - more, left + 1), f"{used} live {what}")

    def extent(self, memory: Thing) -> int:
        """RT8.01: what an allocation takes."""
        padding = 0 if self.target.options.get("product") == "950" else 32
        size: int = memory.about["size"]
        return -(-size // 32) * 32 + padding

    def settle(self) -> None:
        """Let all work end: nothing holds an event id any more but the OLD events that keep theirs."""
        for context in self.things["context"]:
            if context.alive:
                self.call("aclrtSetCurrentContext", context.handle)
                self.call("aclrtSynchronizeDevice")
                self.current[MAIN] = context
        self.taken_ids = [0] * self.devices
        for name in ("DEF event", "OLD event", "EX event"):
            for event in self.things[name]:
                event.about["waited"] = False

    def teardown(self) -> None:
        """Close the other machine too."""
        if self.second:
            self.second.backend.close()
        super().teardown()

"""A state machine over streams, events, notifies and memory, under every schedule."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aclcffi.backend import ffi
from aclcffi.testing.machines import AclMachine, Options, Target, schedules
from aclcffi.testing.script import SUCCESS
from aclcffi.testing.stream_model import HOST, Block, Graph, Node

SIZE = 4
FAMILIES = ("DEF", "OLD", "EX")
H2D, D2H, D2D = 1, 2, 3
STREAM_TIMEOUT, EVENT_TIMEOUT, LOST_MEMORY = 507046, 507047, 507053
_LONG, _SHORT = 10_000, 1  # milliseconds: more than all work takes, and enough for what cannot end
_POLLS = 10_000
_MOST_STREAMS = 6

_SPANS = [(0, 4), (0, 4), (0, 2), (2, 2), (1, 2)]
streams = st.integers(0, _MOST_STREAMS - 1)
blocks = st.integers(0, 6)


@dataclass(eq=False)
class Context:
    """A context and whether it lives."""

    handle: Any
    alive: bool = True


@dataclass(eq=False)
class Stream:
    """A stream. `number` is its number in the graph; `may_fail`: its next synchronise may tell of a failed task."""

    handle: Any
    number: int
    context: Context
    default: bool = False
    alive: bool = True
    may_fail: bool = False


@dataclass(eq=False)
class Event:
    """An event. `newest` is its newest record; `reset` says that it was reset since, so the host cannot tell much."""

    handle: Any
    family: str
    alive: bool = True
    newest: Node | None = None
    on: Stream | None = None
    reset: bool = False
    records: list[Node] = field(default_factory=list)
    resets: list[Node] = field(default_factory=list)
    waits: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Notify:
    """A notify. Each record is for one wait; of both at most the last one has not found its partner."""

    handle: Any
    posts: list[Node] = field(default_factory=list)
    takes: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Memory(Block):
    """A block with its address; `pinned` is page-locked host memory."""

    pointer: Any = None
    pinned: bool = False


class StreamMachine(AclMachine):
    """Predicts codes, answers of queries, and what memory holds.

    In half of the runs every copy is put behind whatever it has to be behind, so that memory has one legal content; in
    the others what is unordered may come out in any order. A wait that nobody can end is either not made, or has a
    timeout, which must expire.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.graph = Graph()
        self.careful = False
        self.contexts: list[Context] = []
        self.current: Context
        self.streams: list[Stream] = []
        self.made_streams = 0
        self.events: list[Event] = []
        self.notifies: list[Notify] = []
        self.memory: list[Memory] = []
        self.turn = 0

    # -- set-up and end ----------------------------------------------------------------------------------------------

    @initialize(schedule=schedules(), careful=st.booleans(), more=st.integers(0, 1))
    def start(self, schedule: Options, careful: bool, more: int) -> None:
        """Open the backend: the default stream and two or three others, two or three device blocks, two pinned ones."""
        self.begin(**schedule)
        self.careful = careful
        out = ffi.new("aclrtContext *")
        with self.acl.optional():
            self.acl.expect("aclrtGetCurrentContext", out)
        self.current = Context(out[0])
        self.contexts.append(self.current)
        self.take_default_stream()
        for _ in range(2 + more):
            self.make_stream()
        for pinned in (False, True, False, True, *[False] * more):
            self.make_block(pinned)

    def finish(self) -> None:
        """Record what streams still wait for, synchronise everything, and look at all memory."""
        waiting = [notify for notify in self.notifies if len(notify.takes) > len(notify.posts)]
        if waiting:
            self.enter(self.contexts[0])
            helper = self.make_stream()
            for notify in waiting:
                self.post(notify, helper)
        for stream in self.streams:
            if stream.alive:
                self.synchronize(stream)
        for block in self.memory:
            if not block.freed:
                self.read(block)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def expect(self, function: str, *arguments: Any, legal: Collection[int] = SUCCESS, why: str = "") -> int:
        """Make a call that answers a code."""
        code: int = self.acl.expect(function, *arguments, legal=legal, why=why)
        return code

    def new(self, function: str, c_type: str, *arguments: Any) -> Any:
        """Make a call that gives something by an out parameter."""
        out = ffi.new(f"{c_type} *")
        self.expect(function, out, *arguments)
        return out[0]

    def enter(self, context: Context) -> None:
        """Make a context current."""
        if context is not self.current:
            self.expect("aclrtSetCurrentContext", context.handle)
            self.current = context

    def take_default_stream(self) -> None:
        """Learn the default stream of the current context."""
        with self.acl.optional():
            handle = self.new("aclrtCtxGetCurrentDefaultStream", "aclrtStream")
        self.add_stream(handle, default=True)

    def add_stream(self, handle: Any, *, default: bool = False) -> Stream:
        """Take a stream of the current context into the model."""
        stream = Stream(handle, self.made_streams, self.current, default)
        self.made_streams += 1
        self.streams.append(stream)
        return stream

    def make_stream(self) -> Stream:
        """RT5.01."""
        with self.acl.optional():
            return self.add_stream(self.new("aclrtCreateStream", "aclrtStream"))

    def make_block(self, pinned: bool) -> Memory:
        """RT8.01, RT8.05: memory, zero from the beginning."""
        with self.acl.optional():
            if pinned:
                pointer = self.new("aclrtMallocHost", "void *", SIZE)
                self.acl.write(pointer, bytes(SIZE))
            else:
                pointer = self.new("aclrtMalloc", "void *", SIZE, 0)
                self.expect("aclrtMemset", pointer, SIZE, 0, SIZE)
        block = Memory(SIZE, pointer=pointer, pinned=pinned)
        self.graph.write(self.graph.learn(), block, 0, SIZE, bytes(SIZE))
        self.memory.append(block)
        return block

    def stream(self, pick: int) -> Stream:
        """A live stream."""
        live = [stream for stream in self.streams if stream.alive]
        return live[pick % len(live)]

    def block(self, pick: int, *, pinned: bool | None = None) -> Memory | None:
        """A live block."""
        live = [each for each in self.memory if not each.freed and pinned in (None, each.pinned)]
        return live[pick % len(live)] if live else None

    def refused(self, stream: Stream, function: str, *arguments: Any) -> bool:
        """Make a call that queues something on a stream, and say whether it was refused: 107003 (RT5.03 and others)."""
        code = 0 if stream.context is self.current else 107003
        self.expect(function, *arguments, legal=(code,))
        return code != 0

    @staticmethod
    def at(block: Memory, start: int) -> Any:
        """The address of a byte of a block."""
        return block.pointer if not start else ffi.cast("void *", int(ffi.cast("uintptr_t", block.pointer)) + start)

    def ends(self, streams_: Iterable[Stream]) -> None:
        """The host knows that everything in some streams is over."""
        self.graph.learn(*[self.graph.tails[each.number] for each in streams_ if each.number in self.graph.tails])

    # -- copies ------------------------------------------------------------------------------------------------------

    @rule(pick=streams, to=st.tuples(blocks, st.sampled_from(_SPANS)).map(tuple), value=st.integers(1, 9))
    def fill(self, pick: int, to: tuple[int, tuple[int, int]], value: int) -> None:
        """RT8.19: set some bytes of device memory."""
        block, stream, (start, size) = self.block(to[0], pinned=False), self.stream(pick), to[1]
        if block is None:
            return
        self.prepare(stream, None, block)
        arguments = (self.at(block, start), SIZE - start, value, size, stream.handle)
        if not self.refused(stream, "aclrtMemsetAsync", *arguments):
            self.graph.write(self.graph.add(stream.number), block, start, size, value)

    @rule(pick=streams, pair=st.sampled_from(list(product(range(6), range(6)))), span=st.sampled_from(_SPANS))
    def copy(self, pick: int, pair: tuple[int, int], span: tuple[int, int]) -> None:
        """RT8.15: copy between device memory, and between device and page-locked memory."""
        to, from_, stream, (start, size) = self.block(pair[0]), self.block(pair[1]), self.stream(pick), span
        if to is None or from_ is None or to is from_ or (to.pinned and from_.pinned):
            return
        self.prepare(stream, from_, to)
        offset = SIZE - size if pair[0] % 2 else start
        kind = D2H if to.pinned else H2D if from_.pinned else D2D
        arguments = (self.at(to, start), SIZE - start, self.at(from_, offset), size, kind, stream.handle)
        if not self.refused(stream, "aclrtMemcpyAsync", *arguments):
            self.graph.write(self.graph.add(stream.number), to, start, size, (from_, offset))

    def prepare(self, stream: Stream, reads: Block | None, writes: Block) -> None:
        """In a careful run, put what comes next on a stream behind whatever touches its memory."""
        if not self.careful:
            return
        for node in self.graph.conflicts(reads, writes):
            if not self.graph.ordered(node.number, stream.number):
                first = next(each for each in self.streams if each.number == node.stream)
                if first.alive:
                    self.hand_over(first, stream, (*FAMILIES, "notify", "host")[self.turn % 5])
                    self.turn += 1
        self.enter(stream.context)

    @rule(first=streams, second=streams, way=st.sampled_from([*FAMILIES, "notify", "host"]))
    def order(self, first: int, second: int, way: str) -> None:
        """Let one stream go on behind another one."""
        self.hand_over(self.stream(first), self.stream(second), way)

    def hand_over(self, first: Stream, second: Stream, way: str) -> None:
        """What comes next on the second stream runs behind what is in the first."""
        if first is second:
            return
        if way == "host" and not self.graph.stuck(first.number):
            self.synchronize(first)
        elif way == "notify":
            notify = self.free_notify(first, second) or self.make_notify()
            self.enter(first.context)
            self.post(notify, first)
            self.enter(second.context)
            self.take(notify, second)
        else:
            family = way if way in FAMILIES else "EX"
            known = [each for each in self.events if each.alive and each.family == family != "OLD"]
            event = known[-1] if known and self.turn % 2 else self.make_event(family)
            self.turn += 1
            self.enter(first.context)
            self.record(event, first)
            self.enter(second.context)
            self.wait(event, second)

    def free_notify(self, first: Stream, second: Stream) -> Notify | None:
        """A notify that was used before, and whose waits are over before two streams go on."""
        for notify in self.notifies:
            if notify.takes and len(notify.posts) == len(notify.takes):
                over = [each.number for each in notify.takes]
                if all(self.graph.ordered(each, stream.number) for each in over for stream in (first, second)):
                    return notify
        return None

    # -- events ------------------------------------------------------------------------------------------------------

    def make_event(self, family: str) -> Event:
        """RT6.01 to RT6.03."""
        creates = {"DEF": "aclrtCreateEvent", "OLD": "aclrtCreateEventWithFlag", "EX": "aclrtCreateEventExWithFlag"}
        with self.acl.optional():
            event = Event(
                self.new(creates[family], "aclrtEvent", *(() if family == "DEF" else (1,))), family
            )
        self.events.append(event)
        return event

    def event(self, pick: int) -> Event:
        """A live event, or a new one."""
        live = [each for each in self.events if each.alive][::-1]
        return live[pick % len(live)] if pick < 6 and live else self.make_event(FAMILIES[pick % 3])

    @rule(
        what=st.sampled_from(["record", "record", "wait", "wait", "reset", "query", "query old", "synchronize", "destroy"]),
        which=st.integers(0, 8),
        pick=streams,
    )
    def use_event(self, what: str, which: int, pick: int) -> None:
        """One call with an event."""
        event, stream = self.event(which), self.stream(pick)
        actions: dict[str, Callable[[Event, Stream], None]] = {
            "record": self.record,
            "wait": self.wait,
            "reset": self.reset,
            "query": self.query_event,
            "query old": self.query_event_by_the_old_name,
            "synchronize": self.synchronize_event,
            "destroy": self.destroy_event,
        }
        actions[what](event, stream)

    def record(self, event: Event, stream: Stream) -> None:
        """RT6.05, RT12.05. The flag of an OLD event is not set again while somebody may still wait for it."""
        old = event.family == "OLD"
        if old and not all(self.graph.ordered(each.number, stream.number) for each in event.waits):
            return
        if self.refused(stream, "aclrtRecordEvent", event.handle, stream.handle):
            return
        node = self.graph.add(stream.number)
        node.settles = True
        event.records.append(node)
        event.newest, event.on, event.reset = node, stream, False

    def wait(self, event: Event, stream: Stream) -> None:
        """RT6.07, RT6.21 to RT6.26."""
        if event.family == "OLD":
            self.wait_for_flag(event, stream)
        elif event.newest is None and event.family == "DEF":
            code = 107000 if stream.context is self.current else 107003
            self.expect("aclrtStreamWaitEvent", stream.handle, event.handle, legal=(code,))
        elif not self.refused(stream, "aclrtStreamWaitEvent", stream.handle, event.handle):
            self.graph.add(stream.number, [event.newest.number] if event.newest is not None else [])

    def wait_for_flag(self, event: Event, stream: Stream) -> None:
        """Wait for an OLD event, if its flag is sure to be set and to stay so."""
        before, ordered = self.graph.before, self.graph.ordered
        final = any(
            not node.stuck and all(before(reset.number, node.number) for reset in event.resets)
            for node in event.records
        )
        if not final or self.refused(stream, "aclrtStreamWaitEvent", stream.handle, event.handle):
            return
        setters = [
            node.number
            for node in event.records
            if not any(
                before(node.number, reset.number) and ordered(reset.number, stream.number) for reset in event.resets
            )
        ]
        event.waits.append(self.graph.add(stream.number, any_of=setters))

    def reset(self, event: Event, stream: Stream) -> None:
        """RT6.11, RT12.09: behind all that waits."""
        if event.family == "EX":
            self.expect("aclrtResetEvent", event.handle, stream.handle, legal=(207000,))
            return
        touched = [*event.records, *event.waits, *event.resets]
        if event.family == "DEF" or not all(self.graph.ordered(each.number, stream.number) for each in touched):
            return
        if not self.refused(stream, "aclrtResetEvent", event.handle, stream.handle):
            node = self.graph.add(stream.number)
            node.settles = True
            event.resets.append(node)
            event.reset = True

    def status(self, event: Event) -> tuple[bool, ...]:
        """What a query of a recorded event may say."""
        if event.reset or event.newest is None:
            return (False, True)
        if self.graph.known(event.newest.number):
            return (True,)
        return (False,) if event.newest.stuck else (False, True)

    def query_event(self, event: Event, stream: Stream) -> None:  # noqa: ARG002 - it takes no stream
        """RT6.13: of events that were never recorded only an EX event is complete."""
        out = ffi.new("aclrtEventRecordedStatus *")
        self.expect("aclrtQueryEventStatus", event.handle, out)
        if event.newest is None and not event.resets:
            self.acl.check(out, (int(event.family == "EX"),))
        elif self.acl.check(out, [int(each) for each in self.status(event)]):
            self.saw(event)

    def query_event_by_the_old_name(self, event: Event, stream: Stream) -> None:  # noqa: ARG002
        """RT6.12: the numbers are the other way round; never recorded is complete."""
        out = ffi.new("aclrtEventStatus *")
        if event.family == "EX":
            self.expect("aclrtQueryEvent", event.handle, out, legal=(207000,))
            return
        self.expect("aclrtQueryEvent", event.handle, out)
        if event.newest is None and not event.resets:
            self.acl.check(out, (0,))
        elif self.acl.check(out, [int(not each) for each in self.status(event)]) == 0:
            self.saw(event)

    def saw(self, event: Event) -> None:
        """A query said that the event is complete."""
        if event.newest is not None and not event.reset:
            self.graph.learn(event.newest.number)

    def synchronize_event(self, event: Event, stream: Stream) -> None:  # noqa: ARG002
        """RT6.15, RT6.16, RT12.08."""
        if event.reset:
            return
        newest = event.newest
        if newest is not None and newest.stuck:
            legal = (EVENT_TIMEOUT,)
            self.expect("aclrtSynchronizeEventWithTimeout", event.handle, _SHORT, legal=legal)
            return
        fails = event.on is not None and event.on.may_fail
        self.expect("aclrtSynchronizeEvent", event.handle, legal=(0, LOST_MEMORY) if fails else SUCCESS)
        if newest is not None:
            self.graph.learn(newest.number)

    def destroy_event(self, event: Event, stream: Stream) -> None:
        """RT6.04, RT12.17: at once; what is queued is not touched."""
        self.expect("aclrtDestroyEvent", event.handle)
        event.alive = False
        self.expect("aclrtRecordEvent", event.handle, stream.handle, legal=(107017,))

    # -- notifies ----------------------------------------------------------------------------------------------------

    def make_notify(self) -> Notify:
        """RT7.01."""
        with self.acl.optional():
            notify = Notify(self.new("aclrtCreateNotify", "aclrtNotify", 0))
        self.notifies.append(notify)
        return notify

    @rule(what=st.sampled_from(["record", "wait", "wait", "destroy"]), which=st.integers(0, 4), pick=streams)
    def use_notify(self, what: str, which: int, pick: int) -> None:
        """One call with a notify."""
        newest_first = self.notifies[::-1]
        notify = newest_first[which % len(newest_first)] if which < 4 and newest_first else self.make_notify()
        if what == "destroy":
            self.destroy_notify(notify)
        elif what == "record":
            self.post(notify, self.stream(pick))
        else:
            self.take(notify, self.stream(pick))

    def post(self, notify: Notify, stream: Stream) -> None:
        """RT7.02: a record, if the one before it was taken for sure and its wait does not wait for what is here."""
        if len(notify.posts) > len(notify.takes):
            return
        done = notify.takes[: len(notify.posts)]
        waiting = notify.takes[len(notify.posts) :]
        if not all(self.graph.ordered(each.number, stream.number) for each in done):
            return
        if any(self.graph.would_wait(stream.number, each.number) for each in waiting):
            return
        if self.refused(stream, "aclrtRecordNotify", notify.handle, stream.handle):
            return
        node = self.graph.add(stream.number)
        node.settles = True
        notify.posts.append(node)
        for each in waiting:
            self.graph.link(node, each)

    def take(self, notify: Notify, stream: Stream) -> None:
        """RT7.03: a wait, perhaps before its record; each takes one record."""
        early = len(notify.takes) == len(notify.posts)
        over = self.graph.known if early else (lambda node: self.graph.ordered(node, stream.number))
        if len(notify.takes) > len(notify.posts) or not all(over(each.number) for each in notify.takes):
            return
        if self.refused(stream, "aclrtWaitAndResetNotify", notify.handle, stream.handle, 0):
            return
        record = () if early else (notify.posts[-1].number,)
        node = self.graph.add(stream.number, record, unposted=early)
        node.settles = True
        notify.takes.append(node)

    def destroy_notify(self, notify: Notify) -> None:
        """RT7.04, RT12.17: the caller is done with it."""
        used = [*notify.posts, *notify.takes]
        if all(self.graph.known(each.number) for each in used) and len(notify.posts) == len(notify.takes):
            self.expect("aclrtDestroyNotify", notify.handle)
            self.expect("aclrtDestroyNotify", notify.handle, legal=(107017,))
            self.notifies.remove(notify)

    # -- the host ----------------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["synchronize", "synchronize", "device", "query", "poll"]), pick=streams)
    def wait_on_host(self, what: str, pick: int) -> None:
        """The host waits, or asks."""
        stream = self.stream(pick)
        if what == "device":
            self.synchronize_device()
        elif what == "synchronize":
            self.synchronize(stream, timed=pick % 2 == 1)
        else:
            self.query(stream, until=what == "poll" and not self.graph.stuck(stream.number))

    def synchronize(self, stream: Stream, *, timed: bool = False) -> int:
        """RT5.05, RT5.06, RT12.11: streams of other contexts too."""
        if self.graph.stuck(stream.number):
            legal = (STREAM_TIMEOUT,)
            return self.expect("aclrtSynchronizeStreamWithTimeout", stream.handle, _SHORT, legal=legal)
        legal = (0, LOST_MEMORY) if stream.may_fail else SUCCESS
        if timed:
            code = self.expect("aclrtSynchronizeStreamWithTimeout", stream.handle, _LONG, legal=legal)
        else:
            code = self.expect("aclrtSynchronizeStream", stream.handle, legal=legal)
        stream.may_fail = False
        self.ends([stream])
        return code

    def synchronize_device(self) -> None:
        """RT3.07, RT3.08: the streams of the current context."""
        ours = [stream for stream in self.streams if stream.alive and stream.context is self.current]
        failures = [LOST_MEMORY] if any(stream.may_fail for stream in ours) else []
        if any(self.graph.stuck(stream.number) for stream in ours):
            self.expect("aclrtSynchronizeDeviceWithTimeout", _SHORT, legal=[STREAM_TIMEOUT, *failures])
            return
        self.expect("aclrtSynchronizeDevice", legal=[0, *failures])
        for stream in ours:
            stream.may_fail = False
        self.ends(ours)

    def query(self, stream: Stream, *, until: bool) -> None:
        """RT5.07: of other contexts too; a loop that asks until the stream is complete comes to an end."""
        tail = self.graph.tails.get(stream.number)
        if tail is None or self.graph.known(tail):
            legal: tuple[int, ...] = (0,)
        else:
            legal = (1,) if self.graph.stuck(stream.number) else (0, 1)
        out = ffi.new("aclrtStreamStatus *")
        for _ in range(_POLLS if until else 1):
            self.expect("aclrtStreamQuery", stream.handle, out)
            if self.acl.check(out, legal) == 0:
                self.ends([stream])
                return
        if until:
            self.acl.check(out, (0,), f"after {_POLLS} queries")

    @rule(
        what=st.sampled_from(["read", "read", "write", "read behind", "write behind", "free"]),
        which=blocks,
        pick=streams,
    )
    def touch(self, what: str, which: int, pick: int) -> None:
        """The host reads, writes or frees memory: unordered with streams, or behind what is in one."""
        block, stream = self.block(which), self.stream(pick)
        if block is None:
            return
        if what == "free":
            self.free(block)
        elif what in ("read", "write"):
            self.prepare_host(block)
            (self.read if what == "read" else self.write)(block)
        elif not block.pinned:
            self.pageable(block, stream, reads=what == "read behind")

    def prepare_host(self, block: Memory) -> None:
        """In a careful run, wait for whatever touches a block, where that can be."""
        if self.careful:
            for node in self.graph.conflicts(block, block):
                stream = next((each for each in self.streams if each.number == node.stream), None)
                if stream is not None and stream.alive and not self.graph.known(node.number):
                    self.synchronize(stream)

    def legal(self, block: Memory, reader: Node) -> list[set[int]]:
        """What each byte of a block may be for a reader."""
        return [self.graph.possible(block, place, reader) for place in range(SIZE)]

    def read(self, block: Memory) -> None:
        """RT8.14, RT12.04: behind nothing but what the host knows to be over."""
        if block.pinned:
            self.acl.check_bytes(block.pointer, self.legal(block, self.graph.learn()))
            return
        buffer = ffi.new("char[]", SIZE)
        self.expect("aclrtMemcpy", buffer, SIZE, block.pointer, SIZE, D2H)
        self.acl.check_bytes(buffer, self.legal(block, self.graph.learn()))

    def next_content(self) -> bytes:
        """Bytes that were not written before."""
        self.turn += 1
        return bytes((self.turn * SIZE + place) % 200 + 20 for place in range(SIZE))

    def write(self, block: Memory) -> None:
        """RT8.14, RT12.04."""
        content = self.next_content()
        if block.pinned:
            self.acl.write(block.pointer, content)
        else:
            self.expect("aclrtMemcpy", block.pointer, SIZE, content, SIZE, H2D)
        self.graph.write(self.graph.learn(), block, 0, SIZE, content)

    def pageable(self, block: Memory, stream: Stream, *, reads: bool) -> None:
        """RT8.15, RT12.12: with pageable memory the call waits for the stream, copies, and returns."""
        self.prepare(stream, block, block)
        if self.graph.stuck(stream.number):
            return
        buffer, content = ffi.new("char[]", SIZE), self.next_content()
        code = 0 if stream.context is self.current else 107003
        legal = (0, LOST_MEMORY) if stream.may_fail and not code else (code,)
        to, from_, kind = (buffer, block.pointer, D2H) if reads else (block.pointer, content, H2D)
        answer = self.expect("aclrtMemcpyAsync", to, SIZE, from_, SIZE, kind, stream.handle, legal=legal)
        if code:
            return
        stream.may_fail = False
        self.ends([stream])
        if answer == 0 and reads:
            self.acl.check_bytes(buffer, self.legal(block, self.graph.learn()))
        elif answer == 0:
            self.graph.write(self.graph.learn(), block, 0, SIZE, content)

    def free(self, block: Memory) -> None:
        """RT8.06, RT12.19: at once. What has not run yet may fail, with 507053 (a choice of the simulator)."""
        self.prepare_host(block)
        users = [node for node in self.graph.nodes if block in node.touches and not self.graph.known(node.number)]
        if users and (self.careful or not self.target.exact):
            return
        self.expect("aclrtFreeHost" if block.pinned else "aclrtFree", block.pointer)
        block.freed = True
        for node in users:
            node.maybe = True
            for stream in self.streams:
                stream.may_fail |= stream.number == node.stream
        self.make_block(block.pinned)

    # -- streams and contexts ----------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["stream", "destroy", "force", "context", "switch", "destroy context"]), pick=streams)
    def change(self, what: str, pick: int) -> None:
        """Make, destroy and change streams and contexts."""
        live = [context for context in self.contexts if context.alive]
        if what == "stream" and sum(stream.alive for stream in self.streams) < _MOST_STREAMS:
            self.make_stream()
        elif what in ("destroy", "force"):
            self.destroy_stream(self.stream(pick), force=what == "force")
        elif what == "context" and len(live) < 3:
            out = ffi.new("aclrtContext *")
            self.expect("aclrtCreateContext", out, 0)
            self.current = Context(out[0])
            self.contexts.append(self.current)
            self.take_default_stream()
        elif what == "switch":
            self.enter(live[pick % len(live)])
        elif what == "destroy context" and len(live) > 1:
            self.destroy_context(live[1:][pick % (len(live) - 1)])

    def destroy_stream(self, stream: Stream, *, force: bool) -> None:
        """RT5.03, RT5.04, RT12.16: waits for what is queued, or drops it."""
        if stream.default:
            return
        pending = self.graph.pending(stream.number)
        if any(node.settles for node in pending) if force else self.graph.stuck(stream.number):
            return  # who else waits for it would not know what to do
        function = "aclrtDestroyStreamForce" if force else "aclrtDestroyStream"
        if self.refused(stream, function, stream.handle):
            return
        stream.alive = False
        if force:
            for node in pending:
                node.maybe = True
        else:
            self.ends([stream])
        self.expect("aclrtSynchronizeStream", stream.handle, legal=(107017,))

    def destroy_context(self, context: Context) -> None:
        """RT4.02, RT12.18: the work of its streams is finished first."""
        ours = [stream for stream in self.streams if stream.alive and stream.context is context]
        if any(self.graph.stuck(stream.number) for stream in ours):
            return
        if not self.target.exact:
            for stream in ours:
                self.synchronize(stream)
        self.expect("aclrtDestroyContext", context.handle)
        context.alive = False
        for stream in ours:
            stream.alive = False
            self.expect("aclrtSynchronizeStream", stream.handle, legal=(107017,))
        self.ends(ours)
        if self.current is context:
            self.expect("aclrtGetDevice", ffi.new("int32_t *"), legal=(107002,))
            self.enter(self.contexts[0])


__all__ = ["HOST", "StreamMachine"]

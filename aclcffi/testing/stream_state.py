"""The state of the machine of streams, and what it does with events and notifies."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from aclcffi import ffi
from aclcffi.testing.machines import AclMachine, Target
from aclcffi.testing.script import SUCCESS
from aclcffi.testing.stream_model import Block, Graph, Node

SIZE = 4
FAMILIES = ("DEF", "OLD", "EX")
EVENT_TIMEOUT, LOST_MEMORY = 507047, 507053
SHORT = 1  # milliseconds: enough for what cannot end
MOST_STREAMS = 6

streams = st.integers(0, MOST_STREAMS - 1)


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


class StreamState(AclMachine):
    """Streams, events, notifies and memory of the model; a call on each of them keeps it up to date."""

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

    # -- events ------------------------------------------------------------------------------------------------------

    def make_event(self, family: str) -> Event:
        """RT6.01 to RT6.03."""
        creates = {"DEF": "aclrtCreateEvent", "OLD": "aclrtCreateEventWithFlag", "EX": "aclrtCreateEventExWithFlag"}
        with self.acl.optional():
            event = Event(self.new(creates[family], "aclrtEvent", *(() if family == "DEF" else (1,))), family)
        self.events.append(event)
        return event

    def event(self, pick: int) -> Event:
        """A live event, or a new one."""
        live = [each for each in self.events if each.alive][::-1]
        return live[pick % len(live)] if pick < 6 and live else self.make_event(FAMILIES[pick % 3])

    @rule(
        what=st.sampled_from(
            ["record", "record", "wait", "wait", "reset", "query", "query old", "synchronize", "destroy"]
        ),
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
            self.expect("aclrtSynchronizeEventWithTimeout", event.handle, SHORT, legal=legal)
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

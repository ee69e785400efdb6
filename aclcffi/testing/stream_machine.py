"""A state machine over streams, events, notifies and memory, under every schedule."""

from collections.abc import Collection
from itertools import product

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aclcffi import ffi
from aclcffi.testing.machines import Options, schedules
from aclcffi.testing.script import SUCCESS
from aclcffi.testing.stream_model import Block, Node
from aclcffi.testing.stream_state import (
    FAMILIES,
    LOST_MEMORY,
    MOST_STREAMS,
    SHORT,
    SIZE,
    Context,
    Memory,
    Notify,
    Stream,
    StreamState,
    streams,
)

H2D, D2H, D2D = 1, 2, 3
STREAM_TIMEOUT = 507046
_LONG = 10_000  # milliseconds: more than all work takes
_POLLS = 10_000

# Each argument of a rule is one draw: Hypothesis deletes a step only if it has few of them.
_SPANS = [(0, 4), (0, 4), (0, 2), (2, 2), (1, 2)]
blocks = st.integers(0, 6)


class StreamMachine(StreamState):
    """Predicts codes, answers of queries, and what memory holds.

    In half of the runs every copy is put behind whatever it has to be behind, so that memory has one legal content; in
    the others what is unordered may come out in any order. A wait that nobody can end is either not made, or has a
    timeout, which must expire.
    """

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

    # -- copies ------------------------------------------------------------------------------------------------------

    @rule(pick=streams, to=st.sampled_from(list(product(range(7), _SPANS))), value=st.integers(1, 9))
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
            late = (STREAM_TIMEOUT,)
            return self.expect("aclrtSynchronizeStreamWithTimeout", stream.handle, SHORT, legal=late)
        legal: Collection[int] = (0, LOST_MEMORY) if stream.may_fail else SUCCESS
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
            self.expect("aclrtSynchronizeDeviceWithTimeout", SHORT, legal=[STREAM_TIMEOUT, *failures])
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
        if what == "stream" and sum(stream.alive for stream in self.streams) < MOST_STREAMS:
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

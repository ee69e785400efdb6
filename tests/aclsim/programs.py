"""Programs over several streams that cannot deadlock, a model that says what they may do, and a machine that runs them.

A program is a list of operations in an order in which they could run one after the other: that is why nothing deadlocks.
The model knows nothing of the simulator. From the operations alone it says which of them must be over before others
begin, what memory looks like after any order, and when each begins and ends in virtual time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from aclsim.core.task import Task
from aclsim.core.transfers import Copy, PartCopy
from aclsim.core.values import ValueWait, ValueWrite

import aclcffi
from tests.aclsim.machine import world_of
from tests.contract.acl import BACKEND, Acl
from tests.contract.sync import count_notify, event, notify

SIZES = (1, 2_000, 40_000)
BLOCK = max(SIZES)
WAYS = ("DEF", "EX", "OLD", "notify", "count", "value")
"""How one stream can wait for another."""

_ADD, _AT_LEAST = 1, 3


@dataclass
class Op:
    """An operation of a stream. `call` queues it, given the machine's objects.

    `place` is its position in its stream, `needs` the operation of another stream that it waits for, and `called_after`
    those that must be queued before it is. `seen` says of each stream how many of its operations are over when this one
    is. A copy has `copies`: destination, source and size. `is_reset` marks the reset behind a wait for an OLD event.
    """

    stream: int
    place: int
    call: Callable[["Objects"], int]
    needs: int | None = None
    called_after: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)
    copies: tuple[int, int, int] | None = None
    is_reset: bool = False

    @property
    def duration(self) -> int:
        """Virtual nanoseconds that it takes on product "generic"."""
        return 0 if self.copies is None else 5000 + self.copies[2] // 20


class Program:
    """A program under construction."""

    def __init__(self, streams: int, blocks: int) -> None:
        self.steps: list[str] = []  # in words, for messages
        self.blocks = blocks
        self.ops: list[Op] = []
        self.of_stream: list[list[int]] = [[] for _ in range(streams)]
        self.events: list[str] = []  # their families
        self.notifies = 0
        self._named: dict[int, list[int]] = {}  # which operations name an event
        self._used: dict[str, list[tuple[int, int]]] = {"OLD": [], "notify": []}  # objects, and their last operation
        self._steps = {"count": [0] * streams, "value": [0] * streams}
        self._writer: dict[int, int] = {}
        self._readers: dict[int, list[int]] = {}

    def __repr__(self) -> str:
        return "\n".join(["a program:", *self.steps])

    # -- what runs before what ---------------------------------------------------------------------------------------

    def _add(self, stream: int, call: Callable[["Objects"], int], needs: int | None = None) -> int:
        mine = self.of_stream[stream]
        seen = list(self.ops[mine[-1]].seen) if mine else [0] * len(self.of_stream)
        if needs is not None:
            seen = [max(pair) for pair in zip(seen, self.ops[needs].seen, strict=True)]
        seen[stream] = len(mine) + 1
        self.ops.append(Op(stream, len(mine), call, needs, seen=seen))
        mine.append(len(self.ops) - 1)
        return mine[-1]

    def ordered(self, index: int, stream: int) -> bool:
        """Whether an operation is over before anything begins that is added to a stream from now on."""
        mine, op = self.of_stream[stream], self.ops[index]
        return bool(mine) and self.ops[mine[-1]].seen[op.stream] > op.place

    def constraints(self) -> list[tuple[int, int]]:
        """All pairs of operations of which the first must be over before the second begins."""
        return [
            (first, second)
            for first, before in enumerate(self.ops)
            for second, behind in enumerate(self.ops)
            if first != second and behind.seen[before.stream] > before.place
        ]

    # -- operations --------------------------------------------------------------------------------------------------

    def copy(self, stream: int, destination: int, source: int, size: int) -> None:
        """Copy between two blocks, whatever else happens to them."""
        if destination == source:
            return
        index = self._add(stream, lambda to: to.copy(stream, destination, source, size))
        self.steps.append(f"{index}: stream {stream} copies {size} bytes from block {source} to block {destination}")
        self.ops[index].copies = (destination, source, size)
        self._readers.setdefault(source, []).append(index)
        self._writer[destination] = index
        self._readers[destination] = []

    def ordered_copy(self, stream: int, destination: int, source: int, size: int, way: str, again: int = 0) -> None:
        """Copy between two blocks, behind everything that it has to be behind."""
        conflicts = [self._writer.get(source), self._writer.get(destination), *self._readers.get(destination, [])]
        for conflict in conflicts:
            if conflict is not None and not self.ordered(conflict, stream):
                self.synchronise(self.ops[conflict].stream, stream, way, again)
        self.copy(stream, destination, source, size)

    def synchronise(self, first: int, second: int, way: str, again: int = 0) -> None:
        """Let what is added to the stream `second` from now on run behind what is in the stream `first`.

        Where there are objects that were used before and may be used once more, `again` chooses one; 0 takes a new one.
        """
        if first == second:
            return
        self.steps.append(f"{len(self.ops)}: stream {second} waits for stream {first} by {way} (again: {again})")
        if way in ("DEF", "EX"):
            self._by_record(first, second, way, again)
        elif way == "OLD":
            self._by_flag(first, second, again)
        elif way == "notify":
            self._by_notify(first, second, again)
        else:
            self._by_counter(first, second, way)

    def _by_record(self, first: int, second: int, family: str, again: int) -> None:
        known = [number for number, each in enumerate(self.events) if each == family]
        if again and known:
            number = known[again % len(known)]
        else:
            self.events.append(family)
            number = len(self.events) - 1
        named = self._named.setdefault(number, [])
        record = self._add(first, lambda to: to.record(number, first))
        self.ops[record].called_after = list(named)  # a wait takes the record that is the newest at the call
        wait = self._add(second, lambda to: to.wait(number, second), record)
        self.ops[wait].called_after = [record]
        named += [record, wait]

    def _reused(self, kind: str, first: int, second: int, again: int) -> int | None:
        """An object whose last use is over before either stream goes on, taken out of the list."""
        used = self._used[kind]
        fit = [each for each in used if self.ordered(each[1], first) and self.ordered(each[1], second)]
        if not again or not fit:
            return None
        chosen = fit[again % len(fit)]
        used.remove(chosen)
        return chosen[0]

    def _by_flag(self, first: int, second: int, again: int) -> None:
        number = self._reused("OLD", first, second, again)
        if number is None:
            self.events.append("OLD")
            number = len(self.events) - 1
        named: int = number
        record = self._add(first, lambda to: to.record(named, first))
        self._add(second, lambda to: to.wait(named, second), record)
        reset = self._add(second, lambda to: to.reset(named, second))
        self.ops[reset].is_reset = True
        self._used["OLD"].append((named, reset))

    def _by_notify(self, first: int, second: int, again: int) -> None:
        number = self._reused("notify", first, second, again)
        if number is None:
            self.notifies += 1
            number = self.notifies - 1
        named: int = number
        post = self._add(first, lambda to: to.post(named, first))
        self._used["notify"].append((named, self._add(second, lambda to: to.take(named, second), post)))

    def _by_counter(self, first: int, second: int, way: str) -> None:
        """Each stream counts up a count notify, or a value, of its own; others wait until it has come so far."""
        self._steps[way][first] += 1
        step = self._steps[way][first]
        if way == "count":
            self._add(second, lambda to: to.reach(first, step, second), self._add(first, lambda to: to.add(first)))
        else:
            made = self._add(first, lambda to: to.write(first, step))
            self._add(second, lambda to: to.look(first, step, second), made)

    # -- what comes of it --------------------------------------------------------------------------------------------

    def calls(self, priorities: Sequence[int]) -> list[int]:
        """An order in which to queue the operations: that of each stream is kept, the rest is up to the priorities."""
        queues = [list(mine) for mine in self.of_stream]
        order: list[int] = []
        while len(order) < len(self.ops):
            ready = [queue for queue in queues if queue and set(self.ops[queue[0]].called_after) <= set(order)]
            choice = priorities[len(order) % len(priorities)] if priorities else 0
            order.append(ready[choice % len(ready)].pop(0))
        return order

    def memory_after(self, order: Sequence[int]) -> list[bytes]:
        """The blocks after the operations ran in this order."""
        blocks = [bytearray([block]) * BLOCK for block in range(self.blocks)]
        for index in order:
            if (copies := self.ops[index].copies) is not None:
                destination, source, size = copies
                blocks[destination][:size] = blocks[source][:size]
        return [bytes(block) for block in blocks]

    def times(self, calls: Sequence[int], synchronised: dict[int, int], now: int) -> list[tuple[int, int]]:
        """When each operation begins and ends, if they were queued in this order from the virtual time `now` on.

        `synchronised` says of which stream the host waited before it queued the operation at a place in the order.
        """
        submitted: dict[int, int] = {}
        for place, index in enumerate(calls):
            if (stream := synchronised.get(place)) is not None:
                done = [index for index in self.of_stream[stream] if index in submitted]
                now = max([now, *(self._times(submitted)[index][1] for index in done)])
            submitted[index] = now
        known = self._times(submitted)
        return [known[index] for index in range(len(self.ops))]

    def _times(self, submitted: dict[int, int]) -> dict[int, tuple[int, int]]:
        known: dict[int, tuple[int, int]] = {}
        for index, op in enumerate(self.ops):  # in an order in which they could run
            if index in submitted:
                earlier = [self.of_stream[op.stream][op.place - 1]] if op.place else []
                needed = [op.needs] if op.needs is not None else []
                # What is not queued yet cannot be over when somebody asks, so nobody asks then.
                begin = max([submitted[index], *(known[each][1] for each in earlier + needed if each in known)])
                known[index] = (begin, begin + op.duration)
        return known

    def may_synchronise(self, stream: int, queued: set[int]) -> bool:
        """Whether the host may wait for a stream: whether all that its tasks need has been queued."""
        seen = [0] * len(self.of_stream)
        for index in queued.intersection(self.of_stream[stream]):
            seen = [max(pair) for pair in zip(seen, self.ops[index].seen, strict=True)]
        return all(queued.issuperset(mine[:count]) for mine, count in zip(self.of_stream, seen, strict=True))


# -- the machine -----------------------------------------------------------------------------------------------------


class Objects:
    """A machine with all that a program names. Each method queues one operation and returns the code."""

    def __init__(self, acl: Acl, program: Program) -> None:
        self.acl = acl
        self.streams = [acl.stream() for _ in program.of_stream]
        self.blocks = [acl.malloc(BLOCK, bytes([block]) * BLOCK) for block in range(program.blocks)]
        self.events = [event(acl, family) for family in program.events]
        self.notifies = [notify(acl) for _ in range(program.notifies)]
        self.counters = [count_notify(acl) for _ in program.of_stream]
        self.values = [acl.malloc(8, bytes(8)) for _ in program.of_stream]

    def copy(self, stream: int, destination: int, source: int, size: int) -> int:
        blocks, kind = self.blocks, self.acl.lib.ACL_MEMCPY_DEVICE_TO_DEVICE
        return self.acl.aclrtMemcpyAsync(blocks[destination], size, blocks[source], size, kind, self.streams[stream])

    def record(self, number: int, stream: int) -> int:
        return self.acl.aclrtRecordEvent(self.events[number], self.streams[stream])

    def wait(self, number: int, stream: int) -> int:
        return self.acl.aclrtStreamWaitEvent(self.streams[stream], self.events[number])

    def reset(self, number: int, stream: int) -> int:
        return self.acl.aclrtResetEvent(self.events[number], self.streams[stream])

    def post(self, number: int, stream: int) -> int:
        return self.acl.aclrtRecordNotify(self.notifies[number], self.streams[stream])

    def take(self, number: int, stream: int) -> int:
        return self.acl.aclrtWaitAndResetNotify(self.notifies[number], self.streams[stream], 0)

    def add(self, stream: int) -> int:
        info = self.acl.ffi.new("aclrtCntNotifyRecordInfo *", [_ADD, 1])
        return self.acl.aclrtCntNotifyRecord(self.counters[stream], self.streams[stream], info)

    def reach(self, counter: int, step: int, stream: int) -> int:
        info = self.acl.ffi.new("aclrtCntNotifyWaitInfo *", {"mode": _AT_LEAST, "value": step})
        return self.acl.aclrtCntNotifyWaitWithTimeout(self.counters[counter], self.streams[stream], info)

    def write(self, stream: int, value: int) -> int:
        return self.acl.aclrtValueWrite(self.values[stream], value, 0, self.streams[stream])

    def look(self, place: int, value: int, stream: int) -> int:
        return self.acl.aclrtValueWait(self.values[place], value, 0, self.streams[stream])


@dataclass
class Run:
    """What came of a program on a machine.

    `trace` are the operations in the order in which they ran; `times` when each began and ended, None for a wait for
    which nothing was queued; `memory` the blocks in the end; `now` the virtual time at which the first was queued.
    """

    trace: list[int]
    times: list[tuple[int, int] | None]
    memory: list[bytes]
    now: int


def play(
    program: Program,
    options: dict[str, Any],
    calls: Sequence[int] | None = None,
    synchronised: dict[int, int] | None = None,
    *,
    without: frozenset[int] = frozenset(),
) -> Run:
    """Run a program on a fresh machine. `without` are operations that are left out; see `Program.times` for the rest."""
    with aclcffi.open_backend(BACKEND, hang_after=0, **options) as backend:
        acl = Acl(backend)
        acl.start()
        objects, world = Objects(acl, program), world_of(acl)
        tasks: dict[Task, int] = {}
        ran: list[Task] = []
        submit, now = world.scheduler.submit, world.clock.now
        current = 0

        def queue(task: Task) -> None:
            assert current not in tasks.values()
            tasks[task] = current
            submit(task)

        world.scheduler.submit = queue
        with _watched(ran):
            for place, index in enumerate(range(len(program.ops)) if calls is None else calls):
                current = index
                if synchronised and place in synchronised:
                    acl.synchronize(objects.streams[synchronised[place]])
                if index not in without:
                    acl.ok(program.ops[index].call(objects))
            acl.ok(acl.aclrtSynchronizeDevice())
        of_op = {index: task for task, index in tasks.items()}
        times = [
            (of_op[index].begin, of_op[index].end) if index in of_op else None for index in range(len(program.ops))
        ]
        return Run([tasks[task] for task in ran], times, [acl.read(block, BLOCK) for block in objects.blocks], now)


@contextmanager
def _watched(ran: list[Task]) -> Iterator[None]:
    """Keep every task whose `run` is called, in order."""

    def watched(run: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(task: Task) -> None:
            ran.append(task)
            run(task)

        return call

    kinds: list[Any] = [Task, Copy, PartCopy, ValueWrite, ValueWait]
    patches = [mock.patch.object(kind, "run", watched(kind.run)) for kind in kinds]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()

"""Programs over several streams that cannot deadlock, a model that says what they may do, and the machine that runs them.

A program is a list of operations in an order in which they could run one after the other: that is why nothing deadlocks.
The model knows nothing of the simulator: from the operations alone it says which of them must run before which others,
what memory looks like after any order, and when each begins and ends in virtual time.
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
from tests.contract.conftest import BACKEND, Acl
from tests.contract.sync import SYNC, TIME_LINE, count_notify, event, notify

SIZES = (1, 2_000, 40_000)
BLOCK = max(SIZES)
WAYS = ("DEF", "EX", "OLD", "notify", "count", "value")
"""How one stream can wait for another."""

_RUNS = (Task, Copy, PartCopy, ValueWrite, ValueWait)
_AT_LEAST, _ADD = 3, 1


@dataclass
class Op:
    """An operation of a stream. `call` queues it, given the machine's objects.

    `place` is its position in its stream. `needs` is the operation of another stream that it waits for, `called_after`
    those that must be queued before it is, and `seen` says of each stream how many of its operations run before this
    one is over. A copy has `copies`: destination, source and size.
    """

    kind: str
    stream: int
    place: int
    call: Callable[["Objects"], int]
    needs: int | None = None
    called_after: list[int] = field(default_factory=list)
    copies: tuple[int, int, int] | None = None
    seen: list[int] = field(default_factory=list)

    @property
    def duration(self) -> int:
        """Virtual nanoseconds that it takes on product "generic"."""
        return 0 if self.copies is None else 5000 + self.copies[2] // 20


class Program:
    """A program under construction."""

    def __init__(self, streams: int, blocks: int) -> None:
        self.streams = streams
        self.blocks = blocks
        self.ops: list[Op] = []
        self.tails: list[int | None] = [None] * streams
        self.events: list[str] = []  # families
        self.notifies = 0
        self._named: dict[int, list[int]] = {}  # the operations that name an event
        self._free: dict[str, list[tuple[int, int]]] = {"OLD": [], "notify": []}  # objects, and who used them last
        self._steps = {"count": [0] * streams, "value": [0] * streams}
        self._writer: dict[int, int] = {}
        self._readers: dict[int, list[int]] = {}

    # -- what runs before what ---------------------------------------------------------------------------------------

    def _add(self, kind: str, stream: int, call: Callable[["Objects"], int], needs: int | None = None) -> int:
        tail = self.tails[stream]
        seen = list(self.ops[tail].seen) if tail is not None else [0] * self.streams
        if needs is not None:
            seen = [max(pair) for pair in zip(seen, self.ops[needs].seen, strict=True)]
        place = seen[stream]
        seen[stream] += 1
        self.ops.append(Op(kind, stream, place, call, needs, seen=seen))
        self.tails[stream] = len(self.ops) - 1
        return len(self.ops) - 1

    def ordered(self, first: int, stream: int) -> bool:
        """Whether an operation is over before anything begins that is added to a stream from now on."""
        tail, op = self.tails[stream], self.ops[first]
        return tail is not None and self.ops[tail].seen[op.stream] > op.place

    def before(self, second: int) -> Iterator[int]:
        """The operations that must be over before another one begins: the one before it, and the one it waits for."""
        op = self.ops[second]
        if op.needs is not None:
            yield op.needs
        yield from (
            index for index, other in enumerate(self.ops) if (other.stream, other.place) == (op.stream, op.place - 1)
        )

    # -- operations --------------------------------------------------------------------------------------------------

    def copy(self, stream: int, destination: int, source: int, size: int) -> None:
        """Copy between two blocks, ordered with nothing else."""
        if destination == source:
            return
        index = self._add("copy", stream, lambda to: to.copy(stream, destination, source, size))
        self.ops[index].copies = (destination, source, size)
        self._readers.setdefault(source, []).append(index)
        self._writer[destination] = index
        self._readers[destination] = []

    def ordered_copy(self, stream: int, destination: int, source: int, size: int, ways: Iterator[str]) -> None:
        """Copy between two blocks, behind everything that it has to be behind."""
        if destination == source:
            return
        conflicts = [self._writer.get(source), self._writer.get(destination), *self._readers.get(destination, [])]
        for conflict in conflicts:
            if conflict is not None and not self.ordered(conflict, stream):
                self.synchronise(self.ops[conflict].stream, stream, next(ways))
        self.copy(stream, destination, source, size)

    def synchronise(self, first: int, second: int, way: str, *, again: int = 0) -> None:
        """Let what is added to the stream `second` from now on run behind what is in the stream `first`.

        `again` chooses among the objects that were used before and may be used again, 0 takes a new one.
        """
        if first == second:
            return
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
        if not again or not known:
            self.events.append(family)
        number = known[again % len(known)] if again and known else len(self.events) - 1
        named = self._named.setdefault(number, [])
        record = self._add("record", first, lambda to: to.record(number, first))
        self.ops[record].called_after = list(named)  # not before the waits for older records are queued
        wait = self._add("wait", second, lambda to: to.wait(number, second), record)
        self.ops[wait].called_after = [record]
        named += [record, wait]

    def _reusable(self, kind: str, first: int, second: int, again: int) -> int | None:
        """An object whose last use is over before both streams go on."""
        free = self._free[kind]
        fit = [each for each in free if self.ordered(each[1], first) and self.ordered(each[1], second)]
        if not again or not fit:
            return None
        free.remove(chosen := fit[again % len(fit)])
        return chosen[0]

    def _by_flag(self, first: int, second: int, again: int) -> None:
        found = self._reusable("OLD", first, second, again)
        if found is None:
            self.events.append("OLD")
        number = len(self.events) - 1 if found is None else found
        record = self._add("record", first, lambda to: to.record(number, first))
        self._add("wait", second, lambda to: to.wait(number, second), record)
        reset = self._add("reset", second, lambda to: to.reset(number, second))
        self._free["OLD"].append((number, reset))

    def _by_notify(self, first: int, second: int, again: int) -> None:
        found = self._reusable("notify", first, second, again)
        if found is None:
            self.notifies += 1
        number = self.notifies - 1 if found is None else found
        post = self._add("post", first, lambda to: to.post(number, first))
        take = self._add("take", second, lambda to: to.take(number, second), post)
        self._free["notify"].append((number, take))

    def _by_counter(self, first: int, second: int, way: str) -> None:
        """Each stream counts up a count notify, or a value, of its own; others wait until it has come so far."""
        self._steps[way][first] += 1
        step = self._steps[way][first]
        if way == "count":
            made = self._add("add", first, lambda to: to.add(first))
            self._add("reach", second, lambda to: to.reach(first, step, second), made)
        else:
            made = self._add("write", first, lambda to: to.write(first, step))
            self._add("look", second, lambda to: to.look(first, step, second), made)

    # -- what comes of it --------------------------------------------------------------------------------------------

    def memory_after(self, order: Sequence[int]) -> list[bytes]:
        """The blocks after the operations ran in this order."""
        blocks = [bytearray([block]) * BLOCK for block in range(self.blocks)]
        for index in order:
            if (copies := self.ops[index].copies) is not None:
                destination, source, size = copies
                blocks[destination][:size] = blocks[source][:size]
        return [bytes(block) for block in blocks]

    def calls(self, priorities: Sequence[int]) -> list[int]:
        """An order in which to queue the operations: that of each stream is kept, the rest is up to the priorities."""
        left, order, done = {stream: [i for i, op in enumerate(self.ops) if op.stream == stream] for stream in range(self.streams)}, [], set()
        while len(order) < len(self.ops):
            ready = [queue[0] for queue in left.values() if queue and done.issuperset(self.ops[queue[0]].called_after)]
            number = priorities[len(order) % len(priorities)] if priorities else 0
            chosen = sorted(ready)[number % len(ready)]
            left[self.ops[chosen].stream].pop(0)
            order.append(chosen)
            done.add(chosen)
        return order

"""What streams may do: which operation is over before which other one begins, and what each byte of memory may be.

Independent of any backend. Operations are nodes of a graph. An edge says "is over before"; whatever it leaves open is
unordered, and any order of it is legal (contract_rt section 12). The host is a stream of its own whose operations run
when they are called.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

HOST = -1

Source = int | bytes | tuple["Block", int]
"""What is written: one byte value, bytes, or the bytes from a place in a block on."""


@dataclass(eq=False)
class Block:
    """A piece of memory. `freed` says that the program gave it back."""

    size: int
    freed: bool = False
    writes: list["Node"] = field(default_factory=list)


@dataclass(eq=False)
class Node:
    """An operation: its number, its stream, what is over before it, and what it writes where.

    `after` are numbers of operations all of which are over before it; `any_of`, if not empty, are numbers of operations
    one of which is. `unposted` is a wait for a notify that nobody records yet. `maybe` says that it may never run, or
    fail. `settles` says that others may depend on it.
    """

    number: int
    stream: int
    after: list[int]
    any_of: list[int]
    unposted: bool = False
    settles: bool = False
    maybe: bool = False
    touches: tuple[Block, ...] = ()
    block: Block | None = None
    start: int = 0
    size: int = 0
    source: Source = 0
    ancestors: int = 0
    perhaps: int = 0
    stuck: bool = False


class Graph:
    """All operations so far."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tails: dict[int, int] = {}

    # -- order -------------------------------------------------------------------------------------------------------

    def add(
        self, stream: int, after: Iterable[int] = (), any_of: Iterable[int] = (), *, unposted: bool = False
    ) -> Node:
        """Add an operation to the end of a stream; it is called after everything that the host did."""
        ends = [tail for tail in {self.tails.get(stream), self.tails.get(HOST)} if tail is not None]
        node = Node(len(self.nodes), stream, [*ends, *after], list(any_of), unposted)
        self.nodes.append(node)
        self.tails[stream] = node.number
        self._update(node)
        return node

    def learn(self, *over: int) -> Node:
        """The host knows that operations are over."""
        return self.add(HOST, over)

    def link(self, first: Node, second: Node) -> None:
        """An operation that was added later is over before one that was added earlier."""
        second.after.append(first.number)
        second.unposted = False
        changed = True
        while changed:
            changed = False
            for node in self.nodes:
                changed |= self._update(node)

    def _update(self, node: Node) -> bool:
        old = (node.ancestors, node.perhaps, node.stuck)
        sure, perhaps = 0, 0
        for number in node.after:
            sure |= self.nodes[number].ancestors | 1 << number
            perhaps |= self.nodes[number].perhaps | 1 << number
        common = -1
        for number in node.any_of:
            common &= self.nodes[number].ancestors | 1 << number
            perhaps |= self.nodes[number].perhaps | 1 << number
        node.ancestors = sure | (common if node.any_of else 0)
        node.perhaps = perhaps
        stuck = node.unposted or any(self.nodes[number].stuck for number in node.after)
        node.stuck = stuck or (bool(node.any_of) and all(self.nodes[number].stuck for number in node.any_of))
        return old != (node.ancestors, node.perhaps, node.stuck)

    def before(self, first: int, second: int) -> bool:
        """Whether one operation is over before another one begins, under every schedule."""
        return bool(self.nodes[second].ancestors >> first & 1)

    def ordered(self, first: int, stream: int) -> bool:
        """Whether an operation is over before anything begins that is added to a stream from now on."""
        return any(
            tail is not None and (tail == first or self.before(first, tail))
            for tail in (self.tails.get(stream), self.tails.get(HOST))
        )

    def known(self, node: int) -> bool:
        """Whether the host knows that an operation is over."""
        return self.ordered(node, HOST)

    def would_wait(self, stream: int, node: int) -> bool:
        """Whether what is added to a stream may have to wait for an operation."""
        tail = self.tails.get(stream)
        return tail is not None and (tail == node or bool(self.nodes[tail].perhaps >> node & 1))

    def stuck(self, stream: int) -> bool:
        """Whether a stream cannot come to its end before somebody records a notify."""
        return stream in self.tails and self.nodes[self.tails[stream]].stuck

    def pending(self, stream: int) -> list[Node]:
        """The operations of a stream that the host does not know to be over."""
        return [node for node in self.nodes if node.stream == stream and not self.known(node.number)]

    # -- memory ------------------------------------------------------------------------------------------------------

    def write(self, node: Node, block: Block, start: int, size: int, source: Source) -> None:
        """Say what an operation writes."""
        node.block, node.start, node.size, node.source = block, start, size, source
        from_ = (source[0],) if isinstance(source, tuple) else ()
        node.touches = (block, *from_)
        block.writes.append(node)

    def conflicts(self, reads: Block | None, writes: Block) -> list[Node]:
        """The operations that must not run at the same time as one that reads one block and writes another."""
        return [
            node
            for node in self.nodes
            if node.block is not None and (node.block in (reads, writes) or writes in node.touches)
        ]

    def possible(self, block: Block, place: int, reader: Node) -> set[int]:
        """What a byte may be when an operation reads it.

        It is what a chain of writes brought there: a write counts that is not after the reader, unless another one is
        between the two for certain. A few values of the answer may be impossible because of how chains exclude each
        other, so a legal backend never leaves the set.
        """
        values: set[int] = set()
        seen = {(block, place, reader.number)}
        left = [(block, place, reader.number)]
        while left:
            where, at, before = left.pop()
            for writer in self._visible(where, at, before):
                source, offset = writer.source, at - writer.start
                if isinstance(source, int):
                    values.add(source)
                elif isinstance(source, bytes):
                    values.add(source[offset])
                else:
                    step = (source[0], source[1] + offset, writer.number)
                    if step not in seen:
                        seen.add(step)
                        left.append(step)
        return values

    def _visible(self, block: Block, place: int, reader: int) -> list[Node]:
        writers = [
            node
            for node in block.writes
            if node.start <= place < node.start + node.size
            and node.number != reader
            and not self.before(reader, node.number)
        ]
        certain = [node for node in writers if not node.maybe and self.before(node.number, reader)]
        return [
            node
            for node in writers
            if not any(self.before(node.number, other.number) for other in certain if other is not node)
        ]

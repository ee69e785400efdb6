"""Times of callables, and rows that compare them."""

import timeit
from collections.abc import Callable
from typing import NamedTuple

REPEATS = 40
_LEAST = 0.01  # seconds that one measurement takes at least: short ones find quiet moments


class Row(NamedTuple):
    """One line of the report: seconds per operation of ours and of the peer; `goal` is what the ratio should be."""

    what: str
    peer: str
    ours: float
    theirs: float
    goal: str = ""

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours / self.theirs


def compare(
    ours: Callable[[], object], *peers: Callable[[], object], operations: int = 1
) -> tuple[float, tuple[float, ...]]:
    """Seconds per operation of each callable, which does `operations` of them: the best of interleaved repeats."""
    timers = [timeit.Timer(function) for function in (ours, *peers)]
    numbers = []
    for timer in timers:
        number, spent = timer.autorange()
        numbers.append(max(int(number * _LEAST / max(spent, 1e-9)), 1))
    best = [float("inf")] * len(timers)
    for _ in range(REPEATS):
        for index, (timer, number) in enumerate(zip(timers, numbers, strict=True)):
            best[index] = min(best[index], timer.timeit(number) / number / operations)
    return best[0], tuple(best[1:])


def show(seconds: float) -> str:
    """A time with three digits and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def report(rows: list[Row]) -> str:
    """The rows as text."""
    table = [("what", "ours", "peer", "", "ratio", "goal")]
    table += [(row.what, show(row.ours), row.peer, show(row.theirs), f"{row.ratio:.3g}", row.goal) for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table
    )

"""Why no test proves some contract rows: the file of reasons, by row, by range of rows or by section."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aclcffi.testing.rows import RowList, section_of


@dataclass(frozen=True)
class Reason:
    """An entry of the file: `line` is its line, `key` what stands before its text, `rows` the rows that it covers.

    A key is one row (`RT6.07`), a range within a section (`RT6.21-RT6.26`) or a whole section (`RT6.*`).
    """

    line: int
    key: str
    text: str
    rows: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether the key names one row by its id."""
        return self.rows == (self.key,)


def read_reasons(path: Path, rows: RowList) -> list[Reason]:
    """Read the reasons: a JSON object, each entry on a line of its own.

    Raises:
        ValueError: It is no such object, a key covers no row or stands there twice, or a reason is empty.
        OSError: The file cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        entries: object = json.loads(text, object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: {error.msg}") from error
    if not isinstance(entries, tuple):  # what the hook makes of an object
        raise ValueError(f"{path}:1: not a JSON object")  # noqa: TRY004 (the text is wrong, not an argument)
    reasons: dict[str, Reason] = {}
    for key, reason in entries:
        line = _line_of(key, text)
        covered = _covered(key, rows)
        if not covered:
            raise ValueError(f"{path}:{line}: {key!r} is no row, no range of rows (RT6.21-RT6.26), no section (RT6.*)")
        if key in reasons:
            raise ValueError(f"{path}:{line}: {key} stands here twice")
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError(f"{path}:{line}: {key} has no reason")
        reasons[key] = Reason(line, key, reason, covered)
    return list(reasons.values())


def reasons_by_row(reasons: Iterable[Reason]) -> dict[str, Reason]:
    """Return the reason of each row; where several cover it, the one that covers the fewest rows."""
    narrow: dict[str, Reason] = {}
    for reason in sorted(reasons, key=lambda reason: len(reason.rows)):
        for row in reason.rows:
            narrow.setdefault(row, reason)
    return narrow


def stale_reasons(reasons: list[Reason], proven: Iterable[str]) -> dict[Reason, str]:
    """Return the entries to delete, each with the sentence that says why.

    An exact entry has to go when its row is proven. A range or a section gives way to proof and to narrower entries
    silently; it has to go when nothing is left that it explains.
    """
    proven = set(proven)
    narrow = reasons_by_row(reasons)
    stale: dict[Reason, str] = {}
    for reason in reasons:
        if reason.is_exact and reason.key in proven:
            stale[reason] = "a test proves this row"
        elif not any(narrow[row] is reason and row not in proven for row in reason.rows):
            stale[reason] = "each row that it covers is proven or has a narrower reason"
    return stale


def _covered(key: str, rows: RowList) -> tuple[str, ...]:
    if key in rows.rows:
        return (key,)
    section, _, star = key.partition(".")
    if star == "*":
        return tuple(rows.of_section(section))
    ends = re.fullmatch(r"(\S+)-(\S+)", key)
    if ends is None or section_of(ends[1]) != section_of(ends[2]):
        return ()
    members = list(rows.of_section(section_of(ends[1])))
    if ends[1] not in members or ends[2] not in members:
        return ()
    return tuple(members[members.index(ends[1]) : members.index(ends[2]) + 1])


def _line_of(key: str, text: str) -> int:
    before = text.partition(json.dumps(key))[0]
    return before.count("\n") + 1

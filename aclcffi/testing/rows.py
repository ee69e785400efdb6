"""The `row` marker: `@pytest.mark.row("RT8.14")` says which rows of the ACL contract a test proves.

This module is a pytest plugin: `pytest_plugins = ["aclcffi.testing.rows"]` in the top conftest.py switches it on. The
setting `row_list` names the file that lists the rows; below the root directory it is `tests/contract/rows.txt` unless
the pytest configuration says otherwise. A marker with no row or with an unknown one stops the run at collection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROW = re.compile(r"(?:RT|MD)\d+\.\d\d")
_LINE = re.compile(r"(?P<id>(?P<section>(?:RT|MD)\d+)(?:\.\d\d)?) (?P<title>\S.*)")
_MARKER = "row(id, ...): the contract rows that this test proves"


@dataclass(frozen=True)
class RowList:
    """All rows of the contract: `sections` and `rows` map ids such as RT8 and RT8.14 to short titles, in order."""

    sections: dict[str, str]
    rows: dict[str, str]

    def of_section(self, section: str) -> dict[str, str]:
        """Return the rows of one section, id to title, in order."""
        return {row: title for row, title in self.rows.items() if section_of(row) == section}


def section_of(row: str) -> str:
    """Return the section of a row: RT8 for RT8.14."""
    return row.partition(".")[0]


def read_rows(path: Path) -> RowList:
    """Read a list of rows: a line `RT8 Memory` opens a section, a line `RT8.14 aclrtMemcpy` names a row of it.

    Empty lines and lines that start with `#` say nothing.

    Raises:
        ValueError: A line is neither, an id stands there twice, or a row stands outside its section.
        OSError: The file cannot be read.
    """
    sections: dict[str, str] = {}
    rows: dict[str, str] = {}
    current = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path}:{number}: not a row or a section and its title: {line!r}")
        name, section, title = match["id"], match["section"], match["title"]
        if name in rows or name in sections:
            raise ValueError(f"{path}:{number}: {name} stands here twice")
        if name == section:
            sections[name] = title
            current = section
        elif section == current:
            rows[name] = title
        else:
            raise ValueError(f"{path}:{number}: {name} stands outside its section")
    return RowList(sections, rows)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the setting that names the list of rows."""
    parser.addini(
        "row_list",
        "file that lists the rows of the contract, from the root directory",
        default="tests/contract/rows.txt",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, unless the pytest configuration does."""
    if not any(line.startswith("row(") for line in config.getini("markers")):
        config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse markers that name no row, or one that the contract does not have.

    It comes first, before other plugins deselect tests: a wrong marker is refused in a partial run too.

    Raises:
        pytest.UsageError: A marker is wrong, or the list of rows cannot be read; the message names each test and id.
    """
    marked = [(item, marker) for item in items for marker in item.iter_markers("row")]
    if not marked:
        return
    path = config.rootpath / config.getini("row_list")
    try:
        known = read_rows(path).rows
    except (OSError, ValueError) as error:
        raise pytest.UsageError(f"the list of contract rows cannot be read: {error}") from error
    problems = [f"{item.nodeid}: {problem}" for item, marker in marked for problem in _problems(marker, known)]
    if problems:
        raise pytest.UsageError("\n".join(["wrong row markers:", *dict.fromkeys(problems)]))


def _problems(marker: pytest.Mark, known: dict[str, str]) -> list[str]:
    if not marker.args or marker.kwargs:
        return ['the row marker takes row ids, at least one: row("RT8.14", ...)']
    return [
        f"{name!r} is no row of the contract" for name in marker.args if not isinstance(name, str) or name not in known
    ]

"""Which tests say that they prove which contract rows, read from the source of the tests without running them.

A row marker counts for a test when it is one of its decorators, stands in the `pytestmark` of its class or module, or
belongs to a `pytest.param` in its decorators, also by way of a name that the module defines. Whatever cannot be read in
this way is reported, so that no marker is lost.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple, TypeAlias

_TEST_FILES = ("test_*.py", "*_test.py")
_NO_PROOF = ("skip", "xfail")
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class MarkedTest(NamedTuple):
    """A test: the path of its file from the root of the repository, and its name there (`TestCopy::test_kinds`)."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}::{self.name}"


@dataclass
class Markers:
    """`proofs` maps each marked row to the tests that name it; `problems` are sentences about unreadable markers."""

    proofs: dict[str, list[MarkedTest]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_markers(root: Path) -> Markers:
    """Read the row markers of all Python files in the `tests` folder below `root`.

    Raises:
        SyntaxError: A file is no Python.
        OSError: A file cannot be read.
    """
    markers = Markers()
    for path in sorted((root / "tests").rglob("*.py")):
        _Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"), markers).read()
    return markers


class _Module:
    """One file of the tests."""

    def __init__(self, path: str, text: str, markers: Markers) -> None:
        self._path = path
        self._markers = markers
        self._tree = ast.parse(text, path)
        self._calls = {id(node.func): node for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        self._definitions: dict[str, list[ast.AST]] = {}
        self._reached: set[int] = set()

    def read(self) -> None:
        """Read the tests of the file, then report the markers that none of them reaches."""
        self._define(self._tree.body)
        if any(fnmatch(Path(self._path).name, pattern) for pattern in _TEST_FILES):
            self._read_tests(self._tree.body, "", [])
        for node in ast.walk(self._tree):
            if _is_mark(node, "row") and id(node) not in self._reached:
                self._report(node, "this row marker belongs to no test")

    def _define(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                for name in _assigned(statement):
                    self._definitions.setdefault(name, []).append(statement.value)
            elif isinstance(statement, _Function) and not _is_test(statement):
                self._definitions.setdefault(statement.name, []).append(statement)
            elif isinstance(statement, ast.ClassDef):
                self._define(statement.body)

    def _read_tests(self, body: list[ast.stmt], prefix: str, inherited: list[ast.expr]) -> None:
        marks = [
            *inherited,
            *(
                statement.value
                for statement in body
                if isinstance(statement, ast.Assign | ast.AnnAssign)
                and statement.value is not None
                and "pytestmark" in _assigned(statement)
            ),
        ]
        for statement in body:
            if isinstance(statement, _Function) and _is_test(statement):
                self._read_test(statement, prefix, [*marks, *statement.decorator_list])
            elif isinstance(statement, ast.ClassDef) and statement.name.startswith("Test"):
                self._read_tests(statement.body, f"{prefix}{statement.name}::", [*marks, *statement.decorator_list])

    def _read_test(self, function: _Function, prefix: str, marks: list[ast.expr]) -> None:
        test = MarkedTest(self._path, prefix + function.name)
        nodes = list(self._reachable(marks))
        rows = [row for node in nodes if _is_mark(node, "row") for row in self._rows(node)]
        if rows and any(_is_mark(node, name) for node in nodes for name in _NO_PROOF):
            self._report(function, f"{test.name} is skipped or expected to fail: it proves no row")
            return
        for row in dict.fromkeys(rows):
            self._markers.proofs.setdefault(row, []).append(test)

    def _reachable(self, marks: list[ast.expr]) -> Iterator[ast.AST]:
        """Yield the nodes of `marks` and of all definitions that they name."""
        waiting: list[ast.AST] = list(marks)
        named: set[str] = set()
        while waiting:
            for node in ast.walk(waiting.pop(0)):
                yield node
                if isinstance(node, ast.Name) and node.id not in named:
                    named.add(node.id)
                    waiting += self._definitions.get(node.id, [])

    def _rows(self, mark: ast.AST) -> Iterator[str]:
        call = self._calls.get(id(mark))
        first = id(mark) not in self._reached
        self._reached.add(id(mark))
        arguments = call.args if call else []
        rows = [node.value for node in arguments if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        if first and (call is None or call.keywords or not rows or len(rows) != len(arguments)):
            self._report(mark, 'write the rows as literal strings, at least one: pytest.mark.row("RT8.14")')
        yield from rows

    def _report(self, node: ast.AST, sentence: str) -> None:
        self._markers.problems.append(f"{self._path}:{getattr(node, 'lineno', 1)}: {sentence}")


def _assigned(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_test(function: _Function) -> bool:
    return function.name.startswith("test")


def _is_mark(node: ast.AST, name: str) -> bool:
    """Say whether the node is `pytest.mark.<name>` or, by `from pytest import mark`, `mark.<name>`."""
    if not isinstance(node, ast.Attribute) or node.attr != name:
        return False
    owner = node.value
    return (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
        isinstance(owner, ast.Name) and owner.id == "mark"
    )

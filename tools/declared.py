"""What the generator asks of the declarations beyond their functions: enums, values of constants, chapters."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from build_acl import DECLARATIONS, HEADERS, Constant, Function, Header, parse_header

_ENUM = re.compile(r"(?:typedef )?enum\s*(?P<tag>\w*)\s*\{(?P<members>.*)\}\s*(?P<name>\w*);", re.DOTALL)
_HANDLE = re.compile(r"typedef struct \w+ (?P<pointer>\*?)(?P<name>\w+);")
_ALIAS = re.compile(r"typedef (?P<type>\w+ \*|\w+) ?(?P<name>\w+);")
_CALLBACK = re.compile(r"typedef .+\(\*(?P<name>\w+)\)\(.*\);", re.DOTALL)
_CHAPTER = re.compile(r"/\* -+\n \* (?P<title>[^\n]+)\n")


class Enum(NamedTuple):
    """One C enum: its typedef name (or its tag, where it has no typedef), its header and its members in order."""

    name: str
    header: str
    members: dict[str, int]


class Chapter(NamedTuple):
    """The functions under one heading of a file of the declarations."""

    header: str
    title: str
    functions: tuple[Function, ...]


def number(text: str) -> int:
    """The value of an integer literal of C."""
    return int(text.rstrip("uUlL"), 0)


def value_of(constant: Constant) -> int | str:
    """The value of a constant: a number, or a text."""
    return str(ast.literal_eval(constant.value)) if constant.is_text else number(constant.value)


def enums(headers: tuple[Header, ...]) -> list[Enum]:
    """All enums, in the order of the declarations."""
    found = []
    for header in headers:
        for text in header.types:
            match = _ENUM.fullmatch(text)
            if match is None:
                continue
            rows = (row.split("=") for row in match["members"].split(",") if row.strip())
            members = {name.strip(): number(value.strip()) for name, value in rows}
            found.append(Enum(match["name"] or match["tag"], header.name, members))
    return found


def pointer_handles(headers: tuple[Header, ...]) -> list[str]:
    """Names of the handle types that are opaque pointers."""
    return _handles(headers, "*")


def struct_handles(headers: tuple[Header, ...]) -> list[str]:
    """Names of the opaque structs: a handle of such a kind is a pointer to one."""
    return _handles(headers, "")


def _handles(headers: tuple[Header, ...], pointer: str) -> list[str]:
    matches = (_HANDLE.fullmatch(text) for header in headers for text in header.types)
    return [match["name"] for match in matches if match is not None and match["pointer"] == pointer]


def aliases(headers: tuple[Header, ...]) -> dict[str, str]:
    """Names that stand for a plain C type, such as `aclError` for `int` and `aclmdlModel` for `void *`."""
    matches = (_ALIAS.fullmatch(text) for header in headers for text in header.types)
    return {match["name"]: match["type"] for match in matches if match is not None}


def callbacks(headers: tuple[Header, ...]) -> list[str]:
    """Names of the types of function pointers."""
    matches = (_CALLBACK.fullmatch(text) for header in headers for text in header.types)
    return [match["name"] for match in matches if match is not None]


def chapters(folder: Path = DECLARATIONS) -> list[Chapter]:
    """The chapters that have functions, in the order of the declarations."""
    found = []
    for name in HEADERS:
        parts = _CHAPTER.split((folder / name).read_text(encoding="utf-8"))
        for title, text in zip(parts[1::2], parts[2::2], strict=True):
            # The rest of the banner is a comment whose beginning was cut off.
            functions = parse_header(name, "/*" + text).functions
            if functions:
                found.append(Chapter(name, title, functions))
    return found

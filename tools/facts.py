"""The committed facts that no C declaration holds: products, deprecations, meanings of error codes, advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, cast

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts.json"
ADVICE = HERE / "advice.json"
SMALL_LIBRARY = HERE / "small_library.json"

PRODUCTS = ("950", "A3", "A2", "310B", "310P", "910", "IPV350")
MAIN_PRODUCTS = PRODUCTS[:-1]
SMALL_PRODUCT = PRODUCTS[-1]

KINDS = ("argument", "handle", "state", "memory", "resource", "timeout", "device", "unsupported", "model", "internal")


class FunctionFacts(TypedDict, total=False):
    """What is known of one C function beside its declaration.

    `products` are names of PRODUCTS in their order, separated by spaces. `asynchronous` is "conditional" where only
    some calls return before the work is done (copies with page-locked host memory). `reads` names the parameters whose
    type is a pointer to something mutable that the function only reads. A mark that is absent is false, `documented`
    true.
    """

    products: str
    asynchronous: Literal[True, "conditional"]
    documented: Literal[False]
    reads: list[str]
    deprecated: Literal[True]
    replacement: list[str]


class ErrorCodeFacts(TypedDict, total=False):
    """What is known of one error code: its number and its meaning in a few words."""

    value: int
    meaning: str
    deprecated: Literal[True]
    replacement: str


class Facts(TypedDict):
    """The content of facts.json."""

    functions: dict[str, FunctionFacts]
    error_codes: dict[str, ErrorCodeFacts]


class Advice(NamedTuple):
    """What a user can do about an error code, and the kind of error that it is."""

    kind: str
    advice: str


def read_facts(path: Path = FACTS) -> Facts:
    """Read facts.json, or the file at `path`."""
    return cast("Facts", json.loads(path.read_text(encoding="utf-8")))


def read_advice(path: Path = ADVICE) -> tuple[dict[int, Advice], dict[int, Advice]]:
    """Read the advice by code and, for all other codes, by the thousand in which a code lies."""
    content = json.loads(path.read_text(encoding="utf-8"))
    by_code = {int(code): Advice(*row) for code, row in content["codes"].items()}
    by_thousand = {int(thousand): Advice(*row) for thousand, row in content["thousands"].items()}
    return by_code, by_thousand


def read_small_library(path: Path = SMALL_LIBRARY) -> frozenset[str]:
    """Names of all functions of IPV350, which has libraries of its own."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return frozenset(content["runtime"]) | frozenset(content["models"])


def format_rows(content: dict[str, dict[str, object]]) -> str:
    """JSON text of `content` with one row per line, so that a change of one fact is a change of one line."""
    sections = []
    for section, rows in content.items():
        lines = [f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()]
        sections.append(f"  {json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(sections) + "\n}\n"

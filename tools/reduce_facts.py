"""Reduces the API facts to tools/facts.json: what is no declaration and what a clone needs to stand alone.

Usage: `python -m tools.reduce_facts PATH_TO_acl_api.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from build_acl import HEADERS
from tools.facts import (
    FACTS,
    MAIN_PRODUCTS,
    PRODUCTS,
    SMALL_PRODUCT,
    ErrorCodeFacts,
    Facts,
    FunctionFacts,
    format_rows,
    read_small_library,
)

# Declared by the API, and defined in no library of any product.
NOWHERE = frozenset({"aclmdlLoadFromModel"})

# Types of arrays that a function may write to, for all that its declaration says.
MUTABLE_ARRAYS = frozenset({"char *", "int32_t *", "size_t *", "void **", "const void **"})


def is_declared(header: str) -> bool:
    """Whether this project declares what the API facts give for `header`, such as "acl/acl_rt.h"."""
    return header.rsplit("/", 1)[-1] in HEADERS


def products_of(name: str, row: dict[str, Any], small_library: frozenset[str]) -> list[str]:
    """The products that have a function, in the order of PRODUCTS.

    A main product has it unless the product table says no: one library serves all of them, so a table without a word on
    a product, or no table at all, means that the symbol is there. For a product with two chips one chip is enough. The
    small product has what its two libraries have.
    """
    table = row["products"] or {}
    chips = row.get("products_950")
    have = set()
    for product in MAIN_PRODUCTS:
        mark = table.get(product)
        if product == "950" and chips is not None:
            mark = any(chips.values())
        if mark is not False and name not in NOWHERE:
            have.add(product)
    if name in small_library:
        have.add(SMALL_PRODUCT)
    return [product for product in PRODUCTS if product in have]


def _function(name: str, row: dict[str, Any], small_library: frozenset[str]) -> FunctionFacts:
    facts: FunctionFacts = {"products": " ".join(products_of(name, row, small_library))}
    if row["async"]:
        facts["asynchronous"] = row.get("async_when") or True
    if not row["documented"]:
        facts["documented"] = False
    reads = [
        parameter["name"]
        for parameter in row["params"]
        if parameter["direction"] == "in" and parameter["type"] in MUTABLE_ARRAYS
    ]
    if reads:
        facts["reads"] = reads
    if row["deprecated"]:
        facts["deprecated"] = True
    if row.get("replacement"):
        facts["replacement"] = row["replacement"]
    return facts


def _error_code(row: dict[str, Any]) -> ErrorCodeFacts:
    facts: ErrorCodeFacts = {"value": row["value"], "meaning": row["meaning"]}
    if row["deprecated"]:
        facts["deprecated"] = True
    if row.get("replacement"):
        facts["replacement"] = row["replacement"]
    return facts


def reduce(api: dict[str, Any]) -> Facts:
    """The reduced facts of the content of acl_api.json, sorted by name (functions) and by number (error codes)."""
    small_library = read_small_library()
    functions = {name: row for name, row in sorted(api["functions"].items()) if is_declared(row["header"])}
    unknown = small_library - functions.keys()
    if unknown:
        raise ValueError(f"functions of {SMALL_PRODUCT} that the API facts do not have: {sorted(unknown)}")
    codes = sorted(api["error_codes"].items(), key=lambda item: (item[1]["value"], item[0]))
    return {
        "functions": {name: _function(name, row, small_library) for name, row in functions.items()},
        "error_codes": {name: _error_code(row) for name, row in codes if is_declared(row["header"])},
    }


def facts_text(facts: Facts) -> str:
    """The text of facts.json."""
    return format_rows(cast("dict[str, dict[str, object]]", facts))


def main(arguments: list[str]) -> int:
    """Write tools/facts.json; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m tools.reduce_facts PATH_TO_acl_api.json", file=sys.stderr)
        return 2
    facts = reduce(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    FACTS.write_text(facts_text(facts), encoding="utf-8")
    print(f"{FACTS.name}: {len(facts['functions'])} functions, {len(facts['error_codes'])} error codes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

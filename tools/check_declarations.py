"""Holds the declarations, the compiled extension, the generated constants and facts.json against the API facts.

Usage: `python -m tools.check_declarations PATH_TO_acl_api.json`. Prints what was compared, one line per difference, and
exits with 1 where there is any.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from enum import EnumMeta, IntFlag
from pathlib import Path
from typing import Any

import _aclcffi

from aclcffi import constants
from build_acl import DECLARATIONS, Constant, read_declarations, slot_order
from tools.declared import enums, value_of
from tools.facts import FACTS, Facts, read_facts
from tools.parsed import Field, Parsed, normal, parse_folder
from tools.reduce_facts import is_declared, reduce

# Handles whose objects belong to the user: plain pointers in the declarations too.
PLAIN_POINTERS = frozenset({"aclrtAllocator", "aclrtAllocatorBlock", "aclrtAllocatorAddr", "aclmdlModel"})

SUFFIXES = {"int": "", "unsigned int": "U", "unsigned long": "UL", "unsigned long long": "ULL"}


class Check:
    """One comparison of everything: counts of what was compared, and the differences found."""

    def __init__(self, api: dict[str, Any], folder: Path = DECLARATIONS, facts: Path = FACTS) -> None:
        self.api = {
            section: {name: row for name, row in api[section].items() if is_declared(row["header"])}
            for section in ("functions", "typedefs", "enums", "structs", "macros", "constants", "error_codes")
        }
        self.whole_api = api
        self.folder = folder
        self.facts = facts
        self.headers = read_declarations(folder)
        self.parsed: Parsed = parse_folder(folder)
        self.counts: Counter[str] = Counter()
        self.differences: list[str] = []

    def run(self) -> None:
        """Compare everything."""
        self.functions()
        self.typedefs()
        self.enums()
        self.records()
        self.constants()
        self.generated_constants()
        self.reduced_facts()

    def compare(self, what: str, subject: str, present: object, expected: object) -> None:
        """Count one comparison, and note it where it fails."""
        self.counts[what] += 1
        if present != expected:
            self.differences.append(f"{subject}: is {present!r}, should be {expected!r}")

    def names(self, what: str, present: set[str], expected: set[str]) -> list[str]:
        """Note names that one side lacks; the names that both have."""
        self.differences += [f"{name}: {what} is not declared" for name in sorted(expected - present)]
        self.differences += [
            f"{name}: {what} is declared and not in the API facts" for name in sorted(present - expected)
        ]
        return sorted(present & expected)

    def functions(self) -> None:
        """Names, return types, and the names and types of parameters; in the declarations and in the extension."""
        expected = self.api["functions"]
        slots = [function.name for function in slot_order(self.headers)]
        compiled = [
            _aclcffi.ffi.string(_aclcffi.lib.aclcffi_slot_name(slot)).decode()
            for slot in range(_aclcffi.lib.aclcffi_slot_count())
        ]
        self.compare("slot tables", "number of slots in the extension", len(compiled), len(slots))
        # One name too many moves all that follow: the first says it.
        first = next((slot for slot, pair in enumerate(zip(compiled, slots, strict=False)) if pair[0] != pair[1]), None)
        if first is not None:
            self.compare("slots", f"slot {first} in the extension", compiled[first], slots[first])
        for name in self.names("function", set(self.parsed.functions), set(expected)):
            row = expected[name]
            self.compare("functions", name, normal(self.parsed.functions[name]), normal(row["prototype"]))
            self.counts["parameters"] += len(row["params"])
            declared = ", ".join(parameter["type"].replace("[][", "(*)[") for parameter in row["params"])
            pointer = _aclcffi.ffi.typeof(f"{row['return']}(*)({declared})")
            function = getattr(_aclcffi.lib, name, None)
            present = None if function is None else _aclcffi.ffi.typeof(function)
            self.compare("compiled functions", f"{name} in the extension", present, pointer)

    def typedefs(self) -> None:
        """Handles, opaque structs, callbacks and aliases."""
        expected = self.api["typedefs"]
        for name in self.names("type", set(self.parsed.typedefs), set(expected)):
            row = expected[name]
            text = normal(self.parsed.typedefs[name])
            if row["kind"] in ("enum", "struct", "union"):
                known = self.parsed.enum_tags if row["kind"] == "enum" else self.parsed.records
                self.compare("typedefs", f"typedef {name}", row["kind"] if name in known else text, row["kind"])
                continue
            declaration = row["declaration"]
            if row["kind"] == "opaque pointer" and name not in PLAIN_POINTERS:
                declaration = f"typedef struct {name}_ *{name}"
            self.compare("typedefs", f"typedef {name}", text, normal(declaration))

    def enums(self) -> None:
        """Tags, sizes, and names, order and values of the members; in the declarations and in the extension."""
        expected = self.api["enums"]
        declared = {enum.name: enum for enum in enums(self.headers)}
        for name in self.names("enum", set(self.parsed.enum_tags), set(expected)):
            row = expected[name]
            self.compare("enums", f"tag of {name}", self.parsed.enum_tags[name], row["tag"])
            members = declared[name.removeprefix("enum ")].members
            self.compare("member lists", f"members of {name}", list(members), list(row["members"]))
            self.compare("enum sizes", f"sizeof({name})", _aclcffi.ffi.sizeof(name), row["size"])
            for member, value in row["members"].items():
                self.compare("enum members", f"{name}.{member}", members.get(member), value)
                self.compare("compiled members", f"{member} in the extension", self.compiled(member), value)

    def records(self) -> None:
        """Structs and unions: tags, fields, and sizes, alignments and offsets as the extension has them."""
        expected = self.api["structs"]
        for name in self.names("struct", set(self.parsed.records), set(expected)):
            row, record = expected[name], self.parsed.records[name]
            self.compare("structs", f"kind of {name}", record.kind, row["kind"])
            self.compare("structs", f"tag of {name}", record.tag, row["tag"])
            self.compare("sizes", f"sizeof({name})", _aclcffi.ffi.sizeof(name), row["size"])
            self.compare("alignments", f"alignof({name})", _aclcffi.ffi.alignof(name), row["align"])
            self.fields(name, record.fields, row["fields"], ())

    def fields(
        self, struct: str, present: tuple[Field, ...], rows: list[dict[str, Any]], path: tuple[str, ...]
    ) -> None:
        """The fields of a struct, or of a nested one: `path` leads to that."""
        where = ".".join((struct, *path))
        names = [field.name for field in present]
        self.compare("field lists", f"fields of {where}", names, [row["name"] for row in rows])
        for field, row in zip(present, rows, strict=False):
            inner = (*path, row["name"]) if row["name"] else path
            subject = f"{where}.{row['name']}"
            if "fields" in row:
                self.fields(struct, field.fields, row["fields"], inner)
            else:
                self.compare("fields", f"type of {subject}", field.type, normal(row["type"]))
                self.compare("field dimensions", f"dimensions of {subject}", list(field.dimensions), row["dims"])
            if row["name"] and "offset" in row:
                self.offset(struct, inner, row)

    def offset(self, struct: str, path: tuple[str, ...], row: dict[str, Any]) -> None:
        """Offset and size of one field as the extension has them."""
        subject = ".".join((struct, *path))
        ctype = _aclcffi.ffi.typeof(struct)
        for step in path:
            ctype = (
                dict(ctype.fields)[step].type
                if ctype.kind in ("struct", "union") and step in dict(ctype.fields)
                else None
            )
            if ctype is None:
                self.differences.append(f"{subject}: is no field in the extension")
                return
        self.compare("offsets", f"offsetof({subject})", _aclcffi.ffi.offsetof(struct, *path), row["offset"])
        if "size" in row:
            self.compare("field sizes", f"sizeof({subject})", _aclcffi.ffi.sizeof(ctype), row["size"])

    def constants(self) -> None:
        """Macros, constants and error codes: value and C type; in the declarations and in the extension."""
        declared = {constant.name: constant for header in self.headers for constant in header.constants}
        codes = self.api["error_codes"]
        # The facts name error codes that are macros a second time among the macros.
        others = {**self.api["macros"], **self.api["constants"]}
        for name in self.names("constant", set(declared), set(codes) | set(others)):
            row = codes.get(name) or others[name]
            self.compare("constants", name, value_of(declared[name]), row["value"])
            self.compare("compiled constants", f"{name} in the extension", self.compiled(name), row["value"])
            kind = row["c_kind"] if name in codes else row["type"]
            self.compare("constant types", f"type of {name}", _kind_of(declared[name], kind), kind)

    def compiled(self, name: str) -> int | str | None:
        """The value of a constant in the extension, None where it has none."""
        value = getattr(_aclcffi.lib, name, None)
        return value if value is None or isinstance(value, int) else _aclcffi.ffi.string(value).decode()

    def generated_constants(self) -> None:
        """The classes and constants of aclcffi/constants.py."""
        for name, row in self.api["enums"].items():
            cls = getattr(constants, name.removeprefix("enum "), None)
            present = {} if cls is None else {member: int(value) for member, value in cls.__members__.items()}
            self.compare("Python enums", f"constants.{name}", present, row["members"])
        flags: dict[str, int] = {}
        for cls in vars(constants).values():
            if isinstance(cls, EnumMeta) and issubclass(cls, IntFlag) and cls is not IntFlag:
                flags |= {member: int(value) for member, value in cls.__members__.items()}
        for name, row in {**self.api["error_codes"], **self.api["macros"]}.items():
            value = flags.get(name, getattr(constants, name, None))
            self.compare("Python constants", f"constants.{name}", value, row["value"])

    def reduced_facts(self) -> None:
        """The committed facts."""
        present: Facts = read_facts(self.facts)
        expected = reduce(self.whole_api)
        for section in ("functions", "error_codes"):
            rows, fresh = present[section], expected[section]
            for name in sorted(rows.keys() | fresh.keys()):
                self.compare("reduced facts", f"{self.facts.name}: {name}", rows.get(name), fresh.get(name))


def _kind_of(constant: Constant, expected: str) -> str:
    """How the API facts call what `constant` is: `expected` where that fits."""
    if constant.type is not None:
        return f"static const {constant.type}"
    if expected == "macro":
        return "macro"
    if constant.is_text:
        return "char[]"
    suffix = constant.value.lstrip("-0123456789abcdefABCDEFxX")
    return next((kind for kind, text in SUFFIXES.items() if text == suffix), f"macro with the suffix {suffix}")


def main(arguments: list[str]) -> int:
    """Compare, print, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.check_declarations", description="Check the declarations.")
    parser.add_argument("api", type=Path, help="path of acl_api.json")
    parser.add_argument("--declarations", type=Path, default=DECLARATIONS, help="folder of the declarations")
    options = parser.parse_args(arguments)
    check = Check(json.loads(options.api.read_text(encoding="utf-8")), options.declarations)
    check.run()
    print("compared: " + ", ".join(f"{count} {what}" for what, count in check.counts.items()))
    for difference in check.differences:
        print(difference)
    print(f"{len(check.differences)} differences")
    return int(bool(check.differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

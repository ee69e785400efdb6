"""API facts that agree with the declarations, for the tests of the check: a clone does not carry acl_api.json."""

import json
from functools import cache
from typing import Any

import pytest
from _aclcffi import ffi

from build_acl import Constant, read_declarations
from tools.check_declarations import PLAIN_POINTERS, SUFFIXES
from tools.declared import enums, value_of
from tools.facts import PRODUCTS, read_facts
from tools.parsed import Field, Parsed, normal, parse_folder


@pytest.fixture
def api() -> dict[str, Any]:
    """The content that acl_api.json would have if the declarations and facts.json were right; a test may change it."""
    content: dict[str, Any] = json.loads(_api_text())
    return content


@cache
def _api_text() -> str:
    headers, parsed, facts = read_declarations(), parse_folder(), read_facts()
    prototypes = {function.name: function for header in headers for function in header.functions}
    content: dict[str, Any] = {
        "functions": {name: _function(prototypes[name], dict(row)) for name, row in facts["functions"].items()},
        "typedefs": {name: _typedef(name, text, parsed) for name, text in parsed.typedefs.items()},
        "enums": {},
        "structs": {
            name: {
                "header": "acl/acl_rt.h",
                "kind": record.kind,
                "tag": record.tag,
                "size": ffi.sizeof(name),
                "align": ffi.alignof(name),
                "fields": _fields(name, record.fields, ()),
            }
            for name, record in parsed.records.items()
        },
        "macros": {},
        "constants": {},
        "error_codes": {},
    }
    for enum in enums(headers):
        name = enum.name if enum.name in parsed.enum_tags else f"enum {enum.name}"
        tag = parsed.enum_tags[name]
        content["enums"][name] = {"header": "acl/acl_rt.h", "tag": tag, "members": enum.members, "size": 4}
    for constant in (constant for header in headers for constant in header.constants):
        row: dict[str, Any] = {"header": "acl/acl_rt.h", "value": value_of(constant)}
        if constant.name in facts["error_codes"]:
            kind = "macro" if constant.type is None else f"static const {constant.type}"
            known: dict[str, Any] = dict(facts["error_codes"][constant.name])
            row |= {"c_kind": kind, "deprecated": False, **known}
            content["error_codes"][constant.name] = row
        else:
            content["macros"][constant.name] = row | {"type": _type(constant)}
    return json.dumps(content)


def _type(constant: Constant) -> str:
    if constant.is_text:
        return "char[]"
    return next(kind for kind, suffix in SUFFIXES.items() if constant.value.lstrip("-0123456789xABCDEF") == suffix)


def _function(function: Any, facts: dict[str, Any]) -> dict[str, Any]:
    reads = facts.get("reads", [])
    return {
        "header": "acl/acl_rt.h",
        "return": function.returns,
        "prototype": function.prototype,
        "params": [
            {
                "name": parameter.name,
                "type": f"{parameter.type} {parameter.dimensions}".strip(),
                "direction": "in" if parameter.name in reads else "out",
            }
            for parameter in function.parameters
        ],
        "products": {product: product in facts["products"].split() for product in PRODUCTS},
        "async": bool(facts.get("asynchronous")),
        "async_when": None if facts.get("asynchronous") is True else facts.get("asynchronous"),
        "documented": facts.get("documented", True),
        "deprecated": facts.get("deprecated", False),
        "replacement": facts.get("replacement"),
    }


def _typedef(name: str, text: str, parsed: Parsed) -> dict[str, Any]:
    row: dict[str, Any] = {"header": "acl/acl_rt.h"}
    if name in parsed.enum_tags:
        return row | {"kind": "enum"}
    if name in parsed.records:
        return row | {"kind": parsed.records[name].kind}
    if f"struct {name}_*{name}" in normal(text) or name in PLAIN_POINTERS:
        return row | {"kind": "opaque pointer", "declaration": f"typedef void *{name}"}
    return row | {"kind": "alias", "declaration": text}


def _fields(struct: str, fields: tuple[Field, ...], path: tuple[str, ...]) -> list[dict[str, Any]]:
    rows = []
    for field in fields:
        inner = (*path, field.name) if field.name else path
        row: dict[str, Any] = {"name": field.name, "type": field.type, "dims": list(field.dimensions)}
        if field.name:
            row["offset"] = ffi.offsetof(struct, *inner)
        if field.fields:
            row["fields"] = _fields(struct, field.fields, inner)
        rows.append(row)
    return rows

"""Writes aclcffi/contract.pyi: every C function as a typed method, for type checkers and editors."""

from __future__ import annotations

from build_acl import Function, Header, Parameter
from tools.declared import aliases, callbacks, chapters, enums, pointer_handles, struct_handles
from tools.facts import Facts
from tools.layout import bracketed, file_text, quoted

INTEGERS = frozenset(
    {
        "int",
        "size_t",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "uint64_t",
    }
)


class Types:
    """The Python types that stand for the C types of parameters and results."""

    def __init__(self, headers: tuple[Header, ...], facts: Facts) -> None:
        self.enums = [enum.name for enum in enums(headers)]
        self.pointers = pointer_handles(headers)
        self.structs = struct_handles(headers)
        self.callbacks = callbacks(headers)
        self.aliases = aliases(headers)
        self.facts = facts

    @property
    def handles(self) -> list[str]:
        """All kinds of handles: what Python holds of one is a pointer."""
        return sorted({*self.pointers, *self.structs}, key=str.casefold)

    def result(self, function: Function) -> str:
        """The type of what a function returns."""
        c_type = self._plain(function.returns)
        if c_type == "void":
            return "None"
        if c_type in INTEGERS or c_type in self.enums:
            return "int"
        return c_type if c_type == "float" else self._handle(c_type) or "CData"

    def parameter(self, function: Function, parameter: Parameter) -> str:
        """The type of what a function takes for one parameter."""
        c_type = self._plain(parameter.type)
        facts = self.facts["functions"][function.name]
        reads = parameter.type.startswith("const ") or parameter.name in facts.get("reads", [])
        if parameter.dimensions:
            # The parameters of array type are lists of pairs.
            return "CData | Sequence[Sequence[int]]"
        if c_type in INTEGERS:
            return "int"
        if c_type in self.enums:
            return f"constants.{c_type} | int"
        if c_type == "float":
            return c_type
        handle = self._handle(c_type)
        if handle is not None:
            return handle
        pointed = c_type.removesuffix("*").strip()
        if reads and pointed in ("char", "void"):
            return "bytes | CData"
        if reads and pointed in INTEGERS:
            return "CData | Sequence[int]"
        if reads and pointed == "void *":
            return "CData | Sequence[CData]"
        return "CData"

    def _plain(self, c_type: str) -> str:
        words = c_type.replace("*const", "*").removeprefix("const ").strip()
        return self.aliases.get(words, words)

    def _handle(self, c_type: str) -> str | None:
        if c_type in self.pointers:
            return c_type
        name = c_type.removesuffix(" *")
        return name if name != c_type and name in self.structs else None


def contract_stub(headers: tuple[Header, ...], facts: Facts) -> str:
    """Text of aclcffi/contract.pyi."""
    types = Types(headers, facts)
    lines = [
        "# ruff: noqa: A002, N816",
        "# The functions of the C API as type checkers and editors see them: one method per C function, C names and",
        "# C order of the parameters, which are positional only.",
        "#",
        "# Integers and enums are int, an array of integers may be a list, a text is bytes. Every kind of handle is a",
        "# type of its own. All else is cffi data: `ffi.new(...)`, `ffi.NULL`, `ffi.from_buffer(...)`.",
        "",
        "from collections.abc import Sequence",
        "from typing import NewType, TypeAlias",
        "",
        "from _cffi_backend import _CDataBase",
        "",
        "from aclcffi import constants",
        "",
        "CData: TypeAlias = _CDataBase",
        "",
    ]
    lines += [f"{handle} = NewType({quoted(handle)}, CData)" for handle in types.handles]
    lines += [
        "",
        "class AclFunctions:",
    ]
    for position, chapter in enumerate(chapters()):
        lines += [""] if position else []
        lines += [f"    # {chapter.title} ({chapter.header})"]
        for function in chapter.functions:
            items = [f"{parameter.name}: {types.parameter(function, parameter)}" for parameter in function.parameters]
            items = ["self", *items, "/"]
            lines += bracketed("    ", f"def {function.name}(", items, f") -> {types.result(function)}: ...")
    return file_text(*lines)

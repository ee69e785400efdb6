"""The declarations as pycparser reads them: an independent reading beside that of build_acl."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pycparser import c_ast, c_generator, c_parser

from build_acl import DECLARATIONS, HEADERS, read_declarations
from tools.declared import value_of

STANDARD_TYPES = [
    "bool",
    "size_t",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
]


class Field(NamedTuple):
    """One field of a struct or union; `fields` are those of a nested one, whose type has no name."""

    name: str | None
    type: str | None
    dimensions: tuple[int, ...]
    fields: tuple[Field, ...]


class Record(NamedTuple):
    """One struct or union: its kind, its tag and its fields."""

    kind: str
    tag: str | None
    fields: tuple[Field, ...]


class Parsed(NamedTuple):
    """What the declarations hold, by name; functions and typedefs are C text without storage class and semicolon."""

    functions: dict[str, str]
    typedefs: dict[str, str]
    enum_tags: dict[str, str | None]
    records: dict[str, Record]


def normal(text: str) -> str:
    """C text with the white space that the formatter of pycparser and the facts write differently made equal."""
    text = re.sub(r"\s*([*\[\](),])\s*", r"\1", " ".join(text.split()))
    return text.replace("(void)", "()").replace("_Bool", "bool")


def parse_folder(folder: Path = DECLARATIONS) -> Parsed:
    """Parse all files of the declarations in `folder`."""
    texts = [(folder / name).read_text(encoding="utf-8") for name in HEADERS]
    plain = re.sub(r"/\*.*?\*/", "", "\n".join(texts), flags=re.DOTALL)
    plain = "\n".join("" if line.startswith("#") else line for line in plain.splitlines())
    standard = "".join(f"typedef int {name};" for name in STANDARD_TYPES)
    tree = c_parser.CParser().parse(standard + plain)
    constants = {
        constant.name: value_of(constant) for header in read_declarations(folder) for constant in header.constants
    }
    return _Reader(constants).read(tree.ext[len(STANDARD_TYPES) :])


class _Reader:
    """Collects the declarations of one syntax tree; `constants` are the values that array dimensions may name."""

    def __init__(self, constants: dict[str, int | str]) -> None:
        self.constants = constants
        self.text = c_generator.CGenerator()
        self.found = Parsed({}, {}, {}, {})

    def read(self, nodes: Iterable[Any]) -> Parsed:
        for node in nodes:
            if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
                self.found.functions[node.name] = self.text.visit(node)
            elif isinstance(node, c_ast.Decl) and isinstance(node.type, (c_ast.Struct, c_ast.Union, c_ast.Enum)):
                kind = type(node.type).__name__.lower()
                self._type(f"{kind} {node.type.name}", node.type)
            elif isinstance(node, c_ast.Typedef):
                self.found.typedefs[node.name] = self.text.visit(node)
                if isinstance(node.type, c_ast.TypeDecl):
                    self._type(node.name, node.type.type)
        return self.found

    def _type(self, name: str, node: Any) -> None:
        if isinstance(node, c_ast.Enum):
            self.found.enum_tags[name] = node.name
        elif isinstance(node, (c_ast.Struct, c_ast.Union)) and node.decls is not None:
            self.found.records[name] = Record(type(node).__name__.lower(), node.name, self._fields(node))

    def _fields(self, record: Any) -> tuple[Field, ...]:
        return tuple(self._field(declaration) for declaration in record.decls)

    def _field(self, declaration: Any) -> Field:
        node, dimensions = declaration.type, []
        while isinstance(node, c_ast.ArrayDecl):
            dimensions.append(self._dimension(node.dim))
            node = node.type
        inner = node.type if isinstance(node, c_ast.TypeDecl) else node
        if isinstance(inner, (c_ast.Struct, c_ast.Union)) and inner.decls is not None:
            return Field(declaration.name, None, tuple(dimensions), self._fields(inner))
        # Without its name a declaration reads as its type.
        base = node
        while isinstance(base, c_ast.PtrDecl):
            base = base.type
        base.declname = None
        return Field(declaration.name, normal(self.text.visit(node)), tuple(dimensions), ())

    def _dimension(self, node: Any) -> int:
        value = self.constants[node.name] if isinstance(node, c_ast.ID) else int(node.value.rstrip("uUlL"), 0)
        if not isinstance(value, int):
            raise TypeError(f"the dimension {node.name} of an array is no number")
        return value

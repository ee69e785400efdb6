"""Descriptions of models as a person likes to see them: as text, and as HTML for notebooks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aclcffi.description import ModelDescription, TensorInfo
    from aclcffi.gears import GearInfo

_COLUMNS = ("", "name", "dtype", "shape", "layout", "bytes")
_MOST_GEARS = 16


def as_text(description: "ModelDescription") -> str:
    """An aligned table, one line for each tensor, and one more for the gears."""
    lines = [_COLUMNS, *_rows(description)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    texts = []
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        cells[-1] = line[-1].rjust(widths[-1])
        texts.append("  ".join(cells).rstrip())
    if description.gears is not None:
        texts.append(gears_text(description.gears))
    return "\n".join(texts)


def as_html(description: "ModelDescription") -> str:
    """The same as a table of HTML; everything that comes from the model is escaped."""
    from html import escape

    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in _rows(description))
    gears = f"<caption>{escape(gears_text(description.gears))}</caption>" if description.gears else ""
    return f"<table>{gears}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _rows(description: "ModelDescription") -> "list[tuple[str, ...]]":
    sides = (("input", description.inputs), ("output", description.outputs))
    return [(side, *_cells(tensor)) for side, tensors in sides for tensor in tensors]


def _cells(tensor: "TensorInfo") -> tuple[str, ...]:
    shape = f"[{', '.join(tensor.dims)}]"
    return printable(tensor.name), tensor.dtype_name, shape, tensor.format_name, _bytes(tensor)


def _bytes(tensor: "TensorInfo") -> str:
    return f"{tensor.size:,}" if tensor.size or tensor.fixed else "varies"


def size_text(tensor: "TensorInfo") -> str:
    """The size of a tensor in words."""
    if not tensor.fixed:
        return f"at most {tensor.size:,} bytes" if tensor.size else "any size"
    return f"{tensor.size:,} bytes"


def gears_text(gears: "GearInfo") -> str:
    """The gears in one line; of very many the first ones."""
    shown = [" x ".join(map(str, value)) for value in gears.values[:_MOST_GEARS]]
    more = f", ... {len(gears.values)} in all" if len(gears.values) > _MOST_GEARS else ""
    return f"gears: {gears.kind} {', '.join(shown)}{more}"


def printable(name: str) -> str:
    """A name in one line: what cannot be printed is escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]

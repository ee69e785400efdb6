"""What the commands print: tables for people, JSON for machines."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from aclcffi.errors import UnsupportedError
from aclcffi.tables import printable

if TYPE_CHECKING:
    from rich.console import Console

_ANY_WIDTH = 10_000


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2))


def console() -> "Console":
    """The terminal, by way of rich.

    Raises:
        UnsupportedError: rich is not installed.
    """
    try:
        from rich.console import Console
    except ImportError as error:
        raise UnsupportedError(f"tables need rich: install aclcffi[cli], or use --json ({error})") from None
    # In a file or a pipe nothing is folded: there is no window that it must fit. Without an output it is None.
    width = None if (sys.stdout is not None and sys.stdout.isatty()) or "COLUMNS" in os.environ else _ANY_WIDTH
    return Console(highlight=False, soft_wrap=True, width=width)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Any:
    """Make a table. Columns whose name ends in a blank are aligned to the right; control characters are escaped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # As Text: brackets in names and shapes are no markup.
    made = Table(
        title=Text(printable(title), "table.title"), title_justify="left", box=box.SIMPLE_HEAD, show_header=any(columns)
    )
    for column in columns:
        made.add_column(column.rstrip(), justify="right" if column.endswith(" ") else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    return made

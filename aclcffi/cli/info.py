"""`aclcffi info`: which backends there are and what they have."""

import argparse
import os
from typing import Any

from aclcffi.backend import Backend, backend_entries
from aclcffi.cli.output import console, print_json, table

_PREFIXES = ("ACLCFFI_", "ASCEND_")
_OTHERS = ("LD_LIBRARY_PATH",)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="show the backends, what was searched and found, environment variables, and simulated products",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print what there is; returns the exit code."""
    report = collect()
    if options.json:
        print_json(report)
    else:
        _print(report)
    return 0


def collect() -> dict[str, Any]:
    """Everything that the command says, as JSON would hold it."""
    from importlib.metadata import version

    return {
        "version": version("aclcffi"),
        "backends": {name: _backend(entry) for name, entry in sorted(backend_entries().items())},
        "environment": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(_PREFIXES) or name in _OTHERS
        },
    }


def _backend(entry: Any) -> dict[str, Any]:
    try:
        kind: type[Backend] = entry.load()
        return {"class": entry.value, **kind.information()}
    except Exception as error:  # noqa: BLE001 - one broken backend must not hide the others
        return {"class": entry.value, "error": f"{type(error).__name__}: {error}"}


def _print(report: dict[str, Any]) -> None:
    terminal = console()
    terminal.print(f"aclcffi {report['version']}")
    for name, facts in report["backends"].items():
        rows = [(key, text) for key, value in facts.items() for text in _texts(value)]
        terminal.print(table(f"backend {name}", ("", ""), rows))
    rows = list(report["environment"].items())
    terminal.print(table("environment", ("variable", "value"), rows) if rows else "environment: no variable is set")


def _texts(value: Any) -> list[str]:
    """The lines that show a value."""
    if isinstance(value, dict):
        return [f"{key}: {_one(part)}" for key, part in value.items()] or ["none"]
    if isinstance(value, (list, tuple)):
        return [_one(part) for part in value] or ["none"]
    return [_one(value)]


def _one(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {part}" for key, part in value.items())
    return str(value)

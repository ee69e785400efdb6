"""`aclcffi describe`: what a model takes and gives, and how much memory it needs, without loading it."""

import argparse
from collections.abc import Sequence
from typing import Any

from aclcffi.cli.options import add_model
from aclcffi.cli.output import console, print_json, table
from aclcffi.description import ModelDescription, TensorInfo
from aclcffi.session import Session


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "describe",
        help="show what a model file takes and gives, its gears and its sizes, without executing it",
        allow_abbrev=False,
    )
    add_model(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Print what there is to say of the model; returns the exit code."""
    terminal = None if options.json else console()
    with Session(options.backend, device=options.device) as session:
        description = session.describe(options.model)
        sizes = session.query_size(options.model)
        report = {
            "model": options.model,
            "backend": session.backend.name,
            "kind": "gears" if description.gears else "dynamic" if description.dynamic else "static",
            "inputs": _side(description.inputs),
            "outputs": _side(description.outputs),
            "gears": _gears(description),
            "work_bytes": sizes.work,
            "weight_bytes": sizes.weights,
        }
    if terminal is None:
        print_json(report)
    else:
        _print(terminal, report, description)
    return 0


def _side(tensors: Sequence[TensorInfo]) -> list[dict[str, Any]]:
    return [
        {
            "name": tensor.name,
            "dtype": tensor.dtype_name,
            "shape": list(tensor.shape),
            "ranges": [list(pair) for pair in tensor.ranges],
            "format": tensor.format_name,
            # ACL answers 0 where nobody knows it before the execution.
            "bytes": tensor.size if tensor.bound else None,
        }
        for tensor in tensors
    ]


def _gears(description: ModelDescription) -> dict[str, Any] | None:
    gears = description.gears
    return None if gears is None else {"kind": gears.kind, "values": [list(value) for value in gears.values]}


def _print(terminal: Any, report: dict[str, Any], description: ModelDescription) -> None:
    rows = [
        (
            kind,
            tensor.name,
            tensor.dtype_name,
            f"[{', '.join(tensor.dims)}]",
            tensor.format_name,
            tensor.size if tensor.bound else "?",
        )
        for kind, tensors in (("input", description.inputs), ("output", description.outputs))
        for tensor in tensors
    ]
    columns = ("", "name", "dtype", "shape", "format", "bytes ")
    terminal.print(table(f"{report['model']} on {report['backend']}: {report['kind']}", columns, rows))
    gears = report["gears"]
    facts = [] if gears is None else [(f"gears ({gears['kind']})", ", ".join(map(str, gears["values"])))]
    facts += [("work memory", f"{report['work_bytes']} bytes"), ("weights", f"{report['weight_bytes']} bytes")]
    terminal.print(table("", ("", ""), facts))

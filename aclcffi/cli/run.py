"""`aclcffi run`: execute a model with inputs from files, once or in a row."""

import argparse
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.cli.executions import Executions, execute, repeat
from aclcffi.cli.files import check_folder, read_array, write_arrays
from aclcffi.cli.options import add_model, by_input, read_shape, split, whole_number, wrong_input
from aclcffi.cli.output import console, print_json, table
from aclcffi.errors import InvalidArgumentError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.model import Model
from aclcffi.session import Session

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run", help="execute a model, once or in a row, and write its outputs", allow_abbrev=False
    )
    add_model(parser)
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="an input: FILE.npy, or FILE.bin with the raw bytes; once for each input of the model",
    )
    parser.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="NAME=DIMS",
        help="the shape of an input whose dims vary, such as 1,3,64,64; for a FILE.bin that does not tell it",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the outputs, as .npy")
    parser.add_argument(
        "--exec-config",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help=f"options of the execution: {', '.join(ExecOptions._fields)}",
    )
    parser.add_argument(
        "--loop",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="execute N times and measure; the outputs of the last time are written (default: 1)",
    )
    parser.add_argument(
        "--warmup",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="execute N times before, without measuring (default: 0)",
    )
    parser.set_defaults(execute=run)


def run(options: argparse.Namespace) -> int:
    """Run the model; returns the exit code."""
    terminal = None if options.json else console()
    for option, texts in (("--input", options.input), ("--shape", options.shape)):
        for text in texts:
            split(option, text)
    check_folder(options.output)
    exec_options = _exec_options(options.exec_config)
    with ExitStack() as stack:
        session = stack.enter_context(Session(options.backend, device=options.device))
        started = time.perf_counter()
        model = stack.enter_context(session.load(options.model))
        loaded = time.perf_counter() - started
        files = _files(model, options.input)
        inputs = _read(model, files, options.shape)
        config = None if exec_options is None else stack.enter_context(_config(session, model, exec_options))
        # The stream goes first: what is queued may use the config until the end (MD11.09).
        stream = stack.enter_context(session.create_stream())
        executions = repeat(
            lambda: execute(model, stream, inputs, config), options.loop, warmup=options.warmup, show=not options.json
        )
        written = write_arrays(options.output, executions.last.outputs)
        report = {
            "model": options.model,
            "backend": session.backend.name,
            "inputs": _side(inputs, files),
            "outputs": _side(executions.last.outputs, written),
            **_times(loaded, executions),
        }
    if terminal is None:
        print_json(report)
    else:
        _print(terminal, report)
    return 0


def _exec_options(texts: list[str]) -> ExecOptions | None:
    values: dict[str, int] = {}
    for name, text in (split("--exec-config", pair) for pair in texts):
        if name not in ExecOptions._fields:
            raise InvalidArgumentError(
                f"--exec-config: there is no option {name!r}; there are {', '.join(ExecOptions._fields)}"
            )
        if not re.fullmatch(r"-?[0-9]{1,1000}", text):
            raise InvalidArgumentError(f"--exec-config: {name} is {text!r}; it must be a whole number")
        if name in values:
            raise InvalidArgumentError(f"--exec-config names {name!r} twice")
        values[name] = int(text)
    return ExecOptions(**values) if values else None


def _files(model: Model, texts: list[str]) -> dict[str, Path]:
    """The file of each input."""
    files = by_input("--input", texts, model.inputs)
    for tensor in model.inputs:
        if tensor.name not in files:
            raise wrong_input(f"no --input for {tensor.name!r}", model.inputs)
    return {tensor.name: Path(files[tensor.name]) for tensor in model.inputs}


def _read(model: Model, files: dict[str, Path], texts: list[str]) -> "dict[str, np.ndarray[Any, Any]]":
    """The inputs as arrays, in the model's order."""
    given = by_input("--shape", texts, model.inputs)
    arrays = {}
    for tensor in model.inputs:
        shape = read_shape("--shape", tensor, given[tensor.name]) if tensor.name in given else None
        arrays[tensor.name] = read_array(files[tensor.name], tensor, shape)
    return arrays


def _config(session: Session, model: Model, options: ExecOptions) -> ExecConfig:
    """The exec config of the options; with work memory where each execution brings its own."""
    if options.work_size is None and not session.backend.supports("aclmdlExecuteAsync"):
        options = options._replace(work_size=model.work_size)
    return ExecConfig(session, options)


def _side(arrays: Arrays, paths: dict[str, Path]) -> list[dict[str, Any]]:
    """The inputs or the outputs, as JSON holds them."""
    return [
        {
            "name": name,
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "bytes": array.nbytes,
            "file": str(paths[name]),
        }
        for name, array in arrays.items()
    ]


def _times(loaded: float, executions: Executions) -> dict[str, Any]:
    """The times of the load and of the steps of the last execution, and the figures of all executions."""
    steps = {"load": loaded, **executions.last.steps}
    return {
        "times_ms": {step: round(seconds * 1000, 3) for step, seconds in steps.items()},
        "executions": executions.report(),
    }


def _print(terminal: Any, report: dict[str, Any]) -> None:
    rows = [
        (kind, row["name"], row["dtype"], row["shape"], row["bytes"], row["file"])
        for kind, side in (("input", "inputs"), ("output", "outputs"))
        for row in report[side]
    ]
    columns = ("", "name", "dtype", "shape", "bytes ", "file")
    terminal.print(table(f"{report['model']} on {report['backend']}", columns, rows))
    times = [(step, f"{milliseconds:.3f}") for step, milliseconds in report["times_ms"].items()]
    figures = report["executions"]
    if figures["count"] == 1:
        terminal.print(table("times", ("step", "ms "), times))
        return
    terminal.print(table("times, of the last execution", ("step", "ms "), times))
    shown = [(name.removesuffix("_ms"), f"{value:.3f}") for name, value in figures.items() if isinstance(value, float)]
    terminal.print(table(f"{figures['count']} executions: {figures['step']}", ("", "ms "), shown[:-1]))
    same = "the same each time" if figures["identical"] else "NOT the same each time"
    terminal.print(f"{figures['per_second']:.3f} executions per second; the outputs are {same}")

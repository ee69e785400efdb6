"""`aclcffi run`: execute a model once with inputs from files."""

import argparse
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.cli.files import check_folder, read_array, write_arrays
from aclcffi.cli.output import console, print_json, table
from aclcffi.errors import InvalidArgumentError
from aclcffi.exec_config import ExecConfig, ExecOptions
from aclcffi.model import Model
from aclcffi.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from aclcffi.stream import Stream


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "run", help="execute a model asynchronously on a stream and write its outputs", allow_abbrev=False
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="the model file (.om for cann, .onnx for simulator)")
    parser.add_argument("--backend", metavar="NAME", help="cann, simulator, or package.module:Class")
    parser.add_argument("--device", type=int, default=0, metavar="N", help="number of the device (default: 0)")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="an input: FILE.npy, or FILE.bin with the raw bytes; once for each input of the model",
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
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace) -> int:
    """Run the model; returns the exit code."""
    terminal = None if options.json else console()
    for text in options.input:
        _split("--input", text)
    check_folder(options.output)
    exec_options = _exec_options(options.exec_config)
    times: dict[str, float] = {}
    with ExitStack() as stack:
        session = stack.enter_context(Session(options.backend, device=options.device))
        started = time.perf_counter()
        model = stack.enter_context(session.load(options.model))
        times["load"] = time.perf_counter() - started
        files = _files(model, options.input)
        inputs = {tensor.name: read_array(files[tensor.name], tensor) for tensor in model.inputs}
        config = None if exec_options is None else stack.enter_context(_config(session, model, exec_options))
        # The stream goes first: what is queued may use the config until the end (MD11.09).
        stream = stack.enter_context(session.create_stream())
        outputs = _run(model, stream, inputs, config, times)
        written = write_arrays(options.output, outputs)
        report = _report(options, session, model, files, written, times)
    if terminal is None:
        print_json(report)
    else:
        columns = ("", "name", "dtype", "shape", "bytes ", "file")
        terminal.print(table(f"{report['model']} on {report['backend']}", columns, _rows(report)))
        rows = [(step, f"{milliseconds:.3f}") for step, milliseconds in report["times_ms"].items()]
        terminal.print(table("times", ("step", "ms "), rows))
    return 0


def _split(option: str, text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (separator and name and value):
        raise InvalidArgumentError(f"{option} takes NAME=VALUE, not {text!r}")
    return name, value


def _exec_options(texts: list[str]) -> ExecOptions | None:
    values: dict[str, int] = {}
    for name, text in (_split("--exec-config", pair) for pair in texts):
        if name not in ExecOptions._fields:
            raise InvalidArgumentError(
                f"--exec-config: there is no option {name!r}; there are {', '.join(ExecOptions._fields)}"
            )
        if not re.fullmatch(r"-?\d+", text):
            raise InvalidArgumentError(f"--exec-config: {name} is {text!r}; it must be a whole number")
        if name in values:
            raise InvalidArgumentError(f"--exec-config names {name!r} twice")
        values[name] = int(text)
    return ExecOptions(**values) if values else None


def _files(model: Model, texts: list[str]) -> dict[str, Path]:
    """The file of each input."""
    files: dict[str, Path] = {}
    known = [tensor.name for tensor in model.inputs]
    for text in texts:
        # Names of tensors may have a "=", and so may names of files: the longest input that fits is meant.
        fitting = [name for name in known if text.startswith(f"{name}=")]
        if not fitting:
            raise _wrong(model, f"there is no input {_split('--input', text)[0]!r}")
        name = max(fitting, key=len)
        if name in files:
            raise InvalidArgumentError(f"--input names {name!r} twice")
        files[name] = Path(text[len(name) + 1 :])
    for name in known:
        if name not in files:
            raise _wrong(model, f"no --input for {name!r}")
    return files


def _wrong(model: Model, what: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{what}; the model's inputs are {', '.join(map(str, model.inputs)) or 'none'}")


def _config(session: Session, model: Model, options: ExecOptions) -> ExecConfig:
    """The exec config of the options; with work memory where each execution brings its own."""
    if options.work_size is None and not session.backend.supports("aclmdlExecuteAsync"):
        options = options._replace(work_size=model.work_size)
    return ExecConfig(session, options)


def _run(
    model: Model,
    stream: "Stream",
    inputs: "dict[str, np.ndarray[Any, Any]]",
    config: ExecConfig | None,
    times: dict[str, float],
) -> "Mapping[str, np.ndarray[Any, Any]]":
    """Execute once: asynchronously; with a config in the way in which the product takes it."""
    started = time.perf_counter()
    if config is not None and config.work is None:
        outputs = model.execute(inputs, stream=stream, config=config)
        times["execute and read outputs"] = time.perf_counter() - started
        return outputs
    pending = model.execute_async(inputs, stream, config=config)
    # aclmdlExecuteAsyncV2 knows no timeout; the wait does.
    limit = None if config is None else config.options.stream_sync_timeout
    stream.synchronize(limit if limit is not None and limit > 0 else None)
    times["execute"] = time.perf_counter() - started
    started = time.perf_counter()
    outputs = pending.outputs
    times["read outputs"] = time.perf_counter() - started
    return outputs


def _report(
    options: argparse.Namespace,
    session: Session,
    model: Model,
    files: dict[str, Path],
    written: dict[str, Path],
    times: dict[str, float],
) -> dict[str, Any]:
    def side(tensors: Any, paths: dict[str, Path]) -> list[dict[str, Any]]:
        return [
            {
                "name": tensor.name,
                "dtype": tensor.dtype_name,
                "shape": list(tensor.shape),
                "bytes": tensor.size,
                "file": str(paths[tensor.name]),
            }
            for tensor in tensors
        ]

    return {
        "model": str(options.model),
        "backend": session.backend.name,
        "inputs": side(model.inputs, files),
        "outputs": side(model.outputs, written),
        "times_ms": {step: round(seconds * 1000, 3) for step, seconds in times.items()},
    }


def _rows(report: dict[str, Any]) -> list[tuple[object, ...]]:
    return [
        (kind, row["name"], row["dtype"], row["shape"], row["bytes"], row["file"])
        for kind, side in (("input", "inputs"), ("output", "outputs"))
        for row in report[side]
    ]

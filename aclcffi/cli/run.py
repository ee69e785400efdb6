"""`aclcffi run`: execute a model once with inputs from files."""

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.cli.files import read_array, write_arrays
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
    parser = commands.add_parser("run", help="execute a model asynchronously on a stream and write its outputs")
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
    files = {name: Path(file) for name, file in _pairs("--input", options.input).items()}
    exec_options = _exec_options(options.exec_config)
    times: dict[str, float] = {}
    with Session(options.backend, device=options.device) as session:
        started = time.perf_counter()
        with session.load(options.model) as model, session.create_stream() as stream:
            times["load"] = time.perf_counter() - started
            inputs = _read(model, files)
            outputs = _run(session, model, stream, inputs, exec_options, times)
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


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        # The last "=": names of tensors may have one, names of files seldom do.
        name, separator, value = text.rpartition("=")
        if not (separator and name and value):
            raise InvalidArgumentError(f"{option} takes NAME=VALUE, not {text!r}")
        if name in pairs:
            raise InvalidArgumentError(f"{option} names {name!r} twice")
        pairs[name] = value
    return pairs


def _exec_options(texts: list[str]) -> ExecOptions | None:
    values: dict[str, int] = {}
    for name, text in _pairs("--exec-config", texts).items():
        if name not in ExecOptions._fields:
            raise InvalidArgumentError(
                f"--exec-config: there is no option {name!r}; there are {', '.join(ExecOptions._fields)}"
            )
        if not re.fullmatch(r"-?\d+", text):
            raise InvalidArgumentError(f"--exec-config: {name} is {text!r}; it must be a whole number")
        values[name] = int(text)
    return ExecOptions(**values) if values else None


def _read(model: Model, files: dict[str, Path]) -> "dict[str, np.ndarray[Any, Any]]":
    tensors = {tensor.name: tensor for tensor in model.inputs}
    unknown = [name for name in files if name not in tensors]
    lacking = [name for name in tensors if name not in files]
    if unknown or lacking:
        wrong = f"there is no input {unknown[0]!r}" if unknown else f"no --input for {lacking[0]!r}"
        raise InvalidArgumentError(f"{wrong}; the model's inputs are {', '.join(map(str, model.inputs)) or 'none'}")
    return {name: read_array(files[name], tensor) for name, tensor in tensors.items()}


def _run(
    session: Session,
    model: Model,
    stream: "Stream",
    inputs: "dict[str, np.ndarray[Any, Any]]",
    options: ExecOptions | None,
    times: dict[str, float],
) -> "Mapping[str, np.ndarray[Any, Any]]":
    """Execute once: asynchronously; with options in the way in which the product takes them."""
    backend = session.backend
    has_v2 = backend.supports("aclmdlExecuteAsyncV2")
    only_v2 = not backend.supports("aclmdlExecuteAsync")
    if options is not None and only_v2 and options.work_size is None:
        options = options._replace(work_size=model.work_size)
    started = time.perf_counter()
    if options is None or (has_v2 and options.work_size is not None):
        config = ExecConfig(session, options) if options else None
        pending = model.execute_async(inputs, stream, config=config)
        stream.synchronize()
        times["execute"] = time.perf_counter() - started
        started = time.perf_counter()
        outputs = pending.outputs
        times["read outputs"] = time.perf_counter() - started
        if config is not None:
            config.close()
        return outputs
    with ExecConfig(session, options) as config:
        outputs = model.execute(inputs, stream=stream, config=config)
    times["execute and read outputs"] = time.perf_counter() - started
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

"""Executions of a model, one after another: how long each takes, and whether they give the same."""

import signal
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aclcffi.errors import AclError
from aclcffi.exec_config import ExecConfig
from aclcffi.model import Model

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.stream import Stream

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


class Execution(NamedTuple):
    """The outputs of one execution, and the seconds of each of its steps; the first step is the execution itself."""

    outputs: Arrays
    steps: dict[str, float]


class Executions(NamedTuple):
    """What a row of executions came to; `seconds` are those of the step `step`, of each that was not for warming up."""

    last: Execution
    step: str
    seconds: "array[float]"
    warmup: int
    identical: bool

    def report(self) -> dict[str, Any]:
        """The figures, as JSON holds them; the times are milliseconds per execution."""
        import numpy as np

        times = np.asarray(self.seconds) * 1000
        figures = {
            "min_ms": times.min(),
            "median_ms": np.median(times),
            "mean_ms": times.mean(),
            "p95_ms": np.percentile(times, 95),
            "max_ms": times.max(),
            "per_second": 1000 / times.mean(),
        }
        return {
            "count": len(self.seconds),
            "warmup": self.warmup,
            "step": self.step,
            **{name: round(float(value), 3) for name, value in figures.items()},
            "identical": self.identical,
        }


def execute(model: Model, stream: "Stream", inputs: Arrays, config: ExecConfig | None) -> Execution:
    """Execute once: asynchronously where the product can; with a config in the way in which it takes it."""
    started = time.perf_counter()
    if model.description.dynamic or (config is not None and config.work is None):
        outputs = model.execute(inputs, stream=stream, config=config)
        return Execution(outputs, {"execute and read outputs": time.perf_counter() - started})
    pending = model.execute_async(inputs, stream, config=config)
    # aclmdlExecuteAsyncV2 knows no timeout; the wait does.
    limit = None if config is None else config.options.stream_sync_timeout
    stream.synchronize(limit if limit is not None and limit > 0 else None)
    over = time.perf_counter()
    outputs = pending.outputs
    return Execution(outputs, {"execute": over - started, "read outputs": time.perf_counter() - over})


def repeat(once: Callable[[], Execution], count: int, *, warmup: int = 0, show: bool = False) -> Executions:
    """Execute `warmup` times for nothing, then `count` times; with `show` under a progress bar.

    Raises:
        AclError: An execution failed; with more than one the message says which.
        KeyboardInterrupt: Ctrl-C was pressed; the execution that ran then is over.
    """
    seconds = array("d")
    first: dict[str, bytes] | None = None
    identical = True
    with _ctrl_c() as pressed, _progress(warmup + count, show=show) as advance:
        for number in range(1 - warmup, count + 1):
            try:
                last = once()
            except AclError as error:
                if warmup + count > 1:
                    error.args = (f"{_name(number, count, warmup)}: {error}",)
                raise
            step = next(iter(last.steps))
            if number > 0:
                seconds.append(last.steps[step])
                content = {name: value.tobytes() for name, value in last.outputs.items()}
                first = content if first is None else first
                identical = identical and content == first
            advance()
            if pressed():
                raise KeyboardInterrupt(f"interrupted after {_name(number, count, warmup)}")
    return Executions(last, step, seconds, warmup, identical)


def _name(number: int, count: int, warmup: int) -> str:
    return f"execution {number} of {count}" if number > 0 else f"warm-up execution {number + warmup} of {warmup}"


@contextmanager
def _ctrl_c() -> "Iterator[Callable[[], bool]]":
    """Tells whether Ctrl-C was pressed. The first one cuts no execution in two, so that all can be closed in order.

    The second one does: it raises KeyboardInterrupt at once.
    """
    came: list[bool] = []

    def note(_number: int, _frame: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(True)

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(came)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _progress(total: int, *, show: bool) -> "Iterator[Callable[[], object]]":
    """A bar on the terminal behind standard error, which is gone at the end; nothing where that is no terminal."""
    if not show or total == 1 or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("executions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)

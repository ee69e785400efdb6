"""`aclcffi run --loop`: figures of many executions, what differs, what fails, and what Ctrl-C leaves behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aclsim.backend import SimulatorBackend

from aclcffi.cli.executions import Execution, repeat
from tests.cli.conftest import Files, Run
from tests.cli.varying import BACKEND, refused

CALLED: list[str] = []


class Pressed(SimulatorBackend):
    """A simulator at whose every third execution Ctrl-C is pressed; notes what is called."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        function = super()._resolve(name)

        def call(*arguments: object) -> Any:
            CALLED.append(name)
            if name == "aclmdlExecuteAsync" and CALLED.count(name) % 3 == 0:
                os.kill(os.getpid(), signal.SIGINT)
            return function(*arguments)

        return call


def on(files: Files, backend: str, model: object, *more: object) -> list[object]:
    """A command line that runs a model of a backend."""
    command = ["run", model, "--backend", backend, "--output", files.output, "--input", f"x={files.input}"]
    return [*command, *more]


def figures(out: str) -> dict[str, Any]:
    """What a report says of the executions."""
    found: dict[str, Any] = json.loads(out)["executions"]
    return found


# -- figures ---------------------------------------------------------------------------------------------------------


def test_figures_of_one_execution(cli: Run, files: Files) -> None:
    """One execution has figures too: all of them are its time."""
    report = json.loads(cli(*files.command("--input", f"x={files.input}", "--json")).out)
    found = report["executions"]
    took = report["times_ms"]["execute"]
    assert [found[name] for name in ("min_ms", "median_ms", "mean_ms", "p95_ms", "max_ms")] == [took] * 5
    assert (found["count"], found["warmup"], found["step"], found["identical"]) == (1, 0, "execute", True)


def test_figures_of_known_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are the usual ones of the times of the executions, without those for warming up."""
    took = iter([9.0, 8.0, *range(20, 0, -1)])
    y = {"y": np.ones(2, np.float32)}
    made = repeat(lambda: Execution(y, {"execute": float(next(took)), "read outputs": 100}), 20, warmup=2)
    assert made.report() == {
        "count": 20,
        "warmup": 2,
        "step": "execute",
        "min_ms": 1000.0,
        "median_ms": 10500.0,
        "mean_ms": 10500.0,
        "p95_ms": 19050.0,
        "max_ms": 20000.0,
        "per_second": 0.095,
        "identical": True,
    }


def test_the_last_outputs_are_written(cli: Run, files: Files) -> None:
    """--warmup and --loop execute as often as they say, and the files hold what came out last."""
    ran = cli(*on(files, BACKEND, "sim://counter", "--loop", 4, "--warmup", 2, "--json"))
    assert (ran.code, ran.err) == (0, "")
    assert np.load(files.output / "y.npy").tolist() == [7, 8, 9]
    found = figures(ran.out)
    assert (found["count"], found["warmup"]) == (4, 2)
    assert 0 < found["min_ms"] <= found["median_ms"] <= found["p95_ms"] <= found["max_ms"]
    assert found["min_ms"] <= found["mean_ms"] <= found["max_ms"]
    assert found["per_second"] == pytest.approx(1000 / found["mean_ms"], rel=0.01)


def test_outputs_that_differ_are_reported(cli: Run, files: Files) -> None:
    """Whether every execution gave what the first gave is in the report; it is no failure."""
    same = cli(*files.command("--input", f"x={files.input}", "--loop", 3, "--json"))
    assert figures(same.out)["identical"] is True
    other = cli(*on(files, BACKEND, "sim://counter", "--loop", 2, "--json"))
    assert (other.code, figures(other.out)["identical"]) == (0, False)


def test_one_that_differs_between_equal_ones() -> None:
    """One execution in the middle that gives something else is enough; NaN is the same as itself."""
    for values, same in (([1.0, 2.0, 1.0], False), ([np.nan] * 3, True), ([0.0, -0.0], False)):
        row = iter([Execution({"y": np.array([value])}, {"execute": 1.0}) for value in values])
        assert repeat(row.__next__, len(values)).identical is same


@pytest.mark.parametrize(("model", "said"), [("identity", "the same each time"), ("counter", "NOT the same each time")])
def test_the_table_of_a_loop(cli: Run, files: Files, model: str, said: str) -> None:
    """The tables have the figures, and one line says whether the outputs were the same; no bar where no terminal is."""
    name = files.model if model == "identity" else f"sim://{model}"
    ran = cli(*on(files, BACKEND, name, "--loop", 3))
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["times,", "of", "the", "last", "execution"] in lines
    assert ["3", "executions:", "execute"] in lines
    shown = dict(line for line in lines if len(line) == 2)
    assert {"min", "median", "mean", "p95", "max", "load", "execute"} <= set(shown)
    assert re.search(rf"^\d+\.\d{{3}} executions per second; the outputs are {said}$", ran.out, re.MULTILINE)


def test_the_table_of_one_execution_has_no_figures(cli: Run, files: Files) -> None:
    """Figures of a single execution are no table."""
    ran = cli(*files.command("--input", f"x={files.input}"))
    assert "median" not in ran.out
    assert "per second" not in ran.out


@pytest.mark.parametrize("option", ["--loop", "--warmup"])
@pytest.mark.parametrize("value", ["-1", "1.5", "many", "", "9" * 5000])
def test_numbers_that_cannot_be_are_one_line(cli: Run, files: Files, option: str, value: str) -> None:
    """What is no whole number is one line."""
    ran = cli(*files.command("--input", f"x={files.input}", f"{option}={value}"))
    refused(ran, f"argument {option}: {value!r} is no whole number of at least {1 if option == '--loop' else 0}")


def test_no_execution_is_no_loop(cli: Run, files: Files) -> None:
    """A loop has at least one execution."""
    refused(cli(*files.command("--loop", 0)), "argument --loop: '0' is no whole number of at least 1")


# -- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--loop", 5], "execution 3 of 5: "),
        (["--loop", 5, "--warmup", 1], "execution 2 of 5: "),
        (["--loop", 1, "--warmup", 4], "warm-up execution 3 of 4: "),
    ],
)
def test_a_failure_names_the_execution(cli: Run, files: Files, options: list[object], named: str) -> None:
    """The execution that fails is named in the one line, and nothing is written."""
    files.before = files.listing()
    ran = cli(*on(files, BACKEND, "sim://breaking", *options))
    assert ran.err.startswith(f"aclcffi run: {named}")
    refused(ran, "the model's function failed: ValueError: enough")
    assert files.listing() == files.before


# -- Ctrl-C ----------------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_with_everything_closed(cli: Run, files: Files) -> None:
    """After Ctrl-C the execution is finished, stream, model and device are closed in order; one line, exit code 130."""
    CALLED.clear()
    files.before = files.listing()
    ran = cli(*on(files, f"{__name__}:Pressed", files.model, "--loop", 10))
    refused(ran, "aclcffi run: interrupted after execution 3 of 10", code=130)
    assert files.listing() == files.before
    assert CALLED.count("aclmdlExecuteAsync") == 3
    ends = ["aclrtSynchronizeStream", "aclrtDestroyStream", "aclmdlUnload", "aclrtResetDevice", "aclFinalize"]
    assert [name for name in CALLED[CALLED.index("aclmdlExecuteAsync") :] if name in ends][-5:] == ends
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_twice_waits_for_nothing() -> None:
    """A second Ctrl-C cuts the execution in two."""
    after = []

    def once() -> Execution:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        after.append("never")
        raise AssertionError

    with pytest.raises(KeyboardInterrupt):
        repeat(once, 1)
    assert not after
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_outside_of_the_loop(cli: Run, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at any other time is one line and exit code 130, too."""

    def press(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("aclcffi.cli.run.write_arrays", press)
    refused(cli(*files.command("--input", f"x={files.input}")), "aclcffi run: interrupted", code=130)


def test_a_handler_of_the_caller_is_left_alone() -> None:
    """Where the program handles Ctrl-C itself, or runs the loop in another thread, nothing is exchanged."""
    seen: list[object] = []
    made = Execution({"y": np.ones(1)}, {"execute": 1.0})

    def once() -> Execution:
        seen.append(signal.getsignal(signal.SIGINT))
        return made

    thread = threading.Thread(target=repeat, args=(once, 1))
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        repeat(once, 1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.default_int_handler, signal.SIG_IGN]


# -- the bar ---------------------------------------------------------------------------------------------------------


def on_terminal(files: Files, *more: object) -> tuple[int, str, str]:
    """Run a loop with a terminal behind standard error; returns exit code, standard output, and the terminal's text."""
    ours, theirs = pty.openpty()
    arguments = map(str, files.command("--input", f"x={files.input}", *more))
    done = subprocess.run(
        [sys.executable, "-m", "aclcffi", *arguments],
        env={**os.environ, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the end, as a terminal says it
        pass
    os.close(ours)
    return done.returncode, done.stdout, shown.decode()


def test_a_bar_on_the_terminal(files: Files) -> None:
    """A terminal behind standard error shows how many executions are done; standard output has the tables alone."""
    code, out, shown = on_terminal(files, "--loop", 3, "--warmup", 2)
    assert code == 0
    assert "5/5" in shown
    assert "\x1b" not in out
    assert "3 executions: execute" in out


@pytest.mark.parametrize("more", [("--loop", 3, "--json"), ()])
def test_no_bar_where_nobody_wants_it(files: Files, more: tuple[object, ...]) -> None:
    """With --json, and for a single execution, the terminal stays empty."""
    assert on_terminal(files, *more)[::2] == (0, "")


def test_the_bar_is_gone_after_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What goes wrong under the bar comes out, and the cursor is shown again."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")

    def once() -> Execution:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        repeat(once, 2, show=True)
    shown = capsys.readouterr().err
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")

"""The command line of aclcffi, started by `python -m aclcffi` and by the program `aclcffi`.

Bad input is one line on standard error and exit code 2; a failure of the device, the libraries or the output is
one line and 1; Ctrl-C is one line and 130.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from aclcffi.cli import describe, info, run
from aclcffi.errors import AclError, BackendError, InvalidArgumentError, ModelError, UnsupportedError
from aclcffi.tables import printable

_BAD_INPUT = (InvalidArgumentError, ModelError, UnsupportedError, BackendError)


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong; the usage is there with --help."""

    def error(self, message: str) -> NoReturn:
        sys.exit(_fail(self.prog, f"{message} (see {self.prog} --help)", 2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Raises:
        SystemExit: The arguments are wrong (2), or help was asked for (0).
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files and tensors may have characters that its encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _Parser(
        prog="aclcffi",
        description="AscendCL model execution, over the real CANN libraries or a simulated device.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (info, describe, run):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    program = f"{parser.prog} {options.command}"
    try:
        code = int(options.execute(options))
        _flush()
    except AclError as error:
        return _fail(program, str(error), 2 if isinstance(error, _BAD_INPUT) else 1)
    except OSError as error:
        _drop_output()
        return _fail(program, str(error), 1)
    except KeyboardInterrupt as interrupt:
        return _fail(program, str(interrupt) or "interrupted", 130)
    return code


def _flush() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Where standard output takes nothing, forget what waits for it: Python would try once more at its end."""
    try:
        _flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _fail(program: str, message: str, code: int) -> int:
    print(f"{program}: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code

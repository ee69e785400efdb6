"""The command line of aclcffi, started by `python -m aclcffi` and by the program `aclcffi`.

Bad input is one line on standard error and exit code 2; a failure of the device or the libraries is one line and 1.
"""

import argparse
import sys
from collections.abc import Sequence

from aclcffi.cli import info, run
from aclcffi.errors import AclError, BackendError, InvalidArgumentError, ModelError, UnsupportedError

_BAD_INPUT = (InvalidArgumentError, ModelError, UnsupportedError, BackendError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="aclcffi", description="AscendCL model execution, over the real CANN libraries or a simulated device."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (info, run):
        command.add_parser(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.execute(options))
    except AclError as error:
        return _fail(options.command, str(error), 2 if isinstance(error, _BAD_INPUT) else 1)
    except OSError as error:
        return _fail(options.command, f"{error.filename or 'a file'}: {error.strerror or error}", 2)


def _fail(command: str, message: str, code: int) -> int:
    print(f"aclcffi {command}: {' '.join(message.split())}", file=sys.stderr)
    return code

"""What the options of several commands have in common."""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence

from aclcffi.description import TensorInfo
from aclcffi.errors import InvalidArgumentError

_MOST_DIGITS = 18  # every whole number of so many digits fits into 64 bits


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model, where it runs, and how to print."""
    parser.add_argument("model", metavar="MODEL", help="the model file (.om for cann, .onnx for simulator)")
    parser.add_argument("--backend", metavar="NAME", help="cann, simulator, or package.module:Class")
    parser.add_argument("--device", type=int, default=0, metavar="N", help="number of the device (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def whole_number(least: int) -> Callable[[str], int]:
    """What reads a whole number of at least `least` for argparse."""

    def read(text: str) -> int:
        if not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return read


def split(option: str, text: str) -> tuple[str, str]:
    """Split NAME=VALUE.

    Raises:
        InvalidArgumentError: It is something else.
    """
    name, separator, value = text.partition("=")
    if not (separator and name and value):
        raise InvalidArgumentError(f"{option} takes NAME=VALUE, not {text!r}")
    return name, value


def by_input(option: str, texts: Iterable[str], inputs: Sequence[TensorInfo]) -> dict[str, str]:
    """The values that an option gives to inputs of a model, each NAME=VALUE.

    Raises:
        InvalidArgumentError: There is no such input, or it was named twice.
    """
    values: dict[str, str] = {}
    for text in texts:
        # Names of tensors may have a "=", and so may names of files: the longest input that fits is meant.
        fitting = [tensor.name for tensor in inputs if text.startswith(f"{tensor.name}=")]
        if not fitting:
            raise wrong_input(f"{option}: there is no input {split(option, text)[0]!r}", inputs)
        name = max(fitting, key=len)
        if name in values:
            raise InvalidArgumentError(f"{option} names {name!r} twice")
        values[name] = text[len(name) + 1 :]
    return values


def wrong_input(what: str, inputs: Sequence[TensorInfo]) -> InvalidArgumentError:
    """An error that says which inputs there are."""
    return InvalidArgumentError(f"{what}; the model's inputs are {', '.join(map(str, inputs)) or 'none'}")


def read_shape(option: str, tensor: TensorInfo, text: str) -> tuple[int, ...]:
    """The shape of an input in the form 1,3,64,64.

    Raises:
        InvalidArgumentError: It is no shape, or none that the input takes.
    """
    if not re.fullmatch(rf"[0-9]{{1,{_MOST_DIGITS}}}(,[0-9]{{1,{_MOST_DIGITS}}})*", text):
        raise InvalidArgumentError(f"{option}: {text!r} is no shape; give all dims of {tensor.name!r}, as in 1,3,64,64")
    shape = tuple(map(int, text.split(",")))
    if not tensor.fits(shape):
        raise InvalidArgumentError(f"{option} gives {tensor.name!r} the shape {list(shape)}, the model takes {tensor}")
    return shape

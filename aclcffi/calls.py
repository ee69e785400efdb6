"""Calls of C functions whose failures are exceptions: what the object API is built from."""

import os
from typing import TYPE_CHECKING, Any

from aclcffi.errors import InvalidArgumentError, OutOfMemoryError, failure, recent_message

if TYPE_CHECKING:
    from aclcffi.backend import Backend


def call(backend: "Backend", function: str, *arguments: Any) -> None:
    """Call a function that returns an aclError.

    Raises:
        AclError: It returned another code than 0.
    """
    if code := getattr(backend, function)(*arguments):
        raise failure(backend, function, code)


def create(backend: "Backend", function: str, *arguments: Any) -> Any:
    """Call a function that makes something and returns a pointer to it.

    Raises:
        OutOfMemoryError: It returned NULL.
    """
    made = getattr(backend, function)(*arguments)
    if not made:
        said = recent_message(backend)
        raise OutOfMemoryError(
            f"{function} returned NULL" + (f": {said}" if said else ""), function=function, recent_message=said
        )
    return made


def encode_path(path: "str | os.PathLike[str]", takes: str = "a path is text or an os.PathLike") -> bytes:
    """A path as C takes it; `takes` is what a message says of anything else.

    Raises:
        InvalidArgumentError: It is no path, or has a NUL character in it, where C would see its end.
    """
    try:
        encoded = os.fsencode(path)
    except TypeError:
        raise InvalidArgumentError(f"{takes}; this is of type {type(path).__name__}") from None
    if b"\0" in encoded:
        raise InvalidArgumentError(f"the path {os.fsdecode(encoded)!r} has a NUL character in it")
    return encoded

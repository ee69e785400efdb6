"""Python functions in streams (aclrtLaunchHostFunc)."""

import itertools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi

if TYPE_CHECKING:
    from aclcffi.stream import Stream

_lock = threading.Lock()
_numbers = itertools.count(1)
_waiting: "dict[int, _Call]" = {}
"""Functions that are queued, by the number that C passes through: it outlives whatever Python objects do not."""

_entry: Any = None


class _Call:
    """One queued function. What it raises is for the next synchronise of its stream."""

    def __init__(self, function: Callable[[], object], failures: list[BaseException]) -> None:
        self.function = function
        self.failures = failures


def _run(argument: Any) -> None:
    with _lock:
        queued = _waiting.pop(int(ffi.cast("uintptr_t", argument)), None)
    if queued is not None:
        try:
            queued.function()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that synchronises
            queued.failures.append(error)


def _callback() -> Any:
    """The C function that runs them; made when first needed."""
    global _entry  # noqa: PLW0603 - one for the process
    with _lock:
        if _entry is None:
            _entry = ffi.callback("void(void *)", _run)
        return _entry


def launch(stream: "Stream", function: Callable[[], object], failures: list[BaseException]) -> None:
    """Queue `function` on a stream; it runs in a thread of ACL's, and holds the stream until it returned.

    Raises:
        AclError: It cannot be queued.
    """
    entry = _callback()
    number = next(_numbers)
    with _lock:
        _waiting[number] = _Call(function, failures)
    try:
        stream._session.call("aclrtLaunchHostFunc", stream.handle, entry, ffi.cast("void *", number))
    except BaseException:
        with _lock:
            _waiting.pop(number, None)
        raise

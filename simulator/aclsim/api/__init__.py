"""The C functions of the simulator, one module per chapter of the API.

A function here has the C name and parameters behind the world that it works on. It checks its arguments in the
contract's order and raises `Fault`; the binder turns that into a return value. No module here holds state.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

CHAPTERS = (
    "allocator",
    "callback",
    "config",
    "context",
    "copies",
    "dataset",
    "describe",
    "device",
    "device_state",
    "event",
    "exception",
    "execute",
    "gears",
    "host_memory",
    "init",
    "init_callbacks",
    "load",
    "memory",
    "notify",
    "operators",
    "scalars",
    "stream",
    "stream_state",
    "tensor_desc",
    "timeouts",
    "values",
)


@cache
def modelled() -> dict[str, Callable[..., Any]]:
    """The C functions that the simulator models: name -> function."""
    return {
        name: function
        for chapter in CHAPTERS
        for name, function in vars(import_module(f"{__name__}.{chapter}")).items()
        if name.startswith("acl") and getattr(function, "__module__", "") == f"{__name__}.{chapter}"
    }


def level_of(name: str) -> str:
    """How far the simulator goes with a C function: "declared", "checked" or "modelled" (see docs/coverage.md)."""
    function = modelled().get(name)
    if function is None:
        return "declared"
    return str(getattr(function, "level", "modelled"))


def function_of(name: str) -> Callable[..., Any] | None:
    """The function that models the C function `name`, None where none does."""
    return modelled().get(name)

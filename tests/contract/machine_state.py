"""All that a simulated machine remembers, to be compared: a call that is refused changes nothing of it."""

from collections import deque
from typing import Any

from aclsim.core.world import World

_NO_STATE = (
    *("lock", "_lock", "_changed", "_finalizer", "product", "options", "cost", "closed", "executable"),
    *("messages", "text", "last_error"),  # a refused call leaves these
    *("_freed", "_fresh", "_end", "pieces", "_space", "_pointer"),  # where the next allocation goes
    *("_values", "_key", "get", "by_pointer", "submit", "failed", "_schedule"),
)


def state_of(world: World) -> dict[str, object]:
    """All that a machine remembers, by where it is kept; the errors and messages of the thread are left out."""
    state: dict[str, object] = {}
    _walk(world, "", state, {})
    return state


def _walk(value: Any, path: str, state: dict[str, object], seen: dict[int, str]) -> None:
    if isinstance(value, memoryview):
        state[path] = bytes(value) if len(value) <= 4096 else len(value)
    elif isinstance(value, dict):
        state[f"{path}.keys"] = [str(key) for key in value]
        for key, item in value.items():
            _walk(item, f"{path}[{key}]", state, seen)
    elif isinstance(value, (list, tuple, deque)):
        state[f"{path}.length"] = len(value)
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", state, seen)
    elif type(value).__module__.startswith("aclsim.core"):
        if id(value) in seen:
            state[path] = seen[id(value)]
            return
        seen[id(value)] = path
        state[path] = type(value).__name__
        slots = [name for base in type(value).__mro__ for name in getattr(base, "__slots__", ())]
        for name in [*getattr(value, "__dict__", ()), *slots]:
            if name not in _NO_STATE and hasattr(value, name):
                _walk(getattr(value, name), f"{path}.{name}", state, seen)
    else:
        state[path] = value if isinstance(value, (int, float, str, bytes, type(None))) else str(value)

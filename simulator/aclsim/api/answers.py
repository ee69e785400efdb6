"""What a call returns when it fails: the code, or what a function without codes gives instead, and the sentence."""

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from aclsim.api.host import c_string
from aclsim.api.types import ffi
from aclsim.core import codes
from aclsim.core.fault import Fault

if TYPE_CHECKING:
    from aclsim.core.world import World

_KEPT_MESSAGES = 16
_LONGEST = 2000  # characters of a sentence; what models are named and what engines say can be of any length
_END = 200  # of them from its end, where the code stands
_BREAK = re.compile(r"\s*[\t-\r\x85\u2028\u2029]\s*")

_MESSAGES = "aclGetRecentErrMsg"

# MD6.08: these answer "" instead of NULL.
_EMPTY_TEXT = ("aclmdlGetInputNameByIndex", "aclmdlGetOutputNameByIndex", "aclGetTensorDescName")


def is_code(result: Any) -> bool:
    """Whether a function's result is an aclError."""
    return bool(result.cname == "int")


def nothing(name: str, result: Any) -> Any:
    """What a function without codes answers instead of a value (MD2.05): NULL, "" (names), 0, -1 for an enum."""
    if name in _EMPTY_TEXT:
        return c_string(b"")
    if result.kind == "pointer":
        return ffi.cast(result, 0)
    if result.kind == "enum":
        return -1
    if result.kind == "void":
        return None
    return 0.0 if result.cname == "float" else 0


def remember(world: "World", name: str, fault: Fault) -> None:
    """Keep the sentence for aclGetRecentErrMsg and the code for aclrtGetLastError."""
    messages = world.library.messages if world.library.messages is not None else world.thread.messages
    messages.append(one_line(f"{name}: {fault}"))
    del messages[:-_KEPT_MESSAGES]
    if fault.sets_last_error:
        world.thread.last_error = fault.code


def one_line(text: str) -> str:
    """What can be shown in one line: breaks are spaces, other characters that do not print escaped, the middle cut."""
    if not text.isprintable():
        line = _BREAK.sub(" ", text)
        text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - _END - 5]} ... {text[-_END:]}"


def failure(world: "World", name: str, result: Any) -> Callable[[Fault], Any]:
    """The function that turns a fault of `name` into its return value."""
    answer = None if is_code(result) else nothing(name, result)
    returns_code = is_code(result)

    def failed(fault: Fault) -> Any:
        remember(world, name, fault)
        return fault.code if returns_code else answer

    return failed


def gone(world: "World", name: str, result: Any, call: Callable[..., Any] | None) -> Callable[[], Any]:
    """The function that answers calls to a machine that is closed, or was left behind by a fork.

    It takes no lock: after a fork nobody may be there to release it. What the calls said can still be asked for.
    """
    if name == _MESSAGES and call is not None:
        ask = partial(call, world)
        return lambda: ffi.cast(result, ask())
    failed = failure(world, name, result)

    def answer() -> Any:
        return failed(Fault(codes.ACL_ERROR_UNINITIALIZE, world.closed[0]))

    return answer


def checked_only(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function that validates its arguments and then refuses."""
    function.level = "checked"  # type: ignore[attr-defined]
    return function


def not_modelled(name: str) -> Callable[..., Any]:
    """The stand-in for a declared function that the simulator does not model yet."""

    def call(*_arguments: Any) -> Any:
        raise Fault(
            codes.ACL_ERROR_API_NOT_SUPPORT,
            "the simulator declares this function but does not model it yet; the cann backend has it",
        )

    call.__name__ = name
    return call

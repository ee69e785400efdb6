"""The exceptions of the Python API: one root, leaves by what a user can do about them.

Each is made from the table in `aclcffi.codes`; nothing here decides by comparing codes.
"""

from typing import TYPE_CHECKING

from aclcffi.codes import CODES

if TYPE_CHECKING:
    from aclcffi.backend import Backend


class AclError(Exception):
    """Something that ACL, or this package on its behalf, refused.

    `function` is the C function and `code` what it returned; both are None where the error was found before any C
    function was called. `symbol` is the code's C name, `recent_message` the sentence of aclGetRecentErrMsg, `advice`
    what can be done about it.
    """

    def __init__(
        self,
        message: str,
        *,
        function: str | None = None,
        code: int | None = None,
        recent_message: str = "",
    ) -> None:
        super().__init__(message)
        known = CODES.get(code) if code is not None else None
        self.function = function
        self.code = code
        self.symbol = known.name if known else None
        self.recent_message = recent_message
        self.advice = known.advice if known else ""


class InvalidArgumentError(AclError, ValueError):
    """An argument was refused: look at the call."""


class InvalidHandleError(AclError, ValueError):
    """A handle or id names nothing that lives: look at lifetimes."""


class StateError(AclError):
    """The call came at the wrong time or in the wrong thread: look at the order of calls."""


class OutOfMemoryError(AclError, MemoryError):
    """Device or host memory is exhausted: free some, or ask for less."""


class ResourceError(AclError):
    """Streams, events or another limited resource is exhausted: release some."""


class AclTimeoutError(AclError, TimeoutError):
    """A wait was over before what it waited for: wait longer, or look at what does not end."""


class DeviceFaultError(AclError):
    """Something failed while it ran on the device: look at what was running."""


class ModelError(AclError):
    """A model cannot be loaded or executed as it is: look at the model."""


class UnsupportedError(AclError, NotImplementedError):
    """Not there in this library, product or simulator: go another way."""


class UnsupportedFunctionError(UnsupportedError, AttributeError):
    """A C function does not exist there; an AttributeError too, so that hasattr and getattr work."""


class InternalError(AclError):
    """A failure inside the libraries: look at the device log."""


class BackendError(AclError):
    """A backend cannot be found, opened or used any more."""


_BY_KIND: dict[str, type[AclError]] = {
    "argument": InvalidArgumentError,
    "handle": InvalidHandleError,
    "state": StateError,
    "memory": OutOfMemoryError,
    "resource": ResourceError,
    "timeout": AclTimeoutError,
    "device": DeviceFaultError,
    "unsupported": UnsupportedError,
    "model": ModelError,
    "internal": InternalError,
}


def error_of(code: int, function: str, recent_message: str = "", *, about: str = "") -> AclError:
    """Make the exception for a code that a C function returned.

    Its text is one line: what it is about (where the caller has something to say), function, symbol and number, the
    recent message (where there is none the code's meaning), and what can be done.
    """
    known = CODES.get(code)
    # The message may be of several lines, and about calls before this one that nobody asked about.
    lines = recent_message.splitlines()
    own = [line.removeprefix(f"{function}: ") for line in lines if line.startswith(f"{function}: ")]
    said = own[-1] if own else " ".join(" ".join(lines).split())
    start = f"{about}: {function}" if about else function
    if known is None:
        text = f"{start} returned {code}, which is no known ACL error code" + (f": {said}" if said else "")
        return InternalError(text, function=function, code=code, recent_message=recent_message)
    said = said.removesuffix(f" [{code} {known.name}]").rstrip(".") or known.meaning
    text = f"{start} returned {known.name} ({code}): {said}. {known.advice}"
    return _BY_KIND[known.kind](text, function=function, code=code, recent_message=recent_message)


def failure(backend: "Backend", function: str, code: int) -> AclError:
    """Make the exception for a code that `function` just returned on `backend`; drains aclGetRecentErrMsg.

    Call it in the thread of the call, right after it: the message belongs to the thread.
    """
    return error_of(code, function, recent_message(backend))


def recent_message(backend: "Backend") -> str:
    """The calling thread's message of aclGetRecentErrMsg, "" where there is none. Reading takes it."""
    if not backend.supports("aclGetRecentErrMsg"):
        return ""
    text = backend.aclGetRecentErrMsg()
    return backend.ffi.string(text).decode(errors="replace").strip() if text else ""

"""Options of config handles: set one by one, and named where they are refused."""

from operator import index
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi

from aclcffi.errors import InvalidArgumentError, UnsupportedError, error_of, recent_message

if TYPE_CHECKING:
    from aclcffi.session import Session


def number(name: str, c_type: str, value: Any) -> Any:
    """A C number that an option points to.

    Raises:
        InvalidArgumentError: The value is no whole number, or the C type cannot hold it.
    """
    try:
        return ffi.new(f"{c_type} *", index(value))  # numpy's floats would be cut otherwise
    except OverflowError:
        raise InvalidArgumentError(f"{name} is {value}, which a C {c_type} cannot hold") from None
    except TypeError:
        raise InvalidArgumentError(f"{name} is {value!r}; it takes a whole number") from None


def set_option(
    session: "Session", function: str, handle: Any, name: str, attribute: int, stored: Any, *, always: Any
) -> None:
    """Set an option of a handle: `stored` points to the value, `always` to one that is always legal.

    Raises:
        UnsupportedError: The library does not know the option.
        InvalidArgumentError: It refuses the value.
    """
    backend = session.backend
    size = ffi.sizeof(ffi.typeof(stored).item)
    if code := getattr(backend, function)(handle, attribute, stored, size):
        message = recent_message(backend)
        # One code for an unknown option and for a bad value: a value that is always legal tells them apart.
        if getattr(backend, function)(handle, attribute, always, size):
            recent_message(backend)
            raise unknown(name)
        raise error_of(code, function, message, about=f"{name} cannot be {stored[0]}")


def unknown(name: str) -> UnsupportedError:
    """The error for an option that the libraries do not know."""
    return UnsupportedError(f"{name}: the libraries of this device do not know this option")

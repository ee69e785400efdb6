"""Makes one Python function of each C function: converts as cffi does, takes the lock, turns faults into codes.

The fast way is a check that an argument already has its C type; everything else goes through cffi's own conversions, so
that values are accepted and refused as the cann backend does it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aclsim.api import answers
from aclsim.api.types import CData, ffi, lib
from aclsim.core.fault import Fault

if TYPE_CHECKING:
    from aclsim.core.world import World

Function = Callable[..., Any]

_CHARACTERS = ("char", "signed char", "unsigned char", "int8_t", "uint8_t")


def _pointer(c_type: Any) -> Callable[[Any], Any]:
    """A converter for arguments that are not exactly of the pointer type `c_type`."""
    item = c_type.item if c_type.kind == "pointer" else None
    takes_bytes = item is not None and (item.kind == "void" or item.cname in _CHARACTERS)
    takes_lists = item is not None and item.kind not in ("void", "function") and _complete(item)
    array = ffi.typeof(ffi.getctype(c_type, "[1]"))
    items = ffi.getctype(item, "[]") if takes_lists else ""

    def convert(value: Any) -> Any:
        if takes_bytes and isinstance(value, bytes):
            return ffi.from_buffer("char[]", value)
        if takes_lists and isinstance(value, (list, tuple)):
            return ffi.new(items, value)
        return ffi.new(array, [value])[0]

    return convert


def _complete(c_type: Any) -> bool:
    try:
        return bool(ffi.sizeof(c_type))
    except (TypeError, ffi.error, ValueError):
        return False


def _value(c_type: Any) -> Callable[[Any], Any]:
    """A converter for arguments that are passed by value."""
    pointer = ffi.typeof(ffi.getctype(c_type, "*"))

    def convert(value: Any) -> Any:
        return ffi.new(pointer, value)[0]

    return convert


def _bounds(c_type: Any) -> tuple[int, int]:
    size = 8 * ffi.sizeof(c_type)
    if int(ffi.cast(c_type, -1)) < 0:
        return -(1 << size - 1), (1 << size - 1) - 1
    return 0, (1 << size) - 1


def _is_integer(c_type: Any) -> bool:
    return c_type.kind == "enum" or (
        c_type.kind == "primitive" and c_type.cname not in ("float", "double", "long double", "char")
    )


def signature(name: str) -> Any:
    """The C type of a function."""
    return ffi.typeof(getattr(lib, name))


def bind(world: "World", name: str, call: Function | None) -> Function:
    """Make the function that `backend.<name>` is.

    `call` is the function of `aclsim.api`, None where the simulator does not model it: the arguments are converted all
    the same, and the answer is ACL_ERROR_API_NOT_SUPPORT.
    """
    c_type = signature(name)
    names = [f"a{index}" for index in range(len(c_type.args))]
    scope: dict[str, Any] = {
        "CData": CData,
        "typeof": ffi.typeof,
        "world": world,
        "closed": world.closed,
        "acquire": world.lock.acquire,
        "release": world.lock.release,
        "Fault": Fault,
        "call": call or answers.not_modelled(name),
        "failed": answers.failure(world, name, c_type.result),
        "gone": answers.gone(world, name, c_type.result),
    }
    lines = [f"def {name}({', '.join([*names, '/']) if names else ''}):"]
    for index, (argument, parameter) in enumerate(zip(names, c_type.args, strict=True)):
        if _is_integer(parameter):
            low, high = _bounds(parameter)
            scope[f"convert{index}"] = _value(parameter)
            lines.append(f"    if type({argument}) is not int or not {low} <= {argument} <= {high}:")
            lines.append(f"        {argument} = int(convert{index}({argument}))")
            continue
        scope[f"type{index}"] = parameter
        is_pointer = parameter.kind in ("pointer", "function")
        scope[f"convert{index}"] = _pointer(parameter) if is_pointer else _value(parameter)
        if parameter.kind == "primitive":
            lines.append(f"    {argument} = convert{index}({argument})")
            continue
        lines.append(f"    if type({argument}) is not CData or typeof({argument}) is not type{index}:")
        # The pointer that comes out owns nothing: what came in may be a temporary that only this frame still holds.
        lines.append(f"        kept{index}, {argument} = {argument}, convert{index}({argument})")
    arguments = ", ".join(["world", *names])
    lines += [
        "    if closed:",
        "        return gone()",
        "    acquire()",
        "    try:",
        f"        return call({arguments})" + (" or 0" if answers.is_code(c_type.result) else ""),
        "    except Fault as fault:",
        "        return failed(fault)",
        "    finally:",
        "        release()",
    ]
    exec("\n".join(lines), scope)  # noqa: S102 - from C types of the compiled extension only
    function: Function = scope[name]
    if call is not None:
        function.__doc__ = call.__doc__
    return function

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
Converted = tuple[Any, Any]
"""What must live during the call, and the C value."""

_CHARACTERS = ("char", "signed char", "unsigned char", "int8_t", "uint8_t")
_NO_FAST_WAY = ("float", "double", "long double", "char", "_Bool")

# What ffi.new gives has a Python type of its own; out parameters are mostly that.
_OWN = type(ffi.new("char *"))


def _pointer(c_type: Any) -> Callable[[Any], Converted]:
    """A converter for arguments that are not exactly of the pointer type `c_type`."""
    item = c_type.item if c_type.kind == "pointer" else None
    takes_bytes = item is not None and (item.kind == "void" or item.cname in _CHARACTERS)
    takes_lists = item is not None and item.kind != "void" and _complete(item)
    array = ffi.typeof(ffi.getctype(c_type, "[1]"))
    items = ffi.getctype(item, "[]") if takes_lists else ""

    def convert(value: Any) -> Converted:
        if takes_bytes and isinstance(value, bytes):
            return value, ffi.cast(c_type, ffi.from_buffer(value))
        if takes_lists and isinstance(value, (list, tuple)):
            made = ffi.new(items, value)
            return made, ffi.cast(c_type, made)
        return value, ffi.new(array, [value])[0]

    return convert


def _complete(c_type: Any) -> bool:
    try:
        return bool(ffi.sizeof(c_type))
    except (ffi.error, ValueError):
        return False


def _comes_again(item: Any) -> bool:
    """Whether programs pass the same pointer to `item` again and again: a handle, or the address of a buffer."""
    return item.kind == "void" or (item.kind == "struct" and not _complete(item))


def _number(c_type: Any) -> Callable[[Any], Any]:
    """A converter for numbers."""
    # An element of an array, because None would be no initialiser at all for a pointer.
    array = ffi.typeof(ffi.getctype(c_type, "[1]"))

    def convert(value: Any) -> Any:
        return ffi.new(array, [value])[0]

    return convert


def _struct(c_type: Any) -> Callable[[Any], Any]:
    """A converter for structs that are passed by value: always a copy, as in C."""
    pointer = ffi.typeof(ffi.getctype(c_type, "*"))

    def convert(value: Any) -> Any:
        if value is None:
            raise TypeError(f"initializer for ctype {c_type.cname!r} must not be None")
        return ffi.new(pointer, value)[0]

    return convert


def _bounds(c_type: Any) -> tuple[int, int]:
    size = 8 * ffi.sizeof(c_type)
    if int(ffi.cast(c_type, -1)) < 0:
        return -(1 << size - 1), (1 << size - 1) - 1
    return 0, (1 << size) - 1


def _is_integer(c_type: Any) -> bool:
    return c_type.kind == "enum" or (c_type.kind == "primitive" and c_type.cname not in _NO_FAST_WAY)


def signature(name: str) -> Any:
    """The C type of a function."""
    return ffi.typeof(getattr(lib, name))


def bind(world: "World", name: str, call: Function | None) -> Function:
    """Make the function that `backend.<name>` is.

    `call` is the function of `aclsim.api`, None where the simulator does not model it: the arguments are converted all
    the same, and the answer is ACL_ERROR_API_NOT_SUPPORT.
    """
    c_type = signature(name)
    result = c_type.result
    names = [f"a{index}" for index in range(len(c_type.args))]
    scope: dict[str, Any] = {
        "CData": CData,
        "Own": _OWN,
        "typeof": ffi.typeof,
        "cast": ffi.cast,
        "result_type": result,
        "world": world,
        "closed": world.closed,
        "acquire": world.lock.acquire,
        "release": world.lock.release,
        "Fault": Fault,
        "call": call or answers.not_modelled(name),
        "failed": answers.failure(world, name, result),
        "gone": answers.gone(world, name, result, call),
    }
    lines = [f"def {name}({', '.join([*names, '/']) if names else ''}):"]
    conversions = [
        line for index, parameter in enumerate(c_type.args) for line in _conversion(f"a{index}", parameter, scope)
    ]
    seen = [each for each in scope if each.startswith("seen_")]
    lines += [f"    global {', '.join(seen)}"] if seen else []
    lines += conversions
    called = f"call({', '.join(['world', *names])})"
    answer = [f"return {called}"]
    if answers.is_code(result):
        answer = [f"return {called} or 0"]
    elif result.kind == "pointer":
        answer = [f"made = {called}", "return made if typeof(made) is result_type else cast(result_type, made)"]
    lines += [
        "    if closed:",
        "        return gone()",
        "    acquire()",
        "    try:",
        *(f"        {line}" for line in answer),
        "    except Fault as fault:",
        "        return failed(fault)",
        "    finally:",
        "        release()",
    ]
    exec(compile("\n".join(lines), f"<binding of {name}>", "exec"), scope)  # noqa: S102 - from C types only
    function: Function = scope[name]
    if call is not None:
        function.__doc__ = call.__doc__
    return function


def _conversion(argument: str, parameter: Any, scope: dict[str, Any]) -> list[str]:
    """The lines that convert one argument; what they use is put into `scope`."""
    if parameter.kind in ("pointer", "function"):
        scope[f"type_{argument}"] = parameter
        scope[f"convert_{argument}"] = _pointer(parameter)
        is_other = f"type({argument}) is not CData and type({argument}) is not Own"
        check = [
            f"    if {is_other} or typeof({argument}) is not type_{argument}:",
            # The pointer owns nothing: what came in, or was made of it, may be a temporary that only this frame holds.
            f"        kept_{argument}, {argument} = convert_{argument}({argument})",
        ]
        if parameter.kind == "function" or not _comes_again(parameter.item):
            return check
        # The pointer that was right last time is right. It keeps nothing alive but itself.
        scope[f"seen_{argument}"] = scope  # nobody passes that
        return [
            f"    if {argument} is not seen_{argument}:",
            *(f"    {line}" for line in check),
            f"        elif type({argument}) is CData:",
            f"            seen_{argument} = {argument}",
        ]
    if _is_integer(parameter):
        low, high = _bounds(parameter)
        scope[f"convert_{argument}"] = _number(parameter)
        # A shift is the cheaper way to see that an unsigned number fits.
        is_outside = f"not {low} <= {argument} <= {high}" if low else f"{argument} >> {high.bit_length()}"
        return [
            f"    if type({argument}) is not int or {is_outside}:",
            f"        {argument} = convert_{argument}({argument})",
        ]
    scope[f"convert_{argument}"] = _number(parameter) if parameter.kind == "primitive" else _struct(parameter)
    return [f"    {argument} = convert_{argument}({argument})"]

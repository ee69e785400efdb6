"""Initialisation, finalisation and messages (contract_rt section 2)."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from aclsim.api.host import c_string, invalid, on_host, text
from aclsim.api.types import NULL, CData, lib
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World


def aclInit(world: World, configPath: CData) -> None:
    """RT2.01. On IPV350 the call is counted and answers 0 every time."""
    library = world.library
    if library.initialized:
        library.count += 1
        if world.product.ipv350:
            return
        raise Fault(
            codes.ACL_ERROR_REPEAT_INITIALIZE, "the library is initialised already; that is harmless, the call counts"
        )
    config = b""
    settings: object = {}
    if configPath and (path := text(configPath, "configPath")):
        config = _read(path)
        try:
            settings = json.loads(config) if config else {}
        except (ValueError, RecursionError) as error:
            raise Fault(
                codes.ACL_ERROR_PARSE_FILE, f"configPath {path.decode(errors='replace')} is no valid JSON: {error}"
            ) from None
    if library.config is not None and library.config != config:
        raise invalid("configPath has another content than the one that this process was first initialised with")
    settings = settings if isinstance(settings, dict) else {}
    mode = settings.get("err_msg_mode", "0")
    if mode not in ("0", "1"):
        raise invalid(f'err_msg_mode is {mode!r} in the configuration; it can be "0" (per thread) or "1" (per process)')
    before, library.config = library.config, config
    try:
        _run_callbacks(world, library.init_callbacks, _INIT_ORDER if config else _INIT_ORDER_PLAIN)
        _check_stack_sizes(settings)
        library.default_device = _default_device(world, settings)
    except Fault:
        library.config = before
        raise
    library.messages = [] if mode == "1" else None
    library.count = 1
    library.finalized = False


# RT2.04. The row names no place for the other kinds: they run before OTHER.
_INIT_ORDER_PLAIN = (lib.ACL_REG_TYPE_ACL_MODEL, lib.ACL_REG_TYPE_ACL_DVPP)
_INIT_ORDER = (lib.ACL_REG_TYPE_ACL_MODEL, lib.ACL_REG_TYPE_ACL_OP_EXECUTOR, lib.ACL_REG_TYPE_ACL_DVPP)
_FINALIZE_ORDER = (lib.ACL_REG_TYPE_ACL_OP_COMPILER, lib.ACL_REG_TYPE_ACL_MODEL, lib.ACL_REG_TYPE_ACL_DVPP)
_LAST = lib.ACL_REG_TYPE_OTHER
_STACK_SIZES = ("aicore_stack_size", "simt_stack_size", "simt_divergence_stack_size")


def _run_callbacks(world: World, callbacks: list[tuple[int, CData, Callable[[], int]]], order: tuple[int, ...]) -> None:
    """Run callbacks in the order of their kinds; the first answer other than 0 ends it and is the answer."""

    def place(entry: tuple[int, CData, Callable[[], int]]) -> int:
        kind = entry[0]
        if kind == _LAST:
            return len(order) + 1
        return order.index(kind) if kind in order else len(order)

    for kind, _, call in sorted(callbacks, key=place):
        if kind == lib.ACL_REG_TYPE_ACL_OP_EXECUTOR and order is _INIT_ORDER_PLAIN:
            continue  # runs where there is a configuration only
        with world.unlocked():
            code = call()
        if code:
            raise Fault(code, f"a callback of type {kind} answered {code}")


def _read(path: bytes) -> bytes:
    file = Path(os.fsdecode(path))
    problem = "it is no regular file"  # a pipe or a device might never end
    try:
        if not file.exists() or file.is_file():
            return file.read_bytes()
    except OSError as error:
        problem = str(error)
    raise Fault(codes.ACL_ERROR_INVALID_FILE, f"configPath {path.decode(errors='replace')} cannot be read: {problem}")


def _check_stack_sizes(settings: dict[str, object]) -> None:
    section = settings.get("StackSize")
    for name in _STACK_SIZES:
        size = section.get(name, 0) if isinstance(section, dict) else 0
        if not isinstance(size, int) or not 0 <= size < 1 << 64:
            raise Fault(codes.ACL_ERROR_FAILURE, f"{name} is {size!r} in the configuration; it is a number of bytes")


def _default_device(world: World, settings: dict[str, object]) -> int | None:
    section = settings.get("defaultDevice")
    if not isinstance(section, dict) or "default_device" not in section:
        return None
    number = str(section["default_device"])
    if not re.fullmatch("0|[1-9][0-9]{0,8}", number) or int(number) >= len(world.devices):
        raise Fault(
            codes.ACL_ERROR_FAILURE,
            f"default_device is {number!r} in the configuration; there are {len(world.devices)} devices",
        )
    return int(number)


def aclFinalize(world: World) -> None:
    """RT2.02: drops the count whatever it was. On IPV350 it counts down and always answers 0."""
    library = world.library
    if world.product.ipv350:
        library.count = max(library.count - 1, 0)
        if not library.count:
            # Contract_mdl section 1: the counter starts anew. A choice: models that are still loaded go, else the next
            # load would take the id of one.
            world.unload_all()
            world.next_model_id = 0
        return
    _finalize(world)


def aclFinalizeReference(world: World, refCount: CData) -> None:
    """RT2.03: counts down, and finalises at 0; `refCount` (optional) gets what is left."""
    library = world.library
    if refCount:
        on_host(refCount, "refCount")
    try:
        if library.count > 1:
            library.count -= 1
        elif library.count == 1:
            _finalize(world)
        else:
            raise Fault(codes.ACL_ERROR_REPEAT_FINALIZE, "the library is not initialised (any more)")
    finally:
        if refCount:
            refCount[0] = library.count


def _finalize(world: World) -> None:
    library = world.library
    if library.finalized:
        raise Fault(codes.ACL_ERROR_REPEAT_FINALIZE, "the library is finalised already")
    _run_callbacks(world, library.finalize_callbacks, _FINALIZE_ORDER)
    library.count = 0
    library.default_device = None
    library.finalized = True


def aclGetRecentErrMsg(world: World) -> CData:
    """RT2.08: the sentences since the last call, of this thread or of the process; NULL when there are none."""
    thread = world.thread
    messages = thread.messages if world.library.messages is None else world.library.messages
    if not messages:
        return NULL
    thread.text = c_string("\n".join(messages).encode())
    messages.clear()
    return thread.text


def aclrtGetSocName(world: World) -> CData:
    """RT2.07: the product's SoC name."""
    name = world.library.soc_name
    if name is None:
        name = world.library.soc_name = c_string(world.product.soc_name.encode())
    return name

"""Initialisation, finalisation and messages (contract_rt section 2)."""

import json
import os
import re
from pathlib import Path

from aclsim.api.host import c_string, invalid, text
from aclsim.api.types import NULL, CData
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
    library.default_device = _default_device(world, settings)
    library.messages = [] if mode == "1" else None
    library.config = config
    library.count = 1
    library.finalized = False


def _read(path: bytes) -> bytes:
    file = Path(os.fsdecode(path))
    problem = "it is no regular file"  # a pipe or a device might never end
    try:
        if not file.exists() or file.is_file():
            return file.read_bytes()
    except OSError as error:
        problem = str(error)
    raise Fault(codes.ACL_ERROR_INVALID_FILE, f"configPath {path.decode(errors='replace')} cannot be read: {problem}")


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
            world.next_model_id = 0  # contract_mdl section 1: the counter starts anew
        return
    if library.finalized:
        raise Fault(codes.ACL_ERROR_REPEAT_FINALIZE, "the library is finalised already")
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

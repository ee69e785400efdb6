"""Model files and model memory: what the loaders, the size queries and the descriptions have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aclsim.api.host import invalid, null, text
from aclsim.api.types import CData, address_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World
from aclsim.models.description import Executable
from aclsim.models.formats import OM_HEADER, load_model
from aclsim.models.refusal import Cut, Refusal, Unrecognised, Unsupported
from aclsim.models.registered import make, size_of

SCHEME = b"sim://"
"""How the path, or the content, of a model begins that the program registered by name."""

MAGIC_SIZE = 4
"""Bytes that the router looks at (contract_mdl section 5.1)."""


class Content(NamedTuple):
    """A model's bytes; `folder` is where its file lies, None for a model from memory."""

    data: bytes
    folder: Path | None


def from_file(world: World, path: CData, parameter: str = "modelPath") -> Content:
    """Read a model file as the router does, before any other argument is looked at.

    Raises:
        Fault: 100000 for NULL, 145002 for a file that cannot be read, 145006 for one of less than 4 bytes.
    """
    return read_file(world, text(path, parameter))


def read_file(world: World, path: bytes) -> Content:
    """Read the model file at `path`, or find what is registered as `sim://name`; faults are those of `from_file`."""
    name = path.decode(errors="surrogateescape")
    if path.startswith(SCHEME):
        if name.removeprefix(SCHEME.decode()) not in world.registered:
            known = ", ".join(f"sim://{each}" for each in world.registered) or "none"
            raise Fault(
                codes.ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID, f"no model is registered as {name!r}; there are: {known}"
            )
        return Content(path, None)
    try:
        data = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Fault(
            codes.ACL_ERROR_GE_EXEC_MODEL_PATH_INVALID, f"the model file {name!r} cannot be read: {reason}"
        ) from None
    if len(data) < MAGIC_SIZE:
        raise Fault(
            codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID, f"the model file {name!r} has only {len(data)} bytes"
        )
    return Content(data, Path(name).parent)


def from_memory(world: World, address: CData, size: int, parameter: str = "model") -> Content:
    """Read a model from memory as the router does.

    Raises:
        Fault: 100000 for NULL, for size 0 and for memory that the product does not take models from, 145006 for less
            than 4 bytes.
    """
    if not address:
        raise null(parameter)
    if size == 0:
        raise invalid(f"the size of {parameter} is 0")
    if size < MAGIC_SIZE:
        raise Fault(codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID, f"{parameter} has only {size} bytes")
    return Content(read_memory(world, address_of(address), size, parameter), None)


def read_memory(world: World, address: int, size: int, parameter: str) -> bytes:
    """Copy a model out of memory.

    Raises:
        Fault: 100000 for memory that cannot be read.
    """
    if world.memory.is_device(address):
        # Section 5.1: host memory in EP mode. In RC mode host and device memory are one.
        raise invalid(f"{parameter} is the device address 0x{address:x}; here a model comes from host memory")
    try:
        return bytes(world.memory.span(address, size).read())
    except Fault as fault:
        raise invalid(f"{parameter}: {fault.message}") from None
    except (MemoryError, OverflowError):
        raise invalid(f"{parameter} has {size} bytes, more than this host can hold") from None


def parse(
    world: World,
    content: Content,
    short: int,
    *,
    computes: bool = True,
    weights: Mapping[str, bytes] | None = None,
) -> Executable:
    """Make an executable of a model, without the world's lock.

    `short` is the main library's code for bytes that are no model and fewer than the 256 of a header (MD5.06). With
    `computes` false the model is only described.

    Raises:
        Fault: Bytes that are no model, or a broken one: what `_code` says. 200001 for a model that cannot be run here
            (a choice: the contract knows no such case).
    """
    engine = world.options.engine if computes else None
    size = len(content.data)
    name = content.data.removeprefix(SCHEME).decode(errors="replace") if content.data.startswith(SCHEME) else None
    try:
        with world.unlocked():
            if name is not None and name in world.registered:
                size = size_of(world.registered[name])  # not that of the name
                # Its gears and its function are asked when it is described, too: the engine is needed for that.
                model = make(name, world.registered[name], world.options.engine)
            else:
                model = load_model(content.data, content.folder, engine, weights or {})
            return _fitting(world, model)
    except Unsupported as refusal:
        raise Fault(codes.ACL_ERROR_API_NOT_SUPPORT, f"the model cannot be run by the simulator: {refusal}") from None
    except Refusal as refusal:
        raise Fault(_code(world, content, size, short, refusal), f"the model was not taken: {refusal}") from None


def _fitting(world: World, model: Executable) -> Executable:
    if world.product.ipv350 and (model.dynamic or model.gears is not None):
        raise Unsupported("its shapes vary, and the library of IPV350 runs fixed shapes only")
    return model


def _code(world: World, content: Content, size: int, short: int, refusal: Refusal) -> int:
    """The code for bytes that are no model (MD5.06, MD5.07); on IPV350 only files have a least length (MD5.10)."""
    if world.product.ipv350:
        if isinstance(refusal, Unrecognised) and content.folder is not None and size <= OM_HEADER:
            return codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID
        cut = isinstance(refusal, Cut)
        return codes.ACL_ERROR_GE_EXEC_LOAD_MODEL_PARTITION_FAILED if cut else codes.ACL_ERROR_GE_INTERNAL_ERROR
    return short if isinstance(refusal, Unrecognised) and size < OM_HEADER else codes.ACL_ERROR_GE_PARAM_INVALID

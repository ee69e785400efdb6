"""Callbacks at initialisation and finalisation, versions, and the log (contract_rt section 2)."""

from collections.abc import Callable

from aclsim.api.host import null, on_host
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World

_OTHER = lib.ACL_REG_TYPE_OTHER
_VERSION = (lib.ACL_MAJOR_VERSION, lib.ACL_MINOR_VERSION, lib.ACL_PATCH_VERSION)


def _kinds() -> frozenset[int]:
    return frozenset(
        (
            lib.ACL_REG_TYPE_ACL_MODEL,
            lib.ACL_REG_TYPE_ACL_OP_EXECUTOR,
            lib.ACL_REG_TYPE_ACL_OP_CBLAS,
            lib.ACL_REG_TYPE_ACL_OP_COMPILER,
            lib.ACL_REG_TYPE_ACL_TDT_CHANNEL,
            lib.ACL_REG_TYPE_ACL_TDT_QUEUE,
            lib.ACL_REG_TYPE_ACL_DVPP,
            lib.ACL_REG_TYPE_ACL_RETR,
            _OTHER,
        )
    )


_Entry = tuple[int, CData, Callable[[], int]]


def _register(table: list[_Entry], kind: int, function: CData, call: Callable[[], int]) -> None:
    if not function:
        raise null("cbFunc")
    if kind not in _kinds():
        raise Fault(codes.ACL_ERROR_INVALID_PARAM, f"type is {kind}, which is no aclRegisterCallbackType")
    if kind != _OTHER and any(known == kind for known, _, _ in table):
        raise Fault(
            codes.ACL_ERROR_INTERNAL_ERROR, f"type {kind} has a callback already; only type OTHER takes several"
        )
    table.append((kind, function, call))


def _unregister(table: list[_Entry], kind: int, function: CData) -> None:
    if not function:
        raise null("cbFunc")
    for index, (known, registered, _) in enumerate(table):
        if known == kind and registered == function:
            del table[index]
            return
    raise Fault(codes.ACL_ERROR_INTERNAL_ERROR, f"type {kind} has no such callback")


def aclInitCallbackRegister(world: World, type: int, cbFunc: CData, userData: CData) -> None:  # noqa: A002
    """RT2.04: runs in aclInit, and at once when that is over already (its answer does not count then)."""
    library = world.library

    def call() -> int:
        config = library.config or b""
        return int(cbFunc(config, len(config), userData))

    _register(library.init_callbacks, type, cbFunc, call)
    if library.initialized:
        with world.unlocked():
            call()


def aclInitCallbackUnRegister(world: World, type: int, cbFunc: CData) -> None:  # noqa: A002
    """RT2.05."""
    _unregister(world.library.init_callbacks, type, cbFunc)


def aclFinalizeCallbackRegister(world: World, type: int, cbFunc: CData, userData: CData) -> None:  # noqa: A002
    """RT2.04: runs in the finalisation that ends it; an answer other than 0 keeps the library as it is."""

    def call() -> int:
        return int(cbFunc(userData))

    _register(world.library.finalize_callbacks, type, cbFunc, call)


def aclFinalizeCallbackUnRegister(world: World, type: int, cbFunc: CData) -> None:  # noqa: A002
    """RT2.05."""
    _unregister(world.library.finalize_callbacks, type, cbFunc)


def aclrtGetVersion(world: World, majorVersion: CData, minorVersion: CData, patchVersion: CData) -> None:  # noqa: ARG001
    """RT2.06: the version of the API that is declared."""
    outs = {"majorVersion": majorVersion, "minorVersion": minorVersion, "patchVersion": patchVersion}
    for name, out in outs.items():
        on_host(out, name)
    for out, number in zip(outs.values(), _VERSION, strict=True):
        out[0] = number

"""Exception callbacks and their getters, and the last error (contract_rt section 10)."""

from collections.abc import Callable, Hashable

from aclsim.api.host import invalid
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.failures import ExceptionInfo
from aclsim.core.fault import Fault
from aclsim.core.world import World

_NOTHING = 0xFFFFFFFF


def _caller(callback: CData) -> Callable[[Hashable], None]:
    def call(info: Hashable) -> None:
        callback(info)

    return call


def aclrtSetExceptionInfoCallback(world: World, callback: CData) -> None:
    """RT10.01: one per process; the last one wins, NULL clears it."""
    world.exception_callback = _caller(callback) if callback else None


def aclrtExceptionInfoCallbackRegister(world: World, callback: CData) -> None:
    """RT10.02: the same callback twice counts once."""
    if not callback:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "callback is NULL")
    world.exception_callbacks.setdefault(callback, _caller(callback))


def aclrtExceptionInfoCallbackUnregister(world: World, callback: CData) -> None:
    """RT10.02: an unknown one is fine."""
    if not callback:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "callback is NULL")
    world.exception_callbacks.pop(callback, None)


def _info(world: World, info: CData) -> ExceptionInfo | None:
    return world.exception_infos.get(info)


def aclrtGetTaskIdFromExceptionInfo(world: World, info: CData) -> int:
    """RT10.03: which task of its stream failed, counted from 0; 0xFFFFFFFF for no info."""
    found = _info(world, info)
    return found.task_id if found else _NOTHING


def aclrtGetStreamIdFromExceptionInfo(world: World, info: CData) -> int:
    """RT10.03."""
    found = _info(world, info)
    return found.stream_id if found else _NOTHING


def aclrtGetThreadIdFromExceptionInfo(world: World, info: CData) -> int:
    """RT10.03: the thread in which the task ran, the lower 32 bits of its id."""
    found = _info(world, info)
    return found.thread_id if found else _NOTHING


def aclrtGetDeviceIdFromExceptionInfo(world: World, info: CData) -> int:
    """RT10.03."""
    found = _info(world, info)
    return found.device_id if found else _NOTHING


def aclrtGetErrorCodeFromExceptionInfo(world: World, info: CData) -> int:
    """RT10.03."""
    found = _info(world, info)
    return found.code if found else _NOTHING


def _check_level(level: int) -> None:
    if level != lib.ACL_RT_THREAD_LEVEL:
        raise invalid(f"level is {level}; only ACL_RT_THREAD_LEVEL (0) is known")


def aclrtGetLastError(world: World, level: int) -> int:
    """RT10.04: the calling thread's last runtime error, cleared by this call."""
    _check_level(level)
    code, world.thread.last_error = world.thread.last_error, 0
    return code


def aclrtPeekAtLastError(world: World, level: int) -> int:
    """RT10.04: the calling thread's last runtime error, kept."""
    _check_level(level)
    return world.thread.last_error

"""How long operators may run (contract_rt section 10)."""

from aclsim.api.host import on_host
from aclsim.api.types import CData
from aclsim.core.world import World

_INTERVAL_US = 1_048_576  # a choice: the docs give about one second as the step of the hardware's timer
_MOST = 254 * _INTERVAL_US * 4
_NEVER = (1 << 64) - 1


def _rounded(microseconds: int) -> int:
    """What the hardware makes of a timeout: rounded up to its interval; 0 is the largest, UINT64_MAX never."""
    if microseconds == _NEVER:
        return _NEVER
    if microseconds == 0:
        return _MOST
    return min(-(-microseconds // _INTERVAL_US) * _INTERVAL_US, _MOST)


def _set(world: World, microseconds: int) -> int:
    world.current_context()
    world.op_execute_timeout_us = _rounded(microseconds)
    return world.op_execute_timeout_us


def aclrtSetOpExecuteTimeOut(world: World, timeout: int) -> None:
    """RT10.05: `timeout` in seconds; 0 is the largest."""
    _set(world, timeout * 1_000_000)


def aclrtSetOpExecuteTimeOutWithMs(world: World, timeout: int) -> None:
    """RT10.05: `timeout` in milliseconds; 0 is the largest."""
    _set(world, timeout * 1000)


def aclrtSetOpExecuteTimeOutV2(world: World, timeout: int, actualTimeout: CData) -> None:
    """RT10.05: `timeout` in microseconds, UINT64_MAX: never; says what it became."""
    on_host(actualTimeout, "actualTimeout")
    actualTimeout[0] = _set(world, timeout)


def aclrtGetOpTimeOutInterval(world: World, interval: CData) -> None:  # noqa: ARG001
    """RT10.06: microseconds."""
    on_host(interval, "interval")[0] = _INTERVAL_US

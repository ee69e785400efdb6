"""Value write and value wait (contract_rt section 10)."""

from aclsim.api.host import null
from aclsim.api.lookup import live_stream, target
from aclsim.api.types import CData, address_of
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.memory import Span
from aclsim.core.values import CHECKS, ValueFits, ValueWait, ValueWrite
from aclsim.core.world import World
from aclsim.core.writes import SIZE


def _bad(message: str) -> Fault:
    return Fault(codes.ACL_ERROR_RT_PARAM_INVALID, message)


def _place(world: World, devAddr: CData) -> Span:
    """The eight bytes of device memory at an address, which must be a multiple of 8."""
    address = address_of(devAddr)
    allocation = world.memory.find(address)
    if allocation is None or allocation.on_host:
        known = world.memory.is_device(address)
        raise _bad(f"devAddr: {world.memory.explain(address) if known else f'0x{address:x} is no device address'}")
    if address % SIZE:
        raise _bad(f"devAddr, 0x{address:x}, is no multiple of {SIZE}")
    try:
        return world.memory.span(address, SIZE)
    except Fault as fault:
        raise Fault(fault.code, f"devAddr: {fault.message}") from None


def aclrtValueWrite(world: World, devAddr: CData, value: int, flag: int, stream: CData) -> None:
    """RT10.07: a task that writes 64 bits to device memory."""
    if not devAddr:
        raise null("devAddr")
    on = live_stream(world, stream)
    if flag != 0:
        raise _bad(f"flag is {flag}; it must be 0")
    place = _place(world, devAddr)
    world.scheduler.submit(ValueWrite(target(world, on), world.scheduler, place, value))


def aclrtValueWait(world: World, devAddr: CData, value: int, flag: int, stream: CData) -> None:
    """RT10.08: the stream waits until 64 bits of device memory fit: >= (0), == (1), & (2), NOR (3)."""
    if not devAddr:
        raise null("devAddr")
    found = live_stream(world, stream)
    if flag not in CHECKS:
        raise _bad(f"flag is {flag}; it can be {', '.join(map(str, CHECKS))}")
    place = _place(world, devAddr)
    on = target(world, found)
    world.scheduler.submit(ValueWait(on, ValueFits(world.scheduler, place, flag, value), place))

"""Allocators that the program brings (contract_rt section 10). They are kept; static models never ask them."""

from dataclasses import replace

from aclsim.api.host import invalid, null, on_host
from aclsim.api.lookup import item
from aclsim.api.types import NULL, CData
from aclsim.core.allocators import AllocatorDesc
from aclsim.core.world import World


def aclrtAllocatorCreateDesc(world: World) -> CData:
    """RT10.10."""
    return world.allocator_descs.add(AllocatorDesc()).handle


def aclrtAllocatorDestroyDesc(world: World, allocatorDesc: CData) -> None:
    """RT10.10."""
    world.allocator_descs.remove(item(world, world.allocator_descs, allocatorDesc, "allocatorDesc"))


def _set(world: World, allocatorDesc: CData, field: str, value: CData, parameter: str) -> None:
    desc = item(world, world.allocator_descs, allocatorDesc, "allocatorDesc")
    if not value:
        raise null(parameter)
    desc.functions = replace(desc.functions, **{field: value})


def aclrtAllocatorSetObjToDesc(world: World, allocatorDesc: CData, allocator: CData) -> None:
    """RT10.10."""
    _set(world, allocatorDesc, "allocator", allocator, "allocator")


def aclrtAllocatorSetAllocFuncToDesc(world: World, allocatorDesc: CData, func: CData) -> None:
    """RT10.10."""
    _set(world, allocatorDesc, "allocate", func, "func")


def aclrtAllocatorSetFreeFuncToDesc(world: World, allocatorDesc: CData, func: CData) -> None:
    """RT10.10."""
    _set(world, allocatorDesc, "free", func, "func")


def aclrtAllocatorSetAllocAdviseFuncToDesc(world: World, allocatorDesc: CData, func: CData) -> None:
    """RT10.10."""
    _set(world, allocatorDesc, "advise", func, "func")


def aclrtAllocatorSetGetAddrFromBlockFuncToDesc(world: World, allocatorDesc: CData, func: CData) -> None:
    """RT10.10."""
    _set(world, allocatorDesc, "address", func, "func")


def aclrtAllocatorRegister(world: World, stream: CData, allocatorDesc: CData) -> None:
    """RT10.11: the desc is copied; registering again replaces. All but the advise function must be there."""
    if not stream:
        raise null("stream")
    desc = item(world, world.allocator_descs, allocatorDesc, "allocatorDesc")
    functions = desc.functions
    for field in ("allocator", "allocate", "free", "address"):
        if not getattr(functions, field):
            raise invalid(f"allocatorDesc has no {field} yet")
    world.allocators[stream] = (desc.handle, functions)


def aclrtAllocatorGetByStream(
    world: World,
    stream: CData,
    allocatorDesc: CData,
    allocator: CData,
    allocFunc: CData,
    freeFunc: CData,
    allocAdviseFunc: CData,
    getAddrFromBlockFunc: CData,
) -> None:
    """RT10.12: also of a stream that was destroyed since (RT5.03). All places but that for the desc are optional."""
    on_host(allocatorDesc, "allocatorDesc")
    if not stream:
        raise null("stream")
    optional = {
        "allocator": allocator,
        "allocFunc": allocFunc,
        "freeFunc": freeFunc,
        "allocAdviseFunc": allocAdviseFunc,
        "getAddrFromBlockFunc": getAddrFromBlockFunc,
    }
    given = {name: on_host(out, name) for name, out in optional.items() if out}
    if stream not in world.allocators:
        raise invalid("no allocator is registered for stream")
    handle, functions = world.allocators[stream]
    values = (functions.allocator, functions.allocate, functions.free, functions.advise or NULL, functions.address)
    allocatorDesc[0] = handle
    for name, value in zip(optional, values, strict=True):
        if name in given:
            given[name][0] = value


def aclrtAllocatorUnregister(world: World, stream: CData) -> None:
    """RT10.13: a stream without an allocator is fine."""
    if not stream:
        raise null("stream")
    world.allocators.pop(stream, None)

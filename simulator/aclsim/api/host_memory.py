"""Registered host memory, pointers, and the rarer ways to allocate and free (contract_rt section 8.1)."""

from aclsim.api.host import invalid, null, on_host
from aclsim.api.memory import aclrtFree, aclrtFreeHost, aclrtMalloc, aclrtMallocHost, span_of
from aclsim.api.types import CData, address_of, ffi, lib
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World

_PAGE = 4096
_ADDRESSES = 1 << 64


def _check_config(place: CData, parameter: str, cfg: CData) -> None:
    """RT8.03: attributes announced, and none there; looked at between the place for the answer and the size."""
    on_host(place, parameter)
    if cfg and on_host(cfg, "cfg").numAttrs and not cfg.attrs:
        raise invalid(f"cfg.numAttrs is {cfg.numAttrs}, and cfg.attrs is NULL")


def aclrtMallocWithCfg(world: World, devPtr: CData, size: int, policy: int, cfg: CData) -> None:
    """RT8.03: as aclrtMalloc; the attributes choose between kinds of memory, which are one here."""
    _check_config(devPtr, "devPtr", cfg)
    aclrtMalloc(world, devPtr, size, policy)


def aclrtMallocForTaskScheduler(world: World, devPtr: CData, size: int, policy: int, cfg: CData) -> None:
    """RT8.03: as aclrtMalloc."""
    _check_config(devPtr, "devPtr", cfg)
    aclrtMalloc(world, devPtr, size, policy)


def aclrtMallocHostWithCfg(world: World, ptr: CData, size: int, cfg: CData) -> None:
    """As aclrtMallocHost."""
    _check_config(ptr, "ptr", cfg)
    aclrtMallocHost(world, ptr, size)


def aclrtFreeWithDevSync(world: World, devPtr: CData) -> None:
    """RT8.08: waits for all streams of the memory's device first; their errors stay theirs."""
    allocation = world.memory.by_pointer(devPtr)
    if allocation is not None and allocation.device is not None:
        world.drain_device(world.devices[allocation.device])
    aclrtFree(world, devPtr)


def aclrtFreeHostWithDevSync(world: World, hostPtr: CData) -> None:
    """RT8.08: waits for all streams of the current context's device first."""
    context, allocation = world.thread.context, world.memory.by_pointer(hostPtr)
    ours = allocation is not None and allocation.on_host and not allocation.registered
    if ours and context is not None and context.alive:
        world.drain_device(context.device)
    aclrtFreeHost(world, hostPtr)


def _positive(pointer: CData, size: int, parameter: str) -> None:
    if not pointer:
        raise null(parameter)
    if size == 0:
        raise invalid("size is 0; it must be positive")


def aclrtMemFlush(world: World, devPtr: CData, size: int) -> None:
    """Write a cache back: memory is coherent here, so there is nothing to do but to look at the range."""
    _positive(devPtr, size, "devPtr")
    span_of(world, devPtr, size, "devPtr")


def aclrtMemInvalidate(world: World, devPtr: CData, size: int) -> None:
    """Drop a cache's content: memory is coherent here, so there is nothing to do but to look at the range."""
    _positive(devPtr, size, "devPtr")
    span_of(world, devPtr, size, "devPtr")


def aclrtHostRegister(world: World, ptr: CData, size: int, type: int, devPtr: CData) -> None:  # noqa: A002, ARG001
    """RT8.09: page-locks memory of the caller; the device reaches it under its host address."""
    if not ptr:
        raise null("ptr")
    on_host(devPtr, "devPtr")
    _positive(ptr, size, "ptr")
    _register(world, ptr, size)
    devPtr[0] = ptr


def aclrtHostRegisterV2(world: World, ptr: CData, size: int, flag: int) -> None:  # noqa: ARG001
    """RT8.09: as aclrtHostRegister; aclrtHostGetDevicePointer gives the address for the device."""
    _positive(ptr, size, "ptr")
    _register(world, ptr, size)


def _register(world: World, ptr: CData, size: int) -> None:
    address = address_of(ptr)
    if world.memory.is_device(address):
        raise invalid(f"ptr, 0x{address:x}, is a device address; only host memory can be registered")
    if address + size > _ADDRESSES:
        raise invalid(f"size is {size}; from 0x{address:x} on that leaves the address space")
    if world.memory.overlaps(address, size):
        raise Fault(
            codes.ACL_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
            f"{size} bytes at 0x{address:x} touch memory that is page-locked already",
        )
    world.memory.register(address, size)


def aclrtHostUnregister(world: World, ptr: CData) -> None:
    """RT8.10."""
    if not ptr:
        raise null("ptr")
    allocation = world.memory.by_pointer(ptr)
    if allocation is None or not allocation.registered:
        raise Fault(
            codes.ACL_ERROR_HOST_MEMORY_NOT_REGISTERED,
            f"0x{address_of(ptr):x} is not the beginning of memory that aclrtHostRegister page-locked",
        )
    world.memory.free(allocation)


def aclrtHostGetDevicePointer(world: World, pHost: CData, pDevice: CData, flag: int) -> None:
    """RT8.11: the host address itself, which the device reaches."""
    if not pHost:
        raise null("pHost")
    on_host(pDevice, "pDevice")
    if flag != 0:
        raise invalid(f"flag is {flag}; it must be 0")
    found = world.memory.find(address_of(pHost))
    if found is None or not found.on_host:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"pHost, 0x{address_of(pHost):x}, is not page-locked host memory")
    pDevice[0] = pHost


def aclrtPointerGetAttributes(world: World, ptr: CData, attributes: CData) -> None:
    """RT8.13: where memory lies: on a device, page-locked, or not known to ACL."""
    if not ptr:
        raise null("ptr")
    on_host(attributes, "attributes")
    address = address_of(ptr)
    found = world.memory.find(address)
    if found is None and world.memory.is_device(address):
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"ptr: {world.memory.explain(address)}")
    location = attributes.location
    if found is None:
        location.id, location.type = 0, lib.ACL_MEM_LOCATION_TYPE_UNREGISTERED
    elif found.device is None:
        location.id, location.type = 0, lib.ACL_MEM_LOCATION_TYPE_HOST
    else:
        location.id, location.type = found.device, lib.ACL_MEM_LOCATION_TYPE_DEVICE
    attributes.pageSize = _PAGE
    ffi.memmove(attributes.rsv, b"\0" * ffi.sizeof(attributes.rsv), ffi.sizeof(attributes.rsv))

"""Config handles for loading and executing (contract_mdl section 4)."""

from collections.abc import Callable
from typing import NamedTuple

from aclsim.api.host import invalid, null, on_host, text
from aclsim.api.lookup import item
from aclsim.api.types import CData, address_of, ffi, lib
from aclsim.core.configs import ExecConfig, LoadConfig
from aclsim.core.world import World

INT32_MAX = (1 << 31) - 1


class Attribute(NamedTuple):
    """How one attribute is passed and kept.

    `c_type` is what attrValue points to. `main` and `ipv350` say which library knows it. `legal` looks at the value
    (for pointers at the address). `deep` copies the string on the main library, which the pointer names.
    """

    c_type: str
    main: bool
    ipv350: bool
    legal: Callable[[World, int], bool] | None = None
    deep: bool = False


def _not_null(_world: World, value: int) -> bool:
    return value != 0


def _switch(_world: World, value: int) -> bool:
    return value in (0, 1)


def in_priority_range(world: World, value: int) -> bool:
    """Whether streams of the product can have a priority."""
    return world.product.priority_greatest <= value <= world.product.priority_least


def _load_type(world: World, value: int) -> bool:
    return 1 <= value <= (4 if world.product.ipv350 else 6)


def _policy(_world: World, value: int) -> bool:
    return value & 0xFF <= int(lib.ACL_MEM_MALLOC_NORMAL_ONLY_P2P)


def _timeout(_world: World, value: int) -> bool:
    return -1 <= value <= INT32_MAX


LOAD = {
    lib.ACL_MDL_PRIORITY_INT32: Attribute("int32_t", True, False, in_priority_range),
    lib.ACL_MDL_LOAD_TYPE_SIZET: Attribute("size_t", True, True, _load_type),
    lib.ACL_MDL_PATH_PTR: Attribute("char *", True, True, _not_null, deep=True),
    lib.ACL_MDL_MEM_ADDR_PTR: Attribute("void *", True, True, _not_null),
    lib.ACL_MDL_MEM_SIZET: Attribute("size_t", True, True),
    lib.ACL_MDL_WEIGHT_ADDR_PTR: Attribute("void *", True, True),
    lib.ACL_MDL_WEIGHT_SIZET: Attribute("size_t", True, True),
    lib.ACL_MDL_WORKSPACE_ADDR_PTR: Attribute("void *", True, False),
    lib.ACL_MDL_WORKSPACE_SIZET: Attribute("size_t", True, False),
    lib.ACL_MDL_INPUTQ_NUM_SIZET: Attribute("size_t", True, False),
    lib.ACL_MDL_INPUTQ_ADDR_PTR: Attribute("void *", True, False, _not_null),
    lib.ACL_MDL_OUTPUTQ_NUM_SIZET: Attribute("size_t", True, False),
    lib.ACL_MDL_OUTPUTQ_ADDR_PTR: Attribute("void *", True, False, _not_null),
    lib.ACL_MDL_WORKSPACE_MEM_OPTIMIZE: Attribute("size_t", True, False, _switch),
    lib.ACL_MDL_WEIGHT_PATH_PTR: Attribute("char *", True, False, _not_null, deep=True),
    lib.ACL_MDL_MODEL_DESC_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_MODEL_DESC_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_KERNEL_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_KERNEL_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_KERNEL_ARGS_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_KERNEL_ARGS_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_STATIC_TASK_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_STATIC_TASK_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_DYNAMIC_TASK_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_DYNAMIC_TASK_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_MEM_MALLOC_POLICY_SIZET: Attribute("size_t", False, True, _policy),
    lib.ACL_MDL_FIFO_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_FIFO_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_WITHOUT_GRAPH_INT32: Attribute("int32_t", True, False, _switch),
}
"""MD4.05 to MD4.25; what is not here is refused."""

EXEC = {
    lib.ACL_MDL_STREAM_SYNC_TIMEOUT: Attribute("int32_t", True, False, _timeout),
    lib.ACL_MDL_EVENT_SYNC_TIMEOUT: Attribute("int32_t", True, False, _timeout),
    lib.ACL_MDL_WORK_ADDR_PTR: Attribute("void *", False, True),
    lib.ACL_MDL_WORK_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_MPAIMID_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_AICQOS_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_AICOST_SIZET: Attribute("size_t", False, True),
    lib.ACL_MDL_MEC_TIMETHR_SIZET: Attribute("size_t", False, True),
}
"""MD4.26 to MD4.32; what is not here is refused."""


def _known(world: World, attribute: Attribute | None) -> bool:
    if attribute is None:
        return False
    product = world.product
    return (attribute.ipv350 if product.ipv350 else attribute.main) or (product.generic and attribute.ipv350)


def _read(world: World, table: dict[int, Attribute], attr: int, attrValue: CData, valueSize: int) -> int:
    """Check attribute, size and value in this order (section 4.2) and return the value; of a pointer the address."""
    on_host(attrValue, "attrValue")
    attribute = table.get(attr)
    if attribute is None or not _known(world, attribute):
        raise invalid(f"attr {attr} is not known to the library of product {world.product.name}")
    size = ffi.sizeof(attribute.c_type)
    if valueSize != size:
        raise invalid(f"valueSize is {valueSize}; attr {attr} takes {size} bytes")
    value = ffi.cast(ffi.getctype(attribute.c_type, "*"), attrValue)[0]
    number = address_of(value) if attribute.c_type.endswith("*") else int(value)
    if attribute.legal is not None and not attribute.legal(world, number):
        raise invalid(f"attr {attr} cannot be {number}" if number else f"attr {attr} cannot be NULL or 0")
    return number


def aclmdlCreateConfigHandle(world: World) -> CData:
    """MD4.01."""
    return world.load_configs.add(LoadConfig()).handle


def aclmdlDestroyConfigHandle(world: World, handle: CData) -> None:
    """MD4.02; a second destroy answers 100000 here."""
    world.load_configs.remove(item(world, world.load_configs, handle, "handle"))


def aclmdlSetConfigOpt(world: World, handle: CData, attr: int, attrValue: CData, valueSize: int) -> None:
    """Section 4.2: nothing is stored on failure; strings are copied on the main library, kept by pointer on IPV350."""
    config = item(world, world.load_configs, handle, "handle")
    number = _read(world, LOAD, attr, attrValue, valueSize)
    if LOAD[attr].deep and not world.product.ipv350:
        config.values[attr] = text(ffi.cast("char *", number), f"the string of attr {attr}")
    else:
        config.values[attr] = number


def path_of(config: LoadConfig, attr: int) -> bytes:
    """A path attribute's string: the copy, or what the caller's pointer names now."""
    value = config.values.get(attr, b"")
    return value if isinstance(value, bytes) else text(ffi.cast("char *", value), f"the string of attr {attr}")


def aclmdlSetExternalWeightAddress(
    world: World, handle: CData, weightFileName: CData, devPtr: CData, size: int
) -> None:
    """Section 4.2, last paragraph: each call appends an entry; the size must be a positive multiple of 32."""
    config = item(world, world.load_configs, handle, "handle")
    name = text(weightFileName, "weightFileName")
    if not devPtr:
        raise null("devPtr")
    if size == 0 or size % 32:
        raise invalid(f"size is {size}; it must be a positive multiple of 32")
    config.external_weights.append((name, address_of(devPtr), size))


def aclmdlCreateExecConfigHandle(world: World) -> CData:
    """MD4.01."""
    return world.exec_configs.add(ExecConfig()).handle


def aclmdlDestroyExecConfigHandle(world: World, handle: CData) -> None:
    """MD4.02; a second destroy answers 100000 here."""
    world.exec_configs.remove(item(world, world.exec_configs, handle, "handle"))


def aclmdlSetExecConfigOpt(world: World, handle: CData, attr: int, attrValue: CData, valueSize: int) -> None:
    """Section 4.3: nothing is stored on failure."""
    config = item(world, world.exec_configs, handle, "handle")
    config.values[attr] = _read(world, EXEC, attr, attrValue, valueSize)

"""Data types and half-precision numbers, and the log."""

import struct

from aclsim.api.host import text
from aclsim.api.types import CData, lib
from aclsim.core.world import World

SIZES: dict[int, int] = {
    lib.ACL_STRING: 0,
    lib.ACL_DT_UNDEFINED: 0,
    lib.ACL_FLOAT: 4,
    lib.ACL_FLOAT16: 2,
    lib.ACL_INT8: 1,
    lib.ACL_INT32: 4,
    lib.ACL_UINT8: 1,
    lib.ACL_INT16: 2,
    lib.ACL_UINT16: 2,
    lib.ACL_UINT32: 4,
    lib.ACL_INT64: 8,
    lib.ACL_UINT64: 8,
    lib.ACL_DOUBLE: 8,
    lib.ACL_BOOL: 1,
    lib.ACL_COMPLEX64: 8,
    lib.ACL_COMPLEX128: 16,
    lib.ACL_BF16: 2,
    lib.ACL_INT4: 1,
    lib.ACL_UINT1: 1,
    lib.ACL_COMPLEX32: 4,
    lib.ACL_HIFLOAT8: 1,
    lib.ACL_FLOAT8_E5M2: 1,
    lib.ACL_FLOAT8_E4M3FN: 1,
    lib.ACL_FLOAT8_E8M0: 1,
    lib.ACL_FLOAT6_E3M2: 1,
    lib.ACL_FLOAT6_E2M3: 1,
    lib.ACL_FLOAT4_E2M1: 1,
    lib.ACL_FLOAT4_E1M2: 1,
}
UNKNOWN_SIZE = 8
"""MD3.17: what a type that is not known counts."""


def aclDataTypeSize(world: World, dataType: int) -> int:  # noqa: ARG001
    """Bytes of one element; types of less than a byte count one, strings none (MD3.17)."""
    return SIZES.get(dataType, UNKNOWN_SIZE)


def aclFloat16ToFloat(world: World, value: int) -> float:  # noqa: ARG001
    """The number that 16 bits stand for."""
    return float(struct.unpack("<e", value.to_bytes(2, "little"))[0])


def aclFloatToFloat16(world: World, value: float) -> int:  # noqa: ARG001
    """The nearest half-precision number, as 16 bits; what is too large becomes infinity."""
    try:
        return int.from_bytes(struct.pack("<e", value), "little")
    except OverflowError:
        return 0xFC00 if value < 0 else 0x7C00


def aclAppLog(world: World, logLevel: int, func: CData, file: CData, line: int, fmt: CData) -> None:
    """Keeps the line with the machine; the simulator writes no log files."""
    parts = {"func": func, "file": file, "fmt": fmt}
    words = [text(part, name).decode(errors="replace") if part else "" for name, part in parts.items()]
    world.library.log.append(f"[{logLevel}] {words[1]}:{line} {words[0]}: {words[2]}")
    del world.library.log[:-1000]

"""Element types of ONNX by number, as numbers of aclDataType."""

from collections.abc import Iterable
from math import prod

from _aclcffi import lib

from aclcffi.dtypes import dtype_of
from aclsim.models.refusal import Broken, Unsupported

_ADDRESS_SPACE = 1 << 48

BY_ONNX: dict[int, int] = {
    1: lib.ACL_FLOAT,
    2: lib.ACL_UINT8,
    3: lib.ACL_INT8,
    4: lib.ACL_UINT16,
    5: lib.ACL_INT16,
    6: lib.ACL_INT32,
    7: lib.ACL_INT64,
    9: lib.ACL_BOOL,
    10: lib.ACL_FLOAT16,
    11: lib.ACL_DOUBLE,
    12: lib.ACL_UINT32,
    13: lib.ACL_UINT64,
    14: lib.ACL_COMPLEX64,
    15: lib.ACL_COMPLEX128,
    16: lib.ACL_BF16,
    17: lib.ACL_FLOAT8_E4M3FN,
    19: lib.ACL_FLOAT8_E5M2,
    24: lib.ACL_FLOAT8_E8M0,
}
"""Those of whole bytes: ONNX packs 4-bit types two to a byte, aclDataType's count one each; strings have no size."""

TO_ONNX: dict[int, int] = {acl: onnx for onnx, acl in BY_ONNX.items()}


def dense_bytes(name: str, dims: Iterable[int], data_type: int) -> int:
    """Bytes of the dense tensor `name` of an aclDataType.

    Raises:
        Unsupported: The type needs ml_dtypes, which is not installed.
        Broken: They are more than an address space has.
    """
    try:
        size = prod(dims) * dtype_of(data_type).itemsize
    except ImportError as error:
        raise Unsupported(f"{name!r}: {error}") from None
    if size > _ADDRESS_SPACE:
        raise Broken(f"{name!r} has {size} bytes, more than an address space")
    return size

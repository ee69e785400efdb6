"""aclDataType and numpy's dtypes (ml_dtypes' where numpy has none)."""

from functools import cache
from typing import TYPE_CHECKING, Any

from _aclcffi import lib

if TYPE_CHECKING:
    import numpy as np

_NAMES = {
    lib.ACL_FLOAT: "float32",
    lib.ACL_FLOAT16: "float16",
    lib.ACL_INT8: "int8",
    lib.ACL_INT32: "int32",
    lib.ACL_UINT8: "uint8",
    lib.ACL_INT16: "int16",
    lib.ACL_UINT16: "uint16",
    lib.ACL_UINT32: "uint32",
    lib.ACL_INT64: "int64",
    lib.ACL_UINT64: "uint64",
    lib.ACL_DOUBLE: "float64",
    lib.ACL_BOOL: "bool",
    lib.ACL_COMPLEX64: "complex64",
    lib.ACL_COMPLEX128: "complex128",
}
_ML_NAMES = {
    lib.ACL_BF16: "bfloat16",
    lib.ACL_INT4: "int4",
    lib.ACL_FLOAT8_E5M2: "float8_e5m2",
    lib.ACL_FLOAT8_E4M3FN: "float8_e4m3fn",
    lib.ACL_FLOAT8_E8M0: "float8_e8m0fnu",
    lib.ACL_FLOAT6_E3M2: "float6_e3m2fn",
    lib.ACL_FLOAT6_E2M3: "float6_e2m3fn",
    lib.ACL_FLOAT4_E2M1: "float4_e2m1fn",
}


def name_of(data_type: int) -> str:
    """The dtype's name for an aclDataType, "aclDataType N" where numpy and ml_dtypes have none."""
    return _NAMES.get(data_type) or _ML_NAMES.get(data_type) or f"aclDataType {data_type}"


@cache
def dtype_of(data_type: int) -> "np.dtype[Any]":
    """The dtype that holds an aclDataType.

    Raises:
        TypeError: Neither numpy nor ml_dtypes has one.
        ImportError: ml_dtypes has it and is not installed.
    """
    import numpy as np

    if data_type in _NAMES:
        return np.dtype(_NAMES[data_type])
    if data_type not in _ML_NAMES:
        raise TypeError(f"neither numpy nor ml_dtypes has a dtype for aclDataType {data_type}")
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(f"dtype {_ML_NAMES[data_type]} needs ml_dtypes: install aclcffi[onnx] ({error})") from None
    name = _ML_NAMES[data_type]
    if not hasattr(ml_dtypes, name):
        raise ImportError(f"dtype {name} needs a newer ml_dtypes than {ml_dtypes.__version__}")
    found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    return found


def data_type_of(dtype: "np.dtype[Any]") -> int:
    """The aclDataType of a dtype.

    Raises:
        TypeError: ACL has no type for it.
    """
    for table in (_NAMES, _ML_NAMES):
        for number, name in table.items():
            if name == dtype.name:
                return int(number)
    raise TypeError(f"no aclDataType holds dtype {dtype}")


def needs_ml_dtypes(data_type: int) -> bool:
    """Whether numpy alone cannot hold it."""
    return data_type in _ML_NAMES

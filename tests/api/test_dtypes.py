"""aclDataType and dtypes, there and back."""

import subprocess
import sys
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

from aclcffi import lib
from aclcffi.dtypes import _ML_NAMES, _NAMES, data_type_of, dtype_of, name_of, needs_ml_dtypes

ALL = {**_NAMES, **_ML_NAMES}
WITHOUT = (lib.ACL_DT_UNDEFINED, lib.ACL_STRING, 9999)


@pytest.mark.parametrize("data_type", ALL)
def test_there_and_back(data_type: int) -> None:
    """Each data type has a dtype of its name, and that dtype has this data type."""
    dtype = dtype_of(data_type)
    assert dtype.name == name_of(data_type) == ALL[data_type]
    assert data_type_of(dtype) == data_type


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        (lib.ACL_FLOAT, np.float32),
        (lib.ACL_DOUBLE, np.float64),
        (lib.ACL_FLOAT16, np.float16),
        (lib.ACL_INT8, np.int8),
        (lib.ACL_UINT64, np.uint64),
        (lib.ACL_BOOL, np.bool_),
        (lib.ACL_COMPLEX64, np.complex64),
        (lib.ACL_BF16, ml_dtypes.bfloat16),
        (lib.ACL_FLOAT8_E4M3FN, ml_dtypes.float8_e4m3fn),
    ],
)
def test_the_dtype_is_the_one_of_that_meaning(data_type: int, expected: type) -> None:
    """Data types are those of numpy and ml_dtypes that mean the same."""
    assert dtype_of(data_type) == np.dtype(expected)
    assert data_type_of(np.dtype(expected)) == data_type
    assert needs_ml_dtypes(data_type) == (expected.__module__ == "ml_dtypes")


@pytest.mark.parametrize("data_type", WITHOUT)
def test_a_data_type_without_a_dtype_is_a_type_error(data_type: int) -> None:
    """What no dtype holds is a TypeError that has the number, and its name says the number too."""
    with pytest.raises(TypeError, match=f"aclDataType {data_type}$"):
        dtype_of(data_type)
    assert name_of(data_type) == f"aclDataType {data_type}"
    assert not needs_ml_dtypes(data_type)


@pytest.mark.parametrize("dtype", ["U3", "O", "M8[s]", "S2"])
def test_a_dtype_without_a_data_type_is_a_type_error(dtype: str) -> None:
    """Texts, objects and times are nothing that ACL has."""
    with pytest.raises(TypeError, match="no aclDataType holds dtype"):
        data_type_of(np.dtype(dtype))


def test_without_ml_dtypes_its_dtypes_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ml_dtypes is not installed, bfloat16 says what to install, and asks again the next time."""
    dtype_of.cache_clear()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ml_dtypes", None)
        with pytest.raises(ImportError, match=r"dtype bfloat16 needs ml_dtypes: install aclcffi\[onnx\]"):
            dtype_of(int(lib.ACL_BF16))
    assert dtype_of(int(lib.ACL_BF16)) == np.dtype(ml_dtypes.bfloat16)


def test_an_old_ml_dtypes_says_that_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ml_dtypes does not have a dtype yet, the error says so and names the version."""
    dtype_of.cache_clear()
    monkeypatch.setitem(sys.modules, "ml_dtypes", SimpleNamespace(__version__="0.0.1"))
    with pytest.raises(ImportError, match=r"dtype bfloat16 needs a newer ml_dtypes than 0\.0\.1$"):
        dtype_of(int(lib.ACL_BF16))


def test_importing_loads_neither_numpy_nor_anything_else_that_is_heavy() -> None:
    """`import aclcffi` loads numpy only when an array is first touched, and no optional dependency."""
    script = (
        "import sys, aclcffi\n"
        "heavy = {'numpy', 'ml_dtypes', 'onnx', 'onnxruntime', 'rich', 'pytest', 'aclsim', 'cffi'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"

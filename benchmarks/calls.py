"""Calls through the cann backend against the same C functions linked directly with cffi, and through ctypes."""

import ctypes
import importlib.util
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from cffi import FFI

import aclcffi
from benchmarks.measure import Row, compare

_LIBRARY = """
#include <stddef.h>
#include <stdint.h>
typedef enum { COPY_KIND_0 = 0, COPY_KIND_7 = 7 } aclrtMemcpyKind;
int aclInit(const char *path) { (void)path; return 0; }
int aclrtSynchronizeStream(void *stream) { return stream == (void *)1; }
int aclrtMemcpy(void *dst, size_t destMax, const void *src, size_t count, aclrtMemcpyKind kind)
{
    return dst == src && count > destMax && kind > 3;
}
"""
# With the same types as the project's declarations: cffi converts an enum in another way than an int.
_DECLARATIONS = """
typedef enum { COPY_KIND_0 = 0, COPY_KIND_7 = 7 } aclrtMemcpyKind;
typedef struct aclrtStream_ *aclrtStream;
int aclrtSynchronizeStream(aclrtStream stream);
int aclrtMemcpy(void *dst, size_t destMax, const void *src, size_t count, aclrtMemcpyKind kind);
"""


def _linked_directly(folder: Path) -> Any:
    """The functions in an extension of their own that is linked with the library."""
    builder = FFI()
    builder.cdef(_DECLARATIONS)
    builder.set_source(
        "_direct",
        f"#include <stddef.h>\n{_DECLARATIONS}",
        libraries=["acl_rt"],
        library_dirs=[str(folder)],
        runtime_library_dirs=[str(folder)],
        py_limited_api=True,
        define_macros=[("Py_LIMITED_API", "0x030A0000")],
        extra_compile_args=["-O2", "-g0"],
    )
    file = builder.compile(tmpdir=str(folder))
    spec = importlib.util.spec_from_file_location("_direct", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows() -> list[Row]:
    """One and five arguments."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, library = folder / "acl.c", folder / "libacl_rt.so"
        source.write_text(_LIBRARY)
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        direct = _linked_directly(folder)
        plain = ctypes.CDLL(str(library))
        plain.aclrtSynchronizeStream.argtypes = [ctypes.c_void_p]
        plain.aclrtMemcpy.argtypes = [
            ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
        ]  # fmt: skip
        with aclcffi.open_backend("cann", library_path=folder) as backend:
            return _measure(backend, direct, plain)


def _measure(backend: aclcffi.Backend, direct: Any, plain: Any) -> list[Row]:
    ffi = aclcffi.ffi
    found = []
    one: list[Any] = [backend.aclrtSynchronizeStream, direct.lib.aclrtSynchronizeStream, plain.aclrtSynchronizeStream]
    streams = [ffi.NULL, direct.ffi.NULL, None]
    calls = [lambda f=f, s=s: [f(s) for _ in range(1000)] for f, s in zip(one, streams, strict=True)]
    ours, (linked, by_ctypes) = compare(*calls, operations=1000)
    found += [
        Row("cann backend, 1 argument", "cffi, linked", ours, linked, "<= 1.1"),
        Row("cann backend, 1 argument", "ctypes", ours, by_ctypes, "<= 0.5"),
    ]
    five: list[Any] = [backend.aclrtMemcpy, direct.lib.aclrtMemcpy, plain.aclrtMemcpy]
    memory = [ffi.new("char[8]"), direct.ffi.new("char[8]"), ctypes.create_string_buffer(8)]
    pointers = [ffi.cast("void *", memory[0]), direct.ffi.cast("void *", memory[1]), ctypes.addressof(memory[2])]
    calls = [lambda f=f, p=p: [f(p, 8, p, 8, 1) for _ in range(1000)] for f, p in zip(five, pointers, strict=True)]
    ours, (linked, by_ctypes) = compare(*calls, operations=1000)
    found += [
        Row("cann backend, 5 arguments", "cffi, linked", ours, linked, "<= 1.1"),
        Row("cann backend, 5 arguments", "ctypes", ours, by_ctypes, "<= 0.5"),
    ]
    return found

"""The compiled extension: slots, what functions without a library answer, handle types, constants."""

import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _aclcffi
import pytest
from _aclcffi import ffi, lib

from aclcffi.functions import FUNCTIONS, SLOTS
from build_acl import Function, read_declarations, slot_order
from tests.slots import empty_slots

UNSUPPORTED = 200001
DECLARED = {function.name: function for function in slot_order(read_declarations())}
POINTER_HANDLES = sorted(
    text.split()[-1].strip("*;")
    for header in read_declarations()
    for text in header.types
    if text.startswith("typedef struct ") and " *" in text and "{" not in text
)


@pytest.fixture(autouse=True)
def slots() -> Iterator[None]:
    """Empty all slots for the test, and put back what was in them."""
    with empty_slots():
        yield


def nothing(ctype: Any) -> Any:
    """An argument of the given type that is NULL or zero."""
    if ctype.kind in ("pointer", "function"):
        return ffi.NULL
    if ctype.kind in ("struct", "union"):
        return ffi.new(ffi.getctype(ctype, "*"))[0]
    return 0


def expected_without_library(function: Function) -> Any:
    """What the function answers while its slot is empty."""
    if function.returns == "void":
        return None
    if function.returns == "aclError":
        return UNSUPPORTED
    if function.returns in ("aclDataType", "aclFormat"):
        return -1
    return ffi.NULL if ffi.typeof(function.returns).kind == "pointer" else 0


def test_every_function_without_a_library_answers_and_none_crashes() -> None:
    """With empty slots each of the 524 functions, called with NULL and zero, answers what its return type has for it."""
    wrong = {}
    for name, declared in DECLARED.items():
        function = getattr(lib, name)
        answer = function(*(nothing(ctype) for ctype in ffi.typeof(function).args))
        if answer != expected_without_library(declared):
            wrong[name] = answer
    assert len(DECLARED) == 524
    assert wrong == {}


def test_slots_stand_in_the_order_of_the_names_everywhere() -> None:
    """The extension, the declarations and aclcffi.functions give each function the same slot."""
    names = [ffi.string(lib.aclcffi_slot_name(slot)).decode() for slot in range(lib.aclcffi_slot_count())]
    assert names == sorted(names) == list(DECLARED) == list(FUNCTIONS)
    assert [SLOTS[name] for name in names] == list(range(524))


def test_a_filled_slot_is_called_and_an_emptied_one_is_not() -> None:
    """A function calls what stands in its own slot, and answers by itself again when the slot was emptied."""
    slot = SLOTS["aclrtSetDevice"]

    @ffi.callback("aclError(int32_t)")  # type: ignore[untyped-decorator]
    def set_device(device: int) -> int:
        return device + 1

    assert lib.aclcffi_set_slot(slot, ffi.cast("void *", set_device)) == 0
    assert lib.aclcffi_get_slot(slot) == ffi.cast("void *", set_device)
    assert lib.aclrtSetDevice(6) == 7
    assert lib.aclrtResetDevice(6) == UNSUPPORTED
    lib.aclcffi_set_slot(slot, ffi.NULL)
    assert lib.aclrtSetDevice(6) == UNSUPPORTED


def test_a_log_text_is_never_a_format() -> None:
    """aclAppLog hands the text over as the argument of a fixed format, so a percent sign in it means nothing."""
    seen = []

    @ffi.callback("void(aclLogLevel, const char *, const char *, uint32_t, const char *, const char *)")  # type: ignore[untyped-decorator]
    def log(level: int, function: Any, file: Any, line: int, text_format: Any, text: Any) -> None:
        seen.append(
            (level, *(ffi.string(part) for part in (function, file)), line, ffi.string(text_format), ffi.string(text))
        )

    lib.aclcffi_set_slot(SLOTS["aclAppLog"], ffi.cast("void *", log))
    lib.aclAppLog(lib.ACL_WARNING, b"main", b"main.py", 7, b"100%n %s")
    assert seen == [(lib.ACL_WARNING, b"main", b"main.py", 7, b"%s", b"100%n %s")]


def test_a_slot_may_be_emptied_while_another_thread_calls() -> None:
    """A call that runs while its slot changes gets the function's answer or the refusal, and never crashes."""
    slot = SLOTS["aclrtSetDevice"]
    error = ffi.new("char[200]")
    absolute = lib.aclcffi_symbol(lib.aclcffi_open(b"libc.so.6", error, 200), b"abs")
    assert absolute != ffi.NULL, ffi.string(error)
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            lib.aclcffi_set_slot(slot, absolute)
            lib.aclcffi_set_slot(slot, ffi.NULL)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        answers = {lib.aclrtSetDevice(-5) for _ in range(50_000)}
    finally:
        done.set()
        thread.join()
    assert answers <= {5, UNSUPPORTED}


@pytest.mark.parametrize("slot", [-1, 524, 2**31 - 1])
def test_a_slot_that_does_not_exist_is_refused(slot: int) -> None:
    """Setting a slot outside the table changes nothing and says so; reading one gives NULL."""
    assert lib.aclcffi_set_slot(slot, ffi.cast("void *", 1)) == -1
    assert lib.aclcffi_get_slot(slot) == ffi.NULL
    assert lib.aclcffi_slot_name(slot) == ffi.NULL


def test_a_library_that_is_missing_is_explained() -> None:
    """Opening a path that does not exist gives NULL and a text that names the path."""
    error = ffi.new("char[200]")
    assert lib.aclcffi_open(b"/nowhere/libacl_rt.so", error, 200) == ffi.NULL
    assert b"/nowhere/libacl_rt.so" in ffi.string(error)


def test_the_explanation_fits_the_buffer() -> None:
    """A text that is longer than the buffer is cut, and nothing is written behind the buffer."""
    error = ffi.new("char[12]", b"...........")
    assert lib.aclcffi_open(b"/nowhere/libacl_rt.so", error, 9) == ffi.NULL
    assert ffi.buffer(error)[:] == b"/nowhere\0..\0"


def test_no_path_and_no_library_are_refused() -> None:
    """NULL for a path or a library means nothing is opened or looked up, not the process itself."""
    error = ffi.new("char[200]")
    assert lib.aclcffi_open(ffi.NULL, error, 200) == ffi.NULL
    assert ffi.string(error) == b"no path was given"
    assert lib.aclcffi_symbol(ffi.NULL, b"malloc") == ffi.NULL


def test_a_symbol_that_a_library_lacks_is_null() -> None:
    """Looking up an ACL function in a library that is not ACL gives NULL."""
    library = lib.aclcffi_open(b"libc.so.6", ffi.NULL, 0)
    assert lib.aclcffi_symbol(library, b"aclInit") == ffi.NULL


def test_the_extension_exports_no_acl_symbol() -> None:
    """Real libraries that are loaded beside the extension cannot bind to its wrappers."""
    itself = lib.aclcffi_open(_aclcffi.__file__.encode(), ffi.NULL, 0)
    assert lib.aclcffi_symbol(itself, b"PyInit__aclcffi") != ffi.NULL
    assert [name for name in DECLARED if lib.aclcffi_symbol(itself, name.encode()) != ffi.NULL] == []


def test_each_kind_of_handle_is_a_type_of_its_own() -> None:
    """No two of the handle types are the same, and none is a plain pointer."""
    types = {ffi.typeof(name) for name in POINTER_HANDLES}
    assert len(POINTER_HANDLES) == 19
    assert len(types) == len(POINTER_HANDLES)
    assert ffi.typeof("void *") not in types


@pytest.mark.parametrize("name", [name for name in POINTER_HANDLES if name != "aclrtStream"])
def test_another_handle_is_no_stream(name: str) -> None:
    """Passing any other kind of handle for a stream is a TypeError, not a crash."""
    with pytest.raises(TypeError, match="aclrtStream_"):
        lib.aclrtSynchronizeStream(ffi.new(f"{name} *")[0])


@pytest.mark.parametrize("argument", [None, 0, b"stream", []])
def test_what_is_no_handle_is_refused(argument: object) -> None:
    """None, numbers, bytes and lists are no handles."""
    with pytest.raises(TypeError):
        lib.aclrtSynchronizeStream(argument)


def test_what_users_own_stays_a_plain_pointer() -> None:
    """Allocator objects, blocks, addresses and aclmdlModel take any pointer."""
    for name in ("aclrtAllocator", "aclrtAllocatorBlock", "aclrtAllocatorAddr", "aclmdlModel"):
        assert ffi.typeof(name) is ffi.typeof("void *")


def test_numbers_are_range_checked() -> None:
    """A number that the C type cannot hold is an OverflowError."""
    with pytest.raises(OverflowError):
        lib.aclmdlUnload(2**32)
    with pytest.raises(OverflowError):
        lib.aclmdlUnload(-1)


def test_constants_are_those_of_c() -> None:
    """Error codes, enum members, unsigned macros and texts are attributes of lib, with their C values."""
    assert lib.ACL_SUCCESS == 0
    assert lib.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT == 507046
    assert lib.ACL_ERROR_GE_EXEC_MODEL_ID_INVALID == 145003
    assert lib.ACL_DT_UNDEFINED == -1
    assert lib.ACL_MEMCPY_HOST_TO_DEVICE == 1
    assert lib.ACL_UNKNOWN_RANK == 2**64 - 2
    assert lib.ACL_INVALID_NODE_INDEX == 2**32 - 1
    assert ffi.string(lib.ACL_DYNAMIC_TENSOR_NAME) == b"ascend_mbatch_shape_data"


def test_nested_unions_have_their_fields() -> None:
    """The members of an unnamed union are members of the struct around it."""
    assert ffi.sizeof("aclmdlRITaskParams") == 200
    assert ffi.offsetof("aclmdlRITaskParams", "kernelTaskParams", "argsSize") == 104


def test_importing_loads_no_library() -> None:
    """Importing the extension loads neither CANN nor numpy."""
    script = (
        "import sys, pathlib, _aclcffi\n"
        "maps = pathlib.Path('/proc/self/maps').read_text()\n"
        "assert not [name for name in ('libacl_', 'libascendcl') if name in maps], maps\n"
        "assert 'numpy' not in sys.modules and 'cffi' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.skipif(bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="free-threaded Python has no limited API")
def test_one_build_serves_every_python() -> None:
    """The file name says that the extension keeps to the stable interface of Python."""
    assert Path(_aclcffi.__file__).name == "_aclcffi.abi3.so"

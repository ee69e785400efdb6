"""The tree of exceptions: which class a code becomes, and what each exception carries."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import aclcffi
from aclcffi import AclError, errors, ffi, lib
from aclcffi.codes import CODES
from aclcffi.errors import error_of, failure, recent_message
from tests.api.conftest import Doctored

LEAVES = {
    "argument": (errors.InvalidArgumentError, ValueError),
    "handle": (errors.InvalidHandleError, ValueError),
    "state": (errors.StateError, AclError),
    "memory": (errors.OutOfMemoryError, MemoryError),
    "resource": (errors.ResourceError, AclError),
    "timeout": (errors.AclTimeoutError, TimeoutError),
    "device": (errors.DeviceFaultError, AclError),
    "unsupported": (errors.UnsupportedError, NotImplementedError),
    "model": (errors.ModelError, AclError),
    "internal": (errors.InternalError, AclError),
}


@pytest.mark.parametrize("code", CODES)
def test_each_code_becomes_the_class_of_its_kind(code: int) -> None:
    """Every known code makes the exception of its kind, with function, code, symbol and advice from the table."""
    known = CODES[code]
    error = error_of(code, "aclrtMalloc")
    leaf, builtin = LEAVES[known.kind]
    assert type(error) is leaf
    assert isinstance(error, builtin)
    assert (error.function, error.code, error.symbol, error.advice) == ("aclrtMalloc", code, known.name, known.advice)
    assert str(error) == f"aclrtMalloc returned {known.name} ({code}): {known.meaning}. {known.advice}"


def test_the_message_of_acl_stands_for_the_meaning() -> None:
    """Where ACL said something the text says it once, without the function and the code that stand before it."""
    said = "aclrtFree: devPtr is NULL. [100000 ACL_ERROR_INVALID_PARAM]"
    error = error_of(100000, "aclrtFree", said)
    advice = CODES[100000].advice
    assert str(error) == f"aclrtFree returned ACL_ERROR_INVALID_PARAM (100000): devPtr is NULL. {advice}"
    assert error.recent_message == said


def test_the_text_is_one_line_about_this_call() -> None:
    """Of several messages the text has the last one of this call; where none is, all of them in one line."""
    said = "aclInit: before [100001 X]\naclrtFree: first\naclrtFree: last [100000 ACL_ERROR_INVALID_PARAM]"
    assert str(error_of(100000, "aclrtFree", said)).startswith(
        "aclrtFree returned ACL_ERROR_INVALID_PARAM (100000): last."
    )
    text = str(error_of(100000, "aclrtFree", "EZ9999: Inner Error!\n        TraceBack (most recent call last):"))
    assert "(100000): EZ9999: Inner Error! TraceBack (most recent call last):. " in text


def test_what_it_is_about_stands_first() -> None:
    """A caller's own words stand before the function, which stays the one that was called."""
    error = error_of(100000, "aclmdlSetExecConfigOpt", about="work_size cannot be 3")
    assert str(error).startswith("work_size cannot be 3: aclmdlSetExecConfigOpt returned ACL_ERROR_INVALID_PARAM")
    assert error.function == "aclmdlSetExecConfigOpt"


@pytest.mark.parametrize(("said", "end"), [("", ""), ("something odd", ": something odd")])
def test_an_unknown_code_is_an_internal_error(said: str, end: str) -> None:
    """A code that no table knows is an InternalError that says so, with the message where there is one."""
    error = error_of(-7, "aclInit", said)
    assert type(error) is errors.InternalError
    assert str(error) == f"aclInit returned -7, which is no known ACL error code{end}"
    assert (error.code, error.symbol, error.advice, error.recent_message) == (-7, None, "", said)


def test_an_error_without_a_call_has_no_code() -> None:
    """What was found before any C function was called has neither function nor code."""
    error = errors.StateError("this Stream is closed")
    assert (error.function, error.code, error.symbol, error.recent_message, error.advice) == (None, None, None, "", "")


@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_being_copied(duplicate: Callable[[AclError], AclError]) -> None:
    """Copies and pickles keep class, text and everything else: errors cross process pools."""
    for error in (
        error_of(507011, "aclrtSynchronizeStream", "no"),
        errors.UnsupportedFunctionError("x", function="aclX"),
    ):
        twin = duplicate(error)
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        for name in ("function", "code", "symbol", "recent_message", "advice"):
            assert getattr(twin, name) == getattr(error, name)


def test_an_unsupported_function_is_a_missing_attribute_too() -> None:
    """The error for a function that does not exist is an AclError, a NotImplementedError and an AttributeError."""
    assert issubclass(errors.UnsupportedFunctionError, (AclError, NotImplementedError))
    assert issubclass(errors.UnsupportedFunctionError, AttributeError)


def test_a_failure_takes_the_message(doctored: Callable[..., Doctored]) -> None:
    """The exception for a code takes the thread's message, so that the next one does not get it too."""
    backend = doctored()
    code = backend.aclrtFree(ffi.NULL)
    error = failure(backend, "aclrtFree", code)
    assert error.recent_message == "aclrtFree: devPtr is NULL [100000 ACL_ERROR_INVALID_PARAM]"
    assert recent_message(backend) == ""


def test_a_library_without_messages_has_none(doctored: Callable[..., Doctored]) -> None:
    """Where aclGetRecentErrMsg does not exist, the error has the code's meaning and no message."""
    backend = doctored(lacking=("aclGetRecentErrMsg",))
    error = failure(backend, "aclrtFree", backend.aclrtFree(ffi.NULL))
    assert error.recent_message == ""
    assert CODES[100000].meaning in str(error)


def test_a_message_that_is_no_text_does_no_harm(doctored: Callable[..., Doctored]) -> None:
    """Bytes of a message that are no UTF-8 are replaced, and blanks around it go."""
    text = ffi.new("char[]", b" bad \xff byte\n")
    assert recent_message(doctored({"aclGetRecentErrMsg": text})) == "bad \ufffd byte"


def test_a_refused_call_carries_everything(session: aclcffi.Session) -> None:
    """An error of a session's call has function, code, symbol, message and advice, in one line of text."""
    with pytest.raises(errors.InvalidHandleError) as caught:
        session.call("aclmdlUnload", 12)
    error = caught.value
    assert (error.function, error.code, error.symbol) == (
        "aclmdlUnload",
        int(lib.ACL_ERROR_GE_EXEC_MODEL_ID_INVALID),
        "ACL_ERROR_GE_EXEC_MODEL_ID_INVALID",
    )
    assert "12" in error.recent_message
    assert error.advice in str(error)
    assert "\n" not in str(error)


def test_device_memory_that_is_too_small_is_a_memory_error(session: aclcffi.Session) -> None:
    """A device that is full raises what Python raises for it, so that `except MemoryError` works."""
    with pytest.raises(MemoryError) as caught:
        session.to_device(np.broadcast_to(np.zeros(1, np.int8), (1 << 40,)))
    assert isinstance(caught.value, AclError)
    assert caught.value.code == 207001

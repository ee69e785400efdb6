"""The binder: calls of bound functions, their results, and what becomes of faults and messages."""

import subprocess
import sys
import threading
from typing import Any

import pytest
from aclsim.api import answers
from aclsim.api.binder import bind, signature
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.world import World

from aclcffi import ffi, lib
from aclcffi.functions import FUNCTIONS
from tests.aclsim.binder_values import zero

# -- results ---------------------------------------------------------------------------------------------------------


def shown(value: Any) -> tuple[Any, ...]:
    """A result with its Python type and, for a cdata, its C type and address."""
    if isinstance(value, ffi.CData):
        return ("cdata", ffi.typeof(value).cname, int(ffi.cast("uintptr_t", value)))
    return (type(value).__name__, value)


TEXTS = ("aclmdlGetInputNameByIndex", "aclmdlGetOutputNameByIndex", "aclGetTensorDescName")
"""Functions that answer "" where the compiled wrapper, which knows no model, has NULL (MD6.08)."""


@pytest.mark.usefixtures("slots")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "aclGetRecentErrMsg"])
def test_what_is_not_modelled_answers_as_a_missing_function(world: World, name: str) -> None:
    """A function that the simulator does not model answers 200001, NULL, 0 or -1 with the type of the compiled one,
    and says a sentence about it."""
    arguments = [zero(each) for each in signature(name).args]
    answer, expected = bind(world, name, None)(*arguments), getattr(lib, name)(*arguments)
    if name in TEXTS:
        assert ffi.typeof(answer) is ffi.typeof("char *")
        assert ffi.string(answer) == b""
    else:
        assert shown(answer) == shown(expected)
    (message,) = world.thread.messages
    assert message.startswith(f"{name}: the simulator declares this function but does not model it yet")
    assert message.endswith("[200001 ACL_ERROR_API_NOT_SUPPORT]")


@pytest.mark.parametrize(
    ("name", "returned", "expected"),
    [
        ("aclrtSetDevice", None, ("int", 0)),
        ("aclrtSetDevice", 107001, ("int", 107001)),
        ("aclGetRecentErrMsg", ffi.NULL, ("cdata", "char *", 0)),
        ("aclmdlGetDatasetBuffer", ffi.NULL, ("cdata", "struct aclDataBuffer *", 0)),
        ("aclmdlGetDatasetBuffer", ffi.cast("aclDataBuffer *", 64), ("cdata", "struct aclDataBuffer *", 64)),
        ("aclGetDataBufferAddr", ffi.cast("char *", 64), ("cdata", "void *", 64)),
        ("aclmdlGetInputFormat", 2, ("int", 2)),
        ("aclGetDataBufferSizeV2", 7, ("int", 7)),
        ("aclFloat16ToFloat", 1.5, ("float", 1.5)),
        ("aclDestroyTensorDesc", None, ("NoneType", None)),
    ],
)
def test_results_have_the_types_of_c(world: World, name: str, returned: Any, expected: tuple[Any, ...]) -> None:
    """Codes are ints and 0 where nothing is returned, pointers have their own C type, everything else is as it is."""
    arguments = [zero(each) for each in signature(name).args]
    assert shown(bind(world, name, lambda *_arguments: returned)(*arguments)) == expected


def test_a_pointer_of_the_right_type_is_returned_itself(world: World) -> None:
    """A pointer that owns what it points to is not exchanged for one that does not."""
    owner = ffi.new("aclrtStreamConfigHandle *")
    assert bind(world, "aclrtCreateStreamConfigHandle", lambda _world: owner)() is owner


# -- calls -----------------------------------------------------------------------------------------------------------


def holder(world: World) -> bool:
    """Whether another thread can take the world's lock."""
    taken = []

    def take() -> None:
        taken.append(world.lock.acquire(blocking=False))
        if taken[0]:
            world.lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken[0]


def test_the_lock_is_held_during_the_call_and_free_afterwards(world: World) -> None:
    """A function runs with the world's lock, which is free again when it returns, faults or raises."""
    seen = []

    def look(_world: World, device: int) -> None:
        seen.append(holder(world))
        if device == 1:
            raise Fault(codes.ACL_ERROR_RT_INVALID_DEVICEID, "no")
        if device == 2:
            raise ZeroDivisionError

    function = bind(world, "aclrtSetDevice", look)
    assert (function(0), holder(world)) == (0, True)
    assert (function(1), holder(world)) == (107001, True)
    with pytest.raises(ZeroDivisionError):
        function(2)
    assert holder(world)
    assert seen == [False] * 3


def test_the_world_is_the_first_argument(world: World) -> None:
    """The function gets the world and then the arguments in C's order."""
    seen: list[Any] = []
    bind(world, "aclrtGetMemInfo", lambda *arguments: seen.extend(arguments))(1, ffi.NULL, ffi.NULL)
    assert seen == [world, 1, ffi.NULL, ffi.NULL]


def test_a_bound_function_has_name_and_words(world: World) -> None:
    """A bound function has the C name and the words of the function that it stands for."""

    def call(_world: World) -> None:
        """Words."""

    assert bind(world, "aclFinalize", call).__name__ == "aclFinalize"
    assert bind(world, "aclFinalize", call).__doc__ == "Words."
    assert bind(world, "aclFinalize", None).__doc__ is None


# -- faults and messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aclrtSetDevice", ("int", 107000)),
        ("aclmdlCreateDataset", ("cdata", "struct aclmdlDataset *", 0)),
        ("aclGetDataBufferSizeV2", ("int", 0)),
        ("aclmdlGetInputDataType", ("int", -1)),
        ("aclFloat16ToFloat", ("float", 0.0)),
        ("aclDestroyTensorDesc", ("NoneType", None)),
    ],
)
def test_a_fault_is_an_answer_with_a_sentence(world: World, name: str, expected: tuple[Any, ...]) -> None:
    """A fault becomes the code, or what a function without codes has for it, and leaves function, words and code."""

    def fail(*_arguments: Any) -> None:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "something is wrong")

    function = bind(world, name, fail)
    assert shown(function(*(zero(each) for each in signature(name).args))) == expected
    assert world.thread.messages == [f"{name}: something is wrong [107000 ACL_ERROR_RT_PARAM_INVALID]"]
    assert world.thread.last_error == 107000


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "x"), 107000),
        (Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "x", quiet=True), 0),
        (Fault(codes.ACL_ERROR_INVALID_PARAM, "x"), 0),
    ],
)
def test_only_the_runtimes_errors_are_the_last_error(world: World, fault: Fault, last: int) -> None:
    """The last error is that of the runtime layer; quiet faults and those of the ACL layer leave it alone."""
    answers.remember(world, "aclrtFree", fault)
    assert world.thread.last_error == last
    assert len(world.thread.messages) == 1


def test_only_the_newest_messages_are_kept(world: World) -> None:
    """A thread that never asks keeps sixteen sentences, the newest ones."""
    for number in range(20):
        answers.remember(world, "aclrtFree", Fault(100000, f"number {number}"))
    assert [message.split()[2] for message in world.thread.messages] == [str(number) for number in range(4, 20)]


def test_messages_of_the_process_are_in_one_place(world: World) -> None:
    """Where the configuration asks for one queue of messages, the thread's own stays empty."""
    world.library.messages = []
    answers.remember(world, "aclrtFree", Fault(100000, "x"))
    assert world.thread.messages == []
    assert world.library.messages == ["aclrtFree: x [100000 ACL_ERROR_INVALID_PARAM]"]


def test_a_closed_machine_calls_nothing(world: World) -> None:
    """After the end no function is called; arguments are still converted, the answer is 100001 with a sentence."""
    called: list[object] = []
    function = bind(world, "aclrtSetDevice", lambda *arguments: called.append(arguments))
    world.close("it is over")
    assert function(0) == codes.ACL_ERROR_UNINITIALIZE
    with pytest.raises(OverflowError):
        function(1 << 31)
    assert called == []
    assert world.thread.messages == ["aclrtSetDevice: it is over [100001 ACL_ERROR_UNINITIALIZE]"]


def test_after_a_fork_the_child_gets_answers() -> None:
    """In a forked child calls answer 100001 with a sentence, even if another thread held the machine's lock."""
    script = """
import os, threading, warnings
from aclcffi import ffi, open_backend

warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads, from Python 3.12 on
backend = open_backend("simulator")
set_device, message = backend.aclrtSetDevice, backend.aclGetRecentErrMsg
held, done = threading.Event(), threading.Event()

def hold():
    with backend._world.lock:
        held.set()
        done.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    code = set_device(0)
    print(code, ffi.string(message()).decode(), flush=True)
    os._exit(0)
os.waitpid(child, 0)
done.set()
backend.close()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.startswith(
        "100001 aclrtSetDevice: this backend was opened before a fork and is dead in the child"
    )

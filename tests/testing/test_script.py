"""The recorder: what it writes down runs, and fails as the recorded calls did."""

import subprocess
import sys

import pytest

from aclcffi import ffi
from aclcffi.testing.script import ContractError, Recorder


def play(script: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)


def record() -> Recorder:
    """A machine with a stream, memory, a data buffer, a value in a struct and another thread, all written down."""
    acl = Recorder.open("simulator", devices=2, schedule="random", seed=42)
    acl.expect("aclInit", ffi.NULL)
    acl.expect("aclrtSetDevice", 1)
    stream, memory, event = ffi.new("aclrtStream *"), ffi.new("void **"), ffi.new("aclrtEvent *")
    acl.expect("aclrtCreateStream", stream)
    with acl.optional():
        acl.expect("aclrtCreateEvent", event)
    acl.expect("aclrtMalloc", memory, 100, 0)
    inside = ffi.cast("void *", int(ffi.cast("uintptr_t", memory[0])) + 4)
    acl.expect("aclrtMemsetAsync", inside, 4, 7, 4, stream[0])
    acl.expect("aclrtSynchronizeStream", stream[0], thread="other", legal=[107002], why="it has no context")
    acl.expect("aclrtSynchronizeStream", stream[0])
    buffer = ffi.new("char[]", 8)
    acl.write(buffer, b"12345678")
    acl.expect("aclrtMemcpy", buffer, 8, memory[0], 8, 2)
    acl.check_bytes(buffer, [{0}] * 4 + [{7}] * 4)
    acl.check_bytes(buffer, [{0, 1}] * 4 + [{7}] * 4)
    data = acl.expect("aclCreateDataBuffer", memory[0], 8, legal=())
    acl.expect("aclGetDataBufferAddr", data, legal=[memory[0]])
    status = ffi.new("aclrtStreamStatus *", 5)
    assert acl.aclrtStreamQuery(stream[0], status) == 0
    acl.check(status, (0,))
    acl.note("an answer that stands in the script")
    config = acl.aclmdlCreateConfigHandle()
    number = ffi.new("size_t *", 3)
    acl.expect("aclmdlSetConfigOpt", config, 1, number, 8)
    number[0] = 9
    acl.expect("aclmdlSetConfigOpt", config, 1, number, 8, legal=[100000])
    acl.expect("aclrtDestroyEvent", ffi.cast("aclrtEvent", 0xDEAD), legal=[107017])
    return acl


def test_a_script_runs() -> None:
    """What was recorded without a violation runs to its end, with the schedule's token among the options."""
    acl = record()
    script = acl.script()
    acl.close()
    result = play(script)
    assert (result.returncode, result.stderr) == (0, ""), script
    assert 'aclcffi.open_backend("simulator", devices=2, schedule="replay", token="1:random:42")' in script
    assert "aclrtCreateEvent" not in script, "nothing used what it gave"


def test_a_script_fails_the_same_way() -> None:
    """The script of a violation ends with the assertion that failed, and fails there."""
    acl = record()
    with pytest.raises(ContractError, match="aclrtFree answered 100000; the contract allows 0 or 107000") as caught:
        acl.expect("aclrtFree", ffi.NULL, legal=(0, 107000))
    acl.close()
    assert acl.violated
    assert str(caught.value).endswith("\nassert acl.aclrtFree(ffi.NULL) in (0, 107000)")
    result = play(caught.value.script)
    assert result.returncode == 1
    assert f"line {len(caught.value.script.splitlines())}, in <module>\nAssertionError" in result.stderr


def test_a_value_that_is_not_legal() -> None:
    """An out parameter and bytes that are not what they may be are violations too."""
    acl = Recorder.open("simulator")
    count = ffi.new("uint32_t *")
    acl.expect("aclrtGetDeviceCount", count)
    with pytest.raises(ContractError, match=r"out1.0. is 1; the contract allows 3"):
        acl.check(count, (3,))
    with pytest.raises(ContractError, match=r"the bytes at buffer1 are .0, 0."):
        acl.check_bytes(ffi.new("char[]", 2), [{0}, {1}])
    acl.close()


def test_a_call_that_raises() -> None:
    """A call that raises is a violation, and the last line of the script; so is a hang."""
    acl = Recorder.open("simulator")
    with pytest.raises(ContractError, match="aclrtSetDevice raised TypeError") as caught:
        acl.expect("aclrtSetDevice", "0")
    acl.close()
    assert caught.value.script.endswith("\nacl.aclrtSetDevice('0')")
    assert "TypeError" in play(caught.value.script).stderr


def test_two_machines_in_one_script() -> None:
    """Another backend beside the first one has a variable of its own."""
    first = Recorder.open("simulator")
    second = first.beside(type(first.backend)(), "simulator")
    first.expect("aclrtSetDevice", 0)
    second.expect("aclrtSetDevice", 0)
    second.backend.close()
    first.close()
    assert first.script().splitlines()[-2:] == [
        "assert acl.aclrtSetDevice(0) == 0",
        "assert acl2.aclrtSetDevice(0) == 0",
    ]
    assert play(first.script()).returncode == 0


def test_callbacks_are_stand_ins() -> None:
    """A Python callback cannot be written down; the script has an empty one of the same type in its place."""
    acl = Recorder.open("simulator")
    acl.expect("aclrtSetDevice", 0)
    acl.expect("aclrtLaunchHostFunc", ffi.NULL, ffi.callback("aclrtHostFunc", lambda _: None), ffi.NULL)
    acl.expect("aclrtSynchronizeStream", ffi.NULL)
    script = acl.script()
    acl.close()
    assert "# stands for another one" in script
    assert play(script).returncode == 0, script

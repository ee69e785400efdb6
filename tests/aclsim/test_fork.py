"""A forked child: the parent's machine is dead in it, a new one works, and neither disturbs the other."""

import subprocess
import sys

import pytest

# Each script forks a Python of its own: the process of the tests may have threads. A child that hangs is ended by a
# signal, whatever it raises ends it with code 1.
FORK = """
import os, signal, sys, threading
import aclcffi
ffi, lib = aclcffi.ffi, aclcffi.lib

def check(code):
    assert code == 0, code

def make(backend, c_type, function, *arguments):
    place = ffi.new(ffi.getctype(c_type, "*"))
    check(function(place, *arguments))
    return place[0]

def malloc(backend, size, content):
    pointer = make(backend, "void *", backend.aclrtMalloc, size, 0)
    check(backend.aclrtMemcpy(pointer, len(content), content, len(content), lib.ACL_MEMCPY_HOST_TO_DEVICE))
    return pointer

def read(backend, pointer, size):
    buffer = ffi.new("char[]", size)
    check(backend.aclrtMemcpy(buffer, size, pointer, size, lib.ACL_MEMCPY_DEVICE_TO_HOST))
    return bytes(ffi.buffer(buffer))

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0

backend = aclcffi.open_backend("simulator")
check(backend.aclInit(ffi.NULL))
check(backend.aclrtSetDevice(0))
"""


def run(script: str) -> None:
    """Run a script after the common part."""
    result = subprocess.run(
        [sys.executable, "-c", FORK + script], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr


def test_the_parents_machine_is_dead_in_the_child() -> None:
    """In the child each call answers 100001, whether its function was used before or not, and says why."""
    run("""
def child():
    assert backend.aclrtSetDevice(0) == 100001
    assert b"before a fork" in ffi.string(backend.aclGetRecentErrMsg())
    assert backend.aclrtSynchronizeDevice() == 100001
    assert backend.aclrtMalloc(ffi.new("void **"), 64, 0) == 100001
    assert backend.aclmdlCreateDesc() == ffi.NULL
    assert backend.aclmdlGetDatasetNumBuffers(ffi.NULL) == 0
    text = ffi.string(backend.aclGetRecentErrMsg())
    assert text.count(b"open a new one") == 4, text
    backend.close()

in_child(child)
check(backend.aclrtSetDevice(0))
""")


def test_a_new_machine_works_in_the_child() -> None:
    """The child opens a backend of its own, with memory, streams and a child of its own; the parent's goes on."""
    run("""
def use(backend):
    check(backend.aclInit(ffi.NULL))
    check(backend.aclrtSetDevice(0))
    stream = make(backend, "aclrtStream", backend.aclrtCreateStream)
    source, target = malloc(backend, 4, b"1234"), malloc(backend, 4, b"....")
    check(backend.aclrtMemcpyAsync(target, 4, source, 4, 3, stream))
    check(backend.aclrtSynchronizeStream(stream))
    assert read(backend, target, 4) == b"1234"

def child():
    use(aclcffi.open_backend("simulator"))
    in_child(lambda: use(aclcffi.open_backend("simulator")))

in_child(child)
in_child(child)
use(aclcffi.open_backend("simulator"))
""")


@pytest.mark.parametrize("size", [64, 1 << 20])
def test_device_memory_of_the_parent_is_the_parents(size: int) -> None:
    """Nothing that the child does, not even behind the machine's back, changes the parent's device memory or queue."""
    run(f"""
memory, target = malloc(backend, {size}, b"kept"), malloc(backend, {size}, b"....")
check(backend.aclrtMemcpyAsync(target, 4, memory, 4, 3, ffi.NULL))
pinned = make(backend, "void *", backend.aclrtMallocHost, {size})

def child():
    assert backend.aclrtMemset(memory, 4, 0, 4) == 100001
    assert backend.aclrtFree(memory) == 100001
    assert backend.aclrtSynchronizeDevice() == 100001
    for allocation in list(backend._world.memory._by_pointer.values()):
        allocation.data[:4] = b"evil"
    new = aclcffi.open_backend("simulator")
    check(new.aclrtSetDevice(0))
    assert new.aclrtMemset(memory, 4, 0, 4) == 107000
    assert new.aclrtFree(memory) == 107000
    malloc(new, {size}, b"mine")

in_child(child)
assert read(backend, memory, 4) == b"kept"
assert read(backend, target, 4) == b"...."
assert bytes(ffi.buffer(pinned, 4)) == bytes(4)
check(backend.aclrtSynchronizeDevice())
assert read(backend, target, 4) == b"kept"
check(backend.aclrtFree(memory))
""")


def test_locks_that_others_held_do_not_matter() -> None:
    """A fork while other threads hold the machine's lock and that of the addresses leaves the child able to work."""
    run("""
from aclsim.core.reservation import ADDRESSES

held, release = threading.Event(), threading.Event()

def hold():
    with backend._world.lock, ADDRESSES._lock:
        held.set()
        release.wait(60)

thread = threading.Thread(target=hold)
thread.start()
held.wait(60)

def child():
    assert backend.aclrtSetDevice(0) == 100001
    assert b"before a fork" in ffi.string(backend.aclGetRecentErrMsg())
    new = aclcffi.open_backend("simulator")
    check(new.aclrtSetDevice(0))
    malloc(new, 64, b"mine")

in_child(child)
release.set()
thread.join()
malloc(backend, 64, b"mine")
""")


def test_a_task_that_runs_during_the_fork() -> None:
    """A fork while a task runs in another thread neither stops it nor makes the child wait for it."""
    run("""
from aclsim.core.task import Task

class Blocker(Task):
    started, released = threading.Event(), threading.Event()
    def run(self):
        self.started.set()
        assert self.released.wait(60)

world = backend._world
stream = make(backend, "aclrtStream", backend.aclrtCreateStream)
with world.lock:
    world.scheduler.submit(Blocker(world.streams.get(stream), 0))
codes = []

def wait():
    check(backend.aclrtSetDevice(0))
    codes.append(backend.aclrtSynchronizeStream(stream))

thread = threading.Thread(target=wait)
thread.start()
assert Blocker.started.wait(60)

def child():
    assert backend.aclrtSynchronizeStream(stream) == 100001
    backend.close()

in_child(child)
Blocker.released.set()
thread.join()
assert codes == [0]
""")

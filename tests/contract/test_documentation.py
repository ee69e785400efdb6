"""Where the documentation and the implementation disagree: the machine does what the contract suggests (section 15)."""

import pytest

from aclcffi.codes import CODES
from tests.contract.acl import NULL, Acl


@pytest.mark.row("RT15.01")
def test_the_priority_of_a_stream_is_kept(ready: Acl) -> None:
    """The documentation calls the priority reserved; it is kept, and clamped to 0 to 7."""
    place = ready.out("uint32_t")
    for given, kept in [(0, 0), (5, 5), (7, 7), (8, 7)]:
        ready.ok(ready.aclrtStreamGetPriority(ready.stream(priority=given), place))
        assert place[0] == kept


@pytest.mark.row("RT15.02")
def test_the_kind_of_a_copy_is_checked_not_obeyed(ready: Acl) -> None:
    """A legal kind that contradicts the addresses copies all the same; a number outside 0 to 5 is 100000."""
    device, host = ready.malloc(4), ready.host(4)
    for kind in range(6):
        content = b"no %d" % kind
        assert ready.aclrtMemcpy(device, 4, content, 4, kind) == 0
        assert ready.aclrtMemcpy(host, 4, device, 4, kind) == 0
        assert ready.content(host, 4) == content
    for kind in (6, 7, 8, 0xFFFFFFFF):
        assert ready.aclrtMemcpy(device, 4, b"more", 4, kind) == 100000
    assert ready.read(device, 4) == b"no 5"


@pytest.mark.row("RT15.03")
def test_a_dead_context_cannot_be_made_current(ready: Acl) -> None:
    """Making a destroyed context current is 107000, not a code of contexts, and leaves the current one alone."""
    primary, context = ready.current_context(), ready.context()
    ready.ok(ready.aclrtSetCurrentContext(primary))
    ready.ok(ready.aclrtDestroyContext(context))
    assert ready.aclrtSetCurrentContext(context) == 107000
    assert ready.aclrtSetCurrentContext(ready.pointer(0x1234500, "aclrtContext")) == 107000
    assert ready.current_context() == primary


@pytest.mark.row("RT15.04")
@pytest.mark.parametrize("name", ["aclrtDestroyContext", "aclrtResetDevice", "aclrtResetDeviceForce"])
def test_pending_work_is_finished(ready: Acl, name: str) -> None:
    """The work that is queued when a context is destroyed or its device is reset is finished, not thrown away."""
    observer = ready.context(1)
    context = ready.context(0)
    if name != "aclrtDestroyContext":
        ready.ok(ready.aclrtSetDevice(0))
        ready.ok(ready.aclrtResetDevice(0))  # it was set twice
    works = [ready.work(ready.stream()), ready.work()]
    assert getattr(ready, name)(context if name == "aclrtDestroyContext" else 0) == 0
    ready.ok(ready.aclrtSetCurrentContext(observer))
    assert [work.ran() for work in works] == [True, True]


@pytest.mark.row("RT15.07")
def test_synchronising_the_device_means_the_current_context(ready: Acl) -> None:
    """Streams of another context of the same device are not waited for."""
    other = ready.work()
    ready.context(0)
    mine = ready.work()
    ready.ok(ready.aclrtSynchronizeDevice())
    assert (mine.ran(), other.ran()) == (True, False)


@pytest.mark.row("RT15.09")
def test_finalising_what_was_never_initialised(acl: Acl) -> None:
    """In a fresh process aclFinalize is 0 the first time and 100037 from then on; aclInit is still possible."""
    assert [acl.aclFinalize() for _ in range(3)] == [0, 100037, 100037]
    assert acl.aclInit(NULL) == 0
    assert acl.aclFinalize() == 0


@pytest.mark.row("RT15.17")
@pytest.mark.parametrize("times", [1, 2, 5])
def test_finalising_ignores_the_count(acl: Acl, times: int) -> None:
    """One aclFinalize ends any number of aclInit calls: the next one is 100037, and the next aclInit 0 again."""
    assert [acl.aclInit(NULL) for _ in range(times)] == [0] + [100002] * (times - 1)
    assert [acl.aclFinalize() for _ in range(2)] == [0, 100037]
    assert acl.aclInit(NULL) == 0


@pytest.mark.row("RT15.18")
def test_setting_more_than_there_is(ready: Acl) -> None:
    """A count above maxCount is 107000 and sets nothing, also where the memory is large enough."""
    memory = ready.malloc(64, b"." * 64)
    assert ready.aclrtMemset(memory, 32, 0, 33) == 107000
    assert ready.read(memory, 64) == b"." * 64
    assert ready.aclrtMemset(memory, 32, 0, 32) == 0


@pytest.mark.row("RT15.19")
def test_page_locked_memory_needs_a_context(ready: Acl) -> None:
    """In a thread without a context aclrtMallocHost is 107002."""
    place = ready.out("void *")
    assert ready.in_thread(lambda: ready.aclrtMallocHost(place, 64)) == 107002
    assert place[0] == NULL
    assert ready.aclrtMallocHost(place, 64) == 0


@pytest.mark.row("RT15.25")
def test_the_code_of_exhausted_device_memory(acl: Acl) -> None:
    """Its name is spelt ACL_ERROR_RT_DEVICE_OOM, its number is 207018."""
    assert acl.lib.ACL_ERROR_RT_DEVICE_OOM == 207018
    assert CODES[207018].name == "ACL_ERROR_RT_DEVICE_OOM"

"""Contexts (contract_rt section 4)."""

from typing import Any

import pytest

from tests.contract.acl import FOREVER, NULL, PENDING_BYTES, Acl, OpenAcl, Work

CONTEXT_NULL = 107002
NO_POINTER = 0x1234500  # no handle was ever like it


@pytest.mark.row("RT4.01")
class TestCreateContext:
    """aclrtCreateContext."""

    @pytest.mark.parametrize("device", [-1, 2, 64, 2**31 - 1])
    def test_order_of_checks(self, acl: Acl, device: int) -> None:
        """NULL is 100000, whatever the device; a device that does not exist is 107001; no context is current then."""
        assert acl.aclrtCreateContext(NULL, device) == 100000
        assert acl.aclrtCreateContext(acl.out("aclrtContext"), device) == 107001
        assert acl.aclrtGetCurrentContext(acl.out("aclrtContext")) == CONTEXT_NULL

    def test_becomes_current_in_this_thread(self, ready: Acl) -> None:
        """The new context replaces what was current in the calling thread, and only there."""
        primary = ready.current_context()
        created = ready.in_thread(lambda: (ready.context(1), ready.current_context()))
        assert created[0] == created[1] != primary
        assert ready.current_context() == primary
        assert ready.context(1) == ready.current_context() != created[0]
        assert ready.device() == 1

    def test_has_a_default_stream_of_its_own(self, ready: Acl) -> None:
        """NULL means another stream in each context."""
        primary, first = ready.default_stream(), ready.work()
        ready.context(0)
        second = ready.work()
        assert ready.default_stream() != primary
        ready.synchronize()
        assert (first.ran(), second.ran()) == (False, True)

    def test_keeps_the_device_open(self, acl: Acl) -> None:
        """A context works on a device that nobody set, and after the last reset of one."""
        context = acl.context(0)
        acl.malloc(64)
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(acl.aclrtResetDevice(0))
        acl.ok(acl.aclrtSetCurrentContext(context))
        acl.stream()
        acl.malloc(64)


class TestDestroyContext:
    """RT4.02 without streams that are bound to a graph, and without the graphs of a context."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        assert acl.aclrtDestroyContext(NULL) == 100000

    def test_refuses_the_primary_context(self, ready: Acl) -> None:
        """A primary context is 107002 and lives on."""
        assert ready.aclrtDestroyContext(ready.current_context()) == CONTEXT_NULL
        assert "aclrtResetDevice" in ready.message()
        ready.stream()

    def test_refuses_what_does_not_live(self, ready: Acl) -> None:
        """A context that was destroyed, or that never was, is 107002."""
        context = ready.context()
        assert ready.aclrtDestroyContext(context) == 0
        assert ready.aclrtDestroyContext(context) == CONTEXT_NULL
        assert "was destroyed" in ready.message()
        assert ready.aclrtDestroyContext(ready.pointer(NO_POINTER, "aclrtContext")) == CONTEXT_NULL
        assert "no context that this library made" in ready.message()

    def test_takes_its_streams_along(self, ready: Acl) -> None:
        """The streams of the context, its default stream too, are 107017 afterwards."""
        context = ready.context()
        streams = [ready.stream(), ready.default_stream()]
        ready.ok(ready.aclrtDestroyContext(context))
        assert [ready.aclrtSynchronizeStream(stream) for stream in streams] == [107017, 107017]

    def test_clears_the_current_context(self, ready: Acl) -> None:
        """The thread that destroys its current context has none; another one that was current stays."""
        primary, context = ready.current_context(), ready.context()
        ready.ok(ready.aclrtSetCurrentContext(primary))
        ready.ok(ready.aclrtDestroyContext(context))
        assert ready.current_context() == primary
        ready.ok(ready.aclrtDestroyContext(ready.context()))
        assert ready.aclrtGetCurrentContext(ready.out("aclrtContext")) == CONTEXT_NULL

    def test_other_threads_lose_it(self, ready: Acl) -> None:
        """A thread whose current context another one destroyed gets 107002."""
        context = ready.context()
        ready.in_thread(lambda: ready.ok(ready.aclrtDestroyContext(context)))
        assert ready.aclrtGetCurrentContext(ready.out("aclrtContext")) == CONTEXT_NULL
        assert ready.aclrtCreateStream(ready.out("aclrtStream")) == CONTEXT_NULL

    def test_memory_survives(self, ready: Acl) -> None:
        """Memory belongs to no context: device and host memory is still there and can be freed."""
        primary, context = ready.current_context(), ready.context()
        memory, host = ready.malloc(4, b"kept"), ready.malloc_host(4, b"host")
        ready.ok(ready.aclrtDestroyContext(context))
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert ready.read(memory, 4) == b"kept"
        assert ready.content(host, 4) == b"host"
        assert ready.aclrtFree(memory) == 0
        assert ready.aclrtFreeHost(host) == 0


@pytest.mark.row("RT4.03")
class TestSetCurrentContext:
    """aclrtSetCurrentContext."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000 and leaves the current context alone."""
        context = acl.context()
        assert acl.aclrtSetCurrentContext(NULL) == 100000
        assert acl.current_context() == context

    def test_refuses_what_does_not_live(self, ready: Acl) -> None:
        """A context that was destroyed, or that never was, is 107000, and the current context stays."""
        primary, context = ready.current_context(), ready.context()
        ready.ok(ready.aclrtSetCurrentContext(primary))
        ready.ok(ready.aclrtDestroyContext(context))
        for dead, reason in [
            (context, "was destroyed"),
            (ready.pointer(NO_POINTER, "aclrtContext"), "no context that this library made"),
        ]:
            assert ready.aclrtSetCurrentContext(dead) == 107000
            assert reason in ready.message()
            assert ready.current_context() == primary

    def test_switches_the_device(self, ready: Acl) -> None:
        """The device is that of the context, and memory is allocated there."""
        primary, context = ready.current_context(), ready.context(1)
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert (ready.device(), ready.current_context()) == (0, primary)
        before = ready.free_bytes()
        ready.ok(ready.aclrtSetCurrentContext(context))
        assert (ready.device(), ready.current_context()) == (1, context)
        ready.malloc(1 << 20)
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert ready.free_bytes() == before

    def test_is_of_the_calling_thread(self, ready: Acl) -> None:
        """Another thread's current context does not change; threads may share a context."""
        primary, context = ready.current_context(), ready.context(1)
        ready.ok(ready.aclrtSetCurrentContext(primary))

        def other() -> int:
            ready.ok(ready.aclrtSetCurrentContext(context))
            return ready.device()

        assert ready.in_thread(other) == 1
        assert ready.device() == 0


@pytest.mark.row("RT4.04")
class TestGetCurrentContext:
    """aclrtGetCurrentContext."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without one it is 107002, and nothing is written."""
        assert acl.aclrtGetCurrentContext(NULL) == 100000
        place = acl.out("aclrtContext")
        assert acl.aclrtGetCurrentContext(place) == CONTEXT_NULL
        assert place[0] == NULL

    def test_does_not_set_the_last_error(self, acl: Acl) -> None:
        """Its 107002 is no last error, that of other calls is, and it leaves an older one alone."""
        assert acl.aclrtGetCurrentContext(acl.out("aclrtContext")) == CONTEXT_NULL
        assert acl.last_error() == 0
        assert acl.aclrtSetDevice(7) == 107001
        assert acl.aclrtGetCurrentContext(acl.out("aclrtContext")) == CONTEXT_NULL
        assert acl.last_error() == 107001
        assert acl.aclrtGetDevice(acl.out("int32_t")) == CONTEXT_NULL
        assert acl.last_error() == CONTEXT_NULL

    def test_gives_explicit_and_primary_contexts(self, ready: Acl) -> None:
        """Either kind of context is given, and can be made current again by what is given."""
        primary, explicit = ready.current_context(), ready.context()
        assert primary != explicit
        for context in (primary, explicit):
            ready.ok(ready.aclrtSetCurrentContext(context))
            assert ready.current_context() == context

    def test_a_new_thread_has_none(self, ready: Acl) -> None:
        """A new thread has no current context, whatever other threads have."""
        assert ready.in_thread(lambda: ready.aclrtGetCurrentContext(ready.out("aclrtContext"))) == CONTEXT_NULL


@pytest.mark.row("RT4.05")
class TestCtxGetCurrentDefaultStream:
    """aclrtCtxGetCurrentDefaultStream."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without one it is 107002."""
        assert acl.aclrtCtxGetCurrentDefaultStream(NULL) == 100000
        assert acl.aclrtCtxGetCurrentDefaultStream(acl.out("aclrtStream")) == CONTEXT_NULL

    def test_is_what_null_means(self, ready: Acl) -> None:
        """Wherever a function takes NULL for the default stream, the handle does the same."""
        default = ready.default_stream()
        for queued, waited in [(NULL, default), (default, NULL)]:
            work = ready.work(queued)
            assert not ready.complete(waited)  # under the lazy schedule the query makes the copy run
            assert work.ran()
            assert ready.complete(waited)
            work = ready.work(queued)
            assert ready.aclrtSynchronizeStreamWithTimeout(waited, FOREVER) == 0
            assert work.ran()
            work = ready.work(queued)
            assert ready.aclrtSynchronizeStream(waited) == 0
            assert work.ran()
            work = ready.work(queued)
            ready.write(work.source, b"\x02" * PENDING_BYTES)
            pageable = ready.host(b"\x01" * PENDING_BYTES)
            ready.copy(work.source, pageable, PENDING_BYTES, waited, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
            assert ready.read(work.destination, PENDING_BYTES) == b"\x02" * PENDING_BYTES
        ids = [ready.out("int32_t") for _ in range(2)]
        assert [ready.aclrtStreamGetId(*pair) for pair in zip([NULL, default], ids, strict=True)] == [0, 0]
        assert ids[0][0] == ids[1][0]

    def test_there_is_one_on_each_product(self, open_acl: OpenAcl) -> None:
        """A context of product 310P has a default stream too."""
        acl = open_acl(product="310P")
        acl.start()
        acl.synchronize(acl.default_stream())


def test_threads_may_share_a_context(ready: Acl) -> None:
    """Work that two threads queue in one context is one thread's to wait for; streams belong to the context, not to
    the thread that made them."""
    context = ready.context()

    def other() -> tuple[Any, Work]:
        ready.ok(ready.aclrtSetCurrentContext(context))
        stream = ready.stream()
        return stream, ready.work(stream)

    stream, work = ready.in_thread(other)
    ready.synchronize(stream)
    assert work.ran()
    ready.ok(ready.aclrtDestroyStream(stream))


def test_default_stream_cannot_be_destroyed(ready: Acl) -> None:
    """Destroying the default stream by its handle is 107000 (a choice: hardware crashes later), and it works on."""
    default = ready.default_stream()
    assert ready.aclrtDestroyStream(default) == 107000
    assert ready.aclrtDestroyStreamForce(default) == 107000
    work = ready.work()
    ready.synchronize()
    assert work.ran()

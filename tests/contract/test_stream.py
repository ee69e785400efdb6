"""Streams (contract_rt section 5) and how many there are (section 14)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl
from tests.contract.helpers import dead_stream, foreign_stream

SPECIAL = ("PERSISTENT", "CPU_SCHEDULE", "DEVICE_USE_ONLY")
DESTROY = ("aclrtDestroyStream", "aclrtDestroyStreamForce")


def flag(acl: Acl, name: str) -> int:
    """A stream flag by the end of its name."""
    return int(getattr(acl.lib, f"ACL_STREAM_{name}"))


def flags_of(acl: Acl, stream: Any) -> int:
    """The flags of a stream."""
    place = acl.out("uint32_t")
    acl.ok(acl.aclrtStreamGetFlags(stream, place))
    return int(place[0])


def priority_of(acl: Acl, stream: Any) -> int:
    """The priority of a stream."""
    place = acl.out("uint32_t")
    acl.ok(acl.aclrtStreamGetPriority(stream, place))
    return int(place[0])


def without_context(acl: Acl, function: Callable[[], int]) -> int:
    """Call `function` in a thread without a current context."""
    return acl.in_thread(function)


@pytest.mark.row("RT5.01")
class TestCreateStream:
    """aclrtCreateStream."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without one it is 107002."""
        assert acl.aclrtCreateStream(NULL) == 100000
        assert acl.aclrtCreateStream(acl.out("aclrtStream")) == 107002

    def test_makes_an_ordinary_stream(self, ready: Acl) -> None:
        """The stream is another one each time, has no flags and priority 0, takes work, and is waited for."""
        streams = [ready.stream() for _ in range(3)]
        assert len(set(streams)) == 3
        assert [(flags_of(ready, stream), priority_of(ready, stream)) for stream in streams] == [(0, 0)] * 3
        work = ready.work(streams[1])
        assert not ready.complete(streams[1])
        ready.ok(ready.aclrtSynchronizeDevice())
        assert work.ran()


class TestCreateStreamWithConfig:
    """RT5.02 without flags that a product lacks."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000; then a bad combination of flags is 107000; then no context is 107002."""
        bad = flag(acl, "DEVICE_USE_ONLY") | flag(acl, "FAST_SYNC")
        assert acl.aclrtCreateStreamWithConfig(NULL, 0, bad) == 100000
        assert acl.aclrtCreateStreamWithConfig(acl.out("aclrtStream"), 0, bad) == 107000
        assert acl.aclrtCreateStreamWithConfig(acl.out("aclrtStream"), 0, 0) == 107002

    @pytest.mark.parametrize("name", ["FAST_LAUNCH", "FAST_SYNC", "PERSISTENT", "HUGE", "CPU_SCHEDULE"])
    def test_device_use_only_goes_alone(self, ready: Acl, name: str) -> None:
        """DEVICE_USE_ONLY with any other flag is 107000, alone it is legal."""
        only = flag(ready, "DEVICE_USE_ONLY")
        assert ready.aclrtCreateStreamWithConfig(ready.out("aclrtStream"), 0, only | flag(ready, name)) == 107000
        ready.stream(flags=only)

    def test_unknown_flags_are_ignored(self, ready: Acl) -> None:
        """Bits that mean nothing change nothing: with them a stream is as ordinary, or as special, as without."""
        unknown = 0xFFFFFFC0
        ordinary, special = ready.stream(flags=unknown), ready.stream(flags=unknown | flag(ready, "DEVICE_USE_ONLY"))
        for stream, flags in [(ordinary, 0), (special, flag(ready, "DEVICE_USE_ONLY"))]:
            assert flags_of(ready, stream) == flags
            ready.work(stream)
            assert ready.complete(stream) == bool(flags)

    def test_other_flags_go_together(self, ready: Acl) -> None:
        """Each flag is kept, alone and with others; all but DEVICE_USE_ONLY may be combined."""
        names = ("FAST_LAUNCH", "FAST_SYNC", "PERSISTENT", "HUGE", "CPU_SCHEDULE")
        flags = [flag(ready, name) for name in names]
        for wanted in [*flags, sum(flags)]:
            assert flags_of(ready, ready.stream(flags=wanted)) == wanted

    @pytest.mark.row("RT14.06")
    @pytest.mark.parametrize(("priority", "kept"), [(0, 0), (1, 1), (6, 6), (7, 7), (8, 7), (1000, 7), (2**31 - 1, 7)])
    def test_priorities_are_clamped(self, ready: Acl, priority: int, kept: int) -> None:
        """A priority is 0, the highest, to 7, the lowest; a larger number is 7 and no error."""
        least, greatest = ready.out("int32_t"), ready.out("int32_t")
        ready.ok(ready.aclrtDeviceGetStreamPriorityRange(least, greatest))
        stream = ready.stream(priority=priority)
        assert priority_of(ready, stream) == kept == min(max(priority, greatest[0]), least[0])
        work = ready.work(stream)
        ready.synchronize(stream)
        assert work.ran()


@pytest.mark.row("RT5.01")
@pytest.mark.parametrize(
    ("product", "limit"), [("950", 1984), ("A2", 1984), ("A3", 1984), ("310B", 512), ("310P", 1024)]
)
def test_streams_run_out(open_acl: OpenAcl, product: str, limit: int) -> None:
    """A device has so many streams, default streams included (RT14.01); one more, of any kind, is 207008."""
    acl = open_acl(product=product, devices=2)
    acl.start()
    context = acl.context(0)
    streams = [acl.stream() for _ in range(limit - 2)]

    def one_more() -> int:
        return acl.aclrtCreateStream(acl.out("aclrtStream"))

    assert one_more() == 207008
    assert without_context(acl, one_more) == 107002
    assert acl.aclrtCreateStreamWithConfig(acl.out("aclrtStream"), 0, flag(acl, "FAST_SYNC")) == 207008
    assert acl.aclrtCreateContext(acl.out("aclrtContext"), 0) == 207008  # it needs a default stream
    acl.ok(acl.aclrtDestroyStream(streams[0]))  # makes room for one
    assert [one_more(), one_more()] == [0, 207008]
    acl.context(1)  # another device has its own
    assert one_more() == 0
    acl.ok(acl.aclrtDestroyContext(context))  # makes room for all of its streams
    acl.ok(acl.aclrtSetDevice(0))
    assert one_more() == 0


@pytest.mark.parametrize("name", DESTROY)
class TestDestroyStream:
    """RT5.03 and RT5.04 without graph capture and bound streams."""

    def test_order_of_checks(self, ready: Acl, name: str) -> None:
        """NULL, dead handle, no context, stream of another context: the first that is wrong decides."""
        destroy, live, dead, foreign = getattr(ready, name), ready.stream(), dead_stream(ready), foreign_stream(ready)
        assert without_context(ready, lambda: int(destroy(NULL))) == 100000
        assert without_context(ready, lambda: int(destroy(dead))) == 107017
        assert without_context(ready, lambda: int(destroy(live))) == 107002
        assert without_context(ready, lambda: int(destroy(foreign))) == 107002
        assert destroy(foreign) == 107003
        assert destroy(live) == 0
        assert destroy(live) == 107017

    def test_another_thread_may(self, ready: Acl, name: str) -> None:
        """A stream belongs to its context, not to the thread that made it."""
        stream, context = ready.stream(), ready.current_context()

        def other() -> int:
            ready.ok(ready.aclrtSetCurrentContext(context))
            return int(getattr(ready, name)(stream))

        assert ready.in_thread(other) == 0
        assert ready.aclrtSynchronizeStream(stream) == 107017

    def test_pending_work(self, ready: Acl, name: str) -> None:
        """Without force all that is queued on the stream is done first, with force it is dropped; no other stream runs."""
        stream, other = ready.stream(), ready.stream()
        works = [ready.work(stream), ready.work(stream)]
        beside = ready.work(other)
        assert getattr(ready, name)(stream) == 0
        assert [work.ran() for work in works] == [name == "aclrtDestroyStream"] * 2
        assert not beside.ran()
        ready.ok(ready.aclrtSynchronizeDevice())
        assert [work.ran() for work in works] == [name == "aclrtDestroyStream"] * 2
        assert beside.ran()

    def test_drops_its_subscription(self, ready: Acl, name: str) -> None:
        """The thread that was subscribed to the stream's callbacks is subscribed to nothing afterwards."""
        stream = ready.stream()
        ready.ok(ready.aclrtSubscribeReport(threading.get_ident(), stream))
        assert ready.aclrtProcessReport(1) == 507012
        ready.ok(getattr(ready, name)(stream))
        assert ready.aclrtProcessReport(1) == 107012

    def test_keeps_its_allocator(self, ready: Acl, name: str) -> None:
        """An allocator that is registered for the stream can still be asked for by the dead handle."""
        stream, desc, found = ready.stream(), ready.aclrtAllocatorCreateDesc(), ready.out("aclrtAllocator")
        address = ready.pointer(0x1230)
        ready.ok(ready.aclrtAllocatorSetObjToDesc(desc, address))
        for field, c_type in [
            ("AllocFunc", "aclrtAllocatorAllocFunc"),
            ("FreeFunc", "aclrtAllocatorFreeFunc"),
            ("GetAddrFromBlockFunc", "aclrtAllocatorGetAddrFromBlockFunc"),
        ]:
            ready.ok(getattr(ready, f"aclrtAllocatorSet{field}ToDesc")(desc, ready.pointer(0x4560, c_type)))
        ready.ok(ready.aclrtAllocatorRegister(stream, desc))
        ready.ok(getattr(ready, name)(stream))
        others = [
            ready.out(c_type)
            for c_type in (
                "aclrtAllocatorAllocFunc",
                "aclrtAllocatorFreeFunc",
                "aclrtAllocatorAllocAdviseFunc",
                "aclrtAllocatorGetAddrFromBlockFunc",
            )
        ]
        assert ready.aclrtAllocatorGetByStream(stream, ready.out("aclrtAllocatorDesc"), found, *others) == 0
        assert found[0] == address

    def test_a_failed_task_is_no_error_of_the_call(self, ready: Acl, name: str) -> None:
        """The error of a task goes with its stream."""
        stream = ready.stream()
        ready.failing_work(stream)
        assert getattr(ready, name)(stream) == 0
        assert ready.aclrtSynchronizeDevice() == 0


def _plain(acl: Acl, stream: Any) -> int:
    return acl.aclrtSynchronizeStream(stream)


def _timed(acl: Acl, stream: Any) -> int:
    return acl.aclrtSynchronizeStreamWithTimeout(stream, FOREVER)


@pytest.mark.parametrize("synchronize", [_plain, _timed])
class TestSynchronizeStream:
    """RT5.05, and RT5.06 without a limit; without the answer during graph capture."""

    def test_order_of_checks(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """A dead handle is 107017, with or without a context; a live one, or NULL, is 107002 without a context."""
        live, dead = ready.stream(), dead_stream(ready)
        assert without_context(ready, lambda: synchronize(ready, dead)) == 107017
        assert synchronize(ready, dead) == 107017
        assert without_context(ready, lambda: synchronize(ready, live)) == 107002
        assert without_context(ready, lambda: synchronize(ready, NULL)) == 107002

    @pytest.mark.parametrize("name", SPECIAL)
    def test_special_streams_return_at_once(
        self, ready: Acl, synchronize: Callable[[Acl, Any], int], name: str
    ) -> None:
        """For a special stream it is 0, needs no context and waits for nothing."""
        stream = ready.stream(flags=flag(ready, name))
        work = ready.work(stream)
        assert synchronize(ready, stream) == 0
        assert without_context(ready, lambda: synchronize(ready, stream)) == 0
        assert not work.ran()

    def test_waits_for_this_stream_only(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """All that is queued on the stream is done, and nothing of other streams."""
        stream = ready.stream()
        inside = [ready.work(stream), ready.work(stream)]
        outside = [ready.work(ready.stream()), ready.work()]
        assert synchronize(ready, stream) == 0
        assert [work.ran() for work in inside] == [True, True]
        assert [work.ran() for work in outside] == [False, False]

    def test_null_is_the_default_stream(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """NULL waits for the default stream of the current context."""
        default, other = ready.work(), ready.work(ready.stream())
        assert synchronize(ready, NULL) == 0
        assert (default.ran(), other.ran()) == (True, False)

    def test_streams_of_other_contexts_are_allowed(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """The stream may be of any context; the thread's own stays current."""
        primary = ready.current_context()
        ready.context(1)
        stream = ready.stream()
        work = ready.work(stream)
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert synchronize(ready, stream) == 0
        assert work.ran()
        assert ready.current_context() == primary

    def test_gives_the_pending_error(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """The code of a failed task is returned once, with its sentence."""
        stream = ready.stream()
        ready.failing_work(stream)
        assert synchronize(ready, stream) == 507053
        assert "was freed before the copy ran" in ready.message()
        assert synchronize(ready, stream) == 0

    def test_nothing_to_wait_for(self, ready: Acl, synchronize: Callable[[Acl, Any], int]) -> None:
        """A stream without work is done."""
        assert synchronize(ready, ready.stream()) == 0


class TestSynchronizeStreamWithTimeout:
    """RT5.06 without the answer during graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Below -1, dead handle, 0, special stream, no context: the first that is wrong decides."""
        live, dead = ready.stream(), dead_stream(ready)
        special = ready.stream(flags=flag(ready, "PERSISTENT"))
        wait = ready.aclrtSynchronizeStreamWithTimeout
        assert wait(dead, -2) == 107000
        assert wait(dead, 0) == 107017
        assert wait(special, 0) == 107000
        assert without_context(ready, lambda: wait(live, 0)) == 107000
        assert without_context(ready, lambda: wait(special, 1)) == 0
        assert without_context(ready, lambda: wait(live, 1)) == 107002

    @pytest.mark.parametrize("timeout", [0, -2, -(2**31)])
    def test_refuses_a_timeout(self, ready: Acl, timeout: int) -> None:
        """0 and what is below -1 is 107000, and nothing runs."""
        work = ready.work()
        assert ready.aclrtSynchronizeStreamWithTimeout(NULL, timeout) == 107000
        assert not work.ran()

    @pytest.mark.parametrize("timeout", [3, 2**31 - 1, FOREVER])
    def test_succeeds_in_time(self, ready: Acl, timeout: int) -> None:
        """Work that takes less than the timeout is done."""
        stream = ready.stream()
        ready.long_work(stream, milliseconds=2)
        work = ready.work(stream)
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, timeout) == 0
        assert work.ran()

    def test_expires(self, ready: Acl) -> None:
        """Work that takes longer is 507046 and goes on: a later wait finds it done."""
        stream = ready.stream()
        ready.long_work(stream, milliseconds=5)
        work = ready.work(stream)
        assert [ready.aclrtSynchronizeStreamWithTimeout(stream, 2) for _ in range(2)] == [507046, 507046]
        assert not work.ran()
        assert ready.aclrtSynchronizeStreamWithTimeout(stream, 2) == 0
        assert work.ran()


class TestStreamQuery:
    """RT5.07 without the answer during graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """No place for the answer, dead handle, no context: the first that is wrong decides."""
        status, dead, live = ready.out("aclrtStreamStatus"), dead_stream(ready), ready.stream()
        assert ready.aclrtStreamQuery(dead, NULL) == 100000
        assert without_context(ready, lambda: ready.aclrtStreamQuery(dead, status)) == 107017
        assert without_context(ready, lambda: ready.aclrtStreamQuery(live, status)) == 107002
        assert without_context(ready, lambda: ready.aclrtStreamQuery(NULL, status)) == 107002

    def test_answers(self, ready: Acl) -> None:
        """With work to do it is NOT_READY, 1; else COMPLETE, 0. NULL is the default stream."""
        status = ready.out("aclrtStreamStatus")
        for stream in (ready.stream(), NULL):
            assert ready.aclrtStreamQuery(stream, status) == 0
            assert status[0] == 0
            ready.work(stream)
            assert ready.aclrtStreamQuery(stream, status) == 0
            assert status[0] == 1
            ready.synchronize(stream)
            assert ready.aclrtStreamQuery(stream, status) == 0
            assert status[0] == 0

    def test_streams_of_other_contexts_are_allowed(self, ready: Acl) -> None:
        """The stream may be of any context."""
        primary = ready.current_context()
        ready.context()
        stream = ready.stream()
        ready.work(stream)
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert not ready.complete(stream)

    @pytest.mark.parametrize("name", SPECIAL)
    def test_special_streams_are_always_complete(self, ready: Acl, name: str) -> None:
        """A special stream is COMPLETE with work queued, and the query makes nothing run."""
        stream = ready.stream(flags=flag(ready, name))
        work = ready.work(stream)
        assert ready.complete(stream)
        assert not work.ran()

    def test_reports_an_aborted_context(self, ready: Acl) -> None:
        """In a context that a failure stopped the answer is that failure's code, for each of its streams."""
        stream, other = ready.stream(), ready.stream()
        ready.ok(ready.aclrtSetStreamFailureMode(stream, 1))
        ready.failing_work(stream)
        assert ready.aclrtSynchronizeStream(stream) == 507053
        status = ready.out("aclrtStreamStatus")
        assert [ready.aclrtStreamQuery(each, status) for each in (stream, other, NULL)] == [507053] * 3

    def test_does_not_report_errors(self, ready: Acl) -> None:
        """A stream whose task failed is COMPLETE; the error waits for a synchronise."""
        stream = ready.stream()
        ready.failing_work(stream)
        assert not ready.complete(stream)
        assert ready.complete(stream)
        assert ready.aclrtSynchronizeStream(stream) == 507053


@pytest.mark.row("RT5.08")
class TestStreamGetId:
    """aclrtStreamGetId."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """No place for the answer, dead handle, no context: the first that is wrong decides."""
        number, dead = ready.out("int32_t"), dead_stream(ready)
        assert ready.aclrtStreamGetId(dead, NULL) == 100000
        assert without_context(ready, lambda: ready.aclrtStreamGetId(dead, number)) == 107017
        assert without_context(ready, lambda: ready.aclrtStreamGetId(NULL, number)) == 107002

    def test_gives_small_numbers(self, ready: Acl) -> None:
        """Each living stream has a small number of its own that stays; NULL is the default stream."""

        def number(stream: Any) -> int:
            place = ready.out("int32_t")
            ready.ok(ready.aclrtStreamGetId(stream, place))
            return int(place[0])

        streams = [NULL, *(ready.stream() for _ in range(20))]
        numbers = [number(stream) for stream in streams]
        assert len(set(numbers)) == len(streams)
        assert set(numbers) <= set(range(64))
        assert [number(stream) for stream in streams] == numbers
        assert number(ready.default_stream()) == numbers[0]


class TestStreamsOfIpv350:
    """aclrtCreateStreamV2 and its config handle, the only way to a stream on IPV350 (contract_mdl section 1)."""

    @pytest.fixture
    def small(self, open_acl: OpenAcl) -> Acl:
        """A machine of product IPV350 with a current context."""
        acl = open_acl(product="IPV350")
        acl.start()
        return acl

    def test_order_of_checks(self, open_acl: OpenAcl) -> None:
        """No place for the stream or no handle is 100000, then no context is 107002."""
        acl = open_acl(product="IPV350")
        acl.ok(acl.aclrtSetDevice(0))
        handle = acl.aclrtCreateStreamConfigHandle()
        assert acl.aclrtCreateStreamV2(NULL, handle) == 100000
        assert acl.aclrtCreateStreamV2(acl.out("aclrtStream"), NULL) == 100000
        assert acl.aclrtCreateStreamV2(acl.out("aclrtStream"), handle) == 107002

    def test_makes_streams(self, small: Acl) -> None:
        """One handle makes any number of streams, which outlive it."""
        handle = small.aclrtCreateStreamConfigHandle()
        places = [small.out("aclrtStream") for _ in range(2)]
        assert [small.aclrtCreateStreamV2(place, handle) for place in places] == [0, 0]
        assert small.aclrtDestroyStreamConfigHandle(handle) == 0
        assert small.aclrtDestroyStreamConfigHandle(handle) == 100000
        assert places[0][0] != places[1][0]
        for place in places:
            assert small.aclrtSynchronizeStream(place[0]) == 0
            assert small.aclrtDestroyStream(place[0]) == 0
            assert small.aclrtSynchronizeStream(place[0]) == 107017

    def test_attributes(self, small: Acl) -> None:
        """Each attribute takes a value of its own size and is kept in the handle; anything else is 100000."""
        handle = small.aclrtCreateStreamConfigHandle()
        for attr, field, c_type, value in [
            ("ACL_RT_STREAM_WORK_ADDR_PTR", "workptr", "void *", small.malloc(64)),
            ("ACL_RT_STREAM_WORK_SIZE", "workSize", "size_t", 64),
            ("ACL_RT_STREAM_FLAG", "flag", "size_t", 4),
            ("ACL_RT_STREAM_PRIORITY", "priority", "uint32_t", 3),
        ]:
            number, size = getattr(small.lib, attr), small.ffi.sizeof(c_type)
            place = small.out(c_type)
            place[0] = value
            assert small.aclrtSetStreamConfigOpt(NULL, number, place, size) == 100000
            assert small.aclrtSetStreamConfigOpt(handle, number, NULL, size) == 100000
            assert small.aclrtSetStreamConfigOpt(handle, 99, place, size) == 100000
            assert small.aclrtSetStreamConfigOpt(handle, number, place, size + 1) == 100000
            assert small.aclrtSetStreamConfigOpt(handle, number, place, size) == 0
            assert getattr(handle, field) == value

    def test_flags_count(self, small: Acl) -> None:
        """A stream whose handle says PERSISTENT is special: waiting for it needs no context."""
        handle, place, value = small.aclrtCreateStreamConfigHandle(), small.out("aclrtStream"), small.out("size_t")
        value[0] = flag(small, "PERSISTENT")
        small.ok(small.aclrtSetStreamConfigOpt(handle, small.lib.ACL_RT_STREAM_FLAG, value, 8))
        small.ok(small.aclrtCreateStreamV2(place, handle))
        assert without_context(small, lambda: small.aclrtSynchronizeStream(place[0])) == 0

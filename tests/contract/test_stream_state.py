"""What streams are asked for and told: flags, failure modes, attributes, overflow (contract_rt sections 5 and 10)."""

from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import dead_stream, fail_with, foreign_stream, refuse

STOP, CONTINUE = 1, 0
SIZE_MAX = (1 << 64) - 1


def special(acl: Acl) -> Any:
    """A stream made with ACL_STREAM_DEVICE_USE_ONLY."""
    return acl.stream(flags=acl.lib.ACL_STREAM_DEVICE_USE_ONLY)


def stops(acl: Acl) -> bool:
    """Whether the current context is in STOP mode: the failure of a task sticks to it. It is of no use afterwards."""
    stream = acl.stream()
    fail_with(acl, stream, 507015)
    assert acl.aclrtSynchronizeStream(stream) == 507015
    return acl.aclrtSynchronizeDevice() == 507015


def attribute(acl: Acl, stream: Any, name: str) -> Any:
    """The value of a stream attribute, by the end of its name."""
    value = acl.out("aclrtStreamAttrValue")
    acl.ok(acl.aclrtGetStreamAttribute(stream, getattr(acl.lib, f"ACL_STREAM_ATTR_{name}"), value))
    return value


@pytest.mark.row("RT5.09")
@pytest.mark.parametrize("name", ["aclrtStreamGetFlags", "aclrtStreamGetPriority"])
class TestGetFlagsAndPriority:
    """aclrtStreamGetFlags and aclrtStreamGetPriority."""

    def test_order_of_checks(self, ready: Acl, name: str) -> None:
        """No place for the answer, dead handle, no context: the first that is wrong decides."""
        place, dead, live = ready.out("uint32_t"), dead_stream(ready), ready.stream()
        ready.in_thread(lambda: refuse(ready, 100000, name, dead, NULL, says="is NULL"))
        ready.in_thread(lambda: refuse(ready, 107017, name, dead, place, says="was destroyed"))
        for stream in (live, NULL):
            ready.in_thread(lambda stream=stream: refuse(ready, 107002, name, stream, place))  # type: ignore[misc]

    def test_gives_the_created_values(self, ready: Acl, name: str) -> None:
        """What the stream was made with; NULL is the default stream, which has no flags and priority 0."""
        flags, place = ready.lib.ACL_STREAM_FAST_LAUNCH | ready.lib.ACL_STREAM_FAST_SYNC, ready.out("uint32_t")
        stream = ready.stream(priority=5, flags=flags)
        for asked, wanted in [(stream, {"Flags": flags, "Priority": 5}), (NULL, {"Flags": 0, "Priority": 0})]:
            place[0] = 99
            assert getattr(ready, name)(asked, place) == 0
            assert place[0] == wanted[name.removeprefix("aclrtStreamGet")]


@pytest.mark.row("RT5.10")
class TestGetStreamAvailableNum:
    """aclrtGetStreamAvailableNum."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without one it is 107002."""
        refuse(acl, 100000, "aclrtGetStreamAvailableNum", NULL, says="streamCount is NULL")
        refuse(acl, 107002, "aclrtGetStreamAvailableNum", acl.out("uint32_t"))

    @pytest.mark.parametrize(("product", "limit"), [("A2", 1984), ("310B", 512), ("310P", 1024)])
    def test_counts_what_is_left(self, open_acl: OpenAcl, product: str, limit: int) -> None:
        """Streams of all contexts of the current device count, default streams included; another device has its own."""
        acl = open_acl(product=product, devices=2)
        acl.start()

        def left() -> int:
            place = acl.out("uint32_t")
            acl.ok(acl.aclrtGetStreamAvailableNum(place))
            return int(place[0])

        assert left() == limit - 1
        stream = acl.stream()
        acl.context()
        acl.stream(flags=acl.lib.ACL_STREAM_PERSISTENT)
        assert left() == limit - 4
        acl.context(1)
        assert left() == limit - 1
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(acl.aclrtDestroyStream(stream))
        assert left() == limit - 3
        for _ in range(limit - 3):
            acl.stream()
        assert left() == 0
        assert acl.aclrtCreateStream(acl.out("aclrtStream")) == 207008


class TestSetStreamFailureMode:
    """RT5.11 without streams that are bound to a graph."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Dead handle, no context, another context, DEVICE_USE_ONLY, STOP to CONTINUE: the first decides."""
        name, dead, foreign = "aclrtSetStreamFailureMode", dead_stream(ready), foreign_stream(ready)
        ready.in_thread(lambda: refuse(ready, 107017, name, dead, STOP))
        ready.in_thread(lambda: refuse(ready, 107002, name, foreign, STOP))
        refuse(ready, 107003, name, foreign, STOP, says="not of the calling thread's current context")
        for mode in (CONTINUE, STOP):
            refuse(ready, 207000, name, special(ready), mode, says="DEVICE_USE_ONLY")
        assert not stops(ready)

    @pytest.mark.row("RT15.12")
    @pytest.mark.parametrize("product", ["generic", "950", "A3", "A2"])
    def test_null_with_a_control_queue(self, open_acl: OpenAcl, product: str) -> None:
        """The documentation refuses the default stream; on chips with a device control queue NULL is it."""
        acl = open_acl(product=product)
        acl.start()
        assert acl.aclrtSetStreamFailureMode(NULL, STOP) == 0
        refuse(acl, 207000, "aclrtSetStreamFailureMode", acl.default_stream(), CONTINUE)
        assert stops(acl)

    @pytest.mark.row("RT15.12")
    @pytest.mark.parametrize("product", ["310B", "310P", "910"])
    def test_null_without_a_control_queue(self, open_acl: OpenAcl, product: str) -> None:
        """On other chips NULL is 107000 and sets nothing, the default stream's handle is legal."""
        acl = open_acl(product=product)
        refuse(acl, 107000, "aclrtSetStreamFailureMode", NULL, STOP, says="stream is NULL")
        acl.start()
        refuse(acl, 107000, "aclrtSetStreamFailureMode", NULL, STOP)
        context = acl.current_context()
        acl.context()
        assert acl.aclrtSetStreamFailureMode(acl.default_stream(), STOP) == 0
        acl.ok(acl.aclrtSetCurrentContext(context))
        assert not stops(acl)

    @pytest.mark.row("RT15.12", "RT15.23")
    def test_there_is_no_way_back(self, ready: Acl) -> None:
        """The mode it has may be set again, STOP to CONTINUE is 207000: not once only, as the documentation says."""
        stream = ready.stream()
        assert [ready.aclrtSetStreamFailureMode(stream, mode) for mode in (CONTINUE, CONTINUE, STOP, STOP)] == [0] * 4
        for _ in range(2):
            refuse(ready, 207000, "aclrtSetStreamFailureMode", stream, CONTINUE, says="cannot leave")
        assert ready.aclrtSetStreamFailureMode(stream, STOP) == 0

    @pytest.mark.parametrize(
        ("mode", "meant"),
        [(0, CONTINUE), (2, CONTINUE), (1, STOP), (3, STOP), (SIZE_MAX, STOP), (SIZE_MAX - 1, CONTINUE)],
    )
    def test_only_one_bit_counts(self, ready: Acl, mode: int, meant: int) -> None:
        """Bit 0 of the mode decides whether the context stops."""
        assert ready.aclrtSetStreamFailureMode(ready.stream(), mode) == 0
        assert stops(ready) == (meant == STOP)

    def test_stops_its_own_context_only(self, ready: Acl) -> None:
        """The whole context of the stream stops, streams that are made later too; another context does not."""
        primary = ready.current_context()
        ready.ok(ready.aclrtSetStreamFailureMode(ready.stream(), STOP))
        ready.context()
        assert not stops(ready)
        ready.ok(ready.aclrtSetCurrentContext(primary))
        assert stops(ready)


@pytest.mark.row("RT5.12")
class TestStreamAttributes:
    """aclrtSetStreamAttribute and aclrtGetStreamAttribute."""

    @pytest.mark.parametrize("name", ["aclrtSetStreamAttribute", "aclrtGetStreamAttribute"])
    def test_order_of_checks(self, ready: Acl, name: str) -> None:
        """No value, dead handle, unknown attribute, no context, another context: the first that is wrong decides."""
        dead, live, foreign = dead_stream(ready), ready.stream(), foreign_stream(ready)
        value, tag = ready.out("aclrtStreamAttrValue"), ready.lib.ACL_STREAM_ATTR_USER_CUSTOM_TAG
        ready.in_thread(lambda: refuse(ready, 100000, name, dead, 99, NULL, says="value is NULL"))
        ready.in_thread(lambda: refuse(ready, 107017, name, dead, 99, value))
        for unknown in (0, 6, 99, 0xFFFFFFFF):
            for stream in (live, foreign, NULL):
                refuse(ready, 107000, name, stream, unknown, value, says=f"stmAttrType is {unknown}")
        ready.in_thread(lambda: refuse(ready, 107000, name, live, 0, value))
        ready.in_thread(lambda: refuse(ready, 107002, name, live, tag, value))
        refuse(ready, 107003, name, foreign, tag, value)

    @pytest.mark.parametrize("stream", ["its own", "the default"])
    @pytest.mark.parametrize(
        ("name", "field"),
        [("USER_CUSTOM_TAG", "userCustomTag"), ("CACHE_OP_INFO", "cacheOpInfoSwitch"), ("PRIORITY", "streamPriority")],
    )
    def test_keeps_a_value(self, ready: Acl, stream: str, name: str, field: str) -> None:
        """Each attribute is 0 first and then what was set, for one stream only; NULL is the default stream."""
        on = NULL if stream == "the default" else ready.stream()
        other, value = ready.stream(), ready.out("aclrtStreamAttrValue")
        assert getattr(attribute(ready, on, name), field) == 0
        for wanted in (1, 6, 0):
            setattr(value, field, wanted)
            assert ready.aclrtSetStreamAttribute(on, getattr(ready.lib, f"ACL_STREAM_ATTR_{name}"), value) == 0
            assert getattr(attribute(ready, on, name), field) == wanted
            assert getattr(attribute(ready, other, name), field) == 0

    def test_the_priority_is_that_of_its_function(self, ready: Acl) -> None:
        """It is what aclrtStreamGetPriority gives, and clamped to 7."""
        stream, value, place = ready.stream(priority=3), ready.out("aclrtStreamAttrValue"), ready.out("uint32_t")
        assert attribute(ready, stream, "PRIORITY").streamPriority == 3
        value.streamPriority = 1000
        ready.ok(ready.aclrtSetStreamAttribute(stream, ready.lib.ACL_STREAM_ATTR_PRIORITY, value))
        ready.ok(ready.aclrtStreamGetPriority(stream, place))
        assert place[0] == 7

    def test_the_failure_mode_is_that_of_its_function(self, ready: Acl, open_acl: OpenAcl) -> None:
        """It has the checks and the effect of aclrtSetStreamFailureMode, whose mode it gives."""
        mode, value = ready.lib.ACL_STREAM_ATTR_FAILURE_MODE, ready.out("aclrtStreamAttrValue")
        stream = ready.stream()
        value.failureMode = 3
        refuse(ready, 207000, "aclrtSetStreamAttribute", special(ready), mode, value)
        assert attribute(ready, stream, "FAILURE_MODE").failureMode == CONTINUE
        assert ready.aclrtSetStreamAttribute(stream, mode, value) == 0
        assert attribute(ready, stream, "FAILURE_MODE").failureMode == STOP
        value.failureMode = CONTINUE
        refuse(ready, 207000, "aclrtSetStreamAttribute", stream, mode, value)
        refuse(ready, 207000, "aclrtSetStreamFailureMode", stream, CONTINUE)
        assert stops(ready)
        other = open_acl(product="310P")
        other.start()
        refuse(other, 107000, "aclrtSetStreamAttribute", NULL, mode, value, says="stream is NULL")

    def test_the_overflow_switch_is_that_of_its_function(self, ready: Acl) -> None:
        """What one sets the other gives; a value but 0 and 1 is 107000 here (a choice), and sets nothing."""
        check, stream = ready.lib.ACL_STREAM_ATTR_FLOAT_OVERFLOW_CHECK, ready.stream()
        value, place = ready.out("aclrtStreamAttrValue"), ready.out("uint32_t")
        value.overflowSwitch = 1
        assert ready.aclrtSetStreamAttribute(stream, check, value) == 0
        value.overflowSwitch = 2
        refuse(ready, 107000, "aclrtSetStreamAttribute", stream, check, value, says="overflowSwitch is 2")
        ready.ok(ready.aclrtGetStreamOverflowSwitch(stream, place))
        assert place[0] == 1
        for flag in (0, 1):
            ready.ok(ready.aclrtSetStreamOverflowSwitch(stream, flag))
            assert attribute(ready, stream, "FLOAT_OVERFLOW_CHECK").overflowSwitch == flag


class TestStreamOverflowSwitch:
    """RT5.13 without graph capture."""

    def test_order_of_checks(self, ready: Acl) -> None:
        """Flag or place, dead handle, no context, another context: the first that is wrong decides."""
        dead, foreign, place = dead_stream(ready), foreign_stream(ready), ready.out("uint32_t")
        for flag in (2, 0xFFFFFFFF):
            refuse(ready, 100000, "aclrtSetStreamOverflowSwitch", dead, flag, says=f"flag is {flag}")
        refuse(ready, 100000, "aclrtGetStreamOverflowSwitch", dead, NULL, says="flag is NULL")
        for name, argument in [("aclrtSetStreamOverflowSwitch", 1), ("aclrtGetStreamOverflowSwitch", place)]:
            refuse(ready, 107017, name, dead, argument)
            ready.in_thread(lambda: refuse(ready, 107002, name, foreign, argument))  # noqa: B023
            refuse(ready, 107003, name, foreign, argument)

    def test_keeps_the_switch(self, ready: Acl) -> None:
        """It is 0 first and then what was set, for one stream only; NULL is the default stream."""
        place, streams = ready.out("uint32_t"), [NULL, ready.stream()]
        for flag in (1, 1, 0, 1):
            assert ready.aclrtSetStreamOverflowSwitch(streams[0], flag) == 0
            assert ready.aclrtGetStreamOverflowSwitch(ready.default_stream(), place) == 0
            assert place[0] == flag
            assert ready.aclrtGetStreamOverflowSwitch(streams[1], place) == 0
            assert place[0] == 0


@pytest.mark.row("RT5.15")
class TestStreamStop:
    """aclrtStreamStop."""

    def test_refuses(self, ready: Acl) -> None:
        """NULL is 107000, a dead handle 107017."""
        refuse(ready, 107000, "aclrtStreamStop", NULL, says="stream is NULL")
        refuse(ready, 107017, "aclrtStreamStop", dead_stream(ready))

    def test_keeps_what_is_queued(self, ready: Acl) -> None:
        """The stream's tasks stay queued and run when they are waited for."""
        stream = ready.stream()
        work = ready.work(stream)
        assert ready.aclrtStreamStop(stream) == 0
        assert not work.ran()
        ready.synchronize(stream)
        assert work.ran()


class TestSwitches:
    """RT5.16 as far as the arguments: aclrtActiveStream and aclrtSwitchStream, which then need a built graph."""

    def test_active_stream(self, ready: Acl) -> None:
        """Either stream NULL is 100000, either dead 107017; a stream of another context is 107003, all good 200001."""
        name, live, dead, foreign = "aclrtActiveStream", ready.stream(), dead_stream(ready), foreign_stream(ready)
        refuse(ready, 100000, name, NULL, dead, says="activeStream is NULL")
        refuse(ready, 100000, name, dead, NULL, says="stream is NULL")
        refuse(ready, 107017, name, dead, live, says="activeStream")
        refuse(ready, 107017, name, live, dead, says="stream")
        ready.in_thread(lambda: refuse(ready, 107002, name, live, live))
        refuse(ready, 107003, name, live, foreign)
        refuse(ready, 200001, name, live, live, says="built graph")

    def test_switch_stream(self, ready: Acl) -> None:
        """NULL for a value or a stream is 100000, and so is a falseStream; then as for aclrtActiveStream."""
        name, live, dead, foreign = "aclrtSwitchStream", ready.stream(), dead_stream(ready), foreign_stream(ready)
        left, right = ready.malloc(8), ready.malloc(8)
        good = {"leftValue": left, "rightValue": right, "trueStream": live, "falseStream": NULL, "stream": live}

        def with_(**changes: Any) -> tuple[Any, ...]:
            values = {**good, **changes}
            return (
                values["leftValue"],
                0,
                values["rightValue"],
                0,
                *(values[stream] for stream in ("trueStream", "falseStream", "stream")),
            )

        for parameter in ("leftValue", "rightValue", "trueStream", "stream"):
            refuse(ready, 100000, name, *with_(**{parameter: NULL}), says=f"{parameter} is NULL")
        refuse(ready, 100000, name, *with_(falseStream=live, stream=dead), says="falseStream must be NULL")
        refuse(ready, 107017, name, *with_(trueStream=dead), says="trueStream")
        refuse(ready, 107017, name, *with_(stream=dead))
        ready.in_thread(lambda: refuse(ready, 107002, name, *with_()))
        refuse(ready, 107003, name, *with_(stream=foreign))
        refuse(ready, 200001, name, *with_(), says="built graph")


@pytest.mark.row("RT10.09")
@pytest.mark.parametrize("kind", ["", "Float"])
class TestOverflowStatus:
    """aclrtGetOverflowStatus, aclrtResetOverflowStatus and their Float twins."""

    def test_order_of_checks(self, ready: Acl, kind: str) -> None:
        """No output, dead handle, size, no context, another context, address: the first that is wrong decides."""
        get, reset = f"aclrtGet{kind}OverflowStatus", f"aclrtReset{kind}OverflowStatus"
        dead, foreign, live = dead_stream(ready), foreign_stream(ready), ready.stream()
        device, freed = ready.malloc(64), ready.malloc(64)
        ready.ok(ready.aclrtFree(freed))
        ready.in_thread(lambda: refuse(ready, 100000, get, NULL, 0, dead, says="outputAddr is NULL"))
        ready.in_thread(lambda: refuse(ready, 107017, get, device, 0, dead))
        for size in (0, 63, 65, SIZE_MAX):
            refuse(ready, 107000, get, freed, size, foreign, says=f"outputSize is {size}")
        ready.in_thread(lambda: refuse(ready, 107002, get, freed, 64, foreign))
        refuse(ready, 107003, get, freed, 64, foreign)
        refuse(ready, 107000, get, freed, 64, live, says="was freed")
        refuse(ready, 107000, get, ready.offset(device, 48), 64, live, says="over the end")
        for host in (ready.malloc_host(64), ready.host(64)):
            refuse(ready, 107000, get, host, 64, live, says="is host memory")
        ready.in_thread(lambda: refuse(ready, 107017, reset, dead))
        ready.in_thread(lambda: refuse(ready, 107002, reset, live))
        refuse(ready, 107003, reset, foreign)

    @pytest.mark.parametrize("default", [True, False])
    def test_is_a_task_that_writes_no_overflow(self, ready: Acl, kind: str, default: bool) -> None:
        """It writes 64 bytes of 0 to device memory when its turn comes, and not before; NULL is the default stream."""
        stream, device = NULL if default else ready.stream(), ready.malloc(128, b"." * 128)
        assert getattr(ready, f"aclrtGet{kind}OverflowStatus")(ready.offset(device, 32), 64, stream) == 0
        assert ready.read(device, 128) == b"." * 128
        ready.synchronize(stream)
        assert ready.read(device, 128) == b"." * 32 + bytes(64) + b"." * 32

    def test_memory_that_was_freed(self, ready: Acl, kind: str) -> None:
        """The task fails when its memory is gone by then."""
        device, stream = ready.malloc(64), ready.stream()
        ready.ok(getattr(ready, f"aclrtGet{kind}OverflowStatus")(device, 64, stream))
        ready.ok(ready.aclrtFree(device))
        assert ready.aclrtSynchronizeStream(stream) == 507053

    def test_reset_is_a_task(self, ready: Acl, kind: str) -> None:
        """It waits in its stream, holds nothing up and leaves no overflow."""
        stream, device = ready.stream(), ready.malloc(64, b"." * 64)
        work = ready.work(stream)
        assert getattr(ready, f"aclrtReset{kind}OverflowStatus")(stream) == 0
        assert not ready.complete(stream)
        assert not ready.complete(stream)
        assert work.ran()
        assert ready.complete(stream)
        ready.ok(getattr(ready, f"aclrtGet{kind}OverflowStatus")(device, 64, stream))
        ready.synchronize(stream)
        assert ready.read(device, 64) == bytes(64)

"""Devices (contract_rt section 3)."""

from collections.abc import Callable

import pytest

from tests.contract.acl import FOREVER, NULL, Acl, OpenAcl

NO_DEVICES = (-1, 2, 64, 2**31 - 1, -(2**31))


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The path of a configuration that names device 1 as the default."""
    path = tmp_path_factory.mktemp("config") / "acl.json"
    path.write_text('{"defaultDevice": {"default_device": "1"}}', encoding="utf-8")
    return str(path).encode()


class TestSetDevice:
    """RT3.01 without a list of visible devices and without devices that fail to open."""

    @pytest.mark.parametrize("device", NO_DEVICES)
    def test_refuses_what_does_not_exist(self, ready: Acl, device: int) -> None:
        """A number that no device has is 107001 and changes nothing."""
        context = ready.current_context()
        assert ready.aclrtSetDevice(device) == 107001
        assert ready.current_context() == context

    def test_counts(self, acl: Acl) -> None:
        """The primary context stays until as many resets came as sets."""
        for _ in range(3):
            acl.ok(acl.aclrtSetDevice(0))
        for _ in range(2):
            acl.ok(acl.aclrtResetDevice(0))
            assert acl.device() == 0
        acl.ok(acl.aclrtResetDevice(0))
        assert acl.aclrtResetDevice(0) == 507007

    def test_first_call_makes_the_primary_context(self, ready: Acl) -> None:
        """The first call makes one context with a default stream; further calls, of any thread, make no other."""
        context, stream = ready.current_context(), ready.default_stream()
        ready.synchronize(stream)
        ready.ok(ready.aclrtSetDevice(0))
        assert (ready.current_context(), ready.default_stream()) == (context, stream)

        def other() -> tuple[object, object]:
            ready.ok(ready.aclrtSetDevice(0))
            return ready.current_context(), ready.default_stream()

        assert ready.in_thread(other) == (context, stream)

    def test_each_device_has_its_own(self, ready: Acl) -> None:
        """Setting another device makes its primary context current; setting the first again brings its own back."""
        first = ready.current_context()
        ready.ok(ready.aclrtSetDevice(1))
        assert ready.current_context() != first
        assert ready.device() == 1
        ready.ok(ready.aclrtSetDevice(0))
        assert ready.current_context() == first

    def test_drops_an_explicit_context(self, ready: Acl) -> None:
        """An explicit current context gives way to the primary one, and goes on living."""
        primary = ready.current_context()
        explicit = ready.context(1)
        ready.ok(ready.aclrtSetDevice(0))
        assert ready.current_context() == primary
        ready.ok(ready.aclrtSetCurrentContext(explicit))
        assert ready.device() == 1

    def test_makes_no_context_on_ipv350(self, open_acl: OpenAcl) -> None:
        """On IPV350 only aclrtCreateContext makes a context."""
        acl = open_acl(product="IPV350")
        acl.ok(acl.aclrtSetDevice(0))
        assert acl.aclrtGetCurrentContext(acl.out("aclrtContext")) == 107002
        acl.context(0)
        assert acl.device() == 0
        acl.ok(acl.aclrtResetDevice(0))
        assert acl.aclrtResetDevice(0) == 507007


RESETS = {"R": "aclrtResetDevice", "F": "aclrtResetDeviceForce"}


@pytest.mark.parametrize("name", RESETS.values())
class TestResets:
    """What RT3.02 and RT3.03 have in common, without the graphs of the primary context."""

    @pytest.mark.parametrize("device", NO_DEVICES)
    def test_refuses_what_does_not_exist(self, ready: Acl, name: str, device: int) -> None:
        """A number that no device has is 107001, before anything is said about its count."""
        assert getattr(ready, name)(device) == 107001

    def test_refuses_a_device_that_is_not_set(self, ready: Acl, name: str) -> None:
        """A device that was never set, or that is not set any more, is 507007."""
        assert getattr(ready, name)(1) == 507007
        ready.ok(getattr(ready, name)(0))
        assert getattr(ready, name)(0) == 507007

    def test_tears_the_primary_context_down(self, ready: Acl, name: str) -> None:
        """The last reset clears the thread's current context and destroys the primary one with all its streams."""
        context, default, stream = ready.current_context(), ready.default_stream(), ready.stream()
        ready.ok(getattr(ready, name)(0))
        assert ready.aclrtGetCurrentContext(ready.out("aclrtContext")) == 107002
        assert ready.aclrtSetCurrentContext(context) == 107000
        assert ready.aclrtSynchronizeStream(default) == 107017
        assert ready.aclrtSynchronizeStream(stream) == 107017

    def test_leaves_other_devices_alone(self, ready: Acl, name: str) -> None:
        """Another device stays set, and the thread on it."""
        ready.ok(ready.aclrtSetDevice(1))
        context = ready.current_context()
        ready.ok(getattr(ready, name)(0))
        assert ready.current_context() == context

    def test_other_threads_lose_their_context(self, ready: Acl, name: str) -> None:
        """A thread whose device another thread reset gets 107002."""
        ready.in_thread(lambda: ready.ok(getattr(ready, name)(0)))
        assert ready.aclrtGetCurrentContext(ready.out("aclrtContext")) == 107002
        assert ready.aclrtCreateStream(ready.out("aclrtStream")) == 107002

    def test_explicit_contexts_keep_the_device_open(self, ready: Acl, name: str) -> None:
        """An explicit context of the device goes on with its streams, its queued work and the device's memory."""
        explicit = ready.context(0)
        stream = ready.stream()
        work = ready.work(stream)
        ready.ok(getattr(ready, name)(0))
        assert ready.current_context() == explicit
        ready.synchronize(stream)
        assert work.ran()

    def test_device_can_be_set_again(self, ready: Acl, name: str) -> None:
        """After the last reset a set makes a new primary context; memory that was not freed is still there."""
        old, memory = ready.current_context(), ready.malloc(4, b"kept")
        ready.ok(getattr(ready, name)(0))
        ready.ok(ready.aclrtSetDevice(0))
        assert ready.current_context() != old
        assert ready.read(memory, 4) == b"kept"


@pytest.mark.row("RT3.03")
@pytest.mark.parametrize(
    ("calls", "last"),
    [("SSRR", 0), ("SF", 0), ("SSSF", 0), ("SSRF", 0), ("SSFR", 507007), ("SSFF", 507007), ("SSFSR", 0), ("F", 507007)],
)
def test_sequences_of_resets(acl: Acl, calls: str, last: int) -> None:
    """R(eset) takes one S(et) back and F(orce) all; both are 507007 when none is left, in any sequence."""
    names = {"S": "aclrtSetDevice", **RESETS}
    codes = [getattr(acl, names[call])(0) for call in calls]
    assert codes == [0] * (len(calls) - 1) + [last]


@pytest.mark.row("RT3.03")
def test_the_second_of_two_threads_that_force_is_refused(acl: Acl) -> None:
    """Two threads that each set and then force a reset: the first one takes both sets back, the second is 507007."""
    acl.ok(acl.aclrtSetDevice(0))
    acl.in_thread(lambda: acl.ok(acl.aclrtSetDevice(0)))
    assert acl.in_thread(lambda: acl.aclrtResetDeviceForce(0)) == 0
    assert acl.aclrtResetDeviceForce(0) == 507007


@pytest.mark.row("RT3.04")
class TestGetDevice:
    """aclrtGetDevice."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """NULL is 100000, even without a context; without a context it is 107002, even if a device is set elsewhere."""
        assert acl.aclrtGetDevice(NULL) == 100000
        acl.in_thread(lambda: acl.ok(acl.aclrtSetDevice(0)))
        assert acl.aclrtGetDevice(acl.out("int32_t")) == 107002

    def test_gives_the_device_of_the_current_context(self, ready: Acl) -> None:
        """The device is that of the current context, primary or explicit."""
        assert ready.device() == 0
        ready.context(1)
        assert ready.device() == 1

    def test_gives_the_default_device_without_a_context(self, acl: Acl, config: bytes) -> None:
        """Where the configuration names a default device, a thread without a live context gets that one."""
        acl.ok(acl.aclInit(config))
        assert acl.device() == 1
        acl.context(0)
        assert acl.device() == 0
        context = acl.current_context()
        acl.in_thread(lambda: acl.ok(acl.aclrtDestroyContext(context)))
        assert acl.device() == 1

    def test_default_device_ends_with_the_library(self, acl: Acl, config: bytes) -> None:
        """After aclFinalize there is no default device."""
        acl.ok(acl.aclInit(config))
        acl.ok(acl.aclFinalize())
        assert acl.aclrtGetDevice(acl.out("int32_t")) == 107002


class TestGetDeviceCount:
    """RT3.05 without a list of visible devices."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        assert acl.aclrtGetDeviceCount(NULL) == 100000

    @pytest.mark.parametrize("devices", [1, 2, 64])
    def test_counts_devices(self, open_acl: OpenAcl, devices: int) -> None:
        """The number is that of the machine and needs no context."""
        acl = open_acl(devices=devices)
        count = acl.out("uint32_t")
        assert acl.aclrtGetDeviceCount(count) == 0
        assert count[0] == devices


@pytest.mark.row("RT3.06")
class TestGetRunMode:
    """aclrtGetRunMode."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        assert acl.aclrtGetRunMode(NULL) == 100000

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, "ACL_HOST"),
            ({"run_mode": "device"}, "ACL_DEVICE"),
            ({"product": "310P"}, "ACL_HOST"),
            ({"product": "IPV350"}, "ACL_DEVICE"),
        ],
    )
    def test_says_where_the_program_runs(self, open_acl: OpenAcl, options: dict[str, str], expected: str) -> None:
        """The mode is the product's or the one asked for, and needs no context."""
        acl = open_acl(**options)
        mode = acl.out("aclrtRunMode")
        assert acl.aclrtGetRunMode(mode) == 0
        assert mode[0] == getattr(acl.lib, expected)


def _plain(acl: Acl) -> int:
    return acl.aclrtSynchronizeDevice()


def _timed(acl: Acl) -> int:
    return acl.aclrtSynchronizeDeviceWithTimeout(FOREVER)


@pytest.mark.parametrize("synchronize", [_plain, _timed])
class TestSynchronizeDevice:
    """RT3.07, and RT3.08 without a limit; without the answer during graph capture."""

    def test_needs_a_context(self, acl: Acl, synchronize: Callable[[Acl], int]) -> None:
        """Without a current context it is 107002."""
        assert synchronize(acl) == 107002

    def test_waits_for_the_streams_of_the_current_context(self, ready: Acl, synchronize: Callable[[Acl], int]) -> None:
        """All streams of the current context, its default stream too, are done; those of other contexts are not."""
        inside = [ready.work(stream) for stream in (ready.stream(), ready.stream(), NULL)]
        current = ready.current_context()
        ready.context(0)
        outside = [ready.work(stream) for stream in (ready.stream(), NULL)]
        ready.ok(ready.aclrtSetCurrentContext(current))
        assert synchronize(ready) == 0
        assert [work.ran() for work in inside] == [True, True, True]
        assert [work.ran() for work in outside] == [False, False]

    @pytest.mark.parametrize("flag", ["PERSISTENT", "CPU_SCHEDULE", "DEVICE_USE_ONLY"])
    def test_does_not_wait_for_special_streams(self, ready: Acl, synchronize: Callable[[Acl], int], flag: str) -> None:
        """Streams that are persistent, scheduled by the CPU or for the device only are left alone."""
        work = ready.work(ready.stream(flags=getattr(ready.lib, f"ACL_STREAM_{flag}")))
        assert synchronize(ready) == 0
        assert not work.ran()

    def test_default_stream_comes_last(self, ready: Acl, synchronize: Callable[[Acl], int]) -> None:
        """What the default stream reads was written by the other streams before."""
        first, second, third = ready.malloc(4, b"1111"), ready.malloc(4, b"2222"), ready.malloc(4, b"3333")
        ready.copy(third, second, 4)
        ready.copy(second, first, 4, ready.stream())
        assert synchronize(ready) == 0
        assert ready.read(third, 4) == b"1111"

    def test_gives_the_first_error_and_waits_for_the_rest(self, ready: Acl, synchronize: Callable[[Acl], int]) -> None:
        """The error is that of the first failed stream; the others are done all the same, and no error is left over."""
        failing, other = ready.stream(), ready.stream()
        ready.failing_work()
        ready.failing_work(failing)
        ready.message()
        work = ready.work(other)
        assert synchronize(ready) == 507053
        first = ready.message()
        assert work.ran()
        assert ready.aclrtSynchronizeStream(failing) == 0
        assert ready.aclrtSynchronizeStream(NULL) == 0
        ready.failing_work(failing)
        assert synchronize(ready) == 507053
        assert ready.message() != first


class TestSynchronizeDeviceWithTimeout:
    """RT3.08, without the answer during graph capture."""

    @pytest.mark.parametrize("timeout", [-2, 0, -(2**31)])
    def test_refuses_a_timeout(self, acl: Acl, timeout: int) -> None:
        """0 and what is below -1 is 107000, before a context is asked for."""
        assert acl.aclrtSynchronizeDeviceWithTimeout(timeout) == 107000

    def test_needs_a_context(self, acl: Acl) -> None:
        """Without a current context it is 107002."""
        assert acl.aclrtSynchronizeDeviceWithTimeout(1) == 107002

    def test_succeeds_in_time(self, ready: Acl) -> None:
        """Work that takes less than the timeout is done."""
        stream = ready.stream()
        ready.long_work(stream, milliseconds=2)
        work = ready.work(stream)
        assert ready.aclrtSynchronizeDeviceWithTimeout(3) == 0
        assert work.ran()

    def test_expires(self, ready: Acl) -> None:
        """Work that takes longer is 507046 and goes on: a later wait finds it done."""
        stream = ready.stream()
        ready.long_work(stream, milliseconds=5)
        work = ready.work(stream)
        assert [ready.aclrtSynchronizeDeviceWithTimeout(2) for _ in range(2)] == [507046, 507046]
        assert not work.ran()
        assert ready.aclrtSynchronizeDeviceWithTimeout(2) == 0
        assert work.ran()

    def test_limit_is_for_all_streams_together(self, ready: Acl) -> None:
        """The time that one stream took is not given to the next one again."""
        ready.long_work(ready.stream(), milliseconds=0.9)
        ready.long_work(ready.stream(), milliseconds=1.5)
        assert ready.aclrtSynchronizeDeviceWithTimeout(1) == 507046
        assert ready.aclrtSynchronizeDeviceWithTimeout(1) == 0
        first, second = ready.stream(), ready.stream()
        ready.long_work(first, milliseconds=2)
        ready.long_work(second, milliseconds=4)
        work = ready.work(second)
        assert ready.aclrtSynchronizeDeviceWithTimeout(3) == 507046
        assert not work.ran()


@pytest.mark.row("RT3.10")
class TestDeviceGetStreamPriorityRange:
    """aclrtDeviceGetStreamPriorityRange."""

    def test_gives_the_range(self, acl: Acl) -> None:
        """The lowest priority is 7 and the highest 0; no context is needed."""
        least, greatest = acl.out("int32_t"), acl.out("int32_t")
        assert acl.aclrtDeviceGetStreamPriorityRange(least, greatest) == 0
        assert (least[0], greatest[0]) == (7, 0)

    def test_both_are_optional(self, acl: Acl) -> None:
        """NULL is legal for either and for both."""
        least, greatest = acl.out("int32_t"), acl.out("int32_t")
        greatest[0] = -1
        assert acl.aclrtDeviceGetStreamPriorityRange(least, NULL) == 0
        assert acl.aclrtDeviceGetStreamPriorityRange(NULL, greatest) == 0
        assert acl.aclrtDeviceGetStreamPriorityRange(NULL, NULL) == 0
        assert (least[0], greatest[0]) == (7, 0)


@pytest.mark.row("RT14.05")
def test_a_process_has_at_most_64_devices(open_acl: OpenAcl) -> None:
    """Of 64 devices the last one has number 63; number 64 is 107001 wherever a device is named."""
    acl = open_acl(devices=64)
    acl.ok(acl.aclrtSetDevice(63))
    acl.context(63)
    assert acl.aclrtSetDevice(64) == 107001
    assert acl.aclrtResetDevice(64) == 107001
    assert acl.aclrtResetDeviceForce(64) == 107001
    assert acl.aclrtCreateContext(acl.out("aclrtContext"), 64) == 107001

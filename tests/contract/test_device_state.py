"""What devices have and allow, system parameters, and callbacks at changes (contract_rt sections 3, 4 and 9)."""

from functools import partial
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.helpers import Calls, refuse

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
SET, RESET = 1, 2  # SET_POST and RESET_PRE
MADE, GOES = 1, 2  # CREATE_POST and DESTROY_PRE


@pytest.mark.row("RT3.09")
def test_set_ts_device(acl: Acl) -> None:
    """0 and 1 are task schedulers, everything else is 100000; no context is needed."""
    for number in (2, 3, 0xFFFFFFFF):
        refuse(acl, 100000, "aclrtSetTsDevice", number, says=f"tsId is {number}")
    assert [acl.aclrtSetTsDevice(number) for number in (0, 1)] == [0, 0]


@pytest.mark.row("RT3.11", "RT4.07")
class TestPrimaryCtxState:
    """aclrtGetPrimaryCtxState."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """Flags, no place for the answer, a device outside 0 to 63: the first that is wrong decides."""
        flags, active = acl.out("uint32_t"), acl.out("int32_t")
        active[0] = 99
        refuse(acl, 100000, "aclrtGetPrimaryCtxState", 64, flags, NULL, says="flags must be NULL")
        refuse(acl, 100000, "aclrtGetPrimaryCtxState", 64, NULL, NULL, says="active is NULL")
        for device in (-1, 64, -(2**31), 2**31 - 1):
            refuse(acl, 107001, "aclrtGetPrimaryCtxState", device, NULL, active, says=f"deviceId is {device}")
        assert active[0] == 99

    def test_says_whether_a_device_is_set(self, acl: Acl) -> None:
        """It is 1 from the first aclrtSetDevice to the last reset; explicit contexts do not count."""

        def active() -> list[int]:
            place = acl.out("int32_t")
            return [int(place[0]) for device in (0, 1, 63) if acl.aclrtGetPrimaryCtxState(device, NULL, place) == 0]

        assert active() == [0, 0, 0]
        acl.context(1)
        assert active() == [0, 0, 0]
        for _ in range(2):
            acl.ok(acl.aclrtSetDevice(1))
        assert active() == [0, 1, 0]
        assert acl.in_thread(active) == [0, 1, 0]
        acl.ok(acl.aclrtResetDevice(1))
        assert active() == [0, 1, 0]
        acl.ok(acl.aclrtResetDevice(1))
        assert active() == [0, 0, 0]
        acl.ok(acl.aclrtSetDevice(0))
        acl.ok(acl.aclrtResetDeviceForce(0))
        assert active() == [0, 0, 0]


class TestPeers:
    """Access between devices."""

    @pytest.mark.row("RT3.12")
    def test_can_access_peer(self, acl: Acl) -> None:
        """The same device twice is 100000 before all, NULL is 107000; a device that does not exist is 107001."""
        place = acl.out("int32_t")
        name = "aclrtDeviceCanAccessPeer"
        for same in (0, 7):
            refuse(acl, 100000, name, NULL, same, same, says=f"are both {same}")
        refuse(acl, 107000, name, NULL, 0, 1, says="canAccessPeer is NULL")
        refuse(acl, 107000, name, NULL, 7, 1)
        for pair in [(0, 7), (7, 0), (0, -1), (-1, 1)]:
            refuse(acl, 107001, name, place, *pair, says="does not exist")
        assert place[0] == 0
        for pair in [(0, 1), (1, 0)]:
            place[0] = 0
            assert acl.aclrtDeviceCanAccessPeer(place, *pair) == 0
            assert place[0] == 1

    def test_enable_and_disable(self, acl: Acl) -> None:
        """Access is switched for the current device; flags, the device itself and unknown devices are refused."""
        refuse(acl, 107002, "aclrtDeviceEnablePeerAccess", 1, 0)
        refuse(acl, 107002, "aclrtDeviceDisablePeerAccess", 1)
        refuse(acl, 200006, "aclrtDeviceEnablePeerAccess", 1, 1, says="flags is 1")
        acl.start()
        for code, device in [(100000, 0), (107001, -1), (107001, 2)]:
            refuse(acl, code, "aclrtDeviceEnablePeerAccess", device, 0)
            refuse(acl, code, "aclrtDeviceDisablePeerAccess", device)
        assert [self.status(acl, *pair) for pair in [(0, 1), (1, 0)]] == [0, 0]
        for _ in range(2):
            assert acl.aclrtDeviceEnablePeerAccess(1, 0) == 0
        assert [self.status(acl, *pair) for pair in [(0, 1), (1, 0)]] == [1, 0]
        for _ in range(2):
            assert acl.aclrtDeviceDisablePeerAccess(1) == 0
        assert [self.status(acl, *pair) for pair in [(0, 1), (1, 0)]] == [0, 0]

    @staticmethod
    def status(acl: Acl, device: int, peer: int) -> int:
        """Whether a device may reach another one's memory."""
        place = acl.out("int32_t")
        acl.ok(acl.aclrtDevicePeerAccessStatus(device, peer, place))
        return int(place[0])

    def test_status_refuses(self, acl: Acl) -> None:
        """No place for the answer is 100000, then a device that does not exist is 107001."""
        refuse(acl, 100000, "aclrtDevicePeerAccessStatus", 7, 0, NULL, says="status is NULL")
        for pair in [(7, 0), (0, 7), (-1, 0)]:
            refuse(acl, 107001, "aclrtDevicePeerAccessStatus", *pair, acl.out("int32_t"))


class TestProperties:
    """What a simulated device knows of itself; what it does not know it says it does not."""

    @pytest.mark.row("RT3.14")
    def test_utilisation(self, acl: Acl) -> None:
        """NULL, something in the reserved field, no context, unknown device are refused; every rate is -1, not known."""
        info, name = acl.out("aclrtUtilizationInfo"), "aclrtGetDeviceUtilizationRate"
        refuse(acl, 100000, name, 7, NULL, says="utilizationInfo is NULL")
        info.utilizationExtend = acl.pointer(64, "aclrtUtilizationExtendInfo *")
        refuse(acl, 100000, name, 7, info, says="utilizationExtend must be NULL")
        info.utilizationExtend = acl.pointer(0, "aclrtUtilizationExtendInfo *")
        refuse(acl, 107002, name, 7, info)
        acl.start()
        refuse(acl, 107001, name, 7, info)
        assert info.cubeUtilization == 0
        assert acl.aclrtGetDeviceUtilizationRate(1, info) == 0
        rates = (info.cubeUtilization, info.vectorUtilization, info.aicpuUtilization, info.memoryUtilization)
        assert rates == (-1, -1, -1, -1)

    @pytest.mark.row("RT3.14")
    def test_memory(self, acl: Acl) -> None:
        """aclrtGetMemInfo refuses NULL with 100000 and a thread without a context with 107002 (RT8.12 has the rest)."""
        place = acl.out("size_t")
        refuse(acl, 100000, "aclrtGetMemInfo", 0, place, NULL)
        refuse(acl, 107002, "aclrtGetMemInfo", 0, place, acl.out("size_t"))

    def test_device_info(self, open_acl: OpenAcl) -> None:
        """Memory, chip id and virtuality are known, cores and caches are 207000; NULL comes before a bad device."""
        acl = open_acl(devices=3, memory=1 << 20)
        place, lib, name = acl.out("int64_t"), acl.lib, "aclrtGetDeviceInfo"
        refuse(acl, 100000, name, 7, lib.ACL_DEV_ATTR_IS_VIRTUAL, NULL, says="value is NULL")
        refuse(acl, 107001, name, 7, lib.ACL_DEV_ATTR_IS_VIRTUAL, place)
        refuse(acl, 207000, name, 0, lib.ACL_DEV_ATTR_AICORE_CORE_NUM, place, says="not modelled")
        refuse(acl, 207000, name, 0, 0xFFFFFFFF, place)
        for attr, value in [
            (lib.ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE, 1 << 20),
            (lib.ACL_DEV_ATTR_PHY_CHIP_ID, 2),
            (lib.ACL_DEV_ATTR_IS_VIRTUAL, 0),
        ]:
            place[0] = 99
            assert acl.aclrtGetDeviceInfo(2, attr, place) == 0
            assert place[0] == value
        name = "aclGetDeviceCapability"
        refuse(acl, 100000, name, 7, 0, NULL, says="value is NULL")
        refuse(acl, 107001, name, 7, 0, place)
        refuse(acl, 207000, name, 0, 0, place, says="not modelled")

    def test_device_status(self, acl: Acl) -> None:
        """A device is normal; NULL comes before a bad device."""
        place = acl.out("aclrtDeviceStatus")
        refuse(acl, 100000, "aclrtQueryDeviceStatus", 7, NULL, says="deviceStatus is NULL")
        refuse(acl, 107001, "aclrtQueryDeviceStatus", 7, place)
        place[0] = acl.lib.ACL_RT_DEVICE_STATUS_NORMAL + 1
        assert acl.aclrtQueryDeviceStatus(1, place) == 0
        assert place[0] == acl.lib.ACL_RT_DEVICE_STATUS_NORMAL

    @pytest.mark.parametrize(
        "name",
        [
            "aclrtGetPhyDevIdByLogicDevId",
            "aclrtGetLogicDevIdByPhyDevId",
            "aclrtGetLogicDevIdByUserDevId",
            "aclrtGetUserDevIdByLogicDevId",
            "aclrtGetPhyDevIdByUserDevId",
            "aclrtGetUserDevIdByPhyDevId",
        ],
    )
    def test_device_numbers(self, acl: Acl, name: str) -> None:
        """All ways of counting are one; NULL comes before a bad device."""
        place = acl.out("int32_t")
        refuse(acl, 100000, name, 7, NULL, says="is NULL")
        for device in (-1, 2):
            refuse(acl, 107001, name, device, place)
        assert getattr(acl, name)(1, place) == 0
        assert place[0] == 1


OPTIONS = {"Ctx": range(3), "": range(4)}


@pytest.mark.row("RT4.06")
class TestSystemParameters:
    """aclrtCtxSetSysParamOpt and aclrtCtxGetSysParamOpt, and the same for the process."""

    @pytest.mark.parametrize("scope", OPTIONS)
    def test_order_of_checks(self, acl: Acl, scope: str) -> None:
        """No place for the answer, an unknown option, no context, not set: the first that is wrong decides."""
        place, beyond = acl.out("int64_t"), len(OPTIONS[scope])
        get, set_ = f"aclrt{scope}GetSysParamOpt", f"aclrt{scope}SetSysParamOpt"
        refuse(acl, 100000, get, beyond, NULL, says="value is NULL")
        for option in (beyond, 99, 0xFFFFFFFF):
            refuse(acl, 100000, get, option, place, says=f"opt is {option}")
            refuse(acl, 100000, set_, option, 1, says=f"opt is {option}")
        if scope:
            refuse(acl, 107002, get, 0, place)
            refuse(acl, 107002, set_, 0, 1)
            acl.start()
        for option in OPTIONS[scope]:
            refuse(acl, 107021, get, option, place, says="was not set")
        assert acl.last_error() == (107002 if scope else 0)  # 107021 is quiet
        assert place[0] == 0

    @pytest.mark.parametrize("scope", OPTIONS)
    @pytest.mark.parametrize("value", [0, 1, -1, INT64_MIN, INT64_MAX])
    def test_keeps_a_value(self, ready: Acl, scope: str, value: int) -> None:
        """Each option has the value that was set last."""
        place = ready.out("int64_t")
        for option in OPTIONS[scope]:
            for wanted in (7, value - option if value == INT64_MAX else value + option):
                assert getattr(ready, f"aclrt{scope}SetSysParamOpt")(option, wanted) == 0
                assert getattr(ready, f"aclrt{scope}GetSysParamOpt")(option, place) == 0
                assert place[0] == wanted

    def test_each_context_has_its_own(self, ready: Acl) -> None:
        """A value is its context's: others, and the process, do not have it; threads share their context's."""
        place, primary = ready.out("int64_t"), ready.current_context()
        ready.ok(ready.aclrtCtxSetSysParamOpt(0, 1))
        assert ready.aclrtGetSysParamOpt(0, place) == 107021
        ready.context()
        assert ready.aclrtCtxGetSysParamOpt(0, place) == 107021
        ready.ok(ready.aclrtSetSysParamOpt(0, 2))
        assert ready.aclrtCtxGetSysParamOpt(0, place) == 107021

        def other() -> int:
            ready.ok(ready.aclrtSetCurrentContext(primary))
            ready.ok(ready.aclrtCtxGetSysParamOpt(0, place))
            return int(place[0])

        assert ready.in_thread(other) == 1


def registered(acl: Acl, calls: Calls, kind: str, name: bytes, label: str = "") -> None:
    """Register a state callback that notes what it is told (of a stream its handle) and its argument, a label."""
    argument = calls.keep(acl.ffi.new_handle(label))

    def call(what: Any, state: int, args: Any) -> None:
        calls.trace.append((what, int(state), acl.ffi.from_handle(args)))

    callback = calls.function(f"aclrt{kind}StateCallback", call)
    acl.ok(getattr(acl, f"aclrtReg{kind}StateCallback")(name, callback, argument))


@pytest.mark.row("RT9.07")
@pytest.mark.parametrize("kind", ["Device", "Stream"])
class TestStateCallbacks:
    """aclrtRegDeviceStateCallback and aclrtRegStreamStateCallback."""

    pytestmark = pytest.mark.row("RT5.17")

    def test_refuses(self, acl: Acl, calls: Calls, kind: str) -> None:
        """A name that is NULL is 100000, whatever the callback; a name that is taken is 107000 and keeps its callback."""
        name, type_ = f"aclrtReg{kind}StateCallback", f"aclrt{kind}StateCallback"
        first, second = calls.note(type_, "first"), calls.note(type_, "second")
        for callback in (NULL, first):
            refuse(acl, 100000, name, NULL, callback, NULL, says="regName is NULL")
        assert getattr(acl, name)(b"name", first, NULL) == 0
        for callback in (first, second):
            refuse(acl, 107000, name, b"name", callback, NULL, says="'name' is registered already")
        acl.ok(acl.aclrtSetDevice(0))
        assert calls.taken() == ["first"]

    def test_null_unregisters(self, acl: Acl, calls: Calls, kind: str) -> None:
        """NULL for the callback takes a name back, which is free then; for a name that is not known it is 0 too."""
        register, type_ = getattr(acl, f"aclrtReg{kind}StateCallback"), f"aclrt{kind}StateCallback"
        assert register(b"unknown", NULL, NULL) == 0
        assert register(b"name", calls.note(type_, "first"), NULL) == 0
        assert [register(b"name", NULL, NULL) for _ in range(2)] == [0, 0]
        acl.ok(acl.aclrtSetDevice(0))
        assert calls.taken() == []
        assert register(b"name", calls.note(type_, "second"), NULL) == 0
        acl.ok(acl.aclrtSetDevice(1))
        assert calls.taken() == ["second"]

    def test_each_name_is_called(self, acl: Acl, calls: Calls, kind: str) -> None:
        """All that are registered are called, each with its own argument."""
        for label in ("one", "two"):
            registered(acl, calls, kind, label.encode(), label)
        acl.ok(acl.aclrtSetDevice(0))
        assert sorted(label for _, _, label in calls.taken()) == ["one", "two"]


@pytest.mark.row("RT9.07")
def test_devices_tell_of_being_set_and_reset(acl: Acl, calls: Calls) -> None:
    """After the first set and before the last reset, plain or forced, with the device's number, in the calling thread."""
    place = acl.out("int32_t")

    def call(device: int, state: int, _: Any) -> None:
        acl.ok(acl.aclrtGetPrimaryCtxState(device, NULL, place))
        calls.trace.append((int(device), int(state), int(place[0])))

    acl.ok(acl.aclrtRegDeviceStateCallback(b"name", calls.function("aclrtDeviceStateCallback", call), NULL))
    steps: list[tuple[Any, list[tuple[int, int, int]]]] = [
        (partial(acl.aclrtSetDevice, 7), []),
        (partial(acl.aclrtSetDevice, 1), [(1, SET, 1)]),
        (partial(acl.aclrtSetDevice, 1), []),
        (partial(acl.aclrtResetDevice, 1), []),
        (partial(acl.aclrtResetDevice, 1), [(1, RESET, 1)]),
        (partial(acl.aclrtResetDevice, 1), []),
        (partial(acl.aclrtSetDevice, 0), [(0, SET, 1)]),
        (partial(acl.aclrtSetDevice, 0), []),
        (partial(acl.aclrtResetDeviceForce, 0), [(0, RESET, 1)]),
        (partial(acl.aclrtResetDeviceForce, 0), []),
    ]
    for step, told in steps:
        step()
        assert calls.taken() == told


@pytest.mark.row("RT5.17", "RT9.07")
@pytest.mark.parametrize("destroy", ["aclrtDestroyStream", "aclrtDestroyStreamForce"])
def test_streams_tell_of_being_made_and_destroyed(acl: Acl, calls: Calls, destroy: str) -> None:
    """After creation and before destruction, with the handle; default streams of all contexts included."""
    acl.start()
    registered(acl, calls, "Stream", b"name")
    streams = [acl.stream(), acl.stream(priority=3, flags=acl.lib.ACL_STREAM_PERSISTENT)]
    assert calls.taken() == [(stream, MADE, "") for stream in streams]
    acl.work(streams[0])
    acl.ok(getattr(acl, destroy)(streams[0]))
    assert calls.taken() == [(streams[0], GOES, "")]
    assert getattr(acl, destroy)(streams[0]) == 107017
    assert acl.aclrtCreateStreamWithConfig(acl.out("aclrtStream"), 0, 0x24) == 107000
    assert calls.taken() == []
    context = acl.context()
    default = acl.default_stream()
    assert calls.taken() == [(default, MADE, "")]
    acl.ok(acl.aclrtSetDevice(0))
    acl.ok(acl.aclrtDestroyContext(context))
    assert calls.taken() == [(default, GOES, "")]
    rest = {acl.default_stream(), streams[1]}
    acl.ok(acl.aclrtResetDeviceForce(0))
    told = calls.taken()
    assert {stream for stream, _, _ in told} == rest
    assert [state for _, state, _ in told] == [GOES, GOES]
    acl.ok(acl.aclrtSetDevice(0))
    assert calls.taken() == [(acl.default_stream(), MADE, "")]


@pytest.mark.row("RT5.17")
def test_a_stream_is_complete_when_it_tells_of_its_end(acl: Acl, calls: Calls) -> None:
    """The callback of a plain destruction finds all work of the stream done."""
    acl.start()
    stream = acl.stream()
    work = acl.work(stream)

    def call(told: Any, _state: int, _args: Any) -> None:
        calls.trace.append((told == stream, work.ran()))

    acl.ok(acl.aclrtRegStreamStateCallback(b"name", calls.function("aclrtStreamStateCallback", call), NULL))
    acl.ok(acl.aclrtDestroyStream(stream))
    assert calls.trace == [(True, True)]

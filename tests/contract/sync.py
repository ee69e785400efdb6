"""Events, notifies and streams that are held back: what the tests of everything that orders streams share."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from aclsim.products import load_product

from tests.aclsim.machine import world_of
from tests.contract.acl import NULL, Acl, OpenAcl

SYNC, PROGRESS, TIME_LINE, DEVICE_USE_ONLY, EXTERNAL, IPC = 0x1, 0x2, 0x8, 0x10, 0x20, 0x40
SET, ADD, BIT_OR, BIT_AND = 0, 1, 2, 4
LESS, EQUAL, BIGGER, AT_LEAST, BITS = 0, 1, 2, 3, 4
DEFAULT_TIMEOUT = 2**32 - 1
"""The timeout that stands for what aclrtSetOpWaitTimeout said."""

SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    *({"schedule": "random", "seed": seed} for seed in range(4)),
]
each_schedule = pytest.mark.parametrize(
    "options", SCHEDULES, ids=lambda options: "-".join(str(value) for value in options.values())
)
each_family = pytest.mark.parametrize("family", ["DEF", "OLD", "EX"])


def started(open_acl: OpenAcl, **options: Any) -> Acl:
    """An initialised machine with these options. An untimed wait that no queued task can end is a hang at once."""
    acl = open_acl(hang_after=0, **options)
    acl.start()
    return acl


def behind(acl: Acl, product: str) -> Acl:
    """The machine, now with the chip of a product, behind the library that has every function."""
    world_of(acl).product = load_product(product)
    return acl


def refuse(acl: Acl, code: int, name: str, *arguments: Any, says: str = "", quiet: bool | None = None) -> None:
    """Assert that a call is refused: its code, its sentence, and what it does to the thread's last error.

    The sentence begins with the function's name and has what it `says`. The last error becomes the code, or (`quiet`)
    stays what it was; by default only the ACL layer, whose codes are below 107000, is quiet.
    """
    quiet = code < 107000 if quiet is None else quiet
    before = 107017 if code != 107017 else 107000  # the last error to begin with
    no_stream = acl.pointer(16, "aclrtStream")
    assert acl.aclrtSynchronizeStreamWithTimeout(no_stream if before == 107017 else NULL, 0) == before
    acl.message()
    assert getattr(acl, name)(*arguments) == code
    message = acl.message()
    assert message.startswith(f"{name}: ")
    assert says in message
    assert f"[{code} " in message
    assert acl.last_error() == (before if quiet else code)


def refuse_elsewhere(
    acl: Acl, code: int, name: str, *arguments: Any, says: str = "", quiet: bool | None = None
) -> None:
    """Assert the same in a thread that has no current context."""
    acl.in_thread(partial(refuse, acl, code, name, *arguments, says=says, quiet=quiet))


# -- events ----------------------------------------------------------------------------------------------------------


def event(acl: Acl, family: str = "DEF", flag: int = SYNC | TIME_LINE) -> Any:
    """A new event of a family; one of OLD or EX with these flags."""
    place = acl.out("aclrtEvent")
    if family == "DEF":
        acl.ok(acl.aclrtCreateEvent(place))
    elif family == "OLD":
        acl.ok(acl.aclrtCreateEventWithFlag(place, flag))
    else:
        acl.ok(acl.aclrtCreateEventExWithFlag(place, flag))
    return place[0]


def dead_event(acl: Acl) -> Any:
    """The handle of an event that was destroyed."""
    made = event(acl)
    acl.ok(acl.aclrtDestroyEvent(made))
    return made


def record(acl: Acl, event: Any, stream: Any = NULL) -> None:
    """aclrtRecordEvent."""
    acl.ok(acl.aclrtRecordEvent(event, stream))


def wait(acl: Acl, stream: Any, event: Any) -> None:
    """aclrtStreamWaitEvent."""
    acl.ok(acl.aclrtStreamWaitEvent(stream, event))


def complete(acl: Acl, event: Any) -> bool:
    """aclrtQueryEventStatus. Under the lazy schedule an answer of False makes one task run."""
    place = acl.out("aclrtEventRecordedStatus")
    acl.ok(acl.aclrtQueryEventStatus(event, place))
    assert place[0] in (0, 1)
    return bool(place[0])


def microseconds(acl: Acl, event: Any) -> int:
    """The time stamp of an event."""
    place = acl.out("uint64_t")
    acl.ok(acl.aclrtEventGetTimestamp(event, place))
    return int(place[0])


def milliseconds(acl: Acl, start: Any, end: Any) -> float:
    """The time between two events."""
    place = acl.out("float")
    acl.ok(acl.aclrtEventElapsedTime(place, start, end))
    return float(place[0])


def events_left(acl: Acl) -> int:
    """Event ids that are left on the current device."""
    place = acl.out("uint32_t")
    acl.ok(acl.aclrtGetEventAvailNum(place))
    return int(place[0])


# -- notifies --------------------------------------------------------------------------------------------------------


def notify(acl: Acl) -> Any:
    """A new notify."""
    place = acl.out("aclrtNotify")
    acl.ok(acl.aclrtCreateNotify(place, 0))
    return place[0]


def count_notify(acl: Acl) -> Any:
    """A new count notify."""
    place = acl.out("aclrtCntNotify")
    acl.ok(acl.aclrtCntNotifyCreate(place, 0))
    return place[0]


def hold(acl: Acl, stream: Any = NULL) -> Callable[[], None]:
    """Hold a stream back: what is queued on it from now on runs under no schedule, until the result is called.

    Calling it queues a task on another stream; under the lazy schedule that one, too, runs only when it is needed.
    """
    key, other = notify(acl), acl.stream()
    acl.ok(acl.aclrtWaitAndResetNotify(key, stream, 0))
    return lambda: acl.ok(acl.aclrtRecordNotify(key, other))


def post(acl: Acl, made: Any, stream: Any = NULL) -> None:
    """aclrtRecordNotify."""
    acl.ok(acl.aclrtRecordNotify(made, stream))


def take(acl: Acl, made: Any, stream: Any = NULL, timeout: int = 0) -> None:
    """aclrtWaitAndResetNotify."""
    acl.ok(acl.aclrtWaitAndResetNotify(made, stream, timeout))


def writing(acl: Acl, mode: int, value: int) -> Any:
    """What aclrtCntNotifyRecord is told."""
    info = acl.ffi.new("aclrtCntNotifyRecordInfo *")
    info.value = value
    acl.ffi.cast("uint32_t *", info)[0] = mode  # also a mode that is none
    return info


def waiting(acl: Acl, mode: int, value: int, *, timeout: int = 0, clear: bool = False) -> Any:
    """What aclrtCntNotifyWaitWithTimeout is told."""
    info = acl.ffi.new("aclrtCntNotifyWaitInfo *")
    info.value, info.timeout, info.isClear = value, timeout, clear
    acl.ffi.cast("uint32_t *", info)[0] = mode
    return info


def count(acl: Acl, made: Any, mode: int, value: int, stream: Any = NULL) -> None:
    """aclrtCntNotifyRecord."""
    acl.ok(acl.aclrtCntNotifyRecord(made, stream, writing(acl, mode, value)))


def await_count(acl: Acl, made: Any, mode: int, value: int, stream: Any = NULL, **more: Any) -> None:
    """aclrtCntNotifyWaitWithTimeout."""
    acl.ok(acl.aclrtCntNotifyWaitWithTimeout(made, stream, waiting(acl, mode, value, **more)))


def passes(acl: Acl, made: Any, mode: int, value: int) -> bool:
    """Whether a wait for a count would pass now."""
    stream = acl.stream()
    await_count(acl, made, mode, value, stream)
    result = not blocked(acl, stream)
    acl.ok(acl.aclrtDestroyStreamForce(stream))
    return result


def counts(acl: Acl, made: Any, value: int) -> bool:
    """Whether a count notify counts exactly this."""
    return passes(acl, made, EQUAL, value)


# -- time ------------------------------------------------------------------------------------------------------------


def let_pass(acl: Acl, milliseconds: int) -> None:
    """Let virtual time pass for the host: it waits for a stream that nothing brings on."""
    stream = acl.stream()
    hold(acl, stream)
    assert acl.aclrtSynchronizeStreamWithTimeout(stream, milliseconds) == 507046
    acl.message()
    acl.last_error()
    acl.ok(acl.aclrtDestroyStreamForce(stream))


def blocked(acl: Acl, stream: Any) -> bool:
    """Whether a stream is held up by something that nothing brings. The host lives for another millisecond."""
    code = acl.aclrtSynchronizeStreamWithTimeout(stream, 1)
    assert code in (0, 507046)
    acl.message()
    acl.last_error()
    return code == 507046

"""What runs before what (contract_rt section 12)."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl, OpenAcl

SEEDS = range(20)
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    *({"schedule": "random", "seed": seed} for seed in SEEDS),
]
BLOCKS = 4

steps = st.lists(st.tuples(st.integers(0, BLOCKS - 1), st.integers(0, BLOCKS - 1)), max_size=12)


def outcomes(open_acl: OpenAcl, race: Callable[[Acl, Any, Any, Any], None]) -> set[bytes]:
    """The contents that `race` can leave in a block, over many schedules; it gets two sources and the target."""
    seen = set()
    for options in SCHEDULES:
        acl = open_acl(**options)
        acl.start()
        first, second, target = acl.malloc(4, b"1111"), acl.malloc(4, b"2222"), acl.malloc(4, b"....")
        race(acl, first, second, target)
        acl.ok(acl.aclrtSynchronizeDevice())
        seen.add(acl.read(target, 4))
        acl.backend.close()
    return seen


@pytest.mark.row("RT12.01")
@given(st.sampled_from(SCHEDULES), steps, steps)
def test_a_stream_runs_in_order(
    options: dict[str, Any], mine: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    """Whatever the schedule and whatever another stream does, the copies of one stream come out as if done in order."""
    with aclcffi.open_backend(BACKEND, **options) as backend:
        acl = Acl(backend)
        acl.start()
        sets = [[acl.malloc(1, bytes([number])) for number in range(BLOCKS)] for _ in range(2)]
        streams = [acl.stream(), acl.stream()]
        model = list(range(BLOCKS))
        for index in range(max(len(mine), len(others))):
            for blocks, stream, moves in zip(sets, streams, (mine, others), strict=True):
                if index < len(moves):
                    dst, src = moves[index]
                    acl.copy(blocks[dst], blocks[src], 1, stream)
        for dst, src in mine:
            model[dst] = model[src]
        acl.synchronize(streams[0])
        assert [acl.read(block, 1)[0] for block in sets[0]] == model


@pytest.mark.row("RT12.01")
@pytest.mark.parametrize("options", SCHEDULES, ids=lambda options: "-".join(map(str, options.values())))
def test_threads_submit_in_the_order_of_their_calls(open_acl: OpenAcl, options: dict[str, Any]) -> None:
    """Calls of two threads on one stream run in the order in which the calls were made."""
    acl = open_acl(**options)
    acl.start()
    context, stream = acl.current_context(), acl.stream()
    blocks = [acl.malloc(4, b"%04d" % number) for number in range(6)]

    def move(number: int) -> None:
        acl.ok(acl.aclrtSetCurrentContext(context))
        acl.copy(blocks[number + 1], blocks[number], 4, stream)

    for number in range(5):
        if number % 2:
            move(number)
        else:
            acl.in_thread(partial(move, number))
    acl.synchronize(stream)
    assert [acl.read(block, 4) for block in blocks] == [b"0000"] * 6


@pytest.mark.row("RT12.02")
def test_streams_are_unordered(open_acl: OpenAcl) -> None:
    """Of two streams that write to one place either may be the last."""

    def race(acl: Acl, first: Any, second: Any, target: Any) -> None:
        acl.copy(target, first, 4, acl.stream())
        acl.copy(target, second, 4, acl.stream())

    assert outcomes(open_acl, race) == {b"1111", b"2222"}


@pytest.mark.row("RT12.02")
def test_the_host_orders_streams(open_acl: OpenAcl) -> None:
    """What was synchronised before the other stream's work was queued came first, under every schedule."""

    def race(acl: Acl, first: Any, second: Any, target: Any) -> None:
        stream = acl.stream()
        acl.copy(target, first, 4, stream)
        acl.synchronize(stream)
        acl.copy(target, second, 4, acl.stream())

    assert outcomes(open_acl, race) == {b"2222"}


@pytest.mark.row("RT12.03")
@pytest.mark.parametrize("default_first", [True, False])
def test_the_default_stream_is_like_any_other(open_acl: OpenAcl, default_first: bool) -> None:
    """Work on the default stream and work on another one are unordered, whichever was queued first."""

    def race(acl: Acl, first: Any, second: Any, target: Any) -> None:
        streams = [NULL, acl.stream()] if default_first else [acl.stream(), NULL]
        acl.copy(target, first, 4, streams[0])
        acl.copy(target, second, 4, streams[1])

    assert outcomes(open_acl, race) == {b"1111", b"2222"}


@pytest.mark.row("RT12.03")
def test_the_default_stream_waits_for_no_other(ready: Acl) -> None:
    """Neither waiting for the default stream brings another one up, nor the other way round."""
    stream = ready.stream()
    default, other = ready.work(), ready.work(stream)
    ready.synchronize()
    assert (default.ran(), other.ran()) == (True, False)
    default = ready.work()
    ready.synchronize(stream)
    assert (default.ran(), other.ran()) == (False, True)


@pytest.mark.row("RT12.04")
@pytest.mark.parametrize("stream", ["default", "other"])
def test_calls_without_a_stream_go_through_none(ready: Acl, stream: str) -> None:
    """A synchronous copy or set neither waits for queued work, of the default stream or another, nor makes it run."""
    queue = ready.stream() if stream == "other" else NULL
    first, second, third = ready.malloc(4, b"1111"), ready.malloc(4, b"2222"), ready.malloc(4)
    ready.copy(second, first, 4, queue)
    ready.ok(ready.aclrtMemcpy(third, 4, second, 4, ready.lib.ACL_MEMCPY_DEVICE_TO_DEVICE))
    ready.ok(ready.aclrtMemset(first, 4, ord("x"), 4))
    assert ready.read(third, 4) == b"2222"
    assert ready.read(second, 4) == b"2222"
    ready.synchronize(queue)
    assert ready.read(second, 4) == b"xxxx"


@pytest.mark.row("RT12.04")
def test_calls_without_a_stream_race_with_streams(open_acl: OpenAcl) -> None:
    """Without a synchronise in between a set may come before or after a copy that was queued earlier."""

    def race(acl: Acl, first: Any, second: Any, target: Any) -> None:
        acl.copy(target, first, 4)
        acl.ok(acl.aclrtMemset(target, 4, ord("x"), 4))

    assert outcomes(open_acl, race) == {b"1111", b"xxxx"}


@pytest.mark.row("RT12.11")
def test_synchronise_covers_a_stream_or_a_context(ready: Acl) -> None:
    """aclrtSynchronizeStream covers one stream, aclrtSynchronizeDevice the ordinary streams of the current context."""
    primary, one = ready.current_context(), ready.stream()
    special = ready.stream(flags=ready.lib.ACL_STREAM_PERSISTENT)
    works = [ready.work(stream) for stream in (one, one, ready.stream(), NULL, special)]
    ready.context(0)
    works += [ready.work(stream) for stream in (ready.stream(), NULL)]
    ready.ok(ready.aclrtSetCurrentContext(primary))
    ready.synchronize(one)
    assert [work.ran() for work in works] == [True, True, False, False, False, False, False]
    ready.ok(ready.aclrtSynchronizeDevice())
    assert [work.ran() for work in works] == [True, True, True, True, False, False, False]


@pytest.mark.row("RT12.12")
@pytest.mark.parametrize("to_device", [True, False])
def test_copies_of_page_locked_memory_are_tasks(ready: Acl, to_device: bool) -> None:
    """A copy with page-locked memory returns at once; either side is touched when it runs, behind what was queued."""
    stream = ready.stream()
    host, device = ready.malloc_host(4, b"host"), ready.malloc(4, b"dev.")
    before = ready.work(stream)
    if to_device:
        ready.copy(device, host, 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        ready.ffi.memmove(host, b"late", 4)
        assert ready.read(device, 4) == b"dev."
    else:
        ready.copy(host, device, 4, stream, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST)
        ready.write(device, b"late")
        assert ready.content(host, 4) == b"host"
    assert not before.ran()
    ready.synchronize(stream)
    assert before.ran()
    assert ready.read(device, 4) == ready.content(host, 4) == b"late"


@pytest.mark.row("RT12.12")
@pytest.mark.parametrize("to_device", [True, False])
def test_copies_of_pageable_memory_are_complete(ready: Acl, to_device: bool) -> None:
    """A copy with pageable memory waits for its stream, not for others, and is complete when it returns."""
    stream, other = ready.stream(), ready.stream()
    host, device = ready.host(b"host"), ready.malloc(4, b"dev.")
    before, beside = ready.work(stream), ready.work(other)
    if to_device:
        ready.copy(device, host, 4, stream, ready.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        ready.ffi.memmove(host, b"late", 4)
        assert ready.read(device, 4) == b"host"
    else:
        ready.copy(host, device, 4, stream, ready.lib.ACL_MEMCPY_DEVICE_TO_HOST)
        ready.write(device, b"late")
        assert ready.content(host, 4) == b"dev."
    assert (before.ran(), beside.ran()) == (True, False)
    assert ready.complete(stream)


@pytest.mark.row("RT12.16")
@pytest.mark.parametrize(("name", "ran"), [("aclrtDestroyStream", True), ("aclrtDestroyStreamForce", False)])
def test_destroying_a_busy_stream(open_acl: OpenAcl, name: str, ran: bool) -> None:
    """aclrtDestroyStream finishes what is queued, aclrtDestroyStreamForce drops it; both leave other streams alone."""
    acl = open_acl(schedule="lazy")
    acl.start()
    stream = acl.stream()
    works, beside = [acl.work(stream), acl.work(stream)], acl.work()
    acl.ok(getattr(acl, name)(stream))
    assert [work.ran() for work in works] == [ran, ran]
    assert not beside.ran()


@pytest.mark.row("RT12.18")
@pytest.mark.parametrize("way", ["destroy", "reset", "force"])
def test_pending_work_at_the_end_of_a_context(ready: Acl, way: str) -> None:
    """Destroying a context, and the last reset of a device, finish the queued work of its streams, and only of them."""
    observer = ready.context(1)
    if way == "destroy":
        context = ready.context(0)
    else:
        ready.ok(ready.aclrtSetDevice(0))
    works = [ready.work(stream) for stream in (ready.stream(), NULL)]
    ready.ok(ready.aclrtSetCurrentContext(observer))
    beside = ready.work()
    if way == "destroy":
        ready.ok(ready.aclrtDestroyContext(context))
    elif way == "reset":
        ready.ok(ready.aclrtResetDevice(0))  # it was set twice
        assert not works[0].ran()
        ready.ok(ready.aclrtResetDevice(0))
    else:
        ready.ok(ready.aclrtResetDeviceForce(0))
    assert [work.ran() for work in works] == [True, True]
    assert not beside.ran()


@pytest.mark.row("RT12.19")
def test_memory_is_freed_at_once(ready: Acl) -> None:
    """Freeing waits for no queued work; what uses the memory later fails, and writes nowhere."""
    source, target, again = ready.malloc(4, b"1111"), ready.malloc(4, b"...."), ready.malloc(4, b"2222")
    ready.copy(target, source, 4)
    before = ready.free_bytes()
    ready.ok(ready.aclrtFree(source))
    assert ready.free_bytes() > before
    ready.copy(again, target, 4)
    assert ready.aclrtSynchronizeStream(NULL) == 507053
    assert f"{ready.address(source):x}" in ready.message()
    assert ready.read(target, 4) == b"...."
    assert ready.read(again, 4) == b"...."


@pytest.mark.row("RT12.20")
def test_switching_does_not_synchronise(ready: Acl) -> None:
    """Setting a device, and making or setting a context, makes no queued work run."""
    primary = ready.current_context()
    works = [ready.work(), ready.work(ready.stream())]
    ready.ok(ready.aclrtSetDevice(1))
    ready.context(0)
    ready.ok(ready.aclrtSetCurrentContext(primary))
    ready.ok(ready.aclrtSetDevice(0))
    ready.ok(ready.aclrtResetDevice(0))  # it was set twice
    assert [work.ran() for work in works] == [False, False]


@pytest.mark.row("RT12.21")
def test_allocating_does_not_synchronise(ready: Acl) -> None:
    """Allocating device or host memory, large or small, or more than there is, makes no queued work run."""
    works = [ready.work(), ready.work(ready.stream())]
    place = ready.out("void *")
    for size in (1, 1 << 24):
        ready.malloc(size)
        ready.malloc_host(size)
        ready.ok(ready.aclrtMallocAlign32(place, size, 0))
    assert ready.aclrtMalloc(place, 1 << 50, 0) == 207001
    assert [work.ran() for work in works] == [False, False]

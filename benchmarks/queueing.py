"""Queued work on the simulator: against mocks, against numpy, and how its cost grows."""

import time
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import numpy as np

import aclcffi
from benchmarks.measure import Row, compare

_BATCH = 64
_KIB, _MIB = 1 << 10, 1 << 20


class Machine:
    """A simulated device with streams, memory, events and a notify; or a mock, which takes the same calls."""

    def __init__(self, acl: Any, streams: int = 64) -> None:
        self.acl = acl
        ffi = aclcffi.ffi

        def made(c_type: str, create: Any, *arguments: Any) -> Any:
            out = ffi.new(f"{c_type} *")
            create(out, *arguments)
            return out[0]

        acl.aclInit(ffi.NULL)
        acl.aclrtSetDevice(0)
        self.streams = [made("aclrtStream", acl.aclrtCreateStream) for _ in range(streams)]
        self.events = [made("aclrtEvent", acl.aclrtCreateEventExWithFlag, 1) for _ in range(_BATCH)]
        self.notify = made("aclrtNotify", acl.aclrtCreateNotify, 0)
        self.device = made("void *", acl.aclrtMalloc, 4 * _KIB, 0)
        self.host = made("void *", acl.aclrtMallocHost, 4 * _KIB)

    def no_ops(self) -> None:
        """Records of a notify that nobody waits for, and a synchronise."""
        record, notify, stream = self.acl.aclrtRecordNotify, self.notify, self.streams[0]
        for _ in range(_BATCH):
            record(notify, stream)
        self.acl.aclrtSynchronizeStream(stream)

    def ping_pong(self) -> None:
        """Each of two streams waits for the other's last record, back and forth."""
        record, wait = self.acl.aclrtRecordEvent, self.acl.aclrtStreamWaitEvent
        a, b = self.streams[:2]
        for index in range(0, _BATCH // 2, 2):
            there, back = self.events[index], self.events[index + 1]
            record(there, a)
            wait(b, there)
            record(back, b)
            wait(a, back)
        self.acl.aclrtSynchronizeStream(a)
        self.acl.aclrtSynchronizeStream(b)

    def copies(self) -> None:
        """Copies of 4 KiB from page-locked memory, and a synchronise."""
        copy, stream, size = self.acl.aclrtMemcpyAsync, self.streams[0], 4 * _KIB
        device, host, kind = self.device, self.host, int(aclcffi.lib.ACL_MEMCPY_HOST_TO_DEVICE)
        for _ in range(_BATCH):
            copy(device, size, host, size, kind, stream)
        self.acl.aclrtSynchronizeStream(stream)

    def allocations(self) -> None:
        """Memory of 4 KiB, allocated and freed."""
        malloc, free, out = self.acl.aclrtMalloc, self.acl.aclrtFree, aclcffi.ffi.new("void **")
        for _ in range(_BATCH):
            malloc(out, 4 * _KIB, 0)
            free(out[0])


def _against_mock() -> list[Row]:
    rows = []
    mock = Machine(MagicMock())
    with aclcffi.open_backend("simulator") as acl:
        real = Machine(acl)
        for what, name in (
            ("no-op, enqueue and drain", "no_ops"),
            ("record and wait across two streams", "ping_pong"),
            ("malloc and free", "allocations"),
        ):
            ours, (theirs,) = compare(getattr(real, name), getattr(mock, name), operations=_BATCH)
            rows.append(Row(f"simulator, {what}", "MagicMock", ours, theirs))
    return rows


def _copies() -> list[Row]:
    """Synchronous copies from host to device against numpy's from array to array."""
    rows = []
    ffi, lib = aclcffi.ffi, aclcffi.lib
    with aclcffi.open_backend("simulator") as acl:
        Machine(acl, 1)
        for size, goal in ((4 * _KIB, ""), (_MIB, ""), (64 * _MIB, "<= 1.1")):
            out = ffi.new("void **")
            assert not acl.aclrtMalloc(out, size, 0)
            device, kind = out[0], int(lib.ACL_MEMCPY_HOST_TO_DEVICE)
            source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
            host = ffi.cast("void *", source.ctypes.data)

            def ours(device: Any = device, host: Any = host, size: int = size, kind: int = kind) -> None:
                acl.aclrtMemcpy(device, size, host, size, kind)

            def theirs(target: Any = target, source: Any = source) -> None:
                target[:] = source

            mine, (peer,) = compare(ours, theirs)
            name = f"{size // _MIB} MiB" if size >= _MIB else f"{size // _KIB} KiB"
            rows.append(Row(f"simulator, copy of {name}", "numpy", mine, peer, goal))
            assert not acl.aclrtFree(device)
    return rows


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _per_operation(count: int, depth: int, streams: int) -> float:
    """Seconds per no-op: `count` of them over `streams` streams, at most `depth` pending on each."""
    with aclcffi.open_backend("simulator") as acl:
        machine = Machine(acl, streams)
        record, synchronize, notify = acl.aclrtRecordNotify, acl.aclrtSynchronizeStream, machine.notify

        def run() -> None:
            left = count
            while left > 0:
                for stream in machine.streams:
                    for _ in range(min(depth, left)):
                        record(notify, stream)
                    left -= depth
                for stream in machine.streams:
                    synchronize(stream)

        run()
        return _seconds(run) / count


def _sustained(name: str, count: int) -> float:
    """Seconds per operation of `count` operations on one machine, a batch of them pending at most."""
    with aclcffi.open_backend("simulator") as acl:
        batch = getattr(Machine(acl), name)

        def run() -> None:
            for _ in range(count // _BATCH):
                batch()

        batch()
        return _seconds(run) / (count // _BATCH * _BATCH)


def _growth() -> list[Row]:
    few = min(_per_operation(1000, _BATCH, 1) for _ in range(7))
    rows = [
        Row(f"growth: {count} no-ops, 64 pending", "1000 no-ops", _per_operation(count, _BATCH, 1), few)
        for count in (10_000, 100_000, 1_000_000)
    ]
    pending = _per_operation(1_000_000, 1_000_000, 1)
    rows.append(Row("growth: 1000000 no-ops, all pending", "1000 no-ops", pending, few, "<= 3"))
    one = min(_per_operation(64_000, _BATCH, 1) for _ in range(3))
    many = min(_per_operation(64_000, _BATCH, 64) for _ in range(3))
    rows.append(Row("growth: no-ops on 64 streams", "on 1 stream", many, one, "<= 2"))
    for what, name in (
        ("records and waits", "ping_pong"),
        ("memcpyAsync of 4 KiB", "copies"),
        ("mallocs and frees", "allocations"),
    ):
        few = min(_sustained(name, 1000) for _ in range(7))
        rows += [
            Row(f"growth: {count} {what}", f"1000 {what}", _sustained(name, count), few)
            for count in (100_000, 1_000_000)
        ]
    return rows


def rows() -> list[Row]:
    """All rows of queued work."""
    return [*_against_mock(), *_copies(), *_growth()]

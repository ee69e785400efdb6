"""Calls on the simulator against the same calls on a mock, as tests of Ascend programs use today."""

from typing import Any
from unittest.mock import MagicMock

import aclcffi
from benchmarks.measure import Row, compare

_SIZE = 4096
_BATCH = 64


def rows() -> list[Row]:
    """A getter, and copies of 4 KiB with a synchronise every 64."""
    ffi, lib = aclcffi.ffi, aclcffi.lib
    mock = MagicMock()
    with aclcffi.open_backend("simulator") as acl:
        acl.aclInit(ffi.NULL)
        acl.aclrtSetDevice(0)
        stream, host, device = ffi.new("aclrtStream *"), ffi.new("void **"), ffi.new("void **")
        assert not acl.aclrtCreateStream(stream)
        assert not acl.aclrtMallocHost(host, _SIZE)
        assert not acl.aclrtMalloc(device, _SIZE, lib.ACL_MEM_MALLOC_HUGE_FIRST)
        dataset = acl.aclmdlCreateDataset()

        def getter(backend: Any) -> Any:
            get = backend.aclmdlGetDatasetNumBuffers
            return lambda: [get(dataset) for _ in range(1000)]

        def copies(backend: Any) -> Any:
            copy, synchronize = backend.aclrtMemcpyAsync, backend.aclrtSynchronizeStream
            to, from_, kind, on = device[0], host[0], int(lib.ACL_MEMCPY_HOST_TO_DEVICE), stream[0]

            def run() -> None:
                for _ in range(_BATCH):
                    copy(to, _SIZE, from_, _SIZE, kind, on)
                synchronize(on)

            return run

        ours, (theirs,) = compare(getter(acl), getter(mock), operations=1000)
        found = [Row("simulator, getter", "MagicMock", ours, theirs, "<= 0.2")]
        ours, (theirs,) = compare(copies(acl), copies(mock), operations=_BATCH)
        found.append(Row("simulator, memcpyAsync 4 KiB", "MagicMock", ours, theirs, "<= 0.2"))
    return found

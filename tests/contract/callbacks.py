"""Streams with callbacks and with host functions: what the tests of both share."""

import threading
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.helpers import Calls

NO_BLOCK, BLOCK = 0, 1
SCHEDULES: list[dict[str, Any]] = [
    {"schedule": "lazy"},
    {"schedule": "eager"},
    *({"schedule": "random", "seed": seed} for seed in range(4)),
    {"schedule": "parallel"},
]
schedules = pytest.mark.parametrize("options", SCHEDULES, ids=lambda options: "-".join(map(str, options.values())))


def subscribe(acl: Acl, stream: Any, thread: int | None = None) -> None:
    """Let a thread, by default this one, serve the callbacks of a stream."""
    acl.ok(acl.aclrtSubscribeReport(threading.get_ident() if thread is None else thread, stream))


def with_host_functions(acl: Acl, calls: Calls) -> Any:
    """A stream in HostFunc mode."""
    stream = acl.stream()
    acl.ok(acl.aclrtLaunchHostFunc(stream, calls.note("aclrtHostFunc", "mode"), NULL))
    acl.synchronize(stream)
    calls.trace.clear()
    return stream

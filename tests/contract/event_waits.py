"""The functions by which a stream waits for an event, as parameters of a test."""

from typing import Any

import pytest

from tests.contract.acl import Acl

PLAIN, TIMED, FLAGGED = "aclrtStreamWaitEvent", "aclrtStreamWaitEventWithTimeout", "aclrtStreamWaitEventWithFlag"
each_wait = pytest.mark.parametrize("name", [PLAIN, TIMED, FLAGGED])


def arguments(name: str, stream: Any, made: Any, timeout: int = 0) -> tuple[Any, ...]:
    """The arguments of one of the three calls; `timeout` in seconds, which the first of them does not take."""
    return {PLAIN: (stream, made), TIMED: (stream, made, timeout), FLAGGED: (stream, made, timeout, 0)}[name]


def queries_until_complete(acl: Acl, stream: Any) -> int:
    """How often one has to ask before a stream is complete: on a lazy machine once for each of its tasks."""
    queries = 0
    while not acl.complete(stream):
        queries += 1
        assert queries < 100
    return queries

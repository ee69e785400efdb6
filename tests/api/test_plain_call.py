"""Plain calls: the buffers of one that failed or was interrupted."""

from collections.abc import Callable
from typing import Any

import pytest

from aclcffi import ModelError, Session
from tests.api import models
from tests.api.conftest import BAD, GOOD, Doctored, X, counts, queued


def test_calls_that_fail_take_no_more_memory(session: Session) -> None:
    """Any number of plain calls that fail shares one set of buffers."""
    with session.load(models.gather()) as model:
        for _ in range(5):
            with pytest.raises(ModelError):
                model(BAD)
            assert counts(session)["datasets"] == 2
        assert model(GOOD)["picked"].tolist() == [12]
        assert counts(session)["datasets"] == 2


def test_a_call_that_was_interrupted_keeps_its_buffers_from_the_next(doctored: Callable[..., Doctored]) -> None:
    """An interrupt while it waits leaves the execution queued: its buffers are used again when the stream is through."""
    backend = doctored()

    def interrupt(*_arguments: Any) -> int:
        raise KeyboardInterrupt

    with Session(backend) as session, session.load(models.identity()) as model:
        backend.exchanged["aclrtSynchronizeStream"] = interrupt
        with pytest.raises(KeyboardInterrupt):
            model({"x": X})
        backend.exchanged.clear()
        assert queued(session) == 1
        assert model({"x": X + 1})["y"].tolist() == [2, 3, 4]
        assert counts(session)["datasets"] == 4
        for _ in range(3):
            model({"x": X})
        assert counts(session)["datasets"] == 4

"""Exec configs: which options a product takes, work memory, and what happens to what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aclcffi
from aclcffi import ExecConfig, ExecOptions, InvalidArgumentError, OutOfMemoryError, Session, UnsupportedError, lib
from tests.api.conftest import MAIN, PRODUCTS, Doctored, OpenSession, X, counts, queued, world_of

TIMEOUTS = ("stream_sync_timeout", "event_sync_timeout")
SMALL = ("work_size", "mpam_id", "aic_qos", "aic_ost", "mec_time_threshold")
KNOWN = {"generic": TIMEOUTS + SMALL, "310P": TIMEOUTS, "IPV350": SMALL}
ATTRIBUTES = {
    "stream_sync_timeout": lib.ACL_MDL_STREAM_SYNC_TIMEOUT,
    "event_sync_timeout": lib.ACL_MDL_EVENT_SYNC_TIMEOUT,
    "work_size": lib.ACL_MDL_WORK_SIZET,
    "mpam_id": lib.ACL_MDL_MPAIMID_SIZET,
    "aic_qos": lib.ACL_MDL_AICQOS_SIZET,
    "aic_ost": lib.ACL_MDL_AICOST_SIZET,
    "mec_time_threshold": lib.ACL_MDL_MEC_TIMETHR_SIZET,
}


def values_of(session: Session, config: ExecConfig) -> dict[int, int]:
    """What the machine keeps under the config's handle."""
    kept = world_of(session).exec_configs.get(config.handle)
    assert kept is not None
    return dict(kept.values)


@pytest.mark.parametrize("name", ExecOptions._fields)
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_takes_the_options_of_its_library(open_session: OpenSession, product: str, name: str) -> None:
    """Each product takes the options that its library knows, and says of the others in one sentence that it does not."""
    session = open_session(product)
    before = counts(session)
    if name in KNOWN[product]:
        with ExecConfig(session, ExecOptions(**{name: 512})) as config:
            assert values_of(session, config)[int(ATTRIBUTES[name])] == 512
    else:
        with pytest.raises(UnsupportedError) as caught:
            ExecConfig(session, ExecOptions(**{name: 512}))
        assert str(caught.value) == f"{name}: the libraries of this device do not know this option"
    assert counts(session) == before
    assert session.backend.aclGetRecentErrMsg() == aclcffi.ffi.NULL


def test_no_option_is_the_default(any_session: Session) -> None:
    """Without options nothing is set."""
    assert ExecOptions().given == {}
    with ExecConfig(any_session, ExecOptions()) as config:
        assert values_of(any_session, config) == {}
        assert config.work is None


def test_given_options_are_those_that_are_not_none() -> None:
    """`given` has the options with a value, 0 and -1 among them."""
    assert ExecOptions(stream_sync_timeout=-1, work_size=0).given == {"stream_sync_timeout": -1, "work_size": 0}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("stream_sync_timeout", -2, "stream_sync_timeout cannot be -2: aclmdlSetExecConfigOpt returned"),
        ("event_sync_timeout", -100, "event_sync_timeout cannot be -100: aclmdlSetExecConfigOpt returned"),
        ("stream_sync_timeout", 1 << 31, "stream_sync_timeout is 2147483648, which a C int32_t cannot hold"),
        ("work_size", -1, "work_size is -1, which a C size_t cannot hold"),
        ("mpam_id", 1 << 64, "mpam_id is 18446744073709551616, which a C size_t cannot hold"),
        ("work_size", 0, "work_size is 0; work memory has at least 1 byte"),
        ("aic_qos", "much", "aic_qos is 'much'; it takes a whole number"),
        ("stream_sync_timeout", 1.5, "stream_sync_timeout is 1.5; it takes a whole number"),
        ("stream_sync_timeout", np.float32(3.7), r"stream_sync_timeout is .*3\.7.*; it takes a whole number"),
    ],
)
def test_a_value_that_cannot_be_names_its_option(session: Session, name: str, value: Any, message: str) -> None:
    """A refused value is an InvalidArgumentError that names option and value, and no handle is left."""
    before = counts(session)
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        ExecConfig(session, ExecOptions(**{name: value}))
    assert caught.value.function in (None, "aclmdlSetExecConfigOpt")
    assert counts(session) == before


@pytest.mark.parametrize("product", ["generic", "IPV350"])
def test_work_memory_comes_and_goes_with_the_config(open_session: OpenSession, product: str) -> None:
    """`work_size` allocates device memory of that size, sets its address, and frees it when the config is closed."""
    session = open_session(product)
    before = counts(session)
    config = ExecConfig(session, ExecOptions(work_size=640))
    assert config.work is not None
    assert config.work.size == 640
    values = values_of(session, config)
    assert values[int(lib.ACL_MDL_WORK_ADDR_PTR)] == config.work.address
    assert values[int(lib.ACL_MDL_WORK_SIZET)] == 640
    config.close()
    config.close()
    assert config.work.closed
    assert counts(session) == before


def test_work_memory_that_the_device_has_not_leaves_nothing(session: Session) -> None:
    """Where the work memory cannot be allocated, the error comes out and the handle is destroyed."""
    before = counts(session)
    with pytest.raises(OutOfMemoryError, match="aclrtMalloc"):
        ExecConfig(session, ExecOptions(work_size=1 << 50))
    assert counts(session) == before


def test_a_handle_that_cannot_be_made_is_out_of_memory(doctored: Callable[..., Doctored]) -> None:
    """NULL instead of a handle is an OutOfMemoryError that names the function and has its message."""

    def refuse() -> object:
        session.backend.aclrtFree(aclcffi.ffi.NULL)  # so that there is a message
        return aclcffi.ffi.NULL

    message = "^aclmdlCreateExecConfigHandle returned NULL: aclrtFree: devPtr is NULL"
    with Session(doctored({"aclmdlCreateExecConfigHandle": refuse})) as session:
        with pytest.raises(OutOfMemoryError, match=message) as caught:
            ExecConfig(session, ExecOptions())
        assert caught.value.function == "aclmdlCreateExecConfigHandle"


@pytest.mark.parametrize("product", MAIN)
def test_a_closed_config_is_refused_before_anything_is_queued(
    open_session: OpenSession, product: str, identity: Path
) -> None:
    """Executing with a closed config is a StateError, and nothing is queued."""
    session = open_session(product)
    config = ExecConfig(session, ExecOptions(stream_sync_timeout=5))
    config.close()
    with session.load(identity) as model, session.create_stream() as stream:
        with pytest.raises(aclcffi.StateError, match="this ExecConfig is closed"):
            model.execute({"x": X}, stream=stream, config=config)
        with pytest.raises(aclcffi.StateError, match="this ExecConfig is closed"):
            model.execute_async({"x": X}, stream, config=config)
        assert queued(session) == 0

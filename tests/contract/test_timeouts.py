"""How long operators may run (contract_rt section 10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import aclcffi
from tests.contract.acl import BACKEND, NULL, Acl
from tests.contract.helpers import refuse

NEVER = (1 << 64) - 1
UINT32_MAX = (1 << 32) - 1


def interval(acl: Acl) -> int:
    """The step of the hardware's timer, in microseconds."""
    place = acl.out("uint64_t")
    acl.ok(acl.aclrtGetOpTimeOutInterval(place))
    return int(place[0])


def actual(acl: Acl, timeout: int) -> int:
    """What a timeout in microseconds becomes."""
    place = acl.out("uint64_t")
    acl.ok(acl.aclrtSetOpExecuteTimeOutV2(timeout, place))
    return int(place[0])


class TestSetOpExecuteTimeOut:
    """RT10.05 without the defaults, which no call tells."""

    def test_order_of_checks(self, acl: Acl) -> None:
        """No place for the answer is 100000, even without a device; without one each form is 107002."""
        place = acl.out("uint64_t")
        refuse(acl, 100000, "aclrtSetOpExecuteTimeOutV2", 1, NULL, says="actualTimeout is NULL")
        refuse(acl, 107002, "aclrtSetOpExecuteTimeOutV2", 1, place)
        refuse(acl, 107002, "aclrtSetOpExecuteTimeOut", 1)
        refuse(acl, 107002, "aclrtSetOpExecuteTimeOutWithMs", 1)
        assert place[0] == 0

    @pytest.mark.parametrize("name", ["aclrtSetOpExecuteTimeOut", "aclrtSetOpExecuteTimeOutWithMs"])
    @pytest.mark.parametrize("timeout", [0, 1, 1091, UINT32_MAX])
    def test_takes_any_time(self, ready: Acl, name: str, timeout: int) -> None:
        """Seconds and milliseconds may be any number."""
        assert getattr(ready, name)(timeout) == 0

    def test_zero_is_the_largest(self, ready: Acl) -> None:
        """0 becomes the largest timeout that is one, and so does what is longer than that."""
        largest = actual(ready, 0)
        assert largest != NEVER
        assert largest % interval(ready) == 0
        assert actual(ready, largest) == largest
        assert [actual(ready, timeout) for timeout in (largest + 1, 2 * largest, NEVER - 1)] == [largest] * 3

    def test_never(self, ready: Acl) -> None:
        """UINT64_MAX stays what it is: operators never time out."""
        assert actual(ready, NEVER) == NEVER


@given(st.integers(1, 1 << 32))
def test_timeouts_are_rounded_up(timeout: int) -> None:
    """A timeout becomes the next multiple of the interval, or the largest timeout."""
    with aclcffi.open_backend(BACKEND) as backend:
        acl = Acl(backend)
        acl.start()
        step, largest = interval(acl), actual(acl, 0)
        rounded = actual(acl, timeout)
        assert rounded == min(-(-timeout // step) * step, largest)
        assert actual(acl, rounded) == rounded


@pytest.mark.row("RT10.06")
class TestGetOpTimeOutInterval:
    """aclrtGetOpTimeOutInterval."""

    def test_refuses_null(self, acl: Acl) -> None:
        """NULL is 100000."""
        refuse(acl, 100000, "aclrtGetOpTimeOutInterval", NULL, says="interval is NULL")

    def test_is_the_step_of_timeouts(self, ready: Acl) -> None:
        """It is positive, and what the shortest timeout becomes."""
        assert interval(ready) > 0
        assert actual(ready, 1) == interval(ready)
        assert actual(ready, interval(ready) + 1) == 2 * interval(ready)

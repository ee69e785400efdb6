"""What the tests of loading share: machines with either library."""

import pytest

from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import MAIN, SMALL, started


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """A machine with the main library, nothing initialised."""
    return open_acl(product=request.param)


@pytest.fixture
def small(open_acl: OpenAcl) -> Acl:
    """A machine with the small library, initialised."""
    return started(open_acl, SMALL)

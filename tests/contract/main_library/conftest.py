"""What the tests of the main library's execution share: an initialised machine, of each kind of product that has it."""

import pytest

from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import MAIN, started


@pytest.fixture(params=MAIN)
def acl(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """An initialised machine with the main library."""
    return started(open_acl, request.param)

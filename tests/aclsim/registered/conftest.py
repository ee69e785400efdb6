"""What the tests of registered models share: an initialised machine."""

import pytest

from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import started


@pytest.fixture
def acl(open_acl: OpenAcl) -> Acl:
    """An initialised machine."""
    return started(open_acl, "generic")

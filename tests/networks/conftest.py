"""What the tests of real networks share: the machines of the contract tests, and a session over one of them."""

from collections.abc import Iterator

import pytest

import aclcffi
from tests.contract.acl import Acl, OpenAcl
from tests.contract.conftest import open_acl
from tests.contract.models import started

__all__ = ["open_acl"]


@pytest.fixture
def acl(open_acl: OpenAcl) -> Acl:
    """An initialised machine."""
    return started(open_acl, "generic")


@pytest.fixture
def session(open_acl: OpenAcl) -> Iterator[aclcffi.Session]:
    """The object API over a machine of its own."""
    with aclcffi.Session(open_acl().backend) as opened:
        yield opened

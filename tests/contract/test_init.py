"""Initialisation, finalisation and messages (contract_rt section 2)."""

import pytest

from tests.contract.conftest import NULL, Acl


@pytest.mark.row("RT2.02")
def test_x(acl: Acl) -> None:
    assert acl.aclInit(NULL) == 0

"""What the tests of ONNX models share: a machine for each way of computing."""

import pytest
from aclsim.models.engines import ENGINES

from tests.contract.acl import Acl, OpenAcl


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each way of computing."""
    return str(request.param)


@pytest.fixture
def machine(open_acl: OpenAcl, engine: str) -> Acl:
    """An initialised machine that computes with the engine."""
    acl = open_acl(engine=engine)
    acl.start()
    return acl

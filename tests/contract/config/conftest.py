"""What the tests of config handles share: a machine of each kind of product."""

from collections.abc import Callable

import pytest

from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import PRODUCTS, LoadConfig, described, started


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    """A product of each kind."""
    return str(request.param)


@pytest.fixture
def untouched(open_acl: OpenAcl, product: str) -> Acl:
    """A machine on which nothing is initialised, which no handle needs."""
    return open_acl(product=product)


@pytest.fixture
def machine(open_acl: OpenAcl, product: str) -> Acl:
    """An initialised machine."""
    return started(open_acl, product)


@pytest.fixture
def inputs_of(machine: Acl) -> Callable[[LoadConfig], int]:
    """Loads with a config and tells how many inputs the model has: which model it was."""

    def count(config: LoadConfig) -> int:
        machine.ok(config.load())
        return machine.aclmdlGetNumInputs(described(machine, config.id[0]))

    return count

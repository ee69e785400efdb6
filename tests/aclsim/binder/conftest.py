"""What the tests of the binder share: a machine, and empty slots of the compiled wrappers."""

from collections.abc import Iterator

import pytest
from aclsim.api.types import make_key
from aclsim.core.world import World
from aclsim.products import load_product

from tests.slots import empty_slots


@pytest.fixture
def slots() -> Iterator[None]:
    """Empty all slots for the test, and put back what was in them."""
    with empty_slots():
        yield


@pytest.fixture
def world() -> Iterator[World]:
    """A machine of product "generic"."""
    made = World(load_product("generic"), key=make_key)
    yield made
    made.close()

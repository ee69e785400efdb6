"""What the tests of the binder share: a machine, and empty slots of the compiled wrappers."""

from collections.abc import Iterator

import pytest
from aclsim.api.types import make_key
from aclsim.core.world import World
from aclsim.products import load_product

from aclcffi import ffi, lib


@pytest.fixture
def slots() -> Iterator[None]:
    """Empty all slots for the test, and put back what was in them."""
    before = [lib.aclcffi_get_slot(slot) for slot in range(lib.aclcffi_slot_count())]
    for slot in range(len(before)):
        lib.aclcffi_set_slot(slot, ffi.NULL)
    yield
    for slot, function in enumerate(before):
        lib.aclcffi_set_slot(slot, function)


@pytest.fixture
def world() -> Iterator[World]:
    """A machine of product "generic"."""
    made = World(load_product("generic"), key=make_key)
    yield made
    made.close()

"""The slots of the compiled wrappers, where the functions of the libraries stand."""

from collections.abc import Iterator
from contextlib import contextmanager

from aclcffi import ffi, lib


@contextmanager
def empty_slots() -> Iterator[None]:
    """Empty all slots, and put back at the end what was in them."""
    before = [lib.aclcffi_get_slot(slot) for slot in range(lib.aclcffi_slot_count())]
    for slot in range(len(before)):
        lib.aclcffi_set_slot(slot, ffi.NULL)
    yield
    for slot, function in enumerate(before):
        lib.aclcffi_set_slot(slot, function)

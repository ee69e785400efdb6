"""Allocators that the program brings: kept for who asks."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Functions:
    """The object and the C functions of an allocator, None where not set."""

    allocator: object = None
    allocate: object = None
    free: object = None
    advise: object = None
    address: object = None


class AllocatorDesc:
    """An aclrtAllocatorDesc."""

    def __init__(self) -> None:
        self.functions = Functions()
        self.handle: Hashable = None

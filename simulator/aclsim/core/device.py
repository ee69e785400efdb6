"""A device."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aclsim.core.context import Context


class Device:
    """One simulated NPU: its primary context and how often it was set."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.primary: Context | None = None
        self.set_count = 0
        self.streams = 0

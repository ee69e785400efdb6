"""What aclInit and aclFinalize know."""

from collections.abc import Callable
from typing import Any


class Library:
    """Initialisation state: the count, and the text of the first configuration, which outlives aclFinalize (RT2.01).

    `messages` collects the sentences of all threads where the configuration asks for it (err_msg_mode "1"), else None.
    The callbacks have their type and the function that registered them. `log` are the last lines of aclAppLog.
    `default_device` is the device that the configuration names.
    """

    def __init__(self) -> None:
        self.count = 0
        self.finalized = False
        self.config: bytes | None = None
        self.messages: list[str] | None = None
        self.default_device: int | None = None
        self.soc_name: object = None
        self.init_callbacks: list[tuple[int, Any, Callable[[], int]]] = []
        self.finalize_callbacks: list[tuple[int, Any, Callable[[], int]]] = []
        self.log: list[str] = []

    @property
    def initialized(self) -> bool:
        """Whether aclInit ran and aclFinalize did not."""
        return self.count > 0

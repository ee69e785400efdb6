"""Virtual time."""


class Clock:
    """The machine's clock, in nanoseconds since the world was made. Nothing sleeps: time passes when somebody waits."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0

    def reach(self, moment: int) -> None:
        """Let time pass until `moment`; a moment that is over changes nothing."""
        self.now = max(self.now, moment)

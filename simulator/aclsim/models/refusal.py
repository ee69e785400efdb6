"""Why a file is no model that the simulator can run."""


class Refusal(ValueError):
    """The bytes are not understood (`recognised` false) or are a model that cannot be run here (true)."""

    def __init__(self, message: str, *, recognised: bool) -> None:
        super().__init__(message)
        self.recognised = recognised

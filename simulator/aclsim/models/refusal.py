"""Why bytes are no model that the simulator can run."""


class Refusal(ValueError):  # noqa: N818 - an answer about a file, no failure of the program
    """The bytes were not taken. The message says why and, where there is one, the way out."""


class Unrecognised(Refusal):
    """They are no model of any known kind."""


class Broken(Refusal):
    """They are a model that is wrong in itself."""


class Cut(Broken):
    """They end before the end that they announce."""


class Unsupported(Refusal):
    """They are a model that cannot be run here and now."""

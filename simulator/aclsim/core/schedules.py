"""The policies: which of the ready tasks runs, and when."""

import random

from aclsim.core.parallel import Parallel
from aclsim.core.scheduler import Schedule, Scheduler
from aclsim.core.stream import Stream
from aclsim.core.task import Task


class _Alone:
    """A schedule without threads of its own."""

    tracks = True

    def submitted(self, scheduler: Scheduler) -> None:
        """Leave it queued."""

    def busy(self) -> bool:
        """Nobody works but the calling threads."""
        return False

    def close(self) -> None:
        """There is nothing to stop."""


class Lazy(_Alone):
    """As late as legal: nothing runs until a host call needs it, and then only what that call needs."""

    tracks = False

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:  # noqa: ARG002
        """Run what is needed, nothing else."""
        return needed

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:
        """Run one task of what was asked about, so that poll loops end."""
        task = scheduler.needed_by(stream)
        if task is not None and not scheduler.running:
            scheduler.execute(task)


class Eager(_Alone):
    """As early as legal: a task that waits for nothing is done when the call that queued it returns."""

    def submitted(self, scheduler: Scheduler) -> None:
        """Run everything that is ready, and what becomes ready by it."""
        while not scheduler.running and (task := scheduler.pick(_first)) is not None:
            scheduler.execute(task)

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:
        """Run what is needed; what else is ready was kept back by another thread's running task."""
        return None if scheduler.running else needed or scheduler.pick(_first)

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:  # noqa: ARG002
        """Run what another thread's running task kept back."""
        self.submitted(scheduler)


class Random(_Alone):
    """Anywhere between, from a seed: the same seed and the same calls give the same order."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        # Only random() and getrandbits() give the same numbers on every Python version.
        self._draw = random.Random(seed).random  # noqa: S311 - a schedule, no secret

    def _any(self, count: int) -> int:
        return int(self._draw() * count)

    def submitted(self, scheduler: Scheduler) -> None:
        """Run none, some or all of what is ready."""
        while not scheduler.running and self._draw() < 0.5 and (task := scheduler.pick(self._any)) is not None:
            scheduler.execute(task)

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:
        """Run any ready task."""
        return None if scheduler.running else scheduler.pick(self._any) or needed

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:  # noqa: ARG002
        """Run any ready task."""
        if not scheduler.running and (task := scheduler.pick(self._any)) is not None:
            scheduler.execute(task)


def _first(_count: int) -> int:
    return 0


SCHEDULES = ("lazy", "eager", "random", "replay", "parallel")

_VERSION = "1"


def token_of(name: str, seed: int) -> str:
    """The text from which `replay` makes the same schedule again: a format version, the name, and the seed."""
    return f"{_VERSION}:{name}:{seed}" if name == "random" else f"{_VERSION}:{name}"


def read_token(token: str) -> tuple[str, int]:
    """Name and seed of the schedule that a token stands for.

    Raises:
        ValueError: It is no token, or one of another version.
    """
    version, _, rest = token.partition(":")
    name, _, seed = rest.partition(":")
    if version != _VERSION:
        raise ValueError(f"{token!r} is no schedule token of version {_VERSION}")
    if name == "random" and seed.lstrip("-").isdecimal():
        return name, int(seed)
    if name in ("lazy", "eager") and not seed:
        return name, 0
    raise ValueError(f"{token!r} is no schedule token; one looks like {token_of('random', 42)!r}")


def make_schedule(name: str, seed: int) -> Schedule:
    """The schedule of that name, which is not "replay": a token names another one.

    Raises:
        ValueError: There is no such schedule.
    """
    if name == "lazy":
        return Lazy()
    if name == "eager":
        return Eager()
    if name == "random":
        return Random(seed)
    if name == "parallel":
        return Parallel()
    raise ValueError(f"schedule {name!r} is not known; there are {', '.join(SCHEDULES)}")

"""The policies: which of the ready tasks runs, and when."""

import random

from aclsim.core.scheduler import Schedule, Scheduler
from aclsim.core.stream import Stream
from aclsim.core.task import Task


class Lazy:
    """As late as legal: nothing runs until a host call needs it, and then only what that call needs."""

    def submitted(self, scheduler: Scheduler, task: Task) -> None:
        """Leave it queued."""

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:  # noqa: ARG002
        """Run what is needed, nothing else."""
        return needed

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:
        """Run one task of what was asked about, so that poll loops end."""
        if scheduler.running is None and (task := scheduler.ready(stream)) is not None:
            scheduler.execute(task)


class Eager:
    """As early as legal: a task that waits for nothing is done when the call that queued it returns."""

    def submitted(self, scheduler: Scheduler, task: Task) -> None:  # noqa: ARG002
        """Run everything that is ready, and what becomes ready by it."""
        while scheduler.running is None and (ready := scheduler.ready_tasks()):
            scheduler.execute(ready[0])

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:
        """Run what is needed; what else is ready has been queued behind a running task and comes first by age."""
        return needed or next(iter(scheduler.ready_tasks()), None)

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:
        """Run what another thread's running task kept back."""
        if scheduler.running is None and (task := scheduler.ready(stream)) is not None:
            scheduler.execute(task)


class Random:
    """Anywhere between, from a seed: the same seed and the same calls give the same order."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        # Only random() and getrandbits() give the same numbers on every Python version.
        self._draw = random.Random(seed).random  # noqa: S311 - a schedule, no secret

    def _any(self, tasks: list[Task]) -> Task:
        return tasks[int(self._draw() * len(tasks))]

    def submitted(self, scheduler: Scheduler, task: Task) -> None:  # noqa: ARG002
        """Run none, some or all of what is ready."""
        while scheduler.running is None and self._draw() < 0.5 and (ready := scheduler.ready_tasks()):
            scheduler.execute(self._any(ready))

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:  # noqa: ARG002
        """Run any ready task."""
        ready = scheduler.ready_tasks()
        return self._any(ready) if ready else None

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:  # noqa: ARG002
        """Run any ready task."""
        if scheduler.running is None and (ready := scheduler.ready_tasks()):
            scheduler.execute(self._any(ready))


SCHEDULES = ("lazy", "eager", "random")


def make_schedule(name: str, seed: int) -> Schedule:
    """The schedule of that name.

    Raises:
        ValueError: There is no such schedule.
    """
    if name == "lazy":
        return Lazy()
    if name == "eager":
        return Eager()
    if name == "random":
        return Random(seed)
    raise ValueError(f"schedule {name!r} is not known; there are {', '.join(SCHEDULES)}")

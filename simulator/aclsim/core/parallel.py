"""The schedule for throughput: worker threads run what is ready at the same time. It promises no order."""

import threading
from concurrent.futures import ThreadPoolExecutor

from aclsim.core.scheduler import IDLE, Scheduler
from aclsim.core.stream import Stream
from aclsim.core.task import Task

_WORKERS = 256  # more than cores: a model's function may wait for other models, which need workers then


def _start_idle() -> None:
    setattr(threading.current_thread(), IDLE, True)


class Parallel:
    """Runs every ready task at once: brief ones in the thread that made them ready, the others in a pool."""

    tracks = True

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self._working = 0
        self._waiting = 0  # claimed tasks that no worker has begun

    def submitted(self, scheduler: Scheduler) -> None:
        """Start everything that is ready."""
        while not self._closed and (task := scheduler.pick(lambda _count: 0)) is not None:
            if task.brief:
                scheduler.execute(task)
                continue
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_WORKERS, "aclsim", initializer=_start_idle)
            scheduler.claim(task)
            self._waiting += 1
            self._pool.submit(self._work, scheduler, task)

    def _work(self, scheduler: Scheduler, task: Task) -> None:
        with scheduler.lock:
            self._waiting -= 1
            self._working += 1
            try:
                scheduler.execute(task)
            finally:
                self._working -= 1
                self.submitted(scheduler)

    def choose(self, scheduler: Scheduler, needed: Task | None) -> Task | None:  # noqa: ARG002
        """Nothing: the workers do it."""
        return None

    def asked(self, scheduler: Scheduler, stream: Stream) -> None:
        """Nothing: the workers do it."""

    def busy(self) -> bool:
        """Whether a worker is about to begin a task; the scheduler knows those at work, and who of them waits."""
        return self._waiting > 0 and self._working < _WORKERS

    def close(self) -> None:
        """Let the workers go when they are through."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False)

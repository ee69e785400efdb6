"""The scheduler: which ready task runs when.

A task is ready when it heads its stream and its wait holds. Any order of ready tasks is legal; a schedule (see
`schedules`) picks one. One task runs at a time, without the world's lock, in the host thread whose call needs it.

Virtual time is the same under every schedule: a task begins when its stream is free, it was submitted and its wait
holds, and takes its duration, no matter when the simulation gets to execute it.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from aclsim.core import codes
from aclsim.core.clock import Clock
from aclsim.core.fault import Fault, SimulationHang
from aclsim.core.stream import Stream
from aclsim.core.task import DONE, QUEUED, RUNNING, Task

_MS = 1_000_000  # nanoseconds


class Schedule(Protocol):
    """Picks what runs. Called with the world's lock held."""

    def submitted(self, scheduler: "Scheduler", task: Task) -> None:
        """A task was queued."""

    def choose(self, scheduler: "Scheduler", needed: Task | None) -> Task | None:
        """Say which ready task is next: a call waits for `needed`, or (None) for what no queued task brings."""

    def asked(self, scheduler: "Scheduler", stream: Stream) -> None:
        """A query about `stream` was answered."""


class Scheduler:
    """Queues tasks, runs them as the schedule says, and waits.

    `hang_after` are real seconds after which an untimed wait without progress is a hang, `longest_wait` real seconds
    after which a timed wait gives up on other threads, `on_hang` "raise" or "return" (507000).
    """

    def __init__(self, lock: "threading.RLock", clock: Clock, schedule: Schedule) -> None:
        self.hang_after = 10.0
        self.longest_wait = 10.0
        self.on_hang = "raise"
        self.running: Task | None = None
        self.busy: dict[Stream, None] = {}
        self._clock = clock
        self._lock = lock
        self._changed = threading.Condition(lock)
        self._schedule = schedule
        self._waiting: set[int] = set()
        self._runner = 0

    # -- submitting and asking ---------------------------------------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Queue `task` on its stream."""
        task.submitted = self._clock.now
        stream = task.stream
        if not stream.queue:
            self.busy[stream] = None
        stream.queue.append(task)
        self._schedule.submitted(self, task)
        if self._waiting:
            self._changed.notify_all()

    def complete(self, stream: Stream) -> bool:
        """Answer whether `stream` has nothing left to do; a schedule that waits for a reason may then run one task."""
        if stream.queue:
            self._schedule.asked(self, stream)
            return False
        self._clock.reach(stream.free_at)  # who sees the end of the work has lived until then
        return True

    def ready(self, stream: Stream) -> Task | None:
        """The task of `stream` that could start now."""
        if not stream.queue:
            return None
        head = stream.queue[0]
        return head if head.state is QUEUED and (head.wait is None or head.wait.holds()) else None

    def ready_tasks(self) -> list[Task]:
        """All tasks that could start now, in the order in which their streams got work."""
        return [task for stream in self.busy if (task := self.ready(stream)) is not None]

    def drop(self, stream: Stream) -> None:
        """Forget what is queued on `stream` and has not begun."""
        running = stream.queue[0] if stream.queue and stream.queue[0].state is RUNNING else None
        for task in stream.queue:
            if task is not running:
                task.state, task.begin, task.end = DONE, self._clock.now, self._clock.now
        stream.queue = deque([running] if running else ())
        if not running:
            self.busy.pop(stream, None)
        self._changed.notify_all()

    # -- waiting -----------------------------------------------------------------------------------------------------

    def finish(self, target: Task, timeout_ms: int = -1) -> bool:
        """Wait until `target` has run. Returns False when `timeout_ms` of virtual time pass first (-1: no limit)."""
        deadline = None if timeout_ms < 0 else self._clock.now + timeout_ms * _MS
        while target.state is not DONE:
            if not self._step(target, deadline):
                self._clock.reach(deadline or 0)
                return False
        if deadline is not None and target.end > deadline:
            self._clock.reach(deadline)
            return False
        self._clock.reach(target.end)
        return True

    def drain(self, stream: Stream, timeout_ms: int = -1) -> bool:
        """Wait for everything that is in `stream` now (RT12.11)."""
        if stream.queue:
            return self.finish(stream.queue[-1], timeout_ms)
        if timeout_ms >= 0 and stream.free_at > self._clock.now + timeout_ms * _MS:
            self._clock.reach(self._clock.now + timeout_ms * _MS)
            return False
        self._clock.reach(stream.free_at)
        return True

    def _step(self, target: Task, deadline: int | None) -> bool:
        """Run one task or wait once. Returns False when the deadline comes first."""
        if self.running is not None:
            return self._wait(target, deadline)
        needed = self._needed(target)
        if needed is not None and deadline is not None and self._end_of(needed) > deadline:
            return False
        task = self._schedule.choose(self, needed)
        if task is None:
            return self._wait(target, deadline)
        self.execute(task)
        return True

    def _needed(self, target: Task) -> Task | None:
        """The ready task that must run before, or is, `target`; None when no queued task can bring it."""
        seen = set()
        front = deque([target])
        while front:
            head = front.popleft().stream.queue[0]
            if head in seen:
                continue
            seen.add(head)
            if head.wait is None or head.wait.holds():
                return head
            front.extend(task for task in head.wait.bringers() if task.state is QUEUED)
        return None

    # -- running -----------------------------------------------------------------------------------------------------

    def _begin_of(self, task: Task) -> int:
        begin = max(task.stream.free_at, task.submitted)
        return begin if task.wait is None else max(begin, task.wait.since())

    def _end_of(self, task: Task) -> int:
        return self._begin_of(task) + task.duration

    def execute(self, task: Task) -> None:
        """Run a ready task now, in this thread, with the lock released."""
        stream = task.stream
        task.begin = self._begin_of(task)
        task.end = stream.free_at = task.begin + task.duration
        task.state = RUNNING
        self.running, self._runner = task, threading.get_ident()
        failure: Fault | None = None
        self._lock.release()
        try:
            task.run()
        except Fault as fault:
            failure = fault
        finally:
            self._lock.acquire()
            self.running = None
            task.state = DONE
            stream.queue.popleft()
            if not stream.queue:
                self.busy.pop(stream, None)
            if failure is not None:
                stream.error = failure
            if self._waiting:
                self._changed.notify_all()

    # -- other threads, and nobody -----------------------------------------------------------------------------------

    def _others(self) -> bool:
        """Whether somebody else may still change something: a running task, a live thread that is not waiting."""
        if self.running is not None and self._runner not in self._waiting:
            return True
        alive = {thread.ident for thread in threading.enumerate() if thread.is_alive()}
        return any(ident not in self._waiting for ident in alive if ident is not None)

    def _wait(self, target: Task, deadline: int | None) -> bool:
        """Wait for others. Returns False when a timed wait is over, True when something changed."""
        me = threading.get_ident()
        started = time.monotonic()
        limit = self.hang_after
        if deadline is not None:
            limit = min((deadline - self._clock.now) / 1e9, self.longest_wait)
        self._waiting.add(me)
        try:
            left = limit
            while left > 0 and self._others():
                # Short turns: a thread that ends tells nobody.
                if self._changed.wait(min(left, 0.05)):
                    return True
                left = limit - (time.monotonic() - started) if self.running is None or deadline is not None else limit
        finally:
            self._waiting.discard(me)
        if deadline is not None:
            return False
        self._hang(target)
        return True  # pragma: no cover - _hang always raises

    def _hang(self, target: Task) -> None:
        report = "\n".join([f"nothing can end the wait for {target.describe()} on {target.stream!r}:", *self.report()])
        print(report, file=sys.stderr)  # noqa: T201 - DESIGN: the report is printed, then the wait ends
        if self.on_hang == "raise":
            raise SimulationHang(report)
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, report)

    def report(self) -> Iterable[str]:
        """Each stream's head and what it waits for, a line each."""
        for stream in self.busy:
            head = stream.queue[0]
            why = head.wait.describe() if head.wait is not None and not head.wait.holds() else head.state
            yield f"  {stream!r}: {head.describe()}: {why}; {len(stream.queue) - 1} more behind it"

"""The scheduler: which ready task runs when.

A task is ready when it heads its stream and its wait holds. Any order of ready tasks is legal; a schedule (see
`schedules`) picks one. But for the parallel schedule, one task runs at a time, in the host thread whose call needs it.

Virtual time is the same under every schedule: a task begins when its stream is free, it was submitted and its wait
holds, and takes its duration, no matter when the simulation gets to execute it.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from aclsim.core import codes
from aclsim.core.clock import Clock
from aclsim.core.fault import Fault, SimulationHang
from aclsim.core.stream import Stream
from aclsim.core.task import DONE, QUEUED, RUNNING, Source, Task, Wait
from aclsim.core.writes import MemoryWrites

MS = 1_000_000
"""Nanoseconds in a millisecond."""

IDLE = "aclsim_idle"
"""Attribute of a thread of the machine's own, true while nobody need wait for it."""

_BATCH = 256  # plain tasks that run in one go with the lock held
_TURN = 0.05  # seconds after which a waiting thread looks whether others are still alive: an ending thread tells nobody


class Schedule(Protocol):
    """Picks what runs. Called with the world's lock held."""

    tracks: bool
    """Whether the scheduler keeps `ready` for it."""

    def submitted(self, scheduler: "Scheduler") -> None:
        """A task was queued. Called only where the schedule tracks what is ready."""

    def choose(self, scheduler: "Scheduler", needed: Task | None) -> Task | None:
        """Say which ready task is next: a call waits for `needed`, or (None) for what no queued task brings."""

    def asked(self, scheduler: "Scheduler", stream: Stream) -> None:
        """A query about `stream` was answered."""

    def busy(self) -> bool:
        """Whether threads of the schedule's own are at work."""

    def close(self) -> None:
        """Stop threads of the schedule's own."""


class ReadySet:
    """Streams whose head was ready when it was last looked at; picked by position, in constant time."""

    def __init__(self) -> None:
        self._streams: list[Stream] = []
        self._places: dict[Stream, int] = {}

    def add(self, stream: Stream) -> None:
        """Put a stream in, once."""
        if stream not in self._places:
            self._places[stream] = len(self._streams)
            self._streams.append(stream)

    def discard(self, stream: Stream) -> None:
        """Take a stream out; the last one takes its place."""
        place = self._places.pop(stream, None)
        if place is not None:
            last = self._streams.pop()
            if last is not stream:
                self._streams[place] = last
                self._places[last] = place

    def __len__(self) -> int:
        return len(self._streams)

    def __getitem__(self, place: int) -> Stream:
        return self._streams[place]


class Scheduler:
    """Queues tasks, runs them as the schedule says, and waits.

    `hang_after` are real seconds after which an untimed wait without progress is a hang, `longest_wait` real seconds
    after which a timed wait gives up on other threads, `on_hang` "raise" or "return" (507000). `failed` is called with
    each task that failed, with the lock held.
    """

    def __init__(self, lock: "threading.RLock", clock: Clock, schedule: Schedule) -> None:
        self.hang_after = 10.0
        self.longest_wait = 10.0
        self.on_hang = "raise"
        self.running: dict[Task, int] = {}
        self.busy: dict[Stream, None] = {}
        self.ready = ReadySet()
        self.memory = MemoryWrites()
        self.failed: Callable[[Task, Fault], None] = _deliver
        self._clock = clock
        self.lock = lock
        self._changed = threading.Condition(lock)
        self._schedule = schedule
        self._tracks = schedule.tracks
        # Threads that wait and have looked since the last change.
        self._waiting: set[int] = set()
        self.submit: Callable[[Task], None] = self._submit_tracked if schedule.tracks else self._submit

    def close(self) -> None:
        """Stop threads of the schedule's own; nothing is submitted any more."""
        self._schedule.close()

    # -- submitting and asking ---------------------------------------------------------------------------------------

    def _submit(self, task: Task) -> None:
        """Queue `task` on its stream."""
        task.submitted = self._clock.now
        stream = task.stream
        queue = stream.queue
        if not queue:
            self.busy[stream] = None
        queue.append(task)
        if self._waiting:  # asked here too: a call costs as much as the rest
            self._wake()

    def _submit_tracked(self, task: Task) -> None:
        self._submit(task)
        if len(task.stream.queue) == 1:
            self._look(task.stream)
        self._schedule.submitted(self)

    def complete(self, stream: Stream) -> bool:
        """Answer whether `stream` has nothing left to do; a schedule that waits for a reason may then run one task."""
        if stream.queue:
            self._schedule.asked(self, stream)
            return False
        self._clock.reach(stream.free_at)  # who sees the end of the work has lived until then
        return True

    def over(self, task: Task) -> bool:
        """Answer whether `task` is over, as `complete` does for a stream."""
        if task.state is not DONE:
            self._schedule.asked(self, task.stream)
            return False
        self._clock.reach(task.end)
        return True

    def advance(self) -> bool:
        """Run one task, whichever is ready first; False when none is."""
        if self.running:
            return False
        task = next((head for stream in self.busy if (head := self.head(stream)) is not None), None)
        if task is not None:
            self.execute(task)
        return task is not None

    def drop(self, stream: Stream) -> None:
        """Forget what is queued on `stream` and has not begun."""
        queue = stream.queue
        # A detached head is somebody else's work: the stream need not wait for it.
        running = queue[0] if queue and queue[0].state is RUNNING and not queue[0].detached else None
        for task in queue:
            if task is not running:
                task.state, task.begin, task.end = DONE, self._clock.now, self._clock.now
                task.dropped()
        stream.queue = deque([running] if running else ())
        if not running:
            self.busy.pop(stream, None)
            self.ready.discard(stream)
        self._wake()

    # -- what is ready -----------------------------------------------------------------------------------------------

    def head(self, stream: Stream) -> Task | None:
        """The task of `stream` that could start now."""
        queue = stream.queue
        if not queue:
            return None
        head = queue[0]
        return head if head.state is QUEUED and (head.wait is None or head.wait.holds()) else None

    def _look(self, stream: Stream) -> None:
        """Find out whether the head of `stream` is ready, or else what has to change first."""
        if self.head(stream) is not None:
            self.ready.add(stream)
            return
        self.ready.discard(stream)
        if stream.queue and stream.queue[0].state is QUEUED and (wait := stream.queue[0].wait) is not None:
            wait.source.waiters.append(stream)

    def pick(self, place: Callable[[int], int]) -> Task | None:
        """One of the ready tasks: `place` chooses a position below the number that it gets."""
        while len(self.ready):
            stream = self.ready[place(len(self.ready))]
            head = self.head(stream)
            if head is not None:
                return head
            self._look(stream)  # what it waited for held for a while, and somebody else took it
        return None

    def claim(self, task: Task) -> None:
        """Say that somebody is about to execute a ready task: nobody else picks it."""
        task.state = RUNNING
        self.ready.discard(task.stream)

    def signal(self, source: Source) -> None:
        """`source` changed: look at the streams that waited for it again."""
        if source.waiters:
            waiters, source.waiters = source.waiters, []
            for stream in waiters:
                self._look(stream)

    def writers(self, address: int, size: int) -> Iterator[Task]:
        """The first queued task of each stream that writes to a range."""
        for stream in self.busy:
            for task in stream.queue:
                if task.state is QUEUED and any(
                    start < address + size and address < start + length for start, length in task.writes
                ):
                    yield task
                    break

    def changed(self, source: Source) -> None:
        """`source` changed by no task: look at who waits for it."""
        self.signal(source)
        self._wake()
        if self._tracks:
            self._schedule.submitted(self)

    # -- waiting -----------------------------------------------------------------------------------------------------

    def finish(self, target: Task, timeout_ms: int = -1) -> bool:
        """Wait until `target` has run. Returns False when `timeout_ms` of virtual time pass first (-1: no limit)."""
        deadline = None if timeout_ms < 0 else self._clock.now + timeout_ms * MS
        while target.state is not DONE:
            if deadline is None and not self._tracks and not self.running:
                if not self.memory.watched:
                    self._run_ahead(target)
                    if target.state is DONE:
                        break
                    if self.running:  # a failure was delivered meanwhile, with the lock released
                        continue
                head = target.stream.queue[0]
                if head.wait is None and head.state is QUEUED:  # what `_step` would find, with more questions
                    self.execute(head)
                    continue
            if not self._step(target.stream.queue[0], deadline, target.describe):
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
        if timeout_ms >= 0 and stream.free_at > self._clock.now + timeout_ms * MS:
            self._clock.reach(self._clock.now + timeout_ms * MS)
            return False
        self._clock.reach(stream.free_at)
        return True

    def until(self, wait: Wait, timeout_ms: int = -1) -> bool:
        """Wait until `wait` holds. Returns False when `timeout_ms` of virtual time pass first (-1: no limit)."""
        deadline = None if timeout_ms < 0 else self._clock.now + timeout_ms * MS
        while not wait.holds():
            bringer = next((task for task in wait.bringers() if task.state is not DONE), None)
            head = bringer.stream.queue[0] if bringer is not None else None
            if not self._step(head, deadline, wait.describe):
                self._clock.reach(deadline or 0)
                return False
        if deadline is not None and wait.since() > deadline:
            self._clock.reach(deadline)
            return False
        self._clock.reach(wait.since())
        return True

    def _run_ahead(self, target: Task) -> None:
        """Run plain tasks, from the head of `target`'s stream up to it, without ceremony."""
        stream = target.stream
        queue = stream.queue
        free_at = stream.free_at
        if not queue[0].plain:
            return
        over = 0
        for _ in range(_BATCH):
            task = queue[0]
            if not task.plain:
                break
            begin = task.submitted
            if free_at > begin:  # noqa: PLR1730 - max() costs as much as the rest of the line
                begin = free_at
            task.begin = begin
            task.end = free_at = begin + task.duration
            try:
                task.run()
            except Fault as fault:
                stream.free_at = free_at
                stream.ended += over
                over = 0
                self._end(task, fault)
                break  # who was told may have changed the stream
            task.state = DONE
            over += 1
            queue.popleft()
            if task.settles:
                task.settle(self)
            if task is target:
                break
        if over:
            stream.free_at = free_at
            stream.ended += over
        if not queue:
            self.busy.pop(stream, None)
        self._wake()

    def _step(self, head: Task | None, deadline: int | None, what: Callable[[], str]) -> bool:
        """Run one task or wait once, to bring `head` about. Returns False when the deadline comes first."""
        needed = self._needed(head) if head is not None else None
        if self.running and not self._tracks:
            return self._wait(deadline, what)
        late = needed is not None and deadline is not None and self._end_of(needed) > deadline
        task = None if late else self._schedule.choose(self, needed)
        if task is None and (late or needed is None) and head is not None:
            # Nothing that is queued brings it (in time), but a wait on the way may give up.
            waiting = self._first_to_expire(head)
            expiry = self._expiry(waiting) if waiting is not None else None
            if waiting is not None and expiry is not None and (deadline is None or expiry <= deadline):
                if late or not self._wait(expiry, what):
                    self.execute(waiting)
                return True
        if late:
            return False
        if task is None:
            return self._wait(deadline, what)
        self.execute(task)
        return True

    def needed_by(self, stream: Stream) -> Task | None:
        """The ready task that brings `stream` on; None when there is none, or nothing is queued."""
        return self._needed(stream.queue[0]) if stream.queue else None

    def _needed(self, head: Task) -> Task | None:
        """The ready task that must run before, or is, the head of a stream; None when no queued task can bring it."""
        if head.state is QUEUED and (head.wait is None or head.wait.holds()):
            return head
        return next((task for task in self._chain(head) if task.wait is None or task.wait.holds()), None)

    def _chain(self, head: Task) -> Iterator[Task]:
        """The heads of streams that must come on before `head` can, itself first."""
        seen = set()
        front = deque([head])
        while front:
            task = front.popleft()
            if task in seen or task.state is not QUEUED:
                continue
            seen.add(task)
            yield task
            if task.wait is not None:
                front.extend(bringer.stream.queue[0] for bringer in task.wait.bringers() if bringer.state is QUEUED)

    def _first_to_expire(self, head: Task) -> Task | None:
        """The waiting task on the way to `head` whose timeout is over first."""
        moments = [(moment, task) for task in self._chain(head) if (moment := self._expiry(task)) is not None]
        return min(moments, key=lambda pair: pair[0])[1] if moments else None

    # -- running -----------------------------------------------------------------------------------------------------

    def _expiry(self, task: Task) -> int | None:
        """The virtual time at which a task that waits gives up."""
        return None if task.timeout is None else max(task.stream.free_at, task.submitted) + task.timeout

    def _begin_of(self, task: Task) -> int:
        begin = max(task.stream.free_at, task.submitted)
        return begin if task.wait is None else max(begin, task.wait.since())

    def _end_of(self, task: Task) -> int:
        return self._begin_of(task) + task.duration

    def execute(self, task: Task) -> None:
        """Run a ready task now, in this thread; with the lock released unless it is brief."""
        stream = task.stream
        task.state = RUNNING
        if self._tracks:
            self.ready.discard(stream)
        if (expiry := self._expiry(task)) is not None and (not task.wait.holds() or task.wait.since() > expiry):  # type: ignore[union-attr]
            task.begin = task.end = stream.free_at = expiry
            self._end(task, task.expired())
            return
        task.begin = self._begin_of(task)
        task.end = stream.free_at = task.begin + task.duration
        failure: Fault | None = None
        try:
            if task.brief:
                task.run()
            else:
                self._run_unlocked(task)
        except Fault as fault:
            failure = fault
        except BaseException:
            self._end(task, Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, f"{task.describe()} was interrupted"))
            raise
        if task.detached and failure is None:
            self._wake()
        else:
            self._end(task, failure)

    def _run_unlocked(self, task: Task) -> None:
        self.running[task] = threading.get_ident()
        self.lock.release()
        try:
            task.run()
        finally:
            self.lock.acquire()
            del self.running[task]

    def end(self, task: Task, moment: int, failure: Fault | None = None) -> None:
        """End a detached task at the virtual time `moment`, if it is still there."""
        if task.state is RUNNING:
            task.end = task.stream.free_at = max(task.begin, moment)
            self._end(task, failure)
            if self._tracks:
                self._schedule.submitted(self)

    def _end(self, task: Task, failure: Fault | None) -> None:
        task.state = DONE
        stream = task.stream
        queue = stream.queue
        if queue and queue[0] is task:  # not when the stream was dropped meanwhile
            queue.popleft()
            if not queue:
                self.busy.pop(stream, None)
        stream.ended += 1
        if failure is None and task.settles:
            task.settle(self)
        if self.memory.watched and self.memory.written(task.writes, task.end):
            self.signal(self.memory)
        if self._tracks:
            self._look(stream)
        self._wake()
        if failure is not None:
            self.failed(task, failure)

    # -- other threads, and nobody -----------------------------------------------------------------------------------

    def _others(self) -> bool:
        """Whether somebody else may still change something: a running task, a live thread that is not waiting."""
        if self._schedule.busy() or any(runner not in self._waiting for runner in self.running.values()):
            return True
        return any(
            thread.ident not in self._waiting
            for thread in threading.enumerate()
            if thread.is_alive() and not getattr(thread, IDLE, False)
        )

    def _wake(self) -> None:
        """Something changed: who waits looks again, and counts as somebody who may change something until then."""
        if self._waiting:
            self._waiting.clear()
            self._changed.notify_all()

    def _wait(self, deadline: int | None, what: Callable[[], str]) -> bool:
        """Wait for others. Returns False when a timed wait is over, True when something changed."""
        me = threading.get_ident()
        limit = self.hang_after
        if deadline is not None:
            limit = min((deadline - self._clock.now) / 1e9, self.longest_wait)
        started = time.monotonic()
        try:
            left = limit
            while left > 0:
                self._waiting.add(me)
                if not self._others():
                    break
                # What changes between the end of the turn and the lock tells nobody; but then this thread is taken out.
                if self._changed.wait(min(left, _TURN)) or me not in self._waiting:
                    return True
                # A task that runs is no hang, however long it takes.
                left = limit if self.running and deadline is None else limit - (time.monotonic() - started)
        finally:
            self._waiting.discard(me)
        if deadline is None:
            self._hang(what())
        return False

    def _hang(self, what: str) -> None:
        report = "\n".join([f"nothing can end the wait for {what}:", *self.report()])
        print(report, file=sys.stderr)  # noqa: T201 - DESIGN: the report is printed, then the wait ends
        if self.on_hang == "raise":
            raise SimulationHang(report)
        raise Fault(codes.ACL_ERROR_RT_INTERNAL_ERROR, report)

    def report(self) -> Iterator[str]:
        """Each stream's head and what it waits for, a line each."""
        for stream in self.busy:
            head = stream.queue[0]
            why = head.wait.describe() if head.wait is not None and not head.wait.holds() else head.state
            yield f"  {stream!r}: {head.describe()}: {why}; {len(stream.queue) - 1} more behind it"


def _deliver(task: Task, failure: Fault) -> None:
    """Keep a failure for the next synchronise (RT13.01)."""
    task.stream.error = failure

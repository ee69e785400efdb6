"""Who owns what: ACL objects are released once, in the reverse order of their creation, and never from a finalizer."""

import itertools
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from aclcffi.errors import StateError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

Release = Callable[[], None]


def run_all(releases: Iterable[Release]) -> None:
    """Call all of them, also when one fails. The first failure is raised when all is done."""
    first: Exception | None = None
    for release in releases:
        try:
            release()
        except Exception as error:  # noqa: BLE001, PERF203 - one failure must not keep the rest open
            first = first or error
    if first is not None:
        raise first


class Owner:
    """Keeps what has to be released, in the order of creation.

    The release functions hold no Python object of the API, only handles, so that an object that nobody holds any more
    can be collected: it is reported then, and released when its owner is next used or closed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys = itertools.count()
        self._open: dict[int, tuple[Release, Hashable]] = {}
        self._failures: list[Exception] = []
        self.abandoned: deque[int] = deque()
        """Keys of what was reported and is not released yet."""

    def adopt(self, release: Release, group: Hashable = None) -> int:
        """Keep a release function; returns its key. What is of one group can be released together."""
        with self._lock:
            key = next(self._keys)
            self._open[key] = release, group
            return key

    def __contains__(self, key: int) -> bool:
        return key in self._open

    def release(self, key: int) -> None:
        """Release what `key` names, once."""
        with self._lock:
            release, _ = self._open.pop(key, (None, None))
        if release is not None:
            release()

    def abandon(self, key: int, what: str) -> None:
        """Report that an object was collected without being closed. Calls nothing of C: any thread may be here."""
        if key in self._open:
            self.abandoned.append(key)
            warnings.warn(f"{what} was not closed", ResourceWarning, stacklevel=2)

    def release_abandoned(self) -> None:
        """Release what was reported so far, newest first.

        The caller is busy with something else: a failure is raised by `release_all`.
        """
        keys = set()
        with suppress(IndexError):  # empty; another thread may take from it too
            while True:
                keys.add(self.abandoned.popleft())
        try:
            run_all(self._releases(keys))
        except Exception as error:  # noqa: BLE001 - kept
            self._failures.append(error)

    def release_group(self, group: Hashable) -> None:
        """Release everything of a group, newest first. The first failure is raised when all is done."""
        with self._lock:
            keys = [key for key, (_, of) in self._open.items() if of == group]
        run_all(self._releases(keys))

    def release_all(self) -> None:
        """Release everything, newest first. The first failure is raised when all is done."""
        failures, self._failures = self._failures, []
        try:
            run_all(self._releases(list(self._open)))
        except Exception as error:  # noqa: BLE001 - raised below
            failures.append(error)
        self.abandoned.clear()
        if failures:
            raise failures[0]

    def _releases(self, keys: Iterable[int]) -> list[Release]:
        def release(key: int) -> Release:
            return lambda: self.release(key)

        return [release(key) for key in sorted(keys, reverse=True)]


class Resource:
    """An ACL object: closed by `close()`, at the end of a `with` block, or with its owner; closing twice is fine.

    `group` is what it goes down with (see `Owner.release_group`). One that is part of another object is not reported
    when nobody closes it (`report`): the other one is.
    """

    def __init__(self, owner: Owner, release: Release, *, group: Hashable = None, report: bool = True) -> None:
        self._owner = owner
        self._key = owner.adopt(release, group)
        self._finalizer: weakref.finalize[..., Resource] | None = None
        if report:
            self._finalizer = weakref.finalize(self, owner.abandon, self._key, type(self).__name__)
            self._finalizer.atexit = False

    @property
    def closed(self) -> bool:
        """Whether it was closed, by itself or with its owner."""
        return self._key not in self._owner

    def close(self) -> None:
        """Give the ACL object back; a second call does nothing."""
        if self._finalizer is not None:
            self._finalizer.detach()
        self._owner.release(self._key)

    def _check_open(self) -> None:
        if self._key not in self._owner._open:  # as `closed`, without two calls: every execution comes by here
            raise StateError(f"this {type(self).__name__} is closed")

    def __enter__(self) -> "Self":
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()

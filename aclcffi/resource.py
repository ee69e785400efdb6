"""Who owns what: ACL objects are released once, in the reverse order of their creation, and never from a finalizer."""

import itertools
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from aclcffi.errors import AclError, StateError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

Release = Callable[[], None]


class Owner:
    """Keeps what has to be released, in the order of creation.

    The release functions hold no Python object of the API, only handles, so that an object that nobody holds any more
    can be collected: it is reported then, and released when its owner is next used or closed.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys = itertools.count()
        self._open: dict[int, Release] = {}
        self._abandoned: list[int] = []

    def adopt(self, release: Release) -> int:
        """Keep a release function; returns its key."""
        self.release_abandoned()
        with self._lock:
            key = next(self._keys)
            self._open[key] = release
            return key

    def release(self, key: int) -> None:
        """Release what `key` names, once."""
        with self._lock:
            release = self._open.pop(key, None)
        if release is not None:
            release()

    def abandon(self, key: int, what: str) -> None:
        """Report that an object was collected without being closed. Calls nothing of C: any thread may be here."""
        if key in self._open:
            self._abandoned.append(key)
            warnings.warn(f"{what} was not closed", ResourceWarning, stacklevel=2, source=None)

    def release_abandoned(self) -> None:
        """Release what was reported so far."""
        while self._abandoned:
            self.release(self._abandoned.pop())

    def release_all(self) -> None:
        """Release everything, newest first. The first error is raised when all is done."""
        first: AclError | None = None
        while self._open:
            try:
                self.release(next(reversed(self._open)))
            except AclError as error:  # noqa: PERF203 - one failure must not keep the rest open
                first = first or error
        self._abandoned.clear()
        if first is not None:
            raise first


class Resource:
    """An ACL object: closed by `close()`, at the end of a `with` block, or with its owner; closing twice is fine."""

    def __init__(self, owner: Owner, release: Release) -> None:
        self._owner = owner
        self._key = owner.adopt(release)
        self._finalizer = weakref.finalize(self, owner.abandon, self._key, type(self).__name__)
        self._finalizer.atexit = False

    @property
    def closed(self) -> bool:
        """Whether it was closed, by itself or with its owner."""
        return self._key not in self._owner._open

    def close(self) -> None:
        """Give the ACL object back; a second call does nothing."""
        self._finalizer.detach()
        self._owner.release(self._key)

    def _check_open(self) -> None:
        if self.closed:
            raise StateError(f"this {type(self).__name__} is closed")

    def __enter__(self) -> "Self":
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()

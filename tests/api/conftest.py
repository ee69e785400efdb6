"""What the tests of the object API share: sessions over simulated machines, and counts of what lives in a machine."""

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from aclsim.backend import SimulatorBackend
from aclsim.core.handles import HandleTable
from aclsim.core.world import World

import aclcffi
from aclcffi.backend import missing
from tests.api import models

PRODUCTS = ("generic", "310P", "IPV350")
MAIN = ("generic", "310P")


class Doctored(SimulatorBackend):
    """A simulated machine with some functions exchanged, and without others.

    `exchanged` maps names to functions, or to the value that a call answers. `calls` are the names that were called of
    those in `watched`, in order.
    """

    def __init__(
        self,
        exchanged: Mapping[str, Any] | None = None,
        *,
        lacking: tuple[str, ...] = (),
        watched: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.exchanged = dict(exchanged or {})
        self.lacking = lacking
        self.watched = watched
        self.calls: list[str] = []

    def original(self, name: str) -> Callable[..., Any]:
        """The machine's own function."""
        return super()._resolve(name)

    def _resolve(self, name: str) -> Callable[..., Any]:
        if name in self.lacking:
            raise missing(name, "a library of this test")

        # Looked up in each call: a test may exchange functions at any time.
        def call(*arguments: Any) -> Any:
            if name in self.watched:
                self.calls.append(name)
            if name not in self.exchanged:
                return own(*arguments)
            answer = self.exchanged[name]
            return answer if isinstance(answer, (int, aclcffi.ffi.CData)) else answer(*arguments)

        own = super()._resolve(name)
        return call


def world_of(session: aclcffi.Session) -> World:
    """The machine behind a session."""
    assert isinstance(session.backend, SimulatorBackend)
    return session.backend._world


def counts(session: aclcffi.Session) -> dict[str, int]:
    """How many objects of each kind live in the machine."""
    world = world_of(session)
    tables = {name: len(table) for name, table in vars(world).items() if isinstance(table, HandleTable)}
    device, host = world.memory.live()
    return {**tables, "models": len(world.models), "device memory": device, "host memory": host}


def queued(session: aclcffi.Session) -> int:
    """How many tasks are queued in the machine's streams."""
    return sum(len(stream.queue) for stream in world_of(session).streams)


class OpenSession(Protocol):
    """What the fixture `open_session` is."""

    def __call__(self, product: str = "generic", **options: Any) -> aclcffi.Session:
        """Open a session on a fresh machine of a product."""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the environment's variables out of the way: what a test does not say is the default."""
    for variable in [name for name in os.environ if name.startswith("ACLCFFI_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def open_session() -> Iterator[OpenSession]:
    """Opens sessions on fresh machines, as many as the test asks for, and closes them at its end."""
    opened: list[aclcffi.Session] = []

    def open_one(product: str = "generic", **options: Any) -> aclcffi.Session:
        opened.append(aclcffi.Session("simulator", product=product, **options))
        return opened[-1]

    yield open_one
    gc.collect(1)  # what the test forgot to close is reported here, and not in whichever test comes next
    for session in opened:
        session.close()


@pytest.fixture
def doctored() -> Iterator[Callable[..., Doctored]]:
    """Opens machines with exchanged functions, and closes them at the test's end."""
    opened: list[Doctored] = []

    def open_one(*arguments: Any, **options: Any) -> Doctored:
        opened.append(Doctored(*arguments, **options))
        return opened[-1]

    yield open_one
    gc.collect(1)
    for backend in opened:
        backend.close()


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    """Each product in turn."""
    return str(request.param)


@pytest.fixture
def session(open_session: OpenSession) -> aclcffi.Session:
    """A session on a fresh machine of product "generic"."""
    return open_session()


@pytest.fixture
def any_session(open_session: OpenSession, product: str) -> aclcffi.Session:
    """A session on a fresh machine of each product in turn."""
    return open_session(product)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a model to a file of its own."""
    number = iter(range(1000))

    def write_one(data: bytes) -> Path:
        path = tmp_path / f"model{next(number)}.onnx"
        path.write_bytes(data)
        return path

    return write_one


@pytest.fixture
def identity(write: Callable[[bytes], Path]) -> Path:
    """The file of a model: y = x, three floats."""
    return write(models.identity())


@pytest.fixture
def gather(write: Callable[[bytes], Path]) -> Path:
    """The file of a model: picked = data[index], which fails for an index outside the four elements."""
    return write(models.gather())


def dropped(make: Callable[[], object]) -> list[str]:
    """Make something that nobody holds; returns the warnings that come of it."""

    def drop() -> None:
        make()
        gc.collect()

    with pytest.warns(ResourceWarning) as warned:
        drop()
    return [str(warning.message) for warning in warned]


def in_thread(work: Callable[[], object]) -> Exception | None:
    """Run `work` in a host thread of its own; returns what it raised."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return errors[0] if errors else None


def in_threads(session: aclcffi.Session, work: Callable[[int], object], count: int = 4) -> None:
    """Let host threads, each with the session's context, do `work` with their numbers at the same time; raises what one of them raised."""
    start = threading.Barrier(count, timeout=60)

    def run(number: int) -> None:
        session.context.make_current()
        start.wait()
        work(number)

    with ThreadPoolExecutor(count) as executor:
        for call in [executor.submit(run, number) for number in range(count)]:
            call.result()


def said_at_the_end(script: str) -> tuple[str, str]:
    """What a Python of its own, which warns of everything, prints and complains of when it has done this and ended."""
    command = [sys.executable, "-W", "always", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


LONG = 40_000_000
"""Bytes of a copy that takes more than a millisecond of virtual time on every product."""


def copy(session: aclcffi.Session, stream: aclcffi.Stream, size: int = LONG) -> None:
    """Queue a copy of so many bytes between device memory that nobody frees."""
    places = [aclcffi.ffi.new("void **") for _ in range(2)]
    for place in places:
        session.call("aclrtMalloc", place, size, aclcffi.lib.ACL_MEM_MALLOC_HUGE_FIRST)
    kind = aclcffi.lib.ACL_MEMCPY_DEVICE_TO_DEVICE
    session.call("aclrtMemcpyAsync", places[0][0], size, places[1][0], size, kind, stream.handle)


X = np.array([1, 2, 3], np.float32)
GOOD: dict[str, np.ndarray[Any, Any]] = {
    "data": np.array([10, 11, 12, 13], np.float32),
    "index": np.array([2], np.int64),
}
BAD = {**GOOD, "index": np.array([99], np.int64)}

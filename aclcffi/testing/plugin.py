"""A pytest plugin: the backend that the state machines look at, and how to repeat a random test that failed.

`pytest_plugins = ["aclcffi.testing.plugin"]` in the top conftest.py switches it on. `--acl-backend NAME` and any number
of `--acl-option NAME=VALUE` choose the backend of the fixture `acl_target`; `--acl-models MODULE:FUNCTION` names what
brings the models for the machines that play with some. The report of a test that failed has a
section with the schedule tokens of the backends that `open_backend` opened during the test.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aclcffi import backend as backends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aclcffi.backend import Backend
    from aclcffi.testing.machines import Target

SECTION = "schedules of the simulated devices"
_MOST = 10


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options that choose a backend."""
    group = parser.getgroup("acl", "AscendCL")
    group.addoption(
        "--acl-backend", default="simulator", metavar="NAME", help="backend that the state machines look at"
    )
    group.addoption(
        "--acl-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option to open that backend with, such as product=310P; may be given several times",
    )
    group.addoption(
        "--acl-models",
        default="",
        metavar="MODULE:FUNCTION",
        help="function that brings the models that the state machines play with (see aclcffi.testing.samples)",
    )


class _Opened:
    """The backends that were opened since the current test began. They are not kept alive: tests count what is left."""

    def __init__(self) -> None:
        self.backends: list[tuple[weakref.ref[Backend], str]] = []

    def __call__(self, backend: Backend) -> None:
        token = getattr(backend, "schedule_token", "")
        if token:
            self.backends.append((weakref.ref(backend), token))

    def tokens(self) -> list[str]:
        """The tokens, each once, the newest last. One may have grown since its backend was opened."""
        tokens: dict[str, None] = {}
        for reference, opened_with in self.backends:
            backend = reference()
            token = opened_with if backend is None else getattr(backend, "schedule_token", "") or opened_with
            tokens.pop(token, None)
            tokens[token] = None
        return list(tokens)


_OPENED = pytest.StashKey[_Opened]()


def pytest_configure(config: pytest.Config) -> None:
    """Watch `open_backend`."""
    config.stash[_OPENED] = opened = _Opened()
    backends.opened_hooks.append(opened)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Watch no longer."""
    if _OPENED in config.stash:
        backends.opened_hooks.remove(config.stash[_OPENED])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Forget the backends of the test before."""
    item.config.stash[_OPENED].backends.clear()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:  # noqa: ARG001
    """Tell how to repeat the schedules of a test that failed."""
    report: Any = yield
    tokens = item.config.stash[_OPENED].tokens() if report.failed else []
    if tokens:
        lines = [f'open_backend(..., schedule="replay", token="{token}")' for token in tokens[-_MOST:]]
        if len(tokens) > _MOST:
            lines.insert(0, f"... and {len(tokens) - _MOST} before these")
        report.sections.append((SECTION, "\n".join(lines)))
    return report  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def acl_target(pytestconfig: pytest.Config) -> Target:
    """The backend that `--acl-backend` and `--acl-option` name, with the models of `--acl-models`."""
    from aclcffi.errors import BackendError
    from aclcffi.testing.machines import Target
    from aclcffi.testing.samples import find_provider

    options = {}
    for given in pytestconfig.getoption("--acl-option"):
        name, equals, value = given.partition("=")
        if not equals:
            raise pytest.UsageError(f"--acl-option takes NAME=VALUE, not {given!r}")
        options[name] = value
    models = pytestconfig.getoption("--acl-models")
    if models:
        try:
            find_provider(models)
        except BackendError as error:
            raise pytest.UsageError(f"--acl-models: {error}") from None
    return Target(pytestconfig.getoption("--acl-backend"), options, models=models)

"""What the contract tests share: a fresh machine for each test, and short ways to do with it what a test is not about.

A test asks for `acl` (nothing done yet) or `ready` (aclInit and aclrtSetDevice(0) done), or makes machines of its own with
`open_acl(product="310P", schedule="eager")`. Each is an `Acl`: it has every C function under its C name, so that
`ready.aclrtFree(pointer) == 107000` reads as the contract does, and helpers in lower case that assert success. Whatever
was opened is closed when the test ends; a test that leaves work queued or memory allocated is no worse for it.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import aclcffi
from tests.contract.acl import BACKEND, Acl, OpenAcl
from tests.contract.helpers import Calls, HostThread, noted_calls


@pytest.fixture
def open_acl(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAcl]:
    """Opens machines, as many as the test asks for; the options are those of `open_backend`. Nothing is done yet.

    The environment's ACLCFFI_SIM_... variables are out of the way: what a test does not say is the default.
    """
    for variable in [name for name in os.environ if name.startswith("ACLCFFI_SIM_")]:
        monkeypatch.delenv(variable)
    opened: list[aclcffi.Backend] = []

    def open_one(**options: Any) -> Acl:
        opened.append(aclcffi.open_backend(BACKEND, **options))
        return Acl(opened[-1])

    yield open_one
    for backend in opened:
        backend.close()


@pytest.fixture
def acl(open_acl: OpenAcl) -> Acl:
    """A fresh machine of product "generic" with two devices and the lazy schedule; nothing is initialised."""
    return open_acl(devices=2)


@pytest.fixture
def ready(acl: Acl) -> Acl:
    """The machine `acl`, initialised, with device 0 set in the thread of the test."""
    acl.start()
    return acl


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Callbacks of the test; what they raise fails it."""
    with noted_calls() as made:
        yield made


@pytest.fixture
def server() -> Iterator[HostThread]:
    """Another host thread."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield HostThread(executor)

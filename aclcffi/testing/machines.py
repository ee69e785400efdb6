"""What the state machines share: the backend that they look at, and how to run one.

A state machine (hypothesis.stateful) calls a backend's C functions in an order of Hypothesis' choosing and compares
every answer with a model of the contract of its own. It knows of the backend no more than its name and options. What it
finds it shrinks to a short call sequence, which it prints as a program that runs (see `script`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from aclcffi import ffi
from aclcffi.backend import Backend, find_backend
from aclcffi.errors import BackendError
from aclcffi.testing.script import ContractError, Recorder

SCHEDULED = "simulator"
"""The backend whose schedule the machines choose."""

Options = dict[str, Any]


def schedules() -> st.SearchStrategy[Options]:
    """When queued work runs: options of `open_backend`, each of which can be repeated."""
    fixed = st.sampled_from([{"schedule": "lazy"}, {"schedule": "eager"}])
    return fixed | st.builds(lambda seed: {"schedule": "random", "seed": seed}, st.integers(0, 999))


@dataclass(frozen=True)
class Target:
    """The backend under test: its name (or import path) and the options to open it with.

    `strict` says whether it promises more than hardware does: what is undefined there has the documented answer, and
    nobody else uses the device, so that counts are exact. By default every backend but `cann` is taken to. `scheduled`
    says whether it takes the options `schedule` and `seed`; a schedule among `options` stays as it is. `models` is the
    import path of what brings the models to play with (see `samples`); without it only machines of no models run.
    """

    backend: str = SCHEDULED
    options: Mapping[str, Any] = field(default_factory=dict)
    strict: bool | None = None
    scheduled: bool | None = None
    models: str = ""

    @property
    def exact(self) -> bool:
        """Whether to ask for what hardware leaves open."""
        return self.backend != "cann" if self.strict is None else self.strict

    def choices(self, schedule: Options) -> Options:
        """The options to open it with."""
        chooses = self.backend == SCHEDULED if self.scheduled is None else self.scheduled
        return {**(schedule if chooses and "schedule" not in self.options else {}), **self.options}

    def open(self, **schedule: Any) -> Recorder:
        """Open it, with a recorder before it."""
        options = self.choices(schedule)
        return Recorder(self._kind(**options), self.backend, **options)

    @cached_property
    def _kind(self) -> type[Backend]:
        """The class: looking for it takes longer than to open one."""
        return find_backend(self.backend)

    def second(self, first: Recorder) -> Recorder | None:
        """Open it once more beside the first one; None where a process has only one of it."""
        try:
            other = first.beside(self._kind(**self.options), self.backend, **self.options)
        except BackendError:
            return None
        if other.backend.aclrtSetDevice is first.backend.aclrtSetDevice:  # the same library
            other.backend.close()
            return None
        return other


class AclMachine(RuleBasedStateMachine):
    """A state machine over a target. `acl` is the recorder, there from the first rule on."""

    acl: Recorder

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target

    needs: ClassVar[tuple[str, ...]] = (
        "aclrtSetDevice",
        "aclrtGetDeviceCount",
        "aclrtCreateStream",
        "aclrtCreateEvent",
    )
    """Functions without which a backend has nothing for the machine to play with."""

    def begin(self, **schedule: Any) -> None:
        """Open the backend and set device 0."""
        self.acl = self.target.open(**schedule)
        self.acl.expect("aclInit", ffi.NULL, legal=(0, 100002) if not self.target.exact else (0,))
        self.acl.expect("aclrtSetDevice", 0)

    def finish(self) -> None:
        """What is to be checked at the end of a run that found nothing."""

    def teardown(self) -> None:
        """Check what is left to check, and close the backend."""
        if not hasattr(self, "acl"):
            return
        try:
            if not self.acl.violated:
                self.finish()
        finally:
            if not self.target.exact:
                force = "aclrtResetDeviceForce"
                getattr(self.acl.backend, force if self.acl.backend.supports(force) else "aclrtResetDevice")(0)
            self.acl.close()


def run_machine(
    machine: Callable[[Target], AclMachine], target: Target, profile: settings | None = None, *, steps: int = 50
) -> None:
    """Run a state machine with a Hypothesis profile, by default the current one.

    Raises:
        ContractError: The backend does not keep the contract; the text has the program that shows it.
    """
    profile = profile or settings()
    phases = [phase for phase in profile.phases if phase is not Phase.explain]  # the printed program says more
    run_state_machine_as_test(
        lambda: machine(target),  # type: ignore[arg-type]  # what makes one will do
        settings=settings(profile, stateful_step_count=steps, phases=phases, report_multiple_bugs=False),
    )


__all__ = ["AclMachine", "ContractError", "Options", "Target", "run_machine", "schedules"]

"""What the tests of the machine share: the fixtures of the contract tests, and the machine behind an `Acl`."""

from tests.contract.conftest import acl, calls, open_acl, ready

__all__ = ["acl", "calls", "open_acl", "ready"]

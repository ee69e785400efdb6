"""How the machine says that something went wrong."""

from aclsim.core import codes

_RUNTIME = (107, 207, 507)  # thousands of the codes that the runtime layer answers with
_NO_FAILURES = (507005, 507023, 207003, 207016, 207017, 507901)  # delivered, but not written to the last error (13.1)


class Fault(Exception):  # noqa: N818 - a fault of the machine or of its user, as the contract answers it
    """A call or a task that the contract answers with an error code.

    `code` is the number that the C function returns (or that a synchronise delivers later), `message` the sentence for
    aclGetRecentErrMsg. A quiet fault is returned but not written to the thread's last error (contract_rt section 13.3).
    """

    def __init__(self, code: int, message: str, *, quiet: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.quiet = quiet

    @property
    def sets_last_error(self) -> bool:
        """Whether the runtime layer raised it: answers of the ACL layer above do not touch the last error."""
        return not self.quiet and self.code // 1000 in _RUNTIME and self.code not in _NO_FAILURES

    def __str__(self) -> str:
        return f"{self.message} [{self.code} {codes.NAMES.get(self.code, 'unknown code')}]"


class SimulationHang(RuntimeError):  # noqa: N818 - the name says what happened, as KeyboardInterrupt does
    """An untimed wait that nothing can end any more.

    The text is the hang report: each stream's head and what it waits for.
    """

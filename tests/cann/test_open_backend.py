"""open_backend(): which backend opens, by name, by environment and without either. Each test runs in a Python of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("ACLCFFI_LIBRARY_PATH", "toolkit/lib64/libacl_rt.so:toolkit/lib64/libacl_mdl.so"),
        ("ACLCFFI_LIBRARY_PATH", "toolkit/lib64"),
        ("ASCEND_HOME_PATH", "toolkit"),
        ("LD_LIBRARY_PATH", "toolkit/lib64/stub:toolkit/lib64"),
    ],
)
def test_without_a_name_cann_opens_where_it_is_found(variable: str, path: str, run: Run) -> None:
    """On a machine with CANN nothing needs to be said: the real libraries open."""
    script = """
        with open_backend() as backend:
            print(backend.name, backend.aclrtSetDevice(5), backend.aclmdlUnload(6), backend.supports("aclrtResetDevice"))
    """
    assert run(script, **{variable: path}) == ["cann 1005 2006 False"]


def test_without_a_name_a_path_is_enough(run: Run) -> None:
    """Saying where the libraries are says which backend is meant."""
    assert run("print(open_backend(library_path='older').aclrtSetDevice(5))") == ["4005"]


def test_without_a_name_and_without_cann_nothing_opens(run: Run) -> None:
    """There is no fallback to the simulator: the error says what was searched and how to ask for the simulator."""
    (message,) = run("print(refusal(open_backend))", HOME="/home/somebody", LD_LIBRARY_PATH="other")
    assert message == (
        "no backend was named and no CANN libraries were found. Searched for libacl_rt.so, libacl_mdl.so, "
        "libascendcl.so: ACLCFFI_LIBRARY_PATH is not set; ASCEND_HOME_PATH is not set; default folder /nowhere/Ascend "
        "does not exist; default folder /home/somebody/Ascend does not exist; LD_LIBRARY_PATH other has no ACL library; "
        'system loader /nowhere/ld.so.cache does not exist. For the simulated device say open_backend("simulator") or '
        "set ACLCFFI_BACKEND=simulator"
    )


def test_cann_by_name_says_what_was_searched(run: Run) -> None:
    """Asking for cann where there is none gives the same account of the search."""
    (message,) = run('print(refusal(open_backend, "cann"))', ASCEND_HOME_PATH="other")
    assert message.startswith("no CANN libraries were found. Searched for libacl_rt.so, ")
    assert "; ASCEND_HOME_PATH other has no ACL library; " in message


def test_a_wrong_path_is_not_taken_for_no_cann(run: Run, libraries: Path) -> None:
    """Without a name too, a path that leads nowhere is named, and nothing else is opened in its place."""
    (message,) = run("print(refusal(open_backend))", ACLCFFI_LIBRARY_PATH="nowhere", ASCEND_HOME_PATH="toolkit")
    assert message.startswith(f"ACLCFFI_LIBRARY_PATH names {libraries}/nowhere, which does not exist; ")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("cann", "CannBackend"), ("aclcffi.cann:CannBackend", "CannBackend"), ("__main__:Mine", "Mine")],
)
def test_the_variable_names_a_backend(name: str, kind: str, run: Run) -> None:
    """ACLCFFI_BACKEND takes a short name or an import path, and so does the argument."""
    script = f"""
        class Mine(cann.CannBackend):
            name = "mine"

        print(type(open_backend()).__name__, type(open_backend({name!r})).__name__)
    """
    assert run(script, ACLCFFI_BACKEND=name, ASCEND_HOME_PATH="toolkit") == [f"{kind} {kind}"]


def test_the_variable_wins_over_what_is_found(run: Run) -> None:
    """ACLCFFI_BACKEND=simulator gives the simulator on a machine with CANN; a name in the call wins over the variable."""
    script = """
        print(open_backend().name, open_backend("cann").name)
    """
    assert run(script, ACLCFFI_BACKEND="simulator", ASCEND_HOME_PATH="toolkit") == ["simulator cann"]


def test_an_empty_variable_names_no_backend(run: Run) -> None:
    """ACLCFFI_BACKEND set to nothing is as good as not set."""
    assert run("print(open_backend().name)", ACLCFFI_BACKEND="", ASCEND_HOME_PATH="toolkit") == ["cann"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("can", "there is no backend 'can'; there are: "),
        ("nowhere:Backend", "the backend 'nowhere:Backend' cannot be imported: No module named 'nowhere'"),
        ("aclcffi.cann:Backends", "the backend 'aclcffi.cann:Backends' cannot be imported: module 'aclcffi.cann' has"),
    ],
)
def test_an_unknown_backend_is_refused(name: str, message: str, run: Run) -> None:
    """A name that no backend has lists those there are; an import path that leads nowhere says why."""
    first, second = run(
        f"print(refusal(open_backend, {name!r}), refusal(open_backend), sep='\\n')", ACLCFFI_BACKEND=name
    )
    assert first.startswith(message)
    assert second == first


@pytest.mark.parametrize(
    ("call", "option"),
    [
        ('open_backend, "cann", product="310P"', "product"),
        ('open_backend, product="310P"', "product"),
        ('open_backend, "simulator", library_path="toolkit"', "library_path"),
    ],
)
def test_an_unknown_option_is_refused(call: str, option: str, run: Run) -> None:
    """An option of another backend, or a misspelled one, is named."""
    (message,) = run(f"print(refusal({call}))", ASCEND_HOME_PATH="toolkit")
    assert "does not take these options: " in message
    assert message.endswith(f"got an unexpected keyword argument '{option}'")

"""Small libraries with ACL functions in them, and a way to load them: in a Python of its own.

The table of slots is one per process, so whatever loads a library runs in a subprocess, in the folder `libraries`:

    toolkit/lib64       libacl_rt.so, libacl_mdl.so, and the older library, which forwards to them
    toolkit/lib64/stub  libacl_rt.so for linking only
    link                links to the toolkit
    older/runtime/lib64 libascendcl.so alone
    other/libother.so   a library, but not of ACL
    needy/libacl_rt.so  needs a library that is gone
    text/libacl_rt.so   no library at all

Each function answers a number that says which library it comes from.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from aclcffi import cann

RUNTIME = """
    #include <unistd.h>
    int aclFinalize(void) { return 11; }
    int aclrtSetDevice(int device) { return 1000 + device; }
    /* Says through the first file that it is there, and waits for a byte in the second. */
    int aclrtSynchronizeStream(int *files)
    {
        char byte = '!';
        return write(files[0], &byte, 1) == 1 && read(files[1], &byte, 1) == 1 ? byte : -1;
    }
"""
MODELS = """
    int aclFinalize(void) { return 12; }
    int aclmdlUnload(unsigned model) { return 2000 + model; }
"""
FORWARDER = """
    int aclrtResetDevice(int device) { return 3000 + device; }
"""
STUB = """
    int aclrtSetDevice(int device) { return 100039; }
"""
OLDER = """
    int aclrtSetDevice(int device) { return 4000 + device; }
    int aclmdlUnload(unsigned model) { return 5000 + model; }
"""
OTHER = """
    int answer(void) { return 42; }
"""
NEEDY = """
    int answer(void);
    int aclrtSetDevice(int device) { return answer(); }
"""

# What every script may use. No script sees what is installed on this machine.
PRELUDE = """
import os
from pathlib import Path

from aclcffi import AclError, BackendError, UnsupportedFunctionError, cann, ffi, lib, open_backend
from aclcffi.functions import SLOTS

cann._INSTALLED = Path("/nowhere/Ascend")
cann._LOADER_CACHE = Path("/nowhere/ld.so.cache")
cann._LOADER_FOLDERS = ()


def filled():
    return [name for name, slot in SLOTS.items() if lib.aclcffi_get_slot(slot)]


def refusal(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except BackendError as error:
        return str(error)
    raise AssertionError("not refused")
"""


def compile_library(path: Path, source: str, *needs: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    others = [str(library) for library in needs]
    command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-x", "c", "-", "-x", "none", *others]
    command += ["-o", str(path)]
    subprocess.run(command, input=dedent(source), text=True, check=True)


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the libraries, compiled once."""
    root = tmp_path_factory.mktemp("libraries").resolve()
    compile_library(root / "toolkit/lib64/libacl_rt.so", RUNTIME)
    compile_library(root / "toolkit/lib64/libacl_mdl.so", MODELS)
    compile_library(root / "toolkit/lib64/libascendcl.so", FORWARDER)
    compile_library(root / "toolkit/lib64/stub/libacl_rt.so", STUB)
    (root / "link").symlink_to("toolkit")
    compile_library(root / "older/runtime/lib64/libascendcl.so", OLDER)
    compile_library(root / "other/libother.so", OTHER)
    gone = root / "needy/libgone.so"
    compile_library(gone, OTHER)
    compile_library(root / "needy/libacl_rt.so", NEEDY, gone)
    gone.unlink()
    text = root / "text/libacl_rt.so"
    text.parent.mkdir()
    text.write_text("This is a text, not a library.\n" * 10, encoding="utf-8")
    return root


def clean(environment: dict[str, str]) -> dict[str, str]:
    """An environment without the variables that say where CANN is, and which backend to open."""
    hidden = ("ACLCFFI_", "ASCEND_", "LD_LIBRARY_PATH", "HOME")
    return {name: value for name, value in environment.items() if not name.startswith(hidden)}


@pytest.fixture
def run(libraries: Path) -> Callable[..., list[str]]:
    """Run a script in a Python of its own, in the folder of the libraries; returns the lines that it prints.

    Further arguments are environment variables. A warning or an uncaught exception in the script fails the test, and so
    does a script that never ends.
    """

    def run_script(script: str, **variables: str | Path) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PRELUDE + dedent(script)],
            env=clean(dict(os.environ)) | {name: str(value) for name, value in variables.items()},
            cwd=libraries,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run_script


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine where nothing of CANN is found: an empty folder, to which the search for what is installed is bound.

    In it stand for /usr/local/Ascend, HOME, the loader's cache and its folders: Ascend, home, ld.so.cache, lib64.
    """
    for name in os.environ.keys() - clean(dict(os.environ)).keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cann, "_INSTALLED", tmp_path / "Ascend")
    monkeypatch.setattr(cann, "_LOADER_CACHE", tmp_path / "ld.so.cache")
    monkeypatch.setattr(cann, "_LOADER_FOLDERS", (tmp_path / "lib64",))
    return tmp_path

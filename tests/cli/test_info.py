"""`aclcffi info`: backends, what was searched and found, what the libraries lack, variables, simulated products."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path
from typing import Any, ClassVar

import pytest
from aclsim.products import PRODUCTS

from aclcffi import cann
from aclcffi.backend import Backend
from aclcffi.cli import info
from aclcffi.functions import FUNCTIONS
from tests.cli.conftest import Run

RUNTIME = "int aclInit(const char *path) { return path != 0; } int aclrtSetDevice(int device) { return device; }"


def report(cli: Run) -> dict[str, Any]:
    """What --json says."""
    ran = cli("info", "--json")
    assert (ran.code, ran.err) == (0, "")
    loaded: dict[str, Any] = json.loads(ran.out)
    return loaded


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without CANN; returns what stands for its home."""
    monkeypatch.setattr(cann, "_INSTALLED", tmp_path / "Ascend")
    monkeypatch.setattr(cann, "_LOADER_CACHE", tmp_path / "ld.so.cache")
    monkeypatch.setattr(cann, "_LOADER_FOLDERS", ())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return tmp_path


def test_json_has_version_backends_and_variables(cli: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--json is one document with the version, each installed backend with its class, and the variables that are set."""
    monkeypatch.setenv("ACLCFFI_SIM_SEED", "7")
    monkeypatch.setenv("ASCEND_HOME_PATH", str(nowhere))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    monkeypatch.setenv("OTHER_VARIABLE", "no")
    said = report(cli)
    assert list(said) == ["version", "backends", "environment"]
    assert said["version"] == version("aclcffi")
    assert {name: each["class"] for name, each in said["backends"].items()} == {
        "cann": "aclcffi.cann:CannBackend",
        "simulator": "aclsim.backend:SimulatorBackend",
    }
    assert said["environment"] == {
        "ACLCFFI_SIM_SEED": "7",
        "ASCEND_HOME_PATH": str(nowhere),
        "LD_LIBRARY_PATH": "/nowhere",
    }


def test_the_simulators_products_are_counted(cli: Run) -> None:
    """Each product of the simulator has its functions counted, and how many of them are modelled."""
    products = report(cli)["backends"]["simulator"]["products"]
    assert list(products) == list(PRODUCTS)
    assert products["generic"]["functions"] == len(FUNCTIONS)
    for product in products.values():
        assert 0 < product["modelled"] <= product["functions"] <= len(FUNCTIONS)
    assert products["IPV350"]["functions"] == 71


def test_a_machine_without_cann_says_where_it_searched(cli: Run, nowhere: Path) -> None:
    """Where there are no libraries, each place that was searched is named, and nothing was found."""
    said = report(cli)["backends"]["cann"]
    assert said["found"] == []
    assert "ACLCFFI_LIBRARY_PATH is not set" in said["searched"]
    assert f"default folder {nowhere / 'Ascend'} does not exist" in said["searched"]
    assert "lacks" not in said
    assert "error" not in said


def test_libraries_that_are_found_are_named_with_what_they_lack(nowhere: Path) -> None:
    """Where there are libraries, their files are named, and each function that none of them has."""
    library = nowhere / "libacl_rt.so"
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=RUNTIME, text=True, check=True)
    script = f"""
import os
os.environ["ACLCFFI_LIBRARY_PATH"] = {str(nowhere)!r}
from aclcffi.cli import main
assert main(["info", "--json"]) == 0
"""
    # In a process of its own: the table of functions is one per process.
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    said = json.loads(done.stdout)["backends"]["cann"]
    assert said["found"] == [str(library)]
    assert said["lacks"] == sorted(FUNCTIONS.keys() - {"aclInit", "aclrtSetDevice"})


def test_libraries_that_cannot_be_loaded_are_an_error_beside_their_names(
    cli: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that cannot be loaded is named with the reason, and the other backends are shown all the same."""
    (nowhere / "libacl_rt.so").write_text("no library", encoding="utf-8")
    monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", str(nowhere))
    backends = report(cli)["backends"]
    assert backends["cann"]["found"] == [str(nowhere / "libacl_rt.so")]
    assert "cannot be loaded" in backends["cann"]["error"]
    assert "products" in backends["simulator"]


def test_a_path_that_names_nothing_is_an_error_of_its_backend(
    cli: Run, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that names something that is not there is an error of the backend, not of the command."""
    monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", str(nowhere / "none"))
    said = report(cli)["backends"]["cann"]
    assert said["class"] == "aclcffi.cann:CannBackend"
    assert said["error"].startswith("BackendError: ACLCFFI_LIBRARY_PATH names ")


class Informed(Backend):
    """A backend with information of each form."""

    @classmethod
    def information(cls) -> dict[str, Any]:
        """Return some of each."""
        return {"text": "one", "list": ["a", "b"], "none": [], "map": {"key": {"x": 1, "y": 2}}, "empty": {}}


class Broken(Backend):
    """A backend that cannot inform."""

    message: ClassVar[str] = "no [information]"

    @classmethod
    def information(cls) -> dict[str, Any]:
        """Raise something."""
        raise RuntimeError(cls.message)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other backends are installed than those of this project."""
    names = {"informed": f"{__name__}:Informed", "broken": f"{__name__}:Broken", "gone": "nowhere.at.all:Backend"}
    entries = {name: EntryPoint(name, value, "aclcffi.backends") for name, value in names.items()}
    monkeypatch.setattr(info, "backend_entries", lambda: entries)


@pytest.mark.usefixtures("others")
def test_other_backends_say_what_they_like(cli: Run) -> None:
    """What a backend says of itself is passed on; one that fails or cannot be imported hides no other."""
    said = report(cli)["backends"]
    assert list(said) == ["broken", "gone", "informed"]
    assert said["informed"] == {"class": f"{__name__}:Informed", **Informed.information()}
    assert said["broken"]["error"] == "RuntimeError: no [information]"
    assert said["gone"]["error"] == "ModuleNotFoundError: No module named 'nowhere'"


@pytest.mark.usefixtures("others")
def test_the_table_shows_every_form(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables have a line for each part of what a backend says, and one for each variable."""
    monkeypatch.setenv("ACLCFFI_BACKEND", "broken")
    ran = cli("info")
    assert (ran.code, ran.err) == (0, "")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[0] == f"aclcffi {version('aclcffi')}"
    for line in (
        "backend informed",
        "text one",
        "list a",
        "list b",
        "none none",
        "map key: x 1, y 2",
        "empty none",
        "error RuntimeError: no [information]",
        "ACLCFFI_BACKEND broken",
    ):
        assert line in lines


def test_the_tables_of_this_machine(cli: Run, nowhere: Path) -> None:
    """Without --json the same is printed as tables; without variables a line says that none is set."""
    ran = cli("info")
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert any(line.startswith(f"products generic: functions {len(FUNCTIONS)}, modelled ") for line in lines)
    assert "found none" in lines
    assert "searched ASCEND_HOME_PATH is not set" in lines
    assert lines[-1] == "environment: no variable is set"
    assert nowhere.name in ran.out


def test_without_rich_there_is_json(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rich is not installed the tables are one line that says so, and --json works."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    ran = cli("info")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("aclcffi info: tables need rich: install aclcffi[cli], or use --json (")
    assert ran.err.count("\n") == 1
    assert report(cli)["backends"]

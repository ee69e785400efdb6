"""The search for the libraries: which place wins, what is passed over, what is refused. Nothing is loaded here."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aclcffi import BackendError
from aclcffi.cann import LIBRARIES, _cached, find_libraries

MACHINE = os.uname().machine
CURRENT = ("libacl_rt.so", "libacl_mdl.so")
ONLY_FOR_LINKING = "is for linking only: its functions do nothing, so it is never loaded"


def put(folder: Path, *names: str) -> tuple[Path, ...]:
    """Make files in a folder. The search looks at names, so they may be empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return tuple(folder / name for name in names)


def put_cache(cache: Path, *libraries: Path) -> None:
    """Make a loader's cache, of which only the texts matter."""
    texts = [text for library in libraries for text in (library.name, str(library))]
    cache.write_bytes(b"glibc-ld.so.cache1.1" + bytes(64) + b"\0".join(os.fsencode(text) for text in texts) + b"\0")


@pytest.mark.parametrize("first", range(8))
def test_the_first_source_that_has_libraries_wins(first: int, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all sources from one on leading to libraries, those of that one are found and no others."""
    sources: list[tuple[str, Callable[[Path], object]]] = [
        ("given", lambda _: None),
        ("named", lambda folder: monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", str(folder))),
        ("set_env/lib64", lambda folder: monkeypatch.setenv("ASCEND_HOME_PATH", str(folder.parent))),
        ("Ascend/ascend-toolkit/latest/lib64", lambda _: None),
        ("home/Ascend/cann/lib64", lambda _: None),
        ("loader", lambda folder: monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{folder}")),
        ("cached", lambda folder: put_cache(bare / "ld.so.cache", folder / "libascendcl.so")),
        ("lib64", lambda _: None),
    ]
    for name, lead in sources[first:]:
        put(bare / name, "libascendcl.so")
        lead(bare / name)
    winner = bare / sources[first][0]
    search = find_libraries(winner if first == 0 else None)
    assert search.found == (winner / "libascendcl.so",)
    assert search.searched[-1].result == f"has libascendcl.so in {winner}"


def test_nothing_found_is_told_place_by_place(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no libraries, the sentence names each place with what was, or was not, there."""
    search = find_libraries()
    assert search.found == ()
    assert search.describe() == (
        "Searched for libacl_rt.so, libacl_mdl.so, libascendcl.so: ACLCFFI_LIBRARY_PATH is not set; "
        f"ASCEND_HOME_PATH is not set; default folder {bare}/Ascend does not exist; "
        f"default folder {bare}/home/Ascend does not exist; LD_LIBRARY_PATH is not set; "
        f"system loader {bare}/ld.so.cache does not exist."
    )
    put(bare / "Ascend/driver/lib64", "libascend_hal.so")
    put(bare / "lib64")
    monkeypatch.setenv("ASCEND_HOME_PATH", "/opt/cann")
    monkeypatch.delenv("HOME")
    assert [str(place) for place in find_libraries().searched] == [
        "ACLCFFI_LIBRARY_PATH is not set",
        "ASCEND_HOME_PATH /opt/cann does not exist",
        f"default folder {bare}/Ascend has no ACL library",
        "LD_LIBRARY_PATH is not set",
        f"system loader {bare}/ld.so.cache has no ACL library",
    ]


def test_what_was_found_is_told_too(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence of a search that found libraries ends with the place that has them."""
    put(bare / "toolkit/lib64", *LIBRARIES)
    monkeypatch.setenv("ASCEND_HOME_PATH", str(bare / "toolkit"))
    place = f"ASCEND_HOME_PATH {bare}/toolkit has libacl_rt.so and libacl_mdl.so in {bare}/toolkit/lib64."
    assert find_libraries().describe().endswith(place)


@pytest.mark.parametrize(
    "layout", [".", "lib64", f"{MACHINE}-linux/lib64", "runtime/lib64", "acllib/lib64", "fwkacllib/lib64"]
)
def test_each_layout_of_a_toolkit_is_known(layout: str, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toolkit's libraries are found wherever its version has them, by its variable and by its folder."""
    expected = put(bare / "toolkit" / layout, *CURRENT)
    monkeypatch.setenv("ASCEND_HOME_PATH", str(bare / "toolkit"))
    assert find_libraries().found == expected
    assert find_libraries(bare / "toolkit").found == expected


@pytest.mark.parametrize("toolkit", ["cann", "ascend-toolkit/latest", "nnrt/latest", "nnae/latest", "latest", "."])
def test_each_default_folder_is_known(toolkit: str, bare: Path) -> None:
    """What the installers of CANN make below /usr/local/Ascend is found there."""
    expected = put(bare / "Ascend" / toolkit / "fwkacllib/lib64", "libascendcl.so")
    assert find_libraries().found == expected


def test_libraries_of_two_folders_are_not_mixed(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with one library is not filled up from the next one, which may be of another version."""
    first = put(bare / "first", "libacl_rt.so")
    put(bare / "second", *LIBRARIES)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{bare / 'first'}:{bare / 'second'}")
    assert find_libraries().found == first


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["libascendcl.so"], ["libascendcl.so"]),
        (["libascendcl.so", "libacl_rt.so"], ["libacl_rt.so", "libascendcl.so"]),
        (["libascendcl.so", "libacl_mdl.so", "libacl_rt.so"], ["libacl_rt.so", "libacl_mdl.so"]),
        (["libacl_op_compiler.so", "libacl_mdl.so"], ["libacl_mdl.so"]),
    ],
)
def test_the_older_library_is_used_where_a_current_one_is_missing(
    there: list[str], found: list[str], bare: Path
) -> None:
    """Beside both current libraries the older one adds nothing; beside one of them it has what the other would have."""
    put(bare / "folder", *there)
    assert [library.name for library in find_libraries(bare / "folder").found] == found


def test_several_paths_keep_their_order(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders may be named together; functions will be looked up in the order of naming, each file once."""
    (models,) = put(bare / "a", "libmodels.so.1")
    (older,) = put(bare / "b", "libascendcl.so")
    (bare / "link.so").symlink_to(models)
    assert find_libraries([models, str(bare / "b"), bare / "link.so", older]).found == (bare / "link.so", older)
    monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", f":{bare / 'b'}::{models}:")
    assert find_libraries().found == (older, models)


def test_a_relative_path_is_told_in_full(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths relative to the current folder come out absolute: without a slash the loader would search elsewhere."""
    expected = put(bare / "folder", "libascendcl.so")
    monkeypatch.chdir(bare / "folder")
    assert find_libraries("libascendcl.so").found == find_libraries(".").found == expected
    monkeypatch.setenv("LD_LIBRARY_PATH", ".")
    assert find_libraries().found == expected


@pytest.mark.parametrize("folder", ["stub", "lib64/stub/linux/x86_64", f"{MACHINE}-linux/devlib", "devlib/device"])
@pytest.mark.parametrize("kept", ["folder", "other"])
def test_libraries_for_linking_are_refused_by_name(kept: str, folder: str, bare: Path) -> None:
    """Naming a library in `stub` or `devlib`, its folder, or a link from or to there, is an error that says what these
    are for."""
    library, link = bare / folder / "libacl_rt.so", bare / "other/libacl_rt.so"
    file, other = (library, link) if kept == "folder" else (link, library)
    put(file.parent, file.name)
    put(other.parent)
    other.symlink_to(file)
    for named in (library, library.parent, *([link, link.parent] if kept == "folder" else [])):
        with pytest.raises(BackendError, match=ONLY_FOR_LINKING) as refused:
            find_libraries(named)
        assert str(refused.value).startswith(f"library_path names {named}, which ")


def test_libraries_for_linking_are_passed_over(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loader's path they hide no others, and where there are no others the search says why it took none."""
    stub, devlib = bare / "toolkit/lib64/stub", bare / "cann/devlib"
    put(devlib, "libacl_mdl.so")
    put(stub, "libacl_rt.so")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{devlib}:{stub}")
    search = find_libraries()
    assert search.found == ()
    assert f"LD_LIBRARY_PATH {devlib}:{stub} has {devlib}/libacl_mdl.so, which {ONLY_FOR_LINKING};" in search.describe()
    expected = put(stub.parent, *CURRENT)
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{devlib}:{stub}:{stub.parent}")
    assert find_libraries().found == expected


@pytest.mark.parametrize("folder", ["stubborn", "mystub", "stub/lib64", "devlib/mine/lib64"])
def test_other_folders_may_be_called_like_those_for_linking(folder: str, bare: Path) -> None:
    """Only the folders that toolkits have are refused, not whatever has `stub` somewhere in its path."""
    expected = put(bare / folder, "libacl_rt.so")
    assert find_libraries(bare / folder).found == expected


@pytest.mark.parametrize(("name", "result"), [("missing", "does not exist"), ("empty", "has no ACL library")])
@pytest.mark.parametrize("source", ["library_path", "ACLCFFI_LIBRARY_PATH"])
def test_a_named_place_without_libraries_is_refused(
    name: str, result: str, source: str, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user names must have libraries: the search does not go on, though others could be found."""
    (good,) = put(bare / "Ascend/cann/lib64", "libascendcl.so")
    (bare / "empty").mkdir()
    named = bare / name
    monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", f"{good}:{named}" if source == "ACLCFFI_LIBRARY_PATH" else str(good))
    with pytest.raises(BackendError) as refused:
        find_libraries([good, named] if source == "library_path" else None)
    assert str(refused.value) == (
        f"{source} names {named}, which {result}; it can name library files, and folders or toolkits that have "
        "libacl_rt.so and libacl_mdl.so, or libascendcl.so"
    )


@pytest.mark.parametrize("path", ["/" + "x" * 300, "/nowhere/\0"])
def test_a_path_that_cannot_be_is_no_crash(path: str, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that the file system refuses counts as one that does not exist."""
    with pytest.raises(BackendError, match="does not exist"):
        find_libraries(path)
    if "\0" not in path:  # no variable can hold that
        monkeypatch.setenv("LD_LIBRARY_PATH", path)
        assert f"LD_LIBRARY_PATH {path} does not exist" in find_libraries().describe()


@pytest.mark.parametrize("path", ["", [], ["/lib64", ""]])
def test_an_empty_path_is_refused(path: Any, bare: Path) -> None:
    """An option that names nothing is a mistake, not the current folder and not a search."""
    with pytest.raises(BackendError, match="which names nothing"):
        find_libraries(path)


@pytest.mark.parametrize("path", [5, b"/lib64", ["/lib64", None]])
def test_what_is_no_path_is_refused(path: Any, bare: Path) -> None:
    """A number or None among the paths is an error that shows it."""
    with pytest.raises(BackendError, match="it must be a path or a sequence of paths"):
        find_libraries(path)


def test_an_empty_variable_is_not_set(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names nothing is as good as none: shells and containers leave such behind."""
    for name in ("ACLCFFI_LIBRARY_PATH", "ASCEND_HOME_PATH", "LD_LIBRARY_PATH", "HOME"):
        monkeypatch.setenv(name, "")
    expected = put(bare / "lib64", *CURRENT)
    assert find_libraries().found == expected
    monkeypatch.setenv("ACLCFFI_LIBRARY_PATH", ":")
    monkeypatch.chdir(bare / "lib64")
    monkeypatch.setenv("LD_LIBRARY_PATH", ":")
    assert find_libraries().searched[-1].source == "system loader"


def test_the_cache_is_believed_only_for_files_that_are_there(bare: Path) -> None:
    """A library that was removed after the loader's cache was written is not found."""
    (kept,) = put(bare / "kept", "libascendcl.so")
    put_cache(bare / "ld.so.cache", bare / "removed/libacl_rt.so", bare / "kept/libacl_rt.so.1", kept)
    assert find_libraries().found == (kept,)


def test_the_cache_of_ldconfig_is_read(libraries: Path, tmp_path: Path) -> None:
    """A cache as ldconfig writes it leads to the folder with the libraries."""
    ldconfig = shutil.which("ldconfig", path=f"{os.defpath}:/sbin:/usr/sbin")
    if ldconfig is None:
        pytest.skip("this system's loader has no cache")
    configuration, cache = tmp_path / "ld.so.conf", tmp_path / "ld.so.cache"
    configuration.write_text(f"{libraries}/toolkit/lib64\n", encoding="utf-8")
    subprocess.run([ldconfig, "-i", "-X", "-C", cache, "-f", configuration], check=True, capture_output=True)
    assert list(_cached(cache)) == [libraries / "toolkit/lib64"] * 3

"""The backend `cann`: where the libraries of CANN are, and the functions in them.

Current CANN has a library for the runtime and one for models; older versions, and IPV350, have one for both. A function
is looked up in each of them, in order, when it is first used, and its slot of the extension is filled.

Nothing here asks dlopen() where a library is: it would load it to answer. The search reads what the system loader
reads, LD_LIBRARY_PATH and the loader's cache, and finds files; only opening the backend loads them.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, NamedTuple, TypeAlias

from _aclcffi import ffi, lib

from aclcffi.backend import Backend, missing
from aclcffi.errors import BackendError
from aclcffi.functions import FUNCTIONS, SLOTS

LibraryPath: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One file or folder, or several."""

OPTION = "library_path"
VARIABLE = "ACLCFFI_LIBRARY_PATH"
TOOLKIT_VARIABLE = "ASCEND_HOME_PATH"

CURRENT = ("libacl_rt.so", "libacl_mdl.so")
OLDER = "libascendcl.so"
LIBRARIES = (*CURRENT, OLDER)
"""File names of the libraries, in the order in which functions are looked up."""

# Where a toolkit has its libraries, from the newest layout to the oldest; a folder may also be named itself.
LAYOUTS = ("", "lib64", f"{os.uname().machine}-linux/lib64", "runtime/lib64", "acllib/lib64", "fwkacllib/lib64")

# Where the installers of CANN put things: for root, and below HOME for everybody else.
_INSTALLED = Path("/usr/local/Ascend")
_TOOLKITS = ("cann", "ascend-toolkit/latest", "nnrt/latest", "nnae/latest", "latest", "")

_LOADER_CACHE = Path("/etc/ld.so.cache")
_LOADER_FOLDERS = (Path("/lib64"), Path("/usr/lib64"), Path("/lib"), Path("/usr/lib"))

# The paths in the cache are texts between NULs, in every version of its format.
_CACHED = re.compile(rb"(/[^\0]*)/(?:%s)\0" % b"|".join(re.escape(name.encode()) for name in LIBRARIES))

# stub/, stub/linux/x86_64/, devlib/, devlib/device/, ...: what is in there has all symbols and does nothing.
_LINK_ONLY = re.compile(r".*/(?:stub|devlib)(?:/(?:device|(?:linux|minios)(?:/[^/]+)?))?")
_FOR_LINKING = "is for linking only: its functions do nothing, so it is never loaded"

_ERROR_SIZE = 4096


class Place(NamedTuple):
    """A place that was searched: what names it, which it is ("" for a variable that is not set), what is there."""

    source: str
    path: str
    result: str

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


class LibrarySearch(NamedTuple):
    """What a search for the libraries of CANN found; nothing is loaded by it."""

    found: tuple[Path, ...]
    """The library files, in the order in which functions are looked up; empty if there are none."""

    searched: tuple[Place, ...]
    """The places looked at, up to the one that has the libraries."""

    def describe(self) -> str:
        """Say in a sentence where the libraries were searched, and what was there."""
        return f"Searched for {', '.join(LIBRARIES)}: {'; '.join(map(str, self.searched))}."


def find_libraries(library_path: LibraryPath | None = None) -> LibrarySearch:
    """Find the library files of CANN without loading one.

    The first of these that has any decides, and no two are mixed: `library_path`, the variable ACLCFFI_LIBRARY_PATH
    (separated by colons), the toolkit at ASCEND_HOME_PATH, a toolkit in /usr/local/Ascend or ~/Ascend, a folder of
    LD_LIBRARY_PATH, the system loader's cache and folders. A folder that is named holds the libraries itself or is a
    toolkit that has them in lib64 and the like. Folders `stub` and `devlib` are for linking only and are passed over.

    Args:
        library_path: Library files, of any name, and folders. Functions are looked up in that order.

    Raises:
        BackendError: `library_path` or ACLCFFI_LIBRARY_PATH names something that does not exist, that holds no library
            of ACL, or that is for linking only. What they name is never passed over for something else.
    """
    if library_path is not None:
        return _named(OPTION, _paths(library_path))
    named = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    if named:
        return _named(VARIABLE, named)
    searched = [Place(VARIABLE, "", "is not set")]
    for source, path, folders in _sources():
        if not path:
            searched.append(Place(source, "", "is not set"))
            continue
        found, result = _first(folders)
        searched.append(Place(source, path, result))
        if found:
            return LibrarySearch(found, tuple(searched))
    return LibrarySearch((), tuple(searched))


def _sources() -> Iterator[tuple[str, str, Iterable[Path]]]:
    """Where libraries are searched that nobody named: source, place, the folders there in order."""
    toolkit = os.environ.get(TOOLKIT_VARIABLE, "")
    yield TOOLKIT_VARIABLE, toolkit, _layouts(Path(toolkit))
    home = os.environ.get("HOME", "")
    for installed in (_INSTALLED, *([Path(home, "Ascend")] if home else [])):
        yield "default folder", str(installed), chain.from_iterable(_layouts(installed / name) for name in _TOOLKITS)
    # An empty part of it means the current folder to the loader; what lies there may be anybody's.
    searched = os.environ.get("LD_LIBRARY_PATH", "")
    yield "LD_LIBRARY_PATH", searched, (Path(folder) for folder in re.split("[:;]", searched) if folder)
    yield "system loader", str(_LOADER_CACHE), (*_cached(_LOADER_CACHE), *_LOADER_FOLDERS)


def _named(source: str, paths: Sequence[str]) -> LibrarySearch:
    """The libraries in what the user named, all of which must have some."""
    found: dict[Path, Path] = {}
    searched = []
    for named in paths:
        path = Path(named).absolute()
        if not _is(Path.is_file, path):
            libraries, result = _first(_layouts(path))
        elif _link_only(path):
            libraries, result = (), _FOR_LINKING
        else:
            libraries, result = (path,), "is a file"
        if not libraries:
            raise BackendError(
                f"{source} names {path}, which {result}; "
                f"it can name library files, and folders or toolkits that have {' and '.join(CURRENT)}, or {OLDER}"
            )
        searched.append(Place(source, str(path), result))
        found.update((library.resolve(), library) for library in libraries)
    return LibrarySearch(tuple(found.values()), tuple(searched))


def _paths(library_path: LibraryPath) -> list[str]:
    given = [library_path] if isinstance(library_path, (str, os.PathLike)) else library_path
    try:
        paths = [os.fsdecode(path) for path in given]
    except TypeError:
        raise BackendError(f"{OPTION} is {library_path!r}; it must be a path or a sequence of paths") from None
    if not paths or not all(paths):
        raise BackendError(f"{OPTION} is {library_path!r}, which names nothing")
    return paths


def _first(folders: Iterable[Path]) -> tuple[tuple[Path, ...], str]:
    """The libraries of the first folder that has any to load, and in words what was found."""
    there, unfit = False, None
    for folder in folders:
        libraries = _in_folder(folder)
        for_linking = next(filter(_link_only, libraries), None)
        if libraries and for_linking is None:
            return libraries, f"has {' and '.join(library.name for library in libraries)} in {folder}"
        there = there or _is(Path.is_dir, folder)
        unfit = unfit or for_linking
    if unfit is not None:
        return (), f"has {unfit}, which {_FOR_LINKING}"
    return (), "has no ACL library" if there else "does not exist"


def _layouts(root: Path) -> Iterator[Path]:
    return (root / layout for layout in LAYOUTS)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    """The libraries in a folder. Beside both current ones the older one only forwards to them and is left out."""
    libraries = tuple(folder.absolute() / name for name in LIBRARIES if _is(Path.is_file, folder / name))
    return libraries[: len(CURRENT)] if len(libraries) == len(LIBRARIES) else libraries


def _link_only(library: Path) -> bool:
    """Say whether a file, or what it links to, lies where a toolkit has its libraries for linking."""
    return any(_LINK_ONLY.fullmatch(str(file.parent)) for file in (library, library.resolve()))


def _cached(cache: Path) -> Iterator[Path]:
    """The folders in which the system loader's cache has a library."""
    try:
        content = cache.read_bytes()
    except OSError:  # not every system loader has one
        return
    for folder in _CACHED.findall(content):
        yield Path(os.fsdecode(folder))


def _is(kind: Callable[[Path], bool], path: Path) -> bool:
    try:
        return kind(path)
    except OSError:  # a name that is too long, or a folder on the way that may not be entered
        return False


class _SlotTable:
    """The slots of the extension. There is one table per process, so one set of libraries is open at a time."""

    def __init__(self) -> None:
        self.lock = RLock()  # a finalizer may close a backend in the midst of a lookup
        self._users: set[object] = set()
        self._files: tuple[Path, ...] = ()
        self._libraries: list[Any] = []
        self._filled: set[int] = set()

    def open(self, user: object, libraries: tuple[Path, ...]) -> None:
        """Load the libraries for one more user, or share them where they are those that are open."""
        files = tuple(library.resolve() for library in libraries)
        with self.lock:
            if self._users and files != self._files:
                raise BackendError(
                    f"{_listed(libraries)} cannot be opened while another set of libraries is open in this process: "
                    f"{_listed(self._files)}; close the backend that uses it first"
                )
            if not self._users:
                self._libraries = [_load(library) for library in libraries]
                self._files = files
            self._users.add(user)

    def fill(self, name: str) -> bool:
        """Put the function into its slot; False if no library has it. The caller holds the lock."""
        for library in self._libraries:
            function = lib.aclcffi_symbol(library, name.encode())
            if function:
                lib.aclcffi_set_slot(SLOTS[name], function)
                self._filled.add(SLOTS[name])
                return True
        return False

    def close(self, user: object) -> None:
        """Let a user go, again and again if need be. With the last one the slots are emptied; the libraries stay."""
        with self.lock:
            self._users.discard(user)
            if not self._users:
                while self._filled:
                    lib.aclcffi_set_slot(self._filled.pop(), ffi.NULL)


def _load(library: Path) -> Any:
    """Load a library that has functions of ACL. It is never unloaded: threads of it may be running."""
    error = ffi.new("char[]", _ERROR_SIZE)
    handle = lib.aclcffi_open(os.fsencode(library), error, _ERROR_SIZE)
    if not handle:
        reason = os.fsdecode(ffi.string(error))
        own = reason.removeprefix(f"{library}: ")
        if own == reason:  # it speaks of another file
            own += ". What it needs is found through LD_LIBRARY_PATH: source the toolkit's set_env.sh and start again"
        raise BackendError(f"{library} cannot be loaded: {own}")
    if not any(lib.aclcffi_symbol(handle, name.encode()) for name in FUNCTIONS):
        raise BackendError(f"{library} is no ACL library: it has none of the {len(FUNCTIONS)} functions of the API")
    return handle


def _listed(libraries: Iterable[Path]) -> str:
    return ", ".join(map(str, libraries))


_table = _SlotTable()


class CannBackend(Backend):
    """The libraries of CANN, on a machine that has them.

    One set of libraries is open per process. Opening the same set again shares it. `close()` of the last backend makes
    every function answer ACL_ERROR_API_NOT_SUPPORT; it does not unload the libraries, nor does it call aclFinalize. A
    backend that is dropped without `close()` stays open: its functions may still be in use.

    Args:
        library_path: Library files or folders, instead of searching for them (see `find_libraries`).

    Raises:
        BackendError: No libraries were found, one cannot be loaded or has no function of ACL, or another set is open.
    """

    name: ClassVar[str] = "cann"

    def __init__(self, *, library_path: LibraryPath | None = None) -> None:
        search = find_libraries(library_path)
        if not search.found:
            raise BackendError(f"no CANN libraries were found. {search.describe()}")
        self._libraries = search.found
        self._user = object()
        _table.open(self._user, self._libraries)

    @classmethod
    def information(cls) -> dict[str, Any]:
        """Return what was searched and found, and which functions the libraries lack, or why they cannot be loaded.

        Raises:
            BackendError: What the caller named is no library.
        """
        search = find_libraries()
        facts: dict[str, Any] = {
            "searched": [str(place) for place in search.searched],
            "found": [str(path) for path in search.found],
        }
        if search.found:
            try:
                with cls() as backend:
                    facts["lacks"] = sorted(name for name in FUNCTIONS if not backend.supports(name))
            except BackendError as error:
                facts["error"] = str(error)
        return facts

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The library files, in the order in which functions are looked up."""
        return self._libraries

    def _resolve(self, name: str) -> Callable[..., Any]:
        with _table.lock:
            if self._closed:  # by another thread, since the function was asked for
                raise BackendError(f"{name}: the backend {self.name!r} is closed")
            if not _table.fill(name):
                raise missing(name, _listed(self._libraries))
        function: Callable[..., Any] = getattr(lib, name)
        return function

    def _release(self) -> None:
        _table.close(self._user)

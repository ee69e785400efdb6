"""The contract that every backend keeps, and the way to one: `open_backend()`.

A backend is a class in the entry-point group `aclcffi.backends`; the two of this project are there like anybody else's.
"""

import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from _aclcffi import ffi

from aclcffi.contract import AclFunctions
from aclcffi.errors import BackendError, UnsupportedFunctionError
from aclcffi.functions import FUNCTIONS, products_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import TracebackType

    from typing_extensions import Self

GROUP = "aclcffi.backends"
VARIABLE = "ACLCFFI_BACKEND"

opened_hooks: "list[Callable[[Backend], None]]" = []
"""Told of each backend that `open_backend` opened; for test tools."""


class Backend(AclFunctions):
    """One implementation of the C API: an attribute per C function, with the C name and the C order of arguments.

    A function is looked up when it is first used and kept from then on. A function that does not exist there raises
    UnsupportedFunctionError, which is an AttributeError; a name that is no ACL function is a plain AttributeError.
    Values go in and come out as cffi takes and gives them for C; nothing here raises for a code that C returns.

    A subclass implements `_resolve` and, where there is something to release, `_release`.
    """

    name: ClassVar[str] = "?"
    ffi: ClassVar[Any] = ffi
    """The FFI of the compiled extension: makes and reads C values."""

    _closed = False

    def supports(self, name: str) -> bool:
        """Say whether the C function `name` exists here; False for a name that is no ACL function."""
        return hasattr(self, name) if name in FUNCTIONS else False

    @classmethod
    def information(cls) -> dict[str, Any]:
        """What `aclcffi info` says of the backend: names, and values that JSON can hold."""
        return {}

    def close(self) -> None:
        """Release the backend; a second call does nothing.

        Functions that were looked up before answer an error code from now on, looking one up raises BackendError.
        """
        if not self._closed:
            self._closed = True
            for name in FUNCTIONS.keys() & self.__dict__.keys():
                del self.__dict__[name]
            self._release()

    @property
    def closed(self) -> bool:
        """Whether the backend was closed."""
        return self._closed

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FUNCTIONS})

    def __repr__(self) -> str:
        return f"<aclcffi backend {self.name!r}{', closed' if self._closed else ''}>"

    if not TYPE_CHECKING:  # pragma: no branch - type checkers see the functions one by one

        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name not in FUNCTIONS:
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}, and ACL no function of that name"
                )
            if self._closed:
                raise BackendError(f"{name}: the backend {self.name!r} is closed")
            function = self.__dict__[name] = self._resolve(name)
            return function

    def _resolve(self, name: str) -> Callable[..., Any]:
        """Return the C function `name`, which is one of the API.

        Raises:
            UnsupportedFunctionError: It does not exist here; make it with `missing`.
        """
        raise NotImplementedError  # pragma: no cover - a backend without functions is none

    def _release(self) -> None:
        """Release what the backend holds. Called once."""


def missing(name: str, where: str) -> UnsupportedFunctionError:
    """Make the error for a function that does not exist at `where`; it names the products that have it."""
    products = products_of(name)
    have = f"the products that have it: {', '.join(products)}" if products else "no product has it"
    error = UnsupportedFunctionError(f"{name} does not exist in {where}; {have}", function=name)
    error.name = name
    return error


def backend_entries() -> "dict[str, EntryPoint]":
    """The installed backends: name -> entry point."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUP)}


def find_backend(name: str) -> type[Backend]:
    """Find a backend's class by its short name or by its import path (`package.module:Class`).

    Raises:
        BackendError: There is none, it cannot be imported, or it is no subclass of Backend; the message lists the names
            that exist.
    """
    entries = backend_entries()
    module, _, attribute = name.partition(":")
    if name not in entries and not (module and attribute):
        raise BackendError(
            f"there is no backend {name!r}; there are: {', '.join(sorted(entries)) or 'none (is aclcffi installed?)'}; "
            "another one is named by its import path, package.module:Class"
        )
    try:
        found = entries[name].load() if name in entries else getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError) as error:  # TypeError: a relative path
        raise BackendError(f"the backend {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise BackendError(f"{name!r} is no backend: {found!r} is no subclass of aclcffi.Backend")
    return found


def open_backend(name: str | None = None, **options: Any) -> Backend:
    """Open a backend.

    Without a name it is that of the environment variable ACLCFFI_BACKEND, else `cann` where its libraries are found.
    There is no silent fallback to the simulator.

    Args:
        name: `"cann"`, `"simulator"`, the name of an installed backend, or an import path `package.module:Class`.
        **options: What the backend takes: `library_path` for `cann`; `product`, `devices`, `schedule`, `seed`,
            `memory`, `run_mode` and others for `simulator`.

    Raises:
        BackendError: There is no such backend, nothing was named and no CANN was found, or an option is unknown or has
            a wrong value.
    """
    chosen = name or os.environ.get(VARIABLE)
    if not chosen:
        from aclcffi.cann import find_libraries

        search = find_libraries(options.get("library_path"))
        if not search.found:
            raise BackendError(
                "no backend was named and no CANN libraries were found. "
                f"{search.describe()} "
                f'For the simulated device say open_backend("simulator") or set {VARIABLE}=simulator'
            )
        chosen = "cann"
    kind = find_backend(chosen)
    try:
        backend = kind(**options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error) and options:
            raise BackendError(f"the backend {chosen!r} does not take these options: {error}") from error
        raise
    for hook in opened_hooks:
        hook(backend)
    return backend

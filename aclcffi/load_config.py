"""Options of loading a model, and the ways of loading."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from _aclcffi import ffi, lib

from aclcffi.calls import encode_path
from aclcffi.errors import InvalidArgumentError, error_of, recent_message
from aclcffi.memory import DeviceBuffer
from aclcffi.options import number, set_option, unknown

if TYPE_CHECKING:
    from aclcffi.session import Session

Source = str | os.PathLike[str] | bytes
"""A model: the path of its file, or its bytes."""

_NUMBERS = {
    "priority": (lib.ACL_MDL_PRIORITY_INT32, "int32_t"),
    "memory_optimize": (lib.ACL_MDL_WORKSPACE_MEM_OPTIMIZE, "size_t"),
    "without_graph": (lib.ACL_MDL_WITHOUT_GRAPH_INT32, "int32_t"),
    "memory_policy": (lib.ACL_MDL_MEM_MALLOC_POLICY_SIZET, "size_t"),
}
_MEMORY = {
    "work": (lib.ACL_MDL_WORKSPACE_ADDR_PTR, lib.ACL_MDL_WORKSPACE_SIZET),
    "weights": (lib.ACL_MDL_WEIGHT_ADDR_PTR, lib.ACL_MDL_WEIGHT_SIZET),
    "fifo": (lib.ACL_MDL_FIFO_PTR, lib.ACL_MDL_FIFO_SIZET),
    "model_desc": (lib.ACL_MDL_MODEL_DESC_PTR, lib.ACL_MDL_MODEL_DESC_SIZET),
    "kernel": (lib.ACL_MDL_KERNEL_PTR, lib.ACL_MDL_KERNEL_SIZET),
    "kernel_args": (lib.ACL_MDL_KERNEL_ARGS_PTR, lib.ACL_MDL_KERNEL_ARGS_SIZET),
    "static_task": (lib.ACL_MDL_STATIC_TASK_PTR, lib.ACL_MDL_STATIC_TASK_SIZET),
    "dynamic_task": (lib.ACL_MDL_DYNAMIC_TASK_PTR, lib.ACL_MDL_DYNAMIC_TASK_SIZET),
}


def source_path(source: "str | os.PathLike[str]") -> bytes:
    """The path of a model as C takes it.

    Raises:
        InvalidArgumentError: It is no path.
    """
    return encode_path(source, "a model is a path (text or an os.PathLike) or bytes")


class LoadOptions(NamedTuple):
    """What loading a model may be told; None leaves the library's default (contract_mdl section 4.2).

    The device buffers stay the caller's. The model holds them: one that is closed while the model is loaded is freed
    when the model is closed (MD11.07).

    The main library knows these:

    - `priority`: of the model's streams, 0 is the highest (usually 0..7).
    - `work`, `weights`: memory for work and for weights; `Session.query_size` says how much. Models that run strictly
      one after another may share work memory, loads of one model may share weight memory.
    - `weight_path`: the folder of the external weights of a model that is loaded from its bytes.
    - `external_weights`: the external weights themselves, device memory by file name, each of a multiple of 32 bytes.
    - `memory_optimize`: leave inputs and outputs out of the work memory. ACL keeps it for the thread's later loads.
    - `without_graph`: load without the graph; not for dynamic-shape models.

    IPV350's library knows `weights`, and:

    - `memory_policy`: an `aclrtMemMallocPolicy` for what the library allocates.
    - `fifo`, `model_desc`, `kernel`, `kernel_args`, `static_task`, `dynamic_task`: memory for these parts.
    """

    priority: int | None = None
    work: DeviceBuffer | None = None
    weights: DeviceBuffer | None = None
    weight_path: "str | os.PathLike[str] | None" = None
    external_weights: Mapping[str, DeviceBuffer] | None = None
    memory_optimize: bool | None = None
    without_graph: bool | None = None
    memory_policy: int | None = None
    fifo: DeviceBuffer | None = None
    model_desc: DeviceBuffer | None = None
    kernel: DeviceBuffer | None = None
    kernel_args: DeviceBuffer | None = None
    static_task: DeviceBuffer | None = None
    dynamic_task: DeviceBuffer | None = None

    @property
    def given(self) -> Mapping[str, Any]:
        """The options that are not None."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def buffers(self) -> Iterator[tuple[str, DeviceBuffer]]:
        """The device buffers among the options, each with what it is called in a message."""
        given = self.given
        yield from ((name, given[name]) for name in _MEMORY if name in given)
        if self.external_weights is not None:
            yield from ((f"external_weights[{name!r}]", buffer) for name, buffer in self.external_weights.items())

    def check(self, session: "Session") -> None:
        """Check what can be told before the library is asked.

        Raises:
            InvalidArgumentError: An option is not what it should be, or a buffer is another session's.
            StateError: A buffer is closed.
        """
        weights = self.external_weights
        if weights is not None and not (
            isinstance(weights, Mapping) and all(isinstance(name, str) for name in weights)
        ):
            raise InvalidArgumentError(
                f"external_weights takes device buffers by file name, in a mapping; it is {weights!r}"
            )
        for what, buffer in self.buffers():
            if not isinstance(buffer, DeviceBuffer):
                raise InvalidArgumentError(f"{what} is of type {type(buffer).__name__}; it takes a DeviceBuffer")
            if buffer._session is not session:
                raise InvalidArgumentError(f"{what} is device memory of another session")
            buffer._check_open()


def load(session: "Session", source: Source, options: LoadOptions | None) -> int:
    """Load a model; returns its id (aclmdlLoadFromFile, aclmdlLoadFromMem, aclmdlLoadWithConfig).

    Raises:
        UnsupportedError: The library does not know an option; the message names it.
        InvalidArgumentError: An option is refused.
        AclError: The model cannot be loaded.
    """
    out = ffi.new("uint32_t *")
    if options is not None or not session.backend.supports("aclmdlLoadFromFile"):  # IPV350 has one way only
        _load_with_config(session, source, options or LoadOptions(), out)
    elif isinstance(source, bytes):
        session.call("aclmdlLoadFromMem", source, len(source), out)
    else:
        session.call("aclmdlLoadFromFile", source_path(source), out)
    return int(out[0])


def _load_with_config(session: "Session", source: Source, options: LoadOptions, out: Any) -> None:
    handle = session.create("aclmdlCreateConfigHandle")
    try:
        _set_options(session, handle, options)
        # What the handle points to must live until the load is done: IPV350 copies nothing (MD12.07).
        text = ffi.from_buffer("char[]", source if isinstance(source, bytes) else source_path(source) + b"\0")
        pointer = ffi.new("void **", ffi.cast("void *", text))
        own = bool(options.work or options.weights)
        if isinstance(source, bytes):
            kind = lib.ACL_MDL_LOAD_FROM_MEM_WITH_MEM if own else lib.ACL_MDL_LOAD_FROM_MEM
            _set(session, handle, lib.ACL_MDL_MEM_ADDR_PTR, pointer)
            _set(session, handle, lib.ACL_MDL_MEM_SIZET, ffi.new("size_t *", len(source)))
        else:
            if options.weight_path is not None:
                raise InvalidArgumentError(
                    "weight_path is for a model that is loaded from its bytes; a file has its weights beside it"
                )
            kind = lib.ACL_MDL_LOAD_FROM_FILE_WITH_MEM if own else lib.ACL_MDL_LOAD_FROM_FILE
            _set(session, handle, lib.ACL_MDL_PATH_PTR, pointer)
        _set(session, handle, lib.ACL_MDL_LOAD_TYPE_SIZET, ffi.new("size_t *", kind))
        session.call("aclmdlLoadWithConfig", handle, out)
    finally:
        session.call("aclmdlDestroyConfigHandle", handle)


def _set(session: "Session", handle: Any, attribute: int, stored: Any) -> None:
    session.call("aclmdlSetConfigOpt", handle, attribute, stored, ffi.sizeof(ffi.typeof(stored).item))


def _set_options(session: "Session", handle: Any, options: LoadOptions) -> None:
    for name, value in options.given.items():
        if name in _NUMBERS:
            attribute, c_type = _NUMBERS[name]
            stored, always = number(name, c_type, value), ffi.new(f"{c_type} *", 0)
            set_option(session, "aclmdlSetConfigOpt", handle, name, attribute, stored, always=always)
        elif name in _MEMORY:
            address, size = _MEMORY[name]
            stored = ffi.new("void **", value.pointer)
            set_option(session, "aclmdlSetConfigOpt", handle, name, address, stored, always=stored)
            _set(session, handle, size, ffi.new("size_t *", value.size))
        elif name == "weight_path":
            _set_weight_path(session, handle, value)
        else:
            _set_external_weights(session, handle, value)


def _set_weight_path(session: "Session", handle: Any, path: "str | os.PathLike[str]") -> None:
    text = ffi.new("char[]", encode_path(path))
    stored = ffi.new("char **", text)  # copied by the library (MD4.19)
    set_option(session, "aclmdlSetConfigOpt", handle, "weight_path", lib.ACL_MDL_WEIGHT_PATH_PTR, stored, always=stored)


def _set_external_weights(session: "Session", handle: Any, weights: Mapping[str, DeviceBuffer]) -> None:
    backend = session.backend
    if not backend.supports("aclmdlSetExternalWeightAddress"):
        raise unknown("external_weights")
    for name, buffer in weights.items():
        if code := backend.aclmdlSetExternalWeightAddress(handle, encode_path(name), buffer.pointer, buffer.size):
            about = f"external_weights[{name!r}] cannot be {buffer.size} bytes"
            raise error_of(code, "aclmdlSetExternalWeightAddress", recent_message(backend), about=about)


class ModelSize(NamedTuple):
    """Bytes of device memory that a model takes: for work, and for its weights."""

    work: int
    weights: int


def query_size(session: "Session", source: Source) -> ModelSize:
    """Ask how much memory a model takes (aclmdlQuerySize, aclmdlQuerySizeFromMem)."""
    work, weights = ffi.new("size_t *"), ffi.new("size_t *")
    if isinstance(source, bytes):
        session.call("aclmdlQuerySizeFromMem", source, len(source), work, weights)
    else:
        session.call("aclmdlQuerySize", source_path(source), work, weights)
    return ModelSize(int(work[0]), int(weights[0]))

"""Good arguments for every function that the simulator models, and bad ones to try in their place.

The cases follow from the C declarations: each pointer NULL, each handle destroyed, of another kind or of another
machine, each stream of another context, each enum out of range, each number as small and as large as its type holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aclcffi
from build_acl import Function, Parameter, read_declarations, slot_order
from tests.contract import models
from tests.contract.conftest import NULL, Acl

ffi, lib = aclcffi.ffi, aclcffi.lib

FUNCTIONS = {function.name: function for function in slot_order(read_declarations())}
SIZE = 64
NOWHERE = 99
"""An id or index that nothing has."""


def handle_kind(parameter: Parameter) -> str | None:
    """Which kind of handle a parameter is; None for everything else."""
    kind = parameter.type.removeprefix("const ").strip()
    return kind if kind in HANDLES else None


class Kind(NamedTuple):
    """A kind of handles: how a test makes and destroys one, and what a dead one is answered with."""

    make: Callable[[Bench], Any]
    destroy: str = ""
    dead: int = 100000


class Bench:
    """A machine with device 0 of two set, and whatever a call needs made when it is asked for."""

    def __init__(self, acl: Acl) -> None:
        self.acl = acl
        self._kept: list[Any] = []
        self._model: models.Program | None = None
        acl.start()

    def keep(self, value: Any) -> Any:
        """Let a value live as long as this."""
        self._kept.append(value)
        return value

    def place(self, c_type: str, value: Any = None) -> Any:
        """A place that holds a value."""
        return self.keep(ffi.new(ffi.getctype(c_type, "*"), value))

    def text(self, value: bytes) -> Any:
        """A C string."""
        return self.keep(ffi.new("char[]", value))

    def callback(self, c_type: str) -> Any:
        """A C function that does nothing."""
        result = ffi.typeof(c_type).result
        return self.keep(ffi.callback(c_type, lambda *_: None if result.kind == "void" else NULL_OF[result.kind]))

    @property
    def model(self) -> models.Program:
        """A loaded model with datasets that fit."""
        if self._model is None:
            self._model = models.Program(self.acl, models.weighted())
        return self._model

    def handle(self, kind: str) -> Any:
        """A new handle."""
        return self.keep(HANDLES[kind].make(self))

    def dead(self, kind: str) -> Any:
        """A handle that was destroyed."""
        made = self.handle(kind)
        if HANDLES[kind].destroy:
            getattr(self.acl, HANDLES[kind].destroy)(made)
        return made

    def elsewhere(self) -> Any:
        """A stream of another context; the current one stays."""
        current = self.acl.current_context()
        self.acl.context()
        stream = self.acl.stream()
        self.acl.ok(self.acl.aclrtSetCurrentContext(current))
        return stream

    def arguments(self, function: Function) -> list[Any]:
        """Arguments with which a call succeeds."""
        given = GOOD[function.name](self) if function.name in GOOD else {}
        return [
            given[parameter.name] if parameter.name in given else self.usual(function, index)
            for index, parameter in enumerate(function.parameters)
        ]

    def usual(self, function: Function, index: int) -> Any:
        """What is good for a parameter of this name or type."""
        parameter, c_type = function.parameters[index], type_of(function, index)
        kind = handle_kind(parameter)
        if kind is not None:
            return self.handle(kind)
        if parameter.name in USUAL:
            return USUAL[parameter.name](self)
        if is_function_pointer(c_type):
            return self.callback(ffi.getctype(c_type))
        if c_type.kind == "pointer":
            if c_type.item.kind == "void":
                return self.acl.malloc(SIZE)
            if c_type.item.cname == "char":
                return self.text(b"name")
            return self.keep(ffi.new(ffi.getctype(c_type.item, "[4]")))
        return 0


NULL_OF: dict[str, Any] = {"primitive": 0, "enum": 0, "pointer": NULL}


def type_of(function: Function, index: int) -> Any:
    """The C type of a parameter."""
    return ffi.typeof(getattr(lib, function.name)).args[index]


def is_function_pointer(c_type: Any) -> bool:
    """Whether a C type is a pointer to a function."""
    return bool(c_type.kind == "function" or (c_type.kind == "pointer" and c_type.item.kind == "function"))


def _made(bench: Bench, c_type: str, name: str, *arguments: Any) -> Any:
    place = bench.acl.out(c_type)
    bench.acl.ok(getattr(bench.acl, name)(place, *arguments))
    return place[0]


def _event(bench: Bench) -> Any:
    event = _made(bench, "aclrtEvent", "aclrtCreateEvent")
    bench.acl.ok(bench.acl.aclrtRecordEvent(event, NULL))
    bench.acl.synchronize()
    return event


def _old_event(bench: Bench) -> Any:
    return _made(bench, "aclrtEvent", "aclrtCreateEventWithFlag", lib.ACL_EVENT_SYNC)


def _context(bench: Bench) -> Any:
    current = bench.acl.current_context()
    made = bench.acl.context()
    bench.acl.ok(bench.acl.aclrtSetCurrentContext(current))
    return made


def _tensor(bench: Bench) -> Any:
    return bench.acl.aclCreateTensorDesc(lib.ACL_FLOAT, 1, [4], lib.ACL_FORMAT_ND)


def _info(bench: Bench) -> Any:
    """An exception info is good in its callback only; what comes out of it is dead."""
    seen: list[Any] = []
    bench.acl.ok(bench.acl.aclrtSetExceptionInfoCallback(ffi.callback("aclrtExceptionInfoCallback", seen.append)))
    bench.acl.failing_work()
    bench.acl.aclrtSynchronizeStream(NULL)
    bench.acl.ok(bench.acl.aclrtSetExceptionInfoCallback(NULL))
    bench.acl.message()
    return seen[0]


HANDLES = {
    "aclrtStream": Kind(lambda bench: bench.acl.stream(), "aclrtDestroyStream", 107017),
    "aclrtEvent": Kind(_event, "aclrtDestroyEvent", 107017),
    "aclrtNotify": Kind(
        lambda bench: _made(bench, "aclrtNotify", "aclrtCreateNotify", 0), "aclrtDestroyNotify", 107017
    ),
    "aclrtCntNotify": Kind(
        lambda bench: _made(bench, "aclrtCntNotify", "aclrtCntNotifyCreate", 0), "aclrtCntNotifyDestroy", 107017
    ),
    "aclrtContext": Kind(_context, "aclrtDestroyContext", 107000),
    "aclrtAllocatorDesc": Kind(lambda bench: bench.acl.aclrtAllocatorCreateDesc(), "aclrtAllocatorDestroyDesc"),
    "aclrtStreamConfigHandle *": Kind(
        lambda bench: bench.acl.aclrtCreateStreamConfigHandle(), "aclrtDestroyStreamConfigHandle"
    ),
    "aclrtExceptionInfo *": Kind(_info),
    "aclDataBuffer *": Kind(
        lambda bench: bench.acl.aclCreateDataBuffer(bench.acl.malloc(SIZE), SIZE), "aclDestroyDataBuffer"
    ),
    "aclTensorDesc *": Kind(_tensor, "aclDestroyTensorDesc"),
    "aclmdlDataset *": Kind(
        lambda bench: models.dataset(bench.acl, [bench.handle("aclDataBuffer *")]), "aclmdlDestroyDataset"
    ),
    "aclmdlDesc *": Kind(lambda bench: models.described(bench.acl, bench.model.id), "aclmdlDestroyDesc"),
    "aclmdlConfigHandle *": Kind(lambda bench: bench.acl.aclmdlCreateConfigHandle(), "aclmdlDestroyConfigHandle"),
    "aclmdlExecConfigHandle *": Kind(
        lambda bench: bench.acl.aclmdlCreateExecConfigHandle(), "aclmdlDestroyExecConfigHandle"
    ),
}

USUAL: dict[str, Callable[[Bench], Any]] = {}
GOOD: dict[str, Callable[[Bench], dict[str, Any]]] = {}

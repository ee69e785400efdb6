"""Gears: the shapes that a model was built for, and the choice of one for each execution."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from _aclcffi import ffi, lib

from aclcffi.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aclcffi.description import TensorInfo
    from aclcffi.session import Session

_ALL_INPUTS = (1 << 64) - 1
NUMBER_BYTES = 8
"""Bytes of each number in a gear buffer of ours: the wide form (MD8.07)."""


class GearInfo(NamedTuple):
    """The gears of a model.

    `kind` is "batch", "hw" or "dims"; each of `values` is a batch size, a height and a width, or the dims that vary, in
    the order of the inputs. `position` is the place of the input that tells the device which gear it is.
    """

    kind: str
    values: tuple[tuple[int, ...], ...]
    position: int

    def choose(self, inputs: "tuple[TensorInfo, ...]", shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The gear that fits the shapes of the inputs.

        Raises:
            InvalidArgumentError: None does; the message lists them.
        """
        found: list[tuple[int, ...]] = []
        for tensor, shape in zip(inputs, shapes, strict=True):
            varying = tuple(dim for dim, own in zip(shape, tensor.shape, strict=True) if own < 0)
            if varying:
                found.append(varying)
        value = tuple(dim for part in found for dim in part) if self.kind == "dims" else (found[0] if found else ())
        if value not in self.values or (self.kind != "dims" and len(set(found)) > 1):
            given = ", ".join(f"{tensor.name} {shape}" for tensor, shape in zip(inputs, shapes, strict=True))
            raise InvalidArgumentError(
                f"the shapes {given} fit no gear of the model: {self.kind} {', '.join(map(str, self.values))}"
            )
        return value


def read_gears(session: "Session", desc: Any, names: list[str]) -> GearInfo | None:
    """The gears of a description (aclmdlGetDynamicBatch, ...HW, aclmdlGetInputDynamicDims); None without."""
    name = ffi.string(lib.ACL_DYNAMIC_TENSOR_NAME).decode()
    if name not in names or not session.backend.supports("aclmdlGetDynamicBatch"):
        return None
    index = names.index(name)
    batch = ffi.new("aclmdlBatch *")
    session.call("aclmdlGetDynamicBatch", desc, batch)
    if batch.batchCount:
        return GearInfo("batch", tuple((int(batch.batch[gear]),) for gear in range(batch.batchCount)), index)
    hw = ffi.new("aclmdlHW *")
    session.call("aclmdlGetDynamicHW", desc, _ALL_INPUTS, hw)
    if hw.hwCount:
        return GearInfo("hw", tuple((int(hw.hw[gear][0]), int(hw.hw[gear][1])) for gear in range(hw.hwCount)), index)
    return GearInfo("dims", _read_dims(session, desc, len(names)), index)


def _read_dims(session: "Session", desc: Any, inputs: int) -> tuple[tuple[int, ...], ...]:
    count = ffi.new("size_t *")
    session.call("aclmdlGetInputDynamicGearCount", desc, _ALL_INPUTS, count)
    gears = ffi.new("aclmdlIODims[]", max(int(count[0]), 1))
    session.call("aclmdlGetInputDynamicDims", desc, _ALL_INPUTS, gears, count[0])
    varying: list[bool] = []
    own = ffi.new("aclmdlIODims *")
    for index in range(inputs - 1):  # the last one is the gear input
        session.call("aclmdlGetInputDims", desc, index, own)
        varying += [dim < 0 for dim in own.dims[0 : own.dimCount]]
    return tuple(
        tuple(int(gears[gear].dims[place]) for place, varies in enumerate(varying) if varies)
        for gear in range(int(count[0]))
    )


class CurrentGear:
    """The gear that a loaded model is in, which all its executions share: one thread at a time chooses."""

    def __init__(self, session: "Session", gears: GearInfo, outputs: int) -> None:
        self._session = session
        self._gears = gears
        self._outputs = outputs
        self._lock = threading.Lock()
        self._shapes: dict[tuple[int, ...], list[tuple[int, ...]]] = {}

    def choose(
        self, model_id: int, dataset: Any, value: tuple[int, ...], shapes: Sequence[tuple[int, ...]]
    ) -> list[tuple[int, ...]]:
        """Choose a gear for a dataset; returns the outputs' shapes in it."""
        with self._lock:  # another gear in between would give its shapes to this one
            _set_gear(self._session, model_id, dataset, self._gears, value, shapes)
            if value not in self._shapes:
                self._shapes[value] = _current_output_shapes(self._session, model_id, self._outputs)
            return self._shapes[value]


def _set_gear(
    session: "Session",
    model_id: int,
    dataset: Any,
    gears: GearInfo,
    value: tuple[int, ...],
    shapes: Sequence[tuple[int, ...]],
) -> None:
    """Choose a gear for a dataset (aclmdlSetDynamicBatchSize, aclmdlSetDynamicHWSize, aclmdlSetInputDynamicDims)."""
    if gears.kind == "batch":
        session.call("aclmdlSetDynamicBatchSize", model_id, dataset, gears.position, value[0])
    elif gears.kind == "hw":
        session.call("aclmdlSetDynamicHWSize", model_id, dataset, gears.position, *value)
    else:
        dims = ffi.new("aclmdlIODims *")
        together = [dim for shape in shapes for dim in shape]
        dims.dimCount = len(together)
        dims.dims[0 : len(together)] = together
        session.call("aclmdlSetInputDynamicDims", model_id, dataset, gears.position, dims)


def _current_output_shapes(session: "Session", model_id: int, outputs: int) -> list[tuple[int, ...]]:
    """The outputs' shapes in the gear that was chosen last (aclmdlGetCurOutputDims)."""
    desc = session.create("aclmdlCreateDesc")
    try:
        session.call("aclmdlGetDesc", desc, model_id)
        dims = ffi.new("aclmdlIODims *")
        shapes = []
        for index in range(outputs):
            session.call("aclmdlGetCurOutputDims", desc, index, dims)
            shapes.append(tuple(int(dim) for dim in dims.dims[0 : dims.dimCount]))
        return shapes
    finally:
        session.call("aclmdlDestroyDesc", desc)

"""What a model takes and gives."""

from typing import TYPE_CHECKING, Any, NamedTuple

from _aclcffi import ffi

from aclcffi.dtypes import dtype_of, name_of
from aclcffi.gears import GearInfo, read_gears

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.session import Session


class TensorInfo(NamedTuple):
    """One input or output of a model: name, shape, aclDataType, aclFormat, and size in bytes."""

    name: str
    shape: tuple[int, ...]
    data_type: int
    format: int
    size: int

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The numpy dtype (ml_dtypes' for bfloat16 and the 8-bit floats).

        Raises:
            TypeError: Neither numpy nor ml_dtypes has one.
        """
        return dtype_of(self.data_type)

    @property
    def dtype_name(self) -> str:
        """The dtype's name; works without numpy."""
        return name_of(self.data_type)

    @property
    def format_name(self) -> str:
        """The layout's name, such as "NCHW" or "ND"."""
        from aclcffi.constants import aclFormat  # not at import: its classes take milliseconds to make

        try:
            return aclFormat(self.format).name.removeprefix("ACL_FORMAT_")
        except ValueError:
            return str(self.format)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype_name}[{', '.join(map(str, self.shape))}]"


class ModelDescription(NamedTuple):
    """All inputs and outputs of a model, in the model's order (aclmdlDesc).

    A dim that is -1 varies. With `gears` it takes one of a few values; the input that says which is left out here.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    gears: GearInfo | None = None

    @property
    def dynamic(self) -> bool:
        """Whether a dim varies without gears: a dynamic-shape model."""
        tensors = self.inputs + self.outputs
        return self.gears is None and any(dim < 0 for tensor in tensors for dim in tensor.shape)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"


def describe(session: "Session", model_id: int) -> ModelDescription:
    """Read the description of a loaded model (aclmdlGetDesc and its getters).

    Raises:
        AclError: The id is unknown.
    """
    desc = session.create("aclmdlCreateDesc")
    try:
        session.call("aclmdlGetDesc", desc, model_id)
        inputs = _tensors(session, desc, "Input")
        gears = read_gears(session, desc, [tensor.name for tensor in inputs])
        if gears is not None:
            inputs = inputs[: gears.position] + inputs[gears.position + 1 :]
        return ModelDescription(inputs, _tensors(session, desc, "Output"), gears)
    finally:
        session.call("aclmdlDestroyDesc", desc)


def _tensors(session: "Session", desc: Any, side: str) -> tuple[TensorInfo, ...]:
    backend = session.backend
    count = getattr(backend, f"aclmdlGetNum{side}s")(desc)
    return tuple(_tensor(session, desc, side, index) for index in range(count))


def _tensor(session: "Session", desc: Any, side: str, index: int) -> TensorInfo:
    backend = session.backend
    dims = ffi.new("aclmdlIODims *")
    session.call(f"aclmdlGet{side}Dims", desc, index, dims)
    return TensorInfo(
        # Names are UTF-8 in practice, and bytes for ACL.
        name=ffi.string(getattr(backend, f"aclmdlGet{side}NameByIndex")(desc, index)).decode(errors="backslashreplace"),
        shape=tuple(int(dim) for dim in dims.dims[0 : dims.dimCount]),
        data_type=getattr(backend, f"aclmdlGet{side}DataType")(desc, index),
        format=getattr(backend, f"aclmdlGet{side}Format")(desc, index),
        size=getattr(backend, f"aclmdlGet{side}SizeByIndex")(desc, index),
    )

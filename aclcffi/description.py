"""What a model takes and gives."""

from typing import TYPE_CHECKING, Any, NamedTuple

from _aclcffi import ffi

from aclcffi import tables
from aclcffi.dtypes import dtype_of, name_of
from aclcffi.gears import GearInfo, read_gears

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.session import Session


class TensorInfo(NamedTuple):
    """One input or output of a model: name, shape, aclDataType, aclFormat, and size in bytes.

    A dim that is -1 varies. The size is then that of the largest shape, 0 where nothing bounds it. `ranges` are the
    least and the greatest value of each dim of a dynamic-shape model's input (-1: no limit); empty for other tensors.
    """

    name: str
    shape: tuple[int, ...]
    data_type: int
    format: int
    size: int
    ranges: tuple[tuple[int, int], ...] = ()

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

    @property
    def fixed(self) -> bool:
        """Whether no dim varies."""
        return all(dim >= 0 for dim in self.shape)

    @property
    def bound(self) -> int:
        """Bytes that hold it in every shape, at least 1; 0 where nothing bounds it."""
        return self.size or (1 if self.fixed else 0)

    @property
    def dims(self) -> tuple[str, ...]:
        """The dims as text: a number, a range such as "1..16", or "-1" for one that varies without a known limit."""
        if not self.ranges:
            return tuple(map(str, self.shape))
        return tuple(
            f"{least}..{most}" if dim < 0 <= most else str(dim)
            for dim, (least, most) in zip(self.shape, self.ranges, strict=True)
        )

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of that shape can be it."""
        ranges = self.ranges or ((0, -1),) * len(self.shape)
        return len(shape) == len(self.shape) and all(
            dim == own if own >= 0 else most < 0 or least <= dim <= most
            for dim, own, (least, most) in zip(shape, self.shape, ranges, strict=True)
        )

    @property
    def limits(self) -> str:
        """The shapes that fit it, as text: `(1..16, 3)`."""
        return f"({', '.join(self.dims)}{',' if len(self.shape) == 1 else ''})"

    def __str__(self) -> str:
        return f"{tables.printable(self.name)}: {self.dtype_name}[{', '.join(self.dims)}]"

    def __repr__(self) -> str:
        return f"<TensorInfo {self}, {self.format_name}, {tables.size_text(self)}>"


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

    @property
    def signature(self) -> str:
        """What goes in and what comes out, in one line."""
        return f"({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"

    def __str__(self) -> str:
        return tables.as_text(self)

    def __repr__(self) -> str:
        return f"<ModelDescription {self.signature}{f', {tables.gears_text(self.gears)}' if self.gears else ''}>"

    def _repr_html_(self) -> str:
        return tables.as_html(self)


def describe(session: "Session", function: str, *arguments: Any) -> ModelDescription:
    """Read a description with a function that fills a desc (aclmdlGetDesc, aclmdlGetDescFromFile, ...FromMem).

    Raises:
        AclError: What it answers.
    """
    desc = session.create("aclmdlCreateDesc")
    try:
        session.call(function, desc, *arguments)
        inputs = _tensors(session, desc, "Input")
        gears = read_gears(session, desc, [tensor.name for tensor in inputs])
        if gears is not None:
            inputs = inputs[: gears.position] + inputs[gears.position + 1 :]
        elif session.backend.supports("aclmdlGetInputDimsRange"):
            inputs = tuple(_with_ranges(session, desc, index, tensor) for index, tensor in enumerate(inputs))
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


def _with_ranges(session: "Session", desc: Any, index: int, tensor: TensorInfo) -> TensorInfo:
    """An input with the ranges of its dims, where they vary (aclmdlGetInputDimsRange)."""
    if tensor.fixed:
        return tensor
    found = ffi.new("aclmdlIODimsRange *")
    session.call("aclmdlGetInputDimsRange", desc, index, found)
    ranges = tuple((int(found.range[dim][0]), int(found.range[dim][1])) for dim in range(found.rangeCount))
    return tensor._replace(ranges=ranges) if len(ranges) == len(tensor.shape) else tensor

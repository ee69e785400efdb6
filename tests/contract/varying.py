"""Models whose shapes vary, with gears and without, and short ways to use them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from aclsim import TensorSpec
from aclsim.backend import SimulatorBackend
from onnx import TensorProto, helper

from tests.contract.acl import NULL, Acl
from tests.contract.models import Array, Program, build, data_buffers, dataset, described, load, tensor

ENOGEAR = 145013
ELENGTH = 145012
EFAILED = 507011
EMEMORY = 507053
GEAR_INPUT = b"ascend_mbatch_shape_data"
RNG_SEED = 20260801


# -- models ----------------------------------------------------------------------------------------------------------


def linear() -> bytes:
    """y [batch, 2] = x [batch, 3] times weights."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [3, 2], [1, 2, 3, 4, 5, 6])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return build([node], [tensor("x", ["batch", 3])], [tensor("y", ["batch", 2])], [weights])


def convolution() -> bytes:
    """y [1, 1, h - 1, w - 2] = the convolution of x [1, 1, h, w] with a kernel of 2 by 3."""
    kernel = helper.make_tensor("k", TensorProto.FLOAT, [1, 1, 2, 3], [1, 2, 3, 4, 5, 6])
    node = helper.make_node("Conv", ["x", "k"], ["y"])
    return build([node], [tensor("x", [1, 1, "h", "w"])], [tensor("y", [1, 1, "p", "q"])], [kernel])


def product() -> bytes:
    """y [rows, columns] = left [rows, inner] times right [inner, columns]: several symbolic dims in two inputs."""
    node = helper.make_node("MatMul", ["left", "right"], ["y"])
    inputs = [tensor("left", ["rows", "inner"]), tensor("right", ["inner", "columns"])]
    return build([node], inputs, [tensor("y", ["rows", "columns"])])


def nonzero() -> bytes:
    """indices [1, count] of the elements of x [n] that are not 0, as int64: only the data tells how many."""
    node = helper.make_node("NonZero", ["x"], ["indices"])
    return build([node], [tensor("x", ["n"])], [tensor("indices", [1, "count"], TensorProto.INT64)])


def reference(data: bytes, **feeds: Array) -> list[Array]:
    """What onnxruntime itself computes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    results: list[Array] = session.run(None, feeds)
    return results


def numbers(*shape: int) -> Array:
    """Some floats, the same each time."""
    return np.random.default_rng(RNG_SEED).standard_normal(shape).astype(np.float32)


# -- registering and loading -----------------------------------------------------------------------------------------


def register(acl: Acl, name: str = "model", **options: Any) -> bytes:
    """Register a model with a machine; returns its path as C takes it."""
    assert isinstance(acl.backend, SimulatorBackend)
    return acl.backend.register_model(name, **options).encode()


def anything(**_: Array) -> Array:
    """A function for a model that is never executed."""
    raise AssertionError


def load_path(acl: Acl, path: bytes) -> int:
    """Load a model file; returns its id."""
    place = acl.out("uint32_t")
    acl.ok(acl.aclmdlLoadFromFile(path, place))
    return int(place[0])


def write_model(folder: Path, data: bytes) -> bytes:
    """Write a model file; returns its path as C takes it."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    return str(path).encode()


# -- dims ------------------------------------------------------------------------------------------------------------


def dims_of(place: Any) -> tuple[int, ...]:
    """The dims in an aclmdlIODims."""
    return tuple(place.dims[0 : place.dimCount])


def io_dims(acl: Acl, *dims: int) -> Any:
    """An aclmdlIODims with these dims."""
    place = acl.out("aclmdlIODims")
    place.dimCount = len(dims)
    place.dims[0 : len(dims)] = dims
    return place


def input_dims(acl: Acl, desc: Any, index: int = 0) -> tuple[int, ...]:
    """aclmdlGetInputDims."""
    place = acl.out("aclmdlIODims")
    acl.ok(acl.aclmdlGetInputDims(desc, index, place))
    return dims_of(place)


def output_dims(acl: Acl, desc: Any, index: int = 0) -> tuple[int, ...]:
    """aclmdlGetOutputDims."""
    place = acl.out("aclmdlIODims")
    acl.ok(acl.aclmdlGetOutputDims(desc, index, place))
    return dims_of(place)


def current_dims(acl: Acl, model_id: int, index: int = 0) -> tuple[int, ...]:
    """aclmdlGetCurOutputDims, of a new description."""
    place, desc = acl.out("aclmdlIODims"), described(acl, model_id)
    acl.ok(acl.aclmdlGetCurOutputDims(desc, index, place))
    acl.ok(acl.aclmdlDestroyDesc(desc))
    return dims_of(place)


def tensor_desc(acl: Acl, dims: Sequence[int], dtype: int = Acl.lib.ACL_FLOAT) -> Any:
    """An aclTensorDesc of these dims."""
    return acl.aclCreateTensorDesc(dtype, len(dims), list(dims), acl.lib.ACL_FORMAT_ND)


def shape_of(acl: Acl, desc: Any) -> tuple[int, ...]:
    """The dims of an aclTensorDesc."""
    place, found = acl.out("int64_t"), []
    for index in range(acl.aclGetTensorDescNumDims(desc)):
        acl.ok(acl.aclGetTensorDescDimV2(desc, index, place))
        found.append(int(place[0]))
    return tuple(found)


# -- programs --------------------------------------------------------------------------------------------------------


def gear_index(acl: Acl, model_id: int) -> int:
    """Where the gear input is."""
    desc, place = described(acl, model_id), acl.out("size_t")
    acl.ok(acl.aclmdlGetInputIndexByName(desc, GEAR_INPUT, place))
    acl.ok(acl.aclmdlDestroyDesc(desc))
    return int(place[0])


def give_room(program: Program, size: int) -> Any:
    """Give the gear input of a program a buffer of `size` bytes, all 0xFF, with more behind it; returns the memory."""
    acl, index = program.acl, len(program.input_buffers) - 1
    memory = acl.malloc(size + 64, b"\xff" * (size + 64))
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[index], memory, size))
    program.input_memory[index], program.input_sizes[index] = memory, size
    return memory


def feed(program: Program, *values: Array) -> None:
    """Write inputs, the gear's not among them."""
    for pointer, value in zip(program.input_memory, values, strict=False):
        program.acl.write(pointer, value.tobytes())


def output(program: Program, like: Array, index: int = 0) -> Array:
    """An output of a program as it is in memory, with the shape and the dtype of an array."""
    content = program.acl.read(program.output_memory[index], like.nbytes)
    return np.frombuffer(content, like.dtype).reshape(like.shape)


class Dynamic(Program):
    """A dynamic-shape model with inputs in device memory and a buffer of so many bytes, or without memory, for each output.

    Without `describe` no tensor desc says the inputs' shapes.
    """

    def __init__(
        self, acl: Acl, model_id: int, inputs: Iterable[Array], outputs: Iterable[int | None], *, describe: bool = True
    ) -> None:
        self.acl = acl
        self.id = model_id
        arrays = list(inputs)
        self.input_sizes = [array.nbytes for array in arrays]
        self.input_memory = [acl.malloc(max(array.nbytes, 1), array.tobytes()) for array in arrays]
        self.input_buffers = [
            buffer
            for memory, size in zip(self.input_memory, self.input_sizes, strict=True)
            for buffer in data_buffers(acl, [memory], size)
        ]
        self.output_sizes = [size or 0 for size in outputs]
        self.output_memory = [acl.malloc(size, bytes(size)) if size else NULL for size in self.output_sizes]
        self.output_buffers = [
            acl.aclCreateDataBuffer(memory, size)
            for memory, size in zip(self.output_memory, self.output_sizes, strict=True)
        ]
        self.inputs = dataset(acl, self.input_buffers)
        self.outputs = dataset(acl, self.output_buffers)
        if describe:
            for index, array in enumerate(arrays):
                self.describe(index, array.shape)

    def describe(self, index: int, dims: Sequence[int]) -> None:
        """Set the tensor desc of an input."""
        desc = tensor_desc(self.acl, dims)
        self.acl.ok(self.acl.aclmdlSetDatasetTensorDesc(self.inputs, desc, index))
        self.acl.aclDestroyTensorDesc(desc)

    def output_desc(self, index: int = 0) -> Any:
        """The tensor desc of an output, NULL where there is none."""
        return self.acl.aclmdlGetDatasetTensorDesc(self.outputs, index)

    def output_address(self, index: int = 0) -> Any:
        """The address in the buffer of an output."""
        return self.acl.aclGetDataBufferAddr(self.output_buffers[index])

    def output_bytes(self, index: int = 0) -> int:
        """The size in the buffer of an output."""
        return self.acl.aclGetDataBufferSizeV2(self.output_buffers[index])


def liner(acl: Acl, batch: int = 4, room: int | None = 256) -> Dynamic:
    """The model `linear` with a batch of so many, and room for the output."""
    return Dynamic(acl, load(acl, linear()), [numbers(batch, 3)], [room])


def result(batch: int = 4) -> Array:
    """What `liner` computes."""
    return reference(linear(), x=numbers(batch, 3))[0]


def bounded(acl: Acl, shape: tuple[int, ...], bounds: tuple[int, ...] | None, name: str = "bounded") -> int:
    """A loaded model y = x with these dims and their greatest values."""
    both = TensorSpec("x", shape, max_shape=bounds), TensorSpec("y", shape, max_shape=bounds)
    return load_path(acl, register(acl, name, function=lambda x: x, inputs=both[:1], outputs=both[1:]))

"""Tiny ONNX models and short ways to use them, for the tests of the model half of the contract.

Everything here goes through the C functions, on the main library (products "generic", "310P") and on the small one
("IPV350") alike.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from tests.contract.acl import NULL, Acl, OpenAcl

EINVAL = 100000
ENOTSUP = 200001
ENOINIT = 145001
EPATH = 145002
EMODELID = 145003
ESIZE = 145006
EPARAM = 145000
EGE = 500002
UNKNOWN = 4711
"""An id that no model has."""

MAIN = ("generic", "310P")
SMALL = "IPV350"
PRODUCTS = (*MAIN, SMALL)
OM_MAGIC = b"IMOD"
GARBAGE = b"no model at all, but more than the four bytes of a magic"

Array: TypeAlias = npt.NDArray[Any]


# -- models ----------------------------------------------------------------------------------------------------------


def tensor(name: str, dims: Sequence[int | str], element: int = TensorProto.FLOAT) -> Any:
    """An input or output; a name as a dimension makes it symbolic."""
    return helper.make_tensor_value_info(name, element, dims)


def build(
    nodes: Iterable[Any], inputs: Iterable[Any], outputs: Iterable[Any], weights: Iterable[Any] = (), opset: int = 17
) -> bytes:
    """The bytes of an ONNX file. Nothing is checked: it may be as wrong as a test wants it."""
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def add(count: int = 4) -> bytes:
    """sum = a + b, `count` floats each."""
    node = helper.make_node("Add", ["a", "b"], ["sum"])
    return build([node], [tensor("a", [count]), tensor("b", [count])], [tensor("sum", [count])])


def weighted(weights: Sequence[float] = (1, 2, 3, 4)) -> bytes:
    """y = x + w, where w are weights in the file."""
    count = len(weights)
    constant = helper.make_tensor("w", TensorProto.FLOAT, [count], list(weights))
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return build([node], [tensor("x", [count])], [tensor("y", [count])], [constant])


def external(location: str = "weights.bin", count: int = 8, **entries: int) -> bytes:
    """y = x + w, where w are `count` floats in another file; `entries` are offset and length there."""
    constant = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[count], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        constant.external_data.add(key=key, value=str(value))
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return build([node], [tensor("x", [count])], [tensor("y", [count])], [constant])


def two_of_each() -> bytes:
    """sum and difference of left [2, 3] and right [2, 3]: two inputs, two outputs."""
    nodes = [
        helper.make_node("Add", ["left", "right"], ["sum"]),
        helper.make_node("Sub", ["left", "right"], ["difference"]),
    ]
    sides = [tensor("left", [2, 3]), tensor("right", [2, 3])]
    return build(nodes, sides, [tensor("sum", [2, 3]), tensor("difference", [2, 3])])


def identity(
    dims: Sequence[int | str], element: int = TensorProto.FLOAT, names: tuple[str, str] = ("x", "y"), opset: int = 17
) -> bytes:
    """y = x of any shape and element type."""
    source, target = names
    node = helper.make_node("Identity", [source], [target])
    return build([node], [tensor(source, dims, element)], [tensor(target, dims, element)], opset=opset)


def gather() -> bytes:
    """picked = data[index]: four floats, one int64. An index outside 0..3 makes the computation fail."""
    node = helper.make_node("Gather", ["data", "index"], ["picked"])
    inputs = [tensor("data", [4]), tensor("index", [1], TensorProto.INT64)]
    return build([node], inputs, [tensor("picked", [1])])


def passing(count: int, names: Sequence[str]) -> bytes:
    """As many outputs as names, each of which is its input of `count` floats, under "out_" and the same name."""
    nodes = [helper.make_node("Identity", [name], [f"out_{name}"]) for name in names]
    return build(nodes, [tensor(name, [count]) for name in names], [tensor(f"out_{name}", [count]) for name in names])


def om_file(announced: int, size: int, *, wide: bool = False) -> bytes:
    """The header of an .om file that announces so many bytes behind it, in a file of `size` bytes.

    A wide one is of a version that keeps the number in 64 bits elsewhere.
    """
    header = bytearray(256)
    header[:4] = OM_MAGIC
    header[8:12] = (0x20000000 if wide else 0x10000000).to_bytes(4, "little")
    if wide:
        header[184:192] = announced.to_bytes(8, "little")
    else:
        header[76:80] = announced.to_bytes(4, "little")
    return bytes(header[:size]) + bytes(max(size - 256, 0))


def onnx_model(data: bytes) -> Any:
    """The parsed model of an ONNX file's bytes."""
    return onnx.load_model_from_string(data)


# -- machines --------------------------------------------------------------------------------------------------------


def started(open_acl: OpenAcl, product: str, **options: Any) -> Acl:
    """A machine of a product, initialised, with a current context."""
    acl = open_acl(product=product, **options)
    acl.start()
    return acl


def last_message(acl: Acl) -> str:
    """What was said of the last call that failed. Takes all messages."""
    return re.split(r"\n(?=acl\w+: )", acl.message())[-1]


def is_small(acl: Acl) -> bool:
    """Whether the small library answers."""
    return not acl.backend.supports("aclmdlExecute")


# -- handles ---------------------------------------------------------------------------------------------------------


def place_of(acl: Acl, c_type: str, value: Any) -> Any:
    """A place that holds a value: what the option setters take."""
    return acl.ffi.new(acl.ffi.getctype(c_type, "*"), value)


def exec_option(acl: Acl, handle: Any, attr: int, c_type: str, value: Any) -> None:
    """Set an option of an exec config handle."""
    acl.ok(acl.aclmdlSetExecConfigOpt(handle, attr, place_of(acl, c_type, value), acl.ffi.sizeof(c_type)))


def timeout_config(acl: Acl, stream_timeout: int | None = None) -> Any:
    """An exec config handle, with a stream timeout in ms if one is given."""
    handle = acl.aclmdlCreateExecConfigHandle()
    if stream_timeout is not None:
        exec_option(acl, handle, acl.lib.ACL_MDL_STREAM_SYNC_TIMEOUT, "int32_t", stream_timeout)
    return handle


WORK_BYTES = 4096


def work_config(acl: Acl, memory: Any = None, size: int = WORK_BYTES) -> Any:
    """An exec config handle with work memory, of its own if none is given."""
    handle = acl.aclmdlCreateExecConfigHandle()
    exec_option(acl, handle, acl.lib.ACL_MDL_WORK_ADDR_PTR, "void *", acl.malloc(size) if memory is None else memory)
    exec_option(acl, handle, acl.lib.ACL_MDL_WORK_SIZET, "size_t", size)
    return handle


def config_stream(acl: Acl, memory: Any = None, size: int = WORK_BYTES) -> Any:
    """A stream from a stream config handle (aclrtCreateStreamV2), with work memory if some is given."""
    config = acl.aclrtCreateStreamConfigHandle()
    if memory is not None:
        for attr, c_type, value in (
            (acl.lib.ACL_RT_STREAM_WORK_ADDR_PTR, "void *", memory),
            (acl.lib.ACL_RT_STREAM_WORK_SIZE, "size_t", size),
        ):
            acl.ok(acl.aclrtSetStreamConfigOpt(config, attr, place_of(acl, c_type, value), acl.ffi.sizeof(c_type)))
    place = acl.out("aclrtStream")
    acl.ok(acl.aclrtCreateStreamV2(place, config))
    acl.ok(acl.aclrtDestroyStreamConfigHandle(config))
    return place[0]


# -- loading ---------------------------------------------------------------------------------------------------------


def write_file(folder: Path, data: bytes, name: str = "model.onnx") -> bytes:
    """Write a file; returns its path as C takes it."""
    path = folder / name
    path.write_bytes(data)
    return str(path).encode()


class LoadConfig:
    """A config handle for a load, and the memory that it only points at."""

    def __init__(self, acl: Acl, kind: int | None = None) -> None:
        self.acl = acl
        self.handle = acl.aclmdlCreateConfigHandle()
        self.id = acl.ffi.new("uint32_t *", NO_ID)
        self._kept: list[Any] = []
        if kind is not None:
            self.set(acl.lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", kind)

    def set(self, attr: int, c_type: str, value: Any) -> None:
        """Set an attribute; it is taken. Bytes are a C string, or memory with just these bytes for `void *`."""
        if isinstance(value, bytes):
            value = self.acl.ffi.new("char[]", value) if c_type == "char *" else self.acl.host(value)
        if c_type == "void *":
            value = self.acl.ffi.cast(c_type, self.keep(value))
        self.keep(value)
        place, size = place_of(self.acl, c_type, value), self.acl.ffi.sizeof(c_type)
        self.acl.ok(self.acl.aclmdlSetConfigOpt(self.handle, attr, place, size))

    def keep(self, value: Any) -> Any:
        """Let a value live as long as the config."""
        self._kept.append(value)
        return value

    def load(self) -> int:
        """aclmdlLoadWithConfig; `id[0]` is the model's id then, NO_ID as long as there is none."""
        return self.acl.aclmdlLoadWithConfig(self.handle, self.id)


NO_ID = 0xDEAD


def memory_config(acl: Acl, data: Any, size: int | None = None) -> LoadConfig:
    """For a load from memory: bytes, or what an address points at."""
    config = LoadConfig(acl, acl.lib.ACL_MDL_LOAD_FROM_MEM)
    config.set(acl.lib.ACL_MDL_MEM_ADDR_PTR, "void *", data)
    config.set(acl.lib.ACL_MDL_MEM_SIZET, "size_t", len(data) if size is None else size)
    return config


def file_config(acl: Acl, path: Any) -> LoadConfig:
    """For a load from a file, whose path is bytes or a C string."""
    config = LoadConfig(acl, acl.lib.ACL_MDL_LOAD_FROM_FILE)
    config.set(acl.lib.ACL_MDL_PATH_PTR, "char *", path)
    return config


def load(acl: Acl, data: bytes) -> int:
    """Load a model from memory, as either library does it. Returns its id."""
    place = acl.out("uint32_t")
    if is_small(acl):
        config = memory_config(acl, data)
        acl.ok(config.load())
        return int(config.id[0])
    acl.ok(acl.aclmdlLoadFromMem(data, len(data), place))
    return int(place[0])


def described(acl: Acl, model_id: int) -> Any:
    """A description of a loaded model."""
    desc = acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDesc(desc, model_id))
    return desc


def sizes(acl: Acl, desc: Any) -> tuple[list[int], list[int]]:
    """The bytes of a description's inputs and of its outputs."""
    return (
        [acl.aclmdlGetInputSizeByIndex(desc, index) for index in range(acl.aclmdlGetNumInputs(desc))],
        [acl.aclmdlGetOutputSizeByIndex(desc, index) for index in range(acl.aclmdlGetNumOutputs(desc))],
    )


def sizes_of(acl: Acl, data: bytes) -> tuple[int, int]:
    """Work and weight bytes of a model, as aclmdlQuerySizeFromMem answers."""
    work, weight = acl.out("size_t"), acl.out("size_t")
    acl.ok(acl.aclmdlQuerySizeFromMem(data, len(data), work, weight))
    return int(work[0]), int(weight[0])


# -- executing -------------------------------------------------------------------------------------------------------


def dataset(acl: Acl, buffers: Iterable[Any]) -> Any:
    """A dataset with these data buffers."""
    made = acl.aclmdlCreateDataset()
    for buffer in buffers:
        acl.ok(acl.aclmdlAddDatasetBuffer(made, buffer))
    return made


def data_buffers(acl: Acl, memory: Iterable[Any], size: int) -> list[Any]:
    """Data buffers of `size` bytes each."""
    return [acl.aclCreateDataBuffer(pointer, size) for pointer in memory]


class Program:
    """A loaded model with device memory, data buffers and datasets that fit it.

    `inputs` and `outputs` are the datasets, `input_memory`, `output_memory`, `input_buffers` and `output_buffers` what
    is in them. All memory begins with zero bytes. With an id the model is loaded already.
    """

    def __init__(self, acl: Acl, data: bytes, model_id: int | None = None) -> None:
        self.acl = acl
        self.id = load(acl, data) if model_id is None else model_id
        desc = described(acl, self.id)
        self.input_sizes, self.output_sizes = sizes(acl, desc)
        acl.ok(acl.aclmdlDestroyDesc(desc))
        self.input_memory = [acl.malloc(size, bytes(size)) for size in self.input_sizes]
        self.output_memory = [acl.malloc(size, bytes(size)) for size in self.output_sizes]
        self.input_buffers = [
            acl.aclCreateDataBuffer(pointer, size)
            for pointer, size in zip(self.input_memory, self.input_sizes, strict=True)
        ]
        self.output_buffers = [
            acl.aclCreateDataBuffer(pointer, size)
            for pointer, size in zip(self.output_memory, self.output_sizes, strict=True)
        ]
        self.inputs = dataset(acl, self.input_buffers)
        self.outputs = dataset(acl, self.output_buffers)

    def feed(self, *values: Sequence[float] | Array) -> None:
        """Write the inputs: arrays as they are, other sequences as floats."""
        for pointer, value in zip(self.input_memory, values, strict=True):
            array = value if isinstance(value, np.ndarray) else np.array(value, np.float32)
            self.acl.write(pointer, array.tobytes())

    def result(self, index: int = 0) -> list[float]:
        """The floats of an output, as they are in memory now."""
        content = self.acl.read(self.output_memory[index], self.output_sizes[index])
        return [float(value) for value in np.frombuffer(content, np.float32)]

    def execute(self) -> int:
        """aclmdlExecute."""
        return self.acl.aclmdlExecute(self.id, self.inputs, self.outputs)

    def execute_v2(self, stream: Any = NULL, handle: Any = NULL) -> int:
        """aclmdlExecuteV2."""
        return self.acl.aclmdlExecuteV2(self.id, self.inputs, self.outputs, stream, handle)

    def execute_async(self, stream: Any = NULL) -> int:
        """aclmdlExecuteAsync."""
        return self.acl.aclmdlExecuteAsync(self.id, self.inputs, self.outputs, stream)

    def execute_async_v2(self, stream: Any = NULL, handle: Any = NULL) -> int:
        """aclmdlExecuteAsyncV2."""
        return self.acl.aclmdlExecuteAsyncV2(self.id, self.inputs, self.outputs, stream, handle)


def adder(acl: Acl) -> Program:
    """sum = a + b with (1, 2, 3, 4) and (10, 20, 30, 40) fed: SUM is the result."""
    program = Program(acl, add())
    program.feed([1, 2, 3, 4], [10, 20, 30, 40])
    return program


SUM = [11.0, 22.0, 33.0, 44.0]
ZEROS = [0.0, 0.0, 0.0, 0.0]


def swap(program: Program, inputs: Any = None, outputs: Any = None) -> Program:
    """Give a program other data buffers."""
    if inputs is not None:
        program.inputs = dataset(program.acl, inputs)
    if outputs is not None:
        program.outputs = dataset(program.acl, outputs)
    return program

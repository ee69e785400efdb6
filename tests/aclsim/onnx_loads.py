"""Short ways to load ONNX models, to be refused, and to run them."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper

from aclcffi.dtypes import dtype_of
from tests.contract.acl import Acl
from tests.contract.models import Array, Program, build, described, last_message, tensor


def load_code(acl: Acl, data: bytes) -> int:
    """What aclmdlLoadFromMem answers. The model is unloaded again."""
    place = acl.out("uint32_t")
    code = acl.aclmdlLoadFromMem(data, len(data), place)
    if code == 0:
        acl.ok(acl.aclmdlUnload(place[0]))
    return code


def refused(acl: Acl, data: bytes, code: int, *words: str) -> None:
    """The model is refused with a code, and the message says these words."""
    acl.message()
    assert load_code(acl, data) == code
    message = last_message(acl)
    for word in words:
        assert word in message


def run(acl: Acl, data: bytes, *inputs: Array) -> list[Array]:
    """Load, execute synchronously, and give the outputs as arrays of the model's own types and shapes."""
    program = Program(acl, data)
    program.feed(*inputs)
    acl.ok(program.execute())
    desc, outputs = described(acl, program.id), []
    for index, (pointer, size) in enumerate(zip(program.output_memory, program.output_sizes, strict=True)):
        dims = acl.out("aclmdlIODims")
        acl.ok(acl.aclmdlGetOutputDims(desc, index, dims))
        content = acl.read(pointer, size) if size else b""
        dtype = dtype_of(acl.aclmdlGetOutputDataType(desc, index))
        outputs.append(np.frombuffer(content, dtype).reshape(list(dims.dims[0 : dims.dimCount])))
    return outputs


def file_refused(acl: Acl, path: bytes, code: int, *words: str) -> None:
    """The file is refused with a code, and the message says these words."""
    acl.message()
    assert acl.aclmdlLoadFromFile(path, acl.out("uint32_t")) == code
    message = last_message(acl)
    for word in words:
        assert word in message


def outer_constant(location: str = "weights.bin") -> TensorProto:
    """A tensor [8] of floats in another file."""
    constant = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[8], data_location=TensorProto.EXTERNAL)
    constant.external_data.add(key="location", value=location)
    return constant


def in_a_branch() -> bytes:
    """y = x + c in both branches of an If, c a constant of the branch."""

    def branch(name: str) -> Any:
        nodes = [
            helper.make_node("Constant", [], [f"{name}_c"], value=outer_constant()),
            helper.make_node("Add", ["x", f"{name}_c"], [f"{name}_y"]),
        ]
        return helper.make_graph(nodes, name, [], [tensor(f"{name}_y", [8])])

    condition = helper.make_tensor("condition", TensorProto.BOOL, [], [True])
    node = helper.make_node("If", ["condition"], ["y"], then_branch=branch("yes"), else_branch=branch("no"))
    return build([node], [tensor("x", [8])], [tensor("y", [8])], [condition])

"""ONNX models that give an input back as it came: the graph's output is its input, without a node in between."""

import numpy as np
import pytest
from aclsim.models.engines import ENGINES
from onnx import TensorProto, helper

from tests.contract.acl import OpenAcl
from tests.contract.models import Program, build, tensor
from tests.contract.varying import load_path, register

ELEMENTS = {"float32": TensorProto.FLOAT, "bfloat16": TensorProto.BFLOAT16}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("computes", [True, False])
def test_an_output_that_is_an_input(open_acl: OpenAcl, engine: str, element: str, *, computes: bool) -> None:
    """The output has what the input has, in each execution, whatever else the model computes."""
    pytest.importorskip("ml_dtypes")
    acl = open_acl(engine=engine)
    acl.start()
    kind = ELEMENTS[element]
    nodes = [helper.make_node("Identity", ["x"], ["y"])] if computes else []
    outputs = [tensor("x", [2, 3], kind), *([tensor("y", [2, 3], kind)] if computes else [])]
    place = acl.out("uint32_t")
    data = build(nodes, [tensor("x", [2, 3], kind)], outputs)
    if code := acl.aclmdlLoadFromMem(data, len(data), place):
        said = acl.message()
        assert (code, "newer ones do" in said) == (200001, True), said
        pytest.skip(said)
    program = Program(acl, b"", int(place[0]))
    for seed in (1, 2):
        content = np.random.default_rng(seed).integers(0, 64, program.input_sizes[0], np.uint8)
        acl.write(program.input_memory[0], content.tobytes())
        assert program.execute() == 0
        for memory, size in zip(program.output_memory, program.output_sizes, strict=True):
            assert acl.read(memory, size) == content.tobytes()


def test_with_dims_that_a_program_fixes(open_acl: OpenAcl) -> None:
    """So it is where `input_shapes` makes the dims fixed."""
    acl = open_acl()
    acl.start()
    data = build([], [tensor("x", ["n", 3])], [tensor("x", ["n", 3])])
    path = register(acl, onnx=data, input_shapes={"x": (2, 3)})
    program = Program(acl, b"", load_path(acl, path))
    program.feed([1, 2, 3, 4, 5, 6])
    assert program.execute() == 0
    assert program.result() == [1, 2, 3, 4, 5, 6]

"""Descriptions of operators (contract_mdl section 6): what a failed task computed."""

from typing import Any, NamedTuple

import pytest
from aclsim import GearSpec, TensorSpec

from tests.contract.acl import NULL, Acl
from tests.contract.helpers import Calls
from tests.contract.models import EGE, EINVAL, Program, two_of_each
from tests.contract.varying import EMEMORY, io_dims, load_path, register

FAILURE = 507015
NAME_LENGTH = 64
Ids = tuple[int, int, int]


class Operator(NamedTuple):
    """What aclmdlCreateAndGetOpDesc told."""

    name: str
    inputs: Any
    input_count: int
    outputs: Any
    output_count: int


class Asked:
    """A call of aclmdlCreateAndGetOpDesc, with places for what it tells."""

    def __init__(self, acl: Acl, ids: Ids, length: int = NAME_LENGTH) -> None:
        self.acl = acl
        self.name = acl.ffi.new("char[]", max(length, 1))
        self.places = [acl.out("aclTensorDesc *"), acl.out("size_t"), acl.out("aclTensorDesc *"), acl.out("size_t")]
        self.code = acl.aclmdlCreateAndGetOpDesc(*ids, self.name, length, *self.places)

    @property
    def operator(self) -> Operator:
        """What it told."""
        name: bytes = self.acl.ffi.string(self.name)
        return Operator(name.decode(), *(place[0] for place in self.places))


def failed(acl: Acl, calls: Calls, program: Program, stream: Any) -> Ids:
    """Execute a model that fails on a stream; device, stream and task as an exception callback is told."""
    found: list[Ids] = []

    def told(info: Any) -> None:
        device = acl.aclrtGetDeviceIdFromExceptionInfo(info)
        found.append((device, acl.aclrtGetStreamIdFromExceptionInfo(info), acl.aclrtGetTaskIdFromExceptionInfo(info)))

    acl.ok(acl.aclrtSetExceptionInfoCallback(calls.function("aclrtExceptionInfoCallback", told)))
    acl.ok(program.execute_async(stream))
    assert acl.aclrtSynchronizeStream(stream) == FAILURE
    acl.message()
    (ids,) = found
    return ids


def failing(acl: Acl, **options: Any) -> Program:
    """A model of two inputs and an output that fails with the code of a faulty kernel."""
    path = register(
        acl,
        "failing",
        function=lambda a, b: a,
        inputs=[TensorSpec("a", (2, 3)), TensorSpec("b", (4,), "int8")],
        outputs=[TensorSpec("y", (2, 3))],
        failure=FAILURE,
        **options,
    )
    return Program(acl, b"", load_path(acl, path))


def tensors(acl: Acl, first: Any, count: int) -> list[tuple[str, int, list[int]]]:
    """Name, data type and dims of each desc of an array."""
    found = []
    for index in range(count):
        desc = acl.aclGetTensorDescByIndex(first, index)
        dims = [acl.aclGetTensorDescDim(desc, place) for place in range(acl.aclGetTensorDescNumDims(desc))]
        name: bytes = acl.ffi.string(acl.aclGetTensorDescName(desc))
        found.append((name.decode(), int(acl.aclGetTensorDescType(desc)), dims))
    return found


@pytest.mark.row("MD3.28", "MD6.20")
def test_what_a_failed_task_computed(ready: Acl, calls: Calls) -> None:
    """With the ids of an exception callback the model's name comes, and its inputs and outputs as two arrays."""
    stream = ready.stream()
    ready.ok(ready.aclrtMemsetAsync(ready.malloc(8), 8, 0, 8, stream))
    asked = Asked(ready, failed(ready, calls, failing(ready), stream))
    assert asked.code == 0
    operator = asked.operator
    assert operator.name == "failing"
    lib = ready.lib
    assert tensors(ready, operator.inputs, operator.input_count) == [
        ("a", lib.ACL_FLOAT, [2, 3]),
        ("b", lib.ACL_INT8, [4]),
    ]
    assert tensors(ready, operator.outputs, operator.output_count) == [("y", lib.ACL_FLOAT, [2, 3])]


@pytest.mark.row("MD3.28", "MD6.20")
def test_an_array_goes_as_a_whole(ready: Acl, calls: Calls) -> None:
    """Each array is freed with one aclDestroyTensorDesc of its first desc; behind its end there is nothing."""
    operator = Asked(ready, failed(ready, calls, failing(ready), ready.stream())).operator
    second = ready.aclGetTensorDescByIndex(operator.inputs, 1)
    assert ready.aclGetTensorDescByIndex(operator.inputs, 2) == NULL
    assert "2 descs" in ready.message()
    ready.aclDestroyTensorDesc(second)
    assert "array" in ready.message()
    assert ready.aclGetTensorDescNumDims(second) == 1
    for first in (operator.inputs, operator.outputs):
        ready.aclDestroyTensorDesc(first)
        assert ready.message() == ""
    for desc in (operator.inputs, second, operator.outputs):
        assert ready.aclGetTensorDescNumDims(desc) == 0
        assert "was destroyed" in ready.message()


@pytest.mark.row("MD6.20")
def test_a_model_without_inputs(ready: Acl, calls: Calls) -> None:
    """An array of nothing is NULL, which is fine to destroy."""
    path = register(ready, "source", function=lambda: [0.0], outputs=[TensorSpec("y", (1,))], failure=FAILURE)
    program = Program(ready, b"", load_path(ready, path))
    operator = Asked(ready, failed(ready, calls, program, ready.stream())).operator
    assert (operator.inputs, operator.input_count) == (NULL, 0)
    ready.aclDestroyTensorDesc(operator.inputs)


@pytest.mark.row("MD6.20")
def test_the_gear_input_is_described(ready: Acl, calls: Calls) -> None:
    """A model with gears has one input more, as in its description."""
    path = register(
        ready,
        "geared",
        function=lambda x: x,
        inputs=[TensorSpec("x", (-1, 2))],
        outputs=[TensorSpec("y", (-1, 2))],
        infer=list,
        gears=GearSpec(dims=[(1,), (4,)]),
        failure=FAILURE,
    )
    program = Program(ready, b"", load_path(ready, path))
    ready.ok(ready.aclmdlSetInputDynamicDims(program.id, program.inputs, 1, io_dims(ready, 4, 2)))
    operator = Asked(ready, failed(ready, calls, program, ready.stream())).operator
    names = [name for name, _, _ in tensors(ready, operator.inputs, operator.input_count)]
    assert names == ["x", "ascend_mbatch_shape_data"]


@pytest.mark.row("MD6.20")
def test_the_name_needs_room(ready: Acl, calls: Calls) -> None:
    """A name needs one byte more than it has; one too few is 100000, and nothing is written or made."""
    ids = failed(ready, calls, failing(ready), ready.stream())
    short = Asked(ready, ids, len("failing"))
    assert short.code == EINVAL
    assert "opNameLen is 7" in ready.message()
    assert bytes(ready.ffi.buffer(short.name)) == bytes(7)
    assert [place[0] for place in short.places] == [NULL, 0, NULL, 0]
    assert Asked(ready, ids, len("failing") + 1).operator.name == "failing"


@pytest.mark.row("MD6.20")
def test_what_is_not_known(ready: Acl, calls: Calls) -> None:
    """A task that did not fail, was no model, or never was, is the engine's failure: 500002 (a choice)."""
    device, stream, task = failed(ready, calls, failing(ready), ready.stream())
    for ids in ((device + 1, stream, task), (device, stream + 1, task), (device, stream, task + 1)):
        asked = Asked(ready, ids)
        assert asked.code == EGE
        assert "no execution of a model failed as task" in ready.message()
        assert [place[0] for place in asked.places] == [NULL, 0, NULL, 0]
    working = ready.stream()
    ready.failing_work(working)
    assert ready.aclrtSynchronizeStream(working) != 0
    number = ready.out("int32_t")
    ready.ok(ready.aclrtStreamGetId(working, number))
    assert Asked(ready, (device, number[0], 0)).code == EGE


@pytest.mark.row("MD6.20")
def test_null_pointers_of_an_operator(ready: Acl, calls: Calls) -> None:
    """Each pointer that is NULL is 100000, before the ids are looked at."""
    ids = failed(ready, calls, failing(ready), ready.stream())
    name = ready.ffi.new("char[]", NAME_LENGTH)
    places = [ready.out("aclTensorDesc *"), ready.out("size_t"), ready.out("aclTensorDesc *"), ready.out("size_t")]
    for index, parameter in enumerate(("opName", "inputDesc", "numInputs", "outputDesc", "numOutputs")):
        pointers = [name, *places]
        pointers[index] = NULL
        for used in (ids, (9, 9, 9)):
            assert ready.aclmdlCreateAndGetOpDesc(*used, pointers[0], NAME_LENGTH, *pointers[1:]) == EINVAL
            assert f"{parameter} is NULL" in ready.message()


@pytest.mark.row("MD6.20")
def test_a_model_from_a_file(ready: Acl, calls: Calls) -> None:
    """An ONNX model has the name of its graph, and is still known when it was unloaded."""
    data = two_of_each()
    path = register(ready, "named", onnx=data, failure=FAILURE)
    named = Program(ready, b"", load_path(ready, path))
    ids = failed(ready, calls, named, ready.stream())
    ready.ok(ready.aclmdlUnload(named.id))
    operator = Asked(ready, ids).operator
    assert (operator.name, operator.input_count, operator.output_count) == ("named", 2, 2)

    program = Program(ready, data)
    ready.ok(program.execute_async())
    for memory in program.output_memory:
        ready.ok(ready.aclrtFree(memory))
    assert ready.aclrtSynchronizeStream(NULL) == EMEMORY
    number = ready.out("int32_t")
    ready.ok(ready.aclrtStreamGetId(NULL, number))
    assert Asked(ready, (0, number[0], 0)).operator.name == "graph"


def test_only_the_last_failures_are_known(ready: Acl) -> None:
    """Of very many failed executions the first are forgotten."""
    program, stream, number = failing(ready), ready.stream(), ready.out("int32_t")
    ready.ok(ready.aclrtStreamGetId(stream, number))
    count = 1030
    for _ in range(count):
        ready.ok(program.execute_async(stream))
        assert ready.aclrtSynchronizeStream(stream) == FAILURE
    assert Asked(ready, (0, number[0], 0)).code == EGE
    assert Asked(ready, (0, number[0], count - 1)).code == 0

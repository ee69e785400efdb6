"""Descriptions of operators (contract_mdl section 6). A model is one operator here: its execution is one task."""

from aclsim.api.host import invalid, on_host
from aclsim.api.types import NULL, CData, ffi
from aclsim.core import codes
from aclsim.core.fault import Fault
from aclsim.core.tensor_desc import TensorDesc
from aclsim.core.world import World
from aclsim.models.description import Tensor


def aclmdlCreateAndGetOpDesc(
    world: World,
    deviceId: int,
    streamId: int,
    taskId: int,
    opName: CData,
    opNameLen: int,
    inputDesc: CData,
    numInputs: CData,
    outputDesc: CData,
    numOutputs: CData,
) -> None:
    """MD6.20: what a failed task computed; the ids are those that an exception callback is told.

    A choice: the name is that of the model's graph, and what is not known, or was no execution of a model, is 500002.
    """
    for pointer, parameter in (
        (opName, "opName"),
        (inputDesc, "inputDesc"),
        (numInputs, "numInputs"),
        (outputDesc, "outputDesc"),
        (numOutputs, "numOutputs"),
    ):
        on_host(pointer, parameter)
    failed = world.failed_models.get((deviceId, streamId, taskId))
    if failed is None:
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"no execution of a model failed as task {taskId} of stream {streamId} on device {deviceId}",
        )
    text, inputs, outputs = failed
    name = text.encode(errors="surrogateescape")
    if opNameLen <= len(name):
        raise invalid(f"opNameLen is {opNameLen}; the name {text!r} and its end take {len(name) + 1} bytes")
    ffi.memmove(opName, name + b"\0", len(name) + 1)
    inputDesc[0], numInputs[0] = _array(world, inputs), len(inputs)
    outputDesc[0], numOutputs[0] = _array(world, outputs), len(outputs)


def _array(world: World, tensors: tuple[Tensor, ...]) -> CData:
    """An array of tensor descs, which goes as a whole; NULL for none."""
    descs = [world.tensor_descs.add(_desc(tensor)) for tensor in tensors]
    for desc in descs[1:]:
        desc.owner = "an array of tensor descs, which goes with its first"
    if not descs:
        return NULL
    descs[0].array = descs
    return descs[0].handle


def _desc(tensor: Tensor) -> TensorDesc:
    desc = TensorDesc(tensor.dtype, tensor.dims, tensor.format)
    desc.storage_format = tensor.format
    desc.name = tensor.name.encode()
    desc.ranges = list(tensor.ranges)
    return desc

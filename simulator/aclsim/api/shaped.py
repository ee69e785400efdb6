"""Executing dynamic-shape models: the column RT2 of contract_mdl section 7."""

from collections.abc import Callable, Sequence
from typing import Protocol

from aclsim.api.host import invalid
from aclsim.api.stream import synchronize
from aclsim.core import codes
from aclsim.core.buffers import DataBuffer, Dataset
from aclsim.core.fault import Fault
from aclsim.core.loaded import LoadedModel
from aclsim.core.memory import padded
from aclsim.core.operands import Operand
from aclsim.core.shaped import ShapedExecution
from aclsim.core.stream import Stream
from aclsim.core.tensor_desc import TensorDesc
from aclsim.core.world import World
from aclsim.models.description import Dims, Tensor
from aclsim.models.dtypes import dense_bytes
from aclsim.models.refusal import Refusal


class Call(Protocol):
    """The datasets of a call."""

    @property
    def inputs(self) -> Dataset:
        """The dataset of the inputs."""

    @property
    def outputs(self) -> Dataset:
        """The dataset of the outputs."""


def run(world: World, model: LoadedModel, call: Call) -> None:
    """Execute on a stream of the call's own, and wait. An expired timeout is 500002 (section 7.2)."""
    check_counts(model, call)
    inside = Stream(model.context, -1)
    buffers = list(call.outputs.buffers)  # another thread may add to the dataset while this one waits
    execution = _execution(world, model, call, inside, _shapes(model, call))
    world.scheduler.submit(execution)
    timeout = world.thread.stream_timeout
    try:
        synchronize(world, inside, timeout)
    except Fault as fault:
        if fault.code == codes.ACL_ERROR_RT_STREAM_SYNC_TIMEOUT:
            raise Fault(codes.ACL_ERROR_GE_FAILURE, fault.message) from None
        raise
    finally:
        world.scheduler.drop(inside)
    _allocate_outputs(world, model, buffers, execution)
    describe_outputs(world, model, call.outputs, [result.dims for result in execution.results])


def enqueue(world: World, model: LoadedModel, call: Call, find: Callable[[], Stream]) -> None:
    """Queue on the stream that `find` says. The outputs are described at once, before the data is there (MD7.22)."""
    check_counts(model, call)
    find()
    inputs = _shapes(model, call)
    with world.unlocked():  # to infer shapes may take milliseconds, or call a function of the program
        dims = model.executable.infer(inputs)
    check_counts(model, call)
    world.scheduler.submit(_execution(world, model, call, find(), inputs))
    describe_outputs(world, model, call.outputs, dims)


def check_counts(model: LoadedModel, call: Call) -> None:
    """MD7.08: inputs that are missing are 100000, extra ones are ignored; outputs must be as many."""
    executable = model.executable
    inputs, outputs = call.inputs.buffers, call.outputs.buffers
    if len(inputs) < len(executable.inputs):  # extra inputs are ignored (MD7.08)
        raise invalid(f"the input dataset has {len(inputs)} buffers, model {model.number} has {len(executable.inputs)}")
    if len(outputs) != len(executable.outputs):
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"the output dataset has {len(outputs)} buffers, model {model.number} has {len(executable.outputs)}",
        )


def _shapes(model: LoadedModel, call: Call) -> list[Dims]:
    """The shapes of the inputs, as the dataset tells them."""
    inputs = call.inputs
    return [
        _dims_of(index, tensor, inputs.descs.get(index), inputs.buffers[index])
        for index, tensor in enumerate(model.executable.inputs)
    ]


def _execution(world: World, model: LoadedModel, call: Call, on: Stream, dims: list[Dims]) -> ShapedExecution:
    executable = model.executable
    inputs, outputs = call.inputs.buffers, call.outputs.buffers
    memory = world.memory
    operands = [
        Operand(memory, f"input {tensor.name!r}", buffer.address, _bytes(tensor, shape))
        for tensor, buffer, shape in zip(executable.inputs, inputs, dims, strict=False)
    ]
    places = [
        Operand(memory, f"output {tensor.name!r}", buffer.address, _room(world, buffer)) if buffer.address else None
        for tensor, buffer in zip(executable.outputs, outputs, strict=True)
    ]
    return ShapedExecution(on, model.duration(world.cost), model, operands, places, dims)


def _room(world: World, buffer: DataBuffer) -> int:
    """Bytes of an output's buffer: no more than its allocation has, whatever the buffer says."""
    allocation = world.memory.find(buffer.address)
    if allocation is None:
        return buffer.size
    return min(buffer.size, allocation.address + allocation.extent - buffer.address)


def _bytes(tensor: Tensor, dims: Sequence[int]) -> int:
    """Bytes of an input with these dims.

    Raises:
        Fault: 500002 for more than an address space.
    """
    try:
        return dense_bytes(tensor.name, dims, tensor.dtype)
    except Refusal as refusal:
        raise Fault(codes.ACL_ERROR_GE_FAILURE, f"the shape of input {refusal}") from None


def _dims_of(index: int, tensor: Tensor, desc: TensorDesc | None, buffer: DataBuffer) -> Dims:
    """The shape of an input: the tensor desc's, else the model's own; a dim that is left over comes from the size."""
    dims = tensor.dims if desc is None else desc.dims
    if len(dims) != len(tensor.dims):
        raise invalid(f"input {index} ({tensor.name!r}) has {len(dims)} dims, the model takes {len(tensor.dims)}")
    for position, (dim, (least, most)) in enumerate(zip(dims, tensor.ranges, strict=True)):
        # A range without an end is not checked, and a dim that is not known passes (MD7.11).
        if most >= 0 and dim != -1 and not least <= dim <= most:
            allowed = str(least) if least == most else f"{least} to {most}"
            raise invalid(f"input {index} ({tensor.name!r}): dim {position} is {dim}, the model takes {allowed}")
    if min(dims, default=0) < -1:  # a choice: MD7.11 checks no range without an end, and an engine then fails
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"input {index} ({tensor.name!r}) has the shape {dims}; a dim is -1 where it is not known, never less",
        )
    dims = tuple(own if dim == -1 else dim for dim, own in zip(dims, tensor.dims, strict=True))
    unknown = [position for position, dim in enumerate(dims) if dim < 0]
    if not unknown:
        return dims
    known = _bytes(tensor, [dim for dim in dims if dim >= 0])
    if len(unknown) > 1 or not known or buffer.size % known:
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"input {index} ({tensor.name!r}) has the shape {dims}, and its buffer of {buffer.size} bytes does not "
            "tell the rest: set a tensor desc on the dataset (aclmdlSetDatasetTensorDesc)",
        )
    found = tuple(buffer.size // known if dim < 0 else dim for dim in dims)
    most = tensor.ranges[unknown[0]][1]
    if 0 <= most < found[unknown[0]]:
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"input {index} ({tensor.name!r}): its buffer of {buffer.size} bytes stands for the shape {found}, dim "
            f"{unknown[0]} is at most {most}",
        )
    return found


def _allocate_outputs(world: World, model: LoadedModel, buffers: list[DataBuffer], execution: ShapedExecution) -> None:
    """MD7.19: outputs that have no address get memory of their real size; it becomes the caller's."""
    for buffer, place, result in zip(buffers, execution.targets, execution.results, strict=True):
        if place is None:
            size = max(result.view.nbytes, 1)
            allocation = world.memory.allocate(model.context.device.number, size, padded(size))
            allocation.data[: result.view.nbytes] = result.view
            buffer.point(allocation.pointer, allocation.address, result.view.nbytes)


def describe_outputs(world: World, model: LoadedModel, outputs: Dataset, dims: list[Dims]) -> None:
    """MD7.22: the tensor descs of the outputs are made anew: pointers to the old ones are stale from now on."""
    if world.datasets.get(outputs.handle) is None:  # another thread destroyed it meanwhile
        return
    for desc in outputs.descs.values():
        world.tensor_descs.remove(desc)
    outputs.descs.clear()
    for index, (tensor, shape) in enumerate(zip(model.executable.outputs, dims, strict=True)):
        desc = world.tensor_descs.add(TensorDesc(tensor.dtype, tuple(shape), tensor.format))
        desc.storage_format = tensor.format
        desc.owner = "a dataset, which destroys it"
        outputs.descs[index] = desc

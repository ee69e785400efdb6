"""Executing models (contract_mdl section 7): static models of the main library, and IPV350's manner."""

from collections.abc import Callable
from typing import NamedTuple

from aclsim.api import shaped
from aclsim.api.host import invalid
from aclsim.api.load import unknown_model
from aclsim.api.lookup import item, live_stream, target
from aclsim.api.stream import synchronize
from aclsim.api.types import CData, lib
from aclsim.core import codes
from aclsim.core.buffers import DataBuffer, Dataset
from aclsim.core.configs import ExecConfig
from aclsim.core.fault import Fault
from aclsim.core.loaded import ASYNCHRONOUS, SYNCHRONOUS, Execution, LoadedModel
from aclsim.core.memory import padded
from aclsim.core.operands import Operand, Places
from aclsim.core.shaped import GearExecution
from aclsim.core.stream import Stream
from aclsim.core.world import World
from aclsim.models.description import Gears, Tensor

_SLACK = 64  # MD7.10


class Call(NamedTuple):
    """What every way of executing takes."""

    model_id: int
    inputs: Dataset
    outputs: Dataset


def _call(world: World, model_id: int, input_: CData, output: CData) -> Call:
    """Check the datasets, inputs first (MD7.02)."""
    inputs = item(world, world.datasets, input_, "input")
    return Call(model_id, inputs, item(world, world.datasets, output, "output"))


def aclmdlExecute(world: World, modelId: int, input: CData, output: CData) -> None:  # noqa: A002 - the C name
    """MD7.13: runs on a stream of its own and waits, no longer than the thread's last exec config said."""
    _run_inside(world, _call(world, modelId, input, output))


def aclmdlExecuteV2(
    world: World,
    modelId: int,
    input: CData,  # noqa: A002 - the C name
    output: CData,
    stream: CData,
    handle: CData,
) -> None:
    """MD7.14, MD7.15: as aclmdlExecute, or on a stream and then waiting for all of it; on IPV350 always on a stream."""
    if world.product.ipv350:
        on = _enqueue_ipv350(world, modelId, input, output, stream, handle)
        synchronize(world, on, -1)
        return
    config = item(world, world.exec_configs, handle, "handle")
    call = _call(world, modelId, input, output)
    _keep_timeouts(world, config)
    model = world.models.get(modelId)
    if not stream or (model is not None and model.executable.dynamic):  # those ignore the stream (MD7.15)
        _run_inside(world, call)
        return
    failed: Fault | None = None
    try:
        _enqueue(world, call, SYNCHRONOUS, stream)
    except Fault as fault:
        failed = fault
    # The wait happens even if the launch failed, and its error wins.
    waited = live_stream(world, stream)
    if waited is not None:
        synchronize(world, waited, world.thread.stream_timeout)
    if failed is not None:
        raise failed


def aclmdlExecuteAsync(
    world: World,
    modelId: int,
    input: CData,  # noqa: A002 - the C name
    output: CData,
    stream: CData,
) -> None:
    """MD7.16: queued on the stream (NULL: the default stream of the context), returns at once."""
    _enqueue(world, _call(world, modelId, input, output), ASYNCHRONOUS, stream)


def aclmdlExecuteAsyncV2(
    world: World,
    modelId: int,
    input: CData,  # noqa: A002 - the C name
    output: CData,
    stream: CData,
    handle: CData,
) -> None:
    """MD7.17: IPV350's asynchronous execution; the work memory comes from the handle or else from the stream."""
    _enqueue_ipv350(world, modelId, input, output, stream, handle)


# -- the main library's static executor ------------------------------------------------------------------------------


def _keep_timeouts(world: World, config: ExecConfig) -> None:
    """Write both timeouts into the thread, where they stay for later calls (section 7.2)."""
    world.thread.stream_timeout = config.values.get(lib.ACL_MDL_STREAM_SYNC_TIMEOUT, -1)
    world.thread.event_timeout = config.values.get(lib.ACL_MDL_EVENT_SYNC_TIMEOUT, -1)


def _loaded(world: World, number: int) -> LoadedModel:
    """The model of an id (MD7.05, MD7.06)."""
    model = world.models.get(number)
    if not world.library.initialized and not (model is not None and model.executable.dynamic):
        raise Fault(codes.ACL_ERROR_GE_EXEC_NOT_INIT, "the library is not initialised; call aclInit first")
    if model is None:
        raise unknown_model(world, number)
    if not model.context.alive:
        # A choice: the contract does not say what a model is without the context that it was loaded in.
        raise Fault(
            codes.ACL_ERROR_RT_CONTEXT_NULL,
            f"model {number} was loaded in a {model.context!r} that is gone",
        )
    return model


def _check_mode(model: LoadedModel, mode: str) -> None:
    """MD7.07: the first mode sticks, also when that first call fails later."""
    if model.mode is None:
        model.mode = mode
    if model.mode != mode:
        raise Fault(
            codes.ACL_ERROR_GE_FAILURE,
            f"model {model.number} was first executed {model.mode}, so it cannot be executed {mode}; load it twice",
        )


def _check_counts(model: LoadedModel, call: Call) -> None:
    """MD7.08; the gear input counts (MD8.06)."""
    for what, buffers, tensors in _sides(model, call):
        if len(buffers) != len(tensors):
            raise Fault(
                codes.ACL_ERROR_GE_FAILURE,
                f"the {what} dataset has {len(buffers)} buffers, model {model.number} has {len(tensors)} {what}s",
            )


def _check_sizes(model: LoadedModel, call: Call) -> None:
    """MD7.10: 64 bytes too few pass, too many always do; a dataset with a gear is not looked at."""
    if call.inputs.has_gear:
        return
    for what, buffers, tensors in _sides(model, call):
        for index, (buffer, tensor) in enumerate(zip(buffers, tensors, strict=True)):
            if buffer.size + _SLACK < tensor.size:
                raise Fault(
                    codes.ACL_ERROR_GE_FAILURE,
                    f"{what} {index} ({tensor.name!r}) has a buffer of {buffer.size} bytes, it needs {tensor.size}",
                )


def _sides(
    model: LoadedModel, call: Call
) -> tuple[tuple[str, list[DataBuffer], tuple[Tensor, ...]], tuple[str, list[DataBuffer], tuple[Tensor, ...]]]:
    executable = model.executable
    return ("input", call.inputs.buffers, model.described_inputs), ("output", call.outputs.buffers, executable.outputs)


def _fill_null_outputs(world: World, model: LoadedModel, call: Call) -> None:
    """MD7.19, MD7.21: a synchronous execution allocates outputs that have no address; they become the caller's.

    Those whose size the description does not tell have to wait for the result.
    """
    tensors = model.executable.outputs
    for index, buffer in enumerate(call.outputs.buffers):
        if buffer.address:
            continue
        if index >= len(tensors):
            raise invalid(f"output buffer {index} has no address, and the model has {len(tensors)} outputs")
        size = tensors[index].size
        if not size and not tensors[index].fixed:
            continue
        allocation = world.memory.allocate(model.context.device.number, size, padded(size))
        buffer.point(allocation.pointer, allocation.address, size)


def _run_inside(world: World, call: Call) -> None:
    """Execute on a stream that only this call knows, and wait for it."""
    model = _loaded(world, call.model_id)
    _fill_null_outputs(world, model, call)
    if model.executable.dynamic:
        shaped.run(world, model, call)
        return
    _check_mode(model, SYNCHRONOUS)
    if model.stream is not None:
        # The trap of section 7.2: such a model runs on its stream again, and this call does not wait.
        _launch(world, model, call, lambda: _remembered(model))
        return
    inside = Stream(model.context, -1)
    timeout = world.thread.stream_timeout
    try:
        _launch(world, model, call, lambda: inside, lambda: synchronize(world, inside, timeout))
    finally:
        world.scheduler.drop(inside)  # a run that timed out is aborted


def _remembered(model: LoadedModel) -> Stream:
    """The stream that aclmdlExecuteV2 executed a model on last.

    Raises:
        Fault: 107017 when it was destroyed (a choice: the device uses what is left of it).
    """
    stream = model.stream
    assert stream is not None
    if stream.alive:
        return stream
    raise Fault(
        codes.ACL_ERROR_RT_INVALID_HANDLE,
        f"model {model.number} was executed on a stream by aclmdlExecuteV2 and remembers it, and {stream!r} was "
        "destroyed: give aclmdlExecuteV2 a stream",
    )


def _enqueue(world: World, call: Call, mode: str, stream: CData) -> None:
    """Execute on a stream of the caller."""
    model = _loaded(world, call.model_id)
    if model.executable.dynamic:
        shaped.enqueue(world, model, call, lambda: target(world, live_stream(world, stream)))
        return
    if mode is SYNCHRONOUS:
        _fill_null_outputs(world, model, call)
    _check_mode(model, mode)
    on = _launch(world, model, call, lambda: target(world, live_stream(world, stream)))
    if mode is SYNCHRONOUS:
        model.stream = on


def _launch(
    world: World, model: LoadedModel, call: Call, find: Callable[[], Stream], wait: Callable[[], None] | None = None
) -> Stream:
    """Check the datasets, queue an execution, describe the outputs. `find` says the stream when its turn has come."""
    gears = model.executable.gears
    places = model.places(_key(call)) if gears is None else None
    fit = places is not None and places.fit
    if not fit:
        _check_counts(model, call)
    on = find()
    if not fit:
        _check_sizes(model, call)
    if gears is not None:
        _submit_gear(world, model, call, on, gears)
    else:
        places = places or _places(world, model, call)
        places.fit = fit or not call.inputs.has_gear
        _submit(world, model, places, on)
    if wait is not None:
        wait()
    if call.inputs.descs:
        _describe_outputs(world, model, call)
    return on


def _describe_outputs(world: World, model: LoadedModel, call: Call) -> None:
    """MD7.22: the static executor describes the outputs; only where an input has a tensor desc it is asked to."""
    gears = model.executable.gears
    dims = [tensor.dims for tensor in model.executable.outputs]
    if gears is not None and model.gear is not None:
        dims = list(gears.outputs[model.gear])
    shaped.describe_outputs(world, model, call.outputs, dims)


def _submit_gear(world: World, model: LoadedModel, call: Call, on: Stream, gears: Gears) -> None:
    """Queue an execution of a model with gears; which one it is says the last input's memory when it runs (MD8.05)."""
    memory = world.memory
    executable = model.executable
    buffers = call.inputs.buffers
    inputs = [
        Operand(memory, f"input {tensor.name!r}", buffer.address, min(buffer.size, tensor.size))
        for tensor, buffer in zip(executable.inputs, buffers, strict=False)
    ]
    outputs: list[Operand | None] = [
        Operand(memory, f"output {tensor.name!r}", buffer.address, min(buffer.size, tensor.size))
        for tensor, buffer in zip(executable.outputs, call.outputs.buffers, strict=False)
    ]
    last = buffers[len(executable.inputs)]
    chooser = Operand(memory, "the gear buffer", last.address, min(last.size, 8 * gears.width))
    duration = model.duration(world.cost)
    world.scheduler.submit(GearExecution(on, duration, model, inputs, outputs, chooser, gears))


# -- IPV350 ----------------------------------------------------------------------------------------------------------


def _enqueue_ipv350(world: World, model_id: int, input_: CData, output: CData, stream: CData, handle: CData) -> Stream:
    """Execute in the manner of the small library: its column of section 7.1. Returns the stream."""
    config = item(world, world.exec_configs, handle, "handle") if handle else None
    on = world.streams.get(stream) if stream else None
    if config is None and (on is None or not on.work[0]):
        raise invalid("handle is NULL, and the stream brings no work memory of its own")
    call = _call(world, model_id, input_, output)
    work = _work_memory(config, on)
    model = _loaded(world, model_id)
    if model.executable.dynamic or model.executable.gears is not None:
        # A choice, for "generic" only: the small library refuses such models when they are loaded.
        raise Fault(
            codes.ACL_ERROR_API_NOT_SUPPORT,
            f"the shapes of model {model_id} vary, and aclmdlExecuteAsyncV2 is of a library that runs fixed shapes "
            "only; use aclmdlExecuteAsync",
        )
    found = live_stream(world, stream)
    if found is None:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, "stream is NULL; this execution needs a stream")
    found = target(world, found)
    for what, buffers, tensors in _sides(model, call):
        if len(buffers) < len(tensors):
            raise Fault(
                codes.ACL_ERROR_GE_PARAM_INVALID,
                f"the {what} dataset has {len(buffers)} buffers, model {model.number} has {len(tensors)} {what}s",
            )
    _submit(world, model, model.places(_key(call)) or _places(world, model, call), found, work)
    return found


def _work_memory(config: ExecConfig | None, stream: Stream | None) -> tuple[int, int]:
    """Address and bytes of the work memory: the handle's, else the stream's (MD4.28).

    Raises:
        Fault: 100000 when neither has any (MD7.03).
    """
    values = config.values if config else {}
    work = (values.get(lib.ACL_MDL_WORK_ADDR_PTR, 0), values.get(lib.ACL_MDL_WORK_SIZET, 0))
    if not all(work) and stream is not None:
        work = stream.work
    if not all(work):
        raise invalid("neither handle nor stream brings work memory (address and size)")
    return work


# -- both ------------------------------------------------------------------------------------------------------------


def _key(call: Call) -> tuple[object, ...]:
    """What the datasets name now."""
    return (*[buffer.place for buffer in call.inputs.buffers], 0, *[buffer.place for buffer in call.outputs.buffers])


def _places(world: World, model: LoadedModel, call: Call) -> Places:
    """Find the memory that the datasets name; more buffers than tensors are ignored."""
    memory = world.memory
    executable = model.executable
    inputs = [
        Operand(memory, f"input {tensor.name!r}", buffer.address, tensor.size)
        for tensor, buffer in zip(executable.inputs, call.inputs.buffers, strict=False)
    ]
    outputs = [
        Operand(memory, f"output {tensor.name!r}", buffer.address, tensor.size)
        for tensor, buffer in zip(executable.outputs, call.outputs.buffers, strict=False)
    ]
    places = Places(inputs, outputs)
    model.remember(_key(call), places)
    return places


def _submit(world: World, model: LoadedModel, places: Places, on: Stream, work: tuple[int, int] | None = None) -> None:
    """Queue the execution of a model with fixed shapes."""
    scratch = None
    if work is not None:
        address, size = work
        need = model.executable.work_size
        if size < need:
            # A choice: the contract knows only work memory that is missing. Hardware would write behind its end.
            raise invalid(f"the work memory has {size} bytes, model {model.number} needs {need}")
        scratch = Operand(world.memory, "the work memory", address, need)
    world.scheduler.submit(Execution(on, model.duration(world.cost), model, places, scratch))

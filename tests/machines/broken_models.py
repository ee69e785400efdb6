"""Backends with a bug each in buffers, datasets, descs, configurations and static models."""

from collections.abc import Callable
from typing import Any, ClassVar

from aclsim.core.loaded import SYNCHRONOUS

from aclcffi import ffi
from tests.machines.broken import Broken

WAYS = ("aclmdlExecute", "aclmdlExecuteV2", "aclmdlExecuteAsync")
EGE = 500002


class SharesDescs(Broken):
    """A dataset keeps the tensor desc that it is given, not a copy."""

    @staticmethod
    def option(backend: Any, real: Callable[..., int], dataset: Any, desc: Any, index: int) -> int:
        code = real(dataset, desc, index)
        if code == 0 and desc:
            world = backend._world
            world.datasets.get(dataset).descs[index] = world.tensor_descs.get(desc)
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlSetDatasetTensorDesc": option}


class DestroysBuffers(Broken):
    """A dataset takes its data buffers with it."""

    @staticmethod
    def destroy(backend: Any, real: Callable[..., int], dataset: Any) -> int:
        buffers = [backend.aclmdlGetDatasetBuffer(dataset, index) for index in range(9)]
        code = real(dataset)
        for buffer in buffers if code == 0 else ():
            backend.aclDestroyDataBuffer(buffer)
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlDestroyDataset": destroy}


class FreesMemory(Broken):
    """A data buffer takes its memory with it."""

    @staticmethod
    def destroy(backend: Any, real: Callable[..., int], buffer: Any) -> int:
        memory = backend.aclGetDataBufferAddr(buffer)
        if memory:
            backend.aclrtFree(memory)
        return real(buffer)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclDestroyDataBuffer": destroy}


class ForgetsTheMode(Broken):
    """A static model may be executed synchronously after it was executed asynchronously, and the reverse."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, *rest: Any) -> int:
        model = backend._world.models.get(number)
        if model is not None:
            model.mode = None
        return real(number, *rest)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS, execute)


class KeepsTheModeOfSuccess(Broken):
    """Only an execution that succeeds fixes the mode of a model."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, *rest: Any) -> int:
        model = backend._world.models.get(number)
        before = model.mode if model is not None else None
        code = real(number, *rest)
        if code and model is not None:
            model.mode = before
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS, execute)


class ReusesIds(Broken):
    """The id of the model that was loaded last is given out again when it was unloaded."""

    @staticmethod
    def unload(backend: Any, real: Callable[..., int], number: int) -> int:
        code, world = real(number), backend._world
        if code == 0 and number == world.next_model_id - 1:
            world.next_model_id -= 1
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlUnload": unload}


class GivesIdsBack(Broken):
    """A load that fails with a look at the content uses up no id."""

    @staticmethod
    def load(backend: Any, real: Callable[..., int], *arguments: Any) -> int:
        before = backend._world.next_model_id
        code = real(*arguments)
        if code:
            backend._world.next_model_id = before
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(
        ("aclmdlLoadFromMem", "aclmdlLoadFromMemWithMem"), load
    )


class ForgetsTimeouts(Broken):
    """The timeouts of aclmdlExecuteV2 are over with the call."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], *arguments: Any) -> int:
        backend._world.thread.stream_timeout = -1
        return real(*arguments)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlExecute": execute}


class SharesTimeouts(Broken):
    """The timeouts of aclmdlExecuteV2 hold in all threads."""

    last = -1

    def keeping(self, real: Callable[..., int], *arguments: Any) -> int:
        code = real(*arguments)
        self.last = self._world.thread.stream_timeout
        return code

    def using(self, real: Callable[..., int], *arguments: Any) -> int:
        self._world.thread.stream_timeout = self.last
        return real(*arguments)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlExecuteV2": keeping, "aclmdlExecute": using}


class KeepsRefusedOptions(Broken):
    """aclmdlSetConfigOpt stores a load type before it checks it."""

    @staticmethod
    def option(backend: Any, real: Callable[..., int], handle: Any, attr: int, value: Any, size: int) -> int:
        code, config = real(handle, attr, value, size), backend._world.load_configs.get(handle)
        if code and config is not None and value and attr == 1:
            config.values[attr] = ffi.cast("size_t *", value)[0]
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlSetConfigOpt": option}


class KeepsRefusedTimeouts(Broken):
    """aclmdlSetExecConfigOpt stores a timeout before it looks at the size."""

    @staticmethod
    def option(backend: Any, real: Callable[..., int], handle: Any, attr: int, value: Any, size: int) -> int:
        code, config = real(handle, attr, value, size), backend._world.exec_configs.get(handle)
        if code and config is not None and value and attr == 0:
            config.values[attr] = ffi.cast("int32_t *", value)[0]
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlSetExecConfigOpt": option}


class KeepsPathPointers(Broken):
    """The main library keeps the pointer to a path, not a copy of it."""

    @staticmethod
    def option(backend: Any, real: Callable[..., int], handle: Any, attr: int, value: Any, size: int) -> int:
        code = real(handle, attr, value, size)
        if code == 0 and attr == 2:
            config = backend._world.load_configs.get(handle)
            config.values[attr] = int(ffi.cast("uintptr_t", ffi.cast("char **", value)[0]))
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlSetConfigOpt": option}


class LosesNewOutputs(Broken):
    """The memory that a synchronous execution allocates for an output is not left in the data buffer."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, inputs: Any, outputs: Any, *rest: Any) -> int:
        dataset = backend._world.datasets.get(outputs)
        empty = [buffer for buffer in dataset.buffers if not buffer.address] if dataset is not None else []
        code = real(number, inputs, outputs, *rest)
        for buffer in empty:
            buffer.pointer, buffer.address, buffer.size = ffi.NULL, 0, 0
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS[:2], execute)


def _sides(backend: Any, number: int, inputs: Any, outputs: Any) -> list[tuple[Any, Any]]:
    """Dataset and tensors of a call whose handles are right; of a model with gears not the gear input."""
    world = backend._world
    model, given, taken = world.models.get(number), world.datasets.get(inputs), world.datasets.get(outputs)
    if model is None or given is None or taken is None:
        return []
    return [(given, model.executable.inputs), (taken, model.executable.outputs)]


class HasLessSlack(Broken):
    """Buffers may have 63 bytes less than the model needs, not 64."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, inputs: Any, outputs: Any, *rest: Any) -> int:
        for dataset, tensors in _sides(backend, number, inputs, outputs):
            for buffer, tensor in zip(dataset.buffers, tensors, strict=False):
                if buffer.address and buffer.size + 64 == tensor.size and not dataset.has_gear:
                    return EGE
        return real(number, inputs, outputs, *rest)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS, execute)


class IgnoresExtraBuffers(Broken):
    """A static model is executed with more buffers than it has inputs."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, inputs: Any, outputs: Any, *rest: Any) -> int:
        sides = _sides(backend, number, inputs, outputs)[:1]
        extra = [dataset.buffers[len(tensors) :] for dataset, tensors in sides]
        for dataset, tensors in sides:
            del dataset.buffers[len(tensors) :]
        code = real(number, inputs, outputs, *rest)
        for (dataset, _), buffers in zip(sides, extra, strict=True):
            dataset.buffers.extend(buffers)
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS, execute)


class DoesNotWait(Broken):
    """aclmdlExecuteV2 on a stream comes back before the stream is through."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], number: int, inputs: Any, outputs: Any, *rest: Any) -> int:
        stream, handle = rest
        world = backend._world
        model, dataset = world.models.get(number), world.datasets.get(outputs)
        ready = model is not None and dataset is not None and all(buffer.address for buffer in dataset.buffers)
        config = world.exec_configs.get(handle)
        if not stream or not ready or config is None or config.values.get(0, -1) == 0 or model.mode == "asynchronously":
            return real(number, inputs, outputs, *rest)
        model.mode = None
        code: int = backend.aclmdlExecuteAsync(number, inputs, outputs, stream)
        model.mode = SYNCHRONOUS
        world.thread.stream_timeout = config.values.get(0, -1)
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlExecuteV2": execute}


class AppendsToDescs(Broken):
    """The main library's aclmdlGetDesc adds to what a description has."""

    @staticmethod
    def describe(backend: Any, real: Callable[..., int], handle: Any, number: int) -> int:
        desc = backend._world.descs.get(handle)
        sides = ("inputs", "outputs", "input_names", "output_names")
        before = {side: list(getattr(desc, side)) for side in sides} if desc is not None else {}
        code = real(handle, number)
        for side, kept in before.items() if code == 0 else ():
            setattr(desc, side, kept + getattr(desc, side))
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlGetDesc": describe}


class ForgetsPriorities(Broken):
    """aclmdlLoadWithConfig does not tell the model its priority."""

    @staticmethod
    def load(backend: Any, real: Callable[..., int], handle: Any, place: Any) -> int:
        code = real(handle, place)
        if code == 0:
            backend._world.models[place[0]].priority = 0
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlLoadWithConfig": load}


# -- product IPV350 --------------------------------------------------------------------------------------------------


class ReplacesDescs(Broken):
    """IPV350's aclmdlGetDesc clears the description first."""

    @staticmethod
    def describe(backend: Any, real: Callable[..., int], handle: Any, number: int) -> int:
        desc = backend._world.descs.get(handle)
        if desc is not None and number in backend._world.models:
            desc.clear()
        return real(handle, number)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlGetDesc": describe}


class CopiesPaths(Broken):
    """IPV350 keeps a copy of a path, not the pointer to it."""

    @staticmethod
    def option(backend: Any, real: Callable[..., int], handle: Any, attr: int, value: Any, size: int) -> int:
        code = real(handle, attr, value, size)
        if code == 0 and attr == 2:
            backend._world.load_configs.get(handle).values[attr] = ffi.string(ffi.cast("char **", value)[0])
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlSetConfigOpt": option}


class MapsCodes(Broken):
    """IPV350 folds what the engine says of too few buffers into 500002, as the main library does."""

    @staticmethod
    def execute(backend: Any, real: Callable[..., int], *arguments: Any) -> int:
        del backend
        code = real(*arguments)
        return EGE if code == 145000 else code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(
        ("aclmdlExecuteV2", "aclmdlExecuteAsyncV2"), execute
    )

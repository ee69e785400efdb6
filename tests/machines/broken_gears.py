"""Backends with a bug each in gears and dynamic-shape models."""

from collections.abc import Callable
from typing import Any, ClassVar

from aclsim.core.shaped import gear_width

from tests.machines.broken import Broken

SETS = ("aclmdlSetDynamicBatchSize", "aclmdlSetDynamicHWSize", "aclmdlSetInputDynamicDims")
WAYS = ("aclmdlExecute", "aclmdlExecuteV2", "aclmdlExecuteAsync")


class Sets(Broken):
    """What a Set call does wrong is in `around`: it is told what was before, and calls the real one."""

    @staticmethod
    def around(world: Any, code: int, found: "Found") -> int:
        raise NotImplementedError

    def choose(self, real: Callable[..., int], number: int, dataset: Any, index: int, *gear: Any) -> int:
        found = Found(self._world, number, dataset, index)
        return self.around(self._world, real(number, dataset, index, *gear), found)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(SETS, choose)


class Found:
    """Model, dataset and gear buffer of a Set call, None where there are none, and what they were before."""

    def __init__(self, world: Any, number: int, dataset: Any, index: int) -> None:
        self.model = world.models.get(number)
        self.gear = self.model.gear if self.model is not None else None
        self.dataset = world.datasets.get(dataset)
        buffers = self.dataset.buffers if self.dataset is not None else []
        kept = self.dataset
        self.marks = (0, (0, 0), ()) if kept is None else (kept.batch, kept.hw, kept.dims)
        self.buffer = buffers[index] if index < len(buffers) and buffers[index].address else None
        self.span = world.memory.span(self.buffer.address, 64) if self.buffer is not None else None
        self.content = bytes(self.span.read()) if self.span is not None else b""

    def unmark(self) -> None:
        """Let the dataset be as it was."""
        if self.dataset is not None:
            self.dataset.batch, self.dataset.hw, self.dataset.dims = self.marks


class ModelWithoutGear(Sets):
    """A Set call tells the model nothing."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        if found.model is not None:
            found.model.gear = found.gear
        return code


class DatasetWithoutGear(Sets):
    """A Set call leaves no mark on the dataset: the sizes of the buffers are checked all the same."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        found.unmark()
        return code


class BufferWithoutGear(Sets):
    """A Set call writes nothing to the device."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        if found.span is not None:
            found.span.write()[:] = found.content
        return code


class NarrowGears(Sets):
    """The numbers are 32 bits wide also where the buffer has room for 64."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        model = found.model
        if code == 0 and model is not None and found.buffer is not None and found.span is not None:
            gear = model.executable.gears.values[model.gear]
            if gear_width(found.buffer.size, len(gear)) == 8 and len(gear) > 1:
                data = b"".join(number.to_bytes(4, "little") for number in gear)
                found.span.write()[:] = data + found.content[len(data) :]
        return code


class RefusedGearsSwitch(Sets):
    """A gear that the model has not switches it to its first one."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        if code == 145013 and found.model.executable.gears is not None:
            found.model.gear = 0
        return code


class RefusedGearsUnmark(Sets):
    """A Set call that fails leaves the dataset as it was."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        if code:
            found.unmark()
        return code


class ChecksLengthFirst(Sets):
    """A gear buffer that is too short is seen before the model has switched to the gear."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        if code == 145012 and found.model is not None:
            found.model.gear = found.gear
        return code


class GearsOfDynamicModels(Sets):
    """A dynamic-shape model is told that it has no such gear, as static ones are."""

    @staticmethod
    def around(world: Any, code: int, found: Found) -> int:
        return 145013 if code == 145003 and found.model is not None else code


class GearsOfDescriptions(Broken):
    """Current output dims are those of the gear when the description was made."""

    def describe(self, real: Callable[..., int], desc: Any, number: int) -> int:
        code = real(desc, number)
        if code == 0:
            self._world.descs.get(desc).texts["gear"] = self._world.models[number].gear  # type: ignore[union-attr]
        return code

    def current(self, real: Callable[..., int], desc: Any, *rest: Any) -> int:
        found = self._world.descs.get(desc)
        model = self._world.models.get(found.model_id) if found is not None else None
        if model is None or found is None or "gear" not in found.texts:
            return real(desc, *rest)
        kept, model.gear = model.gear, found.texts["gear"]  # type: ignore[assignment]
        code = real(desc, *rest)
        model.gear = kept
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlGetDesc": describe, "aclmdlGetCurOutputDims": current}


class CurrentDimsOfExecutions(Broken):
    """Current output dims change when the model is executed, not when the gear is set."""

    def execute(self, real: Callable[..., int], number: int, *rest: Any) -> int:
        code, model = real(number, *rest), self._world.models.get(number)
        if code == 0 and model is not None:
            model.executed = model.gear  # type: ignore[attr-defined]
        return code

    def current(self, real: Callable[..., int], desc: Any, *rest: Any) -> int:
        found = self._world.descs.get(desc)
        model = self._world.models.get(found.model_id) if found is not None else None
        if model is None:
            return real(desc, *rest)
        kept, model.gear = model.gear, getattr(model, "executed", None)
        code = real(desc, *rest)
        model.gear = kept
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {
        **dict.fromkeys(WAYS, execute),
        "aclmdlGetCurOutputDims": current,
    }


# -- dynamic-shape models --------------------------------------------------------------------------------------------


class Executes(Broken):
    """What an execution of a dynamic-shape model does wrong is in `around`."""

    def around(self, real: Callable[[], int], number: int, inputs: Any, outputs: Any) -> int:
        raise NotImplementedError

    def execute(self, real: Callable[..., int], number: int, inputs: Any, outputs: Any, *rest: Any) -> int:
        model = self._world.models.get(number)
        found, into = self._world.datasets.get(inputs), self._world.datasets.get(outputs)
        if model is None or not model.executable.dynamic or found is None or into is None:
            return real(number, inputs, outputs, *rest)
        return self.around(lambda: real(number, inputs, outputs, *rest), number, found, into)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = dict.fromkeys(WAYS, execute)


class KeepsOutputDescs(Executes):
    """The tensor descs of the outputs are overwritten in place: pointers to them stay good."""

    def around(self, real: Callable[[], int], number: int, inputs: Any, outputs: Any) -> int:
        before = dict(outputs.descs)
        code = real()
        for index, old in before.items() if code == 0 else ():
            old.take(outputs.descs[index])
            self._world.tensor_descs.remove(outputs.descs[index])
            outputs.descs[index] = self._world.tensor_descs.add(old, old.handle)
        return code


class DescribesLate(Executes):
    """An execution that is queued does not describe the outputs yet."""

    def around(self, real: Callable[[], int], number: int, inputs: Any, outputs: Any) -> int:
        code = real()
        outputs.descs.clear()
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlExecuteAsync": Executes.execute}


class StrictInputs(Executes):
    """More inputs than the model has are refused."""

    def around(self, real: Callable[[], int], number: int, inputs: Any, outputs: Any) -> int:
        extra = len(inputs.buffers) > len(self._world.models[number].executable.inputs)
        return 100000 if extra else real()


class LooseOutputs(Executes):
    """More outputs than the model has are ignored."""

    def around(self, real: Callable[[], int], number: int, inputs: Any, outputs: Any) -> int:
        count = len(self._world.models[number].executable.outputs)
        extra = outputs.buffers[count:]
        if all(buffer.address for buffer in extra):
            del outputs.buffers[count:]
            code = real()
            outputs.buffers.extend(extra)
            return code
        return real()


class StickyModes(Broken):
    """A dynamic-shape model keeps the mode of its first execution, as static ones do."""

    def execute(self, real: Callable[..., int], way: str, number: int, *rest: Any) -> int:
        model = self._world.models.get(number)
        mode = "asynchronously" if way == "aclmdlExecuteAsync" else "synchronously"
        if model is not None and model.executable.dynamic and model.mode not in (None, mode):
            return 500002
        code = real(number, *rest)
        if model is not None and code == 0:
            model.mode = mode
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {
        way: lambda self, real, *arguments, way=way: self.execute(real, way, *arguments) for way in WAYS
    }


class OneCounter(Broken):
    """Dynamic-shape models are counted with the others."""

    def load(self, real: Callable[..., int], *arguments: Any) -> int:
        world = self._world
        world.next_dynamic_id = world.next_model_id = max(world.next_model_id, world.next_dynamic_id % (1 << 31))
        return real(*arguments)

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlLoadFromFile": load}


class ReusesDynamicIds(Broken):
    """The id of a dynamic-shape model that was unloaded is given out again."""

    def unload(self, real: Callable[..., int], number: int) -> int:
        code = real(number)
        if code == 0 and number == self._world.next_dynamic_id - 1:
            self._world.next_dynamic_id -= 1
        return code

    replaced: ClassVar[dict[str, Callable[..., Any]]] = {"aclmdlUnload": unload}

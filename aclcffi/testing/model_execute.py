"""What an execution answers and does (contract_mdl section 7), in each of its four ways, for each kind of model."""

from collections.abc import Iterator
from dataclasses import dataclass

from aclcffi import ffi, lib
from aclcffi.testing.model_state import (
    BAD_CONTENT,
    BAD_VALUE,
    ENGINE,
    INVALID,
    MAIN,
    STALE_HANDLE,
    UNKNOWN_MODEL,
    Buffer,
    Config,
    Dataset,
    Memory,
    Model,
    ModelState,
    Stream,
    TensorDesc,
)
from aclcffi.testing.samples import GEAR_BYTES, Dims, Sample, doubled, size_of

EXECUTE, V2, ASYNC, ASYNC_V2 = "aclmdlExecute", "aclmdlExecuteV2", "aclmdlExecuteAsync", "aclmdlExecuteAsyncV2"
NEVER_GIVEN = 4711
FOR_EVER = -1
_SLACK = 64


@dataclass
class Call:
    """One execution. `stream` is None for NULL, `model` for an id that was never given out."""

    way: str
    model: Model | None
    inputs: Dataset | None
    outputs: Dataset | None
    stream: Stream | None = None
    config: Config | None = None
    thread: str = MAIN

    @property
    def waits(self) -> bool:
        """Whether it is a synchronous one."""
        return self.way in (EXECUTE, V2)


class ModelExecutions(ModelState):
    """Executions: what they answer, and what memory, buffers, tensor descs and models are behind them."""

    def execute(self, call: Call) -> None:
        """Make a call, unless the contract does not say what would come of it."""
        small = self.small or call.way == ASYNC_V2
        call.stream = None if call.way == EXECUTE else call.stream
        code = self.small_code(call) if small else self.main_code(call)
        if not self.told(call, code, small=small):
            return
        if code == 0:
            self.prepare(call)
        legal = {code} if small or not call.waits else self.waited(call, code)
        arguments = [
            NEVER_GIVEN if call.model is None else call.model.handle,
            self.handle(call.inputs),
            self.handle(call.outputs),
        ]
        if call.way != EXECUTE:
            arguments.append(self.handle(call.stream))
        if call.way in (V2, ASYNC_V2):
            arguments.append(self.handle(call.config))
        answer = self.expect(call.way, *arguments, legal=sorted(legal), thread=call.thread)
        if not small:
            self.keep_mode(call, code)
            self.keep_timeout(call, code, answer)
        self.effects(call, code, answer, small=small)

    # -- the order of the checks (section 7.1) -----------------------------------------------------------------------

    def main_code(self, call: Call) -> int:
        """What the main library says to the launch, without the wait."""
        if call.way == V2 and self.code(call.config):
            return INVALID  # MD7.01
        if call.inputs is None or call.outputs is None or self.code(call.inputs, call.outputs):
            return INVALID  # MD7.02
        if call.model is None or not call.model.alive:
            return UNKNOWN_MODEL  # MD7.06
        if call.model.sample.dynamic:
            return self.dynamic_code(call, call.model, call.inputs, call.outputs)
        sample = call.model.sample
        if call.waits and any(each.memory is None for each in call.outputs.buffers[len(sample.outputs) :]):
            return INVALID  # MD7.21
        if call.model.mode not in ("", "waits" if call.waits else "async"):
            return ENGINE  # MD7.07
        if (len(call.inputs.buffers), len(call.outputs.buffers)) != (sample.input_count, len(sample.outputs)):
            return ENGINE  # MD7.08, MD8.06
        stream = call.stream or self.remembered(call)
        if stream is not None and not stream.alive:
            return STALE_HANDLE
        return 0 if self.sizes_fit(call, call.inputs, call.outputs) else ENGINE  # MD7.10

    @staticmethod
    def sizes_fit(call: Call, inputs: Dataset, outputs: Dataset) -> bool:
        """MD7.10, MD8.05: 64 bytes too few pass; with a gear in the dataset nobody looks."""
        if inputs.gears:
            return True
        assert call.model is not None
        known = Dataset(None, call.model.sample, takes=True), Dataset(None, call.model.sample, takes=False)
        return all(
            buffer.size + _SLACK >= need or (dataset is outputs and call.waits and buffer.memory is None)
            for dataset, like in zip((inputs, outputs), known, strict=True)
            for buffer, need in zip(dataset.buffers, like.needs, strict=True)
        )

    def dynamic_code(self, call: Call, model: Model, inputs: Dataset, outputs: Dataset) -> int:
        """The column RT2 of the table."""
        sample = model.sample
        if call.waits and any(each.memory is None for each in outputs.buffers[len(sample.outputs) :]):
            return INVALID  # MD7.21
        if len(inputs.buffers) < len(sample.inputs):
            return INVALID  # MD7.08: extra ones are ignored
        if len(outputs.buffers) != len(sample.outputs):
            return ENGINE
        if not call.waits and call.stream is not None and not call.stream.alive:
            return STALE_HANDLE
        bounds = sample.bounds or sample.shapes()
        for index, ((_, own), most) in enumerate(zip(sample.inputs, bounds, strict=True)):
            dims = inputs.descs[index].dims if index in inputs.descs else list(own)
            if dims is None or len(dims) != len(own):
                return INVALID  # MD7.11
            for dim, fixed, limit in zip(dims, own, most, strict=True):
                least = fixed if fixed >= 0 else 1
                if dim != -1 and limit >= 0 and not least <= dim <= limit:
                    return INVALID
        return 0

    def small_code(self, call: Call) -> int:
        """The column IPV350 of the table."""
        if call.config is not None and not call.config.alive:
            return INVALID
        if call.config is None and (call.stream is None or not call.stream.alive or call.stream.work is None):
            return INVALID  # MD7.01
        if call.inputs is None or call.outputs is None or self.code(call.inputs, call.outputs):
            return INVALID  # MD7.02
        if self.work_of(call) is None:
            return INVALID  # MD7.03
        if call.model is None or not call.model.alive:
            return UNKNOWN_MODEL  # MD7.06
        if call.stream is None:
            return BAD_VALUE  # MD7.09
        if not call.stream.alive:
            return STALE_HANDLE
        sample = call.model.sample
        if len(call.inputs.buffers) < len(sample.inputs) or len(call.outputs.buffers) < len(sample.outputs):
            return BAD_CONTENT  # MD7.08
        return 0

    @staticmethod
    def work_of(call: Call) -> Memory | None:
        """MD4.28: the handle's work memory, else the stream's."""
        given: Memory | None = call.config.kept.get(lib.ACL_MDL_WORK_ADDR_PTR) if call.config is not None else None
        if given is None and call.stream is not None and call.stream.alive:
            return call.stream.work
        return given

    # -- what the contract says nothing of ---------------------------------------------------------------------------

    def told(self, call: Call, code: int, *, small: bool) -> bool:
        """Whether the contract says what comes of a call."""
        for dataset in (call.inputs, call.outputs):
            if dataset is not None and dataset.alive and not all(map(self.usable, dataset.buffers)):
                return False
        if call.inputs is None or call.outputs is None or call.model is None or not call.model.alive:
            return True
        if call.inputs.alive and call.outputs.alive and call.model.sample is not call.inputs.sample:
            return False  # the shapes of another model
        if call.model.sample is not call.outputs.sample:
            return False
        remembered = self.remembered(call)
        if remembered is not None and not remembered.alive and not self.target.exact:
            return False  # what is left of a stream
        empty = [buffer for buffer in call.outputs.buffers if buffer.memory is None]
        if len(set(map(id, empty))) < len(empty):
            return False  # one buffer for two outputs
        if code == INVALID and not small and not call.model.sample.dynamic:
            # A NULL output that is one too many: whether the mode is fixed by then nobody says.
            return call.model.mode == "waits" or self.code(call.inputs, call.outputs, *self.configs_of(call)) != 0
        if code:
            return True
        if not small and 0 in self.timeouts_of(call) and (call.inputs.descs or empty or call.model.sample.dynamic):
            return False  # what becomes of the outputs of an execution that nobody waited for
        return self.fits(call, call.model, call.inputs, call.outputs, small=small)

    @staticmethod
    def configs_of(call: Call) -> list[Config | None]:
        """The exec config handle, where the way takes one."""
        return [call.config] if call.way == V2 else []

    @staticmethod
    def usable(buffer: Buffer) -> bool:
        """Whether neither a buffer nor its memory is gone."""
        return buffer.alive and (buffer.memory is None or buffer.memory.alive)

    def fits(self, call: Call, model: Model, inputs: Dataset, outputs: Dataset, *, small: bool) -> bool:
        """Whether there is memory for everything, whatever the buffers say, and known shapes."""
        shapes = self.shapes_of(model, inputs)
        if shapes is None:
            return False
        for index, shape in enumerate(shapes):
            need = size_of(shape)
            source, target = inputs.buffers[index], outputs.buffers[index]
            if source.memory is None or source.memory.size < need:
                return False
            if target.memory is None:
                if small or (not call.waits and not model.sample.dynamic):
                    return False
            elif target.memory.size < need or (model.sample.dynamic and target.size < need):
                return False
        return True

    def shapes_of(self, model: Model, inputs: Dataset) -> list[Dims] | None:
        """The shapes of a legal execution, None where nobody says them."""
        sample = model.sample
        if sample.geared:
            gear = self.gear_in(sample, inputs.buffers[len(sample.inputs)])
            return sample.shapes(gear) if gear is not None else None
        shapes: list[Dims] = []
        for index, (_, own) in enumerate(sample.inputs):
            given = inputs.descs[index].dims if sample.dynamic and index in inputs.descs else list(own)
            if given is None or any(dim < 0 for dim in given):
                return None
            shapes.append(tuple(given))
        return shapes

    @staticmethod
    def gear_in(sample: Sample, buffer: Buffer) -> Dims | None:
        """MD8.05, MD8.07: the gear that the bytes of a gear buffer name, None where they name none."""
        width = 8 if buffer.size >= 8 * sample.width else GEAR_BYTES
        content = buffer.memory.at_last() if buffer.memory is not None else None
        if content is None or buffer.size < width * sample.width:
            return None
        gear = tuple(
            int.from_bytes(content[width * place : width * (place + 1)], "little") for place in range(sample.width)
        )
        return gear if gear in sample.gears else None

    def timeouts_of(self, call: Call) -> set[int]:
        """How long a synchronous execution of the main library waits: what is possible."""
        if not call.waits or self.small:
            return {FOR_EVER}
        if call.way == EXECUTE or call.config is None:
            return self.timeouts.get(call.thread, {FOR_EVER})
        return {call.config.values.get(lib.ACL_MDL_STREAM_SYNC_TIMEOUT, FOR_EVER)}

    # -- the call ----------------------------------------------------------------------------------------------------

    def touched(self, call: Call) -> Iterator[Memory]:
        """The memory that an execution uses."""
        for dataset in (call.inputs, call.outputs):
            for buffer in dataset.buffers if dataset is not None else ():
                if buffer.memory is not None:
                    yield buffer.memory
        work = self.work_of(call) if self.small or call.way == ASYNC_V2 else None
        if work is not None:
            yield work

    def remembered(self, call: Call) -> Stream | None:
        """Section 7.2, the trap: the stream of aclmdlExecuteV2 that executions without one run on, and do not wait."""
        without = call.waits and call.stream is None and not self.small
        return call.model.on if without and call.model is not None and call.model.alive else None

    def on_stream(self, call: Call) -> Stream | None:
        """The stream that it runs on; None for one of its own."""
        remembered = self.remembered(call)
        if remembered is not None:
            return remembered
        if call.way in (ASYNC, ASYNC_V2):
            return call.stream if call.stream is not None else self.default
        model = call.model
        ignored = model is not None and model.alive and model.sample.dynamic  # MD7.15
        return None if ignored else call.stream

    def prepare(self, call: Call) -> None:
        """Wait for other work with its memory, as a careful program does."""
        for memory in self.touched(call):
            self.leave(memory, self.on_stream(call))

    def waited(self, call: Call, code: int) -> set[int]:
        """What a synchronous call of the main library answers: the error of the wait, if there is one, replaces others.

        It waits for a stream that it was given even if the launch failed (MD7.15).
        """
        if self.code(call.inputs, call.outputs, *self.configs_of(call)) or self.remembered(call) is not None:
            return {code}
        stream = self.on_stream(call)
        if stream is not None and not stream.alive:
            return {STALE_HANDLE}
        if stream is None and code:
            return {code}
        return {BAD_VALUE if timeout == 0 else code for timeout in self.timeouts_of(call)}  # MD12.08

    def keep_mode(self, call: Call, code: int) -> None:
        """MD7.07: fixed even if that first call fails later."""
        model = call.model
        if model is None or not model.alive or model.sample.dynamic or code == INVALID:
            return
        if not model.mode:
            model.mode = "waits" if call.waits else "async"

    def keep_timeout(self, call: Call, code: int, answer: int) -> None:
        """Section 7.2: the timeouts of aclmdlExecuteV2 stay in the thread; a refused call may have set them or not."""
        if self.code(call.inputs, call.outputs, *self.configs_of(call)) or not call.waits:
            return
        if call.way == V2:
            refused = self.timeouts.get(call.thread, {FOR_EVER}) if code else set()
            self.timeouts[call.thread] = self.timeouts_of(call) | refused
        elif code == 0 and self.remembered(call) is None:
            self.timeouts[call.thread] = {each for each in self.timeouts[call.thread] if (each == 0) == (answer != 0)}

    # -- what comes of it --------------------------------------------------------------------------------------------

    def effects(self, call: Call, code: int, answer: int, *, small: bool) -> None:
        """Bring the model up to date, and look at what a synchronous execution gave."""
        stream, model = self.on_stream(call), call.model
        waited = call.waits and self.remembered(call) is None
        looked = not self.code(call.inputs, call.outputs, *self.configs_of(call)) if not small else code == 0
        if stream is not None and waited and looked and answer == code:
            self.over(stream)
        if call.inputs is None or call.outputs is None or model is None or not model.alive:
            return
        if call.waits and not small and looked:
            self.take_memory(call, model, call.outputs, done=answer == 0)
        if code:
            return
        self.compute(call, model, call.inputs, call.outputs, done=waited and answer == 0)
        if call.way == V2 and call.stream is not None and not small and not model.sample.dynamic:
            model.on = call.stream
        if not small and answer == 0 and (model.sample.dynamic or (call.inputs.descs and not model.sample.geared)):
            self.describe_outputs(model, call.inputs, call.outputs)
        if waited and answer == 0:
            for buffer in call.outputs.buffers[: len(model.sample.outputs)]:
                if buffer.memory is not None:
                    self.read(buffer.memory)

    def compute(self, call: Call, model: Model, inputs: Dataset, outputs: Dataset, *, done: bool) -> None:
        """What the outputs hold behind a launch; `done` where it was waited for."""
        shapes, stream = self.shapes_of(model, inputs) or [], self.on_stream(call)
        queued = stream is not None and not done
        used = list(self.touched(call))
        for index, shape in enumerate(shapes):
            source, target = inputs.buffers[index].memory, outputs.buffers[index].memory
            if source is None or target is None:
                continue
            size, before, old = size_of(shape), source.at_last(), target.at_last()
            result = None
            if used.count(target) == 1 and (self.target.exact or inputs.buffers[index].size >= size):
                # Else nobody says: a copied input of no size is skipped (section 7.1).
                rest = b"" if target.size == size else old and old[size:]
                result = doubled(before[:size]) + rest if before is not None and rest is not None else None
            if queued:
                target.later.append(result)
            else:
                target.content = result if done else None
        for memory in used if queued else ():
            memory.busy = stream

    def take_memory(self, call: Call, model: Model, outputs: Dataset, *, done: bool) -> None:
        """MD7.19: an output without memory has got some; MD7.23: of an execution that failed perhaps."""
        shapes = self.shapes_of(model, call.inputs) if done and call.inputs is not None else None
        for index, (buffer, described) in enumerate(zip(outputs.buffers, model.sample.sizes(), strict=False)):
            if buffer.memory is not None:
                continue
            address = self.value("aclGetDataBufferAddr", buffer.handle)
            size = described or (size_of(shapes[index]) if shapes is not None else 0)
            if done:
                self.value("aclGetDataBufferSizeV2", buffer.handle, legal=(size,))
            if done or address != ffi.NULL:
                buffer.memory = Memory(address, size or self.value("aclGetDataBufferSizeV2", buffer.handle))
                buffer.size = buffer.memory.size
                self.memory.append(buffer.memory)
                if not done:
                    self.free(buffer.memory)
                    self.update(buffer, None, 0)

    def update(self, buffer: Buffer, memory: Memory | None, size: int) -> None:
        """MD3.03: main library only."""
        self.expect("aclUpdateDataBuffer", buffer.handle, self.handle(memory), size)
        buffer.memory, buffer.size = memory, size

    def describe_outputs(self, model: Model, inputs: Dataset, outputs: Dataset) -> None:
        """MD7.22: the outputs' tensor descs are made anew; pointers to the old ones are stale."""
        shapes = self.shapes_of(model, inputs) or []
        old = list(outputs.descs.values())
        for desc in old:
            desc.alive = False
        for index, shape in enumerate(shapes):
            handle = self.value("aclmdlGetDatasetTensorDesc", outputs.handle, index)
            outputs.descs[index] = new = TensorDesc(handle, lib.ACL_FLOAT, list(shape), owned=True)
            self.descs.append(new)
            self.check_desc(new)
        for desc in old if self.target.exact else ():
            self.check_desc(desc)

"""A state machine over models whose shapes vary: gears (dynamic batch, height and width, dims) and dynamic shapes."""

import itertools
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aclcffi import ffi, lib
from aclcffi.testing.gear_calls import GearCalls
from aclcffi.testing.machines import Options, Target, schedules
from aclcffi.testing.model_describe import Description
from aclcffi.testing.model_execute import ASYNC, EXECUTE, V2, Call
from aclcffi.testing.model_state import UNKNOWN_MODEL, Actions, Dataset, Memory, Model
from aclcffi.testing.samples import BATCH, DIMS, DYNAMIC, GEAR_BYTES, HW, KINDS, Dims, Sample

_ROOM = 256
_MOST_MODELS = 4

# What is done in each area; what stands twice is done twice as often.
AREAS: dict[str, tuple[str, ...]] = {
    "model": ("load", "unload", "stale"),
    "description": ("current", "current", "current", "tensor", "gears", "range", "from file"),
    "gear": (
        *("good",) * 5,
        *("wide", "no gear", "no gear") * 2,
        "zero",
        "other kind",
        "index",
        "NULL",
        "long",
        "short",
        "id",
    ),
    "buffer": ("size", "size", "size", "gear size", "gear size", "gear bytes", "empty", "write"),
    "dataset": ("shape", "shape", "make", "output desc", "look", "look"),
    "stream": ("synchronize", "synchronize", "read", "make", "destroy"),
    "run": (EXECUTE, V2, ASYNC),
}
_PAIRS = [*((kind, kind) for kind in KINDS[:4]), *itertools.combinations(KINDS, 2)]
_ALWAYS = ["run", "run", "gear", "description", "stream"]


class GearMachine(GearCalls):
    """Predicts codes, current output dims, tensor descs of outputs, and results in each gear and shape.

    Each run plays with one or two kinds of models and in a few areas, so that one dataset meets many calls.
    """

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.kinds: list[str] = []
        self.areas = _ALWAYS
        self.tight = False
        self.watched: dict[Model, Description] = {}

    needs: ClassVar[tuple[str, ...]] = (*GearCalls.needs, "aclmdlSetDynamicBatchSize", "aclmdlGetCurOutputDims")

    @initialize(
        schedule=schedules(),
        kinds=st.sampled_from(_PAIRS),
        areas=st.sets(st.sampled_from(sorted(AREAS)), max_size=2),
        tight=st.booleans(),
    )
    def start(self, schedule: Options, kinds: tuple[str, str], areas: set[str], tight: bool) -> None:
        """Open the backend, load a model of each kind that the run plays with, and make datasets for it.

        In a tight run buffers say that they have no bytes: with a gear in the dataset nobody looks at that.
        """
        self.areas = [*_ALWAYS, *sorted(areas) * 3]
        self.tight = tight
        self.open(schedule)
        self.make_stream()
        self.kinds = [kind for kind in dict.fromkeys(kinds) if kind in self.samples] or list(self.samples)
        for kind in self.kinds:
            self.load(kind, "File")
            for takes in (True, False):
                self.make(self.samples[kind], takes=takes)
        with self.acl.optional():
            self.make_exec_config()

    def make(self, sample: Sample, *, takes: bool) -> Dataset:
        """A dataset with room for every shape, a gear in the gear buffer, and a shape for each dynamic input."""
        dataset = self.make_filled(sample, takes=takes, room=_ROOM)
        if takes and sample.geared:
            buffer = dataset.buffers[-1]
            self.update(buffer, buffer.memory, GEAR_BYTES * sample.width)
            if buffer.memory is not None:
                self.write_gear(sample, buffer, buffer.memory, sample.gears[0])
            for data in dataset.buffers[:-1] if self.tight else ():
                self.update(data, data.memory, 1)
        elif takes and sample.dynamic:
            for index in range(len(sample.inputs)):
                self.shape(dataset, index, 2)
        return dataset

    @rule(act=st.integers(0, 9999), use=st.integers(0, 125))
    def step(self, act: int, use: int) -> None:
        """Do something in one of the areas. Hypothesis deletes a step only if it has few draws."""
        actions: Actions = {
            "model": self.use_model,
            "description": self.describe_model,
            "gear": self.choose_gear,
            "buffer": self.use_buffer,
            "dataset": self.use_dataset,
            "stream": self.use_stream,
            "run": self.run,
        }
        self.act(self.areas, AREAS, actions, act, use)

    # -- models ------------------------------------------------------------------------------------------------------

    def load(self, kind: str, way: str) -> None:
        """MD5.01, MD5.03: ids of dynamic-shape models are counted apart."""
        sample, place = self.samples[kind], ffi.new("uint32_t *")
        if way == "Mem" and sample.content:
            self.expect("aclmdlLoadFromMem", sample.content, len(sample.content), place)
        else:
            self.expect("aclmdlLoadFromFile", sample.path, place)
        model = self.take_id(place, sample)
        with self.acl.optional():
            self.watched[model] = desc = self.make_description()
            self.describe(desc, model, 0)

    def model_of(self, pick: int, kinds: tuple[str, ...] = KINDS) -> Model | None:
        """A live model of some kinds."""
        return self.live([model for model in self.models if model.sample.kind in kinds], pick)

    def use_model(self, what: str, pick: int, number: int) -> None:
        """Section 1, MD5.14, MD5.15."""
        model = self.model_of(pick)
        if what == "load" and sum(each.alive for each in self.models) < _MOST_MODELS and self.kinds:
            self.load(self.kinds[number % len(self.kinds)], "Mem" if number % 4 == 3 else "File")
        elif what == "unload" and model is not None:
            self.unload(model)
            if number > 5:
                self.load(model.sample.kind, "File")
        elif what == "stale":
            gone = [each for each in self.models if not each.alive]
            if gone:
                self.expect("aclmdlUnload", gone[-1].handle, legal=(UNKNOWN_MODEL,))

    def describe_model(self, what: str, pick: int, number: int) -> None:
        """Sections 6 and 8: with an old description or a new one."""
        model = self.model_of(pick)
        if number % 2 or not any(desc.alive for desc in self.descriptions):
            with self.acl.optional():
                self.make_description()
                self.describe(self.descriptions[-1], model, 4711)
        desc = self.choose(self.descriptions, pick)
        if what == "from file" and self.kinds:
            self.describe_file(desc, self.samples[self.kinds[0]], "")
        elif what == "gears":
            self.check_gears(desc)
        elif what == "range":
            self.check_range(desc, number % 3)
        elif what == "tensor":
            self.check_tensor(desc, number // 2 % 4, takes=number % 3 > 0)
        else:
            self.check_current(desc, number // 2 % 3)

    # -- gears -------------------------------------------------------------------------------------------------------

    def choose_gear(self, what: str, pick: int, number: int) -> None:
        """Section 8: one of the Set functions."""
        model = self.model_of(pick, (BATCH, HW, DIMS)) or self.model_of(pick)
        if model is None:
            return
        sample = model.sample
        dataset: Dataset | None = self.live(
            [each for each in self.datasets if each.takes and each.sample is sample], pick
        )
        if dataset is None:
            return
        index, kind = len(dataset.buffers) - 1, sample.kind if sample.geared else (BATCH, HW, DIMS)[number % 3]
        if what == "other kind":
            kind = (BATCH, HW, DIMS)[number % 3]
            dataset = self.live([each for each in self.datasets if each.takes], number)
        given: Dims | None = self.right_numbers(sample, kind, number)
        if what == "index":
            index = (index + 1, 0, 99)[number % 3]
        elif what == "id":
            gone = [each for each in self.models if not each.alive]
            dynamic = self.model_of(pick, (DYNAMIC,))
            model = (dynamic, gone[-1] if gone else None, None)[number % 3]
        elif what == "NULL":
            dataset, given = (None, given) if number % 2 or kind != DIMS else (dataset, None)
        elif given is not None:
            given = self.spoiled(kind, given, what, number)
        if what in ("short", "wide") and dataset is not None and sample.geared:
            buffer = dataset.buffers[index]
            size = GEAR_BYTES * sample.width
            self.update(buffer, buffer.memory, size - 1 if what == "short" else 2 * size)
        self.set_gear(kind, model, dataset, index, given)
        if model is not None and model.alive:
            self.check_current(self.watched[model], pick % 2)

    @staticmethod
    def right_numbers(sample: Sample, kind: str, number: int) -> Dims:
        """What a Set function is given for one of the gears."""
        gear = sample.gears[number % len(sample.gears)] if sample.geared else (2, 3)
        if kind == DIMS:
            return tuple(dim for shape in sample.shapes(gear if sample.geared else None) for dim in shape)
        return (gear * 2)[: 1 if kind == BATCH else 2]

    @staticmethod
    def spoiled(kind: str, given: Dims, what: str, number: int) -> Dims:
        """Numbers with a mistake in them."""
        place = number % len(given)
        if what == "no gear":
            return (*given[:place], 77, *given[place + 1 :])
        if what == "zero":
            return () if kind == DIMS else (*given[:place], 0, *given[place + 1 :])
        if what == "long" and kind == DIMS:
            return (*given, 1) if number % 2 else given[:-1]
        return given

    def use_buffer(self, what: str, pick: int, number: int) -> None:
        """MD7.10, MD8.05, MD8.07: what buffers say, and bytes that the program writes itself."""
        dataset = self.live(self.datasets, pick)
        if dataset is None:
            return
        sample = dataset.sample
        index = number % len(dataset.needs)
        if what.startswith("gear") and dataset.takes and sample.geared:
            index = len(sample.inputs)
        buffer = dataset.buffers[index]
        memory: Memory | None = buffer.memory or self.make_memory(max(_ROOM, dataset.needs[index]))
        need = dataset.needs[index]
        if not self.target.exact:
            self.settle()
        if what == "write" and memory is not None and index < len(sample.inputs):
            self.write(memory)
        elif what == "gear bytes" and memory is not None and dataset.takes and sample.geared:
            self.write_gear(sample, buffer, memory, sample.gears[number % len(sample.gears)])
        elif what == "empty" and not dataset.takes:
            self.update(buffer, None, (0, 5, _ROOM)[number % 3])
        elif what == "gear size":
            size = GEAR_BYTES * max(sample.width, 1)
            self.update(buffer, memory, (size, size - 1, 2 * size, 2 * size - 1)[number // 2 % 4])
        else:
            slack = (need - 64, need - 65, need, _ROOM, 1)[number // 3 % 5]
            self.update(buffer, memory, max(slack, 0))

    # -- shapes ------------------------------------------------------------------------------------------------------

    def shape(self, dataset: Dataset, index: int, number: int) -> None:
        """MD3.11: a tensor desc says the shape of a dynamic input; some are none that the model takes (MD7.11)."""
        own = dataset.sample.inputs[index][1]
        dims = [dim if dim >= 0 else (number + place) % 4 + 1 for place, dim in enumerate(own)]
        if number == 20:
            dims.append(1)
        elif number == 19:
            dims[-1] += 1  # of a fixed dim a violation
        elif number == 18:
            dims = [40 if dim < 0 else dim for dim in own]
        elif number == 17:
            dims = list(own)
        desc = self.make_desc(lib.ACL_FLOAT, dims)
        self.set_desc(dataset, index, desc)
        self.value("aclDestroyTensorDesc", desc.handle, legal=(None,))
        desc.alive = False

    def use_dataset(self, what: str, pick: int, number: int) -> None:
        """Section 3.2: shapes of inputs, and the descs that executions leave on outputs."""
        if what == "make" and self.kinds:
            self.make(self.samples[self.kinds[number % len(self.kinds)]], takes=number % 4 < 2)
        varying = [each for each in self.datasets if each.sample.dynamic]
        inputs, outputs = (
            self.live([each for each in varying if each.takes is takes], pick) for takes in (True, False)
        )
        if what == "shape" and inputs is not None:
            self.shape(inputs, number % len(inputs.sample.inputs), number)
        elif what == "look" and outputs is not None and self.target.exact and self.descs:
            self.check_desc(self.descs[::-1][number % len(self.descs)])
        elif what == "output desc" and outputs is not None:
            desc = self.make_desc(lib.ACL_INT64, [number, 1])
            self.set_desc(outputs, number % len(outputs.buffers), desc)

    # -- executing ---------------------------------------------------------------------------------------------------

    def run(self, way: str, pick: int, number: int) -> None:
        """Section 7, in the column of the model's kind."""
        model = self.model_of(pick)
        if model is None:
            return
        inputs, outputs = (
            self.live([each for each in self.datasets if each.takes is takes and each.sample is model.sample], pick)
            for takes in (True, False)
        )
        stream = None if number % 3 == 0 else self.choose(self.streams, number % 6)
        config = self.live(self.exec_configs, pick)
        call = Call(way, model, None if number == 20 else inputs, outputs, stream, config)
        if number in (17, 18):
            call.inputs = self.make(model.sample, takes=True)
            self.add(call.inputs, self.make_buffer(self.make_memory(_ROOM), _ROOM))
        elif number in (16, 19):
            call.outputs = self.make(model.sample, takes=False)
            self.add(call.outputs, self.make_buffer(None if pick % 2 else self.make_memory(_ROOM), _ROOM))
        for odd in (call.inputs, call.outputs):
            if odd not in (None, inputs, outputs):
                self.datasets.remove(odd)
        self.execute(call)

    def use_stream(self, what: str, pick: int, number: int) -> None:
        """Streams for the executions, and a look at memory while they may be running."""
        live = [each for each in self.streams if each.alive]
        memory = self.live([each for each in self.memory if each.size == _ROOM], number)
        if what == "make" and len(live) < 3:
            self.make_stream()
        elif what == "destroy" and len(live) > 1:
            self.destroy_stream(live[pick % len(live)])
        elif what == "read" and memory is not None:
            self.read(memory)
        else:
            self.synchronize(live[pick % len(live)] if pick < 4 else self.default)

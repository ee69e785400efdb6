"""A state machine over buffers, datasets, tensor descs, configurations and static models."""

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aclcffi import ffi, lib
from aclcffi.testing.machines import Options, Target, schedules
from aclcffi.testing.model_config import EXEC
from aclcffi.testing.model_describe import Description
from aclcffi.testing.model_execute import ASYNC, ASYNC_V2, EXECUTE, NEVER_GIVEN, V2, Call
from aclcffi.testing.model_load import ModelLoads
from aclcffi.testing.model_state import (
    INVALID,
    MAIN,
    OTHER_THREAD,
    UNKNOWN_MODEL,
    Actions,
    Dataset,
    Model,
)
from aclcffi.testing.samples import STATIC

_MOST_STREAMS = 4
_ROOM = 96  # bytes of every memory: enough for each tensor of the sample
_SIZES = (16, 15, 80, 24, 0, _ROOM)  # 64 bytes less than the larger tensor needs, 65 ...

WAYS = (EXECUTE, V2, ASYNC, ASYNC_V2)

# What is done in each area; what stands twice is done twice as often.
AREAS: dict[str, tuple[str, ...]] = {
    "load": (
        "",
        "",
        "",
        *("missing", "NULL", "no id", "missing, no id", "no size", "short"),
        *("garbage", "little work") * 2,
        "little weights",
    ),
    "load config": (
        "ready",
        "ready",
        "set",
        "set",
        "set",
        "set",
        "load",
        "rewrite",
        "rewrite",
        "make",
        "weights",
        "destroy",
    ),
    "model": ("unload", "unload", "priority", "get priority"),
    "description": ("model", "model", "file", "memory", "inputs", "outputs", "current", "make", "destroy"),
    "buffer": ("size", "size", "size", "update", "empty", "empty", "fill", "write", "get", "destroy", "free"),
    "dataset": ("make", "few", "add", "add", "get", "set desc", "set desc", "remove desc", "destroy"),
    "exec config": ("timeout", "timeout", "timeout", "make", "set", "work", "destroy"),
    "wrong": ("handle", "input", "output", "id", "both", "stream", "few", "few", "datasets"),
    "stream": ("synchronize", "synchronize", "read", "make", "destroy"),
    "run": WAYS,
}
_ALWAYS = ["run", "run", "run", "stream"]


class ModelMachine(ModelLoads):
    """Predicts the code of each call, what the getters answer, and what static models compute.

    Each run plays in a few areas only, so that one and the same object meets many calls.
    """

    kinds_taken: ClassVar[tuple[str, ...]] = (STATIC,)

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.areas = _ALWAYS

    @initialize(schedule=schedules(), areas=st.sets(st.sampled_from(sorted(AREAS)), min_size=1, max_size=3))
    def start(self, schedule: Options, areas: set[str]) -> None:
        """Open the backend and load a model; one dataset of each side and an exec config are there."""
        self.areas = [*_ALWAYS, *sorted(areas) * 3]
        self.open(schedule)
        sizes = [ffi.new("size_t *") for _ in range(2)]
        if self.acl.backend.supports("aclmdlQuerySize"):
            with self.acl.optional():
                self.expect("aclmdlQuerySize", self.sample.path, *sizes)
        self.work_bytes, self.weight_bytes = sizes[0][0], sizes[1][0]
        self.make_stream()
        if self.small:
            with self.acl.optional():
                config = self.make_load_config()
            self.make_ready(config, 1)
            self.load_config(config)
        else:
            self.load("", 0, 0)
        for takes in (True, False):
            self.make_filled(self.sample, takes=takes, room=_ROOM)
        with self.acl.optional():
            config = self.make_exec_config()
            if self.acl.backend.supports(ASYNC_V2):
                self.give_work(config, self.make_memory(self.work_room, None))

    @rule(act=st.integers(0, 9999), use=st.integers(0, 125))
    def step(self, act: int, use: int) -> None:
        """Do something in one of the areas. Hypothesis deletes a step only if it has few draws."""
        actions: Actions = {
            "load": self.load,
            "load config": self.use_load_config,
            "model": self.use_model,
            "description": self.use_description,
            "buffer": self.use_buffer,
            "dataset": self.use_dataset,
            "exec config": self.use_exec_config,
            "wrong": self.run_wrongly,
            "stream": self.use_stream,
            "run": self.run,
        }
        self.act(self.areas, AREAS, actions, act, use)

    # -- models ------------------------------------------------------------------------------------------------------

    def model_of(self, pick: int) -> tuple[Model | None, int]:
        """A model and its id; none where the id was never given out."""
        model = self.live(self.models, pick)
        gone = [each for each in self.models if not each.alive]
        if pick == 5 or model is None:
            model = gone[-1] if gone and pick % 2 else None
        return model, NEVER_GIVEN if model is None else model.handle

    def use_model(self, what: str, pick: int, number: int) -> None:
        """MD5.14, MD5.15, section 5.4."""
        model, handle = self.model_of(pick)
        known = model is not None and model.alive
        if what == "unload":
            if model is not None and known:
                self.unload(model)
                if number % 4 == 3:
                    self.load("", 0, 0)
            handle = handle if number % 2 or model is None else model.handle
            self.expect("aclmdlUnload", handle, legal=(UNKNOWN_MODEL,))
        elif self.acl.backend.supports("aclmdlSetAttribute"):
            getting, attr = what == "get priority", int(number == 19)
            value = ffi.new("aclmdlAttrValue_t *")
            value.mdlPriority = number % 10
            bad = attr or number == 20 or (not getting and number % 10 > 7)
            code = INVALID if bad else 0 if known else UNKNOWN_MODEL
            function = "aclmdlGetAttribute" if getting else "aclmdlSetAttribute"
            self.expect(function, handle, attr, ffi.NULL if number == 20 else value, legal=(code,))
            if code == 0 and model is not None and getting:
                self.acl.check_field(value, "mdlPriority", (model.priority,))
            elif code == 0 and model is not None:
                model.priority = number % 10

    def use_description(self, what: str, pick: int, number: int) -> None:
        """Section 6."""
        if what == "make" or not any(desc.alive for desc in self.descriptions):
            self.make_description()
        desc = self.choose(self.descriptions, pick)
        how = {0: "missing", 1: "NULL path"}.get(number, "")
        if what == "model":
            self.describe(desc, *self.model_of(number % 6))
        elif what == "file":
            self.describe_file(desc, self.sample, how)
        elif what == "memory" and self.sample.content:
            self.describe_memory(desc, self.sample, how)
        elif what == "destroy":
            self.expect("aclmdlDestroyDesc", self.handle(desc), legal=(self.code(desc),))
            if desc is not None:
                desc.alive = False
        elif what == "current":
            self.current(desc, number % 3)
        self.check_counts(desc)
        if what in ("inputs", "outputs"):
            self.check_tensor(desc, number % 3, takes=what == "inputs")

    def current(self, desc: Description | None, index: int) -> None:
        """MD6.18: of a static model the described dims."""
        if self.acl.backend.supports("aclmdlGetCurOutputDims"):
            self.check_current(desc, index)

    # -- buffers and datasets ----------------------------------------------------------------------------------------

    def use_buffer(self, what: str, pick: int, number: int) -> None:
        """Section 3.1: a buffer points at memory, which stays the program's."""
        buffer = self.live(self.buffers, pick)
        memory = self.live([each for each in self.memory if each.size == _ROOM], number)
        changes = self.acl.backend.supports("aclUpdateDataBuffer")
        if buffer is None or what == "fill":
            self.make_buffer(self.make_memory(_ROOM), _ROOM)
        elif what == "write" and memory is not None:
            self.write(memory)
        elif what == "free" and memory is not None:
            self.settle()
            self.free(memory)
            self.expect("aclrtFree", memory.handle, legal=(107000,)) if self.target.exact else None
        elif what == "destroy":
            self.let_go()
            self.expect("aclDestroyDataBuffer", buffer.handle)
            buffer.alive = False
            if buffer.memory is not None and buffer.memory.alive and buffer.memory.size == _ROOM:
                self.read(buffer.memory)  # MD3.02
        elif what == "get" or not changes:
            self.check_buffer(self.choose(self.buffers, pick))
        else:
            self.let_go()
            empty = what == "empty" and not self.small
            size = _SIZES[number % len(_SIZES)]
            self.update(buffer, None if empty else memory if what == "update" else buffer.memory, size)

    def let_go(self) -> None:
        """Hardware may still look at what a queued execution was given."""
        if not self.target.exact:
            self.settle()

    def check_buffer(self, buffer: Any) -> None:
        """MD3.04."""
        known = buffer is not None and buffer.alive
        address = self.handle(buffer.memory) if known else ffi.NULL
        self.value("aclGetDataBufferAddr", self.handle(buffer), legal=(address,))
        self.value("aclGetDataBufferSizeV2", self.handle(buffer), legal=(buffer.size if known else 0,))

    def use_dataset(self, what: str, pick: int, number: int) -> None:
        """Section 3.2: a dataset owns its tensor descs, no buffer."""
        if what in ("make", "few"):
            self.make_filled(self.sample, takes=number % 2 == 0, room=_ROOM, count=1 if what == "few" else 9)
        dataset, index = self.choose(self.datasets, pick), number % 3
        live = dataset if dataset is not None and dataset.alive else None
        if what == "add":
            buffer = self.choose(self.buffers, number % 6)
            code = self.code(dataset) or self.code(buffer)
            self.expect("aclmdlAddDatasetBuffer", self.handle(dataset), self.handle(buffer), legal=(code,))
            if code == 0 and live is not None and buffer is not None:
                live.buffers.append(buffer)
        elif what == "destroy":
            self.destroy_dataset(dataset)
        elif what.endswith("desc") and self.acl.backend.supports("aclmdlSetDatasetTensorDesc"):
            self.use_desc(dataset, index, remove=what == "remove desc")
        else:
            buffers = live.buffers if live is not None else []
            self.value("aclmdlGetDatasetNumBuffers", self.handle(dataset), legal=(len(buffers),))
            expected = buffers[index].handle if index < len(buffers) else ffi.NULL
            self.value("aclmdlGetDatasetBuffer", self.handle(dataset), index, legal=(expected,))

    def destroy_dataset(self, dataset: Dataset | None) -> None:
        """MD3.07."""
        self.let_go()
        self.expect("aclmdlDestroyDataset", self.handle(dataset), legal=(self.code(dataset),))
        if dataset is None or not dataset.alive:
            return
        dataset.alive = False
        for desc in dataset.descs.values():
            desc.alive = False
            if self.target.exact:
                self.check_desc(desc)
        for buffer in dataset.buffers:
            if buffer.alive:
                self.check_buffer(buffer)

    def use_desc(self, dataset: Dataset | None, index: int, *, remove: bool) -> None:
        """MD3.11, MD3.12: the copy of a dataset is its own; the caller may destroy or change his at once."""
        live = dataset if dataset is not None and dataset.alive else None
        kept = live.descs.get(index) if live is not None else None
        if live is None or index >= len(live.buffers):
            legal = (INVALID,)
            self.expect("aclmdlSetDatasetTensorDesc", self.handle(dataset), ffi.NULL, index, legal=legal)
        elif remove:
            if kept is None or self.target.exact:  # the snapshot of the contract aborts
                self.set_desc(live, index, None)
        else:
            self.turn += 1
            desc = self.make_desc((lib.ACL_FLOAT, lib.ACL_INT64)[self.turn % 2], [self.turn, 2][: self.turn % 3])
            self.set_desc(live, index, desc)
            dims = [9]
            self.expect("aclSetTensorOriginShape", desc.handle, 1, dims)
            desc.dims = dims
            if self.turn % 2:
                self.value("aclDestroyTensorDesc", desc.handle, legal=(None,))
                desc.alive = False
        kept = live.descs.get(index) if live is not None else None
        expected = kept.handle if kept is not None else ffi.NULL
        self.value("aclmdlGetDatasetTensorDesc", self.handle(dataset), index, legal=(expected,))
        if kept is not None:
            self.check_desc(kept)

    # -- executing ---------------------------------------------------------------------------------------------------

    def use_exec_config(self, what: str, pick: int, number: int) -> None:
        """Section 4.3."""
        if what == "make" or not any(config.alive for config in self.exec_configs):
            self.make_exec_config()
        config = self.choose(self.exec_configs, pick)
        if what == "destroy":
            self.let_go()
            self.expect("aclmdlDestroyExecConfigHandle", self.handle(config), legal=(self.code(config),))
            if config is not None:
                config.alive = False
        elif what == "work":
            if config is not None and config.alive and self.acl.backend.supports(ASYNC_V2):
                with self.acl.optional():
                    memory = self.make_memory(self.work_room, None)
                self.give_work(config, memory)
        else:
            attr = 0 if what == "timeout" else sorted(EXEC)[number % len(EXEC)]
            self.set_exec_option(config, attr, number // 3, number % 4)

    def run(self, way: str, pick: int, number: int) -> None:
        """Section 7: an execution with nothing wrong in the call; what is in the datasets may be."""
        thread = OTHER_THREAD if number % 3 == 2 and not self.small else MAIN
        call = self.right_call(way, pick, thread)
        if call is not None and way == V2 and number > 12 and call.config is not None:
            self.set_exec_option(call.config, 0, number - 13, 0)
        if call is not None and not self.small and 8 < number < 13 and call.inputs is not None and call.inputs.buffers:
            buffer = call.inputs.buffers[0]
            if self.usable(buffer):
                self.let_go()
                self.update(buffer, buffer.memory, _SIZES[number - 9])
        if call is not None:
            self.execute(call)

    def right_call(self, way: str, pick: int, thread: str) -> Call | None:
        """A call with live handles."""
        if not self.acl.backend.supports(way):
            return None
        inputs, outputs = (
            self.live([each for each in self.datasets if each.takes is takes], pick) for takes in (True, False)
        )
        stream = self.live(self.streams, pick)
        if way == V2 and pick % 2 and not self.small:
            stream = None
        config = self.live(self.exec_configs, pick)
        return Call(way, self.live(self.models, pick), inputs, outputs, stream, config, thread)

    def run_wrongly(self, wrong: str, pick: int, number: int) -> None:
        """Section 7.1: what is looked at first."""
        call = self.right_call(WAYS[number % len(WAYS)], pick, MAIN)
        if call is None:
            return
        if wrong == "datasets":
            call.inputs, call.outputs = self.choose(self.datasets, pick), self.choose(self.datasets, 5 - pick)
        elif wrong == "few":
            call.inputs = self.make_filled(self.sample, takes=True, room=_ROOM, count=1)
        elif wrong in ("input", "both"):
            call.inputs = None
        elif wrong == "output":
            call.outputs = None
        elif wrong == "stream":
            call.stream = self.choose(self.streams, 4 + pick % 2)
        elif wrong == "handle":
            call.config = self.choose(self.exec_configs, 4 + pick % 2)
        if wrong in ("id", "both"):
            gone = [each for each in self.models if not each.alive]
            call.model = gone[-1] if gone and pick % 2 else None
        self.execute(call)

    def use_stream(self, what: str, pick: int, number: int) -> None:  # noqa: ARG002 - one draw will do
        """Streams for the executions, and a look at memory while they may be running."""
        live = [each for each in self.streams if each.alive]
        memory = self.live([each for each in self.memory if each.size == _ROOM], pick)
        if what == "make" and len(live) < _MOST_STREAMS:
            self.make_stream(brings_work=self.acl.backend.supports(ASYNC_V2) and pick % 2 == 1)
        elif what == "destroy" and len(live) > 1:
            self.destroy_stream(live[pick % len(live)])
        elif what == "read" and memory is not None:
            self.read(memory)
        else:
            self.synchronize(self.default if pick == 5 and not self.small else live[pick % len(live)])

"""What the machines of models know: memory, data buffers, datasets, tensor descs, streams, configurations, models.

Work on streams is kept simple: memory is used by the queued work of one stream at a time. Before anything else touches
it the machine synchronises that stream, as a careful program does.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from aclcffi import ffi, lib
from aclcffi.errors import BackendError
from aclcffi.testing.machines import AclMachine, Options, Target
from aclcffi.testing.samples import FLOAT_BYTES, GEAR_BYTES, KINDS, Dims, Sample, floats
from aclcffi.testing.script import SUCCESS, Recorder

MAIN, OTHER_THREAD = "", "other"
H2D, D2H = 1, 2
INVALID, BAD_CONTENT, UNKNOWN_MODEL, ENGINE, STALE_HANDLE, BAD_VALUE = 100000, 145000, 145003, 500002, 107017, 107000

_LEAST_WORK_BYTES = 4096


class Living(Protocol):
    """What the machines keep of an object."""

    handle: Any
    alive: bool


Thing = TypeVar("Thing", bound=Living)


@dataclass(eq=False)
class Stream:
    """A stream. The one without a handle is the default stream; `work` is the work memory that it brings."""

    handle: Any
    alive: bool = True
    work: "Memory | None" = None


@dataclass(eq=False)
class Memory:
    """Device memory. `content` is what it holds, None if that is not known, before what the stream `busy` does to it.

    `later` is what it holds after each of that stream's writes.
    """

    handle: Any
    size: int
    content: bytes | None = None
    alive: bool = True
    busy: Stream | None = None
    later: list[bytes | None] = field(default_factory=list)

    def at_last(self) -> bytes | None:
        """What it holds when all that is queued is over."""
        return self.later[-1] if self.later else self.content


@dataclass(eq=False)
class Buffer:
    """A data buffer: some memory, None for NULL, and the bytes that it says there are."""

    handle: Any
    memory: Memory | None
    size: int
    alive: bool = True


@dataclass(eq=False)
class TensorDesc:
    """A tensor desc; `owned` by a dataset. `dims` is None where the contract does not say them."""

    handle: Any
    dtype: int
    dims: list[int] | None
    owned: bool = False
    alive: bool = True


@dataclass(eq=False)
class Dataset:
    """A dataset for the inputs or the outputs of a sample, and the gear that it keeps (MD8.11)."""

    handle: Any
    sample: Sample
    takes: bool
    buffers: list[Buffer] = field(default_factory=list)
    descs: dict[int, TensorDesc] = field(default_factory=dict)
    gears: dict[str, Dims] = field(default_factory=dict)
    alive: bool = True

    @property
    def needs(self) -> list[int]:
        """The bytes that are described of each buffer."""
        return [*self.sample.sizes(), *([GEAR_BYTES * self.sample.width] if self.takes and self.sample.geared else [])]


@dataclass(eq=False)
class Config:
    """A load or exec config handle with what is stored in it; `kept` is what it only points at."""

    handle: Any
    values: dict[int, Any] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)
    alive: bool = True


@dataclass(eq=False)
class Model:
    """A loaded model. `mode` is its first manner of execution, which sticks; `on` the stream of the last ExecuteV2."""

    handle: int
    sample: Sample
    priority: int = 0
    mode: str = ""
    gear: Dims | None = None
    on: Stream | None = None
    alive: bool = True


Actions = Mapping[str, Callable[[str, int, int], None]]
"""What plays in each area: takes what is to be done, and two numbers that choose among objects and values."""


class ModelState(AclMachine):
    """The objects of the model, and the calls that make and change them."""

    needs: ClassVar[tuple[str, ...]] = ("aclrtSetDevice", "aclmdlLoadWithConfig", "aclmdlExecuteV2")
    kinds_taken: ClassVar[tuple[str, ...]] = KINDS
    """The kinds of samples that the machine plays with; one of them must be there."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.samples: dict[str, Sample] = {}
        self.small = False
        self.default = Stream(ffi.NULL)
        self.streams: list[Stream] = []
        self.memory: list[Memory] = []
        self.buffers: list[Buffer] = []
        self.descs: list[TensorDesc] = []
        self.datasets: list[Dataset] = []
        self.exec_configs: list[Config] = []
        self.models: list[Model] = []
        self.next_id = {False: 0, True: 1 << 31}  # by whether the model is a dynamic-shape one
        self.timeouts: dict[str, set[int]] = {MAIN: {-1}}
        self.context: Any = None
        self.turn = 0
        self.work_bytes = self.weight_bytes = 0

    @staticmethod
    def act(areas: Sequence[str], doings: Mapping[str, Sequence[str]], actions: Actions, act: int, use: int) -> None:
        """Do one of the `doings` of one of the areas; the two numbers say which, and with what."""
        area = areas[act % len(areas)]
        doing = doings[area][act // len(areas) % len(doings[area])]
        actions[area](doing, use % 6, use // 6)

    @property
    def work_room(self) -> int:
        """Bytes of work memory that are enough for each execution."""
        return max(_LEAST_WORK_BYTES, self.work_bytes)

    @classmethod
    def find_samples(cls, acl: Recorder, target: Target) -> dict[str, Sample]:
        """The samples that the target's provider brings, by kind.

        Raises:
            BackendError: There is none that the machine can play with.
        """
        samples = {sample.kind: sample for sample in acl.models(target.models)}
        if not any(kind in samples for kind in cls.kinds_taken):
            *others, last = cls.kinds_taken
            taken = f"{', '.join(others)} or {last}" if others else last
            brought = ", ".join(samples) or "none"
            raise BackendError(f"{cls.__name__} takes samples of the kind {taken}; {target.models!r} brings {brought}")
        return samples

    def open(self, schedule: Options) -> None:
        """Open the backend and get the models. `small` says that it has the library of product IPV350."""
        self.begin(**schedule)
        self.small = not self.acl.backend.supports("aclmdlExecute")
        self.next_id[False] = 0 if self.small else 1
        self.samples = self.find_samples(self.acl, self.target)
        place = ffi.new("aclrtContext *")
        if self.small:  # there aclrtSetDevice makes none
            self.expect("aclrtCreateContext", place, 0)
        else:
            with self.acl.optional():
                self.expect("aclrtGetCurrentContext", place)
        self.context = place[0]

    def finish(self) -> None:
        """Let all work end and look at all memory."""
        self.settle()
        for memory in self.memory:
            if memory.alive:
                self.read(memory)
        if not self.target.exact:
            for model in self.models:
                if model.alive:
                    self.expect("aclmdlUnload", model.handle)

    # -- helpers -----------------------------------------------------------------------------------------------------

    def expect(
        self, function: str, *arguments: Any, legal: Collection[int] = SUCCESS, thread: str = MAIN, why: str = ""
    ) -> int:
        """Make a call that answers a code. The other thread gets the context of the main one when it is first used."""
        if thread and thread not in self.timeouts:
            self.timeouts[thread] = {-1}
            self.acl.expect("aclrtSetCurrentContext", self.context, thread=thread)
        code: int = self.acl.expect(function, *arguments, legal=legal, thread=thread, why=why)
        return code

    def value(self, function: str, *arguments: Any, legal: Collection[Any] = ()) -> Any:
        """Make a call that answers something else."""
        return self.acl.expect(function, *arguments, legal=legal)

    def choose(self, things: Sequence[Thing], pick: int) -> Thing | None:
        """One of some objects: mostly a live one, the newest first; for 4 NULL, for 5 one that was destroyed."""
        gone = [each for each in things if not each.alive]
        if pick == 5 and gone and self.target.exact:
            return gone[-1]
        return None if pick == 4 else self.live(things, pick)

    @staticmethod
    def live(things: Iterable[Thing], pick: int) -> Thing | None:
        """A live one of some objects, the newest first; None if there is none."""
        choices = [each for each in things if each.alive][::-1]
        return choices[pick % len(choices)] if choices else None

    @staticmethod
    def handle(thing: Living | None) -> Any:
        """The handle of an object, NULL for None."""
        return ffi.NULL if thing is None else thing.handle

    @staticmethod
    def code(*things: Living | None) -> int:
        """What a call answers that takes some objects of the program: 100000 for NULL, and where one is gone."""
        return 0 if all(thing is not None and thing.alive for thing in things) else INVALID

    # -- streams -----------------------------------------------------------------------------------------------------

    def make_stream(self, *, brings_work: bool = False) -> Stream:
        """RT5.01; on IPV350, and where it is to bring work memory, from a config handle."""
        with self.acl.optional():
            place = ffi.new("aclrtStream *")
            work = self.make_memory(self.work_room, None) if brings_work or self.small else None
            if work is None:
                self.expect("aclrtCreateStream", place)
            else:
                config = self.value("aclrtCreateStreamConfigHandle")
                address, size = ffi.new("void **", work.handle), ffi.new("size_t *", work.size)
                self.expect("aclrtSetStreamConfigOpt", config, lib.ACL_RT_STREAM_WORK_ADDR_PTR, address, 8)
                self.expect("aclrtSetStreamConfigOpt", config, lib.ACL_RT_STREAM_WORK_SIZE, size, 8)
                self.expect("aclrtCreateStreamV2", place, config)
        stream = Stream(place[0], work=work)
        self.streams.append(stream)
        return stream

    def synchronize(self, stream: Stream) -> None:
        """RT5.05: what is queued is over then."""
        self.expect("aclrtSynchronizeStream", stream.handle)
        self.over(stream)

    def over(self, stream: Stream) -> None:
        """Everything on a stream has run."""
        for memory in self.memory:
            if memory.busy is stream:
                memory.content, memory.later, memory.busy = memory.at_last(), [], None

    def settle(self) -> None:
        """Let all work end."""
        for stream in [self.default, *self.streams]:
            if any(memory.busy is stream for memory in self.memory):
                self.synchronize(stream)

    def leave(self, memory: Memory | None, stream: Stream | None = None) -> None:
        """Wait for what other streams than one (None: all) do with memory."""
        if memory is not None and memory.busy is not None and memory.busy is not stream:
            self.synchronize(memory.busy)

    def destroy_stream(self, stream: Stream) -> None:
        """RT5.03."""
        self.expect("aclrtDestroyStream", stream.handle)
        self.over(stream)
        stream.alive = False

    # -- memory ------------------------------------------------------------------------------------------------------

    def make_memory(self, size: int, content: bytes | None = b"") -> Memory:
        """RT8.01: with new numbers in it, with a content, or (None) with whatever is there."""
        place = ffi.new("void **")
        self.expect("aclrtMalloc", place, size, 0)
        memory = Memory(place[0], size)
        self.memory.append(memory)
        if content is not None:
            self.write(memory, content)
        return memory

    def write(self, memory: Memory, content: bytes = b"") -> None:
        """RT8.14: write from the host, new numbers if nothing else is given."""
        self.leave(memory)
        if not content:
            self.turn += 1
            content = floats(memory.size // FLOAT_BYTES, 2 * self.turn + 1)
        self.expect("aclrtMemcpy", memory.handle, memory.size, content, len(content), H2D)
        kept = memory.content[len(content) :] if memory.content is not None else None
        memory.content = content + kept if kept is not None else content if len(content) == memory.size else None

    def read(self, memory: Memory) -> None:
        """RT8.14: what streams are still writing may be there or not yet."""
        buffer = ffi.new("char[]", memory.size)
        self.expect("aclrtMemcpy", buffer, memory.size, memory.handle, memory.size, D2H)
        possible = [memory.content, *memory.later]
        known = [each for each in possible if each is not None]
        if len(known) == len(possible):
            self.acl.check_bytes(buffer, [set(each) for each in zip(*known, strict=True)])
        elif memory.busy is None:
            memory.content = bytes(ffi.buffer(buffer))

    def free(self, memory: Memory) -> None:
        """RT8.06: when nothing is queued any more."""
        self.leave(memory)
        self.expect("aclrtFree", memory.handle)
        memory.alive = False

    # -- buffers, datasets and tensor descs --------------------------------------------------------------------------

    def make_buffer(self, memory: Memory | None, size: int) -> Buffer:
        """MD3.01: nothing is checked."""
        handle = self.value("aclCreateDataBuffer", self.handle(memory), size)
        self.buffers.append(buffer := Buffer(handle, memory, size))
        return buffer

    def make_dataset(self, sample: Sample, *, takes: bool) -> Dataset:
        """MD3.06: an empty one."""
        handle = self.value("aclmdlCreateDataset")
        self.datasets.append(made := Dataset(handle, sample, takes))
        return made

    def add(self, dataset: Dataset, buffer: Buffer) -> None:
        """MD3.08."""
        self.expect("aclmdlAddDatasetBuffer", dataset.handle, buffer.handle)
        dataset.buffers.append(buffer)

    def make_filled(self, sample: Sample, *, takes: bool, room: int = 0, count: int = 9) -> Dataset:
        """A dataset with the buffers that the sample needs, at most `count`, with at least `room` bytes each."""
        with self.acl.optional():
            dataset = self.make_dataset(sample, takes=takes)
            for need in dataset.needs[:count]:
                size = max(need, room)
                self.add(dataset, self.make_buffer(self.make_memory(size), size))
        return dataset

    def make_desc(self, dtype: int, dims: list[int]) -> TensorDesc:
        """MD3.13."""
        handle = self.value("aclCreateTensorDesc", dtype, len(dims), dims, lib.ACL_FORMAT_ND)
        self.descs.append(desc := TensorDesc(handle, dtype, dims))
        return desc

    def check_desc(self, desc: TensorDesc | None) -> None:
        """MD3.15, MD3.18, MD3.20: what the getters of a tensor desc answer; as of NULL if it is gone."""
        known = desc is not None and desc.alive
        dtype, dims = (desc.dtype, desc.dims) if known and desc is not None else (-1, [])
        self.value("aclGetTensorDescType", self.handle(desc), legal=(dtype,))
        if dims is None:
            return
        self.value("aclGetTensorDescNumDims", self.handle(desc), legal=(len(dims),))
        for index, dim in enumerate(dims):
            place = ffi.new("int64_t *")
            self.expect("aclGetTensorDescDimV2", self.handle(desc), index, place)
            self.acl.check(place, (dim,))

    def set_desc(self, dataset: Dataset, index: int, desc: TensorDesc | None) -> None:
        """MD3.11: the dataset keeps a copy, which it overwrites in place; NULL takes it away."""
        kept = dataset.descs.get(index)
        self.expect("aclmdlSetDatasetTensorDesc", dataset.handle, self.handle(desc), index)
        if desc is None:
            if kept is not None:
                dataset.descs.pop(index).alive = False
            return
        if kept is None:
            handle = self.value("aclmdlGetDatasetTensorDesc", dataset.handle, index)
            kept = dataset.descs[index] = TensorDesc(handle, 0, [], owned=True)
            self.descs.append(kept)
        kept.dtype, kept.dims = desc.dtype, list(desc.dims) if desc.dims is not None else None

    # -- models ------------------------------------------------------------------------------------------------------

    def take_id(self, place: Any, sample: Sample) -> Model:
        """Take a model that was loaded: ids only grow, those of dynamic-shape models from 2147483648 (section 1)."""
        least, number = self.next_id[sample.dynamic], place[0]
        fits = self.target.exact or not (least <= number and (number >= 1 << 31) == sample.dynamic)
        self.acl.check(place, (least if fits else number,))
        self.next_id[sample.dynamic] = number + 1
        self.models.append(model := Model(number, sample))
        return model

    def unload(self, model: Model) -> None:
        """MD5.14: when nothing of it is queued (MD5.18)."""
        self.settle()
        self.expect("aclmdlUnload", model.handle)
        model.alive = False

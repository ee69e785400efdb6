"""Choosing gears, and what descriptions say of them (contract_mdl sections 6 and 8)."""

from typing import Any

from aclcffi import ffi
from aclcffi.testing.model_describe import Description, ModelDescriptions
from aclcffi.testing.model_execute import NEVER_GIVEN
from aclcffi.testing.model_state import INVALID, UNKNOWN_MODEL, Buffer, Dataset, Memory, Model
from aclcffi.testing.samples import BATCH, DIMS, GEAR_BYTES, HW, Dims, Sample

TOO_SHORT, NO_GEAR = 145012, 145013
NO_INDEX = (1 << 64) - 1
_SET = {BATCH: "aclmdlSetDynamicBatchSize", HW: "aclmdlSetDynamicHWSize", DIMS: "aclmdlSetInputDynamicDims"}


class GearCalls(ModelDescriptions):
    """The Set functions, and the getters of gears."""

    def set_gear(self, kind: str, model: Model | None, dataset: Dataset | None, index: int, given: Dims | None) -> None:
        """MD8.01 to MD8.13. `given` is a batch, height and width, or all inputs' dims; None is NULL for dims."""
        place: Any = ffi.NULL
        if kind == DIMS and given is not None:
            place = ffi.new("aclmdlIODims *")
            place.dimCount = len(given)
            place.dims[0 : len(given)] = list(given)
        numbers = given or ()
        buffer = None
        if dataset is not None and dataset.alive and index < len(dataset.buffers):
            buffer = dataset.buffers[index]
            if not self.usable(buffer) or (buffer.memory is not None and buffer.memory.size < 64):
                return
            self.leave(buffer.memory)
        code = self.refusal(kind, dataset, buffer, numbers)
        if code == 0 and dataset is not None and buffer is not None:
            choose = self.choose_dims if kind == DIMS else self.choose_numbers
            code = choose(kind, model, dataset, buffer, numbers)
        arguments = [place] if kind == DIMS else list(numbers)
        handle = NEVER_GIVEN if model is None else model.handle
        self.expect(_SET[kind], handle, self.handle(dataset), index, *arguments, legal=(code,))

    def refusal(self, kind: str, dataset: Dataset | None, buffer: Buffer | None, numbers: Dims) -> int:
        """What is 100000: dataset, numbers, index, address."""
        zero = not numbers or (kind != DIMS and 0 in numbers)
        return INVALID if self.code(dataset) or zero or buffer is None or buffer.memory is None else 0

    def choose_numbers(self, kind: str, model: Model | None, dataset: Dataset, buffer: Buffer, numbers: Dims) -> int:
        """MD8.01, MD8.02, MD8.04: the dataset has it at once; the length comes before the id."""
        dataset.gears.pop(HW if kind == BATCH else BATCH, None)  # MD8.12
        dataset.gears[kind] = numbers
        if buffer.size < GEAR_BYTES * len(numbers):
            return TOO_SHORT
        if model is None or not model.alive or model.sample.dynamic:
            return UNKNOWN_MODEL  # MD8.09
        if model.sample.kind != kind or numbers not in model.sample.gears:
            return NO_GEAR
        model.gear = numbers
        self.put(buffer, numbers)
        return 0

    def choose_dims(self, kind: str, model: Model | None, dataset: Dataset, buffer: Buffer, given: Dims) -> int:
        """MD8.03, MD8.04: the length comes last, when the model has switched already."""
        if model is None or not model.alive or model.sample.dynamic:
            return UNKNOWN_MODEL
        own = [dim for dims in model.sample.shapes() for dim in dims]
        if len(given) != len(own) or any(dim not in (fixed, -1) for dim, fixed in self.fixed(given, own)):
            return TOO_SHORT
        numbers = tuple(dim for dim, fixed in zip(given, own, strict=True) if fixed < 0)
        if model.sample.kind != kind or numbers not in model.sample.gears:
            return NO_GEAR
        model.gear = numbers
        if buffer.size < GEAR_BYTES * len(numbers):
            return TOO_SHORT
        self.put(buffer, numbers)
        dataset.gears = {kind: numbers}  # MD8.12
        return 0

    @staticmethod
    def fixed(given: Dims, own: list[int]) -> list[tuple[int, int]]:
        """The dims that are not to be changed: what is given, and what they are."""
        return [(dim, fixed) for dim, fixed in zip(given, own, strict=True) if fixed >= 0]

    @staticmethod
    def put(buffer: Buffer, numbers: Dims) -> None:
        """MD8.07, MD8.11: the numbers are in the device's memory when the call returns."""
        memory = buffer.memory
        assert memory is not None
        width = 8 if buffer.size >= 8 * len(numbers) else GEAR_BYTES
        data = b"".join(number.to_bytes(width, "little") for number in numbers)
        memory.content = data + memory.content[len(data) :] if memory.content is not None else None

    def write_gear(self, sample: Sample, buffer: Buffer, memory: Memory, gear: Dims) -> None:
        """MD8.05: the program writes the bytes itself."""
        width = 8 if buffer.size >= 8 * sample.width else GEAR_BYTES
        self.write(memory, b"".join(number.to_bytes(width, "little") for number in gear))

    # -- getters -----------------------------------------------------------------------------------------------------

    def check_gears(self, desc: Description | None) -> None:
        """MD6.15 to MD6.17: each kind has its own function; of the other kinds there are none."""
        if desc is not None and desc.alive and not desc.samples:
            return
        sample = desc.samples[0] if desc is not None and desc.alive and desc.samples else None
        code, handle = self.code(desc), self.handle(desc)
        batch, image, count = ffi.new("aclmdlBatch *"), ffi.new("aclmdlHW *"), ffi.new("size_t *")
        self.expect("aclmdlGetDynamicBatch", handle, batch, legal=(code,))
        self.expect("aclmdlGetDynamicHW", handle, 5, image, legal=(code,))
        self.expect("aclmdlGetInputDynamicGearCount", handle, 0, count, legal=(INVALID,))
        self.expect("aclmdlGetInputDynamicGearCount", handle, NO_INDEX, count, legal=(code,))
        if sample is None:
            return
        gears = {kind: sample.gears if sample.kind == kind else () for kind in (BATCH, HW, DIMS)}
        self.acl.check_field(batch, "batchCount", (len(gears[BATCH]),))
        self.acl.check_field(image, "hwCount", (len(gears[HW]),))
        self.acl.check(count, (len(gears[DIMS]),))
        for place, kind in ((ffi.addressof(batch, "batch"), BATCH), (ffi.addressof(image, "hw"), HW)):
            self.check_numbers(place, [number for gear in gears[kind] for number in gear])
        if gears[DIMS]:
            self.check_dims_gears(handle, sample)

    def check_numbers(self, place: Any, numbers: list[int]) -> None:
        """64-bit numbers in memory."""
        if numbers:
            self.acl.check_bytes(place, [{byte} for number in numbers for byte in number.to_bytes(8, "little")])

    def check_dims_gears(self, handle: Any, sample: Sample) -> None:
        """MD6.17."""
        function, count = "aclmdlGetInputDynamicDims", len(sample.gears)
        places = ffi.new("aclmdlIODims[]", count)
        self.expect(function, handle, 0, places, count, legal=(INVALID,))
        self.expect(function, handle, NO_INDEX, places, count - 1, legal=(INVALID,))
        self.expect(function, handle, NO_INDEX, places, count)
        for index, gear in enumerate(sample.gears):
            dims = [dim for shape in sample.shapes(gear) for dim in shape]
            self.check_numbers(ffi.addressof(places[index], "dimCount"), [len(dims), *dims])

    def check_range(self, desc: Description | None, index: int) -> None:
        """MD6.14: of a model with gears no range, before the index is looked at."""
        if desc is not None and desc.alive and not desc.samples:
            return
        place, code = ffi.new("aclmdlIODimsRange *"), self.code(desc)
        sample = desc.samples[0] if desc is not None and desc.alive and desc.samples else None
        if sample is not None and not sample.geared and index >= len(sample.inputs):
            code = INVALID
        self.expect("aclmdlGetInputDimsRange", self.handle(desc), index, place, legal=(code,))
        if code or sample is None:
            return
        dims = () if sample.geared else sample.inputs[index][1]
        self.acl.check_field(place, "rangeCount", (len(dims),))
        bounds = sample.bounds[index] if sample.bounds else dims
        for position, (dim, most) in enumerate(zip(dims, bounds, strict=bool(dims))):
            self.check_end(place, 2 * position + 1, most)
            if dim >= 0:
                self.check_end(place, 2 * position, dim)

    def check_end(self, place: Any, position: int, value: int) -> None:
        """One of the numbers of an aclmdlIODimsRange."""
        number = ffi.cast("char *", ffi.addressof(place, "range")) + 8 * position
        self.acl.check_bytes(number, [{byte} for byte in value.to_bytes(8, "little", signed=True)])

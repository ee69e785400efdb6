"""What the description of a model says (contract_mdl section 6)."""

from dataclasses import dataclass
from typing import Any

from aclcffi import ffi, lib
from aclcffi.testing.machines import Target
from aclcffi.testing.model_config import EPATH, MISSING, ModelConfigs
from aclcffi.testing.model_state import ENGINE, INVALID, UNKNOWN_MODEL, Model
from aclcffi.testing.samples import Dims, Sample

GEAR_INPUT = b"ascend_mbatch_shape_data"
_UNSUPPORTED = 200001


@dataclass(eq=False)
class Description:
    """A model desc. `samples` are what it describes, several on IPV350, None where the contract does not say.

    `model` is that of the id in it, None for a description of a file.
    """

    handle: Any
    samples: list[Sample] | None
    model: Model | None = None
    alive: bool = True


class ModelDescriptions(ModelConfigs):
    """Descriptions: how they are filled, and what the getters answer."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.descriptions: list[Description] = []

    def make_description(self) -> Description:
        """MD6.01."""
        self.descriptions.append(made := Description(self.value("aclmdlCreateDesc"), []))
        return made

    def fill(self, desc: Description | None, sample: Sample, model: Model | None) -> None:
        """A description that is used again is replaced; IPV350 appends (MD6.05)."""
        if desc is not None:
            kept = desc.samples if self.small else []
            desc.samples = [*kept, sample] if kept is not None else None
            desc.model = model

    def describe(self, desc: Description | None, model: Model | None, number: int) -> None:
        """MD6.03: desc NULL, then the id; the main library clears the description before it looks at the id."""
        known = model is not None and model.alive
        code = self.code(desc) or (0 if known else ENGINE if self.small else UNKNOWN_MODEL)
        handle = number if model is None else model.handle
        self.expect("aclmdlGetDesc", self.handle(desc), handle, legal=(code,))
        if code == 0 and model is not None:
            self.fill(desc, model.sample, model)
        elif code != INVALID and not self.small and desc is not None:
            desc.samples, desc.model = [], None

    def describe_file(self, desc: Description | None, sample: Sample, how: str) -> None:
        """MD6.04: the router comes first, except on IPV350, where all that the engine says is 500002."""
        path = {"missing": MISSING, "NULL path": ffi.NULL}.get(how, sample.path)
        routed = {"missing": EPATH, "NULL path": INVALID}.get(how, 0)
        folded = ENGINE if routed == EPATH else routed  # MD2.06
        code = self.code(desc) or folded if self.small else routed or self.code(desc)
        self.expect("aclmdlGetDescFromFile", self.handle(desc), path, legal=(code,))
        if code == 0:
            self.fill(desc, sample, None)
        elif desc is not None and not self.code(desc):
            desc.samples = None  # whether it was cleared nobody says

    def describe_memory(self, desc: Description | None, sample: Sample, how: str) -> None:
        """MD6.04."""
        content = ffi.NULL if how == "NULL path" else sample.content
        size = 0 if how == "missing" and not self.small else len(sample.content)
        code = INVALID if how == "NULL path" or size == 0 else self.code(desc)
        self.expect("aclmdlGetDescFromMem", self.handle(desc), content, size, legal=(code,))
        if code == 0:
            self.fill(desc, sample, None)
        elif desc is not None and not self.code(desc):
            desc.samples = None

    # -- getters -----------------------------------------------------------------------------------------------------

    def tensors(self, desc: Description | None, *, takes: bool) -> list[tuple[bytes, Dims, int]]:
        """Name, dims and bytes of what a description has on one side (MD6.06, MD6.07, MD6.11)."""
        found: list[tuple[bytes, Dims, int]] = []
        for sample in (desc.samples or []) if desc is not None and desc.alive else []:
            names = [name for name, _ in sample.inputs] if takes else list(sample.outputs)
            shapes = sample.shapes() if takes else sample.described_shapes()
            found += [
                (name.encode(), dims, size) for name, dims, size in zip(names, shapes, sample.sizes(), strict=True)
            ]
            if takes and sample.geared:
                found.append((GEAR_INPUT, (sample.width,), 4 * sample.width))
        return found

    def check_counts(self, desc: Description | None) -> None:
        """MD6.06."""
        if desc is None or desc.samples is not None:
            for name, takes in (("Inputs", True), ("Outputs", False)):
                count = len(self.tensors(desc, takes=takes))
                self.value(f"aclmdlGetNum{name}", self.handle(desc), legal=(count,))

    def check_tensor(self, desc: Description | None, index: int, *, takes: bool) -> None:
        """MD6.07 to MD6.11: one tensor of a description, or (bad index, NULL) none."""
        if desc is not None and desc.samples is None:
            return
        side = "Input" if takes else "Output"
        tensors = self.tensors(desc, takes=takes)
        known = index < len(tensors)
        name, dims, size = tensors[index] if known else (b"", (), 0)
        handle, place = self.handle(desc), ffi.new("aclmdlIODims *")
        self.value(f"aclmdlGet{side}SizeByIndex", handle, index, legal=(size,))
        dtype = lib.ACL_INT32 if name == GEAR_INPUT else lib.ACL_FLOAT
        self.value(f"aclmdlGet{side}DataType", handle, index, legal=(dtype if known else -1,))
        if known or desc is None or desc.alive:
            text = self.value(f"aclmdlGet{side}NameByIndex", handle, index)
            self.acl.check_bytes(text, [{byte} for byte in name + b"\0"])
        self.expect(f"aclmdlGet{side}Dims", handle, index, place, legal=(0 if known else INVALID,))
        if known:
            self.check_dims(place, dims)
            first = next(position for position, tensor in enumerate(tensors) if tensor[0] == name)
            found = ffi.new("size_t *")
            self.expect(f"aclmdlGet{side}IndexByName", handle, name, found)
            self.acl.check(found, (first,))
        self.expect(f"aclmdlGet{side}IndexByName", handle, b"no such name", ffi.new("size_t *"), legal=(INVALID,))

    def check_dims(self, place: Any, dims: Dims) -> None:
        """What is in an aclmdlIODims."""
        self.acl.check_field(place, "dimCount", (len(dims),))
        self.acl.check_field(place, "dims", (list(dims),), len(dims))

    def check_current(self, desc: Description | None, index: int) -> None:
        """MD6.18: the outputs' dims in the gear that was set last, at once; the largest gear's before."""
        if desc is not None and (not desc.samples or desc.samples is None) and desc.alive:
            return
        place, code = ffi.new("aclmdlIODims *"), self.code(desc)
        dims: Dims = ()
        if desc is not None and not code:
            assert desc.samples is not None
            sample, model = desc.samples[0], desc.model
            if sample.dynamic:
                code = _UNSUPPORTED
            elif index >= len(sample.outputs):
                code = INVALID
            elif model is None or not model.alive:
                code = UNKNOWN_MODEL
            else:
                dims = sample.current_shapes(model.gear)[index]
        self.expect("aclmdlGetCurOutputDims", self.handle(desc), index, place, legal=(code,))
        if code == 0:
            self.check_dims(place, dims)

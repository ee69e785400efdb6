"""The kinds of handles that are objects of the program: buffers, datasets, descriptions, configurations.

They need no context. Hardware reads freed memory where it is given a stale one; a strict backend answers as to NULL.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from aclcffi import ffi
from aclcffi.testing.handle_kinds import (
    INVALID,
    Contexts,
    Events,
    Kind,
    Notifies,
    Ref,
    Streams,
    Thing,
    Use,
)
from aclcffi.testing.handle_memory import DeviceMemory, HostMemory

if TYPE_CHECKING:
    from aclcffi.testing.handle_machine import HandleMachine

_FORMAT_ND = 2
_TYPES = (0, 1, 3, 9)  # ACL_FLOAT, ACL_FLOAT16, ACL_INT32, ACL_INT64
_SIZES = {0: 4, 1: 2, 3: 4, 9: 8}


class Objects(Kind):
    """What objects have in common: a function that returns one, and one that destroys it."""

    create: ClassVar[str]
    end: ClassVar[str]

    def arguments(self, use: Use) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to create one with, and what the model keeps of it."""
        del use
        return (), {}

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """Make one."""
        arguments, about = self.arguments(use)
        return Thing(m.value(self.create, *arguments, thread=use.thread), about=about)

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """Destroy it; NULL and a second time are 100000."""
        m.call(self.end, ref.handle, legal=(self.code(ref),), thread=use.thread)
        if ref.live and ref.thing is not None:
            ref.thing.alive = False

    @staticmethod
    def code(ref: Ref) -> int:
        """What a call answers that takes one."""
        return 0 if ref.live else INVALID

    def make_foreign(self, acl: Any) -> Any:
        """Make a live one there."""
        arguments, _ = self.arguments(Use("", 0, 0))
        return acl.expect(self.create, *arguments, legal=())


class DataBuffers(Objects):
    """Data buffers (contract_mdl section 3.1)."""

    name = "data buffer"
    c_type = "aclDataBuffer *"
    create, end = "aclCreateDataBuffer", "aclDestroyDataBuffer"
    functions = (create, end)

    def arguments(self, use: Use) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """MD3.01: nothing is checked."""
        data, size = ffi.cast("void *", use.pick * 64), (use.number << 26) + use.number
        return (data, size), {"data": data, "size": size}

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.get, self.update]

    def get(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.04, MD3.05."""
        about = ref.thing.about if ref.live and ref.thing is not None else {"data": ffi.NULL, "size": 0}
        m.value("aclGetDataBufferAddr", ref.handle, legal=(about["data"],), thread=use.thread)
        m.value("aclGetDataBufferSizeV2", ref.handle, legal=(about["size"],), thread=use.thread)
        m.value("aclGetDataBufferSize", ref.handle, legal=(about["size"] & 0xFFFFFFFF,), thread=use.thread)

    def update(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.03."""
        arguments, about = self.arguments(use)
        m.call("aclUpdateDataBuffer", ref.handle, *arguments, legal=(self.code(ref),), thread=use.thread)
        if ref.live and ref.thing is not None:
            ref.thing.about.update(about)


class Datasets(Objects):
    """Datasets (contract_mdl section 3.2). The tensor descs that they own are objects of the model too."""

    name = "dataset"
    c_type = "aclmdlDataset *"
    create, end = "aclmdlCreateDataset", "aclmdlDestroyDataset"
    functions = (create, end, "aclmdlAddDatasetBuffer")

    def arguments(self, use: Use) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """MD3.06."""
        del use
        return (), {"buffers": [], "descs": {}}

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.07: with the tensor descs that it owns, without the buffers."""
        super().destroy(m, ref, use)
        for desc in self._about(ref)["descs"].values():
            desc.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.add, self.get, self.set_desc, self.get_desc]

    def add(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.08: one buffer may be added again, and to others."""
        buffer = m.ref("data buffer", use.pick)
        code = self.code(ref) or self.code(buffer)
        m.call("aclmdlAddDatasetBuffer", ref.handle, buffer.handle, legal=(code,), thread=use.thread)
        if not code and ref.thing is not None:
            ref.thing.about["buffers"].append(buffer.handle)

    @staticmethod
    def _about(ref: Ref) -> dict[str, Any]:
        return ref.thing.about if ref.live and ref.thing is not None else {"buffers": [], "descs": {}}

    def get(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.09, MD3.10: the very pointer that was added; NULL behind the last one."""
        buffers, index = self._about(ref)["buffers"], use.number % 4
        m.value("aclmdlGetDatasetNumBuffers", ref.handle, legal=(len(buffers),), thread=use.thread)
        expected = buffers[index] if index < len(buffers) else ffi.NULL
        m.value("aclmdlGetDatasetBuffer", ref.handle, index, legal=(expected,), thread=use.thread)

    def set_desc(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.11: the dataset keeps a copy and overwrites it in place; NULL takes it away."""
        about, index, desc = self._about(ref), use.number % 3, m.ref("tensor desc", use.pick)
        code = self.code(ref) or (INVALID if index >= len(about["buffers"]) else 0)
        kept = about["descs"].get(index)
        if not desc.null:
            code = code or self.code(desc)
        elif kept is not None and not m.target.exact:
            return  # aborts the process in the snapshot that the contract describes
        m.call("aclmdlSetDatasetTensorDesc", ref.handle, desc.handle, index, legal=(code,), thread=use.thread)
        if code:
            return
        if desc.null:
            if kept is not None:
                about["descs"].pop(index).alive = False
        elif desc.thing is not None:
            if kept is None:
                handle = m.value("aclmdlGetDatasetTensorDesc", ref.handle, index, thread=use.thread)
                kept = about["descs"][index] = m.keep("tensor desc", Thing(handle))
            kept.about.update(desc.thing.about, owned=True)

    def get_desc(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.12: the dataset's own; NULL where there is none."""
        index = use.number % 3
        kept = self._about(ref)["descs"].get(index)
        expected = kept.handle if kept is not None else ffi.NULL
        m.value("aclmdlGetDatasetTensorDesc", ref.handle, index, legal=(expected,), thread=use.thread)


class TensorDescs(Objects):
    """Tensor descriptions (contract_mdl section 3.3)."""

    name = "tensor desc"
    c_type = "aclTensorDesc *"
    create, end = "aclCreateTensorDesc", "aclDestroyTensorDesc"
    functions = (create, end, "aclGetTensorDescType")

    def arguments(self, use: Use) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """MD3.13: no dims are a scalar."""
        dims = [use.number % 5 - 1, use.pick][: use.number % 3]
        dtype = _TYPES[use.pick % len(_TYPES)]
        return (dtype, len(dims), dims, _FORMAT_ND), {"dtype": dtype, "dims": dims}

    def make(self, m: "HandleMachine", use: Use) -> Thing | None:
        """MD3.13: a negative number of dims is refused with NULL."""
        if use.number % 7 == 6:
            m.value(self.create, 0, -1, ffi.NULL, _FORMAT_ND, legal=(ffi.NULL,), thread=use.thread)
            return None
        return super().make(m, use)

    def destroy(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.14: it has no code; a desc of a dataset stays with it."""
        m.value(self.end, ref.handle, legal=(None,), thread=use.thread)
        if ref.live and ref.thing is not None and not ref.thing.about.get("owned"):
            ref.thing.alive = False

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.get, self.count, self.set_shape]

    def get(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.15, MD3.18, MD3.20."""
        known: dict[str, Any] = {"dtype": -1, "dims": []}
        if ref.live and ref.thing is not None:
            known = ref.thing.about
        m.value("aclGetTensorDescType", ref.handle, legal=(known["dtype"],), thread=use.thread)
        m.value("aclGetTensorDescNumDims", ref.handle, legal=(len(known["dims"]),), thread=use.thread)
        index, out = use.number % 3, ffi.new("int64_t *")
        code = 0 if index < len(known["dims"]) else INVALID
        m.call("aclGetTensorDescDimV2", ref.handle, index, out, legal=(code,), thread=use.thread)
        if not code:
            m.acl.check(out, (known["dims"][index],))

    def count(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.16, MD3.17: 0 where a dim is not known."""
        elements = int(ref.live)
        dims, dtype = (ref.thing.about["dims"], ref.thing.about["dtype"]) if ref.live and ref.thing else ([], 0)
        for dim in dims:
            elements *= max(dim, 0)
        m.value("aclGetTensorDescElementCount", ref.handle, legal=(elements,), thread=use.thread)
        m.value("aclGetTensorDescSize", ref.handle, legal=(elements * _SIZES[dtype],), thread=use.thread)

    def set_shape(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD3.24: only the origin shape changes what the getters answer."""
        if not m.acl.backend.supports("aclSetTensorShape"):
            return
        dims = [use.pick]
        m.call("aclSetTensorShape", ref.handle, 1, dims, legal=(self.code(ref),), thread=use.thread)
        if use.number % 2:
            m.call("aclSetTensorOriginShape", ref.handle, 1, dims, legal=(self.code(ref),), thread=use.thread)
            if ref.live and ref.thing is not None:
                ref.thing.about["dims"] = dims


class ModelDescs(Objects):
    """Model descriptions (contract_mdl section 6)."""

    name = "model desc"
    c_type = "aclmdlDesc *"
    create, end = "aclmdlCreateDesc", "aclmdlDestroyDesc"
    functions = (create, end)

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.count]

    def count(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """MD6.06: nothing is described yet."""
        m.value("aclmdlGetNumInputs", ref.handle, legal=(0,), thread=use.thread)
        m.value("aclmdlGetNumOutputs", ref.handle, legal=(0,), thread=use.thread)


class Configs(Objects):
    """Config handles for loading (contract_mdl section 4)."""

    name = "config handle"
    c_type = "aclmdlConfigHandle *"
    create, end, change = "aclmdlCreateConfigHandle", "aclmdlDestroyConfigHandle", "aclmdlSetConfigOpt"
    functions = (create, end, change)
    attribute, value_type, limit = 1, "size_t *", 4  # ACL_MDL_LOAD_TYPE_SIZET

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.set]

    def set(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """Section 4.2 and 4.3: the size has to fit; nothing is stored on failure."""
        value = ffi.new(self.value_type, use.number % self.limit + 1)
        size = ffi.sizeof(ffi.typeof(value).item) + (use.pick == 1)
        code = self.code(ref) or (INVALID if use.pick == 1 else 0)
        m.call(self.change, ref.handle, self.attribute, value, size, legal=(code,), thread=use.thread)


class ExecConfigs(Configs):
    """Config handles for executing (contract_mdl section 4.3)."""

    name = "exec config handle"
    c_type = "aclmdlExecConfigHandle *"
    create, end = "aclmdlCreateExecConfigHandle", "aclmdlDestroyExecConfigHandle"
    change = "aclmdlSetExecConfigOpt"
    functions = (create, end, change)
    attribute, value_type, limit = 0, "int32_t *", 100  # ACL_MDL_STREAM_SYNC_TIMEOUT


class AllocatorDescs(Objects):
    """Descriptions of allocators (contract_rt section 10)."""

    name = "allocator desc"
    c_type = "aclrtAllocatorDesc"
    create, end = "aclrtAllocatorCreateDesc", "aclrtAllocatorDestroyDesc"
    functions = (create, end, "aclrtAllocatorSetObjToDesc")

    def uses(self) -> list[Callable[["HandleMachine", Ref, Use], None]]:
        """The calls that follow."""
        return [self.set, self.register]

    def set(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT10.10: NULL for the object is refused."""
        value = ffi.cast("void *", use.number)
        code = self.code(ref) or (0 if use.number else INVALID)
        m.call("aclrtAllocatorSetObjToDesc", ref.handle, value, legal=(code,), thread=use.thread)

    def register(self, m: "HandleMachine", ref: Ref, use: Use) -> None:
        """RT10.11: not without the functions."""
        if not m.acl.backend.supports("aclrtAllocatorRegister"):
            return
        stream = m.ref("stream", use.pick)
        m.call("aclrtAllocatorRegister", stream.handle, ref.handle, legal=(INVALID,), thread=use.thread)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Contexts(),
        Streams(),
        *map(Events, ("DEF", "OLD", "EX")),
        Notifies(),
        DeviceMemory(),
        HostMemory(),
        DataBuffers(),
        Datasets(),
        TensorDescs(),
        ModelDescs(),
        Configs(),
        ExecConfigs(),
        AllocatorDescs(),
    )
}

"""Model descriptions and their getters (contract_mdl section 6); those of gears are in `gears`."""

import itertools
import re
from collections.abc import Iterable

from aclsim.api.content import Content, from_file, from_memory, parse
from aclsim.api.host import c_string, invalid, null, on_host, text
from aclsim.api.load import unknown_model
from aclsim.api.lookup import item
from aclsim.api.types import CData, address_of, ffi, lib
from aclsim.core import codes
from aclsim.core.description import Desc
from aclsim.core.fault import Fault
from aclsim.core.world import World
from aclsim.models.description import Executable, Tensor, described_inputs

_NAME_LENGTH = lib.ACL_MAX_TENSOR_NAME_LEN
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_REPLACEMENT = re.compile(
    r"acl_modelId_(?P<model>[0-9]{1,10})_(?P<side>input|output)_(?P<index>[0-9]{1,20})(_[a-z]{1,3})?"
)


def _desc(world: World, modelDesc: CData) -> Desc:
    return item(world, world.descs, modelDesc, "modelDesc")


def aclmdlCreateDesc(world: World) -> CData:
    """MD6.01."""
    return world.descs.add(Desc()).handle


def aclmdlDestroyDesc(world: World, modelDesc: CData) -> None:
    """MD6.02: the names that it gave out end with it."""
    world.descs.remove(_desc(world, modelDesc))


def aclmdlGetDesc(world: World, modelDesc: CData, modelId: int) -> None:
    """MD6.03: a desc that is used again is cleared first, even for an unknown id; IPV350 appends."""
    desc = _desc(world, modelDesc)
    model = world.models.get(modelId)
    if not world.product.ipv350:
        desc.clear()
    if model is None:
        fault = unknown_model(world, modelId)
        raise Fault(codes.ACL_ERROR_GE_FAILURE, fault.message) if world.product.ipv350 else fault
    _fill(world, desc, model.executable, modelId)


def aclmdlGetDescFromFile(world: World, modelDesc: CData, modelPath: CData) -> None:
    """MD6.04: without loading; the desc's model id is 0. A bad path beats a NULL desc."""
    if not world.product.ipv350:
        content = from_file(world, modelPath)
        _describe(world, modelDesc, content)
        return
    desc = _desc(world, modelDesc)
    on_host(modelPath, "modelPath")
    try:
        content = from_file(world, modelPath)
        executable = parse(world, content, codes.ACL_ERROR_GE_PARAM_INVALID, computes=False)
    except Fault as fault:  # MD2.06
        raise Fault(codes.ACL_ERROR_GE_FAILURE, fault.message) from None
    _fill(world, desc, executable, 0)


def aclmdlGetDescFromMem(world: World, modelDesc: CData, model: CData, modelSize: int) -> None:
    """MD6.04. Size 0 is legal on IPV350 for memory that ACL gave out: the model fills it to its end.

    A choice: of other memory the size is not known then, and no ONNX model says its own.
    """
    if not world.product.ipv350:
        _describe(world, modelDesc, from_memory(world, model, modelSize))
        return
    desc = _desc(world, modelDesc)
    if not model:
        raise null("model")
    try:
        content = from_memory(world, model, modelSize or _rest(world, address_of(model)))
        executable = parse(world, content, codes.ACL_ERROR_GE_PARAM_INVALID, computes=False)
    except Fault as fault:  # MD2.06
        raise Fault(codes.ACL_ERROR_GE_FAILURE, fault.message) from None
    _fill(world, desc, executable, 0)


def _rest(world: World, address: int) -> int:
    """Bytes from `address` to the end of its allocation, 0 for memory that ACL did not give out."""
    allocation = world.memory.find(address)
    return allocation.address + allocation.size - address if allocation else 0


def _describe(world: World, modelDesc: CData, content: Content) -> None:
    desc = _desc(world, modelDesc)
    executable = parse(world, content, codes.ACL_ERROR_GE_PARAM_INVALID, computes=False)
    desc.clear()
    _fill(world, desc, executable, 0)


def _fill(world: World, desc: Desc, executable: Executable, model_id: int) -> None:
    desc.model_id = model_id
    desc.gears = executable.gears
    desc.dynamic = executable.dynamic
    desc.inputs += described_inputs(executable)
    desc.outputs += executable.outputs
    taken = {tensor.name for tensor in desc.inputs + desc.outputs}
    desc.input_names = _short_names(world, desc.inputs, f"acl_modelId_{model_id}_input_", taken)
    desc.output_names = _short_names(world, desc.outputs, f"acl_modelId_{model_id}_output_", taken)


def _short_names(world: World, tensors: list[Tensor], prefix: str, taken: set[str]) -> list[str]:
    """Names of less than 128 bytes, as aclmdlIODims holds them; a replacement is no other tensor's name (MD6.12)."""
    return [
        tensor.name
        if len(tensor.name.encode()) < _NAME_LENGTH
        else next(free for free in _variants(world, f"{prefix}{index}") if free not in taken)
        for index, tensor in enumerate(tensors)
    ]


def _variants(world: World, name: str) -> Iterable[str]:
    yield name
    for length in (3,) if world.product.ipv350 else (1, 2, 3):
        for letters in itertools.product(_LETTERS, repeat=length):
            yield f"{name}_{''.join(letters)}"


# -- numbers ---------------------------------------------------------------------------------------------------------


def aclmdlGetNumInputs(world: World, modelDesc: CData) -> int:
    """MD6.06."""
    return len(_desc(world, modelDesc).inputs)


def aclmdlGetNumOutputs(world: World, modelDesc: CData) -> int:
    """MD6.06."""
    return len(_desc(world, modelDesc).outputs)


def _at(tensors: list[Tensor], index: int) -> Tensor:
    if index >= len(tensors):
        raise invalid(f"index is {index}; the description has {len(tensors)}")
    return tensors[index]


def aclmdlGetInputSizeByIndex(world: World, modelDesc: CData, index: int) -> int:
    """MD6.07: bytes."""
    return _at(_desc(world, modelDesc).inputs, index).size


def aclmdlGetOutputSizeByIndex(world: World, modelDesc: CData, index: int) -> int:
    """MD6.07: bytes."""
    return _at(_desc(world, modelDesc).outputs, index).size


def aclmdlGetInputFormat(world: World, modelDesc: CData, index: int) -> int:
    """MD6.09."""
    return _at(_desc(world, modelDesc).inputs, index).format


def aclmdlGetOutputFormat(world: World, modelDesc: CData, index: int) -> int:
    """MD6.09."""
    return _at(_desc(world, modelDesc).outputs, index).format


def aclmdlGetInputDataType(world: World, modelDesc: CData, index: int) -> int:
    """MD6.09."""
    return _at(_desc(world, modelDesc).inputs, index).dtype


def aclmdlGetOutputDataType(world: World, modelDesc: CData, index: int) -> int:
    """MD6.09."""
    return _at(_desc(world, modelDesc).outputs, index).dtype


# -- names -----------------------------------------------------------------------------------------------------------


def _string(desc: Desc, value: str) -> CData:
    """A C string that lives as long as the desc (MD11.12)."""
    if value not in desc.texts:
        desc.texts[value] = c_string(value.encode())
    return desc.texts[value]


def aclmdlGetInputNameByIndex(world: World, modelDesc: CData, index: int) -> CData:
    """MD6.08: "" for a bad index or description, never NULL."""
    desc = _desc(world, modelDesc)
    return _string(desc, _at(desc.inputs, index).name)


def aclmdlGetOutputNameByIndex(world: World, modelDesc: CData, index: int) -> CData:
    """MD6.08: "" for a bad index or description, never NULL."""
    desc = _desc(world, modelDesc)
    return _string(desc, _at(desc.outputs, index).name)


def _index_of(tensors: list[Tensor], name: CData, index: CData) -> None:
    wanted = text(name, "name")
    on_host(index, "index")
    for position, tensor in enumerate(tensors):
        if tensor.name.encode() == wanted:
            index[0] = position
            return
    known = ", ".join(repr(tensor.name) for tensor in tensors)
    raise invalid(f"name is {wanted.decode(errors='replace')!r}; there are {known or 'none'}")


def aclmdlGetInputIndexByName(world: World, modelDesc: CData, name: CData, index: CData) -> None:
    """MD6.10: the first exact match."""
    _index_of(_desc(world, modelDesc).inputs, name, index)


def aclmdlGetOutputIndexByName(world: World, modelDesc: CData, name: CData, index: CData) -> None:
    """MD6.10: the first exact match."""
    _index_of(_desc(world, modelDesc).outputs, name, index)


def aclmdlGetTensorRealName(world: World, modelDesc: CData, name: CData) -> CData:
    """MD6.13: a tensor's name gives itself, a replacement of its form the name behind it; NULL for any other."""
    desc = _desc(world, modelDesc)
    wanted = text(name, "name").decode(errors="surrogateescape")
    if any(wanted == tensor.name for tensor in desc.inputs + desc.outputs):
        return _string(desc, wanted)
    match = _REPLACEMENT.fullmatch(wanted)
    if match is not None and int(match["model"]) == desc.model_id:
        tensors = desc.inputs if match["side"] == "input" else desc.outputs
        return _string(desc, _at(tensors, int(match["index"])).name)
    raise invalid(f"name {wanted!r} is none of this description's")


def aclmdlGetOpAttr(world: World, modelDesc: CData, opName: CData, attr: CData) -> CData:
    """MD6.19: no model of the simulator carries the attribute, so the answer for any operator of a loaded one is "".

    An answer that was given stays with the desc, also when that is used again (MD6.05) or its model is unloaded.
    """
    desc = _desc(world, modelDesc)
    operator = text(opName, "opName")
    wanted = text(attr, "attr")
    known = bytes(ffi.string(lib.ACL_ATTR_NAME_DATA_DUMP_ORIGIN_OP_NAMES))
    if wanted != known:
        raise invalid(f"attr is {wanted.decode(errors='replace')!r}; only {known.decode()} can be asked for")
    answer = (operator, wanted)
    if answer not in desc.texts:
        if desc.model_id not in world.models:
            raise unknown_model(world, desc.model_id)
        desc.texts[answer] = c_string(b"")
    return desc.texts[answer]


# -- dims ------------------------------------------------------------------------------------------------------------


def _write_dims(world: World, modelDesc: CData, index: int, dims: CData, *, output: bool) -> None:
    desc = _desc(world, modelDesc)
    on_host(dims, "dims")
    tensor = _at(desc.outputs if output else desc.inputs, index)
    name = (desc.output_names if output else desc.input_names)[index]
    dims.name = name.encode()
    if len(tensor.dims) > lib.ACL_MAX_DIM_CNT:
        raise Fault(
            codes.ACL_ERROR_STORAGE_OVER_LIMIT,
            f"{name!r} has {len(tensor.dims)} dimensions, aclmdlIODims holds {lib.ACL_MAX_DIM_CNT}",
        )
    dims.dimCount = len(tensor.dims)
    dims.dims[0 : len(tensor.dims)] = tensor.dims


def aclmdlGetInputDims(world: World, modelDesc: CData, index: int, dims: CData) -> None:
    """MD6.11."""
    _write_dims(world, modelDesc, index, dims, output=False)


def aclmdlGetInputDimsV2(world: World, modelDesc: CData, index: int, dims: CData) -> None:
    """MD6.11: differs only for models with static AIPP, which there are none of here."""
    _write_dims(world, modelDesc, index, dims, output=False)


def aclmdlGetOutputDims(world: World, modelDesc: CData, index: int, dims: CData) -> None:
    """MD6.11."""
    _write_dims(world, modelDesc, index, dims, output=True)


def aclmdlGetCurOutputDims(world: World, modelDesc: CData, index: int, dims: CData) -> None:
    """MD6.18: the dims in the gear that was chosen last, else aclmdlGetOutputDims's; the model must be loaded."""
    desc = _desc(world, modelDesc)
    on_host(dims, "dims")
    if desc.dynamic:
        raise Fault(codes.ACL_ERROR_API_NOT_SUPPORT, "a dynamic-shape model has no current output dims")
    _at(desc.outputs, index)
    model = world.models.get(desc.model_id)
    if model is None:
        raise unknown_model(world, desc.model_id)
    _write_dims(world, modelDesc, index, dims, output=True)
    gears = model.executable.gears
    if gears is not None and model.gear is not None:
        dims.dims[0 : dims.dimCount] = gears.outputs[model.gear][index]


def aclmdlGetInputDimsRange(world: World, modelDesc: CData, index: int, dimsRange: CData) -> None:
    """MD6.14: fixed dims have a range of one value, others begin at 1, -1 is no limit; with gears there are none."""
    desc = _desc(world, modelDesc)
    on_host(dimsRange, "dimsRange")
    if desc.gears is not None:
        dimsRange.rangeCount = 0
        return
    tensor = _at(desc.inputs, index)
    if len(tensor.dims) > lib.ACL_MAX_DIM_CNT:
        raise Fault(codes.ACL_ERROR_INTERNAL_ERROR, f"{tensor.name!r} has {len(tensor.dims)} dimensions")
    dimsRange.rangeCount = len(tensor.dims)
    for position, limits in enumerate(tensor.ranges):
        dimsRange.range[position] = list(limits)

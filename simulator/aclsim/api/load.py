"""Loading and unloading models, and the sizes they need (contract_mdl section 5)."""

from pathlib import Path
from typing import NoReturn

from aclsim.api.answers import checked_only
from aclsim.api.config import path_of
from aclsim.api.content import MAGIC_SIZE, Content, from_file, from_memory, parse, read_file, read_memory
from aclsim.api.host import invalid, on_host
from aclsim.api.lookup import item
from aclsim.api.types import CData, address_of, lib
from aclsim.core import codes
from aclsim.core.configs import LoadConfig
from aclsim.core.fault import Fault
from aclsim.core.loaded import LoadedModel
from aclsim.core.memory import Allocation, padded
from aclsim.core.world import World
from aclsim.models.description import Executable, described_inputs

_SHORT_FILE = codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID
_SHORT_MEMORY = codes.ACL_ERROR_INVALID_PARAM
_SHORT_QUERY = codes.ACL_ERROR_GE_PARAM_INVALID

_FILE = (lib.ACL_MDL_LOAD_FROM_FILE, lib.ACL_MDL_LOAD_FROM_FILE_WITH_MEM, lib.ACL_MDL_LOAD_FROM_FILE_WITH_Q)
_OWN_MEMORY = (lib.ACL_MDL_LOAD_FROM_FILE_WITH_MEM, lib.ACL_MDL_LOAD_FROM_MEM_WITH_MEM)
_QUEUES = (lib.ACL_MDL_LOAD_FROM_FILE_WITH_Q, lib.ACL_MDL_LOAD_FROM_MEM_WITH_Q)
_QUEUE_ATTRIBUTES = (
    lib.ACL_MDL_INPUTQ_NUM_SIZET,
    lib.ACL_MDL_INPUTQ_ADDR_PTR,
    lib.ACL_MDL_OUTPUTQ_NUM_SIZET,
    lib.ACL_MDL_OUTPUTQ_ADDR_PTR,
)


class Given:
    """Work and weight memory that the caller brings: addresses (0: none) and bytes."""

    def __init__(self, work: int = 0, work_size: int = 0, weight: int = 0, weight_size: int = 0) -> None:
        self.work = (work, work_size)
        self.weight = (weight, weight_size)


def aclmdlLoadFromFile(world: World, modelPath: CData, modelId: CData) -> None:
    """MD5.01."""
    content = from_file(world, modelPath)
    on_host(modelId, "modelId")
    modelId[0] = _load(world, content, _SHORT_FILE, Given())


def aclmdlLoadFromFileWithMem(
    world: World,
    modelPath: CData,
    modelId: CData,
    workPtr: CData,
    workSize: int,
    weightPtr: CData,
    weightSize: int,
) -> None:
    """MD5.02; NULL for work or weight memory means that ACL allocates it."""
    content = from_file(world, modelPath)
    on_host(modelId, "modelId")
    given = Given(address_of(workPtr), workSize, address_of(weightPtr), weightSize)
    modelId[0] = _load(world, content, _SHORT_FILE, given)


def aclmdlLoadFromMem(world: World, model: CData, modelSize: int, modelId: CData) -> None:
    """MD5.03: the bytes are needed during the call only."""
    content = from_memory(world, model, modelSize)
    on_host(modelId, "modelId")
    modelId[0] = _load(world, content, _SHORT_MEMORY, Given())


def aclmdlLoadFromMemWithMem(
    world: World,
    model: CData,
    modelSize: int,
    modelId: CData,
    workPtr: CData,
    workSize: int,
    weightPtr: CData,
    weightSize: int,
) -> None:
    """MD5.04."""
    content = from_memory(world, model, modelSize)
    on_host(modelId, "modelId")
    given = Given(address_of(workPtr), workSize, address_of(weightPtr), weightSize)
    modelId[0] = _load(world, content, _SHORT_MEMORY, given)


def aclmdlLoadWithConfig(world: World, handle: CData, modelId: CData) -> None:
    """Section 4.4: the load type and everything else comes from a config handle."""
    config = item(world, world.load_configs, handle, "handle")
    if world.product.ipv350:
        on_host(modelId, "modelId")
        kind = _check_rules(config)
        content = _content_of(world, config, kind)
    else:
        routed = _route(world, config)
        on_host(modelId, "modelId")
        kind = _check_rules(config)
        # A path is opened whatever the load type; the model itself comes from where the type says.
        from_path = kind in _FILE and path_of(config, lib.ACL_MDL_PATH_PTR)
        content = routed if from_path else _content_of(world, config, kind)
    if kind in _QUEUES:
        _load_with_queues(world, content, *_queues(config))
    given = Given()
    if kind in _OWN_MEMORY or world.product.ipv350:
        given = Given(
            _number(config, lib.ACL_MDL_WORKSPACE_ADDR_PTR),
            _number(config, lib.ACL_MDL_WORKSPACE_SIZET),
            _number(config, lib.ACL_MDL_WEIGHT_ADDR_PTR),
            _number(config, lib.ACL_MDL_WEIGHT_SIZET),
        )
    short = _SHORT_FILE if kind in _FILE else _SHORT_MEMORY
    modelId[0] = _load(world, content, short, given, config)


def _number(config: LoadConfig, attr: int) -> int:
    value = config.values.get(attr, 0)
    return value if isinstance(value, int) else 0


def _route(world: World, config: LoadConfig) -> Content:
    """Look at the path, or else at the memory, that the handle names (4.4 b)."""
    path = path_of(config, lib.ACL_MDL_PATH_PTR)
    if path:
        return read_file(world, path)
    size = _number(config, lib.ACL_MDL_MEM_SIZET)
    if size:
        if _number(config, lib.ACL_MDL_MEM_ADDR_PTR) and size < MAGIC_SIZE:
            raise Fault(codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID, f"the model memory has only {size} bytes")
        return _memory_of(world, config)
    raise invalid("handle names neither a model file nor model memory")


def _memory_of(world: World, config: LoadConfig) -> Content:
    """The model in memory, with the folder of its weights where the handle names one."""
    size = _number(config, lib.ACL_MDL_MEM_SIZET)
    address = _number(config, lib.ACL_MDL_MEM_ADDR_PTR)
    if not address or not size:
        raise invalid(f"handle names model memory of {size} bytes at 0x{address:x}")
    folder = path_of(config, lib.ACL_MDL_WEIGHT_PATH_PTR).decode(errors="surrogateescape")
    data = read_memory(world, address, size, "ACL_MDL_MEM_ADDR_PTR")
    return Content(data, Path(folder) if folder else None)


def _content_of(world: World, config: LoadConfig, kind: int) -> Content:
    if kind not in _FILE:
        return _memory_of(world, config)
    return read_file(world, path_of(config, lib.ACL_MDL_PATH_PTR))


def _check_rules(config: LoadConfig) -> int:
    """Check which attributes the load type must and must not have (MD4.33 to MD4.37). Returns the load type."""
    kind = _number(config, lib.ACL_MDL_LOAD_TYPE_SIZET)
    if not kind:
        raise invalid("handle has no ACL_MDL_LOAD_TYPE_SIZET")
    needed = (lib.ACL_MDL_PATH_PTR,) if kind in _FILE else (lib.ACL_MDL_MEM_ADDR_PTR, lib.ACL_MDL_MEM_SIZET)
    if kind in _QUEUES:
        needed += _QUEUE_ATTRIBUTES
    for attr in needed:
        if attr not in config.values:
            raise invalid(f"load type {kind} needs attr {attr}, which was not set")
    if kind in _FILE and lib.ACL_MDL_WEIGHT_PATH_PTR in config.values:
        raise invalid(f"load type {kind} does not go with ACL_MDL_WEIGHT_PATH_PTR")
    if kind in _QUEUES and not all(_queues(config)):
        raise invalid("the number of input or of output queues is 0")
    return kind


def _queues(config: LoadConfig) -> tuple[int, int]:
    """How many input and output queues a handle has."""
    return _number(config, lib.ACL_MDL_INPUTQ_NUM_SIZET), _number(config, lib.ACL_MDL_OUTPUTQ_NUM_SIZET)


def _load(world: World, content: Content, short: int, given: Given, config: LoadConfig | None = None) -> int:
    """Load, and return the id."""
    try:
        weights = {
            name.decode(errors="surrogateescape"): _device_bytes(world, address, size)
            for name, address, size in (config.external_weights if config else ())
        }
        executable = parse(world, content, short, weights=weights)
    except Fault as fault:
        if fault.code != short:  # that one is found while the header is read, before the engine sees the model
            _take_id(world)
        raise
    if executable.dynamic and config is not None and lib.ACL_MDL_WITHOUT_GRAPH_INT32 in config.values:
        raise invalid("ACL_MDL_WITHOUT_GRAPH_INT32 is for models with fixed shapes; this one has a dynamic shape")
    number = _take_id(world, dynamic=executable.dynamic)
    context = world.current_context()
    model = LoadedModel(number, executable, context)
    model.memory, model.borrowed = _place(world, executable, given, context.device.number)
    priority = _number(config, lib.ACL_MDL_PRIORITY_INT32) if config else 0
    model.priority = priority
    world.models[number] = model
    return number


@checked_only
def aclmdlLoadFromFileWithQ(
    world: World,
    modelPath: CData,
    modelId: CData,
    inputQ: CData,
    inputQNum: int,
    outputQ: CData,
    outputQNum: int,
) -> None:
    """MD5.05."""
    content = from_file(world, modelPath)
    _check_queues(inputQ, inputQNum, outputQ, outputQNum)
    on_host(modelId, "modelId")
    _load_with_queues(world, content, inputQNum, outputQNum)


@checked_only
def aclmdlLoadFromMemWithQ(
    world: World,
    model: CData,
    modelSize: int,
    modelId: CData,
    inputQ: CData,
    inputQNum: int,
    outputQ: CData,
    outputQNum: int,
) -> None:
    """MD5.05."""
    content = from_memory(world, model, modelSize)
    _check_queues(inputQ, inputQNum, outputQ, outputQNum)
    on_host(modelId, "modelId")
    _load_with_queues(world, content, inputQNum, outputQNum)


def _check_queues(inputQ: CData, inputQNum: int, outputQ: CData, outputQNum: int) -> None:
    on_host(inputQ, "inputQ")
    on_host(outputQ, "outputQ")
    if not inputQNum:
        raise invalid("inputQNum is 0")
    if not outputQNum:
        raise invalid("outputQNum is 0")


def _load_with_queues(world: World, content: Content, inputs: int, outputs: int) -> NoReturn:
    """Check what can be checked of a model that is fed from queues, and refuse it: there are no queues here.

    Raises:
        Fault: 145000 for bytes that are no model, 500002 for one with dims that vary, 145008 for other numbers of
            queues than the model has inputs and outputs, else 200001.
    """
    try:
        executable = parse(world, content, _SHORT_QUERY, computes=False)
    except Fault:
        _take_id(world)
        raise
    if executable.dynamic:
        raise Fault(codes.ACL_ERROR_GE_FAILURE, "a dynamic-shape model cannot be fed from queues")
    _take_id(world)
    for what, given, need in (
        ("input", inputs, len(described_inputs(executable))),
        ("output", outputs, len(executable.outputs)),
    ):
        if given != need:
            raise Fault(
                codes.ACL_ERROR_GE_EXEC_MODEL_QUEUE_ID_INVALID,
                f"there are {given} {what} queues, the model has {need} {what}s",
            )
    raise Fault(
        codes.ACL_ERROR_API_NOT_SUPPORT,
        "a model that is fed from queues is not modelled by the simulator; load it without queues",
    )


def _take_id(world: World, *, dynamic: bool = False) -> int:
    """The id of a load that the engine sees; one that fails then uses it up all the same (section 1)."""
    if dynamic:  # counted apart, and without a look at the initialisation (MD5.09)
        number = world.next_dynamic_id
        world.next_dynamic_id += 1
        return number
    _check_initialized(world)
    number = world.next_model_id
    world.next_model_id += 1
    return number


def _check_initialized(world: World) -> None:
    if not world.library.initialized:
        raise Fault(codes.ACL_ERROR_GE_EXEC_NOT_INIT, "the library is not initialised; call aclInit first")


def _device_bytes(world: World, address: int, size: int) -> bytes:
    return bytes(world.memory.span(address, size).read())


def _place(
    world: World, executable: Executable, given: Given, device: int
) -> tuple[tuple[Allocation, ...], tuple[Allocation, ...]]:
    """Find memory for work and weights: what the model owns, and what it borrows from the caller."""
    own: list[Allocation] = []
    borrowed: list[Allocation] = []
    try:
        for what, need, (address, size) in (
            ("work", executable.work_size, given.work),
            ("weight", executable.weight_size, given.weight),
        ):
            if need == 0 or (what == "work" and world.product.ipv350):  # there each execution brings its own
                continue
            if address and not (size < need and world.product.ipv350):  # MD5.11: IPV350 then takes memory of its own
                borrowed.append(_borrow(world, what, need, address, size))
            else:
                own.append(_allocate(world, what, need, device))
    except Fault:
        for allocation in own:
            world.memory.free(allocation)
        raise
    return tuple(own), tuple(borrowed)


def _borrow(world: World, what: str, need: int, address: int, size: int) -> Allocation:
    """The caller's memory (MD5.11, MD5.12); `need` is what the size query answers, no input or output lies in it."""
    if size < need:
        raise Fault(codes.ACL_ERROR_GE_PARAM_INVALID, f"the {what} memory has {size} bytes, the model needs {need}")
    allocation = world.memory.span(address, need).allocation
    if allocation is None or allocation.on_host:
        raise Fault(codes.ACL_ERROR_RT_PARAM_INVALID, f"the {what} memory at 0x{address:x} is host memory")
    return allocation


def _allocate(world: World, what: str, need: int, device: int) -> Allocation:
    """Memory of the model's own (MD5.13)."""
    try:
        return world.memory.allocate(device, need, padded(need))
    except Fault as fault:
        raise Fault(codes.ACL_ERROR_GE_MEMORY_ALLOCATION, f"no {what} memory for the model: {fault.message}") from None


def aclmdlUnload(world: World, modelId: int) -> None:
    """MD5.14 to MD5.19; an execution that is still queued fails when it runs."""
    model = world.models.get(modelId)
    if model is None:
        raise unknown_model(world, modelId)
    world.unload(model)


def unknown_model(world: World, number: int) -> Fault:
    """The answer to a model id that is not loaded."""
    first = 0 if world.product.ipv350 else 1
    was = first <= number < world.next_model_id or 1 << 31 <= number < world.next_dynamic_id
    reason = "was unloaded, or its load failed" if was else "was never given out"
    return Fault(codes.ACL_ERROR_GE_EXEC_MODEL_ID_INVALID, f"no model has the id {number}: it {reason}")


def aclmdlQuerySize(world: World, fileName: CData, workSize: CData, weightSize: CData) -> None:
    """MD5.20: bytes of work and weight memory that loading the file takes."""
    content = from_file(world, fileName, "fileName")
    _answer_sizes(world, content, workSize, weightSize)


def aclmdlQuerySizeFromMem(world: World, model: CData, modelSize: int, workSize: CData, weightSize: CData) -> None:
    """MD5.21."""
    content = from_memory(world, model, modelSize)
    _answer_sizes(world, content, workSize, weightSize)


@checked_only
def aclmdlQueryExeOMDesc(world: World, fileName: CData, mdlPartitionSize: CData) -> None:
    """MD5.23: sizes of the parts of a model that was compiled for IPV350, which no model of the simulator is."""
    on_host(fileName, "fileName")
    on_host(mdlPartitionSize, "mdlPartitionSize")
    content = from_file(world, fileName, "fileName")
    parse(world, content, codes.ACL_ERROR_GE_EXEC_MODEL_DATA_SIZE_INVALID, computes=False)
    raise Fault(
        codes.ACL_ERROR_API_NOT_SUPPORT,
        "only a model that was compiled for IPV350 has these parts; aclmdlQuerySize tells what this one needs",
    )


def _answer_sizes(world: World, content: Content, workSize: CData, weightSize: CData) -> None:
    on_host(workSize, "workSize")
    on_host(weightSize, "weightSize")
    _check_initialized(world)
    executable = parse(world, content, _SHORT_QUERY, computes=False)
    workSize[0] = executable.work_size
    weightSize[0] = executable.weight_size

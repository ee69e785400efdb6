"""Good arguments for every function that the simulator models: by type and name, and where that is not enough by function.

A function that is modelled newly and that these arguments do not fit needs a line in GOOD.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import aclcffi
from build_acl import Function, Parameter, read_declarations, slot_order
from tests.contract import models
from tests.contract.acl import NULL, Acl

ffi, lib = aclcffi.ffi, aclcffi.lib

FUNCTIONS = {function.name: function for function in slot_order(read_declarations())}
SIZE = 64


def bare_type(parameter: Parameter) -> str:
    """The type of a parameter as it is declared, without const."""
    return parameter.type.replace("const", "").strip()


def handle_kind(parameter: Parameter) -> str | None:
    """Which kind of handle a parameter is; None for everything else."""
    return bare_type(parameter) if bare_type(parameter) in HANDLES else None


class Kind(NamedTuple):
    """A kind of handles: how a test makes and destroys one, and what a dead one is answered with."""

    make: Callable[[Bench], Any]
    destroy: str = ""
    dead: int = 100000


class Bench:
    """A machine with device 0 of two set, and whatever a call needs made when it is asked for.

    `path` is that of a model file.
    """

    def __init__(self, acl: Acl, path: bytes = b"") -> None:
        self.acl = acl
        self.path = path
        self._kept: list[Any] = []
        self._model: models.Program | None = None
        acl.start()

    def keep(self, value: Any) -> Any:
        """Let a value live as long as this."""
        self._kept.append(value)
        return value

    def place(self, c_type: str, value: Any = None) -> Any:
        """A place that holds a value."""
        return self.keep(ffi.new(ffi.getctype(c_type, "*"), value))

    def text(self, value: bytes) -> Any:
        """A C string."""
        return self.keep(ffi.new("char[]", value))

    def callback(self, c_type: str) -> Any:
        """A C function that does nothing."""
        kind = ffi.typeof(c_type).result.kind
        return self.keep(ffi.callback(c_type, lambda *_: None if kind == "void" else NULL if kind == "pointer" else 0))

    @property
    def model(self) -> models.Program:
        """A loaded model with datasets that fit."""
        if self._model is None:
            self._model = models.Program(self.acl, models.weighted())
        return self._model

    def handle(self, kind: str) -> Any:
        """A new handle."""
        return self.keep(HANDLES[kind].make(self))

    def dead(self, kind: str) -> Any:
        """A handle that was destroyed."""
        made = self.handle(kind)
        if HANDLES[kind].destroy:
            getattr(self.acl, HANDLES[kind].destroy)(made)
        return made

    def elsewhere(self) -> Any:
        """A stream of another context; the current one stays."""
        current = self.acl.current_context()
        self.acl.context()
        stream = self.acl.stream()
        self.acl.ok(self.acl.aclrtSetCurrentContext(current))
        return stream

    def arguments(self, function: Function) -> list[Any]:
        """Arguments with which a call succeeds."""
        given = GOOD[function.name](self) if function.name in GOOD else {}
        return [
            given[parameter.name] if parameter.name in given else self.usual(function, index)
            for index, parameter in enumerate(function.parameters)
        ]

    def usual(self, function: Function, index: int) -> Any:
        """What is good for a parameter of this name or type."""
        parameter, c_type = function.parameters[index], type_of(function, index)
        kind, known = handle_kind(parameter), f"{bare_type(parameter)} {parameter.name}"
        if known in USUAL:
            return USUAL[known](self)
        if kind is not None:
            return self.handle(kind)
        if c_type.kind == "function":
            return self.callback(ffi.getctype(c_type))
        if c_type.kind == "pointer":
            if c_type.item.kind == "void":
                return self.acl.malloc(SIZE)
            if c_type.item.cname == "char":
                return self.text(b"name")
            return self.keep(ffi.new(ffi.getctype(c_type.item, "[4]")))
        return 0


def type_of(function: Function, index: int) -> Any:
    """The C type of a parameter."""
    return ffi.typeof(getattr(lib, function.name)).args[index]


def _made(bench: Bench, c_type: str, name: str, *arguments: Any) -> Any:
    place = bench.acl.out(c_type)
    bench.acl.ok(getattr(bench.acl, name)(place, *arguments))
    return place[0]


def _event(bench: Bench) -> Any:
    event = _made(bench, "aclrtEvent", "aclrtCreateEvent")
    bench.acl.ok(bench.acl.aclrtRecordEvent(event, NULL))
    bench.acl.synchronize()
    return event


def _old_event(bench: Bench) -> Any:
    return _made(bench, "aclrtEvent", "aclrtCreateEventWithFlag", lib.ACL_EVENT_SYNC)


def _context(bench: Bench) -> Any:
    current = bench.acl.current_context()
    made = bench.acl.context()
    bench.acl.ok(bench.acl.aclrtSetCurrentContext(current))
    return made


def _tensor(bench: Bench) -> Any:
    return bench.acl.aclCreateTensorDesc(lib.ACL_FLOAT, 1, [4], lib.ACL_FORMAT_ND)


def _info(bench: Bench) -> Any:
    """An exception info is good in its callback only; what comes out of it is dead."""
    seen: list[Any] = []
    callback = bench.keep(ffi.callback("aclrtExceptionInfoCallback", seen.append))
    bench.acl.ok(bench.acl.aclrtSetExceptionInfoCallback(callback))
    bench.acl.failing_work()
    bench.acl.aclrtSynchronizeStream(NULL)
    bench.acl.ok(bench.acl.aclrtSetExceptionInfoCallback(NULL))
    bench.acl.message()
    return seen[0]


HANDLES = {
    "aclrtStream": Kind(lambda bench: bench.acl.stream(), "aclrtDestroyStream", 107017),
    "aclrtEvent": Kind(_event, "aclrtDestroyEvent", 107017),
    "aclrtNotify": Kind(
        lambda bench: _made(bench, "aclrtNotify", "aclrtCreateNotify", 0), "aclrtDestroyNotify", 107017
    ),
    "aclrtCntNotify": Kind(
        lambda bench: _made(bench, "aclrtCntNotify", "aclrtCntNotifyCreate", 0), "aclrtCntNotifyDestroy", 107017
    ),
    "aclrtContext": Kind(_context, "aclrtDestroyContext", 107000),
    "aclrtAllocatorDesc": Kind(lambda bench: bench.acl.aclrtAllocatorCreateDesc(), "aclrtAllocatorDestroyDesc"),
    "aclrtStreamConfigHandle *": Kind(
        lambda bench: bench.acl.aclrtCreateStreamConfigHandle(), "aclrtDestroyStreamConfigHandle"
    ),
    "aclrtExceptionInfo *": Kind(_info),
    "aclDataBuffer *": Kind(
        lambda bench: bench.acl.aclCreateDataBuffer(bench.acl.malloc(SIZE), SIZE), "aclDestroyDataBuffer"
    ),
    "aclTensorDesc *": Kind(_tensor, "aclDestroyTensorDesc"),
    "aclmdlDataset *": Kind(
        lambda bench: models.dataset(bench.acl, [bench.handle("aclDataBuffer *")]), "aclmdlDestroyDataset"
    ),
    "aclmdlDesc *": Kind(lambda bench: models.described(bench.acl, bench.model.id), "aclmdlDestroyDesc"),
    "aclmdlConfigHandle *": Kind(lambda bench: bench.acl.aclmdlCreateConfigHandle(), "aclmdlDestroyConfigHandle"),
    "aclmdlExecConfigHandle *": Kind(
        lambda bench: bench.acl.aclmdlCreateExecConfigHandle(), "aclmdlDestroyExecConfigHandle"
    ),
}

USUAL: dict[str, Callable[[Bench], Any]] = {
    "aclmdlDataset * input": lambda bench: bench.model.inputs,
    "aclmdlDataset * output": lambda bench: bench.model.outputs,
    "aclrtMemcpyKind kind": lambda _: lib.ACL_MEMCPY_DEVICE_TO_DEVICE,
    "char * fileName": lambda bench: bench.text(bench.path),
    "char * modelPath": lambda bench: bench.text(bench.path),
    "int32_t peerDeviceId": lambda _: 1,
    "int32_t timeout": lambda _: 5,
    "size_t count": lambda _: SIZE,
    "size_t destMax": lambda _: SIZE,
    "size_t dpitch": lambda _: 8,
    "size_t height": lambda _: 2,
    "size_t maxCount": lambda _: SIZE,
    "size_t modelSize": lambda _: len(models.weighted()),
    "size_t outputSize": lambda _: SIZE,
    "size_t size": lambda _: SIZE,
    "size_t spitch": lambda _: 8,
    "size_t width": lambda _: 8,
    "uint32_t modelId": lambda bench: bench.model.id,
    "uint64_t outputSize": lambda _: SIZE,
    "uint64_t size": lambda _: SIZE,
    "uint64_t threadId": lambda _: threading.get_ident(),
    "void * hostPtr": lambda bench: bench.acl.malloc_host(SIZE),
    "void * model": lambda bench: bench.keep(bench.acl.host(models.weighted())),
}
"""What is good for a parameter of this type, without const, and name."""


def _option(c_type: str, attr: str, value: Any) -> Callable[[Bench], dict[str, Any]]:
    """An option of a config handle."""
    return lambda bench: {
        "attr": getattr(lib, attr),
        "attrValue": bench.place(c_type, value),
        "valueSize": ffi.sizeof(c_type),
    }


def _registered(side: str) -> Callable[[Bench], dict[str, Any]]:
    """A callback of a module that is registered."""

    def make(bench: Bench) -> dict[str, Any]:
        callback = bench.callback(f"acl{side}CallbackFunc")
        bench.acl.ok(getattr(bench.acl, f"acl{side}CallbackRegister")(lib.ACL_REG_TYPE_OTHER, callback, NULL))
        return {"type": lib.ACL_REG_TYPE_OTHER, "cbFunc": callback}

    return make


def _subscribed(bench: Bench) -> Any:
    """A stream whose callbacks this thread serves."""
    stream = bench.acl.stream()
    bench.acl.ok(bench.acl.aclrtSubscribeReport(threading.get_ident(), stream))
    return stream


def _due(bench: Bench) -> dict[str, Any]:
    """A callback is due."""
    stream = _subscribed(bench)
    bench.acl.ok(bench.acl.aclrtLaunchCallback(bench.callback("aclrtCallback"), NULL, 0, stream))
    bench.acl.synchronize(stream)
    return {}


def _desc(bench: Bench) -> Any:
    """An allocator desc with all that it needs."""
    desc = bench.handle("aclrtAllocatorDesc")
    bench.acl.ok(bench.acl.aclrtAllocatorSetObjToDesc(desc, bench.acl.pointer(SIZE)))
    for name in ("AllocFunc", "FreeFunc", "GetAddrFromBlockFunc"):
        function = bench.callback(f"aclrtAllocator{name}")
        bench.acl.ok(getattr(bench.acl, f"aclrtAllocatorSet{name}ToDesc")(desc, function))
    return desc


def _with_allocator(bench: Bench) -> dict[str, Any]:
    """A stream with an allocator."""
    stream = bench.acl.stream()
    bench.acl.ok(bench.acl.aclrtAllocatorRegister(stream, _desc(bench)))
    return {"stream": stream}


def _registered_memory(bench: Bench) -> Any:
    """Host memory that is page-locked by registration."""
    memory = bench.keep(bench.acl.host(SIZE))
    bench.acl.ok(bench.acl.aclrtHostRegisterV2(memory, SIZE, 0))
    return ffi.cast("void *", memory)


def _rectangle(bench: Bench) -> dict[str, Any]:
    """Two rows from the host to the device."""
    return {"src": bench.acl.malloc_host(SIZE), "kind": lib.ACL_MEMCPY_HOST_TO_DEVICE}


def _batch(bench: Bench) -> dict[str, Any]:
    """Two copies to the device."""
    attribute = {
        "dstLoc": {"type": lib.ACL_MEM_LOCATION_TYPE_DEVICE},
        "srcLoc": {"type": lib.ACL_MEM_LOCATION_TYPE_HOST},
    }
    return {
        "dsts": bench.keep(ffi.new("void *[]", [bench.acl.malloc(8), bench.acl.malloc(8)])),
        "destMaxs": bench.keep(ffi.new("size_t[]", [8, 8])),
        "srcs": bench.keep(ffi.new("void *[]", [bench.acl.malloc_host(8), bench.acl.malloc_host(8)])),
        "sizes": bench.keep(ffi.new("size_t[]", [8, 8])),
        "numBatches": 2,
        "attrs": bench.keep(ffi.new("aclrtMemcpyBatchAttr[]", [attribute])),
        "attrsIndexes": bench.keep(ffi.new("size_t[]", [0])),
        "numAttrs": 1,
    }


def _load_config(bench: Bench) -> dict[str, Any]:
    """A config that says which model to load."""
    return {"handle": bench.keep(models.memory_config(bench.acl, models.weighted())).handle}


def _model_memory(bench: Bench) -> dict[str, Any]:
    """Work and weight memory that is large enough."""
    sizes = {"workSize": 4096, "weightSize": 4096}
    return {**sizes, "workPtr": bench.acl.malloc(4096), "weightPtr": bench.acl.malloc(4096)}


def _ranges(bench: Bench) -> dict[str, Any]:
    """A tensor desc with a range."""
    desc = bench.handle("aclTensorDesc *")
    bench.acl.ok(bench.acl.aclSetTensorShapeRange(desc, 1, [[1, 4]]))
    return {"desc": desc, "dimRangeNum": 2}


def _unset(bench: Bench) -> dict[str, Any]:
    bench.acl.ok(bench.acl.aclFinalize())
    return {}


def _set_option(name: str) -> Callable[[Bench], dict[str, Any]]:
    def make(bench: Bench) -> dict[str, Any]:
        bench.acl.ok(getattr(bench.acl, name)(0, 1))
        return {}

    return make


def _queues(_: Bench) -> dict[str, Any]:
    """As many queues as the model has inputs and outputs."""
    return {"inputQNum": 1, "outputQNum": 1}


def _failed_model(bench: Bench) -> dict[str, Any]:
    """An execution that failed, the first task of a stream."""
    acl = bench.acl
    stream, number, memory = acl.stream(), acl.out("int32_t"), acl.malloc(SIZE)
    outputs = models.dataset(acl, [acl.aclCreateDataBuffer(memory, SIZE)])
    model = models.load(acl, models.weighted())
    acl.ok(acl.aclrtStreamGetId(stream, number))
    acl.ok(acl.aclmdlExecuteAsync(model, bench.model.inputs, outputs, stream))
    acl.ok(acl.aclrtFree(memory))
    assert acl.aclrtSynchronizeStream(stream) == 507053
    acl.message()
    return {"streamId": number[0], "opName": bench.keep(ffi.new("char[64]")), "opNameLen": 64}


_NO_INDEX = (1 << 64) - 1
GOOD: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "aclFinalizeCallbackUnRegister": _registered("Finalize"),
    "aclGetTensorDescDimRange": _ranges,
    "aclInit": lambda bench: {**_unset(bench), "configPath": bench.text(b"")},
    "aclInitCallbackUnRegister": _registered("Init"),
    "aclSetTensorConst": lambda bench: {"dataBuffer": bench.keep(bench.acl.host(8)), "length": 8},
    "aclCreateTensorDesc": lambda bench: {"numDims": 1, "dims": bench.keep(ffi.new("int64_t[1]", [4]))},
    "aclSetTensorShape": lambda bench: {"numDims": 1, "dims": bench.keep(ffi.new("int64_t[1]", [4]))},
    "aclSetTensorOriginShape": lambda bench: {"numDims": 1, "dims": bench.keep(ffi.new("int64_t[1]", [4]))},
    "aclSetTensorStorageShape": lambda bench: {"numDims": 1, "dims": bench.keep(ffi.new("int64_t[1]", [4]))},
    "aclSetTensorShapeRange": lambda bench: {"dimsCount": 1},
    "aclSetTensorValueRange": lambda bench: {"valueCount": 1},
    "aclmdlCreateAndGetOpDesc": _failed_model,
    "aclmdlExecuteAsyncV2": lambda bench: {"handle": models.work_config(bench.acl)},
    "aclmdlGetInputDynamicDims": lambda _: {"index": _NO_INDEX},
    "aclmdlGetInputDynamicGearCount": lambda _: {"index": _NO_INDEX},
    "aclmdlGetInputIndexByName": lambda bench: {"name": bench.text(b"x")},
    "aclmdlGetOutputIndexByName": lambda bench: {"name": bench.text(b"y")},
    "aclmdlGetTensorRealName": lambda bench: {"name": bench.text(b"x")},
    "aclmdlGetOpAttr": lambda bench: {"attr": bench.text(b"_datadump_original_op_names")},
    "aclmdlLoadFromFileWithMem": _model_memory,
    "aclmdlLoadFromMemWithMem": _model_memory,
    "aclmdlLoadFromFileWithQ": _queues,
    "aclmdlLoadFromMemWithQ": _queues,
    "aclmdlLoadWithConfig": _load_config,
    "aclmdlSetDynamicBatchSize": lambda _: {"batchSize": 1},
    "aclmdlSetDynamicHWSize": lambda _: {"height": 1, "width": 1},
    "aclmdlSetInputDynamicDims": lambda bench: {"dims": bench.place("aclmdlIODims", {"dimCount": 1, "dims": [4]})},
    "aclmdlSetConfigOpt": _option("size_t", "ACL_MDL_LOAD_TYPE_SIZET", 1),
    "aclmdlSetExecConfigOpt": _option("int32_t", "ACL_MDL_STREAM_SYNC_TIMEOUT", 5),
    "aclrtSetStreamConfigOpt": _option("size_t", "ACL_RT_STREAM_FLAG", 0),
    "aclrtAllocatorRegister": lambda bench: {"allocatorDesc": _desc(bench)},
    "aclrtAllocatorGetByStream": _with_allocator,
    "aclrtAllocatorUnregister": _with_allocator,
    "aclrtCreateEventExWithFlag": lambda _: {"flag": lib.ACL_EVENT_SYNC},
    "aclrtCreateEventWithFlag": lambda _: {"flag": lib.ACL_EVENT_SYNC},
    "aclrtCtxGetSysParamOpt": _set_option("aclrtCtxSetSysParamOpt"),
    "aclrtGetSysParamOpt": _set_option("aclrtSetSysParamOpt"),
    "aclrtGetEventId": lambda bench: {"event": _old_event(bench)},
    "aclrtHostGetDevicePointer": lambda bench: {"pHost": bench.acl.malloc_host(SIZE)},
    "aclrtHostRegister": lambda bench: {"ptr": bench.keep(bench.acl.host(SIZE))},
    "aclrtHostRegisterV2": lambda bench: {"ptr": bench.keep(bench.acl.host(SIZE))},
    "aclrtHostUnregister": lambda bench: {"ptr": _registered_memory(bench)},
    "aclrtLaunchCallback": lambda bench: {"stream": _subscribed(bench)},
    "aclrtProcessReport": _due,
    "aclrtUnSubscribeReport": lambda bench: {"stream": _subscribed(bench)},
    "aclrtMemcpy2d": _rectangle,
    "aclrtMemcpy2dAsync": _rectangle,
    **{f"aclrtMemcpyBatch{suffix}": _batch for suffix in ("", "V2", "Async", "AsyncV2")},
    "aclrtMemsetD32": lambda _: {"memSize": SIZE, "N": SIZE // 4},
    "aclrtMemsetD32Async": lambda _: {"memSize": SIZE, "N": SIZE // 4},
    "aclrtNotifyBatchReset": lambda bench: {
        "notifies": bench.keep(ffi.new("aclrtNotify[]", [bench.handle("aclrtNotify")])),
        "num": 1,
    },
    "aclrtSetStreamAttribute": lambda _: {"stmAttrType": lib.ACL_STREAM_ATTR_PRIORITY},
    "aclrtGetStreamAttribute": lambda _: {"stmAttrType": lib.ACL_STREAM_ATTR_PRIORITY},
    "aclrtGetDeviceInfo": lambda _: {"attr": lib.ACL_DEV_ATTR_IS_VIRTUAL},
    "aclrtGetPrimaryCtxState": lambda bench: {"flags": NULL},
    "aclrtDestroyStream": lambda bench: {"stream": bench.acl.stream()},
    "aclrtSwitchStream": lambda _: {"falseStream": NULL},
}

REFUSED = {
    "aclGetDeviceCapability": 207000,  # what it asks for is not modelled
    "aclrtActiveStream": 200001,  # needs a built graph
    "aclrtSwitchStream": 200001,
    "aclmdlLoadFromFileWithQ": 200001,  # there are no queues
    "aclmdlLoadFromMemWithQ": 200001,
    "aclmdlQueryExeOMDesc": 200001,  # there are no models compiled for IPV350
    "aclmdlSetDynamicBatchSize": 145013,  # needs a model with gears
    "aclmdlSetDynamicHWSize": 145013,
    "aclmdlSetInputDynamicDims": 145013,
}
"""Functions that refuse the best arguments that there are, each with its code."""

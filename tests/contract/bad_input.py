"""Bad arguments to try in place of good ones, and what the contract answers to them.

The cases follow from the C declarations: each pointer NULL, each handle destroyed, of another kind or of another
machine, each stream of another context, each enum out of range, each number as small and as large as its type holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import aclcffi
from build_acl import Function, Parameter
from tests.aclsim.machine import world_of
from tests.contract.acl import NULL
from tests.contract.good_input import FUNCTIONS, HANDLES, Bench, handle_kind, type_of

ffi, lib = aclcffi.ffi, aclcffi.lib

NULL_, DESTROYED, UNKNOWN, LEAST, MOST = "NULL", "destroyed", "unknown", "least", "most"
KIND, MACHINE, CONTEXT, ON_DEVICE = "of another kind", "of another machine", "of another context", "on a device"
OTHER_SIDE = "on the other side"  # host memory where the good argument is device memory, and the reverse
MODEL_HALF = ("aclmdl", "aclCreateDataBuffer", "aclUpdateDataBuffer", "aclSetTensor")


class Case(NamedTuple):
    """One argument of a call that is bad in one way."""

    function: str
    place: int
    way: str

    @property
    def parameter(self) -> Parameter:
        """The parameter."""
        return FUNCTIONS[self.function].parameters[self.place]

    @property
    def label(self) -> str:
        """The parameter and what is wrong with it."""
        return f"{self.parameter.name} {self.way}"


def cases(function: Function) -> Iterator[Case]:
    """All cases of a function."""
    for index, parameter in enumerate(function.parameters):
        for way in _ways(parameter, type_of(function, index), sides=function.name.startswith(MODEL_HALF)):
            yield Case(function.name, index, way)


def _ways(parameter: Parameter, c_type: Any, *, sides: bool) -> tuple[str, ...]:
    kind = handle_kind(parameter)
    if kind is not None:
        return (NULL_, DESTROYED, KIND, MACHINE, *((CONTEXT,) if kind == "aclrtStream" else ()))
    if c_type.kind in ("pointer", "function"):
        if c_type.kind == "pointer" and c_type.item.kind != "void":
            return (NULL_, ON_DEVICE)
        return (NULL_, OTHER_SIDE) if sides else (NULL_,)
    if c_type.kind == "enum":
        return (UNKNOWN,)
    return (LEAST, MOST) if c_type.cname not in ("float", "double") else ()


def bad_value(case: Case, bench: Bench, other: Bench) -> Any:
    """The bad argument; `other` is a bench of another machine."""
    c_type, kind = type_of(FUNCTIONS[case.function], case.place), handle_kind(case.parameter)
    if case.way == NULL_:
        return NULL
    if case.way == ON_DEVICE:
        return ffi.cast(c_type, bench.acl.malloc(4096))
    if case.way == OTHER_SIDE:
        good = bench.arguments(FUNCTIONS[case.function])[case.place]
        device = world_of(bench.acl).memory.is_device(bench.acl.address(good))
        return bench.acl.malloc_host(4096) if device else bench.acl.malloc(4096)
    if case.way == CONTEXT:
        return bench.elsewhere()
    if kind is not None:
        if case.way == DESTROYED:
            return bench.dead(kind)
        if case.way == MACHINE:
            return other.handle(kind)
        another = "aclrtStream" if kind != "aclrtStream" else "aclrtNotify"
        return ffi.cast(c_type, bench.handle(another))
    if case.way == UNKNOWN:
        return max(c_type.elements) + 1
    low, high = bounds(c_type)
    return low if case.way == LEAST else high


def bounds(c_type: Any) -> tuple[int, int]:
    """The smallest and the largest number of an integer type."""
    bits = 8 * ffi.sizeof(c_type)
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if int(ffi.cast(c_type, -1)) < 0 else (0, (1 << bits) - 1)


# -- what bad arguments are answered ---------------------------------------------------------------------------------

OK = "accepted"
"""The call answers what it answers to good arguments."""

ANSWERS: dict[str, int | str] = {
    # NULL for a stream is the default stream, but where it is special.
    "aclrtDestroyStream* stream NULL": 100000,
    "aclrtCreateStream* stream NULL": 100000,
    "aclrtCtxGetCurrentDefaultStream stream NULL": 100000,
    "aclrtAllocator* stream NULL": 100000,
    "aclrtActiveStream stream NULL": 100000,
    "aclrtSwitchStream stream NULL": 100000,
    "aclrtStreamStop stream NULL": 107000,
    "aclmdlExecuteAsyncV2 stream NULL": 107000,
    "aclrtLaunchCallback stream NULL": 107015,  # the default stream is not subscribed
    "aclrtUnSubscribeReport stream NULL": 107011,
    "* stream NULL": OK,
    # The runtime layer's own checks of NULL.
    "aclrtCntNotify* cntNotify NULL": 107000,
    "aclrtStreamWaitEventWithTimeout event NULL": 107000,
    "aclrtDeviceCanAccessPeer canAccessPeer NULL": 107000,
    "aclrtExceptionInfoCallback* callback NULL": 107000,
    "aclrtLaunch* fn NULL": 107000,
    # Pointers that are optional.
    "* userData NULL": OK,
    "* args NULL": OK,
    "* cfg NULL": OK,
    "aclFinalizeReference refCount NULL": OK,
    "aclInit configPath NULL": OK,
    "aclUpdateDataBuffer data NULL": OK,
    "aclCreateDataBuffer data NULL": OK,
    "aclmdlLoadFrom*WithMem w*Ptr NULL": OK,
    "aclmdlSetDatasetTensorDesc tensorDesc NULL": OK,
    # Memory on the wrong side: buffers only refer to it (MD3.01), and it is looked at when it is used.
    "acl*DataBuffer data on the other side": OK,
    "aclmdlSetExternalWeightAddress devPtr on the other side": OK,
    "aclmdlLoadFrom*WithMem w*Ptr on the other side": 107000,
    "aclrtAllocatorGetByStream allocator NULL": OK,
    "aclrtAllocatorGetByStream *Func NULL": OK,
    "aclrtDeviceGetStreamPriorityRange * NULL": OK,
    "aclrtGetPrimaryCtxState flags NULL": OK,
    "aclrtReg*StateCallback callback NULL": OK,  # unregisters
    "aclrtSetExceptionInfoCallback callback NULL": OK,  # clears
    "aclrtSwitchStream falseStream NULL": OK,
    "aclAppLog * NULL": OK,
    "aclDestroyTensorDesc desc NULL": OK,  # MD3.14
    "aclSetTensor*Format desc NULL": OK,  # MD3.23: answers 0 and does nothing
    "aclSetTensorDescName name NULL": OK,  # MD3.22
    # Handles: what is no stream for an allocator's table is not looked at (RT10.11, RT5.03).
    "aclrtAllocatorRegister stream *": OK,
    "aclrtAllocatorUnregister stream *": OK,
    "aclrtAllocatorGetByStream stream *": 100000,  # no allocator is registered for it
    "aclrtDestroyContext context NULL": 100000,
    "aclrtDestroyContext context *": 107002,
    "aclrtSwitchStream falseStream *": 100000,  # must be NULL
    # Streams of another context, where that is allowed, or where nothing looks at it.
    "aclrtSynchronizeStream* stream of another context": OK,
    "aclrtStreamQuery stream of another context": OK,
    "aclrtStreamGet* stream of another context": OK,
    "aclrtStreamStop stream of another context": OK,
    "aclrtSubscribeReport stream of another context": OK,
    "aclrtUnSubscribeReport stream of another context": 107011,
    "aclrtActiveStream activeStream of another context": OK,
    "aclrtSwitchStream trueStream of another context": OK,
    # Enums that are not looked at, or by the runtime layer.
    "aclrtMalloc* policy unknown": OK,
    "aclrtHostRegister type unknown": OK,
    "aclAppLog logLevel unknown": OK,
    "aclCreateTensorDesc * unknown": OK,
    "aclSetTensor* * unknown": OK,
    "aclDataTypeSize dataType unknown": OK,  # 8 bytes
    "aclrtSwitchStream * unknown": OK,
    "aclrtGetMemInfo attr unknown": 107000,
    "aclrt*StreamAttribute stmAttrType unknown": 107000,
    "acl*CallbackUnRegister type unknown": 500000,
    "aclGetDeviceCapability deviceInfo unknown": 207000,
    "aclrtGetDeviceInfo attr unknown": 207000,
    # Devices and models.
    "aclmdlCreateAndGetOpDesc streamId *": 500002,
    "aclmdlCreateAndGetOpDesc *Id least": OK,
    "aclmdlCreateAndGetOpDesc *Id most": 500002,
    "aclmdlCreateAndGetOpDesc opNameLen most": OK,
    "aclmdlLoadFrom*WithQ *QNum most": 145008,
    "aclrtGetDeviceInfo deviceId least": OK,  # unsigned: device 0
    "aclGetDeviceCapability deviceId least": OK,
    "* *evId [lm]*": 107001,
    "* *eviceId [lm]*": 107001,
    "* userDevid [lm]*": 107001,
    "* modelId [lm]*": 145003,
    # Sizes and counts: nothing to copy, or too little or too much.
    "aclrtMem* count least": OK,
    "aclrtMem* count most": 107000,
    "aclrtMemsetD32* N least": OK,
    "aclrtMemcpy2d* width least": OK,
    "aclrtMemcpy2d* height least": OK,
    "aclrtMemcpy2d* height most": 107000,
    "aclrtMemcpy2d* ?pitch most": 107000,
    "aclrtMem* destMax least": 107000,
    "aclrtMem* maxCount least": 107000,
    "aclrtMem* destMax most": OK,
    "aclrtMem* maxCount most": OK,
    "aclrtMemsetD32* memSize most": OK,
    "aclrtMemcpyBatch* numAttrs least": 107000,
    "aclrtMallocHost* size most": 207001,
    "aclrtMemFlush size most": 107000,
    "aclrtMemInvalidate size most": 107000,
    "aclrtGet*OverflowStatus outputSize *": 107000,
    "aclrtNotifyBatchReset num least": 107000,
    "aclmdlLoadFrom*WithMem w*Size least": 145000,
    "aclmdlLoadFrom*WithMem w*Size most": OK,
    "aclUpdateDataBuffer size *": OK,
    "aclCreateDataBuffer size *": OK,
    "aclGetTensorDescDimRange dimRangeNum most": OK,
    "aclSetTensor*Range *Count least": OK,
    "aclCreateTensorDesc numDims least": 100000,
    "aclmdlGetInputDynamicDims gearCount *": OK,
    "aclmdlSetDynamicBatchSize batchSize most": OK,
    "aclmdlSetDynamicHWSize height most": OK,
    "aclmdlSetDynamicHWSize width most": OK,
    # An index of 0 is one; where it must be -1, only the largest is (MD6.16, MD6.17); MD6.15 looks at none.
    "aclmdlGetInputDynamic* index most": OK,
    "aclmdlGetInputDynamic* index least": 100000,
    "aclmdlGetDynamicHW index *": OK,
    "* index least": OK,
    # Timeouts: 0 is legal for what is not negative.
    "aclrtStreamWaitEventWithTimeout timeout least": 107000,
    "aclrtSynchronize* timeout least": 107000,
    "aclrtProcessReport timeout least": 100000,
    "aclrtDeviceTaskAbort timeout most": 107000,
    "* timeout *": OK,
    # Flags.
    "aclrtCreateEvent*WithFlag flag *": 107000,
    "aclrtCreateNotify flag most": 107000,
    "aclrtCntNotifyCreate flag most": 107000,
    "aclrtCreateStreamWithConfig flag most": 107000,
    "aclrtValue* flag most": 107000,
    "aclrtDeviceEnablePeerAccess flags most": 200006,
    "aclrtHostRegisterV2 flag most": OK,
    "* flag least": OK,
    "* flags least": OK,
    # Numbers of which any is legal.
    "aclrtUnSubscribeReport threadId *": 107012,
    "aclrtSubscribeReport threadId *": OK,
    "aclrtCreateStreamWithConfig priority *": OK,
    "aclrtSetStreamFailureMode mode *": OK,
    "* value least": OK,
    "* value most": OK,
    "aclAppLog line *": OK,
}
"""What comes instead of the usual answer, by function, parameter and what is wrong; the first that fits counts."""

SKIPPED = (
    "* num* most",
    "aclSetTensor*Range *Count most",
    "aclSetTensorConst length most",
)
"""How long an array of the caller is, is the caller's word, as in C."""

CHANGES = {
    "aclmdlExecute* stream *": (".models[1].mode",),  # MD7.07: the first mode sticks, also when the call fails
    "aclmdlGetDesc modelId *": (".descs.",),  # MD6.03: the desc is cleared, even for an unknown id
    "aclmdlSetDynamic* modelId *": (".datasets.",),  # MD8.12: the dataset keeps the choice, even if it is refused
    # Section 1: a load that fails uses its id up.
    "aclmdlLoadFrom*WithQ *QNum most": (".next_model_id",),
    "aclmdlLoadFrom*WithMem w*Size least": (".next_model_id",),
    "aclmdlLoadFrom*WithMem w*Ptr on the other side": (".next_model_id",),
}
"""What a refused call changes because the contract says so: beginnings of where it is kept."""

WORDS = {
    "aclmdlCreateAndGetOpDesc *Id *": "no execution of a model failed",
    "aclmdlLoadFrom*WithQ *QNum most": "queues, the model has",
    "* *evId [lm]*": "device",
    "* *eviceId [lm]*": "device",
    "* userDevid [lm]*": "device",
    "* modelId [lm]*": "no model has the id",
    "* modelSize *": "model",
    "* workSize least": "work memory",
    "* workPtr on*": "work memory",
    "* weightSize least": "weight memory",
    "* weightPtr on*": "weight memory",
    "* threadId *": "has thread",
    "* dpitch most": "dst: ",
    "* spitch most": "src: ",
    "aclrtMemFlush size most": "devPtr: ",
    "aclrtMemInvalidate size most": "devPtr: ",
}
"""What a sentence has instead of the parameter's name."""

QUIET = (
    "*FromExceptionInfo *",
    "aclGetTensorDescDim *",
    "aclmdlGetDatasetBuffer index most",
    "aclSetTensorDescName desc *",
)
"""Refusals without a sentence: functions that answer no code, and of which the contract says what they answer."""

NOTHING: dict[str, object] = {
    "*FromExceptionInfo": 0xFFFFFFFF,
    "aclmdlGet*NameByIndex": b"",
    "aclGetTensorDescName": b"",
    "aclGetTensorDescDim": -1,
}
"""What functions without codes answer to a refused call, where it is not NULL, 0, or -1 for an enum."""


def fits(text: str, pattern: str) -> bool:
    """Whether function, parameter and what is wrong with it are what a line of the tables means."""
    return fnmatchcase(text, pattern)


def lookup(table: dict[str, Any], text: str) -> Any:
    """The value of the first pattern that fits; None when none does."""
    return next((value for pattern, value in table.items() if fits(text, pattern)), None)


def answer(case: Case) -> int | str:
    """The code with which a case is refused, or OK."""
    given: int | str | None = lookup(ANSWERS, f"{case.function} {case.label}")
    if given is not None:
        return given
    kind = handle_kind(case.parameter)
    if case.way == CONTEXT:
        return 107003
    return HANDLES[kind].dead if kind is not None and case.way in (DESTROYED, KIND, MACHINE) else 100000


def nothing(function: Function) -> object:
    """What a function without codes answers to a refused call."""
    special = lookup(NOTHING, function.name)
    if special is not None:
        return special
    kind = ffi.typeof(getattr(lib, function.name)).result.kind
    return {"pointer": NULL, "enum": -1, "void": None}.get(kind, 0)

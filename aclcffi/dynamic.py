"""Executions of dynamic-shape models: the shapes go in with the inputs and come out with the outputs."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from _aclcffi import ffi, lib

from aclcffi.calls import create

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import ModelDescription
    from aclcffi.session import Session


def execute(
    session: "Session", model_id: int, description: "ModelDescription", arrays: "Mapping[str, np.ndarray[Any, Any]]"
) -> "dict[str, np.ndarray[Any, Any]]":
    """Execute and wait (aclmdlExecute); ACL allocates the outputs, whose size it alone knows (MD7.19).

    Raises:
        AclError: What aclmdlExecute answers.
    """
    with ExitStack() as stack:
        inputs = _dataset(session, stack)
        for index, tensor in enumerate(description.inputs):
            array = arrays[tensor.name]
            buffer = stack.enter_context(session.to_device(array))
            _add(session, stack, inputs, buffer.pointer, max(array.nbytes, 1))
            _set_shape(session, inputs, index, tensor.data_type, tensor.format, array.shape)
        outputs = _dataset(session, stack)
        places = [_add(session, stack, outputs, ffi.NULL, 0) for _ in description.outputs]
        stack.callback(_free, session, places)
        session.call("aclmdlExecute", model_id, inputs, outputs)
        return {
            tensor.name: _read(session, outputs, index, places[index], tensor.dtype)
            for index, tensor in enumerate(description.outputs)
        }


def _dataset(session: "Session", stack: ExitStack) -> Any:
    dataset = session.create("aclmdlCreateDataset")
    stack.callback(session.call, "aclmdlDestroyDataset", dataset)
    return dataset


def _add(session: "Session", stack: ExitStack, dataset: Any, pointer: Any, size: int) -> Any:
    buffer = create(session.backend, "aclCreateDataBuffer", pointer, size)
    stack.callback(session.call, "aclDestroyDataBuffer", buffer)
    session.call("aclmdlAddDatasetBuffer", dataset, buffer)
    return buffer


def _set_shape(
    session: "Session", dataset: Any, index: int, data_type: int, layout: int, shape: tuple[int, ...]
) -> None:
    desc = session.create("aclCreateTensorDesc", data_type, len(shape), list(shape) or ffi.NULL, layout)
    try:
        session.call("aclmdlSetDatasetTensorDesc", dataset, desc, index)
    finally:
        session.backend.aclDestroyTensorDesc(desc)


def _read(session: "Session", dataset: Any, index: int, buffer: Any, dtype: "np.dtype[Any]") -> "np.ndarray[Any, Any]":
    import numpy as np

    backend = session.backend
    desc = backend.aclmdlGetDatasetTensorDesc(dataset, index)
    dim = ffi.new("int64_t *")
    shape = []
    for position in range(backend.aclGetTensorDescNumDims(desc)):
        session.call("aclGetTensorDescDimV2", desc, position, dim)
        shape.append(int(dim[0]))
    array = np.empty(shape, dtype)
    if array.nbytes:
        source = backend.aclGetDataBufferAddr(buffer)
        target = ffi.cast("void *", array.ctypes.data)
        session.call("aclrtMemcpy", target, array.nbytes, source, array.nbytes, lib.ACL_MEMCPY_DEVICE_TO_HOST)
    return array


def _free(session: "Session", places: list[Any]) -> None:
    """Give back what ACL allocated; it is the caller's (MD11.11)."""
    for place in places:
        pointer = session.backend.aclGetDataBufferAddr(place)
        if pointer:
            session.call("aclrtFree", pointer)

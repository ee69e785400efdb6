"""Weights that an ONNX model keeps outside itself: in files beside it, or in memory that the program gives by name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aclsim.models.dtypes import BY_ONNX, dense_bytes
from aclsim.models.refusal import Broken, Unsupported

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

_EXTERNAL = 1  # TensorProto.EXTERNAL


def take_in(model: "ModelProto", folder: Path | None, weights: Mapping[str, bytes]) -> bool:
    """Put all weights that lie outside `model` into it. Returns whether there were any.

    `weights` holds the content of files that the program gives by name; all other files lie in `folder`, and never
    outside it.

    Raises:
        Broken: A weight names a file outside the folder, one that is not there, or bytes that the file does not have.
        Unsupported: There is no folder: the model came from memory.
    """
    found = False
    for tensor in _tensors(model):
        if tensor.data_location == _EXTERNAL:
            found = True
            entries = {entry.key: entry.value for entry in tensor.external_data}
            location = entries.get("location", "")
            if not isinstance(location, str) or not location or "\0" in location:
                raise Broken(f"weight {tensor.name!r} lies in another file, but {location!r} is no file's name")
            tensor.raw_data = _part(tensor, entries, _content(tensor.name, location, folder, weights))
            del tensor.external_data[:]
            tensor.ClearField("data_location")
    return found


def _content(name: str, location: str, folder: Path | None, weights: Mapping[str, bytes]) -> bytes:
    if location in weights:
        return weights[location]
    if folder is None:
        raise Unsupported(
            f"weight {name!r} lies in another file, {location!r}: load the model from its file, or give the folder "
            "(ACL_MDL_WEIGHT_PATH_PTR) or the memory (aclmdlSetExternalWeightAddress)"
        )
    try:
        root = folder.resolve()
        file = (root / location).resolve()
        if not file.is_relative_to(root):
            raise Broken(f"weight {name!r} lies in {location!r}, outside the model's folder")
        return file.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: symbolic links in a circle
        reason = getattr(error, "strerror", None) or error
        raise Broken(f"weight {name!r} lies in {location!r}, which cannot be read: {reason}") from None


def _part(tensor: "TensorProto", entries: dict[str, str], content: bytes) -> bytes:
    """The tensor's bytes: without a length as many as it has elements for."""
    name = tensor.name
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries["length"]) if "length" in entries else None
    except ValueError:
        raise Broken(f"weight {name!r} has an offset or a length that is no number") from None
    if length is None:
        data_type = BY_ONNX.get(tensor.data_type)
        length = len(content) - offset if data_type is None else dense_bytes(name, tensor.dims, data_type)
    if offset < 0 or length < 0 or offset + length > len(content):
        raise Broken(
            f"weight {name!r} takes {length} bytes at {offset} of {entries['location']!r}, which has {len(content)}"
        )
    return content[offset : offset + length]


def _tensors(model: "ModelProto") -> "Iterator[TensorProto]":
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: "GraphProto") -> "Iterator[TensorProto]":
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: "NodeProto") -> "Iterator[TensorProto]":
    for attribute in node.attribute:
        yield from _of_attribute(attribute)


def _of_attribute(attribute: "AttributeProto") -> "Iterator[TensorProto]":
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield sparse.values
        yield sparse.indices
    for graph in (attribute.g, *attribute.graphs):
        yield from _of_graph(graph)

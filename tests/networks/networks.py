"""The networks of the wheels, real input for them, what onnxruntime called directly makes of it, and how they run."""

import functools
import importlib.metadata
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import aclcffi
from tests.contract.acl import Acl
from tests.contract.models import Array, Program, load
from tests.contract.varying import Dynamic, current_dims, feed, io_dims, load_path, output, shape_of

ROOT = Path(__file__).resolve().parents[2]
FIND_TEXT: dict[str, Any] = runpy.run_path(str(ROOT / "examples" / "networks" / "find_text.py"))
KINDS_OF_FILES: dict[str, Any] = runpy.run_path(str(ROOT / "examples" / "networks" / "kinds_of_files.py"))

DETECTOR: Path = FIND_TEXT["detector"]()
CLASSIFIER: Path = KINDS_OF_FILES["classifier"]()


def of_rapidocr(ending: str) -> Path:
    """Another network of the wheel `rapidocr`."""
    (file,) = (file for file in importlib.metadata.files("rapidocr") or [] if file.name.endswith(ending))
    return Path(str(file.locate()))


# -- input -----------------------------------------------------------------------------------------------------------

FILES = {
    "README.md": "markdown",
    "CONTRIBUTING.md": "markdown",
    "CHANGELOG.md": "markdown",
    "LICENSE": "txt",
    ".gitignore": "ignorefile",
    "pyproject.toml": "toml",
    "build_acl.py": "python",
    "aclcffi/model.py": "python",
    "aclcffi/contract.pyi": "python",
    "aclcffi/declarations/acl_mdl.h": "c",
    "tools/facts.json": "json",
    "examples/digits/images.npy": "npy",
    "examples/digits/digits.onnx": "onnx",
    ".ci/run": "shell",
}
"""Files of the project, and what they are."""

TEXTS = {(20, 12): "Hello", (20, 52): "310P and A2"}


def file_features(count: int, first: int = 0) -> Array:
    """What the classifier takes of `count` files of the project, int32 [count, 2048]; after the last comes the first."""
    names = list(FILES)
    chosen = [names[index % len(names)] for index in range(first, first + count)]
    return np.stack([KINDS_OF_FILES["features"]((ROOT / name).read_bytes()) for name in chosen])


@functools.cache
def picture(height: int, width: int, batch: int = 1) -> Array:
    """What the detector takes of a picture with two lines of text, float32 [batch, 3, height, width].

    In each further picture of the batch the text lies lower.
    """
    drawn = [
        FIND_TEXT["draw"]((width, height), {(left, top + 4 * index): text for (left, top), text in TEXTS.items()})[0]
        for index in range(batch)
    ]
    return np.concatenate([FIND_TEXT["prepare"](each) for each in drawn])


# -- what onnxruntime makes of it ------------------------------------------------------------------------------------


@functools.cache
def _direct(network: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])


def direct(network: Path, values: Array) -> Array:
    """The output of a network with one input and one output, from onnxruntime itself with one thread."""
    opened = _direct(network)
    (result,) = opened.run(None, {opened.get_inputs()[0].name: values})
    return np.asarray(result)


def same(found: Array, wanted: Array) -> bool:
    """Whether two arrays are the same to the last bit, as the same engine with the same options makes them."""
    return found.dtype == wanted.dtype and found.shape == wanted.shape and found.tobytes() == wanted.tobytes()


def read(network: Path, scores: Array) -> str:
    """The text that scores of the reader, float32 [1, steps, characters], stand for.

    Character 0 parts what else would be one character; those in between are in the file, and a space is the last.
    """
    characters = ["", *_direct(network).get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
    best = scores[0].argmax(axis=1).tolist()
    return "".join(characters[one] for one, before in zip(best, [0, *best], strict=False) if one != before)


# -- the object API --------------------------------------------------------------------------------------------------


def call(model: aclcffi.Model, values: Array) -> Array:
    """Execute a model with one input and one output, and wait."""
    (result,) = model({model.inputs[0].name: values}).values()
    return result


def queue(model: aclcffi.Model, values: Array, stream: aclcffi.Stream) -> aclcffi.PendingResult:
    """Queue an execution of a model with one input."""
    return model.execute_async({model.inputs[0].name: values}, stream)


def only(pending: aclcffi.PendingResult) -> Array:
    """The only output of an execution that is over."""
    (result,) = pending.outputs.values()
    return result


# -- C level ---------------------------------------------------------------------------------------------------------


def load_as(acl: Acl, network: Path, way: str) -> int:
    """Load an ONNX file by its path ("file"), or by its content ("memory"); returns its id."""
    return load_path(acl, str(network).encode()) if way == "file" else load(acl, network.read_bytes())


def run_dynamic(acl: Acl, number: int, values: Array, like: Array) -> Array:
    """Execute a dynamic-shape model with a tensor desc for its input, and wait; ACL allocates the output (MD7.19)."""
    program = Dynamic(acl, number, [values], [None])
    acl.ok(program.execute())
    dims = shape_of(acl, program.output_desc())
    assert program.output_bytes() >= like.nbytes
    assert dims == like.shape
    content = acl.read(program.output_address(), like.nbytes)
    acl.ok(acl.aclrtFree(program.output_address()))
    return np.frombuffer(content, like.dtype).reshape(dims)


def queue_dynamic(acl: Acl, number: int, values: Array, like: Array) -> Array:
    """Queue a dynamic-shape model; the output's dims are those that were told before it ran (MD7.22)."""
    program = Dynamic(acl, number, [values], [like.nbytes])
    stream = acl.stream()
    acl.ok(program.execute_async(stream))
    dims = shape_of(acl, program.output_desc())
    assert dims == like.shape
    assert acl.read(program.output_memory[0], like.nbytes) == bytes(like.nbytes)
    acl.synchronize(stream)
    return np.frombuffer(acl.read(program.output_memory[0], like.nbytes), like.dtype).reshape(dims)


def run_gear(acl: Acl, program: Program, kind: str, values: Array, like: Array) -> Array:
    """Choose the gear for an input, execute, and give the output, whose dims aclmdlGetCurOutputDims tells."""
    feed(program, values)
    if kind == "batch":
        acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, len(values)))
    elif kind == "hw":
        acl.ok(acl.aclmdlSetDynamicHWSize(program.id, program.inputs, 1, *values.shape[2:]))
    else:
        acl.ok(acl.aclmdlSetInputDynamicDims(program.id, program.inputs, 1, io_dims(acl, *values.shape)))
    acl.ok(program.execute())
    assert current_dims(acl, program.id) == like.shape
    return output(program, like)

"""How bytes are told apart, and what makes an executable of them."""

import struct
from collections.abc import Mapping
from pathlib import Path

from aclsim.models.description import Dims, Executable
from aclsim.models.refusal import Broken, Cut, Unrecognised, Unsupported

OM_MAGIC = b"IMOD"
OM_HEADER = 256
_WIDE_VERSION = 0x20000000
ZIP_MAGIC = b"PK\x03\x04"
_LFS = b"version https://git-lfs"


def _check_om(data: bytes) -> None:
    """Check the header of an .om file (MD5.06, MD5.07)."""
    if len(data) < OM_HEADER:
        raise Unrecognised(f"it ends after {len(data)} bytes; the header of an .om file alone has {OM_HEADER}")
    version, body = struct.unpack_from("<I", data, 8)[0], struct.unpack_from("<I", data, 76)[0]
    if version >= _WIDE_VERSION:
        body = struct.unpack_from("<Q", data, 184)[0] or body
    if OM_HEADER + body != len(data):
        kind = Cut if OM_HEADER + body > len(data) else Broken
        raise kind(f"its header announces {OM_HEADER + body} bytes, the .om file has {len(data)}")


def load_model(
    data: bytes,
    folder: Path | None,
    engine: str | None,
    weights: Mapping[str, bytes],
    input_shapes: Mapping[str, Dims] | None = None,
) -> Executable:
    """Make an executable of a model's bytes.

    `folder` is where the file lies, for data that it keeps beside itself; None for a model from memory. `weights` holds
    the content of such files that the program gives by name. `engine` is "onnxruntime" or "reference"; with None the
    model is only described. `input_shapes` are dims for inputs of an ONNX file with dims that vary, -1 for those that
    go on varying.

    Raises:
        Refusal: It is no model, or none that the simulator can run; the message says the way out.
    """
    if data[:4] == OM_MAGIC:
        _check_om(data)
        raise Unsupported(
            "this is an .om file: compiled for the NPU, the simulator cannot compute it; load the .onnx file it was "
            "converted from"
        )
    if data[:4] == ZIP_MAGIC:
        raise Unsupported("this is a zip package (an om2 model, perhaps); the simulator runs .onnx files")
    if data.startswith(_LFS):
        raise Unrecognised("this is a git-lfs pointer, not the model itself; fetch it with `git lfs pull`")
    from aclsim.models.onnx_model import load_onnx

    return load_onnx(data, folder, engine, weights, input_shapes or {})

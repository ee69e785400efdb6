"""How bytes are told apart, and what makes an executable of them."""

from pathlib import Path

from aclsim.models.description import Executable
from aclsim.models.refusal import Refusal

OM_MAGIC = b"IMOD"
ZIP_MAGIC = b"PK\x03\x04"
_LFS = b"version https://git-lfs"


def load_model(data: bytes, folder: Path | None, engine: str) -> Executable:
    """Make an executable of a model's bytes.

    `folder` is where the file lies, for data that it keeps beside itself; None for a model from memory. `engine` is
    "onnxruntime" or "reference".

    Raises:
        Refusal: It is no model, or none that the simulator can run; the message says the way out.
    """
    if data[:4] == OM_MAGIC:
        raise Refusal(
            "this is an .om file: compiled for the NPU, the simulator cannot compute it; load the .onnx file it was "
            "converted from",
            recognised=True,
        )
    if data[:4] == ZIP_MAGIC:
        raise Refusal("this is a zip package (an om2 model, perhaps); the simulator runs .onnx files", recognised=True)
    if data.startswith(_LFS):
        raise Refusal("this is a git-lfs pointer, not the model itself; fetch it with `git lfs pull`", recognised=False)
    from aclsim.models.onnx_model import load_onnx

    return load_onnx(data, folder, engine)

"""Arrays from and to files."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.errors import InvalidArgumentError

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import TensorInfo


def read_array(path: Path, tensor: "TensorInfo") -> "np.ndarray[Any, Any]":
    """Read an input from FILE.npy, or from FILE.bin, which holds its bytes in C order.

    Raises:
        InvalidArgumentError: The file is missing, is no array, or does not fit the input.
    """
    import numpy as np

    try:
        if path.suffix == ".bin":
            data = path.read_bytes()
            if len(data) != tensor.size:
                raise InvalidArgumentError(f"{path} has {len(data)} bytes, input {tensor} takes {tensor.size}")
            return np.frombuffer(data, tensor.dtype).reshape(tensor.shape)
        if path.suffix == ".npy":
            array: np.ndarray[Any, Any] = np.load(path, allow_pickle=False)
            # .npy has no name for the dtypes of ml_dtypes: they are saved as bytes of their width.
            if array.dtype.kind == "V" and array.dtype.itemsize == tensor.dtype.itemsize:
                array = array.view(tensor.dtype)
            if array.shape != tensor.shape or array.dtype != tensor.dtype:
                raise InvalidArgumentError(f"{path} holds {array.dtype}{list(array.shape)}, the model takes {tensor}")
            return array
    except OSError as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(f"{path} is no .npy file: {error}") from None
    raise InvalidArgumentError(f"{path} is neither .npy nor .bin")


def write_arrays(folder: Path, arrays: "Mapping[str, np.ndarray[Any, Any]]") -> dict[str, Path]:
    """Write each array to NAME.npy in `folder`, all of them or none. Returns the paths by name.

    A name that is no file name gets one: characters other than letters, digits, `.`, `-` and `_` become `_`.

    Raises:
        InvalidArgumentError: The folder or a file cannot be written.
    """
    import numpy as np

    paths = _paths(folder, list(arrays))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".aclcffi-", dir=folder) as scratch:
            made = {name: Path(scratch, path.name) for name, path in paths.items()}
            for name, path in made.items():
                np.save(path, arrays[name], allow_pickle=False)
            for name, path in made.items():
                os.replace(path, paths[name])  # noqa: PTH105 - the same file system, at once
    except OSError as error:
        raise InvalidArgumentError(f"--output {folder} cannot be written: {error.strerror or error}") from None
    return paths


def _paths(folder: Path, names: list[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for name in names:
        base = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "output"
        path, number = folder / f"{base}.npy", 2
        while path in paths.values():
            path, number = folder / f"{base}_{number}.npy", number + 1
        paths[name] = path
    return paths

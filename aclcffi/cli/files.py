"""Arrays from and to files."""

import errno
import math
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aclcffi.dtypes import needs_ml_dtypes
from aclcffi.errors import InvalidArgumentError
from aclcffi.execution import check_dtype

if TYPE_CHECKING:
    import numpy as np

    from aclcffi.description import TensorInfo

_LONGEST_NAME = 200  # most file systems take 255 bytes


def read_array(path: Path, tensor: "TensorInfo", shape: tuple[int, ...] | None = None) -> "np.ndarray[Any, Any]":
    """Read an input from FILE.npy, or from FILE.bin, which holds its bytes in C order.

    Args:
        path: The file.
        tensor: The input.
        shape: Its shape, one that the input takes. None: it is in the .npy file, or follows from the bytes.

    Raises:
        InvalidArgumentError: The file is missing, is no array, or does not fit the input or the shape.
        UnsupportedError: No array can hold the input's data type.
    """
    check_dtype(tensor)
    try:
        if path.suffix == ".bin":
            return _read_bytes(path, tensor, shape)
        if path.suffix == ".npy":
            return _read_npy(path, tensor, shape)
    except OSError as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error.strerror or error}") from None
    raise InvalidArgumentError(f"{path} is neither .npy nor .bin")


def _read_bytes(path: Path, tensor: "TensorInfo", shape: tuple[int, ...] | None) -> "np.ndarray[Any, Any]":
    import numpy as np

    data = path.read_bytes()
    given = tensor.shape if shape is None else shape
    varying = given.count(-1)
    known = math.prod(dim for dim in given if dim >= 0) * tensor.dtype.itemsize
    if varying > 1 or (varying and not known):
        raise InvalidArgumentError(
            f"the bytes of {path} do not tell the shape of input {tensor}; say it with --shape {tensor.name}=DIM,..."
        )
    if varying and (not data or len(data) % known):
        raise InvalidArgumentError(f"{path} has {len(data)} bytes, input {tensor} takes a multiple of {known}")
    if not varying and len(data) != known:
        wanted = f"input {tensor}" if shape is None else f"input {tensor.name!r} of shape {list(shape)}"
        raise InvalidArgumentError(f"{path} has {len(data)} bytes, {wanted} takes {known}")
    return np.frombuffer(data, np.uint8).view(tensor.dtype).reshape(given)


def _read_npy(path: Path, tensor: "TensorInfo", shape: tuple[int, ...] | None) -> "np.ndarray[Any, Any]":
    import numpy as np

    with path.open("rb") as file:
        try:
            # Not np.load: it takes whatever the file's first bytes say, such as a .zip of arrays.
            array: np.ndarray[Any, Any] = np.lib.format.read_array(file, allow_pickle=False)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - numpy lets through what the parser of the header raises
            raise InvalidArgumentError(f"{path} is no .npy file that can be read: {error}") from None
    plain_bytes = array.dtype.kind == "V" and array.dtype.names is None
    if plain_bytes and needs_ml_dtypes(tensor.data_type) and array.dtype.itemsize == tensor.dtype.itemsize:
        array = array.view(tensor.dtype)
    if not tensor.fits(array.shape) or array.dtype != tensor.dtype:
        raise InvalidArgumentError(f"{path} holds {array.dtype}{list(array.shape)}, the model takes {tensor}")
    if shape is not None and array.shape != shape:
        raise InvalidArgumentError(
            f"{path} holds {array.dtype}{list(array.shape)}, --shape gives {tensor.name!r} the shape {list(shape)}"
        )
    return array


def write_arrays(folder: Path, arrays: "Mapping[str, np.ndarray[Any, Any]]") -> dict[str, Path]:
    """Write each array to NAME.npy in `folder`, all of them or none. Returns the paths by name.

    A name that is no file name gets one: characters other than letters, digits, `.`, `-` and `_` become `_`. Of the
    dtypes of ml_dtypes the bytes are saved (`V2` for bfloat16), which `read_array` takes for them.

    Raises:
        InvalidArgumentError: The folder or a file cannot be written; everything is then as it was.
    """
    import numpy as np

    paths = _paths(folder, list(arrays))
    made: list[Path] = []
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".aclcffi-", dir=folder) as scratch:
            new, old = Path(scratch, "new"), Path(scratch, "old")
            new.mkdir()
            old.mkdir()
            for name, path in paths.items():
                array = arrays[name]
                if array.dtype.isbuiltin == 2:  # of ml_dtypes: .npy has no name for it
                    array = array.view(f"V{array.dtype.itemsize}")
                np.save(new / path.name, array, allow_pickle=False)
            _move(new, old, list(paths.values()))
    except OSError as error:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise InvalidArgumentError(f"--output {folder} cannot be written: {error.strerror or error}") from None
    return paths


def _move(new: Path, old: Path, targets: list[Path]) -> None:
    """Move files to their places; what was there goes to `old`, and back when one of them fails."""
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{target.name} is a folder")
    tried: list[Path] = []
    try:
        for target in targets:
            tried.append(target)
            with suppress(FileNotFoundError):
                target.rename(old / target.name)
            (new / target.name).rename(target)
    except OSError:
        for target in tried:
            kept = old / target.name
            if kept.exists():
                kept.replace(target)
            elif not (new / target.name).exists():
                target.unlink(missing_ok=True)
        raise


def _paths(folder: Path, names: list[str]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for name in names:
        base = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")[:_LONGEST_NAME] or "output"
        path, number = folder / f"{base}.npy", 2
        while path in paths.values():
            path, number = folder / f"{base}_{number}.npy", number + 1
        paths[name] = path
    return paths


def check_folder(folder: Path) -> None:
    """Check that a folder is one or can be made, before any work is done for it.

    Raises:
        InvalidArgumentError: Something else is there.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise InvalidArgumentError(f"--output {folder} cannot be written: it is no folder")

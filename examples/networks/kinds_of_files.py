"""Tells what kinds of files there are, with the classifier that the wheel `magika` carries (`aclcffi[networks]`).

The network takes any number of files at a time, of each the first and the last 1,024 bytes. It runs as a model with
gears, which is built for a few batch sizes: the files go in the largest batches that they fill, all queued on a stream.

The arguments are files; without any the program takes those of its own folder. The backend is the simulator unless
ACLCFFI_BACKEND names another one. A device takes no .onnx files; there `--gears` names what the converter made:
`atc --framework=5 --model=... --output=... --input_shape="bytes:-1,2048" --dynamic_batch_size="1,4,16"`.
"""

import argparse
import importlib.metadata
import json
import os
from pathlib import Path

import numpy as np
from aclsim import GearSpec

import aclcffi

BATCHES = (1, 4, 16)
READ, USED, PADDING = 4096, 1024, 256
HERE = Path(__file__).resolve().parent


def part_of_wheel(name: str) -> Path:
    """A file of the wheel. Its package is not imported: that would import much more."""
    files = importlib.metadata.files("magika") or []
    return Path(str(next(file for file in files if file.name == name).locate()))


def classifier() -> Path:
    """The network's file."""
    return part_of_wheel("model.onnx")


def labels() -> list[str]:
    """The names of the kinds, in the order of the network's scores."""
    return list(json.loads(part_of_wheel("config.min.json").read_text())["target_labels_space"])


def read(file: Path) -> bytes:
    """The bytes of a file."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise SystemExit(f"{file} cannot be read: {error.strerror}") from None


def features(content: bytes) -> np.ndarray:
    """What the network takes of a file: int32 [2048], its first and last bytes without the white space around them.

    Where a file is too short 256 stands for the bytes that are not there.
    """
    first, last = content[:READ].lstrip()[:USED], content[-READ:].rstrip()[-USED:]
    taken = np.full(2 * USED, PADDING, np.int32)
    taken[: len(first)] = np.frombuffer(first, np.uint8)
    taken[2 * USED - len(last) :] = np.frombuffer(last, np.uint8)
    return taken


def classify(acl: aclcffi.Session, source: str | Path, files: np.ndarray) -> np.ndarray:
    """The scores of files, float32 [N, kinds], of their features, int32 [N, 2048]."""
    with acl.load(source) as model, acl.create_stream() as stream:
        name, result = model.inputs[0].name, model.outputs[0].name
        pending = []
        while len(files):
            batch = max(batch for batch in BATCHES if batch <= len(files))
            pending.append(model.execute_async({name: files[:batch]}, stream))
            files = files[batch:]
        stream.synchronize()
        return np.concatenate([each.outputs[result] for each in pending])


def main() -> None:
    """Print each file's kind, and how sure the network is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="without any: those of the program's folder")
    parser.add_argument("--gears", type=Path, metavar="FILE.om", help="for a device: the model with the gears")
    given = parser.parse_args()
    files = given.files or sorted(file for file in HERE.iterdir() if file.is_file())
    contents = [read(file) for file in files]
    with aclcffi.open_backend(os.environ.get("ACLCFFI_BACKEND", "simulator")) as backend:
        source = given.gears or backend.register_model("classifier", onnx=classifier(), gears=GearSpec(batch=BATCHES))
        with aclcffi.Session(backend) as acl:
            scores = classify(acl, source, np.stack([features(content) for content in contents]))
    kinds = labels()
    for file, content, score in zip(files, contents, scores, strict=True):
        # Of no bytes the network names a kind, too.
        print(f"{file.name}: {f'{kinds[score.argmax()]} ({score.max():.2f})' if content else 'empty'}")


if __name__ == "__main__":
    main()

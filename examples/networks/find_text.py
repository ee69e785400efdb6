"""Finds the lines of text in pictures, with the detector that the wheel `rapidocr` carries (`aclcffi[networks]`).

The network takes pictures of any height and width that are multiples of 32. It runs in two ways: as a dynamic-shape
model, which takes each picture as it is and waits for the result; and as a model with gears, which is built for a few
sizes and can be queued on a stream. There a picture lies in the corner of the smallest gear that holds it.

The backend is the simulator unless ACLCFFI_BACKEND names another one. A device takes no .onnx files; there `--any-size`
and `--gears` name what the converter made: `atc --framework=5 --model=... --output=... --input_shape="x:1,3,-1,-1"`,
for the gears with `--dynamic_image_size="96,320;224,320;320,640"`.
"""

import argparse
import importlib.metadata
import os
from pathlib import Path

import numpy as np
from aclsim import GearSpec
from PIL import Image, ImageDraw, ImageFont

import aclcffi

GEARS = ((96, 320), (224, 320), (320, 640))
STEP = 32
Box = tuple[int, int, int, int]


def detector() -> Path:
    """The network's file. Its package is not imported: that would import much more."""
    files = importlib.metadata.files("rapidocr") or []
    return Path(str(next(file for file in files if file.name.endswith("det_mobile.onnx")).locate()))


def draw(size: tuple[int, int], texts: dict[tuple[int, int], str]) -> tuple[Image.Image, list[Box]]:
    """A white picture of (width, height) with texts at (left, top), and the box of each text."""
    picture, font = Image.new("RGB", size, "white"), ImageFont.load_default(28)
    pen = ImageDraw.Draw(picture)
    for place, text in texts.items():
        pen.text(place, text, font=font, fill="black")
    return picture, [tuple(map(round, pen.textbbox(place, text, font=font))) for place, text in texts.items()]


def prepare(picture: Image.Image, size: tuple[int, int] | None = None) -> np.ndarray:
    """What the network takes: float32 [1, 3, height, width] from -1 to 1, its colours in the order blue, green, red.

    The picture is in the left upper corner of white of `size` (height, width), the next multiples of 32 by default.
    """
    height, width = size or tuple(-(-length // STEP) * STEP for length in (picture.height, picture.width))
    canvas = Image.new("RGB", (width, height), "white")
    canvas.paste(picture)
    colours = np.asarray(canvas, np.float32)[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(colours[np.newaxis]) / np.float32(127.5) - np.float32(1)


def lines(probability: np.ndarray, threshold: float = 0.3) -> list[Box]:
    """The lines of text as (left, top, right, bottom), in a map [height, width] of the probability of text."""
    text = probability > threshold
    edges = np.flatnonzero(np.diff(text.any(axis=1), prepend=False, append=False))
    boxes = []
    for top, bottom in edges.reshape(-1, 2).tolist():
        columns = np.flatnonzero(text[top:bottom].any(axis=0))
        boxes.append((int(columns[0]), top, int(columns[-1]) + 1, bottom))
    return boxes


def find_in_any_size(acl: aclcffi.Session, pictures: list[Image.Image], source: Path) -> list[list[Box]]:
    """The lines of text in each picture; the dynamic-shape model computes it in its own size."""
    with acl.load(source) as model:
        name, result = model.inputs[0].name, model.outputs[0].name
        return [lines(model({name: prepare(picture)})[result][0, 0]) for picture in pictures]


def find_in_gears(acl: aclcffi.Session, pictures: list[Image.Image], source: str | Path) -> list[list[Box]]:
    """The lines of text in each picture; the model computes it in a gear, and all are queued at once."""
    with acl.load(source) as model, acl.create_stream() as stream:
        name, result = model.inputs[0].name, model.outputs[0].name
        pending = [model.execute_async({name: prepare(picture, gear_for(picture))}, stream) for picture in pictures]
        stream.synchronize()
        return [lines(each.outputs[result][0, 0]) for each in pending]


def read(file: Path) -> Image.Image:
    """The picture in a file."""
    try:
        with Image.open(file) as picture:
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise SystemExit(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def gear_for(picture: Image.Image) -> tuple[int, int]:
    """The smallest gear that holds a picture."""
    for height, width in GEARS:
        if picture.height <= height and picture.width <= width:
            return height, width
    raise SystemExit(f"a picture of {picture.width} x {picture.height} is larger than every gear")


def main() -> None:
    """Print the lines of text in each picture, as either model finds them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path, help="picture files; without any the program draws two")
    parser.add_argument("--any-size", type=Path, metavar="FILE.om", help="for a device: the model with dims that vary")
    parser.add_argument("--gears", type=Path, metavar="FILE.om", help="for a device: the model with the gears")
    given = parser.parse_args()
    pictures = {str(file): read(file) for file in given.pictures} or {
        "a label": draw((300, 60), {(20, 12): "Ascend 310P"})[0],
        "a page": draw((600, 300), {(40, 30): "Text is found", (40, 120): "in each of", (300, 220): "three lines"})[0],
    }
    with aclcffi.open_backend(os.environ.get("ACLCFFI_BACKEND", "simulator")) as backend:
        gears = given.gears or backend.register_model(
            "detector", onnx=detector(), input_shapes={"x": (1, 3, -1, -1)}, gears=GearSpec(hw=GEARS)
        )
        with aclcffi.Session(backend) as acl:
            in_any_size = find_in_any_size(acl, list(pictures.values()), given.any_size or detector())
            in_gears = find_in_gears(acl, list(pictures.values()), gears)
    for name, *found in zip(pictures, in_any_size, in_gears, strict=True):
        for way, boxes in zip(("any size", "gears"), found, strict=True):
            print(f"{name}, {way}: {', '.join(map(str, boxes)) or 'no text'}")


if __name__ == "__main__":
    main()

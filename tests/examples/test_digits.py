"""The digits example: it runs as a program, and its results are those of onnxruntime called directly."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


@pytest.fixture
def images() -> np.ndarray[Any, Any]:
    """All held-out images, as the network takes them."""
    loaded: np.ndarray[Any, Any] = np.load(DIGITS / "images.npy").astype(np.float32)
    return loaded[:, np.newaxis]


def test_the_program_prints_its_accuracy(tmp_path: Path) -> None:
    """`classify.py` runs from any folder and finds at least 97 of 100 digits."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ACLCFFI_")}
    command = [sys.executable, str(DIGITS / "classify.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    match = re.fullmatch(r"accuracy: ([0-9.]+)\n", done.stdout)
    assert match
    assert 0.97 <= float(match[1]) <= 1


@pytest.mark.parametrize("product", ["generic", "310P", "IPV350"])
@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
def test_the_scores_are_those_of_onnxruntime(
    images: np.ndarray[Any, Any], monkeypatch: pytest.MonkeyPatch, product: str, schedule: str
) -> None:
    """For all held-out images the scores equal those of onnxruntime with one thread, bit for bit."""
    monkeypatch.setenv("ACLCFFI_SIM_PRODUCT", product)
    monkeypatch.setenv("ACLCFFI_SIM_SCHEDULE", schedule)
    ours = runpy.run_path(str(DIGITS / "classify.py"))["classify"](images, "simulator")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        (DIGITS / "digits.onnx").read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    batches = [session.run(["scores"], {"image": images[start : start + 25]})[0] for start in range(0, len(images), 25)]
    theirs = np.concatenate(batches)
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.shape == theirs.shape == (450, 10)
    assert ours.tobytes() == theirs.tobytes()


def test_the_labels_are_those_of_the_images(images: np.ndarray[Any, Any]) -> None:
    """Each image has its label, each digit is there, and pixels are 0 to 16."""
    labels = np.load(DIGITS / "labels.npy")
    assert len(labels) == len(images) == 450
    assert sorted(set(labels.tolist())) == list(range(10))
    assert images.min() == 0
    assert images.max() == 16


def test_the_network_is_small() -> None:
    """The network's file stays below 300 kB."""
    assert (DIGITS / "digits.onnx").stat().st_size < 300_000

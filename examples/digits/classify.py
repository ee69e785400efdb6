"""Classifies handwritten digits on two streams, through the asynchronous API, and prints the accuracy.

The images are those that train.py held out. Each stream has its own copy of the model, because one model must not run
on two streams at a time. The backend is the simulator unless ACLCFFI_BACKEND names another one.
"""

import os
from pathlib import Path

import numpy as np

import aclcffi

HERE = Path(__file__).resolve().parent


def classify(images: np.ndarray, backend: str) -> np.ndarray:
    """Scores of all images, float32 [N, 10]; images are float32 [N, 1, 8, 8] with values 0 to 16.

    N must be a multiple of the model's batch.
    """
    with aclcffi.Session(backend) as acl:
        models = [acl.load(HERE / "digits.onnx") for _ in range(2)]
        streams = [acl.create_stream() for _ in models]
        batch = models[0].inputs[0].shape[0]
        pending = []
        for index, start in enumerate(range(0, len(images), batch)):
            model, stream = models[index % 2], streams[index % 2]
            pending.append(model.execute_async({"image": images[start : start + batch]}, stream))
        for stream in streams:
            stream.synchronize()
        return np.concatenate([result.outputs["scores"] for result in pending])


def main() -> None:
    """Classify all held-out images and compare with their labels."""
    images = np.load(HERE / "images.npy").astype(np.float32)[:, np.newaxis]
    labels = np.load(HERE / "labels.npy")
    scores = classify(images, os.environ.get("ACLCFFI_BACKEND", "simulator"))
    accuracy = float(np.mean(scores.argmax(axis=1) == labels))
    print(f"accuracy: {accuracy:.4f}")


if __name__ == "__main__":
    main()

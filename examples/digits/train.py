"""Train the digit classifier of this folder: a small convolutional network on scikit-learn's handwritten digits.

    pip install jax numpy onnx onnxruntime scikit-learn
    python examples/digits/train.py

jax and scikit-learn are needed by this script only; what it writes is kept beside it. The seed is fixed: on one
machine, the same package versions write the same bytes.

- `digits.onnx`: input `image`, float32 [25, 1, 8, 8], pixels 0..16 as scikit-learn has them (the graph scales them);
  output `scores`, float32 [25, 10], one logit per digit.
- `images.npy`: uint8 [450, 8, 8], the held-out images, pixels 0..16: 18 batches of 25, to be cast to float32.
- `labels.npy`: uint8 [450], the digits on them.
"""

import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).parent
SEED = 0
HELD_OUT = 450
BATCH = 25  # of the exported model
EPOCHS = 60
TRAIN_BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-4
REQUIRED_ACCURACY = 0.975

Weights = dict[str, Any]  # name -> array, of numpy or jax; in `adam_step`: name -> (array, moment, moment)


def initial_weights(random: np.random.Generator) -> Weights:
    """Weights of two 3x3 convolutions and a linear layer, scaled for ReLU (He)."""
    shapes = {"conv1": (16, 1, 3, 3), "conv2": (32, 16, 3, 3), "linear": (32 * 4 * 4, 10)}
    weights: Weights = {}
    for name, shape in shapes.items():
        inputs = shape[0] if name == "linear" else int(np.prod(shape[1:]))
        weights[f"{name}.weight"] = (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(10 if name == "linear" else shape[0], np.float32)
    return weights


def scores(weights: Weights, images: jax.Array) -> jax.Array:
    """The network: images [n, 1, 8, 8] with pixels 0..16 -> logits [n, 10]. `export` writes the same as ONNX."""
    x = images / 16
    for name in ("conv1", "conv2"):
        x = jax.lax.conv(x, weights[f"{name}.weight"], (1, 1), "SAME") + weights[f"{name}.bias"][:, None, None]
        x = jax.nn.relu(x)
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    logits: jax.Array = x.reshape(len(x), -1) @ weights["linear.weight"] + weights["linear.bias"]
    return logits


def loss(weights: Weights, images: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross entropy."""
    return -jnp.take_along_axis(jax.nn.log_softmax(scores(weights, images)), labels[:, None], axis=1).mean()


@jax.jit
def adam_step(state: Weights, step: int, rate: float, images: jax.Array, labels: jax.Array) -> Weights:
    """Step number `step`, from 1, of AdamW. The state holds, per weight, its value and two moments of its gradient."""
    gradients = jax.grad(loss)({name: value for name, (value, _, _) in state.items()}, images, labels)
    new: Weights = {}
    for name, (value, old_first, old_second) in state.items():
        first = 0.9 * old_first + 0.1 * gradients[name]
        second = 0.999 * old_second + 0.001 * gradients[name] ** 2
        direction = (first / (1 - 0.9**step)) / (jnp.sqrt(second / (1 - 0.999**step)) + 1e-8)
        new[name] = (value - rate * (direction + WEIGHT_DECAY * value), first, second)
    return new


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each image moved by up to one pixel in either direction; what moves in is blank."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    offsets = random.integers(0, 3, (len(images), 2))
    return np.stack([image[:, y : y + 8, x : x + 8] for image, (y, x) in zip(padded, offsets, strict=True)])


def train(images: np.ndarray, labels: np.ndarray) -> Weights:
    """Weights after EPOCHS passes over shuffled and shifted images; the learning rate falls along a cosine."""
    random = np.random.default_rng(SEED)
    state = {name: (value, value * 0, value * 0) for name, value in initial_weights(random).items()}
    batches = len(images) // TRAIN_BATCH
    for step in range(EPOCHS * batches):
        if step % batches == 0:
            order = random.permutation(len(images))
        chosen = order[step % batches * TRAIN_BATCH :][:TRAIN_BATCH]
        rate = LEARNING_RATE * (1 + np.cos(np.pi * step / (EPOCHS * batches))) / 2
        state = adam_step(state, step + 1, rate, shifted(images[chosen], random), labels[chosen])
    return {name: np.asarray(value) for name, (value, _, _) in state.items()}


def export(weights: Weights, path: Path) -> None:
    """Write the network as ONNX with static shapes."""
    constants = {"white": np.float32(16), **weights}
    same: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Div", ["image", "white"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "conv1.weight", "conv1.bias"], ["conv1"], **same),
        helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("Conv", ["relu1", "conv2.weight", "conv2.bias"], ["conv2"], **same),
        helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "linear.weight", "linear.bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [BATCH, 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [BATCH, 10])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def accuracy(path: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images that the exported model puts in the right class."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batches = images.astype(np.float32).reshape(-1, BATCH, 1, 8, 8)
    answers = np.concatenate([session.run(["scores"], {"image": batch})[0].argmax(axis=1) for batch in batches])
    return float((answers == labels).mean())


def main() -> None:
    """Train, write the three files and print the accuracy of the written model on the held-out images."""
    os.environ["NPROC"] = "1"  # jax's worker threads: their number changes the order of its sums, so the bytes
    digits = load_digits()
    images, held_out_images, labels, held_out_labels = train_test_split(
        digits.images, digits.target, test_size=HELD_OUT, stratify=digits.target, random_state=SEED
    )
    export(train(images[:, None].astype(np.float32), labels), HERE / "digits.onnx")
    np.save(HERE / "images.npy", held_out_images.astype(np.uint8))
    np.save(HERE / "labels.npy", held_out_labels.astype(np.uint8))

    reached = accuracy(HERE / "digits.onnx", held_out_images, held_out_labels)
    print(f"accuracy on {HELD_OUT} held-out images: {reached:.4f}")
    if reached < REQUIRED_ACCURACY:
        raise SystemExit(f"below the required {REQUIRED_ACCURACY}")


if __name__ == "__main__":
    main()

"""Networks made on the spot, with random weights: what they say does not matter here."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR = 13, 8
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # width, blocks, stride of the first


def add() -> bytes:
    """The sum of two inputs of 4 numbers."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xyz"]
    return _model([helper.make_node("Add", ["x", "y"], ["z"])], values[:2], values[2:], [])


def resnet50() -> bytes:
    """The convolutions of ResNet-50 over one image of 224 by 224: 53 of them, 25 million weights."""
    return _ResNet().model


class _ResNet:
    """Bottleneck blocks, normalisation folded into the convolutions as converters do it."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._nodes: list[object] = []
        self._weights: list[object] = []
        name = self._convolution("image", 3, 64, 7, 2)
        name = self._add("MaxPool", [name], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        channels = 64
        for width, blocks, stride in _STAGES:
            for block in range(blocks):
                name = self._block(name, channels, width, stride if block == 0 else 1)
                channels = 4 * width
        name = self._add("Flatten", [self._add("GlobalAveragePool", [name])])
        self._add("Gemm", [name, self._weight(channels, 1000), self._weight(1000)], output="scores")
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1000])
        self.model = _model(self._nodes, [image], [scores], self._weights)

    def _block(self, name: str, channels: int, width: int, stride: int) -> str:
        inner = self._convolution(name, channels, width, 1, 1)
        inner = self._convolution(inner, width, width, 3, stride)
        inner = self._convolution(inner, width, 4 * width, 1, 1, relu=False)
        if channels != 4 * width:
            name = self._convolution(name, channels, 4 * width, 1, stride, relu=False)
        return self._add("Relu", [self._add("Add", [inner, name])])

    def _convolution(self, name: str, ins: int, outs: int, size: int, stride: int, *, relu: bool = True) -> str:
        weights = [self._weight(outs, ins, size, size), self._weight(outs)]
        name = self._add("Conv", [name, *weights], strides=[stride, stride], pads=[size // 2] * 4)
        return self._add("Relu", [name]) if relu else name

    def _weight(self, *shape: int) -> str:
        name = f"weight_{len(self._weights)}"
        scale = 1 / np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 1)
        values = (self._random.standard_normal(shape) * scale).astype(np.float32)
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def _model(nodes: list[object], inputs: list[object], outputs: list[object], weights: list[object]) -> bytes:
    graph = helper.make_graph(nodes, "network", inputs, outputs, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return bytes(made.SerializeToString())

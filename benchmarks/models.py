"""Models on the simulator against onnxruntime called directly."""

from pathlib import Path

import numpy as np
import onnxruntime

import aclcffi
from benchmarks.measure import Row, compare

_DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits" / "digits.onnx"


def rows() -> list[Row]:
    """The digits network, a batch of 25: the C-level call, and the object API with its copies."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    direct = onnxruntime.InferenceSession(_DIGITS.read_bytes(), options, providers=["CPUExecutionProvider"])
    images = np.ones(direct.get_inputs()[0].shape, np.float32)
    with aclcffi.Session("simulator") as session, session.load(_DIGITS) as model, session.create_stream() as stream:
        execute, synchronize = session.backend.aclmdlExecuteAsync, session.backend.aclrtSynchronizeStream
        inputs = aclcffi.Dataset(session, [session.to_device(images)])
        outputs = aclcffi.Dataset(session, [session.allocate(model.outputs[0].size)])

        def at_c_level() -> None:
            execute(model.id, inputs.handle, outputs.handle, stream.handle)
            synchronize(stream.handle)

        ours, (objects, theirs) = compare(
            at_c_level, lambda: model({"image": images}), lambda: direct.run(["scores"], {"image": images})
        )
    return [
        Row("simulator, digits model, C level", "onnxruntime", ours, theirs),
        Row("simulator, digits model, object API", "onnxruntime", objects, theirs),
    ]

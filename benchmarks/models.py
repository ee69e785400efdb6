"""Models on the simulator against onnxruntime called directly."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import aclcffi
from benchmarks.measure import Row, compare
from benchmarks.networks import add, resnet50

_DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits" / "digits.onnx"


def rows() -> list[Row]:
    """The C-level calls and the object API with its copies, for a tiny, a small and a large network."""
    tiny, large = add(), resnet50()
    found = _compare("an addition of 4 numbers", tiny, "", "at most 10 us more")
    found += _compare("digits, a batch of 25", _DIGITS.read_bytes())
    found += _compare("a network like ResNet-50", large, "1.02", "1.02")
    found.append(_overlap(large))
    return found


def _direct(model: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _inputs(session: Any) -> dict[str, Any]:
    return {value.name: np.ones(value.shape, np.float32) for value in session.get_inputs()}


@contextmanager
def _launches(session: aclcffi.Session, model: bytes) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Queue an execution of a model on a stream of its own, and wait for it: two C-level calls."""
    with ExitStack() as stack:
        loaded = stack.enter_context(session.load(model))
        stream = stack.enter_context(session.create_stream())
        arrays = _inputs(_direct(model))
        inputs = aclcffi.Dataset(session, [session.to_device(arrays[tensor.name]) for tensor in loaded.inputs])
        outputs = aclcffi.Dataset(session, [session.allocate(tensor.size) for tensor in loaded.outputs])
        execute, synchronize = session.backend.aclmdlExecuteAsync, session.backend.aclrtSynchronizeStream
        arguments = (loaded.id, inputs.handle, outputs.handle, stream.handle)
        yield (lambda: execute(*arguments)), (lambda: synchronize(stream.handle))


def _compare(what: str, model: bytes, objects_goal: str = "", goal: str = "") -> list[Row]:
    direct = _direct(model)
    arrays = _inputs(direct)
    with (
        aclcffi.Session("simulator") as session,
        session.load(model) as loaded,
        _launches(session, model) as (queue, wait),
    ):

        def at_c_level() -> None:
            queue()
            wait()

        ours, (objects, theirs) = compare(at_c_level, lambda: loaded(arrays), lambda: direct.run(None, arrays))
    return [
        Row(f"{what}, C level", "onnxruntime", ours, theirs, goal),
        Row(f"{what}, object API", "onnxruntime", objects, theirs, objects_goal),
    ]


def _overlap(model: bytes) -> Row:
    """Two executions on two streams of a parallel world, against one after the other."""
    with (
        aclcffi.Session("simulator", schedule="parallel") as session,
        _launches(session, model) as (queue, wait),
        _launches(session, model) as (queue_other, wait_other),
    ):

        def together() -> None:
            queue()
            queue_other()
            wait()
            wait_other()

        def in_turn() -> None:
            queue()
            wait()
            queue_other()
            wait_other()

        ours, (theirs,) = compare(together, in_turn)
    return Row("two of them on two streams, parallel", "one after the other", ours, theirs, "1/1.9 on two cores")

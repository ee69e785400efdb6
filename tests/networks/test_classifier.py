"""The classifier of files (magika): any batch as a dynamic-shape model, and a few batches as gears."""

import numpy as np
import pytest
from aclsim import GearSpec

import aclcffi
from tests.contract.acl import Acl, OpenAcl
from tests.contract.models import Program, config_stream, file_config, last_message, started, work_config
from tests.contract.varying import ENOGEAR, load_path, output, register
from tests.networks.networks import (
    CLASSIFIER,
    FILES,
    KINDS_OF_FILES,
    call,
    direct,
    file_features,
    load_as,
    only,
    queue,
    queue_dynamic,
    run_dynamic,
    run_gear,
    same,
)

BATCHES = (1, 3, 14)
GEARS = GearSpec(batch=[1, 4, 16])


def test_the_kinds_of_the_project_s_files(session: aclcffi.Session) -> None:
    """Each file is what it is: Markdown, Python, C, JSON and so on, with more than the half of the score."""
    path = session.backend.register_model("kinds", onnx=CLASSIFIER, gears=GEARS)  # type: ignore[attr-defined]
    scores = KINDS_OF_FILES["classify"](session, path, file_features(len(FILES)))
    kinds = KINDS_OF_FILES["labels"]()
    assert scores.shape == (len(FILES), len(kinds))
    assert {name: kinds[score.argmax()] for name, score in zip(FILES, scores, strict=True)} == FILES
    assert scores.max(axis=1).min() > 0.5
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-4)


def test_features_of_short_files() -> None:
    """White space goes from the beginning and from the end, and 256 stands where there are no bytes."""
    features = KINDS_OF_FILES["features"](b"\n if\t \n")
    assert features[:5].tolist() == list(b"if\t \n")
    assert features[-4:].tolist() == list(b"\n if")
    assert set(features[5:-4].tolist()) == {256}
    assert KINDS_OF_FILES["features"](bytes(range(65, 75)) * 1000)[1022:1026].tolist() == [67, 68, 71, 72]


@pytest.mark.parametrize("way", ["file", "memory"])
def test_dynamic(session: aclcffi.Session, way: str) -> None:
    """With any batch the object API gives what onnxruntime gives, bit for bit."""
    with session.load(CLASSIFIER if way == "file" else CLASSIFIER.read_bytes()) as model:
        assert model.description.dynamic
        assert model.inputs[0].shape == (-1, 2048)
        for batch in BATCHES:
            values = file_features(batch)
            assert same(call(model, values), direct(CLASSIFIER, values))


@pytest.mark.row("MD7.19", "MD7.22")
@pytest.mark.parametrize("way", ["file", "memory"])
def test_dynamic_in_c(acl: Acl, way: str) -> None:
    """The same at the C level, where a tensor desc says the batch: executed at once, and queued."""
    number = load_as(acl, CLASSIFIER, way)
    for batch in BATCHES:
        values = file_features(batch)
        wanted = direct(CLASSIFIER, values)
        assert same(run_dynamic(acl, number, values, wanted), wanted)
        assert same(queue_dynamic(acl, number, values, wanted), wanted)


def test_gears(session: aclcffi.Session) -> None:
    """In each gear the object API gives what onnxruntime gives, with executions in all gears queued at once."""
    path = session.backend.register_model("kinds", onnx=CLASSIFIER, gears=GEARS)  # type: ignore[attr-defined]
    inputs = [file_features(batch, first) for first, batch in enumerate((4, 1, 16, 4, 1))]
    with session.load(path) as model, session.create_stream() as stream:
        pending = [queue(model, values, stream) for values in inputs]
        stream.synchronize()
        for values, result in zip(inputs, pending, strict=True):
            assert same(only(result), direct(CLASSIFIER, values))
        with pytest.raises(aclcffi.InvalidArgumentError, match=r"\(2, 2048\) fit no gear of the model: batch \(1,\)"):
            queue(model, file_features(2), stream)


@pytest.mark.row("MD8.01")
def test_gears_in_c(acl: Acl) -> None:
    """The same with aclmdlSetDynamicBatchSize, on the machine whose buffers are those of the largest batch."""
    program = Program(acl, b"", load_path(acl, register(acl, onnx=CLASSIFIER, gears=GEARS)))
    assert program.input_sizes[0] == 16 * 2048 * 4
    assert program.output_sizes == [16 * 214 * 4]
    for batch in (16, 1, 4):
        values = file_features(batch)
        wanted = direct(CLASSIFIER, values)
        assert same(run_gear(acl, program, "batch", values, wanted), wanted)
    assert acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 5) == ENOGEAR
    assert "5" in last_message(acl)


def test_fixed_for_the_small_library(open_acl: OpenAcl) -> None:
    """IPV350 runs fixed shapes only: with the batch fixed at registration it gives what onnxruntime gives."""
    acl = started(open_acl, "IPV350")
    config = file_config(acl, register(acl, onnx=CLASSIFIER, input_shapes={"bytes": (4, 2048)}))
    acl.ok(config.load())
    program, values = Program(acl, b"", int(config.id[0])), file_features(4)
    wanted = direct(CLASSIFIER, values)
    program.feed(values)
    acl.ok(program.execute_v2(config_stream(acl), work_config(acl, size=1 << 20)))
    assert same(output(program, wanted), wanted)

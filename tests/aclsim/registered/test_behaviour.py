"""Registered models: ONNX files, and how long an execution takes and how it fails."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aclsim import GearSpec, TensorSpec

from tests.aclsim.python_models import MODELS, VARIED, VARIES, double, doubler
from tests.contract.acl import NULL, Acl
from tests.contract.models import EMODELID, EPARAM, UNKNOWN, Program, add, external, last_message, timeout_config
from tests.contract.sync import event, milliseconds, record
from tests.contract.varying import Dynamic, anything, linear, load_path, numbers, output, reference, register

# -- ONNX files ------------------------------------------------------------------------------------------------------


def test_onnx_files(acl: Acl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ONNX file is taken as bytes, as a path, also a relative one from where it was registered, and with its weights."""
    (tmp_path / "model.onnx").write_bytes(add())
    monkeypatch.chdir(tmp_path)
    names = [
        register(acl, str(index), onnx=onnx)
        for index, onnx in enumerate((add(), tmp_path / "model.onnx", str(tmp_path / "model.onnx"), "model.onnx"))
    ]
    monkeypatch.chdir("/")
    for path in names:
        program = Program(acl, b"", load_path(acl, path))
        program.feed([1, 2, 3, 4], [10, 20, 30, 40])
        assert program.execute() == 0
        assert program.result() == [11, 22, 33, 44]
    (tmp_path / "with_weights.onnx").write_bytes(external(count=2))
    (tmp_path / "weights.bin").write_bytes(np.array([5, 6], np.float32).tobytes())
    program = Program(acl, b"", load_path(acl, register(acl, onnx=tmp_path / "with_weights.onnx")))
    program.feed([1, 1])
    assert program.execute() == 0
    assert program.result() == [6, 7]


def test_onnx_files_that_are_wrong(acl: Acl, tmp_path: Path) -> None:
    """Bytes that are no model, and a file that went away, are refused at load."""
    place = acl.out("uint32_t")
    assert acl.aclmdlLoadFromFile(register(acl, onnx=b"no model at all"), place) == 145006
    file = tmp_path / "model.onnx"
    file.write_bytes(add())
    path = register(acl, onnx=file)
    file.unlink()
    assert acl.aclmdlLoadFromFile(path, place) == EPARAM
    assert "cannot be read" in last_message(acl)


def test_an_onnx_file_without_gears(acl: Acl) -> None:
    """A registered ONNX file with symbolic dims and no gears is a dynamic-shape model."""
    values = numbers(4, 3)
    wanted = reference(linear(), x=values)[0]
    program = Dynamic(acl, load_path(acl, register(acl, onnx=linear())), [values], [64])
    assert program.id == 1 << 31
    assert program.execute() == 0
    assert np.array_equal(output(program, wanted), wanted)


# -- duration and failure --------------------------------------------------------------------------------------------


def elapsed(acl: Acl, program: Program) -> float:
    """Milliseconds of virtual time that an execution takes, by events around it."""
    start, end, stream = event(acl), event(acl), acl.stream()
    record(acl, start, stream)
    assert program.execute_async(stream) == 0
    record(acl, end, stream)
    acl.synchronize(stream)
    return milliseconds(acl, start, end)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_durations(acl: Acl, model: dict[str, Any]) -> None:
    """An execution takes as long in virtual time as it was registered to, up to what the records take themselves."""
    programs = {
        duration: Program(acl, b"", load_path(acl, register(acl, duration_us=duration, **model)))
        for duration in (0, 2500, 1e6)
    }
    if "gears" in model:
        for program in programs.values():
            acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 4))
    least = elapsed(acl, programs[0])
    assert least < 0.1
    assert elapsed(acl, programs[2500]) - least == pytest.approx(2.5, abs=1e-3)
    assert elapsed(acl, programs[1e6]) - least == pytest.approx(1000, abs=1e-2)


def test_the_duration_of_a_dynamic_shape_model(acl: Acl) -> None:
    """Dynamic-shape models take the time that they were registered with, too."""
    path = register(acl, function=double, inputs=[VARIES], outputs=[VARIED], duration_us=7000)
    program = Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64])
    assert elapsed(acl, program) == pytest.approx(7, abs=0.1)


def test_without_a_duration_the_cost_model_tells(acl: Acl) -> None:
    """Without one it is a launch, and longer for more bytes."""
    specs = {count: (TensorSpec("x", (count,)), TensorSpec("y", (count,))) for count in (1, 1 << 22)}
    times = []
    for count, (given, out) in specs.items():
        path = register(acl, str(count), function=double, inputs=[given], outputs=[out])
        times.append(elapsed(acl, Program(acl, b"", load_path(acl, path))))
    assert 0 < times[0] < times[1]


def test_a_duration_against_a_timeout(acl: Acl) -> None:
    """A timeout is compared with the registered duration: what takes 5 ms is over in 6, and not in 4."""
    program = doubler(acl, duration_us=5000)
    assert program.execute_v2(NULL, timeout_config(acl, 6)) == 0
    assert program.execute_v2(NULL, timeout_config(acl, 4)) == 507046


@pytest.mark.parametrize("code", [507015, 507011, 507053])
@pytest.mark.parametrize("dynamic", [False, True])
def test_failures(acl: Acl, code: int, dynamic: bool) -> None:
    """Every execution of a model with a failure code fails with it, at once or at synchronise, and computes nothing."""
    if dynamic:
        path = register(acl, function=anything, inputs=[VARIES], outputs=[VARIED], failure=code)
        sync, queued = (Dynamic(acl, load_path(acl, path), [numbers(4, 3)], [64]) for _ in range(2))
    else:
        sync, queued = (doubler(acl, function=anything, failure=code) for _ in range(2))  # type: ignore[assignment]
    for _ in range(2):
        assert sync.execute() == code
        assert "was registered to fail" in last_message(acl)
        assert queued.execute_async() == 0
        assert acl.aclrtSynchronizeStream(NULL) == code
    assert acl.read(sync.output_memory[0], 24) == bytes(24)


def test_a_failure_of_an_onnx_model_with_gears(acl: Acl) -> None:
    """An ONNX file with gears takes a failure code as a function does."""
    path = register(acl, onnx=linear(), gears=GearSpec(batch=[4]), failure=507015)
    program = Program(acl, b"", load_path(acl, path))
    acl.ok(acl.aclmdlSetDynamicBatchSize(program.id, program.inputs, 1, 4))
    assert program.execute() == 507015
    program.id = UNKNOWN
    assert program.execute() == EMODELID

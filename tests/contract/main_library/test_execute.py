"""Executing static models on the main library (contract_mdl section 7): in which order aclmdlExecute, aclmdlExecuteV2 and
aclmdlExecuteAsync check what they are given.

What the small library does, and aclmdlExecuteAsyncV2, is in test_execute_ipv350.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    ENOINIT,
    SUM,
    UNKNOWN,
    ZEROS,
    Program,
    add,
    adder,
    data_buffers,
    last_message,
    swap,
    timeout_config,
    two_of_each,
)
from tests.contract.ways import EVERY_WAY, Way, every_way, execute, execute_async


@pytest.mark.row("MD7.01", "MD12.02")
def test_a_null_handle_comes_first(acl: Acl) -> None:
    """aclmdlExecuteV2 answers 100000 for a NULL handle, before datasets, aclInit, id and stream, with and without a stream."""
    program, stream = adder(acl), acl.stream()
    assert program.execute_v2(NULL, NULL) == EINVAL
    assert program.execute_v2(stream, NULL) == EINVAL
    acl.ok(acl.aclrtDestroyStream(stream))
    acl.ok(acl.aclFinalize())
    assert acl.aclmdlExecuteV2(UNKNOWN, NULL, NULL, stream, NULL) == EINVAL
    assert "handle is NULL" in last_message(acl)
    assert program.result() == ZEROS


@pytest.mark.row("MD7.02")
def test_null_datasets(acl: Acl) -> None:
    """The input dataset, then the output dataset being NULL is 100000, before aclInit, the id and the stream are looked at."""
    program, handle, stream = adder(acl), timeout_config(acl), acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    acl.ok(acl.aclFinalize())
    calls: list[Callable[[Any, Any], int]] = [
        lambda source, target: acl.aclmdlExecute(UNKNOWN, source, target),
        lambda source, target: acl.aclmdlExecuteV2(UNKNOWN, source, target, NULL, handle),
        lambda source, target: acl.aclmdlExecuteAsync(UNKNOWN, source, target, stream),
    ]
    for call in calls:
        for source, target, sentence in (
            (NULL, NULL, "input is NULL"),
            (NULL, program.outputs, "input is NULL"),
            (program.inputs, NULL, "output is NULL"),
        ):
            assert call(source, target) == EINVAL
            assert sentence in last_message(acl)


@pytest.mark.row("MD7.05", "MD7.06")
@every_way
def test_initialisation_and_id(acl: Acl, way: Way) -> None:
    """A missing aclInit is 145001 and beats an unknown id, which is 145003; so is the id of an unloaded model."""
    program = adder(acl)
    loaded = program.id
    acl.ok(acl.aclFinalize())
    assert way(program) == ENOINIT
    program.id = UNKNOWN
    assert way(program) == ENOINIT
    acl.ok(acl.aclInit(NULL))
    assert way(program) == EMODELID
    assert "never given out" in last_message(acl)
    acl.ok(acl.aclmdlUnload(loaded))
    program.id = loaded
    assert way(program) == EMODELID
    assert "was unloaded" in last_message(acl)


@pytest.mark.row("MD7.06")
@every_way
def test_an_unknown_id_beats_everything_about_the_buffers(acl: Acl, way: Way) -> None:
    """An unknown id is 145003 however wrong the datasets are, and no output is allocated."""
    program = swap(adder(acl), [], data_buffers(acl, [NULL], 0))
    program.id = UNKNOWN
    assert way(program) == EMODELID
    assert acl.aclGetDataBufferAddr(acl.aclmdlGetDatasetBuffer(program.outputs, 0)) == NULL


@pytest.mark.row("MD7.07", "MD12.21")
@pytest.mark.parametrize("first", EVERY_WAY)
@pytest.mark.parametrize("second", EVERY_WAY)
def test_the_first_mode_of_a_model_sticks(acl: Acl, first: Way, second: Way) -> None:
    """A static model that ran synchronously does not run asynchronously, nor the reverse: 500002 as long as it is loaded."""
    program = adder(acl)
    assert first(program) == 0
    acl.ok(acl.aclrtSynchronizeDevice())
    expected = 0 if (first is execute_async) == (second is execute_async) else EGE
    assert second(program) == expected
    assert second(program) == expected
    assert first(program) == 0


@pytest.mark.row("MD7.07")
@pytest.mark.parametrize(("first", "second"), [(execute, execute_async), (execute_async, execute)])
def test_a_call_that_fails_fixes_the_mode_too(acl: Acl, first: Way, second: Way) -> None:
    """The mode is taken by a first call whose number of buffers is refused; it beats that number in the second."""
    program = adder(acl)
    good = program.inputs
    swap(program, [])
    assert first(program) == EGE
    assert "0 buffers" in last_message(acl)
    assert second(program) == EGE
    assert "was first executed" in last_message(acl)
    program.inputs = good
    assert second(program) == EGE
    assert first(program) == 0


@pytest.mark.row("MD7.07")
def test_a_mode_is_of_one_loaded_model(acl: Acl) -> None:
    """The same file loaded again may run in the other mode."""
    one, other = adder(acl), adder(acl)
    assert one.execute() == 0
    assert other.execute_async() == 0
    assert one.execute_async() == EGE


@pytest.mark.row("MD7.08", "MD12.18")
@every_way
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("change", [-1, 1])
def test_the_number_of_buffers(acl: Acl, way: Way, side: str, change: int) -> None:
    """One buffer too few or too many, in either dataset, is 500002."""
    program = Program(acl, two_of_each())
    buffers = program.input_buffers if side == "input" else program.output_buffers
    wrong = buffers[:change] if change < 0 else [*buffers, buffers[0]]
    assert way(swap(program, **{f"{side}s": wrong})) == EGE
    assert f"the {side} dataset has {2 + change} buffers" in last_message(acl)


@pytest.mark.row("MD7.08", "MD7.09")
def test_the_number_of_buffers_beats_a_stream(acl: Acl) -> None:
    """A wrong number of buffers is 500002 even if the stream is a destroyed one, which alone is 107017."""
    program, stream = adder(acl), acl.stream()
    acl.ok(acl.aclrtDestroyStream(stream))
    good = program.inputs
    assert swap(program, []).execute_async(stream) == EGE
    program.inputs = good
    assert program.execute_async(stream) == 107017


@pytest.mark.row("MD7.09")
@every_way
def test_a_null_stream_is_legal(acl: Acl, way: Way) -> None:
    """No stream is fine for every way of executing; the asynchronous one takes the default stream."""
    program = adder(acl)
    assert way(program) == 0
    acl.synchronize(NULL)
    assert program.result() == SUM


@every_way
@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(("size", "code"), [(336, 0), (335, EGE), (0, EGE), (400, 0), (1 << 40, 0)])
def test_the_size_of_buffers(acl: Acl, way: Way, side: str, size: int, code: int) -> None:
    """MD7.10 without gears and AIPP: 64 bytes less than the 400 that are needed pass, 65 are 500002; more always passes."""
    program = Program(acl, add(100))
    memory, buffers = (
        (program.input_memory, program.input_buffers)
        if side == "input"
        else (program.output_memory, program.output_buffers)
    )
    acl.ok(acl.aclUpdateDataBuffer(buffers[-1], memory[-1], size))
    assert way(program) == code
    if code:
        assert "it needs 400" in last_message(acl)


@every_way
def test_small_tensors_pass_with_buffers_of_no_size(acl: Acl, way: Way) -> None:
    """MD7.10: an input or output of at most 64 bytes passes even with a buffer of size 0."""
    program = Program(acl, add(16))
    for memory, buffer in zip(
        program.input_memory + program.output_memory, program.input_buffers + program.output_buffers, strict=True
    ):
        acl.ok(acl.aclUpdateDataBuffer(buffer, memory, 0))
    assert way(program) == 0


def test_the_stream_beats_the_size(acl: Acl) -> None:
    """MD7.10 comes after the stream: a destroyed one is 107017 even if a buffer is too small."""
    program, stream = Program(acl, add(100)), acl.stream()
    acl.ok(acl.aclUpdateDataBuffer(program.input_buffers[0], program.input_memory[0], 0))
    acl.ok(acl.aclrtDestroyStream(stream))
    assert program.execute_async(stream) == 107017

"""Models with many inputs and outputs, of all types, ranks and names."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from aclsim import TensorSpec
from aclsim.backend import SimulatorBackend

import aclcffi
from aclcffi import InvalidArgumentError, Session
from tests.api.conftest import counts

Array = np.ndarray[Any, Any]

DTYPES: list[Any] = [
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64",
    "complex64", "complex128", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2,
]  # fmt: skip
SHAPES = [(), (3,), (0,), (2, 0, 3), (1, 1), (2, 3, 4), (1, 2, 1, 2, 1, 2)]
NAMES = ["a b", "a.b:0", "größe", "名前", "x" * 200, "class", "1", "-", "<b>", "a/b/c", "'\"", "$%&"]
COUNT = 40


def specs(prefix: str) -> list[TensorSpec]:
    """As many tensors: each dtype and each shape, under names that are mostly no identifiers."""
    return [
        TensorSpec(
            f"{prefix}{index} {NAMES[index % len(NAMES)]}", SHAPES[index % len(SHAPES)], DTYPES[index % len(DTYPES)]
        )
        for index in range(COUNT)
    ]


def value(spec: TensorSpec, seed: int) -> Array:
    """Bytes of a tensor, different for each seed."""
    dtype = np.dtype(spec.dtype)
    numbers = (np.arange(int(np.prod(spec.shape))) + seed) % 5
    return (numbers % 2 if dtype.kind == "b" else numbers).astype(dtype).reshape(spec.shape)


def machine(*, dynamic: bool) -> SimulatorBackend:
    """A machine with a model "many" that gives its inputs back in reverse order; dynamic: one more output varies."""
    backend = aclcffi.open_backend("simulator")
    assert isinstance(backend, SimulatorBackend)
    outputs = [TensorSpec(f"out {spec.name}", spec.shape, spec.dtype) for spec in reversed(specs("in"))]
    if dynamic:
        outputs.append(TensorSpec("ones", (-1,), "int8", max_shape=(40,)))
    backend.register_model(
        "many",
        function=lambda **inputs: [
            *reversed(inputs.values()),
            *([np.ones(len(inputs), np.int8)] if dynamic else []),
        ],
        infer=(lambda dims: [*reversed(dims), (COUNT,)]) if dynamic else None,
        inputs=specs("in"),
        outputs=outputs,
    )
    return backend


@pytest.mark.parametrize("dynamic", [False, True])
def test_forty_inputs_and_forty_outputs(dynamic: bool) -> None:
    """Every tensor goes where it belongs, in each manner, in any order of the mapping, into given arrays too."""
    inputs = specs("in")
    with machine(dynamic=dynamic) as backend, Session(backend) as session:
        model, other = session.load("sim://many"), session.load("sim://many")
        with model, other, session.create_stream() as stream:
            assert [tensor.name for tensor in model.inputs] == [spec.name for spec in inputs]
            assert model.description.dynamic is dynamic
            first: tuple[Any, ...] | None = None
            for seed in range(4):
                given = {spec.name: value(spec, seed + index) for index, spec in enumerate(inputs)}
                wanted = {f"out {name}": array for name, array in given.items()}
                shuffled = dict(sorted(given.items(), key=lambda item: item[0][seed::-1]))
                out = {name: np.zeros_like(array) for name, array in list(wanted.items())[::3]}
                pending = model.execute_async(shuffled, stream, out=out)
                stream.synchronize()
                for results in (pending.outputs, model(shuffled, out=out), other.execute(shuffled, out=out)):
                    assert list(results)[:COUNT] == list(reversed(wanted))
                    assert not dynamic or results["ones"].tolist() == [1] * COUNT
                    for name, array in wanted.items():
                        assert (results[name].dtype, results[name].shape) == (array.dtype, array.shape)
                        assert results[name].tobytes() == array.tobytes()
                    assert all(results[name] is array for name, array in out.items())
                first = first or (counts(session)["device memory"], session.device.memory_info())
                assert (counts(session)["device memory"], session.device.memory_info()) == first


def test_what_is_wrong_among_many_is_named() -> None:
    """The message names the one input of forty that does not fit."""
    with machine(dynamic=False) as backend, Session(backend) as session, session.load("sim://many") as model:
        given = {spec.name: value(spec, 0) for spec in specs("in")}
        name = specs("in")[27].name
        with pytest.raises(InvalidArgumentError) as caught:
            model({**given, name: np.zeros((9, 9))})
        assert repr(name) in str(caught.value)
        del given[name]
        with pytest.raises(InvalidArgumentError, match=f"; missing: {name}$"):
            model(given)


def test_many_tensors_as_a_table() -> None:
    """The table has a line for each tensor, all of one width up to the last column."""
    with machine(dynamic=False) as backend, Session(backend) as session:
        lines = str(session.describe("sim://many")).splitlines()
    assert len(lines) == 2 * COUNT + 1
    assert {len(line) for line in lines} == {len(lines[0])}

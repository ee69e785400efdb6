"""Numbers: inputs and outputs have the description's dtype, and results are bit for bit those of the engine.

Each model is computed by the C functions and by the object API, and compared with onnxruntime called directly on arrays
of the same dtypes, or with onnx's reference evaluator where onnxruntime cannot compute in bfloat16.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import aclcffi
from tests.aclsim.number_models import (
    BFLOAT16,
    BOOL,
    DOUBLE,
    FLOAT,
    FLOAT16,
    INT8,
    INT32,
    INT64,
    UINT8,
    Machine,
    Model,
    by_onnxruntime,
    by_reference,
    cast,
    constant,
    identity,
    model,
    node,
)
from tests.contract.models import Array

ELEMENTS = {
    "float32": FLOAT,
    "float64": DOUBLE,
    "float16": FLOAT16,
    "bfloat16": BFLOAT16,
    "int8": INT8,
    "uint8": UINT8,
    "int32": INT32,
    "int64": INT64,
    "bool": BOOL,
}
SPECIAL = {
    "float32": (8, 23),
    "float64": (11, 52),
    "float16": (5, 10),
    "bfloat16": (8, 7),
}
"""Bits of the exponent and of the mantissa."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine that computes with onnxruntime."""
    made = Machine("onnxruntime")
    yield made
    made.close()


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Machine]:
    """A machine that computes with onnx's reference evaluator."""
    made = Machine("reference")
    yield made
    made.close()


def same(results: list[Array], expected: list[Array]) -> None:
    """Assert that arrays are the same in shape, dtype and every bit."""
    assert [(array.shape, array.dtype) for array in results] == [(array.shape, array.dtype) for array in expected]
    for result, wanted in zip(results, expected, strict=True):
        assert result.tobytes() == wanted.tobytes(), f"{result} is not {wanted}"


def unordered(array: Array) -> Array:
    """Where an array has NaN."""
    with np.errstate(invalid="ignore"):  # as signalling NaNs are, for ml_dtypes
        found: Array = array != array
    return found


def plain(results: list[Array], number: float = np.nan) -> list[Array]:
    """The arrays with one number for every NaN: which of them comes out of a computation nobody promises."""
    made = []
    for array in results:
        made.append(array.copy())
        if unordered(array).any():
            made[-1][unordered(array)] = number
    return made


def takes_bfloat16(machine: Machine) -> bool:
    """Whether the onnxruntime that is installed takes bfloat16; old ones do not, and the simulator says so."""
    try:
        machine.session.load(identity(BFLOAT16).data).close()
    except aclcffi.UnsupportedError as error:
        if "newer ones do" in str(error):
            return False
        raise
    return True


# -- what passes through -----------------------------------------------------------------------------------------------


def special_bits(exponent: int, mantissa: int) -> list[int]:
    """Zeros, subnormals, the least and the greatest normal numbers, infinities, and NaNs: quiet, signalling, loaded."""
    top, ones = ((1 << exponent) - 1) << mantissa, (1 << mantissa) - 1
    quiet = top | 1 << (mantissa - 1)
    positive = [0, 1, ones, 1 << mantissa, top - 1, top, quiet, quiet | 5, top | 1]
    return [bits | sign << (exponent + mantissa) for bits in positive for sign in (0, 1)]


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values_pass_through(machine: Machine, evaluator: Machine, name: str) -> None:
    """Infinities, NaNs with whatever is in them, subnormals and both zeros come out bit for bit as they went in."""
    bits = special_bits(*SPECIAL[name])
    through = identity(ELEMENTS[name], len(bits))
    (dtype, _dims), *_ = through.inputs
    values = np.array(bits, f"u{dtype.itemsize}").view(dtype)
    assert unordered(values).sum() == 6
    assert 0 < values[2] < values[6] < values[8] < values[10]
    engines = [evaluator] if name == "bfloat16" and not takes_bfloat16(machine) else [machine, evaluator]
    for engine in engines:
        for results in engine.compute(through, [values]):
            same(results, [values])


@pytest.mark.parametrize("name", ELEMENTS)
@given(data=st.data())
def test_any_bits_pass_through(machine: Machine, evaluator: Machine, name: str, data: st.DataObject) -> None:
    """Whatever the bits of an array are, a model that passes it on gives the same bits of the same dtype."""
    through = identity(ELEMENTS[name])
    (dtype, dims), *_ = through.inputs
    content = data.draw(st.binary(min_size=dims[0] * dtype.itemsize, max_size=dims[0] * dtype.itemsize))
    if name == "bool":
        content = bytes(byte % 2 for byte in content)
    values = np.frombuffer(content, dtype)
    engine = evaluator if name == "bfloat16" and not takes_bfloat16(machine) else machine
    for results in engine.compute(through, [values]):
        same(results, [values])


def test_subnormals_are_computed_with(machine: Machine) -> None:
    """No number is flushed to zero: the sum of two subnormals is their sum."""
    for element, least in ((FLOAT, 2.0**-149), (DOUBLE, 2.0**-1074), (FLOAT16, 2.0**-24)):
        total = model([node("Add", "a b", "y")], {"a": (element, 4), "b": (element, 4)}, {"y": element})
        ones = np.full(4, least, total.inputs[0][0])
        for (result,) in machine.compute(total, [ones, ones]):
            assert result.tolist() == [2 * least] * 4


def test_float32_is_not_computed_in_float16(machine: Machine) -> None:
    """A float32 model is computed in float32: what float16 cannot hold, or cannot tell apart, comes out whole."""
    product = model([node("MatMul", "a b", "y")], {"a": (FLOAT, 1, 2), "b": (FLOAT, 2, 1)}, {"y": FLOAT})
    feeds = [np.array([[300, 1]], np.float32), np.array([[300], [1]], np.float32)]
    for (result,) in machine.compute(product, feeds):
        assert float(np.finfo(np.float16).max) < float(result.item()) == 300 * 300 + 1


# -- what is computed --------------------------------------------------------------------------------------------------


def sums(element: int) -> Model:
    """y = (a + b) * b."""
    nodes = [node("Add", "a b", "s"), node("Mul", "s b", "y")]
    return model(nodes, {"a": (element, 3, 4), "b": (element, 4)}, {"y": element})


def layer(element: int) -> Model:
    """y = the softmax of x times weights, and the places of the greatest values."""
    weights = constant("w", element, np.linspace(-2, 2, 12), [4, 3])
    nodes = [
        node("MatMul", "x w", "m"),
        node("Softmax", "m", "y", axis=1),
        node("ArgMax", "y", "best", axis=1, keepdims=0),
    ]
    return model(nodes, {"x": (element, 5, 4)}, {"y": element, "best": INT64}, [weights])


def quantised(element: int, zero: int) -> Model:
    """Numbers of 8 bits in and out, and a product of dequantised ones between: what a quantising tool writes."""
    weights = [
        constant("w", INT8, range(-6, 6), [4, 3]),
        constant("xs", FLOAT, [0.05]),
        constant("ws", FLOAT, [0.02]),
        constant("ys", FLOAT, [0.01]),
        constant("z", element, [zero]),
        constant("wz", INT8, [0]),
    ]
    nodes = [
        node("DequantizeLinear", "x xs z", "xf"),
        node("DequantizeLinear", "w ws wz", "wf"),
        node("MatMul", "xf wf", "yf"),
        node("QuantizeLinear", "yf ys z", "y"),
    ]
    return model(nodes, {"x": (element, 2, 4)}, {"y": element}, weights)


def rounding(element: int, zero: int) -> Model:
    """A float32 model with 8 bits inside: y is x as far as those hold it, q the numbers of 8 bits themselves."""
    weights = [constant("s", FLOAT, [0.25]), constant("z", element, [zero])]
    nodes = [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]
    return model(nodes, {"x": (FLOAT, 16)}, {"y": FLOAT, "q": element}, weights)


def picture() -> Model:
    """A picture of bytes, made to floats and normalised in the model."""
    weights = [constant("mean", FLOAT, [127.5]), constant("scale", FLOAT, [1 / 58])]
    nodes = [node("Cast", "image", "f", to=FLOAT), node("Sub", "f mean", "c"), node("Mul", "c scale", "y")]
    return model(nodes, {"image": (UINT8, 1, 3, 4, 4)}, {"y": FLOAT}, weights)


def choosing() -> Model:
    """y = a where the masks agree, else b, and whether they do."""
    nodes = [node("Xor", "p q", "x"), node("Not", "x", "agree"), node("Where", "agree a b", "y")]
    inputs = {"p": (BOOL, 8), "q": (BOOL, 8), "a": (INT64, 8), "b": (INT64, 8)}
    return model(nodes, inputs, {"y": INT64, "agree": BOOL})


COMPUTED = {
    **{f"sums of {name}": sums(ELEMENTS[name]) for name in ("float32", "float16", "float64", "int8", "int32", "int64")},
    **{f"layer of {name}": layer(ELEMENTS[name]) for name in ("float32", "float16", "float64")},
    "quantised int8": quantised(INT8, 3),
    "quantised uint8": quantised(UINT8, 128),
    "rounding to int8": rounding(INT8, -4),
    "rounding to uint8": rounding(UINT8, 100),
    "picture": picture(),
    "choosing": choosing(),
}


def numbers_for(data: st.DataObject, of: Model) -> list[Array]:
    """Inputs of a model: any elements of their dtypes but NaN; of floats ordinary ones more often than by chance."""
    feeds = []
    for dtype, dims in of.inputs:
        if dtype.kind != "f" and dtype.name != "bfloat16":
            feeds.append(data.draw(arrays(dtype, dims)))
        elif data.draw(st.booleans()):
            feeds.append((data.draw(arrays(np.int8, dims)) / 16).astype(dtype))
        else:
            feeds.append(data.draw(arrays(f"u{dtype.itemsize}", dims)).view(dtype))
    return plain(feeds, np.inf)


@pytest.mark.parametrize("name", COMPUTED)
@given(data=st.data())
def test_results_are_those_of_onnxruntime(machine: Machine, name: str, data: st.DataObject) -> None:
    """Of arrays of the same dtypes both levels compute, bit for bit, what onnxruntime does, overflows among it."""
    of = COMPUTED[name]
    feeds = numbers_for(data, of)
    try:
        expected = by_onnxruntime(of, feeds)
    except Exception:  # noqa: BLE001 - onnxruntime raises what it likes; an old one lacks a dtype
        with pytest.raises(aclcffi.UnsupportedError):
            machine.session.load(of.data)
        return
    for results in machine.compute(of, feeds):
        same(plain(results), plain(expected))


@pytest.mark.parametrize("source", ELEMENTS)
@pytest.mark.parametrize("target", ELEMENTS)
def test_casts_are_those_of_onnxruntime(machine: Machine, source: str, target: str) -> None:
    """A model that changes the dtype gives the other dtype, with the values that onnxruntime gives it."""
    if "bfloat16" in (source, target) and not takes_bfloat16(machine):
        return
    of = cast(ELEMENTS[source], ELEMENTS[target])
    (dtype, _dims), *_ = of.inputs
    feeds = [np.array([0, 1, 100, 0.5, 99.75, 2.0**-20, 1 / 3, 64.03125] * 2).astype(dtype)]
    expected = by_onnxruntime(of, feeds)
    assert expected[0].dtype.name == target
    for results in machine.compute(of, feeds):
        same(results, expected)


@pytest.mark.parametrize("source", SPECIAL)
@pytest.mark.parametrize("target", SPECIAL)
@given(data=st.data())
def test_floats_are_rounded_as_onnxruntime_does(
    machine: Machine, source: str, target: str, data: st.DataObject
) -> None:
    """Any float is rounded to another width, to infinity or to zero where it must be, as onnxruntime does it."""
    if "bfloat16" in (source, target) and not takes_bfloat16(machine):
        return
    of = cast(ELEMENTS[source], ELEMENTS[target])
    (dtype, dims), *_ = of.inputs
    content = data.draw(st.binary(min_size=dims[0] * dtype.itemsize, max_size=dims[0] * dtype.itemsize))
    feeds = [np.frombuffer(content, dtype)]
    expected = by_onnxruntime(of, feeds)
    for results in machine.compute(of, feeds):
        same(plain(results), plain(expected))


@pytest.mark.parametrize("make", [sums, layer])
@given(data=st.data())
def test_bfloat16_is_computed_by_the_reference_evaluator(
    evaluator: Machine, make: Callable[[int], Model], data: st.DataObject
) -> None:
    """onnxruntime cannot compute in bfloat16; the engine "reference" does, and gives what onnx's evaluator gives."""
    of = make(BFLOAT16)
    feeds = numbers_for(data, of)
    with np.errstate(all="ignore"):
        try:
            expected = by_reference(of, feeds)
        except Exception:  # noqa: BLE001 - an old evaluator raises where it mixes its own bfloat16 with ml_dtypes'
            _program, objects = evaluator.loaded(of)
            with pytest.raises(aclcffi.ModelError, match="the model's computation failed"):
                objects({info.name: array for info, array in zip(objects.inputs, feeds, strict=True)})
            return
        for results in evaluator.compute(of, feeds):
            same(plain(results), plain(expected))


def test_onnxruntime_refuses_what_it_cannot_compute(machine: Machine) -> None:
    """A sum in bfloat16 is refused when it is loaded, with the way out."""
    with pytest.raises(aclcffi.UnsupportedError, match='the engine "reference" may have it'):
        machine.session.load(sums(BFLOAT16).data)

"""Model descriptions (contract_mdl section 6), for models with fixed shapes.

Tests without a row marker prove what their row says of such models; the row says more, of gears, ranges of shapes or AIPP.
"""

from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import (
    EGE,
    EINVAL,
    EMODELID,
    EPARAM,
    EPATH,
    ESIZE,
    GARBAGE,
    MAIN,
    PRODUCTS,
    SMALL,
    add,
    described,
    identity,
    last_message,
    load,
    passing,
    started,
    two_of_each,
    weighted,
    write_file,
)

lib = Acl.lib

NO_INDEX = (1 << 64) - 1
LONG = "n" * 128
"""The shortest name that an aclmdlIODims does not hold."""
FLOAT, FLOAT16, INT64 = lib.ACL_FLOAT, lib.ACL_FLOAT16, lib.ACL_INT64
NCHW, ND = lib.ACL_FORMAT_NCHW, lib.ACL_FORMAT_ND


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    """A product of each kind."""
    return str(request.param)


@pytest.fixture
def acl(open_acl: OpenAcl, product: str) -> Acl:
    """An initialised machine."""
    return started(open_acl, product)


main_only = pytest.mark.parametrize("product", MAIN)
"""For functions that only the main library has."""

small_only = pytest.mark.parametrize("product", [SMALL])
"""For what the small library does in its own way."""


def of_model(acl: Acl, data: bytes) -> Any:
    """A description of a model that is loaded from these bytes."""
    return described(acl, load(acl, data))


def string(acl: Acl, pointer: Any) -> str | None:
    """The text at a pointer, None for NULL."""
    return acl.ffi.string(pointer).decode() if pointer else None


def dims_of(acl: Acl, desc: Any, index: int = 0, *, output: bool = False) -> tuple[str, list[int]]:
    """Name and dims, as aclmdlGetInputDims or aclmdlGetOutputDims gives them."""
    dims = acl.out("aclmdlIODims")
    acl.ok((acl.aclmdlGetOutputDims if output else acl.aclmdlGetInputDims)(desc, index, dims))
    return acl.ffi.string(dims.name).decode(), list(dims.dims[0 : dims.dimCount])


# -- life cycle ------------------------------------------------------------------------------------------------------


@pytest.mark.row("MD6.01")
def test_a_new_description_is_empty(acl: Acl) -> None:
    """aclmdlCreateDesc makes a description without inputs and outputs, another one each time."""
    first, second = acl.aclmdlCreateDesc(), acl.aclmdlCreateDesc()
    assert first != NULL
    assert first != second
    assert acl.aclmdlGetNumInputs(first) == acl.aclmdlGetNumOutputs(first) == 0


@pytest.mark.row("MD6.02")
def test_destroying_a_description(acl: Acl) -> None:
    """aclmdlDestroyDesc answers 100000 for NULL, and ends the description: its getters know it no more."""
    assert acl.aclmdlDestroyDesc(NULL) == EINVAL
    desc = of_model(acl, add())
    assert acl.aclmdlDestroyDesc(desc) == 0
    assert acl.aclmdlGetNumInputs(desc) == 0
    assert string(acl, acl.aclmdlGetInputNameByIndex(desc, 0)) == ""
    assert acl.aclmdlDestroyDesc(desc) == EINVAL


@main_only
def test_the_order_of_the_checks_of_a_description(acl: Acl) -> None:
    """MD6.03 without gears: NULL is 100000, then the description is cleared, then an unknown id is 145003."""
    assert acl.aclmdlGetDesc(NULL, 77) == EINVAL
    desc = of_model(acl, add())
    assert acl.aclmdlGetNumInputs(desc) == 2
    assert acl.aclmdlGetDesc(desc, 77) == EMODELID
    assert acl.aclmdlGetNumInputs(desc) == 0


@pytest.mark.row("MD2.06")
@small_only
def test_a_description_of_an_unknown_model_on_the_small_library(acl: Acl) -> None:
    """There NULL is 100000, and an unknown id 500002, which leaves the description as it was."""
    assert acl.aclmdlGetDesc(NULL, 77) == EINVAL
    desc = of_model(acl, add())
    assert acl.aclmdlGetDesc(desc, 77) == EGE
    assert acl.aclmdlGetNumInputs(desc) == 2


def test_a_description_has_everything_in_order(acl: Acl) -> None:
    """MD6.03: inputs and outputs are there in the order of the model, with names, dims, types, formats and sizes."""
    desc = of_model(acl, two_of_each())
    inputs, outputs = range(acl.aclmdlGetNumInputs(desc)), range(acl.aclmdlGetNumOutputs(desc))
    assert [dims_of(acl, desc, index) for index in inputs] == [("left", [2, 3]), ("right", [2, 3])]
    assert [dims_of(acl, desc, i, output=True) for i in outputs] == [("sum", [2, 3]), ("difference", [2, 3])]
    assert [acl.aclmdlGetInputSizeByIndex(desc, index) for index in inputs] == [24, 24]
    assert [acl.aclmdlGetOutputDataType(desc, index) for index in outputs] == [FLOAT, FLOAT]


@main_only
def test_the_order_of_the_checks_without_a_load(acl: Acl, tmp_path: Path) -> None:
    """MD6.04 without .om files, main library: path or memory as in a load, then the description, then the content."""
    desc, wrong = acl.aclmdlCreateDesc(), GARBAGE.ljust(300)
    assert acl.aclmdlGetDescFromFile(NULL, NULL) == EINVAL
    assert "modelPath is NULL" in last_message(acl)
    assert acl.aclmdlGetDescFromFile(NULL, str(tmp_path / "missing").encode()) == EPATH
    assert acl.aclmdlGetDescFromFile(NULL, write_file(tmp_path, b"abc")) == ESIZE
    assert acl.aclmdlGetDescFromFile(NULL, write_file(tmp_path, wrong)) == EINVAL
    assert acl.aclmdlGetDescFromFile(desc, write_file(tmp_path, wrong)) == EPARAM
    assert acl.aclmdlGetDescFromMem(NULL, NULL, 0) == EINVAL
    assert "model is NULL" in last_message(acl)
    assert acl.aclmdlGetDescFromMem(NULL, wrong, 0) == EINVAL
    assert "size of model is 0" in last_message(acl)
    assert acl.aclmdlGetDescFromMem(NULL, wrong, 3) == ESIZE
    assert acl.aclmdlGetDescFromMem(NULL, wrong, len(wrong)) == EINVAL
    assert "modelDesc is NULL" in last_message(acl)
    assert acl.aclmdlGetDescFromMem(desc, wrong, len(wrong)) == EPARAM


@small_only
def test_the_small_library_folds_what_is_wrong_with_a_model(acl: Acl, tmp_path: Path) -> None:
    """MD6.04, small library: NULLs are 100000; whatever else goes wrong, a missing file too, is 500002."""
    desc, missing = acl.aclmdlCreateDesc(), str(tmp_path / "missing").encode()
    assert acl.aclmdlGetDescFromFile(NULL, missing) == EINVAL
    assert acl.aclmdlGetDescFromFile(desc, NULL) == EINVAL
    assert acl.aclmdlGetDescFromMem(NULL, GARBAGE, len(GARBAGE)) == EINVAL
    assert acl.aclmdlGetDescFromMem(desc, NULL, 1) == EINVAL
    for path in (missing, write_file(tmp_path, b""), write_file(tmp_path, bytes(300), "wrong")):
        assert acl.aclmdlGetDescFromFile(desc, path) == EGE
    assert acl.aclmdlGetDescFromMem(desc, GARBAGE, len(GARBAGE)) == EGE


@small_only
def test_the_small_library_takes_a_size_of_0(acl: Acl) -> None:
    """MD6.04: aclmdlGetDescFromMem with size 0 reads to the end of memory that ACL gave out; elsewhere it is 500002."""
    desc = acl.aclmdlCreateDesc()
    assert acl.aclmdlGetDescFromMem(desc, acl.malloc(len(add()), add()), 0) == 0
    assert acl.aclmdlGetNumInputs(desc) == 2
    assert acl.aclmdlGetDescFromMem(desc, add(), 0) == EGE


def test_a_description_without_a_load(acl: Acl, tmp_path: Path) -> None:
    """MD6.04: from a file and from memory comes the same as from a loaded model, except for the model's id, which is 0."""
    from_file, from_memory = acl.aclmdlCreateDesc(), acl.aclmdlCreateDesc()
    assert acl.aclmdlGetDescFromFile(from_file, write_file(tmp_path, passing(2, ["a", LONG]))) == 0
    data = passing(2, ["a", LONG])
    assert acl.aclmdlGetDescFromMem(from_memory, data, len(data)) == 0
    for desc in (from_file, from_memory):
        assert [dims_of(acl, desc, index) for index in (0, 1)] == [("a", [2]), ("acl_modelId_0_input_1", [2])]
        assert acl.aclmdlGetNumOutputs(desc) == 2


@pytest.mark.row("MD6.05")
@main_only
def test_a_description_is_used_again(acl: Acl, tmp_path: Path) -> None:
    """The main library replaces what was in it, whichever function fills it, except cached operator attributes."""
    first, attr = load(acl, weighted()), lib.ACL_ATTR_NAME_DATA_DUMP_ORIGIN_OP_NAMES
    desc = described(acl, first)
    assert string(acl, acl.aclmdlGetOpAttr(desc, b"before", attr)) == ""
    assert acl.aclmdlGetDescFromFile(desc, write_file(tmp_path, two_of_each())) == 0
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (2, 2)
    assert acl.aclmdlGetDescFromMem(desc, add(), len(add())) == 0
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (2, 1)
    assert acl.aclmdlGetDesc(desc, first) == 0
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (1, 1)
    acl.ok(acl.aclmdlUnload(first))
    assert string(acl, acl.aclmdlGetOpAttr(desc, b"before", attr)) == ""
    assert string(acl, acl.aclmdlGetOpAttr(desc, b"after", attr)) is None


@pytest.mark.row("MD6.05", "MD12.13")
@small_only
def test_the_small_library_appends(acl: Acl) -> None:
    """On the small library a second aclmdlGetDesc adds to what is there: the number of inputs doubles."""
    number = load(acl, two_of_each())
    desc = described(acl, number)
    assert acl.aclmdlGetDesc(desc, number) == 0
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (4, 4)
    assert [dims_of(acl, desc, index)[0] for index in range(4)] == ["left", "right", "left", "right"]


@pytest.mark.row("MD12.13")
@main_only
def test_the_main_library_replaces(acl: Acl) -> None:
    """On the main library a second aclmdlGetDesc changes nothing."""
    number = load(acl, two_of_each())
    desc = described(acl, number)
    assert acl.aclmdlGetDesc(desc, number) == 0
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (2, 2)


# -- getters ---------------------------------------------------------------------------------------------------------


def test_numbers_of_inputs_and_outputs(acl: Acl) -> None:
    """MD6.06 without gears and AIPP: the model's numbers; 0 without a description. Initialisers are no inputs."""
    desc = of_model(acl, weighted())
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (1, 1)
    desc = of_model(acl, two_of_each())
    assert (acl.aclmdlGetNumInputs(desc), acl.aclmdlGetNumOutputs(desc)) == (2, 2)
    assert acl.aclmdlGetNumInputs(NULL) == acl.aclmdlGetNumOutputs(NULL) == 0


@pytest.mark.parametrize(
    ("dims", "element", "size"),
    [((3,), TensorProto.FLOAT, 12), ((2, 0), TensorProto.FLOAT, 0), ((), TensorProto.DOUBLE, 8), ((5,), 9, 5)],
)
def test_sizes_in_bytes(acl: Acl, dims: tuple[int, ...], element: int, size: int) -> None:
    """MD6.07 of fixed shapes: elements times their size; 0 without a description and behind the last index."""
    desc = of_model(acl, identity(dims, element))
    assert acl.aclmdlGetInputSizeByIndex(desc, 0) == acl.aclmdlGetOutputSizeByIndex(desc, 0) == size
    for getter in (acl.aclmdlGetInputSizeByIndex, acl.aclmdlGetOutputSizeByIndex):
        assert getter(desc, 1) == getter(desc, NO_INDEX) == getter(NULL, 0) == 0


@pytest.mark.row("MD6.08")
def test_names_by_index(acl: Acl) -> None:
    """The names are the model's, of any length; "" and never NULL without a description and behind the last index."""
    desc = of_model(acl, passing(2, ["a", "Größe", LONG]))
    assert [string(acl, acl.aclmdlGetInputNameByIndex(desc, index)) for index in range(3)] == ["a", "Größe", LONG]
    outputs = [string(acl, acl.aclmdlGetOutputNameByIndex(desc, index)) for index in range(3)]
    assert outputs == ["out_a", "out_Größe", f"out_{LONG}"]
    for getter in (acl.aclmdlGetInputNameByIndex, acl.aclmdlGetOutputNameByIndex):
        assert string(acl, getter(desc, 3)) == string(acl, getter(desc, NO_INDEX)) == string(acl, getter(NULL, 0)) == ""


@pytest.mark.row("MD6.08")
def test_a_name_belongs_to_the_description(acl: Acl) -> None:
    """The same pointer comes each time, and its text stays when the description is not used any more for long."""
    desc = of_model(acl, add())
    pointer = acl.aclmdlGetInputNameByIndex(desc, 1)
    address = acl.address(pointer)
    del pointer
    others = [of_model(acl, two_of_each()) for _ in range(10)]
    assert all(string(acl, acl.aclmdlGetInputNameByIndex(other, 1)) == "right" for other in others)
    assert acl.address(acl.aclmdlGetInputNameByIndex(desc, 1)) == address
    assert string(acl, acl.pointer(address, "char *")) == "b"


@pytest.mark.row("MD6.09")
@pytest.mark.parametrize(
    ("dims", "element", "data_type", "layout"),
    [((1, 3, 4, 4), 1, FLOAT, NCHW), ((1, 3, 4), 10, FLOAT16, ND), ((1, 1, 3, 4, 4), 7, INT64, ND), ((), 1, FLOAT, ND)],
)
def test_formats_and_data_types(acl: Acl, dims: tuple[int, ...], element: int, data_type: int, layout: int) -> None:
    """Types are the model's; a 4-D input is NCHW and all else ND, as the converter decides; -1 for what is not there."""
    desc = of_model(acl, identity(dims, element))
    assert acl.aclmdlGetInputDataType(desc, 0) == acl.aclmdlGetOutputDataType(desc, 0) == data_type
    assert acl.aclmdlGetInputFormat(desc, 0) == layout
    assert acl.aclmdlGetOutputFormat(desc, 0) == ND
    for getter in (
        acl.aclmdlGetInputFormat,
        acl.aclmdlGetOutputFormat,
        acl.aclmdlGetInputDataType,
        acl.aclmdlGetOutputDataType,
    ):
        assert getter(desc, 1) == getter(desc, NO_INDEX) == getter(NULL, 0) == -1


@pytest.mark.row("MD6.10")
def test_an_index_by_name(acl: Acl) -> None:
    """The index of the tensor whose whole name it is; NULLs and unknown names are 100000 and write nothing."""
    desc, index = of_model(acl, passing(2, ["ab", "a", LONG])), acl.out("size_t")
    for getter, prefix in ((acl.aclmdlGetInputIndexByName, ""), (acl.aclmdlGetOutputIndexByName, "out_")):
        for name, expected in (("ab", 0), ("a", 1), (LONG, 2)):
            assert getter(desc, (prefix + name).encode(), index) == 0
            assert index[0] == expected
        index[0] = 99
        for name in ("", "b", "A", "abc", LONG + "n", LONG[:-1]):
            assert getter(desc, (prefix + name).encode(), index) == EINVAL, name
        assert getter(NULL, prefix.encode() + b"a", index) == EINVAL
        assert getter(desc, NULL, index) == EINVAL
        assert getter(desc, prefix.encode() + b"a", NULL) == EINVAL
        assert index[0] == 99


@pytest.mark.row("MD6.10")
@small_only
def test_the_first_of_several_tensors_of_a_name(acl: Acl) -> None:
    """Where a name is there twice (the small library appended), the first index is the answer."""
    number, index = load(acl, two_of_each()), acl.out("size_t")
    desc = described(acl, number)
    acl.ok(acl.aclmdlGetDesc(desc, number))
    assert acl.aclmdlGetInputIndexByName(desc, b"right", index) == 0
    assert index[0] == 1


# -- dims ------------------------------------------------------------------------------------------------------------

DIMS_GETTERS = ("aclmdlGetInputDims", "aclmdlGetOutputDims", "aclmdlGetInputDimsV2", "aclmdlGetCurOutputDims")


def dims_getters(acl: Acl, product: str) -> list[Any]:
    """The functions that give dims; the small library has the first two."""
    return [getattr(acl, name) for name in DIMS_GETTERS[: 2 if product == SMALL else 4]]


@pytest.mark.parametrize("dims", [(), (0,), (7,), (1, 3, 4, 4), (1,) * 128])
def test_dims(acl: Acl, product: str, dims: tuple[int, ...]) -> None:
    """MD6.11, MD6.18 of fixed shapes: name, number and values of the dims; no getter differs from the others."""
    desc, place = of_model(acl, identity(dims)), acl.out("aclmdlIODims")
    for getter in dims_getters(acl, product):
        place.dimCount = 99
        assert getter(desc, 0, place) == 0
        assert acl.ffi.string(place.name) in (b"x", b"y")
        assert tuple(place.dims[0 : place.dimCount]) == dims


def test_dims_of_what_is_not_there(acl: Acl, product: str) -> None:
    """MD6.11, MD6.18: a NULL description, then NULL dims, then a wrong index are 100000."""
    desc, place = of_model(acl, add()), acl.out("aclmdlIODims")
    for getter in dims_getters(acl, product):
        assert getter(NULL, 99, NULL) == EINVAL
        assert "modelDesc is NULL" in last_message(acl)
        assert getter(desc, 99, NULL) == EINVAL
        assert "dims is NULL" in last_message(acl)
        for index in (2, NO_INDEX):
            assert getter(desc, index, place) == EINVAL
            assert "index is" in last_message(acl)


@pytest.mark.parametrize("count", [129, 200])
def test_more_dims_than_fit(acl: Acl, product: str, count: int) -> None:
    """MD6.11, MD2.11: more than 128 dims are 300000, and the name was written by then."""
    desc, place = acl.aclmdlCreateDesc(), acl.out("aclmdlIODims")
    data = identity((1,) * count)
    acl.ok(acl.aclmdlGetDescFromMem(desc, data, len(data)))
    for getter, name in zip(dims_getters(acl, product)[:3], (b"x", b"y", b"x"), strict=False):
        place.name = b"before"
        assert getter(desc, 0, place) == 300000
        assert acl.ffi.string(place.name) == name


@main_only
def test_current_output_dims(acl: Acl) -> None:
    """MD6.18 without gears: the model of the description must be loaded, which one of id 0 never is: else 145003."""
    number, place = load(acl, add()), acl.out("aclmdlIODims")
    desc, unloaded = described(acl, number), acl.aclmdlCreateDesc()
    acl.ok(acl.aclmdlGetDescFromMem(unloaded, add(), len(add())))
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == 0
    assert acl.aclmdlGetCurOutputDims(unloaded, 1, place) == EINVAL  # the index comes before the id
    assert acl.aclmdlGetCurOutputDims(unloaded, 0, place) == EMODELID
    acl.ok(acl.aclmdlUnload(number))
    assert acl.aclmdlGetCurOutputDims(desc, 0, place) == EMODELID


@main_only
def test_ranges_of_dims(acl: Acl) -> None:
    """MD6.14 without gears: each fixed dim is its own least and greatest; NULLs and a wrong index are 100000."""
    desc, place = of_model(acl, identity((2, 0, 5))), acl.out("aclmdlIODimsRange")
    assert acl.aclmdlGetInputDimsRange(NULL, 0, place) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 0, NULL) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 1, place) == EINVAL
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 0
    assert [list(place.range[index]) for index in range(place.rangeCount)] == [[2, 2], [0, 0], [5, 5]]
    data = identity((1,) * 129)
    acl.ok(acl.aclmdlGetDescFromMem(desc, data, len(data)))
    assert acl.aclmdlGetInputDimsRange(desc, 0, place) == 500000


# -- names of 128 bytes and more -------------------------------------------------------------------------------------


@pytest.mark.row("MD6.12")
@pytest.mark.parametrize(("length", "kept"), [(127, True), (128, False), (1000, False)])
def test_a_long_name_is_replaced(acl: Acl, length: int, kept: bool) -> None:
    """In dims a name of 128 bytes or more becomes acl_modelId_<id>_input_<index> or _output_; the real one comes back."""
    name = "n" * length
    number = load(acl, passing(2, ["a", name]))
    desc = described(acl, number)
    inner = dims_of(acl, desc, 1)[0]
    assert inner == (name if kept else f"acl_modelId_{number}_input_1")
    outer = dims_of(acl, desc, 1, output=True)[0]
    assert outer == f"acl_modelId_{number}_output_1"
    assert string(acl, acl.aclmdlGetTensorRealName(desc, inner.encode())) == name
    assert string(acl, acl.aclmdlGetTensorRealName(desc, outer.encode())) == f"out_{name}"


@pytest.mark.row("MD6.12")
def test_the_length_of_a_name_is_in_bytes(acl: Acl) -> None:
    """64 two-byte letters are 128 bytes, so that the name is replaced."""
    number = load(acl, identity((1,), names=("ö" * 64, "y")))
    assert dims_of(acl, described(acl, number))[0] == f"acl_modelId_{number}_input_0"


@pytest.mark.row("MD6.12")
@pytest.mark.parametrize("output", [False, True])
def test_a_replacement_is_no_tensor_s_name(acl: Acl, product: str, output: bool) -> None:
    """Where a tensor, input or output, has the replacement's name, letters follow: one or more, on the small library three."""
    number = 0 if product == SMALL else 1
    taken = f"acl_modelId_{number}_{'output' if output else 'input'}_0"
    assert load(acl, identity((1,), names=(taken, "o" * 128) if output else ("i" * 128, taken))) == number
    name = dims_of(acl, described(acl, number), output=output)[0]
    assert name == f"{taken}_{'aaa' if product == SMALL else 'a'}"
    real = string(acl, acl.aclmdlGetTensorRealName(described(acl, number), name.encode()))
    assert real == ("o" if output else "i") * 128


@pytest.mark.row("MD6.12")
@main_only
def test_letters_follow_until_the_name_is_free(acl: Acl) -> None:
    """The main library tries a to z, then two letters."""
    taken = ["acl_modelId_1_input_0", *(f"acl_modelId_1_input_0_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    number = load(acl, passing(1, [LONG, *taken]))
    assert dims_of(acl, described(acl, number))[0] == "acl_modelId_1_input_0_aa"


@pytest.mark.row("MD6.13")
def test_real_names(acl: Acl) -> None:
    """A tensor's name gives itself, a replacement of this model with a valid index the name there; all else is NULL."""
    number = load(acl, passing(2, ["a", LONG]))
    desc = described(acl, number)

    def real(name: str) -> str | None:
        return string(acl, acl.aclmdlGetTensorRealName(desc, name.encode()))

    assert real("a") == "a"
    assert real(LONG) == LONG
    assert real(f"out_{LONG}") == f"out_{LONG}"
    assert real(f"acl_modelId_{number}_input_0") == "a"
    assert real(f"acl_modelId_{number}_input_1") == LONG
    assert real(f"acl_modelId_{number}_input_1_xyz") == LONG
    assert real(f"acl_modelId_{number}_output_1") == f"out_{LONG}"
    for name in (
        "",
        "b",
        LONG[:-1],
        f"acl_modelId_{number}_input_2",
        f"acl_modelId_{number}_output_2",
        f"acl_modelId_{number + 1}_input_0",
        f"acl_modelId_{number}_input_",
        f"acl_modelId_{number}_input_x",
        "acl_modelId__input_0",
        f"modelId_{number}_input_0",
        f"acl_modelId_{number}_input_{1 << 64}",
    ):
        assert real(name) is None, name
    assert acl.aclmdlGetTensorRealName(NULL, b"a") == NULL
    assert acl.aclmdlGetTensorRealName(desc, NULL) == NULL


@pytest.mark.row("MD6.13")
def test_a_real_name_belongs_to_the_description(acl: Acl) -> None:
    """The pointer to a real name is the same each time, for as long as the description lives."""
    desc = of_model(acl, add())
    first = acl.address(acl.aclmdlGetTensorRealName(desc, b"a"))
    assert acl.address(acl.aclmdlGetTensorRealName(desc, b"a")) == first
    assert acl.address(acl.aclmdlGetInputNameByIndex(desc, 0)) == first


# -- gears and attributes, which models with fixed shapes do not have ------------------------------------------------


@main_only
def test_a_static_model_has_no_gears(acl: Acl) -> None:
    """MD6.15, MD6.16, MD6.17 without gears: NULLs are 100000, an index that must be -1 too, and all counts are 0."""
    desc = of_model(acl, add())
    batch, image, count, dims = (acl.out(kind) for kind in ("aclmdlBatch", "aclmdlHW", "size_t", "aclmdlIODims"))
    batch.batchCount = image.hwCount = count[0] = dims.dimCount = 9
    assert acl.aclmdlGetDynamicBatch(NULL, batch) == acl.aclmdlGetDynamicBatch(desc, NULL) == EINVAL
    assert acl.aclmdlGetDynamicHW(NULL, 0, image) == acl.aclmdlGetDynamicHW(desc, 0, NULL) == EINVAL
    assert acl.aclmdlGetInputDynamicGearCount(NULL, NO_INDEX, count) == EINVAL
    assert acl.aclmdlGetInputDynamicGearCount(desc, NO_INDEX, NULL) == EINVAL
    assert acl.aclmdlGetInputDynamicGearCount(desc, 0, count) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(NULL, NO_INDEX, dims, 0) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, NULL, 0) == EINVAL
    assert acl.aclmdlGetInputDynamicDims(desc, 0, dims, 0) == EINVAL
    assert (batch.batchCount, image.hwCount, count[0]) == (9, 9, 9)
    assert acl.aclmdlGetDynamicBatch(desc, batch) == 0
    assert acl.aclmdlGetDynamicHW(desc, 12345, image) == 0
    assert acl.aclmdlGetInputDynamicGearCount(desc, NO_INDEX, count) == 0
    assert acl.aclmdlGetInputDynamicDims(desc, NO_INDEX, dims, 0) == 0
    assert (batch.batchCount, image.hwCount, count[0], dims.dimCount) == (0, 0, 0, 9)


@pytest.mark.row("MD6.19", "MD12.12")
@main_only
def test_operator_attributes(acl: Acl) -> None:
    """NULLs and unknown attributes give NULL, the one attribute of any operator gives ""."""
    desc, attr = of_model(acl, add()), lib.ACL_ATTR_NAME_DATA_DUMP_ORIGIN_OP_NAMES
    assert acl.aclmdlGetOpAttr(NULL, b"op", attr) == NULL
    assert acl.aclmdlGetOpAttr(desc, NULL, attr) == NULL
    assert acl.aclmdlGetOpAttr(desc, b"op", NULL) == NULL
    assert acl.aclmdlGetOpAttr(desc, b"op", b"another") == NULL
    assert string(acl, acl.aclmdlGetOpAttr(desc, b"op", attr)) == ""

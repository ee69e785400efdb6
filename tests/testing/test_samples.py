"""The models of the state machines: what they are said to be, what they compute, and who brings them."""

import numpy as np
import pytest
from aclsim.samples import SAMPLES, models

import aclcffi
from aclcffi import ffi
from aclcffi.errors import BackendError
from aclcffi.testing.samples import BATCH, DIMS, DYNAMIC, HW, STATIC, Sample, doubled, find_provider, floats

BY_KIND = {sample.kind: sample for sample in SAMPLES}


def test_one_of_each_kind() -> None:
    """The simulator brings a model of each kind, on IPV350 the one whose shapes are fixed."""
    with aclcffi.open_backend("simulator") as backend:
        assert [sample.kind for sample in models(backend)] == [STATIC, BATCH, HW, DIMS, DYNAMIC]
    with aclcffi.open_backend("simulator", product="IPV350") as backend:
        assert [sample.kind for sample in models(backend)] == [STATIC]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.kind))
def test_descriptions(sample: Sample) -> None:
    """A sample says of itself what the description of the loaded model says: numbers, dims and sizes of tensors."""
    with aclcffi.open_backend("simulator") as acl:
        acl.aclInit(ffi.NULL)
        acl.aclrtSetDevice(0)
        models(acl)
        desc, place = acl.aclmdlCreateDesc(), ffi.new("aclmdlIODims *")
        assert acl.aclmdlGetDescFromFile(desc, sample.path) == 0
        assert acl.aclmdlGetNumInputs(desc) == sample.input_count
        assert acl.aclmdlGetNumOutputs(desc) == len(sample.outputs)
        for index, dims in enumerate(sample.described_shapes()):
            assert acl.aclmdlGetOutputDims(desc, index, place) == 0
            assert tuple(place.dims[0 : place.dimCount]) == dims
            assert acl.aclmdlGetInputSizeByIndex(desc, index) == sample.sizes()[index]
            assert acl.aclmdlGetOutputSizeByIndex(desc, index) == sample.sizes()[index]


def test_shapes_in_gears() -> None:
    """A batch, or height and width, stands for all inputs; dims are given for each of them."""
    assert BY_KIND[BATCH].shapes((4,)) == [(4, 9), (4, 2)]
    assert BY_KIND[HW].shapes((4, 5)) == [(1, 1, 4, 5)]
    assert BY_KIND[DIMS].shapes((4, 2)) == [(4, 3), (2, 2)]
    assert BY_KIND[DIMS].largest == (7, 6)
    assert BY_KIND[DYNAMIC].shapes() == [(-1, 3), (-1, -1)]
    assert BY_KIND[DYNAMIC].sizes() == [72, 0]


def test_doubling() -> None:
    """Computing with the numbers of the machines is exact."""
    assert np.frombuffer(doubled(floats(3, 4001)), np.float32).tolist() == [8002.0] * 3


def test_providers() -> None:
    """A provider is named by its import path; what is none is refused by name."""
    assert find_provider("aclsim.samples:models") is models
    for name, words in (
        ("aclsim.samples", "package.module:function"),
        ("no_such_module:models", "no_such_module"),
        ("aclsim.samples:no_such_function", "no_such_function"),
        ("aclsim.samples:SAMPLES", "no function"),
    ):
        with pytest.raises(BackendError, match=words):
            find_provider(name)

"""Which functions each product has, and who the odd ones are (contract_mdl section 1)."""

import pytest
from aclsim.products import PRODUCTS

from aclcffi import UnsupportedFunctionError
from aclcffi.functions import FUNCTIONS, products_of
from tests.contract.acl import NULL, OpenAcl
from tests.contract.models import ENOTSUP, SMALL

REAL = [product for product in PRODUCTS if product != "generic"]

SMALL_MODEL_HALF = """
    aclCreateDataBuffer aclDestroyDataBuffer aclGetDataBufferAddr aclGetDataBufferSizeV2
    aclmdlCreateDataset aclmdlDestroyDataset aclmdlAddDatasetBuffer aclmdlGetDatasetNumBuffers aclmdlGetDatasetBuffer
    aclmdlCreateDesc aclmdlDestroyDesc aclmdlGetDesc aclmdlGetDescFromFile aclmdlGetDescFromMem
    aclmdlGetNumInputs aclmdlGetNumOutputs aclmdlGetInputSizeByIndex aclmdlGetOutputSizeByIndex
    aclmdlGetInputDims aclmdlGetOutputDims aclmdlGetInputNameByIndex aclmdlGetOutputNameByIndex
    aclmdlGetInputFormat aclmdlGetOutputFormat aclmdlGetInputDataType aclmdlGetOutputDataType
    aclmdlGetInputIndexByName aclmdlGetOutputIndexByName aclmdlGetTensorRealName
    aclmdlCreateConfigHandle aclmdlDestroyConfigHandle aclmdlSetConfigOpt
    aclmdlCreateExecConfigHandle aclmdlDestroyExecConfigHandle aclmdlSetExecConfigOpt
    aclmdlLoadWithConfig aclmdlExecuteV2 aclmdlExecuteAsyncV2 aclmdlUnload aclmdlQuerySize aclmdlQueryExeOMDesc
"""

SMALL_RUNTIME_HALF = """
    aclInit aclFinalize aclGetRecentErrMsg aclrtGetVersion aclrtSetDevice aclrtResetDevice aclrtGetDevice aclrtGetRunMode
    aclrtCreateContext aclrtDestroyContext aclrtSetCurrentContext aclrtGetCurrentContext aclrtCreateStreamConfigHandle
    aclrtSetStreamConfigOpt aclrtDestroyStreamConfigHandle aclrtCreateStreamV2 aclrtDestroyStream aclrtSynchronizeStream
    aclrtMalloc aclrtFree aclrtMemcpy aclrtMemset aclrtGetMemInfo aclrtSubscribeReport aclrtUnSubscribeReport
    aclrtProcessReport aclrtLaunchCallback aclrtSubscribeHostFunc aclrtUnSubscribeHostFunc aclrtProcessHostFunc
"""


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_functions_of_a_product(open_acl: OpenAcl, product: str) -> None:
    """A product has exactly the functions that the table gives it, "generic" all; a missing one says who has it."""
    acl = open_acl(product=product)
    for name in FUNCTIONS:
        have = products_of(name)
        there = product == "generic" or product in have
        assert acl.backend.supports(name) == hasattr(acl.backend, name) == there, name
        if not there:
            with pytest.raises(UnsupportedFunctionError) as caught:
                getattr(acl.backend, name)
            assert caught.value.function == name
            assert product in str(caught.value)
            assert all(each in str(caught.value) for each in have)


@pytest.mark.row("MD12.01")
@pytest.mark.parametrize("product", PRODUCTS)
def test_where_async_v2_exists(open_acl: OpenAcl, product: str) -> None:
    """aclmdlExecuteAsyncV2 is there on IPV350 (and "generic") and missing, not just refused, on every other product."""
    acl = open_acl(product=product)
    if product in ("generic", SMALL):
        acl.aclInit(NULL)
        assert acl.aclmdlExecuteAsyncV2(0, NULL, NULL, NULL, NULL) == 100000
    else:
        with pytest.raises(UnsupportedFunctionError, match="the products that have it: IPV350"):
            _ = acl.backend.aclmdlExecuteAsyncV2


@pytest.mark.parametrize("product", REAL)
def test_the_three_ways_of_executing(open_acl: OpenAcl, product: str) -> None:
    """aclmdlExecuteV2 is everywhere; aclmdlExecute and aclmdlExecuteAsync are everywhere but on IPV350."""
    acl = open_acl(product=product)
    assert acl.backend.supports("aclmdlExecuteV2")
    assert acl.backend.supports("aclmdlExecute") == (product != SMALL)
    assert acl.backend.supports("aclmdlExecuteAsync") == (product != SMALL)


@pytest.mark.row("MD12.06")
def test_the_functions_of_the_small_library(open_acl: OpenAcl) -> None:
    """IPV350 has the 41 model and 30 runtime functions of its library, whatever the documentation marks say."""
    acl = open_acl(product=SMALL)
    models, runtime = SMALL_MODEL_HALF.split(), SMALL_RUNTIME_HALF.split()
    assert (len(models), len(runtime)) == (41, 30)
    assert {name for name in FUNCTIONS if acl.backend.supports(name)} == {*models, *runtime}
    for name in (
        "aclmdlSetAttribute",
        "aclmdlGetAttribute",
        "aclmdlGetInputDynamicGearCount",
        "aclmdlGetInputDynamicDims",
    ):
        assert not acl.backend.supports(name)
    assert acl.backend.supports("aclmdlGetTensorRealName")


def test_a_function_that_no_product_has(open_acl: OpenAcl) -> None:
    """aclmdlLoadFromModel is declared and nowhere defined: missing on real products, not modelled on "generic"."""
    with pytest.raises(UnsupportedFunctionError, match="no product has it"):
        _ = open_acl(product="310P").backend.aclmdlLoadFromModel
    acl = open_acl(product="generic")
    assert acl.backend.supports("aclmdlLoadFromModel")
    assert acl.aclmdlLoadFromModel(NULL, NULL, NULL) == ENOTSUP

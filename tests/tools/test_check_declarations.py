"""The check of the declarations: silent where all agree, and one line for each thing that is wrong."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from build_acl import DECLARATIONS
from tools.check_declarations import Check, main


def differences(api: dict[str, Any], folder: Path = DECLARATIONS) -> list[str]:
    """What the check finds."""
    check = Check(api, folder)
    check.run()
    return check.differences


def test_right_declarations_have_no_differences(api: dict[str, Any]) -> None:
    """Where declarations, extension, constants and facts agree the check is silent, and it has looked at everything."""
    check = Check(api)
    check.run()
    assert check.differences == []
    assert check.counts["functions"] == check.counts["compiled functions"] == 524
    assert check.counts["parameters"] == 1387
    assert check.counts["reduced facts"] == 524 + 254
    assert check.counts["offsets"] > 250


WRONG = {
    "type of a parameter": (
        "acl_mdl.h",
        "aclmdlUnload(uint32_t modelId)",
        "aclmdlUnload(int32_t modelId)",
        "aclmdlUnload: is 'aclError aclmdlUnload(int32_t modelId)', should be 'aclError aclmdlUnload(uint32_t modelId)'",
    ),
    "const of a parameter": (
        "acl_rt.h",
        "aclInit(const char *configPath)",
        "aclInit(char *configPath)",
        "aclInit: is 'aclError aclInit(char*configPath)', should be 'aclError aclInit(const char*configPath)'",
    ),
    "name of a parameter": (
        "acl_rt.h",
        "aclrtFree(void *devPtr)",
        "aclrtFree(void *pointer)",
        "aclrtFree: is 'aclError aclrtFree(void*pointer)', should be 'aclError aclrtFree(void*devPtr)'",
    ),
    "return type": (
        "acl_base_rt.h",
        "size_t aclGetDataBufferSizeV2(",
        "uint32_t aclGetDataBufferSizeV2(",
        "aclGetDataBufferSizeV2: is 'uint32_t",
    ),
    "missing function": (
        "acl_rt.h",
        "aclError aclrtFree(void *devPtr);",
        "",
        "aclrtFree: function is not declared",
    ),
    "function of our own": (
        "acl_rt.h",
        "aclError aclrtFree(void *devPtr);",
        "aclError aclrtFree(void *devPtr);\naclError aclrtInvented(void);",
        "aclrtInvented: function is declared and not in the API facts",
    ),
    "value of an enum": (
        "acl_base_rt.h",
        "ACL_BF16 = 27",
        "ACL_BF16 = 28",
        "aclDataType.ACL_BF16: is 28, should be 27",
    ),
    "missing member": ("acl_base_rt.h", "    ACL_BF16 = 27,\n", "", "aclDataType.ACL_BF16: is None, should be 27"),
    "value of an error code": (
        "acl_base_rt.h",
        "INVALID_PARAM = 100000",
        "INVALID_PARAM = 100009",
        "ACL_ERROR_INVALID_PARAM: is 100009, should be 100000",
    ),
    "type of a macro": (
        "acl_rt.h",
        "ACL_HOST_REG_PINNED 0x10000000UL",
        "ACL_HOST_REG_PINNED 0x10000000U",
        "type of ACL_HOST_REG_PINNED: is 'unsigned int', should be 'unsigned long'",
    ),
    "text of a macro": (
        "acl_mdl.h",
        '"ascend_dynamic_aipp_data"',
        '"ascend_aipp_data"',
        "ACL_DYNAMIC_AIPP_NAME: is 'ascend_aipp_data', should be 'ascend_dynamic_aipp_data'",
    ),
    "type of a field": (
        "acl_mdl.h",
        "size_t dimCount;",
        "uint32_t dimCount;",
        "type of aclmdlIODims.dimCount: is 'uint32_t', should be 'size_t'",
    ),
    "dimension of a field": (
        "acl_mdl.h",
        "int64_t dims[ACL_MAX_DIM_CNT];",
        "int64_t dims[ACL_DIM_ENDPOINTS];",
        "dimensions of aclmdlIODims.dims: is [2], should be [128]",
    ),
    "nested field": (
        "acl_rt.h",
        "uint8_t rsv2[128];",
        "uint8_t rsv2[129];",
        "dimensions of aclmdlRITaskParams.rsv2: is [129], should be [128]",
    ),
    "plain handle": (
        "acl_base_rt.h",
        "typedef struct aclrtEvent_ *aclrtEvent;",
        "typedef void *aclrtEvent;",
        "typedef aclrtEvent: is 'typedef void*aclrtEvent', should be 'typedef struct aclrtEvent_*aclrtEvent'",
    ),
    "handle of another kind": (
        "acl_base_rt.h",
        "typedef struct aclrtEvent_ *aclrtEvent;",
        "typedef struct aclrtStream_ *aclrtEvent;",
        "typedef aclrtEvent: is 'typedef struct aclrtStream_*aclrtEvent'",
    ),
    "callback": (
        "acl_rt.h",
        "typedef void (*aclrtCallback)(void *userData);",
        "typedef int (*aclrtCallback)(void *userData);",
        "typedef aclrtCallback: is 'typedef int",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "line"), list(WRONG.values()), ids=list(WRONG))
def test_a_wrong_declaration_is_found(
    api: dict[str, Any], tmp_path: Path, file: str, old: str, new: str, line: str
) -> None:
    """Each kind of mistake in the declarations gives a line that names it."""
    folder = tmp_path / "declarations"
    shutil.copytree(DECLARATIONS, folder)
    text = (folder / file).read_text()
    assert text.count(old) == 1
    (folder / file).write_text(text.replace(old, new))
    found = differences(api, folder)
    assert [difference for difference in found if difference.startswith(line)], found


def test_a_wrong_build_is_found(api: dict[str, Any]) -> None:
    """Sizes, offsets, members and types that the compiled extension has otherwise are found too."""
    api["structs"]["aclmdlIODims"]["size"] += 8
    api["structs"]["aclmdlRITaskParams"]["fields"][-1]["fields"][1]["offset"] += 4
    api["enums"]["aclFormat"]["members"]["ACL_FORMAT_ND"] = 5
    api["functions"]["aclrtFree"]["params"][0]["type"] = "uint64_t"
    found = "\n".join(differences(api))
    assert "sizeof(aclmdlIODims): is 1160, should be 1168" in found
    assert "offsetof(aclmdlRITaskParams.kernelTaskParams): is 72, should be 76" in found
    assert "ACL_FORMAT_ND in the extension: is 2, should be 5" in found
    assert "constants.aclFormat: is" in found
    assert "aclrtFree in the extension: is <ctype 'int(*)(void *)'>, should be <ctype 'int(*)(uint64_t)'>" in found


def test_stale_facts_are_found(api: dict[str, Any]) -> None:
    """facts.json is held against a fresh reduction of the API facts."""
    api["functions"]["aclrtFree"]["products"]["A2"] = False
    api["error_codes"]["ACL_ERROR_BAD_ALLOC"]["meaning"] = "something else"
    found = differences(api)
    assert [line.split(": is")[0] for line in found] == ["facts.json: aclrtFree", "facts.json: ACL_ERROR_BAD_ALLOC"]


def test_the_command_counts_and_fails(api: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what it compared, then each difference in one line, and its exit code says whether there were any."""
    path = tmp_path / "acl_api.json"
    path.write_text(json.dumps(api))
    assert main([str(path)]) == 0
    printed = capsys.readouterr().out
    assert "524 functions, 1387 parameters" in printed
    assert printed.endswith("0 differences\n")
    api["enums"]["aclrtRunMode"]["size"] = 8
    path.write_text(json.dumps(api))
    assert main([str(path)]) == 1
    assert capsys.readouterr().out.endswith("\nsizeof(aclrtRunMode): is 4, should be 8\n1 differences\n")

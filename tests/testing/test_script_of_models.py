"""The recorder with models: structs, fields of structs, providers, and handles that live in Python's memory."""

import pytest

from aclcffi import ffi
from aclcffi.testing.script import ContractError, Recorder


def run(script: str) -> None:
    """Run a program."""
    place: dict[str, object] = {}
    try:
        exec(script, place)
    finally:
        place["acl"].close()  # type: ignore[attr-defined]


def record() -> Recorder:
    """A model with gears, of a provider, and a gear that is set by a struct."""
    acl = Recorder.open("simulator")
    acl.expect("aclInit", ffi.NULL)
    acl.expect("aclrtSetDevice", 0)
    samples = {sample.kind: sample for sample in acl.models("aclsim.samples:models")}
    model = ffi.new("uint32_t *")
    acl.expect("aclmdlLoadFromFile", samples["dims"].path, model)
    acl.check(model, (1,))
    dataset, memory = acl.expect("aclmdlCreateDataset", legal=()), ffi.new("void **")
    acl.expect("aclrtMalloc", memory, 64, 0)
    acl.expect("aclrtMemcpy", memory[0], 64, b"12345678" + b"\0" * 56, 64, 1)
    buffer = acl.expect("aclCreateDataBuffer", memory[0], 64, legal=())
    acl.expect("aclmdlAddDatasetBuffer", dataset, buffer)
    gear = ffi.new("aclmdlIODims *")
    gear.dimCount = 4
    gear.dims[0:4] = [4, 3, 2, 2]
    acl.expect("aclmdlSetInputDynamicDims", model[0], dataset, 0, gear)
    desc = acl.expect("aclmdlCreateDesc", legal=())
    acl.expect("aclmdlGetDesc", desc, model[0])
    place = ffi.new("aclmdlIODims *")
    acl.expect("aclmdlGetCurOutputDims", desc, 0, place)
    acl.check_field(place, "dimCount", (2,))
    acl.check_field(place, "dims", ([4, 3],), 2)
    config, size = acl.expect("aclrtCreateStreamConfigHandle", legal=()), ffi.new("size_t *", 64)
    acl.expect("aclrtSetStreamConfigOpt", config, 1, size, 8)
    acl.expect("aclrtDestroyStreamConfigHandle", config)
    return acl


def test_a_script_with_models_runs() -> None:
    """The provider is called again, structs are filled field by field, and numbers that repeat are written in short."""
    acl = record()
    script = acl.script()
    acl.close()
    run(script)
    lines = script.splitlines()
    assert [line for line in lines if "models" in line] == ["from aclsim.samples import models", "models(acl)"]
    assert "out3.dimCount = 4" in lines
    assert "out3.dims[0:4] = [4, 3, 2, 2]" in lines
    assert "assert out4.dimCount == 2" in lines
    assert "assert list(out4.dims[0:2]) == [4, 3]" in lines
    assert "stream_config_handle1 = acl.aclrtCreateStreamConfigHandle()" in lines
    assert any(r"b'1234' + b'5678' + b'\x00\x00\x00\x00' * 14" in line for line in lines)


def test_a_field_that_is_not_legal() -> None:
    """A field that is not what it may be is a violation, and the last line of the script."""
    acl = record()
    place = ffi.new("aclmdlIODims *")
    with pytest.raises(ContractError, match=r"out6.dimCount is 0; the contract allows 2") as caught:
        acl.check_field(place, "dimCount", (2,))
    acl.close()
    assert caught.value.script.endswith("\nassert out6.dimCount == 2")
    with pytest.raises(AssertionError):
        run(caught.value.script)

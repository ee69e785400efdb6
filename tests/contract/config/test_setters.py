"""Config handles: in which order their functions check, and external weights (contract_mdl section 4)."""

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.configs import ADDRESS, main_only
from tests.contract.models import (
    EINVAL,
    EPARAM,
    SMALL,
    add,
    adder,
    external,
    last_message,
    memory_config,
    place_of,
    timeout_config,
)

lib = Acl.lib


# -- order of the checks ---------------------------------------------------------------------------------------------


def test_the_order_of_the_load_setter_s_checks(untouched: Acl) -> None:
    """aclmdlSetConfigOpt looks at handle, value's address, attribute, size and value, in this order (section 4.2)."""
    handle, place = untouched.aclmdlCreateConfigHandle(), place_of(untouched, "size_t", 99)
    for arguments, sentence in (
        ((NULL, 12345, NULL, 9), "handle is NULL"),
        ((handle, 12345, NULL, 9), "attrValue is NULL"),
        ((handle, 12345, place, 9), "attr 12345 is not known"),
        ((handle, 1, place, 9), "valueSize is 9"),
        ((handle, 1, place, 8), "attr 1 cannot be 99"),
    ):
        assert untouched.aclmdlSetConfigOpt(*arguments) == EINVAL
        assert sentence in last_message(untouched)


def test_the_order_of_the_exec_setter_s_checks(untouched: Acl, product: str) -> None:
    """aclmdlSetExecConfigOpt looks at handle, value's address, attribute, size and value, in this order (section 4.3)."""
    handle, place = untouched.aclmdlCreateExecConfigHandle(), place_of(untouched, "int64_t", -5)
    attr = 3 if product == SMALL else 0
    checks = [
        ((NULL, 12345, NULL, 9), "handle is NULL"),
        ((handle, 12345, NULL, 9), "attrValue is NULL"),
        ((handle, 12345, place, 9), "attr 12345 is not known"),
        ((handle, attr, place, 9), "valueSize is 9"),
        ((handle, attr, place, 4), "attr 0 cannot be -5"),
    ]
    for arguments, sentence in checks[: 4 if product == SMALL else 5]:  # the small library refuses no value
        assert untouched.aclmdlSetExecConfigOpt(*arguments) == EINVAL
        assert sentence in last_message(untouched)


@pytest.mark.row("MD4.06")
def test_a_refused_value_of_a_load_is_not_stored(machine: Acl) -> None:
    """What was set before stays when a value, a size or a NULL is refused."""
    config = memory_config(machine, add())
    good, bad = (place_of(machine, "size_t", value) for value in (lib.ACL_MDL_LOAD_FROM_FILE, 99))
    for place, size in ((good, 4), (NULL, 8), (bad, 8)):
        assert machine.aclmdlSetConfigOpt(config.handle, lib.ACL_MDL_LOAD_TYPE_SIZET, place, size) == EINVAL
    assert config.load() == 0


@pytest.mark.row("MD4.26")
@main_only
def test_a_refused_timeout_is_not_stored(machine: Acl) -> None:
    """A timeout of 1 ms in a wrong size, or a wrong timeout, leaves the default: the execution waits for all before it."""
    program, before, stream = adder(machine), adder(machine), machine.stream()
    handle = timeout_config(machine)
    for value, size in ((1, 8), (1, 2), (-2, 4)):
        place = place_of(machine, "int64_t", value)
        assert machine.aclmdlSetExecConfigOpt(handle, lib.ACL_MDL_STREAM_SYNC_TIMEOUT, place, size) == EINVAL
    for _ in range(300):
        machine.ok(before.execute_async(stream))
    assert program.execute_v2(stream, handle) == 0


# -- external weights ------------------------------------------------------------------------------------------------


@pytest.mark.row("MD12.17")
@main_only
@pytest.mark.parametrize(("size", "code"), [(0, EINVAL), (1, EINVAL), (31, EINVAL), (48, EINVAL), (32, 0), (64, 0)])
def test_the_size_of_an_external_weight(machine: Acl, size: int, code: int) -> None:
    """aclmdlSetExternalWeightAddress takes positive multiples of 32 only; the address may be anything."""
    handle = machine.aclmdlCreateConfigHandle()
    assert machine.aclmdlSetExternalWeightAddress(handle, b"w.bin", machine.pointer(ADDRESS + 1), size) == code


@main_only
def test_the_order_of_an_external_weight_s_checks(machine: Acl) -> None:
    """aclmdlSetExternalWeightAddress refuses handle, name and address NULL in this order, and then the size."""
    handle, memory = machine.aclmdlCreateConfigHandle(), machine.malloc(32)
    for arguments, sentence in (
        ((NULL, NULL, NULL, 0), "handle is NULL"),
        ((handle, NULL, NULL, 0), "weightFileName is NULL"),
        ((handle, b"w.bin", NULL, 0), "devPtr is NULL"),
        ((handle, b"w.bin", memory, 0), "size is 0"),
    ):
        assert machine.aclmdlSetExternalWeightAddress(*arguments) == EINVAL
        assert sentence in last_message(machine)


@main_only
def test_an_external_weight_is_given_twice(machine: Acl) -> None:
    """The same name may be given several times; too little of it fails the load with 145000."""
    config, memory = memory_config(machine, external(count=16)), machine.malloc(64)
    assert machine.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 32) == 0
    assert config.load() == EPARAM
    assert machine.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 64) == 0
    assert config.load() == 0


def test_the_small_library_has_no_external_weights(open_acl: OpenAcl) -> None:
    """aclmdlSetExternalWeightAddress exists in the main library only."""
    assert not open_acl(product=SMALL).backend.supports("aclmdlSetExternalWeightAddress")

"""Attributes of a loaded model (contract_mdl section 5.4)."""

from typing import Any

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.models import EINVAL, EMODELID, UNKNOWN, add, last_message, load, memory_config
from tests.contract.varying import linear

lib = Acl.lib

PRIORITY = lib.ACL_MDL_ATTR_PRIORITY_INT32
UNTOUCHED = 77


def value(acl: Acl, priority: int) -> Any:
    """An attribute value with a priority."""
    place = acl.out("aclmdlAttrValue_t")
    place.mdlPriority = priority
    return place


def priority_of(acl: Acl, model_id: int) -> int:
    """The priority that a model has."""
    place = value(acl, UNTOUCHED)
    acl.ok(acl.aclmdlGetAttribute(model_id, PRIORITY, place))
    return int(place.mdlPriority)


@pytest.mark.row("MD5.26", "MD5.27", "MD5.28", "MD5.29")
def test_checks_of_set(acl: Acl) -> None:
    """NULL, then the attribute, then the priority's range are 100000, then an unknown id is 145003; nothing is stored."""
    number = load(acl, add())
    for model_id, attr, given, code, sentence in (
        (UNKNOWN, 1, NULL, EINVAL, "attrValue is NULL"),
        (UNKNOWN, 1, value(acl, 8), EINVAL, "attr is 1"),
        (UNKNOWN, PRIORITY, value(acl, 8), EINVAL, "the priority is 8"),
        (UNKNOWN, PRIORITY, value(acl, 7), EMODELID, "was never given out"),
        (number, PRIORITY, NULL, EINVAL, "attrValue is NULL"),
        (number, 1, value(acl, 7), EINVAL, "attr is 1"),
        (number, PRIORITY, value(acl, 8), EINVAL, "the priority is 8"),
        (number, PRIORITY, value(acl, 0xFFFFFFFF), EINVAL, "the priority is 4294967295"),
    ):
        assert acl.aclmdlSetAttribute(model_id, attr, given) == code
        assert sentence in last_message(acl)
    assert priority_of(acl, number) == 0


@pytest.mark.row("MD5.26", "MD5.27", "MD5.29")
def test_checks_of_get(acl: Acl) -> None:
    """NULL, then the attribute are 100000, then an unknown id is 145003; a failing call leaves the value alone."""
    number, place = load(acl, add()), value(acl, UNTOUCHED)
    for model_id, attr, given, code, sentence in (
        (UNKNOWN, 1, NULL, EINVAL, "attrValue is NULL"),
        (UNKNOWN, 1, place, EINVAL, "attr is 1"),
        (UNKNOWN, PRIORITY, place, EMODELID, "was never given out"),
        (number, PRIORITY, NULL, EINVAL, "attrValue is NULL"),
        (number, 1, place, EINVAL, "attr is 1"),
    ):
        assert acl.aclmdlGetAttribute(model_id, attr, given) == code
        assert sentence in last_message(acl)
    assert place.mdlPriority == UNTOUCHED


@pytest.mark.row("MD5.29")
def test_models_without_attributes(acl: Acl) -> None:
    """The id of a dynamic-shape model, and one that was unloaded, is 145003 for both calls."""
    dynamic, gone = load(acl, linear()), load(acl, add())
    acl.ok(acl.aclmdlUnload(gone))
    for number in (dynamic, gone):
        assert acl.aclmdlSetAttribute(number, PRIORITY, value(acl, 3)) == EMODELID
        assert acl.aclmdlGetAttribute(number, PRIORITY, value(acl, 3)) == EMODELID


@pytest.mark.row("MD5.31")
def test_a_priority_is_read_as_it_was_set(acl: Acl) -> None:
    """Get answers the load's priority at first, then what Set stored last, for each loaded model apart."""
    config = memory_config(acl, add())
    config.set(lib.ACL_MDL_PRIORITY_INT32, "int32_t", 5)
    acl.ok(config.load())
    first, second = int(config.id[0]), load(acl, add())
    assert (priority_of(acl, first), priority_of(acl, second)) == (5, 0)
    for priority in (7, 0, 3):
        assert acl.aclmdlSetAttribute(first, PRIORITY, value(acl, priority)) == 0
        assert (priority_of(acl, first), priority_of(acl, second)) == (priority, 0)


def test_the_union() -> None:
    """Section 5.4: an attribute value has 32 bytes, and the priority lies over the first reserved word."""
    assert Acl.ffi.sizeof("aclmdlAttrValue_t") == 32
    place = Acl.ffi.new("aclmdlAttrValue_t *")
    place.mdlPriority = 7
    assert list(place.reserved) == [7, 0, 0, 0, 0, 0, 0, 0]

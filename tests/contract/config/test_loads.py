"""Config handles: what a load needs to have set, and in which order it checks that (contract_mdl section 4.4)."""

from pathlib import Path

import pytest

from tests.contract.acl import NULL, Acl
from tests.contract.configs import fails_without, main_only
from tests.contract.models import (
    EINVAL,
    ENOTSUP,
    EPARAM,
    EPATH,
    ESIZE,
    NO_ID,
    SMALL,
    LoadConfig,
    add,
    described,
    file_config,
    last_message,
    memory_config,
    weighted,
    write_file,
)

lib = Acl.lib

FILE, FILE_WITH_MEM, MEM, MEM_WITH_MEM, FILE_WITH_Q, MEM_WITH_Q = range(1, 7)
PATH = ((2, "char *"),)
MEMORY = ((3, "void *"), (4, "size_t"))
QUEUES = ((9, "size_t"), (10, "void *"), (11, "size_t"), (12, "void *"))
NEEDED = {
    FILE: PATH,
    FILE_WITH_MEM: PATH,
    MEM: MEMORY,
    MEM_WITH_MEM: MEMORY,
    FILE_WITH_Q: PATH + QUEUES,
    MEM_WITH_Q: MEMORY + QUEUES,
}
"""Load type -> number and C type of each attribute that must be set."""

WEIGHT_PATH = 14


def complete_config(acl: Acl, kind: int, path: bytes, without: int | None = None) -> LoadConfig:
    """A config with all that a load type needs (except one attribute) for the model in a file."""
    data = Path(path.decode()).read_bytes()
    values = {2: path, 3: data, 4: len(data), 9: 2, 10: b"queue ids", 11: 1, 12: b"queue ids"}
    config = LoadConfig(acl, kind)
    for attr, c_type in NEEDED[kind]:
        if attr != without:
            config.set(attr, c_type, values[attr])
    return config


@pytest.mark.row("MD4.33")
def test_a_load_needs_its_type(machine: Acl, tmp_path: Path) -> None:
    """Without ACL_MDL_LOAD_TYPE_SIZET nothing is loaded, whatever else is set."""
    config = LoadConfig(machine)
    config.set(lib.ACL_MDL_PATH_PTR, "char *", write_file(tmp_path, add()))
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", add())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(add()))
    assert config.load() == EINVAL
    assert config.id[0] == NO_ID
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", lib.ACL_MDL_LOAD_FROM_MEM)
    assert config.load() == 0


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FILE, marks=pytest.mark.row("MD4.34")),
        pytest.param(FILE_WITH_MEM, marks=pytest.mark.row("MD4.34")),
        pytest.param(MEM, marks=pytest.mark.row("MD4.35")),
        pytest.param(MEM_WITH_MEM, marks=pytest.mark.row("MD4.35")),
    ],
)
def test_what_a_load_must_have_set(machine: Acl, tmp_path: Path, kind: int) -> None:
    """A load of types 1 to 4 works with just the attributes of its line; each of them missing is 100000."""
    path = write_file(tmp_path, add())
    assert complete_config(machine, kind, path).load() == 0
    for attr, _ in NEEDED[kind]:
        config = complete_config(machine, kind, path, without=attr)
        assert config.load() == EINVAL, attr
        assert config.id[0] == NO_ID


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(FILE_WITH_Q, marks=pytest.mark.row("MD4.36")),
        pytest.param(MEM_WITH_Q, marks=pytest.mark.row("MD4.37")),
    ],
)
@main_only
def test_what_a_load_with_queues_must_have_set(machine: Acl, tmp_path: Path, kind: int) -> None:
    """Types 5 and 6 pass with the attributes of their line (queues are not modelled: 200001); each missing is 100000."""
    path = write_file(tmp_path, add())
    assert complete_config(machine, kind, path).load() == ENOTSUP
    for attr, _ in NEEDED[kind]:
        assert complete_config(machine, kind, path, without=attr).load() == EINVAL, attr


@pytest.mark.row("MD4.14", "MD4.16", "MD4.36", "MD4.37")
@main_only
@pytest.mark.parametrize("kind", [FILE_WITH_Q, MEM_WITH_Q])
@pytest.mark.parametrize("attr", [lib.ACL_MDL_INPUTQ_NUM_SIZET, lib.ACL_MDL_OUTPUTQ_NUM_SIZET])
def test_a_number_of_queues_of_0_fails_at_the_load(machine: Acl, tmp_path: Path, kind: int, attr: int) -> None:
    """A number of queues of 0 can be set, and is refused with 100000 when the model is loaded."""
    config = complete_config(machine, kind, write_file(tmp_path, add()))
    config.set(attr, "size_t", 0)
    assert config.load() == EINVAL


@pytest.mark.row("MD4.34", "MD4.35", "MD4.36", "MD4.37")
@main_only
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (FILE, EINVAL),
        (FILE_WITH_MEM, EINVAL),
        (FILE_WITH_Q, EINVAL),
        (MEM, 0),
        (MEM_WITH_MEM, 0),
        (MEM_WITH_Q, ENOTSUP),
    ],
)
def test_which_loads_go_with_a_weight_path(machine: Acl, tmp_path: Path, kind: int, code: int) -> None:
    """A folder for weights is forbidden for models in files, and may be set for models in memory."""
    config = complete_config(machine, kind, write_file(tmp_path, add()))
    config.set(WEIGHT_PATH, "char *", str(tmp_path).encode())
    assert config.load() == code


@pytest.mark.row("MD4.34", "MD4.35")
@main_only
@pytest.mark.parametrize(("kind", "code"), [(FILE, 0), (FILE_WITH_MEM, EPARAM), (MEM, 0), (MEM_WITH_MEM, EPARAM)])
@pytest.mark.parametrize("part", ["work", "weight"])
def test_which_loads_look_at_memory_of_the_caller(
    machine: Acl, tmp_path: Path, kind: int, code: int, part: str
) -> None:
    """Types 2 and 4 use work and weight memory, and refuse too little; types 1 and 3 do not look at it."""
    config = complete_config(machine, kind, write_file(tmp_path, weighted()))
    address, size = (7, 8) if part == "work" else (5, 6)
    config.set(address, "void *", machine.malloc(32))
    config.set(size, "size_t", 1)
    assert config.load() == code


@pytest.mark.row("MD4.34", "MD4.35")
@pytest.mark.parametrize("kind", [FILE_WITH_MEM, MEM_WITH_MEM])
def test_memory_of_the_caller_may_be_null(machine: Acl, product: str, tmp_path: Path, kind: int) -> None:
    """Types 2 and 4 with NULL as work and weight memory take memory of the library's."""
    config = complete_config(machine, kind, write_file(tmp_path, weighted()))
    for address, size in ((5, 6), (7, 8))[: 1 if product == SMALL else 2]:
        config.set(address, "void *", NULL)
        config.set(size, "size_t", 0)
    assert config.load() == 0


@pytest.mark.row("MD4.34", "MD4.35")
@pytest.mark.parametrize("product", [SMALL])
@pytest.mark.parametrize("kind", [FILE, FILE_WITH_MEM, MEM, MEM_WITH_MEM])
def test_the_small_library_treats_load_types_alike(machine: Acl, product: str, tmp_path: Path, kind: int) -> None:
    """On the small library types 1 and 2 do the same, and so do 3 and 4: weight memory that was given is used."""
    config, weight = complete_config(machine, kind, write_file(tmp_path, weighted())), machine.malloc(16)
    config.set(lib.ACL_MDL_WEIGHT_ADDR_PTR, "void *", weight)
    config.set(lib.ACL_MDL_WEIGHT_SIZET, "size_t", 16)
    fails_without(machine, product, config, 1, weight)


@main_only
def test_the_order_of_a_load_s_checks(machine: Acl, tmp_path: Path) -> None:
    """The main library: handle, routing by path or memory, modelId, attribute rules, content (section 4.4)."""
    short, wrong = write_file(tmp_path, b"abc", "short"), write_file(tmp_path, bytes(300), "wrong")
    assert machine.aclmdlLoadWithConfig(NULL, NULL) == EINVAL
    assert "handle is NULL" in last_message(machine)

    config = LoadConfig(machine)  # no load type, so that the rules would refuse it too
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "neither a model file nor model memory" in last_message(machine)
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", b"abc")
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", 3)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", b"")  # an empty path is none
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", str(tmp_path / "missing").encode())
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EPATH
    config.set(lib.ACL_MDL_PATH_PTR, "char *", short)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == ESIZE
    config.set(lib.ACL_MDL_PATH_PTR, "char *", wrong)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "modelId is NULL" in last_message(machine)
    assert config.load() == EINVAL
    assert "LOAD_TYPE" in last_message(machine)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", FILE)
    assert config.load() == EPARAM


@main_only
def test_a_path_is_opened_for_a_load_from_memory_too(machine: Acl, tmp_path: Path) -> None:
    """A path in the handle is checked even when the load type says memory; the model comes from memory all the same."""
    config = memory_config(machine, add())
    config.set(lib.ACL_MDL_PATH_PTR, "char *", str(tmp_path / "missing").encode())
    assert config.load() == EPATH
    config.set(lib.ACL_MDL_PATH_PTR, "char *", write_file(tmp_path, weighted()))
    assert config.load() == 0
    assert machine.aclmdlGetNumInputs(described(machine, config.id[0])) == 2
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", 3)  # which the router, busy with the path, has not looked at
    assert config.load() == EINVAL


@main_only
def test_an_empty_path_is_no_model(machine: Acl) -> None:
    """A load from a file with an empty path fails as a missing file does, even if the handle has model memory too."""
    config = file_config(machine, b"")
    config.set(lib.ACL_MDL_MEM_ADDR_PTR, "void *", add())
    config.set(lib.ACL_MDL_MEM_SIZET, "size_t", len(add()))
    assert config.load() == EPATH


@pytest.mark.parametrize("product", [SMALL])
def test_the_order_of_the_small_library_s_checks(machine: Acl, tmp_path: Path) -> None:
    """The small library looks at the handle, the modelId and the attribute rules before it opens a file (section 4.4)."""
    missing = str(tmp_path / "missing").encode()
    assert machine.aclmdlLoadWithConfig(NULL, NULL) == EINVAL
    assert "handle is NULL" in last_message(machine)
    config = LoadConfig(machine)
    config.set(lib.ACL_MDL_PATH_PTR, "char *", missing)
    assert machine.aclmdlLoadWithConfig(config.handle, NULL) == EINVAL
    assert "modelId is NULL" in last_message(machine)
    assert config.load() == EINVAL
    assert "LOAD_TYPE" in last_message(machine)
    config.set(lib.ACL_MDL_LOAD_TYPE_SIZET, "size_t", FILE)
    assert config.load() == EPATH

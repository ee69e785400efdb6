"""Data buffers and datasets (contract_mdl sections 3.1 and 3.2), on both libraries."""

from typing import Any

import pytest

from tests.contract.acl import NULL, Acl, OpenAcl
from tests.contract.models import EINVAL, PRODUCTS, SMALL, dataset, last_message, started

BEYOND_32_BITS = (1 << 32) + 5


@pytest.fixture(params=PRODUCTS)
def machine(request: pytest.FixtureRequest, open_acl: OpenAcl) -> Acl:
    """A machine of each kind; nothing is initialised, which none of these functions needs."""
    return open_acl(product=request.param)


def buffer_of(acl: Acl, address: int = 0x1000, size: int = 8) -> Any:
    """A data buffer; its memory need not exist."""
    return acl.aclCreateDataBuffer(acl.pointer(address), size)


@pytest.mark.row("MD3.01")
@pytest.mark.parametrize(("address", "size"), [(0, 0), (0, 7), (0x1234, 0), (0x1234, 16), (0x1234, (1 << 64) - 1)])
def test_a_data_buffer_is_made_of_any_address_and_size(machine: Acl, address: int, size: int) -> None:
    """aclCreateDataBuffer checks nothing, NULL with a size included, and gives back what it was made of."""
    buffer = machine.aclCreateDataBuffer(machine.pointer(address), size)
    assert buffer != NULL
    assert machine.address(machine.aclGetDataBufferAddr(buffer)) == address
    assert machine.aclGetDataBufferSizeV2(buffer) == size


@pytest.mark.row("MD3.01")
def test_a_data_buffer_does_not_copy(machine: Acl) -> None:
    """The memory behind a data buffer is the caller's: it is referenced, so a change there shows."""
    memory = machine.host(b"before")
    buffer = machine.aclCreateDataBuffer(memory, 6)
    machine.ffi.memmove(memory, b"behind", 6)
    assert machine.content(machine.aclGetDataBufferAddr(buffer), 6) == b"behind"


@pytest.mark.row("MD3.02")
@pytest.mark.parametrize("product", PRODUCTS)
def test_destroying_a_data_buffer_leaves_its_memory(open_acl: OpenAcl, product: str) -> None:
    """aclDestroyDataBuffer frees the descriptor only: its memory keeps its bytes and is the caller's to free."""
    acl = started(open_acl, product)
    memory = acl.malloc(8, b"12345678")
    assert acl.aclDestroyDataBuffer(acl.aclCreateDataBuffer(memory, 8)) == 0
    assert acl.read(memory, 8) == b"12345678"
    assert acl.aclrtFree(memory) == 0


@pytest.mark.row("MD3.02")
def test_destroying_no_data_buffer_is_refused(machine: Acl) -> None:
    """aclDestroyDataBuffer answers 100000 for NULL, and (a choice) for a buffer that was destroyed already."""
    assert machine.aclDestroyDataBuffer(NULL) == EINVAL
    assert "dataBuffer is NULL" in last_message(machine)
    buffer = buffer_of(machine)
    assert machine.aclDestroyDataBuffer(buffer) == 0
    assert machine.aclDestroyDataBuffer(buffer) == EINVAL
    assert "was destroyed" in last_message(machine)


@pytest.mark.row("MD3.03")
def test_a_data_buffer_is_pointed_elsewhere(open_acl: OpenAcl) -> None:
    """aclUpdateDataBuffer refuses NULL, else overwrites address and size and frees nothing; the small library lacks it."""
    acl = started(open_acl, "generic")
    assert acl.aclUpdateDataBuffer(NULL, acl.pointer(0x1000), 8) == EINVAL
    memory = acl.malloc(8, b"12345678")
    buffer = acl.aclCreateDataBuffer(memory, 8)
    assert acl.aclUpdateDataBuffer(buffer, acl.pointer(0x1000), 24) == 0
    assert acl.address(acl.aclGetDataBufferAddr(buffer)) == 0x1000
    assert acl.aclGetDataBufferSizeV2(buffer) == 24
    assert acl.aclUpdateDataBuffer(buffer, NULL, 3) == 0
    assert acl.aclGetDataBufferAddr(buffer) == NULL
    assert acl.aclGetDataBufferSizeV2(buffer) == 3
    assert acl.read(memory, 8) == b"12345678"
    assert acl.aclrtFree(memory) == 0
    assert not open_acl(product=SMALL).backend.supports("aclUpdateDataBuffer")


@pytest.mark.row("MD3.04")
def test_getters_of_a_data_buffer(machine: Acl) -> None:
    """aclGetDataBufferAddr and SizeV2 give what the buffer was made of, NULL and 0 without a buffer."""
    buffer = buffer_of(machine, 0x2000, BEYOND_32_BITS)
    assert machine.address(machine.aclGetDataBufferAddr(buffer)) == 0x2000
    assert machine.aclGetDataBufferSizeV2(buffer) == BEYOND_32_BITS
    assert machine.aclGetDataBufferAddr(NULL) == NULL
    assert machine.aclGetDataBufferSizeV2(NULL) == 0
    machine.ok(machine.aclDestroyDataBuffer(buffer))
    assert machine.aclGetDataBufferAddr(buffer) == NULL
    assert machine.aclGetDataBufferSizeV2(buffer) == 0


@pytest.mark.row("MD3.05")
def test_the_deprecated_size_has_32_bits(acl: Acl) -> None:
    """aclGetDataBufferSize cuts the size to 32 bits and gives 0 without a buffer."""
    assert acl.aclGetDataBufferSize(buffer_of(acl, size=BEYOND_32_BITS)) == 5
    assert acl.aclGetDataBufferSize(buffer_of(acl, size=(1 << 32) - 1)) == (1 << 32) - 1
    assert acl.aclGetDataBufferSize(NULL) == 0


@pytest.mark.row("MD3.06")
def test_a_dataset_begins_empty(machine: Acl) -> None:
    """aclmdlCreateDataset makes a dataset without buffers, another one each time."""
    first, second = machine.aclmdlCreateDataset(), machine.aclmdlCreateDataset()
    assert first != NULL
    assert first != second
    assert machine.aclmdlGetDatasetNumBuffers(first) == 0
    assert machine.aclmdlGetDatasetBuffer(first, 0) == NULL


@pytest.mark.row("MD3.07")
@pytest.mark.parametrize("product", PRODUCTS)
def test_destroying_a_dataset_leaves_its_buffers(open_acl: OpenAcl, product: str) -> None:
    """aclmdlDestroyDataset takes down neither the data buffers in it nor their memory."""
    acl = started(open_acl, product)
    memory = acl.malloc(8, b"12345678")
    buffer = acl.aclCreateDataBuffer(memory, 8)
    assert acl.aclmdlDestroyDataset(dataset(acl, [buffer])) == 0
    assert acl.aclGetDataBufferAddr(buffer) == memory
    assert acl.aclDestroyDataBuffer(buffer) == 0
    assert acl.read(memory, 8) == b"12345678"


@pytest.mark.row("MD3.07")
def test_destroying_no_dataset_is_refused(machine: Acl) -> None:
    """aclmdlDestroyDataset answers 100000 for NULL, and (a choice) for a dataset that was destroyed already."""
    assert machine.aclmdlDestroyDataset(NULL) == EINVAL
    made = machine.aclmdlCreateDataset()
    assert machine.aclmdlDestroyDataset(made) == 0
    assert machine.aclmdlDestroyDataset(made) == EINVAL


@pytest.mark.row("MD3.08")
def test_adding_checks_the_dataset_first(machine: Acl) -> None:
    """aclmdlAddDatasetBuffer answers 100000 for a NULL dataset, then for a NULL buffer, and then adds nothing."""
    made, buffer = machine.aclmdlCreateDataset(), buffer_of(machine)
    assert machine.aclmdlAddDatasetBuffer(NULL, NULL) == EINVAL
    assert "dataset is NULL" in last_message(machine)
    assert machine.aclmdlAddDatasetBuffer(NULL, buffer) == EINVAL
    assert "dataset is NULL" in last_message(machine)
    assert machine.aclmdlAddDatasetBuffer(made, NULL) == EINVAL
    assert "dataBuffer is NULL" in last_message(machine)
    assert machine.aclmdlGetDatasetNumBuffers(made) == 0


@pytest.mark.row("MD3.08")
def test_a_buffer_may_be_added_again_and_elsewhere(machine: Acl) -> None:
    """aclmdlAddDatasetBuffer appends the pointer itself, so one buffer can be twice in a dataset and in a second one."""
    one, other = buffer_of(machine), buffer_of(machine)
    made = dataset(machine, [one, other, one])
    second = dataset(machine, [one])
    assert [machine.aclmdlGetDatasetBuffer(made, index) for index in range(3)] == [one, other, one]
    machine.ok(machine.aclmdlDestroyDataset(made))
    assert machine.aclmdlGetDatasetBuffer(second, 0) == one


@pytest.mark.row("MD3.08")
def test_no_function_takes_a_buffer_out(machine: Acl) -> None:
    """The datasets of the API have functions to add, count and get buffers, and none to remove one."""
    names = {
        name for name in dir(machine.backend) if name.startswith("aclmdl") and name.endswith(("Buffer", "Buffers"))
    }
    assert names == {"aclmdlAddDatasetBuffer", "aclmdlGetDatasetBuffer", "aclmdlGetDatasetNumBuffers"}


@pytest.mark.row("MD3.09")
def test_the_number_of_buffers(machine: Acl) -> None:
    """aclmdlGetDatasetNumBuffers counts what was added, and gives 0 without a dataset."""
    made = machine.aclmdlCreateDataset()
    counts = []
    for _ in range(3):
        machine.ok(machine.aclmdlAddDatasetBuffer(made, buffer_of(machine)))
        counts.append(machine.aclmdlGetDatasetNumBuffers(made))
    assert counts == [1, 2, 3]
    assert machine.aclmdlGetDatasetNumBuffers(NULL) == 0


@pytest.mark.row("MD3.10")
def test_a_buffer_by_its_index(machine: Acl) -> None:
    """aclmdlGetDatasetBuffer gives the very pointer that was added, NULL without a dataset and behind the last one."""
    buffers = [buffer_of(machine, size=size) for size in (1, 2)]
    made = dataset(machine, buffers)
    assert [machine.aclmdlGetDatasetBuffer(made, index) for index in (0, 1)] == buffers
    assert machine.aclmdlGetDatasetBuffer(made, 2) == NULL
    assert machine.aclmdlGetDatasetBuffer(made, (1 << 64) - 1) == NULL
    assert machine.aclmdlGetDatasetBuffer(NULL, 0) == NULL

"""ONNX models in the simulator: weights outside the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.aclsim.onnx_loads import file_refused, in_a_branch, outer_constant, refused
from tests.contract.acl import Acl
from tests.contract.models import (
    ENOTSUP,
    EPARAM,
    Program,
    build,
    external,
    file_config,
    memory_config,
    tensor,
    write_file,
)
from tests.contract.varying import load_path

ONES = np.ones(8, np.float32).tobytes()
"""What the weights of `external` are here."""


def adds_ones(acl: Acl, number: int) -> bool:
    """Whether a loaded `external` model adds ones."""
    program = Program(acl, b"", number)
    program.feed([5] * (program.input_sizes[0] // 4))
    acl.ok(program.execute())
    return set(program.result()) == {6.0}


lib = Acl.lib


@pytest.mark.parametrize("location", ["weights.bin", "deeper/weights.bin", "./deeper/../weights.bin"])
def test_weights_beside_the_file(machine: Acl, tmp_path: Path, location: str) -> None:
    """Weights in another file of the model's folder, or below it, are read from there."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / location).write_bytes(ONES)
    assert adds_ones(machine, load_path(machine, write_file(tmp_path, external(location))))


def test_a_part_of_the_file(machine: Acl, tmp_path: Path) -> None:
    """Offset and length name the bytes; without a length it is the rest of the file."""
    (tmp_path / "weights.bin").write_bytes(b"x" * 16 + ONES + b"y" * 16)
    whole = write_file(tmp_path, external(offset=16, length=32))
    assert adds_ones(machine, load_path(machine, whole))
    (tmp_path / "rest.bin").write_bytes(b"x" * 16 + ONES)
    assert adds_ones(machine, load_path(machine, write_file(tmp_path, external("rest.bin", offset=16))))


def test_the_size_of_weights_beside_the_file(ready: Acl, tmp_path: Path) -> None:
    """They count as weights in aclmdlQuerySize."""
    (tmp_path / "weights.bin").write_bytes(ONES)
    work, weight = ready.out("size_t"), ready.out("size_t")
    assert ready.aclmdlQuerySize(write_file(tmp_path, external()), work, weight) == 0
    assert weight[0] == 32


@pytest.mark.parametrize("location", ["../weights.bin", "deeper/../../weights.bin", "{outside}", "link"])
def test_weights_outside_the_folder(ready: Acl, tmp_path: Path, location: str) -> None:
    """A path that leads out of the model's folder is refused: upwards, absolute, or by a symbolic link."""
    folder = tmp_path / "model"
    (folder / "deeper").mkdir(parents=True)
    outside = tmp_path / "weights.bin"
    outside.write_bytes(ONES)
    (folder / "link").symlink_to(outside)
    path = write_file(folder, external(location.format(outside=outside)))
    file_refused(ready, path, EPARAM, "weight 'w'", "outside the model's folder")


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("missing.bin", "No such file"),
        ("deeper", "Is a directory"),
        ("circle", "circle"),
        ("n" * 300, "name too long"),
        ("", "no file's name"),
        ("a\0b", "no file's name"),
    ],
)
def test_weights_that_cannot_be_read(ready: Acl, tmp_path: Path, location: str, words: str) -> None:
    """A file that is missing, is none, or has an impossible name is refused with the weight's name and the reason."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    file_refused(ready, write_file(tmp_path, external(location)), EPARAM, "weight 'w'", words)


@pytest.mark.parametrize(
    "entries", [{"offset": -1}, {"offset": 8}, {"length": 64}, {"length": -4}, {"offset": 1 << 70}]
)
def test_a_part_that_the_file_does_not_have(ready: Acl, tmp_path: Path, entries: dict[str, int]) -> None:
    """Offsets and lengths outside the file are refused."""
    (tmp_path / "weights.bin").write_bytes(ONES)
    numbers = {"length": 32, **entries}
    path = write_file(tmp_path, external("weights.bin", 8, **numbers))
    file_refused(ready, path, EPARAM, "weight 'w'")


def test_an_offset_that_is_no_number(ready: Acl, tmp_path: Path) -> None:
    """An offset or length that is no number is refused."""
    model = onnx.load_model_from_string(external())
    model.graph.initializer[0].external_data.add(key="offset", value="here")
    (tmp_path / "weights.bin").write_bytes(ONES)
    path = write_file(tmp_path, model.SerializeToString())
    file_refused(ready, path, EPARAM, "an offset or a length that is no number")


def in_an_attribute() -> bytes:
    """y = x + c, where c is the value of a Constant node."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=outer_constant()),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    return build(nodes, [tensor("x", [8])], [tensor("y", [8])])


def in_a_function() -> bytes:
    """y = x + c in a function of the model."""
    nodes = [
        helper.make_node("Constant", [], ["c"], value=outer_constant()),
        helper.make_node("Add", ["a", "c"], ["b"]),
    ]
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("mine", "AddConstant", ["a"], ["b"], nodes, [opset])
    graph = helper.make_graph(
        [helper.make_node("AddConstant", ["x"], ["y"], domain="mine")], "graph", [tensor("x", [8])], [tensor("y", [8])]
    )
    opsets = [opset, helper.make_opsetid("mine", 1)]
    return bytes(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=8).SerializeToString())


@pytest.mark.parametrize("make", [in_an_attribute, in_a_branch, in_a_function])
def test_constants_anywhere_in_the_model(machine: Acl, tmp_path: Path, make: Callable[[], bytes]) -> None:
    """Tensors in attributes, in branches and in functions may lie in other files as well, and no less carefully."""
    path = write_file(tmp_path, make())
    file_refused(machine, path, EPARAM, "weight 'c'", "No such file")
    (tmp_path / "weights.bin").write_bytes(ONES)
    assert adds_ones(machine, load_path(machine, path))
    file_refused(machine, write_file(tmp_path, make().replace(b"weights.bin", b"../ghts.bin")), EPARAM, "outside")


@pytest.mark.parametrize("kind", ["tensors", "sparse_tensor", "sparse_tensors"])
def test_tensors_of_every_kind_of_attribute(ready: Acl, tmp_path: Path, kind: str) -> None:
    """Lists of tensors and sparse tensors in attributes are followed to their files too."""
    node = helper.make_node("Identity", ["x"], ["y"])
    attribute = node.attribute.add(name="extra")
    constant = outer_constant("../outside.bin")
    if kind == "tensors":
        attribute.tensors.append(constant)
    elif kind == "sparse_tensor":
        attribute.sparse_tensor.values.CopyFrom(constant)
    else:
        attribute.sparse_tensors.add().indices.CopyFrom(constant)
    path = write_file(tmp_path, build([node], [tensor("x", [8])], [tensor("y", [8])]))
    file_refused(ready, path, EPARAM, "weight 'c'", "outside the model's folder")


def test_weights_of_a_model_from_memory(ready: Acl, tmp_path: Path) -> None:
    """From memory there is no folder: refused with the ways out, which are the file, the folder, and device memory."""
    refused(ready, external(), ENOTSUP, "'weights.bin'", "ACL_MDL_WEIGHT_PATH_PTR", "aclmdlSetExternalWeightAddress")

    config = memory_config(ready, external())
    (tmp_path / "weights.bin").write_bytes(ONES)
    config.set(lib.ACL_MDL_WEIGHT_PATH_PTR, "char *", str(tmp_path).encode())
    assert config.load() == 0
    assert adds_ones(ready, config.id[0])

    config = memory_config(ready, external())
    memory = ready.malloc(32, ONES)
    ready.ok(ready.aclmdlSetExternalWeightAddress(config.handle, b"weights.bin", memory, 32))
    assert config.load() == 0
    assert adds_ones(ready, config.id[0])


def test_weights_in_device_memory(ready: Acl, tmp_path: Path) -> None:
    """Weights given by name replace the file of that name, of file models too; bad memory or too little is refused."""
    path = write_file(tmp_path, external())
    (tmp_path / "weights.bin").write_bytes(bytes(32))

    def load_with(memory: Any, size: int, name: bytes = b"weights.bin") -> Any:
        config = file_config(ready, path)
        ready.ok(ready.aclmdlSetExternalWeightAddress(config.handle, name, memory, size))
        return config.load(), config.id[0]

    good = ready.malloc(64, ONES)
    for size in (32, 64):  # more than the weight has: sizes come in steps of 32
        code, number = load_with(good, size)
        assert code == 0
        assert adds_ones(ready, number)
    code, number = load_with(good, 32, b"another.bin")
    assert code == 0
    assert not adds_ones(ready, number)
    ready.ok(ready.aclrtFree(good))
    code, _ = load_with(good, 32)
    assert code == 107000

"""The state machines of models: the backend under test keeps the contract, and a backend with a bug is found out."""

from dataclasses import replace

import pytest
from hypothesis import settings

from aclcffi.errors import BackendError
from aclcffi.testing.gear_machine import GearMachine
from aclcffi.testing.machines import AclMachine, Target, run_machine
from aclcffi.testing.model_machine import ModelMachine
from aclcffi.testing.model_state import ModelState
from tests.machines import broken_gears, broken_models
from tests.machines.broken import Broken
from tests.machines.hunting import HUNT, UNSHRUNK, found, line_that_fails, line_that_fails_here

MODELS = "aclsim.samples:models"
SMALL = "IPV350"
PRODUCTS = ("generic", "310P", SMALL)
ABSTRACT = (broken_gears.Sets, broken_gears.Executes)


def bugs(module: object) -> list[type[Broken]]:
    """The broken backends of a module."""
    kinds = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Broken)]
    return [kind for kind in kinds if kind is not Broken and kind not in ABSTRACT]


def targets(target: Target, machine: type[ModelState]) -> list[Target]:
    """The backend under test with models: as the options say, and where they name no product each kind of them."""
    if target.backend == "simulator":
        target = replace(target, models=target.models or MODELS)
    if not target.models:
        pytest.skip("no models: --acl-models names the function that brings them")
    chosen = [target]
    if target.backend == "simulator" and "product" not in target.options:
        chosen = [replace(target, options={**target.options, "product": product}) for product in PRODUCTS]
    able, lack = [], "the backend has other functions than those of the machine"
    for each in chosen:
        opened = each.open()
        with opened.backend as backend:
            if not all(map(backend.supports, machine.needs)):
                continue
            try:
                machine.find_samples(opened, each)
            except BackendError as error:
                lack = str(error)
            else:
                able.append(each)
    if not able:
        pytest.skip(lack)
    return able


def test_models(acl_target: Target) -> None:
    """Buffers, datasets, descs, configurations and static models answer, own and compute what the contract says."""
    for target in targets(acl_target, ModelMachine):
        run_machine(ModelMachine, target)


def test_gears(acl_target: Target) -> None:
    """Gears are kept where the contract says, and shapes of dynamic-shape models taken and given as it says."""
    for target in targets(acl_target, GearMachine):
        run_machine(GearMachine, target)


def test_the_products_of_the_simulator() -> None:
    """Both machines run on the main library, that of models on IPV350 too."""
    target = Target("simulator")
    assert [each.options["product"] for each in targets(target, ModelMachine)] == [*PRODUCTS]
    assert [each.options["product"] for each in targets(target, GearMachine)] == [*PRODUCTS[:2]]


@pytest.mark.parametrize("machine", [ModelMachine, GearMachine])
@pytest.mark.parametrize("strict", [None, False])
def test_models_in_files(machine: type[AclMachine], strict: bool | None) -> None:
    """Both run over model files that nobody registered, as on a device, and ask for no more than a device answers."""
    target = Target("simulator", {"product": "310P"}, strict=strict, models="tests.machines.onnx_models:models")
    run_machine(machine, target, settings(HUNT, max_examples=10))


@pytest.mark.parametrize("product", ["generic", SMALL])
def test_models_that_need_much_work_memory(product: str) -> None:
    """Executions get as much work memory as the model needs, also where each one brings its own."""
    target = Target("simulator", {"product": product}, models="tests.machines.own_models:large")
    run_machine(ModelMachine, target, settings(HUNT, max_examples=40))


@pytest.mark.parametrize(
    ("machine", "models", "lack"),
    [
        (
            ModelMachine,
            "dynamic",
            "takes samples of the kind static; 'tests.machines.own_models:dynamic' brings dynamic",
        ),
        (ModelMachine, "none", "takes samples of the kind static; 'tests.machines.own_models:none' brings none"),
        (
            GearMachine,
            "none",
            "of the kind batch, hw, dims, dynamic or static; 'tests.machines.own_models:none' brings none",
        ),
    ],
)
def test_samples_that_are_not_there(machine: type[ModelState], models: str, lack: str) -> None:
    """A machine that has nothing to play with says which samples it takes, and its test is skipped."""
    target = Target("simulator", {"product": "310P"}, models=f"tests.machines.own_models:{models}")
    with pytest.raises(BackendError, match=lack):
        run_machine(machine, target, settings(HUNT, max_examples=1))
    with pytest.raises(pytest.skip.Exception, match=lack):
        targets(target, machine)


def test_outputs_of_large_tensors_get_memory_enough() -> None:
    """An output without memory that gets some, and says that it has what the model needs, has that much."""
    machine = GearMachine(Target("simulator", {"product": "310P"}, models="tests.machines.own_models:large_batches"))
    machine.start(schedule={}, kinds=("batch", "batch"), areas=set(), tight=False)
    try:
        (outputs,) = [each for each in machine.datasets if not each.takes]
        pick = machine.datasets[::-1].index(outputs)
        machine.use_buffer("empty", pick, 0)
        machine.use_buffer("size", pick, 6)
        (buffer,) = outputs.buffers
        assert buffer.memory is not None
        assert buffer.memory.size >= buffer.size == outputs.needs[0] == 1600
    finally:
        machine.teardown()


def test_gears_play_with_what_is_there() -> None:
    """The machine of gears is content with a dynamic-shape model alone."""
    target = Target("simulator", {"product": "310P"}, models="tests.machines.own_models:dynamic")
    assert targets(target, GearMachine) == [target]
    run_machine(GearMachine, target, settings(HUNT, max_examples=10))


def hunted(bug: type[Broken], *, shrink: bool = False) -> str:
    """The program that shows a bug."""
    product = SMALL if bug in (broken_models.ReplacesDescs, broken_models.CopiesPaths, broken_models.MapsCodes) else ""
    machine = GearMachine if bug.__module__ == broken_gears.__name__ else ModelMachine
    name = f"{bug.__module__}:{bug.__name__}"
    # Some bugs need several steps, each of them right. What is found early costs nothing more.
    profile = settings(HUNT if shrink else UNSHRUNK, max_examples=3000)
    return found(machine, name, profile, models=MODELS, product=product)


@pytest.mark.parametrize("bug", [broken_models.ForgetsTheMode, broken_gears.ModelWithoutGear])
def test_short_programs(bug: type[Broken]) -> None:
    """Each machine finds a planted bug and shrinks what shows it to a few calls, which fail at the last line."""
    script = hunted(bug, shrink=True)
    assert len(script.splitlines()) < 80, script
    assert line_that_fails(script) == script.splitlines()[-1]


@pytest.mark.parametrize("bug", [*bugs(broken_models), *bugs(broken_gears)], ids=lambda bug: str(bug.__name__))
def test_bugs(bug: type[Broken]) -> None:
    """Each machine finds each planted bug; what it prints fails at its last line, also when it was not shrunk."""
    script = hunted(bug)
    assert line_that_fails_here(script) == script.splitlines()[-1]

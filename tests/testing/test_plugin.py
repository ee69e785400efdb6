"""The plugin that names the schedules of a failed test and chooses the backend of the state machines."""

import pytest

TEST = """
import aclcffi
import pytest

def open_one(seed):
    return aclcffi.open_backend("simulator", schedule="random", seed=seed)

def test_passes():
    open_one(1).close()

def test_fails():
    open_one(2).close()
    backend = open_one(-3)
    open_one(2).close()
    assert False

def test_fails_without_a_machine():
    assert False

def test_fails_with_many():
    for seed in range(12):
        open_one(seed)
    assert False

@pytest.fixture
def machine():
    return open_one(77)

def test_fails_in_a_fixture(machine):
    aclcffi.open_backend("simulator", schedule="parallel").close()
    assert False

def test_target(acl_target):
    assert acl_target.backend == "simulator"
    assert acl_target.options == {"product": "310P", "devices": "2"}
    assert acl_target.models == "aclsim.samples:models"
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the plugin, and tests that open machines."""
    pytester.makeconftest('pytest_plugins = ["aclcffi.testing.plugin"]')
    pytester.makepyfile(test_it=TEST)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_tokens_of_a_failed_test(project: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """Each token stands in the report once, that of the machine opened last at the end; also from a worker of xdist."""
    result = run(project, *workers, "-k", "test_fails and not fixture and not many or test_passes")
    result.assert_outcomes(passed=1, failed=2)
    lines = [line for line in result.outlines if line.startswith("open_backend(...")]
    assert lines == [
        'open_backend(..., schedule="replay", token="1:random:-3")',
        'open_backend(..., schedule="replay", token="1:random:2")',
    ]
    assert sum("schedules of the simulated devices" in line for line in result.outlines) == 1


def test_many_tokens(project: pytest.Pytester) -> None:
    """Of many machines the ten newest are named, and how many came before."""
    result = run(project, "-k", "many")
    tokens = [f'open_backend(..., schedule="replay", token="1:random:{seed}")' for seed in range(2, 12)]
    result.stdout.fnmatch_lines(["*schedules of the simulated devices*", "... and 2 before these", *tokens])


def test_machines_of_fixtures(project: pytest.Pytester) -> None:
    """A machine that a fixture opened is named; one whose schedule cannot be repeated is not."""
    result = run(project, "-k", "in_a_fixture")
    assert [line for line in result.outlines if line.startswith("open_backend(...")] == [
        'open_backend(..., schedule="replay", token="1:random:77")'
    ]


def test_target_of_the_options(project: pytest.Pytester) -> None:
    """The options name the backend for the state machines, what to open it with, and its models."""
    options = (
        "--acl-backend",
        "simulator",
        "--acl-option",
        "product=310P",
        "--acl-option=devices=2",
        "--acl-models=aclsim.samples:models",
    )
    run(project, "-k", "target", *options).assert_outcomes(passed=1)


def test_wrong_option(project: pytest.Pytester) -> None:
    """An option without a value is refused in words."""
    result = run(project, "-k", "target", "--acl-option", "product")
    result.stdout.fnmatch_lines(["*--acl-option takes NAME=VALUE, not 'product'*"])


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ("nope", "package.module:function, not 'nope'"),
        ("no_such_module:models", "No module named 'no_such_module'"),
        ("aclsim.samples:SAMPLES", "is no function that gives models"),
    ],
)
def test_wrong_models(project: pytest.Pytester, models: str, words: str) -> None:
    """Models that cannot be are refused in words before a machine runs."""
    result = run(project, "-k", "target", "--acl-models", models)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*UsageError: *{words}*"])

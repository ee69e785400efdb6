"""The contract of every backend, the registry, and the options of the simulator. What concerns cann is in tests/cann."""

import copy
import os
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from aclsim.backend import SimulatorBackend
from aclsim.products import PRODUCTS

import aclcffi
from aclcffi import Backend, BackendError, UnsupportedFunctionError, backend, cann, ffi, lib, open_backend
from aclcffi.backend import backend_entries, find_backend, missing
from aclcffi.functions import FUNCTIONS, products_of


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the environment's variables out of the way."""
    for variable in [name for name in os.environ if name.startswith("ACLCFFI_")]:
        monkeypatch.delenv(variable)


class Plain(Backend):
    """The least that a backend is: two functions, and notes of what it is asked for."""

    name = "plain"

    def __init__(self, *, mood: str = "good") -> None:
        self.mood = mood
        self.looked_up: list[str] = []
        self.released = 0

    def _resolve(self, name: str) -> Callable[..., Any]:
        self.looked_up.append(name)
        if name not in ("aclInit", "aclrtSetDevice"):
            raise missing(name, "a backend of this test")
        return lambda *arguments: 0 if not self.closed else 100001

    def _release(self) -> None:
        self.released += 1


class Bare(Backend):
    """A backend with nothing of its own to say or to release."""


NO_BACKEND = "a text"


def not_a_class() -> Backend:
    return Plain()


# -- every backend ---------------------------------------------------------------------------------------------------


def test_a_function_is_looked_up_once() -> None:
    """The first use looks a function up, and from then on the same object is an attribute like any other."""
    plain = Plain()
    assert plain.aclInit is plain.aclInit
    assert plain.aclInit(ffi.NULL) == 0
    assert plain.looked_up == ["aclInit"]
    assert "aclInit" in vars(plain)


def test_a_function_that_is_missing_is_looked_up_again() -> None:
    """A missing function is an UnsupportedFunctionError each time; nothing is remembered."""
    plain = Plain()
    for _ in range(2):
        with pytest.raises(UnsupportedFunctionError) as caught:
            _ = plain.aclFinalize
    error = caught.value
    assert str(error) == (
        "aclFinalize does not exist in a backend of this test; the products that have it: "
        f"{', '.join(products_of('aclFinalize'))}"
    )
    assert error.function == error.name == "aclFinalize"
    assert plain.looked_up == ["aclFinalize"] * 2


def test_a_function_that_no_product_has_says_so() -> None:
    """The message for a function that exists nowhere says that no product has it."""
    nowhere = next(name for name in FUNCTIONS if not products_of(name))
    assert str(missing(nowhere, "x")) == f"{nowhere} does not exist in x; no product has it"


def test_missing_functions_are_missing_attributes() -> None:
    """hasattr, getattr with a default and supports() all say whether a function is there."""
    plain = Plain()
    assert hasattr(plain, "aclInit")
    assert not hasattr(plain, "aclFinalize")
    assert getattr(plain, "aclFinalize", None) is None
    assert [plain.supports(name) for name in ("aclInit", "aclFinalize", "aclNothing", "close")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("name", ["aclNothing", "aclinit", "__array__", "_secret"])
def test_any_other_name_is_a_plain_attribute_error(name: str) -> None:
    """A name that is no function of ACL is an AttributeError that says so, and is looked up nowhere."""
    plain = Plain()
    with pytest.raises(
        AttributeError, match=f"Plain has no attribute '{name}', and ACL no function of that name"
    ) as caught:
        getattr(plain, name)
    assert type(caught.value) is AttributeError
    assert plain.looked_up == []


def test_dir_lists_every_function() -> None:
    """dir() has all functions of ACL, sorted, beside the backend's own attributes, and looks nothing up."""
    plain = Plain()
    names = dir(plain)
    assert names == sorted(names)
    assert set(FUNCTIONS) | {"close", "supports", "name", "ffi", "mood"} <= set(names)
    assert plain.looked_up == []


def test_closing_releases_once() -> None:
    """close() releases, a second one does nothing, and `closed` and repr() tell."""
    plain = Plain()
    states = [(plain.closed, repr(plain))]
    plain.close()
    plain.close()
    states.append((plain.closed, repr(plain)))
    assert states == [(False, "<aclcffi backend 'plain'>"), (True, "<aclcffi backend 'plain', closed>")]
    assert plain.released == 1


def test_a_with_block_closes() -> None:
    """A with block gives the backend itself and closes it, also when the block raises."""
    plain = Plain()
    with plain as entered:
        assert entered is plain
    assert plain.released == 1
    other = Plain()
    with pytest.raises(ZeroDivisionError), other:
        raise ZeroDivisionError
    assert other.released == 1


def test_after_closing_functions_answer_and_lookups_raise() -> None:
    """A function that was looked up before still answers; looking one up, known before or not, is a BackendError."""
    plain = Plain()
    held = plain.aclInit
    plain.close()
    assert held(ffi.NULL) == 100001
    for name in ("aclInit", "aclrtSetDevice", "aclFinalize"):
        with pytest.raises(BackendError, match=f"^{name}: the backend 'plain' is closed$"):
            getattr(plain, name)
    with pytest.raises(BackendError):
        plain.supports("aclInit")
    assert not plain.supports("aclNothing")
    assert plain.looked_up == ["aclInit"]


def test_a_backend_needs_neither_information_nor_a_release() -> None:
    """A backend that says nothing of itself has no information, and closes."""
    bare = Bare()
    assert Bare.information() == {}
    bare.close()
    assert bare.closed


def test_looking_for_special_names_does_no_harm() -> None:
    """What Python looks for by itself, as copy does, finds no function and no endless loop."""
    plain = Plain()
    assert copy.copy(plain).mood == "good"


# -- the registry ----------------------------------------------------------------------------------------------------


def test_both_backends_are_installed() -> None:
    """This project's backends are in the entry-point group, as anybody else's would be."""
    entries = backend_entries()
    assert {"cann", "simulator"} <= entries.keys()
    assert find_backend("simulator") is SimulatorBackend


def test_a_backend_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed backend is found by its name, with its options; an import path does without installing."""
    entry = EntryPoint("other", f"{__name__}:Plain", backend.GROUP)
    monkeypatch.setattr(backend, "backend_entries", lambda: {"other": entry})
    for name in ("other", f"{__name__}:Plain"):
        opened = open_backend(name, mood="bad")
        assert type(opened) is Plain
        assert opened.mood == "bad"
    with pytest.raises(
        BackendError, match="there is no backend 'simulator'; there are: other; another one is named by"
    ):
        open_backend("simulator")


def test_nothing_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the entry points are missing, the message asks whether aclcffi is installed."""
    monkeypatch.setattr(backend, "backend_entries", dict)
    with pytest.raises(BackendError, match=r"there are: none \(is aclcffi installed\?\)"):
        open_backend("simulator")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nothing",
            "there is no backend 'nothing'; there are: cann, simulator; another one is named by its import path",
        ),
        (":Plain", "there is no backend ':Plain'"),
        ("tests.test_backend:", "there is no backend 'tests.test_backend:'"),
        (":", "there is no backend ':'"),
        ("nowhere.at:All", "the backend 'nowhere.at:All' cannot be imported: No module named 'nowhere'"),
        (".relative:All", "the backend '.relative:All' cannot be imported: "),
        (
            f"{__name__}:None_",
            f"the backend '{__name__}:None_' cannot be imported: module '{__name__}' has no attribute",
        ),
        (
            f"{__name__}:NO_BACKEND",
            f"'{__name__}:NO_BACKEND' is no backend: 'a text' is no subclass of aclcffi.Backend",
        ),
        (f"{__name__}:not_a_class", "is no subclass of aclcffi.Backend"),
        ("os:PathLike", "'os:PathLike' is no backend: <class 'os.PathLike'> is no subclass of aclcffi.Backend"),
    ],
)
def test_what_is_no_backend_is_refused(name: str, message: str) -> None:
    """A name that leads to no backend is a BackendError that names it and says why."""
    with pytest.raises(BackendError) as caught:
        open_backend(name)
    assert message in str(caught.value)


def test_the_variable_names_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """ACLCFFI_BACKEND names the backend where the call does not, by short name or import path; the call wins."""
    monkeypatch.setenv("ACLCFFI_BACKEND", f"{__name__}:Plain")
    assert open_backend().name == "plain"
    with open_backend("simulator") as opened:
        assert opened.name == "simulator"
    monkeypatch.setenv("ACLCFFI_BACKEND", "simulator")
    with open_backend(product="310P") as opened:
        assert isinstance(opened, SimulatorBackend)
        assert opened.product == "310P"


@pytest.mark.parametrize("found", [(), (Path("/opt/libacl_rt.so"),)])
def test_without_a_name_it_is_cann_or_nothing(monkeypatch: pytest.MonkeyPatch, found: tuple[Path, ...]) -> None:
    """Without a name it is cann where its libraries are found; where not, the error says what was searched."""
    monkeypatch.setattr(cann, "find_libraries", lambda _path: cann.LibrarySearch(found, (cann.Place("here", "", ""),)))
    asked: list[str] = []

    def find(name: str) -> type[Backend]:
        asked.append(name)
        return Plain

    monkeypatch.setattr(backend, "find_backend", find)
    if found:
        assert type(open_backend()) is Plain
        assert asked == ["cann"]
    else:
        with pytest.raises(BackendError, match=r"no CANN libraries were found.*: here.*ACLCFFI_BACKEND=simulator"):
            open_backend()
        assert asked == []


def test_an_unknown_option_is_a_backend_error() -> None:
    """An option that the backend does not take is a BackendError that names it."""
    with pytest.raises(BackendError, match=r"the backend 'simulator' does not take these options: .*'colour'"):
        open_backend("simulator", colour="red")


def test_an_error_of_the_backend_itself_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TypeError of a backend's own is no matter of options."""

    class Failing(Plain):
        def __init__(self) -> None:
            raise TypeError("something else")

    monkeypatch.setattr(backend, "find_backend", lambda _name: Failing)
    with pytest.raises(TypeError, match="something else"):
        open_backend("failing")


# -- the simulator ---------------------------------------------------------------------------------------------------

OPTIONS: list[tuple[str, Any, str]] = [
    ("product", "311P", f"it can be {', '.join(PRODUCTS)}"),
    ("product", "310p", "it can be generic, "),
    ("devices", 0, "it must be 1 to 64"),
    ("devices", 65, "it must be 1 to 64"),
    ("devices", -1, "it must be 1 to 64"),
    ("devices", "two", "it must be a whole number"),
    ("devices", 1.5, "it must be a whole number"),
    ("schedule", "late", "it can be lazy, eager, random"),
    ("seed", "x", "it must be a whole number"),
    ("seed", 0.5, "it must be a whole number"),
    ("memory", 0, "it must be 1 to 18446744073709551615"),
    ("memory", 1 << 64, "it must be 1 to 18446744073709551615"),
    ("memory", "1G", "it must be a whole number"),
    ("run_mode", "both", "it can be host, device"),
    ("hang_after", "soon", "it must be a number of seconds"),
    ("hang_after", -0.1, "it must be a number of seconds, at least 0"),
    ("hang_after", "nan", "it must be a number of seconds, at least 0"),
    ("on_hang", "wait", "it can be raise, return"),
    ("check_host", "yes", "it can be 0 or 1"),
    ("check_host", 2, "it can be 0 or 1"),
    ("engine", "numpy", "it can be onnxruntime, reference"),
]


@pytest.mark.parametrize(("option", "value", "message"), OPTIONS)
def test_a_wrong_value_of_an_option_is_named(option: str, value: Any, message: str) -> None:
    """A value that an option cannot have is a BackendError that names option and value and says what is possible."""
    with pytest.raises(BackendError) as caught:
        open_backend("simulator", **{option: value})
    assert str(caught.value).startswith(f"{option} is {value!r}; {message}")


@pytest.mark.parametrize(("option", "value", "message"), OPTIONS)
def test_a_wrong_value_of_a_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, option: str, value: Any, message: str
) -> None:
    """A variable with a value that its option cannot have is named; a good value in the call wins over it."""
    variable = f"ACLCFFI_SIM_{option.upper()}"
    monkeypatch.setenv(variable, str(value))
    with pytest.raises(BackendError) as caught:
        open_backend("simulator")
    assert str(caught.value).startswith(f"{variable} is ")
    assert str(value) in str(caught.value)
    good = {"product": "310P", "schedule": "eager", "run_mode": "host", "on_hang": "raise", "engine": "reference"}
    open_backend("simulator", **{option: good.get(option, 1)}).close()


@pytest.mark.parametrize("value", [10**400, None, object()])
def test_a_number_of_seconds_that_is_none(value: Any) -> None:
    """Numbers that no float holds and things that are no number are refused; None is the default."""
    if value is None:
        open_backend("simulator", hang_after=value).close()
        return
    with pytest.raises(BackendError, match=r"^hang_after is .*; it must be a number of seconds$"):
        open_backend("simulator", hang_after=value)


def number(opened: Backend, function: str, *arguments: Any, c_type: str = "uint32_t") -> int:
    """What a function writes through its last argument."""
    out = ffi.new(f"{c_type} *")
    assert getattr(opened, function)(*arguments, out) == 0
    return int(out[0])


def options_of(opened: Backend) -> Any:
    """The options of the machine behind a backend."""
    assert isinstance(opened, SimulatorBackend)
    return opened._world.options


@pytest.mark.parametrize("by_variable", [False, True])
def test_each_option_arrives(monkeypatch: pytest.MonkeyPatch, by_variable: bool) -> None:
    """Every option, given in the call or by its variable, makes the machine that it says."""
    given: dict[str, Any] = {
        "product": "310P",
        "devices": 3,
        "schedule": "random",
        "seed": 11,
        "memory": 1 << 20,
        "run_mode": "device",
        "hang_after": 0.5,
        "on_hang": "return",
        "check_host": True,
        "engine": "reference",
    }
    if by_variable:
        for option, value in given.items():
            monkeypatch.setenv(f"ACLCFFI_SIM_{option.upper()}", "1" if value is True else str(value))
    with open_backend("simulator", **({} if by_variable else given)) as opened:
        assert isinstance(opened, SimulatorBackend)
        assert opened.product == "310P"
        assert number(opened, "aclrtGetDeviceCount") == 3
        assert number(opened, "aclrtGetRunMode", c_type="aclrtRunMode") == lib.ACL_DEVICE
        assert opened.aclInit(ffi.NULL) == opened.aclrtSetDevice(0) == 0
        total = ffi.new("size_t *")
        assert opened.aclrtGetMemInfo(lib.ACL_HBM_MEM, ffi.new("size_t *"), total) == 0
        assert total[0] == 1 << 20
        assert opened.schedule_token == "1:random:11"
        options = options_of(opened)
        assert (options.hang_after, options.on_hang, options.check_host) == (0.5, "return", True)
        assert options.engine == "reference"


@pytest.mark.parametrize(("text", "expected"), [("0", False), ("1", True), ("", False)])
def test_a_switch_by_its_variable(monkeypatch: pytest.MonkeyPatch, text: str, expected: bool) -> None:
    """0 and 1 switch, and an empty variable is none."""
    monkeypatch.setenv("ACLCFFI_SIM_CHECK_HOST", text)
    with open_backend("simulator") as opened:
        assert options_of(opened).check_host is expected


def test_variables_are_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable holds for the machines that are opened while it is set."""
    monkeypatch.setenv("ACLCFFI_SIM_DEVICES", "2")
    with open_backend("simulator") as first:
        monkeypatch.setenv("ACLCFFI_SIM_DEVICES", "5")
        with open_backend("simulator") as second:
            assert number(first, "aclrtGetDeviceCount") == 2
            assert number(second, "aclrtGetDeviceCount") == 5


def test_a_schedule_is_replayed_from_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of a machine makes another with the same schedule; a missing or wrong one is named."""
    with open_backend("simulator", schedule="random", seed=42) as opened:
        assert isinstance(opened, SimulatorBackend)
        token = opened.schedule_token
    for options in ({"token": token}, {}):
        if not options:
            monkeypatch.setenv("ACLCFFI_SIM_TOKEN", token)
        with open_backend("simulator", schedule="replay", **options) as again:
            assert isinstance(again, SimulatorBackend)
            assert again.schedule_token == token
    with pytest.raises(BackendError, match=r"^token: "):
        open_backend("simulator", schedule="replay", token="9:later")
    monkeypatch.setenv("ACLCFFI_SIM_TOKEN", "nonsense")
    with pytest.raises(BackendError, match=r"^ACLCFFI_SIM_TOKEN: "):
        open_backend("simulator", schedule="replay")
    monkeypatch.delenv("ACLCFFI_SIM_TOKEN")
    with pytest.raises(BackendError, match='schedule is "replay", and there is no token'):
        open_backend("simulator", schedule="replay")


def test_a_parallel_schedule_has_no_token() -> None:
    """A schedule that cannot be repeated has no token."""
    with open_backend("simulator", schedule="parallel") as opened:
        assert isinstance(opened, SimulatorBackend)
        assert opened.schedule_token == ""


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_has_its_functions_and_no_others(product: str) -> None:
    """A machine of a product has exactly the functions of that product; "generic" has every one."""
    with open_backend("simulator", product=product) as opened:
        have = {name for name in FUNCTIONS if opened.supports(name)}
    assert have == {name for name in FUNCTIONS if product == "generic" or product in products_of(name)}


def test_a_function_that_the_product_lacks_says_who_has_it() -> None:
    """The error names the function, the product, and the products that have it."""
    with open_backend("simulator", product="310P") as opened, pytest.raises(UnsupportedFunctionError) as caught:
        _ = opened.aclmdlExecuteAsyncV2
    assert str(caught.value) == (
        "aclmdlExecuteAsyncV2 does not exist in the libraries of product 310P, which the simulator stands for; "
        "the products that have it: IPV350"
    )


def test_machines_share_nothing() -> None:
    """Each opened backend is a machine of its own: state and handles of one mean nothing to another."""
    with open_backend("simulator") as one, open_backend("simulator") as two:
        assert one.aclInit(ffi.NULL) == one.aclrtSetDevice(0) == 0
        assert two.aclrtGetCurrentContext(ffi.new("aclrtContext *")) == lib.ACL_ERROR_RT_CONTEXT_NULL
        assert two.aclInit(ffi.NULL) == two.aclrtSetDevice(0) == 0
        stream = ffi.new("aclrtStream *")
        assert one.aclrtCreateStream(stream) == 0
        assert two.aclrtSynchronizeStream(stream[0]) == lib.ACL_ERROR_RT_INVALID_HANDLE
        two.close()
        assert one.aclrtSynchronizeStream(stream[0]) == 0


def test_after_closing_calls_answer_codes_with_messages() -> None:
    """Functions of a closed machine answer what their result allows, and the thread's messages say why."""
    opened = open_backend("simulator")
    names = (
        "aclrtMalloc",
        "aclmdlCreateDataset",
        "aclmdlGetNumInputs",
        "aclmdlGetInputNameByIndex",
        "aclGetRecentErrMsg",
    )
    malloc, dataset, count, name, message = (getattr(opened, each) for each in names)
    opened.close()
    assert malloc(ffi.new("void **"), 4, 0) == lib.ACL_ERROR_UNINITIALIZE
    assert dataset() == ffi.NULL
    assert count(ffi.NULL) == 0
    assert ffi.string(name(ffi.NULL, 0)) == b""
    said = ffi.string(message()).decode().splitlines()
    assert [line.split(":")[0] for line in said] == list(names[:4])
    assert all("the backend is closed" in line for line in said)
    assert message() == ffi.NULL
    assert ffi.typeof(message()) is ffi.typeof("char *")


def test_the_package_names_the_contract() -> None:
    """What users import is there: the opener, the base class, and the compiled extension's ffi and lib."""
    assert aclcffi.open_backend is open_backend
    assert aclcffi.Backend is Backend
    assert SimulatorBackend.ffi is aclcffi.ffi is ffi
    assert aclcffi.lib is lib
    assert set(aclcffi.__all__) <= set(dir(aclcffi))

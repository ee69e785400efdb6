"""The backend `simulator`: one method per C function over one world."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from aclcffi.backend import Backend, missing
from aclcffi.errors import BackendError
from aclcffi.functions import FUNCTIONS, products_of
from aclsim.api import function_of, modelled
from aclsim.api.binder import bind
from aclsim.api.types import make_key
from aclsim.core.schedules import SCHEDULES, read_token, token_of
from aclsim.core.world import World, WorldOptions
from aclsim.models.description import Dims
from aclsim.models.engines import ENGINES
from aclsim.models.registered import Registered, check
from aclsim.models.specs import Function, GearSpec, TensorSpec
from aclsim.products import PRODUCTS, RUN_MODES, load_product

_PREFIX = "ACLCFFI_SIM_"
_MOST_DEVICES = 64  # RT14.05
_MOST_MEMORY = (1 << 64) - 1  # a size_t
_ON_HANG = ("raise", "return")


class SimulatorBackend(Backend):
    """A simulated machine; each one opened is fresh and shares nothing with the others.

    Args:
        product: Whose functions and limits it has: "generic" (every function), "310P", "IPV350", ...
        devices: How many devices, 1 to 64.
        schedule: When queued work runs: "lazy" (as late as legal), "eager" (as early as legal), "random" (anywhere
            between, from `seed`), "replay" (as another run did, from `token`), "parallel" (on threads of its own, for
            throughput; nothing about the order is promised).
        seed: For the schedule "random".
        token: For the schedule "replay": the `schedule_token` of the run to repeat.
        memory: Bytes per device; the product's by default.
        run_mode: What aclrtGetRunMode answers, "host" or "device"; the product's by default.
        hang_after: Real seconds after which an untimed wait that nothing can end is a hang.
        on_hang: "raise" aclsim.SimulationHang, or "return" the code 507000.
        check_host: Ask the kernel about host addresses that ACL did not hand out, instead of taking the caller's word.
        engine: What computes ONNX models: "onnxruntime", or "reference" (onnx's evaluator; slow, for small models).

    What is not given comes from the environment, ACLCFFI_SIM_PRODUCT and so on, read when the backend is opened.

    Raises:
        BackendError: An option has a value that it cannot have.
    """

    name: ClassVar[str] = "simulator"

    def __init__(
        self,
        *,
        product: str | None = None,
        devices: int | None = None,
        schedule: str | None = None,
        seed: int | None = None,
        token: str | None = None,
        memory: int | None = None,
        run_mode: str | None = None,
        hang_after: float | None = None,
        on_hang: str | None = None,
        check_host: bool | None = None,
        engine: str | None = None,
    ) -> None:
        base = load_product(_choice("product", product, "generic", PRODUCTS))
        self._product = replace(
            base,
            memory=_number("memory", memory, base.memory, 1, _MOST_MEMORY),
            run_mode=_choice("run_mode", run_mode, base.run_mode, RUN_MODES),
        )
        name, number = _choice("schedule", schedule, "lazy", SCHEDULES), _number("seed", seed, 0, None, None)
        if name == "replay":
            name, number = _replayed(token)
        options = WorldOptions(
            devices=_number("devices", devices, 1, 1, _MOST_DEVICES),
            schedule=name,
            seed=number,
            hang_after=_seconds("hang_after", hang_after, 10.0),
            on_hang=_choice("on_hang", on_hang, "raise", _ON_HANG),
            check_host=_switch("check_host", check_host, default=False),
            engine=_choice("engine", engine, "onnxruntime", ENGINES),
        )
        self._world = World(self._product, options, make_key)

    @classmethod
    def information(cls) -> dict[str, Any]:
        """Return the products, and how many functions each of them has and the simulator models."""
        return {
            "products": {
                name: {"functions": len(names), "modelled": len(names & modelled().keys())}
                for name in PRODUCTS
                if (names := {each for each in FUNCTIONS if name == "generic" or name in products_of(each)})
            }
        }

    def register_model(
        self,
        name: str,
        *,
        function: Function | None = None,
        inputs: Sequence[TensorSpec] = (),
        outputs: Sequence[TensorSpec] = (),
        onnx: "str | os.PathLike[str] | bytes | None" = None,
        gears: GearSpec | None = None,
        infer: Callable[[list[Dims]], list[Dims]] | None = None,
        duration_us: float | None = None,
        failure: int = 0,
        input_shapes: Mapping[str, Sequence[int]] | None = None,
    ) -> str:
        """Make a model without a file, or an ONNX file with gears, known to every loader of this machine.

        Args:
            name: Its name; loaders take it as the path, or the content, `sim://name`.
            function: Computes it: takes the inputs as numpy arrays by name, gives the outputs by name, in order, or the
                only one.
            inputs: What it takes; -1 in a shape is a dim that varies.
            outputs: What it gives.
            onnx: An ONNX file, or its content, instead of a function with its description.
            gears: The shapes that it is built for; without them a model with dims that vary is a dynamic-shape model.
            infer: Tells the outputs' shapes from the inputs' without computing, for a function with dims that vary.
            duration_us: What an execution takes in virtual time; the product's cost model says it otherwise.
            failure: The code with which every execution fails, such as 507015; 0 for none.
            input_shapes: Dims for inputs of an ONNX file by name, as atc's --input_shape gives them: numbers for dims
                that vary in the file, -1 for those that go on varying. Gears then stand for what still varies.

        Returns:
            The path: `sim://name`.

        Raises:
            BackendError: The registration makes no sense: neither or both of `function` and `onnx`, no outputs, no such
                file, shapes, dtypes or gears that do not go together or are none, an empty name.
        """
        if not name or "\0" in name or not name.isprintable():
            raise BackendError(f"a model has a name, and {name!r} is none")
        source = onnx if onnx is None or isinstance(onnx, bytes) else Path(onnx).absolute()
        try:
            registered = Registered(
                function,
                tuple(inputs),
                tuple(outputs),
                source,
                gears,
                duration_us,
                failure,
                infer,
                dict(input_shapes or {}),
            )
            check(registered)
        except (ValueError, TypeError, OverflowError, AttributeError) as error:  # what is wrong has a wrong type, too
            raise BackendError(f"model {name!r}: {error}") from None
        self._world.registered[name] = registered
        return f"sim://{name}"

    @property
    def product(self) -> str:
        """The product whose functions and limits this machine has."""
        return self._product.name

    @property
    def schedule_token(self) -> str:
        """A short text that repeats this machine's schedule: `open_backend("simulator", schedule="replay", token=...)`.

        "" for the schedule "parallel", which cannot be repeated.
        """
        options = self._world.options
        return "" if options.schedule == "parallel" else token_of(options.schedule, options.seed)

    def _resolve(self, name: str) -> Callable[..., Any]:
        if not self._product.generic and self._product.name not in products_of(name):
            raise missing(name, f"the libraries of product {self._product.name}, which the simulator stands for")
        return bind(self._world, name, function_of(name))

    def _release(self) -> None:
        self._world.close()


def _given(option: str, value: object) -> tuple[Any, str]:
    """The value of an option, from the caller or from the environment, and where it comes from."""
    if value is not None:
        return value, option
    variable = _PREFIX + option.upper()
    return os.environ.get(variable) or None, variable


def _choice(option: str, value: str | None, default: str, choices: tuple[str, ...]) -> str:
    given, source = _given(option, value)
    if given is None:
        return default
    if given not in choices:
        raise BackendError(f"{source} is {given!r}; it can be {', '.join(choices)}")
    return str(given)


def _replayed(token: str | None) -> tuple[str, int]:
    given, source = _given("token", token)
    if given is None:
        raise BackendError('schedule is "replay", and there is no token to replay')
    try:
        return read_token(str(given))
    except ValueError as error:
        raise BackendError(f"{source}: {error}") from None


def _number(option: str, value: int | None, default: int, least: int | None, most: int | None) -> int:
    given, source = _given(option, value)
    if given is None:
        return default
    try:
        number = int(given) if isinstance(given, str) else given.__index__()
    except (ValueError, AttributeError):
        raise BackendError(f"{source} is {given!r}; it must be a whole number") from None
    if (least is not None and number < least) or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"{least} to {most}"
        raise BackendError(f"{source} is {number}; it must be {limits}")
    return int(number)


def _seconds(option: str, value: float | None, default: float) -> float:
    given, source = _given(option, value)
    if given is None:
        return default
    try:
        seconds = float(given)
    except (TypeError, ValueError, OverflowError):
        raise BackendError(f"{source} is {given!r}; it must be a number of seconds") from None
    if not seconds >= 0:  # nor NaN
        raise BackendError(f"{source} is {given!r}; it must be a number of seconds, at least 0")
    return seconds


def _switch(option: str, value: bool | None, *, default: bool) -> bool:
    given, source = _given(option, value)
    if given is None:
        return default
    if given in (True, False):
        return bool(given)
    if given in ("0", "1"):
        return str(given) == "1"
    raise BackendError(f"{source} is {given!r}; it can be 0 or 1")

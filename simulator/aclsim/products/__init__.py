"""One data file per product: limits, run mode, memory and cost model of a simulated device.

Which functions a product has stands in the generated `aclcffi.functions`. `choices` in a file names the values that no
public source gives.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

PRODUCTS = ("generic", "950", "A3", "A2", "310B", "310P", "910", "IPV350")
"""The names that `open_backend("simulator", product=...)` takes."""

RUN_MODES = ("host", "device")


@dataclass(frozen=True)
class CostModel:
    """What things take in virtual time."""

    launch_ns: int
    """Nanoseconds that any task takes."""
    copy_bytes_per_us: int
    """Copy and set bandwidth."""
    compute_bytes_per_us: int
    """Bandwidth with which a model reads its weights and inputs and writes its outputs."""


@dataclass(frozen=True)
class Product:
    """A product's numbers.

    `library` says which of the two C libraries the product has: "main" or "ipv350" (contract_mdl section 1). `memory`
    is bytes per device, `run_mode` "host" or "device" (aclrtGetRunMode). `op_timeout_s` is how long an operator may run
    when nobody says otherwise. `features` are what some chips have: "wait_timeout" (a wait for an event
    honours its own timeout, RT6.08), "null_failure_mode" (RT5.11).
    """

    name: str
    soc_name: str
    library: str
    run_mode: str
    memory: int
    max_streams: int
    max_events: int
    max_notifies: int
    priority_least: int
    priority_greatest: int
    op_timeout_s: int
    features: tuple[str, ...]
    cost: CostModel
    choices: tuple[str, ...] = ()

    def has(self, feature: str) -> bool:
        """Whether the chip has a feature."""
        return feature in self.features

    @property
    def ipv350(self) -> bool:
        """Whether the small C library answers."""
        return self.library == "ipv350"

    @property
    def generic(self) -> bool:
        """Whether this is the machine that has every function."""
        return self.name == "generic"


@cache
def load_product(name: str) -> Product:
    """Load a product's file.

    Raises:
        ValueError: There is no product of that name.
    """
    if name not in PRODUCTS:
        raise ValueError(f"product {name!r} is not known; there are {', '.join(PRODUCTS)}")
    data = json.loads((resources.files(__name__) / f"{name}.json").read_text(encoding="utf-8"))
    return Product(
        **{
            **data,
            "name": name,
            "cost": CostModel(**data["cost"]),
            "choices": tuple(data["choices"]),
            "features": tuple(data["features"]),
        }
    )

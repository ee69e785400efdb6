"""Config handles: what was set on them, by attribute number."""

from collections.abc import Hashable


class StreamConfig:
    """An aclrtStreamConfigHandle. Its values lie in the C structure itself, which `memory` keeps alive."""

    def __init__(self, memory: object) -> None:
        self.memory = memory
        self.handle: Hashable = None


class LoadConfig:
    """An aclmdlConfigHandle. `values` holds what was set; a mark once set is never cleared (MD4.04).

    `external_weights` are file name, device address and size of aclmdlSetExternalWeightAddress, in call order.
    """

    def __init__(self) -> None:
        self.values: dict[int, int | bytes] = {}
        self.external_weights: list[tuple[bytes, int, int]] = []
        self.handle: Hashable = None


class ExecConfig:
    """An aclmdlExecConfigHandle with the defaults of contract_mdl section 4.1 where nothing was set."""

    def __init__(self) -> None:
        self.values: dict[int, int] = {}
        self.handle: Hashable = None

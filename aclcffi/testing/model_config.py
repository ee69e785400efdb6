"""Config handles: which attributes they take, and when a load with one is legal (contract_mdl section 4)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from aclcffi import ffi, lib
from aclcffi.testing.machines import Target
from aclcffi.testing.model_execute import ModelExecutions
from aclcffi.testing.model_state import BAD_CONTENT, INVALID, Config, Memory
from aclcffi.testing.samples import STATIC, Sample

EPATH, ESIZE = 145002, 145006
MISSING = b"/no/such/file.om"
PATH, MEMORY, MEMORY_SIZE, TYPE, PRIORITY = 2, 3, 4, 1, 0
WORK, WORK_SIZE, WEIGHT, WEIGHT_SIZE, WEIGHT_PATH = 7, 8, 5, 6, 14
_PATH_ROOM = 256
_INT32_MAX = (1 << 31) - 1


def _anything(value: Any) -> bool:
    del value
    return True


def _given(value: Any) -> bool:
    return value is not None


def _switch(value: int) -> bool:
    return value in (0, 1)


class Attribute(NamedTuple):
    """One row of the tables of sections 4.2 and 4.3: what attrValue points to, who knows it, what is legal."""

    c_type: str
    main: bool
    small: bool
    legal: Callable[[Any], bool] = _anything


LOAD = {
    PRIORITY: Attribute("int32_t", True, False, lambda value: 0 <= value <= 7),
    TYPE: Attribute("size_t", True, True),  # 1..6, on IPV350 1..4
    PATH: Attribute("char *", True, True, _given),
    MEMORY: Attribute("void *", True, True, _given),
    MEMORY_SIZE: Attribute("size_t", True, True),
    WEIGHT: Attribute("void *", True, True),
    WEIGHT_SIZE: Attribute("size_t", True, True),
    WORK: Attribute("void *", True, False),
    WORK_SIZE: Attribute("size_t", True, False),
    9: Attribute("size_t", True, False),  # number of input queues
    11: Attribute("size_t", True, False),
    13: Attribute("size_t", True, False, _switch),  # work memory saved
    WEIGHT_PATH: Attribute("char *", True, False, _given),
    25: Attribute("size_t", False, True, lambda value: value & 0xFF in range(6)),  # policy of the memory
    28: Attribute("int32_t", True, False, _switch),  # without graph
    29: Attribute("size_t", False, False),
    0xFFFF: Attribute("size_t", False, False),
}
EXEC = {
    0: Attribute("int32_t", True, False, lambda value: -1 <= value <= _INT32_MAX),
    1: Attribute("int32_t", True, False, lambda value: -1 <= value <= _INT32_MAX),
    4: Attribute("size_t", False, True),
    7: Attribute("size_t", False, True),
    8: Attribute("int32_t", False, False),
    9: Attribute("int32_t", False, False),
}
_TIMEOUTS = (0, -1, 10_000, _INT32_MAX, -2, 0)  # milliseconds: none, or more than any execution takes

NO_VALUE = object()
_NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -2, _INT32_MAX)


class ModelConfigs(ModelExecutions):
    """Config handles: setting attributes, rightly and wrongly, and loading with what is stored."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.load_configs: list[Config] = []

    @property
    def sample(self) -> Sample:
        """The model that is loaded."""
        return self.samples[STATIC]

    def known(self, attribute: Attribute) -> bool:
        """Whether the library takes an attribute; "generic" takes those of both."""
        both = not self.small and self.acl.backend.supports("aclmdlExecuteAsyncV2")
        return attribute.small if self.small else attribute.main or (both and attribute.small)

    def set_option(self, function: str, config: Config | None, attr: int, value: Any, size: int) -> int:
        """Section 4.2: handle, value, attribute, size and rule are looked at in this order; nothing stays on failure.

        `value` is what attrValue points to, None for a NULL there; NO_VALUE is a NULL for attrValue itself.
        """
        table = LOAD if function == "aclmdlSetConfigOpt" else EXEC
        attribute = table[attr]
        right = ffi.sizeof(attribute.c_type)
        refused = self.code(config) or value is NO_VALUE or not self.known(attribute) or size != right
        place: Any = ffi.NULL
        if value is not NO_VALUE:
            refused = refused or not attribute.legal(value) or (attribute is LOAD[TYPE] and self.bad_type(value))
            place = ffi.new(f"{attribute.c_type}*", ffi.NULL if value is None else value)
        self.expect(function, self.handle(config), attr, place, size, legal=(INVALID if refused else 0,))
        return INVALID if refused else 0

    def bad_type(self, value: Any) -> bool:
        """MD4.06."""
        return not 1 <= value <= (4 if self.small else 6)

    @staticmethod
    def number(attribute: Attribute, pick: int) -> int:
        """Some number of an attribute's type."""
        number = _NUMBERS[pick % len(_NUMBERS)]
        return number if attribute.c_type == "int32_t" else number % (1 << 64)

    # -- exec configs ------------------------------------------------------------------------------------------------

    def make_exec_config(self) -> Config:
        """MD4.01."""
        self.exec_configs.append(config := Config(self.value("aclmdlCreateExecConfigHandle")))
        return config

    def set_exec_option(self, config: Config | None, attr: int, number: int, odd: int) -> None:
        """MD4.26 to MD4.32."""
        value: Any = self.number(EXEC[attr], number)
        if attr in (0, 1):
            value = _TIMEOUTS[number % len(_TIMEOUTS)]
        if odd == 1:
            value = NO_VALUE
        size = ffi.sizeof(EXEC[attr].c_type) + (odd == 2)
        if self.set_option("aclmdlSetExecConfigOpt", config, attr, value, size) == 0 and config is not None:
            config.values[attr] = value

    def give_work(self, config: Config, memory: Memory) -> None:
        """MD4.28, MD4.29: work memory for the executions of IPV350's manner."""
        address, size = ffi.new("void **", memory.handle), ffi.new("size_t *", memory.size)
        self.expect("aclmdlSetExecConfigOpt", config.handle, lib.ACL_MDL_WORK_ADDR_PTR, address, 8)
        self.expect("aclmdlSetExecConfigOpt", config.handle, lib.ACL_MDL_WORK_SIZET, size, 8)
        config.kept[lib.ACL_MDL_WORK_ADDR_PTR] = memory

    # -- load configs ------------------------------------------------------------------------------------------------

    def make_load_config(self) -> Config:
        """MD4.01: with a place for a path, and the model in memory, that the program can change later."""
        config = Config(self.value("aclmdlCreateConfigHandle"))
        config.kept["text"] = ffi.new("char[]", _PATH_ROOM)
        config.kept["model"] = ffi.new("char[]", max(len(self.sample.content), 1))
        self.load_configs.append(config)
        return config

    def write_path(self, config: Config, *, good: bool) -> None:
        """The program writes to its own memory, which the handle may point at."""
        self.acl.write(config.kept["text"], (self.sample.path if good else MISSING) + b"\0")
        config.kept["good"] = good

    def set_load_option(self, config: Config | None, attr: int, number: int, odd: int) -> None:
        """MD4.05 to MD4.25."""
        value = NO_VALUE if odd == 1 else self.load_value(config, attr, number)
        size = ffi.sizeof(LOAD[attr].c_type) + (odd == 2)
        if self.set_option("aclmdlSetConfigOpt", config, attr, value, size) == 0 and config is not None:
            self.store(config, attr, value)

    def load_value(self, config: Config | None, attr: int, number: int) -> Any:
        """What to set an attribute to."""
        attribute = LOAD[attr]
        if attr == MEMORY_SIZE:
            size = len(self.sample.content)
            return (size, size, 0, 3)[number % (3 if self.small else 4)]
        if attr == TYPE:
            return (7, 1, 0, 4, 8, 2, 5, 3, 6)[number % 9]
        if not attribute.c_type.endswith("*"):
            return self.number(attribute, number)
        if config is None or number % 4 == 0 or attr in (WEIGHT, WORK):
            return None
        if attr == MEMORY:
            self.acl.write(config.kept["model"], self.sample.content)
            return config.kept["model"]
        if "good" not in config.kept:
            self.write_path(config, good=True)
        return config.kept["text"]

    def store(self, config: Config, attr: int, value: Any) -> None:
        """Of a path the main library keeps a copy, IPV350 the pointer (MD4.07)."""
        config.values[attr] = value
        if attr == PATH and not self.small:
            config.kept["path"] = config.kept["good"]

    def add_weights(self, config: Config | None, memory: Memory, odd: int) -> None:
        """Section 4.2, last paragraph: handle, name, memory, size; each call appends an entry."""
        name, size = (ffi.NULL if odd == 1 else b"weights.bin"), (64, 64, 33, 32, 0, 64)[odd]
        pointer = ffi.NULL if odd == 5 else memory.handle
        refused = self.code(config) or odd in (1, 5) or size % 32 or not size
        legal = (INVALID if refused else 0,)
        self.expect("aclmdlSetExternalWeightAddress", self.handle(config), name, pointer, size, legal=legal)

    def make_ready(self, config: Config, kind: int, memory: Memory | None = None) -> None:
        """Set what a load of a type needs, right."""
        self.set_load_option(config, TYPE, (2, 1, 5, 7, 3)[kind], 0)
        if kind in (1, 2):
            if not config.kept.get("good"):
                self.write_path(config, good=True)
            self.set_load_option(config, PATH, 1, 0)
        else:
            self.set_load_option(config, MEMORY, 1, 0)
            self.set_load_option(config, MEMORY_SIZE, 0, 0)
        if kind in (2, 4) and not self.small:
            place = ffi.new("void **", ffi.NULL if memory is None else memory.handle)
            self.expect("aclmdlSetConfigOpt", config.handle, WORK, place, 8)
            size = ffi.new("size_t *", 0 if memory is None else memory.size)
            self.expect("aclmdlSetConfigOpt", config.handle, WORK_SIZE, size, 8)
            config.values[WORK], config.values[WORK_SIZE] = memory, size[0]

    def load_codes(self, config: Config | None, *, place: bool, work: int) -> tuple[int, ...]:
        """Section 4.4: what aclmdlLoadWithConfig answers; `place` says whether modelId is given."""
        if config is None or not config.alive:
            return (INVALID,)
        values, small = config.values, self.small
        exists = config.kept["good"] if small and PATH in values else config.kept.get("path")
        content = len(self.sample.content)
        size = values.get(MEMORY_SIZE, 0) if MEMORY in values or small else 0
        if not small:  # the router
            if PATH in values:
                if not exists:
                    return (EPATH,)
            elif size == 0:
                return (INVALID,)
            elif size < 4:
                return (ESIZE,)
        if not place:
            return (INVALID,)
        kind = values.get(TYPE)
        if kind in (None, 5, 6):  # the queues' addresses are never set
            return (INVALID,)
        if kind in (1, 2):
            if PATH not in values or WEIGHT_PATH in values:
                return (INVALID,)
            if not exists:
                return (EPATH,)
        elif (
            MEMORY not in values
            or MEMORY_SIZE not in values
            or values[MEMORY_SIZE] == 0
            or values[MEMORY_SIZE] < content
        ):
            return (INVALID,)
        if kind in (2, 4) and not small and values.get(WORK) is not None and values[WORK_SIZE] < work:
            return (BAD_CONTENT,)
        return (0,)

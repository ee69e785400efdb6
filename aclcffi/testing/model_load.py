"""Loading models, in each way, rightly and wrongly (contract_mdl sections 4.4 and 5)."""

from typing import Any

from aclcffi import ffi
from aclcffi.testing.model_config import EPATH, ESIZE, LOAD, MISSING, PRIORITY, TYPE
from aclcffi.testing.model_describe import ModelDescriptions
from aclcffi.testing.model_state import BAD_CONTENT, INVALID, Config, Memory, Model

_MOST_MODELS = 4
_GARBAGE = b"no model" * 50  # longer than the header of an .om file
_UNTOUCHED = 77
_WAYS = ("File", "FileWithMem", "Mem", "MemWithMem")


class ModelLoads(ModelDescriptions):
    """Loads: the order of the checks, ids, and handles that say how to load."""

    def load(self, wrong: str, pick: int, number: int) -> None:  # noqa: ARG002 - one draw will do
        """MD5.01 to MD5.07: the router's checks, then modelId, then the content."""
        way = _WAYS[pick % len(_WAYS)]
        source = way.removesuffix("WithMem")
        if self.small or (source == "Mem" and not self.sample.content) or self.crowded():
            return
        place = ffi.NULL if "no id" in wrong else ffi.new("uint32_t *", _UNTOUCHED)
        path, content, code = self.sample.path, self.sample.content, INVALID if "no id" in wrong else 0
        takes_id = False
        if source == "File" and wrong in ("missing", "missing, no id"):
            path, code = MISSING, EPATH
        elif source == "Mem" and wrong in ("short", "missing, no id"):
            content, code = b"abc", ESIZE
        elif source == "Mem" and wrong == "garbage":
            content, code, takes_id = _GARBAGE, BAD_CONTENT, True
        size = len(content)
        if wrong == "NULL" or (source == "Mem" and wrong == "no size"):
            path, content, code = ffi.NULL, ffi.NULL if wrong == "NULL" else content, INVALID
            size = 0 if wrong == "no size" else size
        arguments: list[Any] = [path, place] if source == "File" else [content, size, place]
        if way.endswith("WithMem"):
            for need, little in ((self.work_bytes, "little work"), (self.weight_bytes, "little weights")):
                memory = self.given_memory(need, little=wrong == little)
                if code == 0 and wrong == little and need > 1:
                    code, takes_id = BAD_CONTENT, True  # MD5.11, MD5.12
                arguments += [self.handle(memory), memory.size if memory is not None else 0]
        self.expect(f"aclmdlLoadFrom{way}", *arguments, legal=(code,))
        self.loaded(place, code, takes_id=takes_id)

    def crowded(self) -> bool:
        """Whether there are models enough."""
        return sum(model.alive for model in self.models) >= _MOST_MODELS

    def given_memory(self, need: int, *, little: bool = False) -> Memory | None:
        """Memory for a model to work in, or for its weights; NULL half of the time."""
        self.turn += 1
        if little:
            return self.make_memory(1, None)
        if self.turn % 2 or not need:
            return None
        with self.acl.optional():
            return self.make_memory(need, None)

    def loaded(self, place: Any, code: int, *, takes_id: bool = False) -> Model | None:
        """A load is over: the id is written on success only; one that the engine saw is used up all the same."""
        if code == 0:
            return self.take_id(place, self.sample)
        self.next_id[False] += takes_id
        if place != ffi.NULL:
            self.acl.check(place, (_UNTOUCHED,))
        return None

    def load_config(self, config: Config | None, *, with_place: bool = True) -> None:
        """Section 4.4."""
        if self.crowded():
            return
        codes = self.load_codes(config, place=with_place, work=self.work_bytes)
        place = ffi.new("uint32_t *", _UNTOUCHED) if with_place else ffi.NULL
        code = self.expect("aclmdlLoadWithConfig", self.handle(config), place, legal=codes)
        if codes == (INVALID, ESIZE):
            return
        model = self.loaded(place, code, takes_id=code == BAD_CONTENT)
        if model is None or config is None:
            return
        model.priority = config.values.get(PRIORITY, 0)
        if PRIORITY in config.values and self.acl.backend.supports("aclmdlGetAttribute"):
            value = ffi.new("aclmdlAttrValue_t *")
            self.expect("aclmdlGetAttribute", model.handle, 0, value)  # MD5.31
            self.acl.check_field(value, "mdlPriority", (model.priority,))

    def use_load_config(self, what: str, pick: int, number: int) -> None:
        """Section 4.1, 4.2, 4.4: attributes of a load, and loading with them."""
        if what == "make" or not any(config.alive for config in self.load_configs):
            made = self.make_load_config()
            if number % 3:
                self.make_ready(made, 1)
        config = self.choose(self.load_configs, pick)
        live = config if config is not None and config.alive else None
        if what == "set":
            self.turn += 1
            some = sorted(LOAD)[(number + self.turn) % len(LOAD)]
            attr = TYPE if number % 2 else some
            attr = attr if config is None or config.alive else TYPE
            self.set_load_option(
                config, attr, number // 2 if attr == TYPE else self.turn, (0, 0, 0, 1 + self.turn % 2, 0, 0)[pick]
            )
            if live is not None and number % 2:
                self.load_config(live)
        elif what == "load":
            self.load_config(config, with_place=number % 5 != 0)
        elif what == "weights" and self.acl.backend.supports("aclmdlSetExternalWeightAddress"):
            memory = self.live(self.memory, 0)
            if memory is not None:
                self.add_weights(config, memory, number % 6)
        elif what == "destroy":
            self.expect("aclmdlDestroyConfigHandle", self.handle(config), legal=(self.code(config),))
            if config is not None:
                config.alive = False
        elif live is not None and what == "rewrite":
            self.write_path(live, good=number % 2 == 0)
            if pick % 2:
                self.load_config(live)
        elif live is not None and what == "ready" and (number % 4 < 2 or self.sample.content):
            memory = self.given_memory(self.work_bytes) if number % 4 % 2 and not self.small else None
            self.make_ready(live, number % 4 + 1, memory)
            if number > 15:
                self.set_load_option(live, PRIORITY, number, 0)
            if number > 10:
                self.load_config(live)

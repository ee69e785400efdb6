"""A recorder: it stands before a backend and writes down every C call as Python that runs.

    acl = Recorder.open("simulator", schedule="random", seed=42)
    out = acl.ffi.new("aclrtStream *")
    acl.expect("aclrtCreateStream", out)
    acl.expect("aclrtDestroyStream", out[0])
    acl.expect("aclrtDestroyStream", out[0], legal=[107017])
    print(acl.script())

prints a program of its own with the options of the backend, a variable for each out parameter and each handle, and an
assertion for each expectation. When an expectation is not met the error is a ContractError whose text ends with that
program. Its last line is the assertion that failed.
"""

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aclcffi import ffi
from aclcffi.backend import Backend, open_backend
from aclcffi.contract import AclFunctions
from aclcffi.testing.samples import Sample, find_provider

_HANDLE = re.compile(r"struct (\w+?)_ \*")
_PREFIX = re.compile(r"^(struct )?(aclrt|aclmdl|acl)?")
_INSIDE = 1 << 20  # bytes behind a known address within which another one is written as an offset

_ASSIGNED = re.compile(r"(\w+) = ")
_OWNED = {"pointer": "out", "array": "buffer", "function": "callback"}

_UNIT, _RUNS = 4, 4

SUCCESS = (0,)


class ContractError(AssertionError):
    """A backend answered what the contract does not allow. `script` is the program that shows it."""

    def __init__(self, message: str, script: str) -> None:
        super().__init__(f"{message}\n\n{script}")
        self.script = script


def c_name(c_type: Any) -> str:
    """The name of a C type as programs write it: aclrtStream for the struct pointer that cffi makes of it."""
    return _HANDLE.sub(r"\1", c_type.cname)


def _variable(c_type: Any) -> str:
    """What a variable of a C type is called: stream for aclrtStream, data_buffer for aclDataBuffer *."""
    if c_type.cname == "void *":
        return "memory"
    word = _PREFIX.sub("", c_name(c_type)).strip("* ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower() or "value"


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) and value.isprintable() and '"' not in value else repr(value)


def _written(content: bytes) -> str:
    """Bytes in Python; numbers that repeat, as a test's data do, in short."""
    units = [content[place : place + _UNIT] for place in range(0, len(content), _UNIT)]
    runs = [(unit, len(list(same))) for unit, same in itertools.groupby(units)]
    if len(runs) > _RUNS or len(units) <= 2 * len(runs):
        return repr(content)
    return " + ".join(f"{unit!r} * {count}" if count > 1 else repr(unit) for unit, count in runs)


def _owns(value: Any) -> bool:
    """Whether Python owns it, so that it has to be kept alive: what `ffi.new` and `ffi.callback` give."""
    return " owning " in (text := repr(value)) or " calling " in text


class _Lines:
    """The lines of a program, and the names of what is in it. Several recorders may write into one."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.threads: dict[str, ThreadPoolExecutor] = {}
        self.lines: list[str] = []
        self.groups: list[tuple[int, int]] = []
        self.violated = False
        self._counts: dict[str, int] = {}
        self._owned: dict[int, tuple[str, Any, bytes]] = {}  # by id: name, the value, what was in it when last written
        self._names: dict[int, tuple[str, Any]] = {}  # by address: name and C type
        self._results: dict[int, tuple[str, Any]] = {}  # by id: memory of Python that a call returned

    def text(self) -> str:
        """The whole program."""
        head = ["import aclcffi", "from aclcffi import ffi", ""]
        if self.threads:
            head.insert(0, "from concurrent.futures import ThreadPoolExecutor\n")
        threads = [f"{name} = ThreadPoolExecutor(1)" for name in self.threads]
        lines = list(self.lines)
        for start, end in reversed(self.groups):
            names = [name for line in lines[start:end] if (name := _ASSIGNED.match(line))]
            used = re.compile("|".join(rf"\b{name[1]}\b" for name in names) or "$^")
            if not any(used.search(line) for line in lines[end:]):
                lines[start:end] = [""] * (end - start)
        return "\n".join([*head, *self.opened, *threads, *filter(None, lines)])

    def name_for(self, word: str) -> str:
        """A new variable name."""
        self._counts[word] = self._counts.get(word, 0) + 1
        return f"{word}{self._counts[word]}"

    def expression(self, value: Any) -> str:
        """A value in Python."""
        if isinstance(value, bytes):
            return _written(value)
        if not isinstance(value, ffi.CData):
            return repr(value)
        c_type = ffi.typeof(value)
        if id(value) in self._results:
            return self._results[id(value)][0]
        if _owns(value):
            return self._declared(value, c_type)
        if c_type.kind not in ("pointer", "array", "function"):
            return repr(int(value))
        address = _address(value)
        if not address:
            return "ffi.NULL"
        if address in self._names:
            name, known = self._names[address]
            return name if known is c_type or "void *" in (c_type.cname, known.cname) else self._cast(c_type, name)
        below = max((known for known in self._names if address - _INSIDE < known < address), default=None)
        if below is not None and not address >> 56:
            return f'ffi.cast("char *", {self._names[below][0]}) + {address - below}'
        return self._cast(c_type, f"0x{address:x}")

    @staticmethod
    def _cast(c_type: Any, expression: str) -> str:
        return f'ffi.cast("{c_name(c_type)}", {expression})'

    def _declared(self, value: Any, c_type: Any) -> str:
        """The variable of memory that Python owns; written down when it is first seen, and again when it changed."""
        known = self._owned.get(id(value))
        content = b"" if c_type.kind == "function" else bytes(ffi.buffer(value))
        if known is None:
            name = self.name_for(_OWNED[c_type.kind])
            if c_type.kind == "function":
                self.lines.append(f'{name} = ffi.callback("{c_type.cname}", lambda *_: None)  # stands for another one')
            else:
                size = f", {len(value)}" if c_type.kind == "array" else ""
                self.lines.append(f'{name} = ffi.new("{self._owned_type(c_type)}"{size})')
                self._names[_address(value)] = (name, c_type)
            known = (name, value, bytes(len(content)))
        if content != known[2]:
            self._fill(known[0], value, c_type, content)
        self._owned[id(value)] = (known[0], value, content)
        return known[0]

    @staticmethod
    def _owned_type(c_type: Any) -> str:
        item = c_name(c_type.item)
        return f"{item}[]" if c_type.kind == "array" else f"{item}*" if item.endswith("*") else f"{item} *"

    def _fill(self, name: str, value: Any, c_type: Any, content: bytes) -> None:
        if c_type.item.kind in ("pointer", "primitive", "enum"):
            values = list(value) if c_type.kind == "array" else [value[0]]
            if c_type.item.cname == "char" or len(values) > 8:
                self.lines.append(f"ffi.buffer({name})[:] = {content!r}")
            else:
                known = [self.expression(each) for each in values]
                self.lines.extend(f"{name}[{place}] = {each}" for place, each in enumerate(known))
        elif c_type.item.kind == "struct":
            self._fill_fields(name, value, c_type.item.fields)
        else:
            self.lines.append(f"ffi.buffer({name})[:] = {content!r}")

    def _fill_fields(self, name: str, value: Any, fields: Iterable[tuple[str, Any]]) -> None:
        """What is in a struct of numbers and arrays of them; of an array as far as it is not 0."""
        for field, about in fields:
            content = getattr(value[0], field)
            if about.type.kind == "array":
                used = len(bytes(ffi.buffer(content)).rstrip(b"\0"))
                count = -(-used // ffi.sizeof(about.type.item))
                if count:
                    numbers = [self.expression(content[place]) for place in range(count)]
                    self.lines.append(f"{name}.{field}[0:{count}] = [{', '.join(numbers)}]")
            else:
                self.lines.append(f"{name}.{field} = {self.expression(content)}")

    def learn(self, arguments: Iterable[Any]) -> None:
        """Name the handles and addresses that a call left in its out parameters."""
        for value in arguments:
            known = self._owned.get(id(value))
            if known is None or ffi.typeof(value).kind == "function":
                continue
            name, _, before = known
            content = bytes(ffi.buffer(value))
            self._owned[id(value)] = (name, value, content)
            c_type = ffi.typeof(value)
            if content != before and c_type.kind == "pointer" and c_type.item.kind == "pointer":
                self.name(value[0], f"{name}[0]")

    def name(self, value: Any, expression: str) -> None:
        """Put a handle or an address into a variable, if it is none yet."""
        address = _address(value)
        if address and (address not in self._names or self._names[address][1] is not ffi.typeof(value)):
            name = self.name_for(_variable(ffi.typeof(value)))
            self.lines.append(f"{name} = {expression}")
            self._names[address] = (name, ffi.typeof(value))

    def name_result(self, value: Any) -> None:
        """Put the pointer that the last line's call returned into a variable."""
        if isinstance(value, ffi.CData) and _address(value) not in self._names and _address(value):
            name = self.name_for(_variable(ffi.typeof(value)))
            self.lines[-1] = f"{name} = {self.lines[-1]}"
            self._names[_address(value)] = (name, ffi.typeof(value))
            if _owns(value):  # a backend in Python may keep a handle's values there
                self._results[id(value)] = (name, value)


class Recorder(AclFunctions):
    """A backend that writes down what is called.

    `recorder.aclrtCreateStream(out)` is the call itself, written down with what it returned; `recorder.expect(...)`
    says which answers are legal as well. The recorder keeps what it is given alive.
    """

    ffi = ffi

    def __init__(self, backend: Backend, name: str = "simulator", /, **options: Any) -> None:
        self.backend = backend
        self._lines = _Lines()
        self._enter(name, options)

    @classmethod
    def open(cls, name: str, /, **options: Any) -> "Recorder":
        """Open a backend and stand before it."""
        return cls(open_backend(name, **options), name, **options)

    def _enter(self, name: str, options: dict[str, Any]) -> None:
        token = getattr(self.backend, "schedule_token", "")
        if token:
            options = {key: value for key, value in options.items() if key not in ("schedule", "seed", "token")}
            options |= {"schedule": "replay", "token": token}
        self.variable = f"acl{len(self._lines.opened) + 1 if self._lines.opened else ''}"
        given = "".join(f", {key}={_quoted(value)}" for key, value in options.items())
        self._lines.opened.append(f'{self.variable} = aclcffi.open_backend("{name}"{given})')

    def beside(self, backend: Backend, name: str, /, **options: Any) -> "Recorder":
        """Stand before another backend too: its calls go into the same script."""
        other = object.__new__(type(self))
        other.backend = backend
        other._lines = self._lines
        other._enter(name, options)
        return other

    def close(self) -> None:
        """End the threads of the script and close the backend."""
        for thread in self._lines.threads.values():
            thread.shutdown()
        self.backend.close()

    def script(self) -> str:
        """Everything so far, as a program."""
        return self._lines.text()

    @property
    def violated(self) -> bool:
        """Whether an expectation was not met."""
        return self._lines.violated

    def models(self, provider: str) -> Sequence[Sample]:
        """Let a provider (`package.module:function`) make its models known to the backend; return them."""
        module, _, function = provider.partition(":")
        self._lines.lines += [f"from {module} import {function}", f"{function}({self.variable})"]
        return find_provider(provider)(self.backend)

    # -- calls -------------------------------------------------------------------------------------------------------

    if not TYPE_CHECKING:  # type checkers see the functions one by one

        def __getattr__(self, name: str) -> Callable[..., Any]:
            function = getattr(self.backend, name)
            if not name.startswith("acl"):
                return function

            def call(*arguments: Any) -> Any:
                expression = self._call(name, arguments, None)
                result = function(*arguments)
                self._lines.lines.append(f"{expression}  # {self._lines.expression(result)}")
                self._lines.name_result(result)
                self._lines.learn(arguments)
                return result

            return call

    def expect(
        self, function: str, *arguments: Any, legal: Collection[Any] = SUCCESS, thread: str = "", why: str = ""
    ) -> Any:
        """Call a C function, in a host thread of that name if one is given, and say which results are legal.

        An empty `legal` allows every result, and a pointer that is returned gets a variable.

        Raises:
            ContractError: It returned something else, or raised.
        """
        expression = self._call(function, arguments, thread)
        call = getattr(self.backend, function)
        try:
            result = self._lines.threads[thread].submit(call, *arguments).result() if thread else call(*arguments)
        except Exception as error:
            self._lines.lines.append(expression)
            raise self._violation(f"{function} raised {type(error).__name__}: {error}") from error
        self._judge(expression, result, legal, f"{function} answered", why)
        self._lines.learn(arguments)
        return result

    def check(self, out: Any, legal: Collection[Any], why: str = "") -> Any:
        """Say which values an out parameter (what `ffi.new` gave) may have after the last call; return its value."""
        name = self._lines.expression(out)
        self._judge(f"{name}[0]", out[0], legal, f"{name}[0] is", why)
        return out[0]

    def check_field(self, out: Any, field: str, legal: Collection[Any], count: int | None = None) -> Any:
        """Say which values a field of a struct (what `ffi.new` gave) may have, of an array its first `count` ones."""
        value, name = getattr(out, field), f"{self._lines.expression(out)}.{field}"
        if count is not None:
            value, name = list(value[0:count]), f"list({name}[0:{count}])"
        self._judge(name, value, legal, f"{name} is", "")
        return value

    def check_bytes(self, pointer: Any, legal: Sequence[Collection[int]], why: str = "") -> bytes:
        """Say which values the bytes of host memory from `pointer` on may have; return them."""
        content = bytes(ffi.buffer(ffi.cast("char *", pointer), len(legal)))
        name = self._lines.expression(pointer)
        place = f'bytes(ffi.buffer(ffi.cast("char *", {name}), {len(legal)}))'
        if all(len(each) == 1 for each in legal):
            condition = f"{place} == {_written(bytes(next(iter(each)) for each in legal))}"
        else:
            condition = f"all(map(set.__contains__, {[set(each) for each in legal]!r}, {place}))"
        self._lines.lines.append(f"assert {condition}")
        if not all(byte in each for byte, each in zip(content, legal, strict=True)):
            self._violated(f"the bytes at {name} are {list(content)}", [sorted(each) for each in legal], why)
        return content

    def write(self, pointer: Any, content: bytes) -> None:
        """Write to host memory, as a program does without ACL."""
        self._lines.lines.append(
            f"ffi.memmove({self._lines.expression(pointer)}, {content!r}, {len(content)})",
        )
        ffi.memmove(pointer, content, len(content))

    @contextmanager
    def optional(self) -> Iterator[None]:
        """Calls in here only prepare something: the script has them if it uses what they gave."""
        start = len(self._lines.lines)
        yield
        self._lines.groups.append((start, len(self._lines.lines)))

    def note(self, text: str) -> None:
        """Write a comment."""
        self._lines.lines.append(f"# {text}")

    def _call(self, function: str, arguments: tuple[Any, ...], thread: str | None) -> str:
        values = [self._lines.expression(each) for each in arguments]
        if not thread:
            return f"{self.variable}.{function}({', '.join(values)})"
        if thread not in self._lines.threads:
            self._lines.threads[thread] = ThreadPoolExecutor(1)
        return f"{thread}.submit({', '.join([f'{self.variable}.{function}', *values])}).result()"

    def _judge(self, expression: str, result: Any, legal: Collection[Any], what: str, why: str) -> None:
        if not legal:
            self._lines.lines.append(expression)
            self._lines.name_result(result)
            return
        allowed = [self._lines.expression(each) for each in legal]
        operator = f"== {allowed[0]}" if len(allowed) == 1 else f"in ({', '.join(allowed)})"
        if allowed == ["None"]:
            operator = "is None"
        self._lines.lines.append(f"assert {expression} {operator}" + (f"  # {why}" if why else ""))
        if not any(result == each for each in legal):
            self._violated(f"{what} {self._lines.expression(result)}", allowed, why)

    def _violated(self, what: str, allowed: Sequence[Any], why: str) -> None:
        wanted = " or ".join(map(str, allowed))
        raise self._violation(f"{what}; the contract allows {wanted}" + (f" ({why})" if why else ""))

    def _violation(self, message: str) -> ContractError:
        self._lines.violated = True
        return ContractError(message, self.script())

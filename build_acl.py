"""Build of the extension `_aclcffi`, from the C declarations in aclcffi/declarations.

The extension needs a C compiler and nothing of CANN. Every ACL function in it is a static wrapper that calls through
one slot of a table of function pointers; `aclcffi.cann` fills the table at run time. While a slot is empty the function
answers ACL_ERROR_API_NOT_SUPPORT, or what its return type has for "nothing". The index of a slot is the position of the
function's name in the sorted list of all names, here and in aclcffi/functions.py.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from cffi import FFI

MODULE = "_aclcffi"
DECLARATIONS = Path(__file__).resolve().parent / "aclcffi" / "declarations"

# In the order in which they include one another.
HEADERS = (
    "rt_error_codes.h",
    "ge_error_codes.h",
    "acl_base_rt.h",
    "acl_rt_allocator.h",
    "acl_rt.h",
    "acl_base_mdl.h",
    "acl_mdl.h",
)

# Return type -> what a function with an empty slot returns. All other types return zero, as number or as pointer.
NOT_RESOLVED = {
    "aclError": "ACL_ERROR_API_NOT_SUPPORT",
    "aclDataType": "ACL_DT_UNDEFINED",
    "aclFormat": "ACL_FORMAT_UNDEFINED",
}

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_MACRO = re.compile(r"#define\s+(\w+)\s+(.+)")
_CONSTANT = re.compile(r"static const (\w+) (\w+) = (\S+)")
_FUNCTION = re.compile(r"(?P<returns>[\w\s]+?[\s*]+)(?P<name>\w+)\((?P<parameters>.*)\)")
_PARAMETER = re.compile(r"(?P<type>.+?)(?P<name>\w+)(?P<dimensions>(\[\d*\])*)")


class Parameter(NamedTuple):
    """One parameter of a C function: its type and its name; `dimensions` is what follows the name of an array."""

    type: str
    name: str
    dimensions: str = ""


class Function(NamedTuple):
    """One C function; `prototype` is the declaration in one line, without the semicolon."""

    name: str
    returns: str
    parameters: tuple[Parameter, ...]
    variadic: bool
    prototype: str

    @property
    def fixed_prototype(self) -> str:
        """The declaration without the variable arguments, as Python sees it."""
        return self.prototype.replace(", ...)", ")")


class Constant(NamedTuple):
    """One constant: a macro, or a `static const` integer of type `type`; `value` is the C text of its value."""

    name: str
    type: str | None
    value: str

    @property
    def is_text(self) -> bool:
        """True for a macro that is a string."""
        return self.value.startswith('"')

    @property
    def declaration(self) -> str:
        """The constant in C."""
        if self.type is None:
            return f"#define {self.name} {self.value}"
        return f"static const {self.type} {self.name} = {self.value};"


class Header(NamedTuple):
    """What one file of the declarations holds, in the order of the file; a type is kept as its C text."""

    name: str
    constants: tuple[Constant, ...]
    types: tuple[str, ...]
    functions: tuple[Function, ...]


def _statements(text: str) -> list[str]:
    """Split C text without comments and directives at the semicolons that stand in no braces."""
    statements, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if character == ";" and depth == 0:
            statements.append(text[start:position].strip())
            start = position + 1
    if text[start:].strip():
        raise ValueError(f"the last declaration has no semicolon: {text[start:].strip()!r}")
    return statements


def _function(statement: str) -> Function:
    line = " ".join(statement.split())
    match = _FUNCTION.fullmatch(line)
    if match is None:
        raise ValueError(f"not a declaration of a function: {line!r}")
    texts = [text.strip() for text in match["parameters"].split(",")]
    variadic = texts[-1] == "..."
    if variadic or texts == ["void"]:
        texts.pop()
    parameters = []
    for text in texts:
        parameter = _PARAMETER.fullmatch(text)
        if parameter is None:
            raise ValueError(f"not a parameter: {text!r} in {line!r}")
        parameters.append(Parameter(parameter["type"].strip(), parameter["name"], parameter["dimensions"]))
    return Function(match["name"], match["returns"].strip(), tuple(parameters), variadic, line)


def parse_header(name: str, text: str) -> Header:
    """Read one file of the declarations.

    Raises ValueError for what is neither a constant, a type nor a function.
    """
    constants: list[Constant] = []
    types: list[str] = []
    functions: list[Function] = []
    rest: list[str] = []
    for line in _COMMENT.sub("", text).splitlines():
        macro = _MACRO.match(line)
        if macro is not None:
            constants.append(Constant(macro[1], None, macro[2].strip()))
        elif not line.startswith("#"):
            rest.append(line)
    for statement in _statements("\n".join(rest)):
        constant = _CONSTANT.fullmatch(statement)
        if constant is not None:
            constants.append(Constant(constant[2], constant[1], constant[3]))
        elif statement.startswith(("typedef ", "enum ", "struct ", "union ")):
            types.append(statement + ";")
        else:
            functions.append(_function(statement))
    return Header(name, tuple(constants), tuple(types), tuple(functions))


def read_declarations(folder: Path = DECLARATIONS) -> tuple[Header, ...]:
    """Read all files of the declarations, in the order in which they include one another."""
    return tuple(parse_header(name, (folder / name).read_text(encoding="utf-8")) for name in HEADERS)


def slot_order(headers: tuple[Header, ...]) -> list[Function]:
    """All functions in the order of their slots: sorted by name."""
    return sorted((function for header in headers for function in header.functions), key=lambda function: function.name)


HELPERS = """
void *aclcffi_open(const char *path, char *error, size_t size);
void *aclcffi_symbol(void *library, const char *name);
int aclcffi_set_slot(int index, void *function);
void *aclcffi_get_slot(int index);
const char *aclcffi_slot_name(int index);
int aclcffi_slot_count(void);
"""

_HELPERS_SOURCE = """
/* Opens a library. Where that fails the answer is NULL, and why is in error: dlerror() belongs to the thread, so its
 * text is taken in the same call. */
static void *aclcffi_open(const char *path, char *error, size_t size)
{
    void *library = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL && error != NULL && size > 0) {
        const char *reason = path == NULL ? "no path was given" : dlerror();
        snprintf(error, size, "%s", reason == NULL ? "no reason was given" : reason);
    }
    return library;
}

/* NULL for a library that is NULL: to dlsym() it would mean the whole process. */
static void *aclcffi_symbol(void *library, const char *name)
{
    return library == NULL || name == NULL ? NULL : dlsym(library, name);
}

/* 0, or -1 when there is no such slot. NULL empties the slot. */
static int aclcffi_set_slot(int index, void *function)
{
    if (index < 0 || index >= ACLCFFI_SLOTS) {
        return -1;
    }
    __atomic_store_n(&aclcffi_slots[index], function, __ATOMIC_RELEASE);
    return 0;
}

static void *aclcffi_get_slot(int index)
{
    return index < 0 || index >= ACLCFFI_SLOTS ? NULL : __atomic_load_n(&aclcffi_slots[index], __ATOMIC_ACQUIRE);
}

static const char *aclcffi_slot_name(int index)
{
    return index < 0 || index >= ACLCFFI_SLOTS ? NULL : aclcffi_names[index];
}

static int aclcffi_slot_count(void)
{
    return ACLCFFI_SLOTS;
}
"""


def cdef(headers: tuple[Header, ...]) -> str:
    """The declarations as cffi reads them: integer constants as macros, texts as pointers, no variable arguments."""
    lines: list[str] = []
    for header in headers:
        for constant in header.constants:
            if constant.is_text:
                lines.append(f"static const char *const {constant.name};")
            else:
                lines.append(f"#define {constant.name} {constant.value}")
        lines += header.types
        lines += [f"{function.fixed_prototype};" for function in header.functions]
    return "\n".join(lines) + HELPERS


def _wrapper(index: int, function: Function) -> str:
    names = [parameter.name for parameter in function.parameters]
    if function.variadic:
        # The last fixed parameter is the format: a text of the caller must not be read as one.
        names.insert(-1, '"%s"')
    call = f"target({', '.join(names)})"
    fallback = NOT_RESOLVED.get(function.returns, "0")
    kind = f"aclcffi_type_{function.name}"
    declared = re.sub(rf"\b{function.name}\(", f"{kind}(", function.prototype)
    if function.returns == "void":
        body = f"    if (target != NULL) {{\n        {call};\n    }}"
    else:
        body = f"    return target != NULL ? {call} : {fallback};"
    # The slot is read once: another thread may empty it between the check and the call.
    return (
        f"typedef {declared};\n"
        f"static {function.fixed_prototype}\n{{\n"
        f"    {kind} *target = ({kind} *)__atomic_load_n(&aclcffi_slots[{index}], __ATOMIC_ACQUIRE);\n"
        f"{body}\n}}\n"
    )


def source(headers: tuple[Header, ...]) -> str:
    """The C source that goes in front of what cffi generates: declarations, table, wrappers, helpers."""
    functions = slot_order(headers)
    lines = [
        "#include <dlfcn.h>",
        "#include <stdbool.h>",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "#include <stdio.h>",
    ]
    for header in headers:
        lines += [f"\n/* {header.name} */"]
        lines += [constant.declaration for constant in header.constants]
        lines += header.types
    lines += [f"\n#define ACLCFFI_SLOTS {len(functions)}", "static void *aclcffi_slots[ACLCFFI_SLOTS];"]
    lines += ["static const char *const aclcffi_names[ACLCFFI_SLOTS] = {"]
    lines += [f'    "{function.name}",' for function in functions]
    lines += ["};\n"]
    lines += [_wrapper(index, function) for index, function in enumerate(functions)]
    return "\n".join(lines) + _HELPERS_SOURCE


def ffibuilder() -> FFI:
    """The builder that setuptools asks for (see setup.py)."""
    headers = read_declarations()
    builder = FFI()
    builder.cdef(cdef(headers))
    builder.set_source(
        MODULE,
        source(headers),
        py_limited_api=True,
        define_macros=[("Py_LIMITED_API", "0x030A0000")],
        extra_compile_args=["-O2", "-g0", "-fvisibility=hidden"],
        libraries=["dl"],
    )
    return builder


if __name__ == "__main__":
    print(ffibuilder().compile(verbose=True))

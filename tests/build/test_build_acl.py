"""Reading the declarations and making the C source from them."""

import re

import pytest

from build_acl import Parameter, cdef, ffibuilder, parse_header, read_declarations, slot_order, source

HEADERS = read_declarations()


def test_a_header_is_taken_apart() -> None:
    """Macros, constants, types and functions are found, with comments and directives left out."""
    header = parse_header(
        "a.h",
        '#pragma once\n#include "b.h"\n/* text; */\n#define A 0x10U\n#define B "b;"\nstatic const int C = -1;\n'
        "typedef struct d { int e; union { int f; }; } d;\n"
        "int g(void);\nvoid *h(const d *i,\n    int64_t j[][2], ...);\n",
    )
    assert [(c.name, c.type, c.value) for c in header.constants] == [
        ("A", None, "0x10U"),
        ("B", None, '"b;"'),
        ("C", "int", "-1"),
    ]
    assert header.types == ("typedef struct d { int e; union { int f; }; } d;",)
    g, h = header.functions
    assert (g.name, g.returns, g.parameters, g.variadic) == ("g", "int", (), False)
    assert (h.name, h.returns, h.variadic) == ("h", "void *", True)
    assert h.parameters == (Parameter("const d *", "i"), Parameter("int64_t", "j", "[][2]"))
    assert h.fixed_prototype == "void *h(const d *i, int64_t j[][2])"


@pytest.mark.parametrize("text", ["int f(void)", "int f(void); int", "int f;", "int f(int *);", "f();"])
def test_what_is_no_declaration_is_refused(text: str) -> None:
    """Text that is neither a constant, a type nor a function stops the build instead of being skipped."""
    with pytest.raises(ValueError, match=r"semicolon|not a "):
        parse_header("a.h", text)


def test_every_declared_function_is_in_cdef_and_source_once() -> None:
    """Each function has one line in the cdef, and one static wrapper on its own slot in the C source."""
    functions = slot_order(HEADERS)
    assert len({function.name for function in functions}) == len(functions) == 524
    lines = cdef(HEADERS).splitlines()
    text = source(HEADERS)
    for slot, function in enumerate(functions):
        assert lines.count(f"{function.fixed_prototype};") == 1
        assert text.count(f"\nstatic {function.fixed_prototype}\n{{") == 1
        wrapper = text.split(f"\nstatic {function.fixed_prototype}\n{{")[1].split("\n}\n")[0]
        assert re.findall(r"aclcffi_slots\[(\d+)\]", wrapper) == [str(slot)]


def test_only_the_log_function_is_variadic() -> None:
    """aclAppLog is the one function with variable arguments; Python sees the fixed ones."""
    assert [function.name for function in slot_order(HEADERS) if function.variadic] == ["aclAppLog"]
    assert "..." not in cdef(HEADERS)


def test_the_builder_needs_no_compiler_to_be_made() -> None:
    """ffibuilder() reads all declarations; cffi accepts them and knows their types."""
    builder = ffibuilder()
    assert builder.sizeof("aclmdlIODims") == 1160

"""Writes aclcffi/functions.py: the names of the C functions in slot order, and which products have each."""

from __future__ import annotations

from build_acl import Header, slot_order
from tools.facts import PRODUCTS, Facts
from tools.layout import bracketed, file_text, quoted


def functions_module(headers: tuple[Header, ...], facts: Facts) -> str:
    """Text of aclcffi/functions.py.

    Raises ValueError where the declarations and the facts do not name the same functions.
    """
    names = [function.name for function in slot_order(headers)]
    if set(names) != facts["functions"].keys():
        difference = sorted(set(names) ^ facts["functions"].keys())
        raise ValueError(f"declarations and facts.json differ in {difference}")
    lines = [
        '"""The C functions of the API in the order of their slots, and the products that have them."""',
        "",
        *bracketed("", "PRODUCTS = (", [quoted(product) for product in PRODUCTS], ")"),
        '"""Ids of the products; IPV350 has libraries of its own, all others share one set."""',
        "",
        "FUNCTIONS: dict[str, int] = {",
    ]
    for name in names:
        products = facts["functions"][name]["products"].split()
        mask = sum(1 << index for index, product in enumerate(PRODUCTS) if product in products)
        lines.append(f"    {quoted(name)}: 0b{mask:0{len(PRODUCTS)}b},")
    return file_text(
        *lines,
        "}",
        '"""Name -> products that have it, bit 0 for the first of PRODUCTS. Sorted: the position is the slot."""',
        "",
        "SLOTS: dict[str, int] = {name: slot for slot, name in enumerate(FUNCTIONS)}",
        '"""Name -> index of the function\'s slot in the extension."""',
        "",
        "",
        "def products_of(name: str) -> tuple[str, ...]:",
        '    """Return the products that have the C function `name`, in the order of PRODUCTS.',
        "",
        "    Raises KeyError for a name that is no ACL function.",
        '    """',
        "    mask = FUNCTIONS[name]",
        "    return tuple(product for bit, product in enumerate(PRODUCTS) if mask >> bit & 1)",
    )

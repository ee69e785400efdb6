"""Writes the tables of error codes: aclcffi/codes.py for users, aclsim/core/codes.py for the simulated machine."""

from __future__ import annotations

import textwrap

from tools.facts import KINDS, Advice, Facts, read_advice
from tools.layout import WIDTH, bracketed, file_text, quoted

_INDENT = " " * 4


def symbolic_names(facts: Facts) -> dict[int, str]:
    """One name per number, in the order of the numbers; of several the plainest that is not deprecated."""
    names: dict[int, list[tuple[bool, bool, int, str]]] = {}
    for name, row in facts["error_codes"].items():
        rank = ("deprecated" in row, not name.startswith("ACL_ERROR_"), len(name), name)
        names.setdefault(row["value"], []).append(rank)
    return {value: min(ranks)[-1] for value, ranks in sorted(names.items())}


def advice_for(value: int, by_code: dict[int, Advice], by_thousand: dict[int, Advice]) -> Advice:
    """The advice for a code: its own, else that of its thousand."""
    advice = by_code.get(value) or by_thousand[value // 1000]
    if advice.kind not in KINDS:
        raise ValueError(f"advice for {value}: {advice.kind!r} is none of {KINDS}")
    return advice


def user_table(facts: Facts) -> str:
    """Text of aclcffi/codes.py."""
    by_code, by_thousand = read_advice()
    lines = [
        '"""What each ACL error code is called, what it means and what a user can do about it."""',
        "",
        "from typing import NamedTuple",
        "",
        "",
        "class Code(NamedTuple):",
        f'{_INDENT}"""One error code: its C name, its meaning, what a user can do about it, and the kind of error.',
        "",
        *textwrap.wrap(
            f"`kind` is one of {', '.join(KINDS)}.", WIDTH - 4, initial_indent=_INDENT, subsequent_indent=_INDENT
        ),
        '    """',
        "",
        "    name: str",
        "    meaning: str",
        "    advice: str",
        "    kind: str",
        "",
        "",
        "CODES: dict[int, Code] = {",
    ]
    for value, name in symbolic_names(facts).items():
        kind, advice = advice_for(value, by_code, by_thousand)
        texts = (name, facts["error_codes"][name]["meaning"], advice, kind)
        lines += bracketed("    ", f"{value}: Code(", [quoted(text) for text in texts], "),")
    return file_text(*lines, "}")


def core_table(facts: Facts) -> str:
    """Text of simulator/aclsim/core/codes.py."""
    lines = [
        '"""The ACL error codes as plain numbers: the core of the simulator knows neither cffi nor aclcffi."""',
        "",
        "from typing import Final",
        "",
    ]
    lines += [f"{name}: Final = {row['value']}" for name, row in facts["error_codes"].items()]
    lines += ["", "NAMES: Final[dict[int, str]] = {"]
    lines += [f"    {value}: {quoted(name)}," for value, name in symbolic_names(facts).items()]
    return file_text(*lines, "}", '"""The name of each number."""')

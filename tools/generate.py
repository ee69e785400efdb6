"""Writes the generated files of the repository from the declarations, tools/facts.json and tools/advice.json.

`python -m tools.generate` writes what has changed. With `--check` it writes nothing and fails where something would
change.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from itertools import islice
from pathlib import Path

from build_acl import read_declarations
from tools.facts import read_facts
from tools.write_codes import core_table, user_table
from tools.write_constants import constants_module
from tools.write_contract import contract_stub
from tools.write_functions import functions_module

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[str, str]:
    """Text of each generated file, by its path from the root of the repository."""
    headers = read_declarations()
    facts = read_facts()
    return {
        "aclcffi/codes.py": user_table(facts),
        "aclcffi/constants.py": constants_module(headers, facts),
        "aclcffi/contract.pyi": contract_stub(headers, facts),
        "aclcffi/functions.py": functions_module(headers, facts),
        "simulator/aclsim/core/codes.py": core_table(facts),
    }


def changed(root: Path = ROOT) -> dict[str, tuple[str, str]]:
    """The files below `root` that would change: path -> text as it is, text as it should be."""
    differences = {}
    for name, text in generated().items():
        path = root / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present != text:
            differences[name] = (present, text)
    return differences


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or check the generated files below `root`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where something would change")
    check = parser.parse_args(arguments).check
    differences = changed(root)
    for name, (present, text) in differences.items():
        if check:
            lines = difflib.unified_diff(
                present.splitlines(), text.splitlines(), name, f"{name} (regenerated)", lineterm="", n=0
            )
            print("\n".join(islice(lines, 20)))
        else:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if not differences:
        print("generated files: nothing would change" if check else "generated files: nothing to write")
    return int(check and bool(differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

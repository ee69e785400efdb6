"""What an import costs, in fresh interpreters."""

import subprocess
import sys

from benchmarks.measure import REPEATS, Row

_SCRIPT = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
import sys
assert {module!r} != "aclcffi" or "numpy" not in sys.modules, "import aclcffi loads numpy"
"""


def _seconds(module: str) -> float:
    script = _SCRIPT.format(module=module)
    return float(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)


def rows() -> list[Row]:
    """`import aclcffi` against `import cffi`."""
    ours, theirs = [], []
    for _ in range(REPEATS // 2):
        ours.append(_seconds("aclcffi"))
        theirs.append(_seconds("cffi"))
    return [Row("import aclcffi", "import cffi", min(ours), min(theirs))]

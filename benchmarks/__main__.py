"""`python -m benchmarks [CHAPTER ...]`: measure and print the rows of all chapters, or of the named ones."""

import argparse
import importlib

from benchmarks.measure import report

CHAPTERS = ("calls", "simulated", "queueing", "models", "imports")

parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print ratios against peers.")
parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=f"some of {', '.join(CHAPTERS)} (default: all)")
chosen = parser.parse_args().chapters or CHAPTERS
unknown = set(chosen) - set(CHAPTERS)
if unknown:
    parser.error(f"there is no chapter {', '.join(sorted(unknown))}; there are {', '.join(CHAPTERS)}")
print(report([row for chapter in chosen for row in importlib.import_module(f"benchmarks.{chapter}").rows()]))

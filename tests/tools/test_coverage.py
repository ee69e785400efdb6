"""The coverage record is generated and up to date."""

from pathlib import Path
from shutil import copytree

import pytest

from tools import coverage
from tools.rows import ROOT, Record, read_record


@pytest.fixture(scope="module")
def record() -> Record:
    return read_record()


def test_the_page_is_up_to_date(record: Record) -> None:
    """Writing docs/coverage.md again would change nothing."""
    if (ROOT / coverage.PAGE).read_text(encoding="utf-8") != coverage.page(record):
        pytest.fail(f"{coverage.PAGE} is stale: run python -m tools.coverage --write", pytrace=False)


def test_levels_come_from_code_and_tests(record: Record) -> None:
    """A function that nobody models is declared; one that refuses after its checks is checked; a row lifts to proven."""
    rows = coverage.rows_by_function(record)
    assert coverage.level("aclrtLaunchKernel", rows.get("aclrtLaunchKernel", []), record) == "declared"
    assert coverage.level("aclrtActiveStream", rows["aclrtActiveStream"], record) == "checked"
    assert coverage.level("aclrtMalloc", rows["aclrtMalloc"], record) == "proven"
    assert coverage.level("aclrtMalloc", [], record) == "modelled"
    assert coverage.level("aclrtMalloc", ["RT99.01"], record) == "modelled"


def test_a_stale_page_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check fails on a page that is not what --write would write, and says what to do."""

    root = tmp_path
    copytree(ROOT / "tests", root / "tests", ignore=lambda *_: {"__pycache__"})
    (root / "docs").mkdir()
    assert coverage.main(["--check"], root) == 1
    assert "python -m tools.coverage --write" in capsys.readouterr().out
    assert coverage.main(["--write"], root) == 0
    assert coverage.main(["--check"], root) == 0

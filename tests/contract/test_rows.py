"""The record of the contract rows is complete: each row is proven by a test or says why not."""

import re

import pytest

from tools.facts import read_facts
from tools.rows import PAGE, ROOT, Record, page, read_record


@pytest.fixture(scope="module")
def record() -> Record:
    return read_record()


def fail_with(problems: list[str]) -> None:
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_markers_name_rows_of_the_contract(record: Record) -> None:
    """Every row marker in the tests can be read from the source, belongs to a test and names known rows."""
    fail_with(record.wrong_markers)


def test_each_row_is_proven_or_explained(record: Record) -> None:
    """No row is without both a test and a reason."""
    fail_with(record.unexplained)


def test_no_row_is_proven_and_explained(record: Record) -> None:
    """A reason goes when its row is proven; the message names the lines to delete."""
    fail_with(record.stale)


def test_the_page_is_up_to_date(record: Record) -> None:
    """Writing docs/rows.md again would change nothing."""
    stale = (ROOT / PAGE).read_text(encoding="utf-8") != page(record)
    fail_with([f"{PAGE} is stale: run python -m tools.rows --write"] if stale else [])


def test_titles_name_functions_that_exist(record: Record) -> None:
    """Every function in a title is one that the declarations have."""
    named = {name for title in record.rows.rows.values() for name in re.findall(r"\bacl[a-z]*[A-Z]\w*", title)}
    assert len(named) > 200
    assert named - set(read_facts()["functions"]) == set()


def test_the_list_has_465_rows(record: Record) -> None:
    """The list holds all rows of the contract, none lost by an edit."""
    assert len(record.rows.rows) == 465

"""The record of the contract rows: the reasons, the page, the comparison with the tables, the command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aclcffi.testing.rows import read_rows
from tools import rows as tool
from tools.rows import compare, main, page, read_record

LIST = """\
RT6 Events
RT6.01 aclrtCreateEvent
RT6.02 aclrtCreateEventWithFlag
RT6.03 Wait | reset
RT7 Notify
RT7.01 aclrtCreateNotify
"""

Reasons = dict[str, object]
Make = Callable[[Reasons, list[str]], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a repository of four rows, with reasons, and with a test of its own for each row in a list."""

    def make_root(reasons: Reasons, proven: list[str]) -> Path:
        folder = tmp_path / "tests" / "contract"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rows.txt").write_text(LIST, encoding="utf-8")
        (folder / "unproven.json").write_text(json.dumps(reasons, indent=2), encoding="utf-8")
        tests = [f'@mark.row("{row}")\ndef test_{number}(): ...\n' for number, row in enumerate(proven)]
        (folder / "test_events.py").write_text("from pytest import mark\n" + "\n".join(tests), encoding="utf-8")
        return tmp_path

    return make_root


def test_rows_are_proven_or_explained(make: Make) -> None:
    """A section's reason covers the rows that no test names; with that the record has no problem."""
    record = read_record(make({"RT6.*": "no events yet", "RT7.01": "no notifies yet"}, ["RT6.02"]))
    assert record.problems == []
    assert list(record.proofs) == ["RT6.02"]
    assert record.reasons == {"RT6.01": "no events yet", "RT6.03": "no events yet", "RT7.01": "no notifies yet"}
    assert record.summary == "4 rows: 1 proven by tests, 3 not proven for a reason."


def test_a_row_with_neither_is_reported(make: Make) -> None:
    """A row without test and reason is a problem that names it, and is counted."""
    record = read_record(make({"RT7.*": "no notifies yet"}, ["RT6.01", "RT6.02"]))
    assert record.problems == ["RT6.03 Wait | reset: neither a test nor a reason in tests/contract/unproven.json"]
    assert record.summary == "4 rows: 2 proven by tests, 1 not proven for a reason, 1 with neither."


def test_a_marker_of_an_unknown_row_is_reported(make: Make) -> None:
    """A marker that names no row of the list is a problem that names the test, and it proves nothing."""
    record = read_record(make({"RT6.*": "none", "RT7.*": "none"}, ["RT6.04"]))
    assert record.wrong_markers == ["tests/contract/test_events.py::test_0: RT6.04 is no row of the contract"]
    assert record.proofs == {}


def test_the_reason_of_a_proven_row_has_to_go(make: Make) -> None:
    """An exact reason of a proven row is a problem that names its line; its section's reason may stay."""
    reasons: Reasons = {"RT6.*": "wide", "RT6.02": "exact", "RT7.*": "none"}
    record = read_record(make(reasons, ["RT6.02"]))
    assert record.problems == ['tests/contract/unproven.json:3: delete "RT6.02": a test proves this row']
    assert "RT6.02" not in record.reasons


@pytest.mark.parametrize(
    ("reasons", "proven", "key"),
    [
        ({"RT6.*": "none", "RT7.*": "none"}, ["RT7.01"], "RT7.*"),
        ({"RT6.01-RT6.02": "range", "RT6.*": "none", "RT7.*": "none"}, ["RT6.01", "RT6.02"], "RT6.01-RT6.02"),
        ({"RT6.*": "wide", "RT6.01-RT6.02": "range", "RT6.03": "exact", "RT7.*": "none"}, [], "RT6.*"),
    ],
)
def test_a_wide_reason_that_explains_nothing_has_to_go(
    make: Make, reasons: Reasons, proven: list[str], key: str
) -> None:
    """A range or a section that is proven, or covered by narrower reasons, is a problem that names its line."""
    line = list(reasons).index(key) + 2
    (problem,) = read_record(make(reasons, proven)).problems
    assert problem.startswith(f'tests/contract/unproven.json:{line}: delete "{key}": each row that it covers is proven')


def test_the_narrowest_reason_counts(make: Make) -> None:
    """A row's own reason comes before that of a range, and that before its section's, in whatever order they stand."""
    reasons: Reasons = {"RT6.*": "wide", "RT6.01-RT6.02": "range", "RT6.02": "exact", "RT7.*": "none"}
    expected = {"RT6.01": "range", "RT6.02": "exact", "RT6.03": "wide", "RT7.01": "none"}
    assert read_record(make(reasons, [])).reasons == expected
    assert read_record(make(dict(reversed(reasons.items())), [])).reasons == expected


@pytest.mark.parametrize(
    ("key", "reason", "message"),
    [
        ("RT6.04", "none", "'RT6.04' is no row"),
        ("RT8.*", "none", r"'RT8.\*' is no row"),
        ("RT6", "none", "'RT6' is no row"),
        ("RT6.02-RT6.01", "none", "'RT6.02-RT6.01' is no row"),
        ("RT6.01-RT7.01", "none", "'RT6.01-RT7.01' is no row"),
        ("RT6.01-RT6.09", "none", "'RT6.01-RT6.09' is no row"),
        ("RT6.01", " ", "RT6.01 has no reason"),
        ("RT6.01", 5, "RT6.01 has no reason"),
    ],
)
def test_a_wrong_reason_is_refused(make: Make, key: str, reason: object, message: str) -> None:
    """A key that covers no row and an empty reason are errors that name file and line."""
    with pytest.raises(ValueError, match=f"unproven.json:2: {message}"):
        read_record(make({key: reason}, []))


@pytest.mark.parametrize("text", ['{"RT6.01": "a", "RT6.01": "b"}', "[]", '["RT6.01"]', "{", ""])
def test_a_malformed_file_of_reasons_is_refused(make: Make, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A repeated key, JSON that is no object and text that is no JSON fail the command, which names the file."""
    root = make({}, [])
    (root / tool.REASONS).write_text(text, encoding="utf-8")
    assert main(["--check"], root) == 1
    assert "unproven.json:" in capsys.readouterr().out


def test_the_page_shows_proof_and_reason(make: Make) -> None:
    """The page has a table per section; a proven row links its tests, another one says why it is not proven."""
    root = make({"RT6.*": "no a|b yet", "RT7.*": "no notifies yet"}, ["RT6.02", "RT6.02"])
    text = page(read_record(root))
    assert text.startswith("<!-- Generated by tools/rows.py. Do not edit. -->\n")
    assert "**4 rows: 1 proven by tests, 3 not proven for a reason.**" in text
    assert "| RT6 Events | 3 | 1 | 2 |" in text
    assert "## RT7 Notify\n" in text
    tests = "[test_0](../tests/contract/test_events.py), [test_1](../tests/contract/test_events.py)"
    assert f"| RT6.02 | `aclrtCreateEventWithFlag` | {tests} |" in text
    assert "| RT6.01 | `aclrtCreateEvent` | *not proven:* no a&#124;b yet |" in text
    assert "| RT6.03 | Wait &#124; reset |" in text


def test_write_then_check(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """--check fails on a missing and on a stale page and writes nothing; after --write it passes."""
    root = make({"RT6.*": "none", "RT7.*": "none"}, [])
    path = root / tool.PAGE
    assert main(["--check"], root) == 1
    assert not path.exists()
    assert "docs/rows.md is stale: run python -m tools.rows --write" in capsys.readouterr().out
    assert main(["--write"], root) == 0
    assert "wrote docs/rows.md" in capsys.readouterr().out
    assert main(["--check"], root) == 0
    assert main(["--write"], root) == 0
    assert "wrote" not in capsys.readouterr().out
    make({"RT6.*": "other", "RT7.*": "none"}, [])
    written = path.read_text(encoding="utf-8")
    assert main(["--check"], root) == 1
    assert path.read_text(encoding="utf-8") == written


def test_write_fails_on_a_gap_and_shows_it(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """--write writes the page of a record with a gap, which shows the gap, and fails."""
    root = make({"RT7.*": "none"}, ["RT6.01", "RT6.02"])
    assert main(["--write"], root) == 1
    assert "RT6.03 Wait | reset: neither a test nor a reason" in capsys.readouterr().out
    assert "| *not proven:* no test and no reason |" in (root / tool.PAGE).read_text(encoding="utf-8")


def tables(folder: Path, first: list[str], second: list[str]) -> Path:
    for name, ids in zip(tool.CONTRACTS, (first, second), strict=True):
        rows = "".join(f"| `{row}` aclrtSomething | code |\n" for row in ids)
        (folder / name).write_text(f"Ids look like `RT9.99`.\n\n| Function | Checks |\n|---|---|\n{rows}")
    return folder


def test_equal_tables_pass(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables with exactly the rows of the list pass, and the command says how many it compared."""
    root = make({}, [])
    folder = tables(root, ["RT6.01", "RT6.02", "RT6.03"], ["RT7.01"])
    assert main(["--contracts", str(folder)], root) == 0
    assert "compared 4 rows" in capsys.readouterr().out


def test_different_tables_fail(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A row that is missing on either side and one that stands twice are named."""
    root = make({}, [])
    folder = tables(root, ["RT6.01", "RT6.02", "RT6.04"], ["RT7.01", "RT7.01"])
    assert compare(read_rows(root / tool.LIST), folder) == [
        "RT7.01 stands twice in the tables",
        "RT6.04 stands in the tables, not in tests/contract/rows.txt",
        "RT6.03 stands in tests/contract/rows.txt, not in the tables",
    ]
    assert main(["--contracts", str(folder)], root) == 1
    assert "RT6.04 stands in the tables" in capsys.readouterr().out


def test_missing_tables_fail(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without the tables is an error, not an empty comparison."""
    root = make({}, [])
    assert main(["--contracts", str(root / "nowhere")], root) == 1
    assert "nowhere" in capsys.readouterr().out


def test_nothing_to_do_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """The command wants to be told what to do."""
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "--contracts" in capsys.readouterr().err

"""Row markers are read from the source exactly as pytest attaches them, and none is lost."""

import textwrap
from pathlib import Path

import pytest

from tools.row_markers import Markers, read_markers

FORMS = """
import pytest
from pytest import mark

pytestmark = [mark.row("RT2.01")]
CASES = [pytest.param(1, marks=pytest.mark.row("RT3.01")), 2]
MORE: list = [*CASES, pytest.param(3, marks=[pytest.mark.filterwarnings("error"), mark.row("RT3.02", "RT3.03")])]

def cases():
    return [pytest.param(4, marks=mark.row("RT3.04"))]

def test_plain():
    pass

@mark.row("RT4.01", "RT4.02")
@pytest.mark.row("RT4.03")
def test_decorated():
    pass

@mark.row("RT4.04")
async def test_async():
    pass

@pytest.mark.parametrize("x", [1, pytest.param(2, marks=mark.row("RT5.01"))])
def test_inline(x):
    pass

@pytest.mark.parametrize("x", CASES)
def test_named(x):
    pass

@pytest.mark.parametrize("x", MORE)
@pytest.mark.parametrize("y", cases())
def test_by_way_of_names(x, y):
    pass

@mark.row("RT6.01")
class TestClass:
    pytestmark = mark.row("RT6.02")

    @mark.row("RT6.03")
    def test_method(self):
        pass

    class TestInner:
        @mark.row("RT6.04", "RT6.04")
        def test_method(self):
            pass
"""


@pytest.fixture
def read(tmp_path: Path) -> "Read":
    return Read(tmp_path)


class Read:
    """Reads the markers of one file of tests."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, text: str, path: str = "tests/test_it.py") -> Markers:
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("import pytest\nfrom pytest import mark\n" + textwrap.dedent(text), encoding="utf-8")
        return read_markers(self._root)


def test_every_form_is_read_as_pytest_reads_it(pytester: pytest.Pytester) -> None:
    """For each form of the marker the tests and rows from the source are those that pytest collects."""
    folder = pytester.mkdir("tests")
    path = folder / "test_forms.py"
    path.write_text(FORMS, encoding="utf-8")
    pytester.makeini("[pytest]\nmarkers = row")
    items, _ = pytester.inline_genitems(path)
    collected = {
        (item.nodeid.partition("::")[2].partition("[")[0], row)
        for item in items
        for marker in item.iter_markers("row")
        for row in marker.args
    }
    markers = read_markers(pytester.path)
    assert markers.problems == []
    assert {(test.name, row) for row, tests in markers.proofs.items() for test in tests} == collected
    assert len(collected) == 24
    assert all(len(tests) == len(set(tests)) for tests in markers.proofs.values())


def test_a_test_is_named_by_file_and_class(read: Read) -> None:
    """The name of a test is that of pytest, from the root of the repository."""
    markers = read("class TestA:\n    @mark.row('RT2.01')\n    def test_b(self): ...", "tests/deep/down/test_it.py")
    assert [str(test) for test in markers.proofs["RT2.01"]] == ["tests/deep/down/test_it.py::TestA::test_b"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("@mark.row\ndef test_it(): ...", 3),
        ("@mark.row()\ndef test_it(): ...", 3),
        ("ROW = 'RT2.01'\n@mark.row(ROW)\ndef test_it(): ...", 4),
        ("ROWS = ['RT2.01']\n@mark.row(*ROWS)\ndef test_it(): ...", 4),
        ("@mark.row('RT2.01', row='RT2.02')\ndef test_it(): ...", 3),
        ("@mark.row(201)\ndef test_it(): ...", 3),
        ("row = mark.row\n@row('RT2.01')\ndef test_it(): ...", 3),
        ("def rows(*ids):\n    return mark.row(*ids)\n@rows('RT2.01')\ndef test_it(): ...", 4),
    ],
)
def test_rows_that_are_not_literal_are_reported(read: Read, text: str, line: int) -> None:
    """A marker whose rows cannot be read from the source is a problem with its line, once."""
    assert read(text).problems == [
        f'tests/test_it.py:{line}: write the rows as literal strings, at least one: pytest.mark.row("RT8.14")'
    ]


def test_an_unreadable_marker_of_two_tests_is_reported_once(read: Read) -> None:
    """A wrong marker in a shared list is one problem, however many tests use the list."""
    text = """
    CASES = [pytest.param(1, marks=mark.row())]
    @mark.parametrize("x", CASES)
    def test_one(x): ...
    @mark.parametrize("x", CASES)
    def test_two(x): ...
    """
    assert len(read(text).problems) == 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("@mark.row('RT2.01')\ndef helper(): ...", "tests/test_it.py"),
        ("CASES = [pytest.param(1, marks=mark.row('RT2.01'))]\ndef test_it(): ...", "tests/test_it.py"),
        ("class Base:\n    @mark.row('RT2.01')\n    def test_it(self): ...", "tests/test_it.py"),
        ("def test_it(request):\n    request.applymarker(mark.row('RT2.01'))", "tests/test_it.py"),
        ("@mark.row('RT2.01')\ndef test_it(): ...", "tests/helpers.py"),
        ("pytestmark = mark.row('RT2.01')", "tests/conftest.py"),
    ],
)
def test_markers_without_a_test_are_reported(read: Read, text: str, path: str) -> None:
    """A marker on something that pytest does not collect, or attached at run time, is a problem and proves nothing."""
    markers = read(text, path)
    assert [problem.partition(": ")[2] for problem in markers.problems] == ["this row marker belongs to no test"]
    assert markers.proofs == {}


@pytest.mark.parametrize(
    "text",
    [
        "@mark.row('RT2.01')\n@mark.skip\ndef test_it(): ...",
        "@mark.row('RT2.01')\n@pytest.mark.xfail(reason='not yet')\ndef test_it(): ...",
        "pytestmark = mark.skip('not yet')\n@mark.row('RT2.01')\ndef test_it(): ...",
        "@mark.parametrize('x', [pytest.param(1, marks=[mark.row('RT2.01'), mark.xfail])])\ndef test_it(x): ...",
    ],
)
def test_tests_that_do_not_count_prove_nothing(read: Read, text: str) -> None:
    """A test that is skipped or expected to fail proves no row; the record says so."""
    markers = read(text)
    assert [problem.partition(": ")[2] for problem in markers.problems] == [
        "test_it is skipped or expected to fail: it proves no row"
    ]
    assert markers.proofs == {}


def test_a_skip_without_a_row_is_no_concern(read: Read) -> None:
    """Skipped tests without a row, and tests that are skipped on a condition, are left alone."""
    markers = read(
        "@mark.skip\ndef test_a(): ...\n@mark.skipif(True, reason='x')\n@mark.row('RT2.01')\ndef test_b(): ..."
    )
    assert markers.problems == []
    assert [test.name for test in markers.proofs["RT2.01"]] == ["test_b"]

"""The plugin of the row marker: which markers it lets pass, which it refuses and what it says."""

from pathlib import Path

import pytest

from aclcffi.testing.rows import RowList, read_rows

LIST = """\
# rows of this test
RT6 Events

RT6.07 aclrtStreamWaitEvent
RT6.08 aclrtStreamWaitEventWithTimeout
MD7 Execution
MD7.03 Work memory missing
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with the plugin, a list of three rows and warnings as errors."""
    pytester.makeconftest('pytest_plugins = ["aclcffi.testing.rows"]')
    pytester.makeini("[pytest]\naddopts = --strict-markers\nfilterwarnings = error")
    folder = pytester.mkdir("tests") / "contract"
    folder.mkdir()
    (folder / "rows.txt").write_text(LIST, encoding="utf-8")
    return pytester


def run(project: pytest.Pytester, marker: str, *arguments: str) -> pytest.RunResult:
    project.makepyfile(f"import pytest\n\n{marker}\ndef test_it():\n    pass\n\ndef test_other():\n    pass\n")
    return project.runpytest_inprocess("-p", "no:cacheprovider", *arguments)


@pytest.mark.parametrize("marker", ["", '@pytest.mark.row("RT6.07")', '@pytest.mark.row("RT6.07", "MD7.03")'])
def test_known_rows_pass(project: pytest.Pytester, marker: str) -> None:
    """Tests with known rows, and tests without a marker, run."""
    run(project, marker).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('@pytest.mark.row("RT6.99")', "*test_it: 'RT6.99' is no row of the contract"),
        ('@pytest.mark.row("RT6.07", "RT6")', "*test_it: 'RT6' is no row of the contract"),
        ("@pytest.mark.row(607)", "*test_it: 607 is no row of the contract"),
        ('@pytest.mark.row(["RT6.07"])', "*test_it: ['[]'RT6.07'[]] is no row of the contract"),
        ("@pytest.mark.row", "*test_it: the row marker takes row ids, at least one*"),
        ("@pytest.mark.row()", "*test_it: the row marker takes row ids, at least one*"),
        ('@pytest.mark.row("RT6.07", why="x")', "*test_it: the row marker takes row ids, at least one*"),
    ],
)
def test_wrong_markers_stop_the_run(project: pytest.Pytester, marker: str, message: str) -> None:
    """A marker without a row or with an unknown one is a usage error that names the test and the row; no test runs."""
    result = run(project, marker)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: wrong row markers:", message])
    result.assert_outcomes()


def test_all_wrong_markers_are_named(project: pytest.Pytester) -> None:
    """One run names every wrong marker, those of single parameters too, and each only once."""
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.row("RT1.01")

        @pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.row("RT1.02"))])
        def test_it(x):
            pass
        """
    )
    result = project.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    wrong = [line.partition("::")[2] for line in result.stderr.lines if "is no row" in line]
    assert sorted(wrong) == [
        "test_it[1]: 'RT1.01' is no row of the contract",
        "test_it[2]: 'RT1.01' is no row of the contract",
        "test_it[2]: 'RT1.02' is no row of the contract",
    ]


def test_deselected_tests_are_checked_too(project: pytest.Pytester) -> None:
    """A wrong marker is refused even where its test is not among those that would run."""
    result = run(project, '@pytest.mark.row("RT6.99")', "-k", "test_other")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_the_marker_is_declared(project: pytest.Pytester) -> None:
    """`pytest --markers` explains the marker once, whether or not the configuration declares it."""
    declaration = "@pytest.mark.row(id, ...): the contract rows that this test proves"
    assert project.runpytest_inprocess("--markers").outlines.count(declaration) == 1
    project.makeini("[pytest]\nmarkers = row(id, ...): the contract rows that this test proves")
    assert project.runpytest_inprocess("--markers").outlines.count(declaration) == 1


def test_the_setting_names_another_list(project: pytest.Pytester) -> None:
    """`row_list` in the configuration says where the list lies."""
    project.makeini("[pytest]\nrow_list = elsewhere.txt")
    (project.path / "elsewhere.txt").write_text("RT1 Layers\nRT1.01 Gates\n", encoding="utf-8")
    run(project, '@pytest.mark.row("RT1.01")').assert_outcomes(passed=2)


def test_a_missing_list_is_a_usage_error(project: pytest.Pytester) -> None:
    """Without its list the plugin stops a run that has markers, and leaves one without markers alone."""
    project.makeini("[pytest]\nrow_list = nowhere.txt")
    result = run(project, '@pytest.mark.row("RT6.07")')
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: the list of contract rows cannot be read: *nowhere.txt*"])
    run(project, "").assert_outcomes(passed=2)


def test_a_list_is_read_in_order(tmp_path: Path) -> None:
    """Sections and rows keep their order and titles; comments and empty lines are left out."""
    path = tmp_path / "rows.txt"
    path.write_text(LIST, encoding="utf-8")
    rows = read_rows(path)
    assert rows == RowList(
        {"RT6": "Events", "MD7": "Execution"},
        {
            "RT6.07": "aclrtStreamWaitEvent",
            "RT6.08": "aclrtStreamWaitEventWithTimeout",
            "MD7.03": "Work memory missing",
        },
    )
    assert list(rows.rows) == ["RT6.07", "RT6.08", "MD7.03"]
    assert list(rows.of_section("RT6")) == ["RT6.07", "RT6.08"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("RT6.7 short", "rows.txt:3: not a row"),
        ("RT6.07", "rows.txt:3: not a row"),
        ("RT6.01 again", "rows.txt:3: RT6.01 stands here twice"),
        ("RT6 again", "rows.txt:3: RT6 stands here twice"),
        ("RT7.01 elsewhere", "rows.txt:3: RT7.01 stands outside its section"),
        ("RT7 Notify\nRT6.02 late", "rows.txt:4: RT6.02 stands outside its section"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    """A line that is no row, a repetition and a row outside its section are errors that name the line."""
    path = tmp_path / "rows.txt"
    path.write_text(f"RT6 Events\nRT6.01 first\n{lines}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_rows(path)

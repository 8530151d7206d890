"""What a pipeline's step ends with, and what it writes."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.ci.junit import write_junit
from chaosnetra.ci.validation import Exit, Validation, summary, table
from chaosnetra.cli import netra
from chaosnetra.evidence.compare.changes import ExperimentChange
from chaosnetra.evidence.compare.comparison import Comparison, compare
from chaosnetra.evidence.compare.experiment_runs import Runs
from chaosnetra.evidence.verdict.verdict import Outcome
from chaosnetra.runner.files import Experiment, RunFiles
from chaosnetra.runner.outcome import Kind, RunOutcome
from tests.support.journals import GOOD, journal

FILES = RunFiles(Path("/no/such/folder"))


def outcome(kind: Kind, line: str = "why", title: str = "it", **more: Any) -> RunOutcome:
    journal = None if kind is Kind.BROKEN else FILES.journal
    made = {"violations": (), "files": FILES, "profile": None, "seconds": 1.25, "returncode": 1}
    return RunOutcome(
        experiment=Experiment(Path("it.json"), title, ()),
        kind=kind,
        line=line,
        journal=journal,
        **{**made, **more},
    )


def comparison(before: Outcome, after: Outcome) -> Comparison:
    sides = [
        {"it": Runs(outcomes=[found], reasons=["because"])} if found else {}
        for found in (before, after)
    ]
    return compare(*sides)


WORSE = comparison(Outcome.HELD, Outcome.VIOLATED)
SAME = comparison(Outcome.VIOLATED, Outcome.VIOLATED)


@pytest.mark.parametrize(
    ("kinds", "compared", "expected"),
    [
        ([Kind.HELD], None, Exit.HELD),
        ([Kind.HELD, Kind.VIOLATED, Kind.BROKEN], None, Exit.VIOLATED),
        ([Kind.HELD, Kind.BROKEN], None, Exit.PROVES_NOTHING),
        ([Kind.HELD, Kind.INCONCLUSIVE], None, Exit.PROVES_NOTHING),
        ([], None, Exit.PROVES_NOTHING),
        ([Kind.VIOLATED, Kind.BROKEN], WORSE, Exit.REGRESSION),
        ([Kind.VIOLATED], SAME, Exit.VIOLATED),
    ],
)
def test_the_weightiest_finding_is_the_exit_code(
    kinds: list[Kind], compared: Comparison | None, expected: Exit
) -> None:
    validation = Validation([outcome(kind) for kind in kinds], compared, "none")
    assert validation.exit is expected
    assert validation.to_json()["exit_code"] == expected.value
    assert f"(exit code {expected.value})" in table(validation)


def test_a_baseline_that_cannot_be_used_is_not_held() -> None:
    validation = Validation([outcome(Kind.HELD)], None, "broken", baseline_unusable=True)
    assert validation.exit is Exit.PROVES_NOTHING


def test_an_interruption_is_told_before_all_else() -> None:
    validation = Validation([outcome(Kind.VIOLATED)], WORSE, "there", interrupted=True)
    assert validation.exit is Exit.INTERRUPTED


@given(st.text(), st.text())
def test_a_summary_has_one_row_an_experiment_whatever_it_is_called(title: str, line: str) -> None:
    found = outcome(Kind.VIOLATED, line, title)
    change = ExperimentChange(title, None, Runs(outcomes=[Outcome.VIOLATED], reasons=[line]))
    text = summary(Validation([found, outcome(Kind.HELD)], Comparison([change]), "there"))
    rows = [row for row in text.split("\n") if row.startswith("| ")]
    assert len(rows) == 4
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert text.encode()


@given(st.text(), st.text())
def test_junit_is_xml_whatever_stands_in_it(title: str, line: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        write_junit(path, [outcome(Kind.VIOLATED, line, title)], reported=False)
        (case,) = ET.parse(path).iter("testcase")
    assert case.find("failure") is not None


def reported(folder: Path, *journals: Any) -> Path:
    """The report on journals, where `ci` finds it."""
    paths = []
    for number, data in enumerate(journals):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(json.dumps(data))
    path = folder / "junit.xml"
    done = CliRunner().invoke(netra, ["report", *map(str, paths), "-o", str(path)])
    assert done.exit_code == 0, done.output
    return path


def run(kind: Kind, name: str = "a.json", title: str = "t", **more: Any) -> RunOutcome:
    return replace(outcome(kind, **more), experiment=Experiment(Path(name), title, ()))


def names(path: Path) -> list[tuple[str, str]]:
    return [
        (case.get("classname", ""), case.get("name", ""))
        for case in ET.parse(path).iter("testcase")
    ]


def test_junit_has_the_reported_cases_and_those_without_a_journal(tmp_path: Path) -> None:
    path = reported(tmp_path, journal())
    write_junit(path, [run(Kind.BROKEN, "b.json", "b"), run(Kind.HELD)], reported=True)
    assert names(path) == [
        ("b", "verdict"),
        ("t", "starts before the method"),
        ("t", "starts after the method"),
        ("t", "verdict"),
    ]
    root = ET.parse(path).getroot()
    assert [suite.get("id") for suite in root] == ["0", "1"]
    assert [case.get("file") for case in root.iter("testcase")] == ["b.json", *["a.json"] * 3]
    for element in (root, *root):
        assert element.get("tests") == str(len([*element.iter("testcase")]))
        assert element.get("errors") == str(len([*element.iter("error")]))
    assert root.get("errors") == "1"


def test_junit_says_of_a_run_what_the_validation_says(tmp_path: Path) -> None:
    """A journal that held proves nothing when `chaos run` failed after it was written."""
    path = reported(tmp_path, journal(recovery=GOOD))
    assert ET.parse(path).getroot().get("errors") == "0"
    write_junit(path, [run(Kind.INCONCLUSIVE, line="exited with 1")], reported=True)
    (error,) = ET.parse(path).iter("error")
    assert error.get("message") == "exited with 1"
    assert ET.parse(path).getroot().get("errors") == "1"


def test_junit_names_depend_on_no_other_run(tmp_path: Path) -> None:
    """So that each test's history is its own, whatever became of the others."""
    held, broken = run(Kind.HELD, "one/a.json"), run(Kind.BROKEN, "two/b.json")
    path = reported(tmp_path, journal(), journal())
    write_junit(path, [held, run(Kind.HELD, "two/b.json")], reported=True)
    both = names(path)
    path = reported(tmp_path, journal())
    write_junit(path, [held, broken], reported=True)
    assert set(names(path)) < set(both)
    assert len(set(both)) == len(both) == 6
    assert ("t (two/b.json)", "verdict") in names(path)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Kind.HELD, Kind.BROKEN]),
            st.sampled_from(["a.json", "b.json", "x/a.json", "a (2).json"]) | st.text(min_size=1),
            st.sampled_from(["", "t", "t (a.json)", "a", "\x00", "t" * 1000]) | st.text(),
        ),
        max_size=8,
    )
)
def test_no_two_cases_of_junit_are_called_alike(runs: list[tuple[Kind, str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "junit.xml"
        write_junit(path, [run(*one) for one in runs], reported=False)
        found = names(path)
    assert len(set(found)) == len(found) == len(runs)

"""What a pipeline's step ends with, and what it writes."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.ci.gate import Exit, Validation
from chaosnetra.ci.junit import write_junit
from chaosnetra.ci.summary import summary, table
from chaosnetra.evidence.comparison import Comparison, ExperimentChange, compare
from chaosnetra.evidence.sides import Runs
from chaosnetra.evidence.verdict import Outcome
from chaosnetra.runner.files import Experiment
from chaosnetra.runner.outcome import Kind, RunFiles, RunOutcome

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


@pytest.mark.parametrize("root", ["testsuites", "testsuite"])
def test_junit_of_a_report_gets_what_has_no_journal(tmp_path: Path, root: str) -> None:
    path = tmp_path / "junit.xml"
    suite = '<testsuite name="report"><testcase name="held"/></testsuite>'
    path.write_text(f"<testsuites>{suite}</testsuites>" if root == "testsuites" else suite)
    write_junit(
        path, [outcome(Kind.HELD, title="held"), outcome(Kind.BROKEN, title="b")], reported=True
    )
    tree = ET.parse(path)
    assert [case.get("name") for case in tree.iter("testcase")] == ["held", "b"]
    assert [found.get("errors") for found in tree.iter("testsuite")] == [None, "1"]
    assert [case.find("error") is not None for case in tree.iter("testcase")] == [False, True]


def test_junit_of_a_report_stays_as_it_is_when_nothing_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text("<testsuites/>")
    write_junit(path, [outcome(Kind.HELD)], reported=True)
    assert path.read_text() == "<testsuites/>"

"""JUnit XML as CI systems read it."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.report.junit_xml import distinct
from tests.support.helpers import present
from tests.support.journals import BAD, GOOD, INJECT, failed_probe, journal, run_of, startups, state
from tests.support.reports import launch, reported, rich

NUMBERS = ("tests", "failures", "errors")


def suite_of(folder: Path, data: Any) -> ET.Element:
    return reported(folder, data)[2][0]


def outcome(suite: ET.Element, name: str) -> tuple[str, str | None]:
    case = present(suite.find(f"testcase[@name='{name}']"))
    found = [child for child in case if child.tag in ("failure", "error", "skipped")]
    assert len(found) <= 1
    return (found[0].tag, found[0].get("type")) if found else ("passed", None)


def test_it_has_the_shape_that_consumers_know(tmp_path: Path) -> None:
    _, _, root = reported(tmp_path, rich(), journal())
    assert root.tag == "testsuites"
    for number, suite in enumerate(root):
        assert suite.tag == "testsuite"
        assert suite.get("id") == str(number)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
        assert float(suite.get("time", "")) >= 0
        cases = suite.findall("testcase")
        assert [int(suite.get(key, "")) for key in NUMBERS] == [
            len(cases),
            sum(case.find("failure") is not None for case in cases),
            sum(case.find("error") is not None for case in cases),
        ]
        # The order that the strictest of the published schemas asks for.
        order = [child.tag for child in suite]
        assert order == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        for case in cases:
            assert {"name", "classname", "time"} == set(case.attrib)
        assert len({case.get("name") for case in cases}) >= 3
    for key in NUMBERS:
        assert int(root.get(key, "")) == sum(int(suite.get(key, "")) for suite in root)


def look(output: Any, **told: Any) -> dict[str, Any]:
    """A probe of the method with a tolerance."""
    run = {**run_of("look", kind="probe"), "output": output, **told}
    return {**run, "activity": {**run["activity"], "tolerance": True}}


def acted(output: Any) -> dict[str, Any]:
    """A process as an action that the core calls a success."""
    run = run_of("inject")
    run["activity"]["provider"] = {"type": "process", "path": "x"}
    return {**run, "output": output}


@pytest.mark.parametrize("stage", ["in the method", "after the rollbacks"])
def test_a_probe_outside_the_steady_state_is_a_case_too(tmp_path: Path, stage: str) -> None:
    part = "method" if stage == "in the method" else "rollbacks"
    for met, run in ((True, look(True)), (False, look(False)), (None, look(1, status="failed"))):
        runs = (INJECT, run) if part == "method" else (run,)
        page, text, root = reported(tmp_path, journal(**{part: runs}))
        suite = present(root.find("testsuite"))
        expected = {
            True: ("passed", None),
            False: ("failure", "violated"),
            None: ("error", "probe failed"),
        }[met]
        assert outcome(suite, f"look {stage}") == expected
        verdict = {True: "held", False: "violated", None: "inconclusive"}[met]
        assert f"{verdict}**" in text
        assert verdict in page.text


def test_a_run_that_held_passes(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, journal(method=(run_of("inject"),), recovery=GOOD))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")
    assert outcome(suite, "starts after the method") == ("passed", None)
    assert suite.findtext("system-out", "").startswith("held: ")


def test_a_violated_claim_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    data = journal(after=state(launch(failed=5)), recovery=state(launch(0.5)))
    suite = suite_of(tmp_path, data)
    assert outcome(suite, "starts after the method") == ("failure", "violated")
    assert outcome(suite, "starts after the rollbacks") == ("passed", None)
    assert outcome(suite, "verdict") == ("failure", "steady state violated")
    assert "5 of 5 trials under the fault failed" in suite.findtext("system-out", "")


@pytest.mark.parametrize(
    ("cause", "data"),
    [
        ("baseline not met", journal(before=BAD, after=None)),
        ("injection failed", journal(method=(run_of("inject", status="failed"),), recovery=GOOD)),
        ("rollback failed", journal(rollbacks=(run_of("undo", status="failed"),), recovery=GOOD)),
        ("interrupted", journal(status="interrupted", after=None)),
        ("an observation failed", journal(method=(INJECT, look(None, status="failed")))),
        ("injection failed", journal(method=(acted({"status": 2, "stderr": "no"}),))),
        ("rollback failed", journal(rollbacks=(acted({"status": 2, "stderr": "no"}),))),
        ("dry run", journal(dry="activities")),
    ],
)
def test_a_run_that_proves_nothing_is_an_error(tmp_path: Path, cause: str, data: Any) -> None:
    suite = suite_of(tmp_path, data)
    assert outcome(suite, "verdict") == ("error", cause)
    assert suite.get("failures") == "0"
    if cause == "baseline not met":
        assert outcome(suite, "starts before the method") == ("error", cause)


def test_what_the_machine_explains_is_an_error(tmp_path: Path) -> None:
    one = {"status": "timed_out", "late": True, "seconds": 9.0}
    one |= {"processors": {"cpu_seconds": 0.5, "delayed_seconds": 8.0}}
    told = {"machine_share": {"cores": 1}, "startup_timeout_seconds": 5, "max_failure_rate": 0}
    suite = suite_of(tmp_path, journal(after=state(startups(0, 1, startups=[one], **told))))
    cause = "the machine and not the fault took the time"
    assert outcome(suite, "startups after the method") == ("error", cause)
    assert outcome(suite, "verdict") == ("error", cause)


def test_a_probe_that_failed_itself_is_an_error(tmp_path: Path) -> None:
    suite = suite_of(tmp_path, journal(after=state(failed_probe(text="no server"))))
    assert outcome(suite, "starts after the method") == ("error", "probe failed")
    case = present(suite.find("testcase[@name='starts after the method']/error"))
    assert "no server" in case.get("message", "")


def cases(root: ET.Element) -> list[tuple[str, str]]:
    return [(case.get("classname", ""), case.get("name", "")) for case in root.iter("testcase")]


def test_two_runs_of_one_experiment_are_told_apart(tmp_path: Path) -> None:
    """Consumers keep one of two cases that are called alike: a failure would vanish."""
    data = journal(after=state(launch(failed=5)), recovery=state(launch(0.5)))
    _, _, root = reported(tmp_path, data, journal(recovery=GOOD), data)
    assert [suite.get("name") for suite in root] == ["t", "t (2)", "t (3)"]
    assert len(set(cases(root))) == len(cases(root))
    again = tmp_path / "again"
    again.mkdir()
    assert cases(reported(again, data, journal(recovery=GOOD), data)[2]) == cases(root)


def test_probes_of_one_name_are_told_apart_also_where_one_is_called_like_a_number(
    tmp_path: Path,
) -> None:
    probes = [launch(0.5), launch(failed=5), launch(0.5)]
    probes[1]["activity"]["name"] = probes[2]["activity"]["name"] = "starts"
    named = launch(0.5)
    named["activity"]["name"] = "p" * 2000
    suite = suite_of(tmp_path, journal(after=state(*probes, named)))
    found = [case for case in cases(suite) if "after the method" in case[1]]
    assert [name for _, name in found][:3] == [
        "starts after the method",
        "starts after the method (2)",
        "starts after the method (3)",
    ]
    assert len(set(found)) == 4
    assert all(len(name) <= 300 for _, name in found)
    assert outcome(suite, "starts after the method (2)") == ("failure", "violated")


@given(st.lists(st.sampled_from(["a", "a (2)", "a (3)", "a (2) (2)", "b"]) | st.text()))
def test_names_are_distinct_and_the_first_of_each_is_kept(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found)) == len(names)
    for at, (name, new) in enumerate(zip(names, found, strict=True)):
        assert (new == name) == (name not in names[:at])
        assert new.startswith(name)

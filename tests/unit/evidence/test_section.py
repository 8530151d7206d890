"""The section of the journal, and what it corrects."""

import json
from typing import Any

import pytest

from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.verdict.verdict import Outcome
from tests.support.journals import BAD, GOOD, journal, probe, run_of, startups, state


def completed(facts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    data = journal(**changes)
    del data["chaosnetra"]
    complete(data, facts or {})
    return data


def test_a_run_that_held_needs_no_correction() -> None:
    data = completed()
    assert (data["status"], data["deviated"]) == ("completed", False)
    section = data["chaosnetra"]
    assert (section["version"], section["verdict"]) == (1, "held")
    assert (section["cause"], section["violations"]) == ("steady state held", [])
    assert section["corrections"] == []
    json.dumps(data)


def test_the_verdict_comes_back() -> None:
    data = journal()
    verdict, violations = complete(data, {"crashed": "KeyError"})
    assert (verdict.outcome, violations) == (Outcome.INCONCLUSIVE, [])


def test_a_deviation_that_the_core_reports_stays() -> None:
    data = completed(after=BAD, deviated=True)
    assert (data["status"], data["deviated"]) == ("completed", True)
    assert data["chaosnetra"]["corrections"] == []
    assert [found["stage"] for found in data["chaosnetra"]["violations"]] == ["after"]


@pytest.mark.parametrize(
    ("changes", "facts"), [({"during": (BAD,)}, {}), ({}, {"recovery": BAD})], ids=str
)
def test_a_violation_that_the_core_does_not_report_becomes_a_deviation(
    changes: dict[str, Any], facts: dict[str, Any]
) -> None:
    data = completed(facts, **changes)
    assert (data["status"], data["deviated"]) == ("completed", True)
    assert data["chaosnetra"]["corrections"] == ["deviated: false to true"]


@pytest.mark.parametrize("deviated", [False, True])
def test_an_inconclusive_run_is_never_reported_as_completed(deviated: bool) -> None:
    data = completed(
        after=BAD if deviated else GOOD,
        deviated=deviated,
        method=(run_of("add latency", status="failed"),),
    )
    assert (data["status"], data["deviated"]) == ("failed", deviated)
    assert data["chaosnetra"]["corrections"] == ["status: completed to failed"]


@pytest.mark.parametrize("status", ["failed", "aborted", "interrupted"])
def test_what_the_core_calls_no_success_keeps_its_name(status: str) -> None:
    data = completed({"interrupted_by": "SIGINT"}, status=status)
    assert (data["status"], data["chaosnetra"]["corrections"]) == (status, [])


def test_a_dry_run_is_inconclusive_but_not_corrected() -> None:
    data = completed({"dry": "actions"})
    assert (data["chaosnetra"]["verdict"], data["status"]) == ("inconclusive", "completed")
    assert data["chaosnetra"]["corrections"] == []


def test_the_facts_are_part_of_the_section() -> None:
    facts = {"faults": [], "parts": [{"kind": "postgres"}], "undo_failures": ["left"]}
    section = completed(facts)["chaosnetra"]
    assert {key: section[key] for key in facts} == facts


def test_measurements_come_from_every_stage_without_single_startups() -> None:
    before, during, after, recovery, method = (
        startups(ready, 9, startups=["long"]) for ready in (9, 8, 7, 6, 5)
    )
    data = completed(
        {"recovery": state(recovery)},
        before=state(before),
        during=(state(during),),
        after=state(probe("other"), after),
        method=(method, run_of("add latency")),
    )
    measured = data["chaosnetra"]["measurements"]
    assert [(one["stage"], one["probe"], one["ready"]) for one in measured] == [
        ("before", "startups", 9),
        ("during", "startups", 8),
        ("after", "startups", 7),
        ("recovery", "startups", 6),
        ("method", "startups", 5),
    ]
    assert all("startups" not in one for one in measured)
    assert after["output"]["startups"] == ["long"]


@pytest.mark.parametrize("singles", ["connections", "checkouts", "samples"])
def test_measurements_hold_no_single_trials_or_samples_of_other_probes(singles: str) -> None:
    told = {"held": True, "curve": [1, 2], singles: [{"seconds": 1}]}
    (measured,) = completed({}, after=state(probe(output=told)))["chaosnetra"]["measurements"]
    assert measured["curve"] == [1, 2]
    assert singles not in measured


def test_an_earlier_section_is_replaced() -> None:
    data = journal(crashed="in an earlier life")
    complete(data, {})
    assert data["chaosnetra"]["verdict"] == "held"
    assert "crashed" not in data["chaosnetra"]


def test_the_verdict_can_be_computed_again_from_the_section() -> None:
    facts = {"faults": [{"name": "slow", "effect": {"in_effect": False}}], "recovery": BAD}
    data = completed(facts)
    said = data["chaosnetra"]
    complete(data, {key: said[key] for key in facts})
    assert data["chaosnetra"]["verdict"] == said["verdict"]
    assert data["chaosnetra"]["reason"] == said["reason"]

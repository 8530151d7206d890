"""Violations found in journals."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from chaosnetra.evidence.journal.shape import Stage, normalized
from chaosnetra.evidence.verdict.violations import (
    LONGEST_OBSERVED,
    Violation,
    failure_text,
    find_violations,
    is_unanswered,
    unanswered_by,
)
from tests.support.journals import BAD, GOOD, failed_probe, probe, startups, state


def violations_in(
    states: dict[str, Any], recovery: Any = None, method: Sequence[Any] = ()
) -> list[Violation]:
    journal = {"steady_states": states, "run": list(method), "chaosnetra": {"recovery": recovery}}
    return find_violations(normalized(journal))


def test_a_steady_state_that_held_has_none() -> None:
    assert violations_in({"before": GOOD, "after": GOOD, "during": [GOOD]}, GOOD) == []


@pytest.mark.parametrize("states", [{}, {"before": None, "after": None, "during": None}])
def test_what_was_not_checked_has_none(states: dict[str, Any]) -> None:
    assert violations_in(states) == []


def test_they_come_in_the_order_of_the_run() -> None:
    states = {"after": BAD, "during": [BAD, GOOD, BAD], "before": BAD}
    stages = [found.stage for found in violations_in(states, BAD)]
    assert stages == [Stage.BEFORE, Stage.DURING, Stage.DURING, Stage.AFTER, Stage.RECOVERY]


def test_only_the_probes_that_missed_their_tolerance_count() -> None:
    after = state(probe("a"), probe("b", met=False), probe("c"))
    assert [found.probe for found in violations_in({"after": after})] == ["b"]


def test_evidence_that_the_probe_tells_is_kept() -> None:
    run = startups(
        2,
        5,
        phase="database",
        budget="table_setup",
        budget_seconds=1.0,
        sqlstate="53300",
        error="too many clients",
    )
    (found,) = violations_in({"after": state(run)})
    assert found.to_json() == {
        "stage": "after", "probe": "startups", "expected": "at most 0% fail",
        "observed": "2 of 5 ready", "phase": "database", "budget": "table_setup",
        "budget_seconds": 1.0, "sqlstate": "53300", "error": "too many clients",
        "at": "2026-01-01T00:00:01", "exit_code": None, "signal": None, "waited_for": None,
        "own_limit": None, "on_the_wire": None, "named_limit_refuted": None,
        "phase_on_the_wire": None, "machine": None, "budget_needs_seconds": None,
    }  # fmt: skip
    assert found.line == (
        "after the method, startups: expected at most 0% fail; observed 2 of 5 ready, "
        "in phase database, budget table_setup of 1 s expired, SQLSTATE 53300: too many clients"
    )
    json.dumps(found.to_json())


def test_a_budget_that_is_too_short_by_arithmetic_did_not_expire() -> None:
    told = {"budget": "initialization", "budget_seconds": 25.0, "budget_needs_seconds": 45.0}
    (found,) = violations_in({"after": state(startups(2, 5, **told))})
    assert found.observation.endswith("budget initialization of 25 s is too short, 45 s needed")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"observed_exit_code": 1, "observed_signal": None}, "ready, exit code 1: it broke"),
        ({"observed_exit_code": 0}, "ready, exit code 0: it broke"),
        ({"observed_signal": 11}, "ready, signal 11: it broke"),
        ({"observed_exit_code": True, "observed_signal": "9"}, "ready: it broke"),
        ({}, "ready: it broke"),
    ],
)
def test_how_a_startup_ended_is_in_the_line(told: dict[str, Any], words: str) -> None:
    run = startups(2, 5, error="it broke", **told)
    (found,) = violations_in({"after": state(run)})
    assert found.line.endswith(words)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"phase": "tables"}, ": on the wire: it waited"),
        ({"phase": "tables", "budget": "table_setup"}, ""),
        ({"phase": "tables", "sqlstate": "53300"}, ""),
        ({"phase": "tables", "named_limit_refuted": "25 s cannot be"}, ": 25 s cannot be"),
        (
            {"phase": "tables", "phase_on_the_wire": "in phase tables it made 3"},
            ": in phase tables it made 3; on the wire: it waited",
        ),
        (
            {"phase": "tables", "budget": "table_setup", "phase_on_the_wire": "in phase tables"},
            ": in phase tables",
        ),
        ({"named_limit_refuted": "25 s cannot be"}, ": on the wire: it waited; 25 s cannot be"),
    ],
)
def test_what_the_wire_adds_is_said_once(told: dict[str, Any], words: str) -> None:
    """Of a phase without a known budget the wire tells the rest."""
    run = startups(2, 5, **{"error": "it broke", "on_the_wire": "it waited", **told})
    (found,) = violations_in({"after": state(run)})
    assert (found.wire or "") == words.removeprefix(": ")


def caused_by(*classes: str) -> dict[str, Any]:
    """A failed probe, and the errors that led to it, innermost first."""
    run = failed_probe("starts")
    chain = [f"{name}: it broke\n" for name in classes]
    return {**run, "exception": [*chain, run["exception"][-1]]}


@pytest.mark.parametrize(
    ("classes", "error"),
    [
        (["OSError", "chaosnetra.errors.MachineryFailed"], "MachineryFailed"),
        (["chaosnetra.errors.PartUnavailable"], "PartUnavailable"),
        (["chaosnetra.errors.ToxiproxyWedged"], "ToxiproxyWedged"),
        (["chaosnetra.errors.CloudRunUnanswered"], "CloudRunUnanswered"),
        (
            ["chaosnetra.errors.DatabaseFull", "chaosnetra.errors.PartUnavailable"],
            "PartUnavailable",
        ),
        (["chaosnetra.errors.PartUnavailable", "chaosnetra.errors.DatabaseFull"], None),
        (["chaosnetra.errors.DatabaseUnavailable"], None),
        (["chaosnetra.errors.InvalidInput"], None),
        (["chaosnetra.errors.errno"], None),
        (["somebody.errors.PartUnavailable"], None),
        (["OSError"], None),
        ([], None),
    ],
)
def test_what_a_probe_failed_of_tells_whether_it_tried_anything(
    classes: list[str], error: str | None
) -> None:
    run = caused_by(*classes)
    assert unanswered_by(run) == error
    assert is_unanswered(run) is (error is not None)


def test_a_probe_of_others_is_described_by_its_tolerance_and_output() -> None:
    run = probe("page", met=False, output={"status": 500})
    run["activity"]["tolerance"] = [200, 204]
    (found,) = violations_in({"after": state(run)})
    assert found.line == (
        'after the method, page: expected tolerance [200, 204]; observed {"status": 500}'
    )


def test_a_probe_that_failed_itself_is_told_by_its_error() -> None:
    (found,) = violations_in({"after": state(failed_probe("page", "no such host"))})
    assert found.line == (
        "after the method, page: expected an answer; observed a failed probe: no such host"
    )


@pytest.mark.parametrize("seconds", ["5 s", [5], {"s": 5}, float("nan"), float("inf")], ids=repr)
def test_foreign_values_in_place_of_evidence_are_left_out(seconds: Any) -> None:
    output = {"phase": {"name": "database"}, "budget": "table_setup", "budget_seconds": seconds}
    (found,) = violations_in({"after": state(probe(met=False, output=output))})
    assert (found.phase, found.budget, found.budget_seconds) == (None, "table_setup", None)
    assert "budget table_setup expired" in found.line
    json.dumps(found.to_json(), allow_nan=False)


def test_long_output_is_cut() -> None:
    run = probe(met=False, output="x" * 10_000)
    (found,) = violations_in({"after": state(run)})
    assert len(found.observed) == LONGEST_OBSERVED
    assert found.observed.endswith("…")


def test_what_is_no_json_is_described_all_the_same() -> None:
    (found,) = violations_in({"after": state(probe(met=False, output={1, 2}))})
    assert "{1, 2}" in found.observed


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (["Traceback\n", "KeyError: 'x'\n"], "KeyError: 'x'"),
        (["chaoslib.exceptions.ActivityFailed: gone\n"], "gone"),
        (["chaoslib.exceptions.ActivityFailed: chaoslib.exceptions.ActivityFailed: gone"], "gone"),
        (["two\n  lines\tof   text"], "two lines of text"),
        ([], "no reason was recorded"),
        (None, "no reason was recorded"),
    ],
)
def test_why_an_activity_failed(exception: Any, expected: str) -> None:
    assert failure_text(normalized({"run": [{"exception": exception}]})["run"][0]) == expected


def test_a_probe_of_the_method_that_says_it_did_not_hold_is_one_during_the_method() -> None:
    said = startups(1, 5, "looked at")
    said["activity"].pop("tolerance")
    told = violations_in({"before": GOOD, "after": BAD}, GOOD, [said, startups(5, 5)])
    assert [(found.stage, found.probe) for found in told] == [
        (Stage.DURING, "looked at"),
        (Stage.AFTER, "starts"),
    ]


@pytest.mark.parametrize(
    "run",
    [
        None,
        "text",
        {"activity": {"type": "action"}, "output": {"held": False, "expected": "x"}},
        {"activity": {"type": "probe"}, "output": {"held": False}},
        {"activity": {"type": "probe"}, "output": False},
        {"activity": {"type": "probe"}, "output": {"held": None, "expected": "x"}},
        {"activity": None, "output": {"held": False, "expected": "x"}},
    ],
)
def test_what_states_nothing_in_the_method_violates_nothing(run: Any) -> None:
    assert violations_in({"before": GOOD}, method=[run]) == []

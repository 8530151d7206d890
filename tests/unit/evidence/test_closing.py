"""What a run says at its end fits one screen, whatever was measured."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.verdict.closing import closing_lines
from tests.support.journals import failed_probe, journal, run_of, startups, state

LATENCY = {
    "parameters": {"kind": "toxic", "type": "latency"},
    "effect": {"quantity": "added_latency_ms", "expected": 50, "observed": 51.3, "in_effect": True},
}


def closing(facts: dict[str, Any] | None = None, width: int = 80, **changes: Any) -> list[str]:
    data = journal(**changes)
    del data["chaosnetra"]
    complete(data, facts or {})
    lines = closing_lines("Startups succeed", data["chaosnetra"], "journal.json", width)
    assert len(lines) <= 15
    assert all(len(line.text) <= width for line in lines[:-1])
    return [line.text for line in lines]


def test_a_run_that_held_says_what_so_few_startups_prove() -> None:
    ready = state(startups(5, 5, ready_seconds_p50=0.912, max_failure_rate=0.2))
    facts = {"faults": [LATENCY], "recovery": ready}
    assert closing(facts, before=ready, after=ready) == [
        "HELD  Startups succeed",
        "  ✓ before the method    5 of 5 ready, median 0.912 s",
        "  ✓ after the method     5 of 5 ready, median 0.912 s",
        "  ✓ after the rollbacks  5 of 5 ready, median 0.912 s",
        "  fault         latency: added_latency_ms 51.3 measured, 50 expected",
        "  proves        a failure rate of at most 46% with 95% confidence; at most 20%",
        "                takes 14 startups without a failure",
        "  next          chaosnetra report journal.json -o report.html",
    ]


def test_of_a_fault_in_tasks_it_says_in_how_many_it_was_measured() -> None:
    in_tasks = {**LATENCY, "tasks": {"counted": 4, "unmeasured": 1, "least": 50, "most": 52}}
    line = "  fault         latency: added_latency_ms 51.3 measured in 4 of 5 tasks, 50 expected"
    assert line in closing({"faults": [in_tasks]}, width=100)


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (
            {"quantity": "effect", "expected": "measured", "observed": "not measured"},
            "effect not measured",
        ),
        (
            {"quantity": "service_scaling", "expected": {"minimum": 2, "maximum": None},
             "observed": {"minimum": 1, "maximum": 4}},
            "service_scaling minimum 1, maximum 4 measured, minimum 2, maximum unset expected",
        ),
    ],
)  # fmt: skip
def test_an_effect_reads_as_one_sentence_whatever_was_measured(
    effect: dict[str, Any], told: str
) -> None:
    fault = {"parameters": {"kind": "proxy state"}, "name": "down"}
    fault["effect"] = {**effect, "in_effect": False, "detail": "it cannot be told apart from slow"}
    lines = closing({"faults": [fault]}, width=150)
    assert f"  fault         proxy state: {told}" in lines
    why = told if effect["quantity"] != "effect" else ""
    because = f"no effect of down was measured: {why}{': ' if why else ''}it cannot be told apart"
    assert because in " ".join(" ".join(lines).split())


def test_a_violated_run_says_what_broke_first() -> None:
    told = {
        "phase": "database",
        "budget": "table_setup",
        "budget_seconds": 1.0,
        "observed_exit_code": 3,
        "error": "timeout",
    }
    found = closing(before=state(startups(5, 5)), after=state(startups(0, 5, **told)))
    assert found[0] == "VIOLATED  Startups succeed"
    assert "  ✗ after the method   0 of 5 ready" in found
    assert (
        "  broke first   phase database, budget table_setup of 1 s, exit code 3: timeout" in found
    )


def test_a_service_that_names_no_phase_is_told_by_what_it_did() -> None:
    told = {"error": "it printed nothing", "on_the_wire": "its only connection was refused"}
    found = closing(before=state(startups(5, 5)), after=state(startups(0, 5, **told)))
    assert "  broke first   its only connection was refused" in found


def test_a_service_that_only_names_its_exit_code_is_told_by_its_limit_too() -> None:
    told = {
        "observed_exit_code": 3,
        "error": "TimeoutError",
        "own_limit": "it gave up 6.0 s after it had opened the connection, in 5 of 5",
    }
    found = closing(before=state(startups(5, 5)), after=state(startups(0, 5, **told)))
    at = found.index("  broke first   exit code 3: it gave up 6.0 s after it had opened the")
    assert found[at + 1] == "                connection, in 5 of 5; TimeoutError"


def test_a_service_that_printed_nothing_is_told_by_what_it_did() -> None:
    told = {
        "observed_exit_code": 1,
        "error": "it ended with exit code 1 and printed nothing",
        "on_the_wire": "its only connection was refused",
    }
    found = closing(before=state(startups(5, 5)), after=state(startups(0, 5, **told)))
    assert "  broke first   exit code 1: its only connection was refused" in found


def test_an_inconclusive_run_says_why_and_claims_nothing() -> None:
    found = closing(rollbacks=(run_of("undo", status="failed"),))
    assert found[0] == "INCONCLUSIVE  Startups succeed"
    assert any(line.startswith("  because  ") for line in found)
    assert not any(line.startswith("  proves") for line in found)


def test_what_to_change_at_the_end_of_a_long_reason_is_shown() -> None:
    why = f"the port is taken; {'by somebody else ' * 20}; set CHAOSNETRA_PORT"
    found = closing(before=state(failed_probe("starts", why)))
    assert "set CHAOSNETRA_PORT" in " ".join(found)
    assert found[-1].startswith("  next  ")


@given(
    text=st.text(max_size=3000),
    checks=st.lists(st.booleans(), min_size=1, max_size=12),
    faults=st.integers(0, 30),
    width=st.integers(40, 100),
)
def test_whatever_is_said_fits_the_screen(
    text: str, checks: list[bool], faults: int, width: int
) -> None:
    probes = [
        startups(5 if held else 0, 5, name=f"{number}{text[:50]}", error=text, on_the_wire=text)
        for number, held in enumerate(checks)
    ]
    found = closing({"faults": [LATENCY] * faults}, width, after=state(*probes))
    shown = [line for line in found if line.startswith(("  ✗", "  ✓"))]
    assert len(shown) <= 4
    if not all(checks):
        assert any(line.startswith("  ✗") for line in shown)
    assert "chaosnetra report" in found[-1]

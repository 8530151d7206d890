"""What is shown of a run: from its events, at 80 columns."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosnetra.gameday.conduct.progress import Progress, fault_label
from chaosnetra.gameday.conduct.results import result_of
from chaosnetra.gameday.people.interface import Panel
from chaosnetra.gameday.people.panel import HELP, KEYS, clock, one_panel_line, panel_lines
from chaosnetra.gameday.people.terminal import TYPED
from chaosnetra.gameday.record.events import EventTail

RUN = "chaosnetra_20261125t212339_307f12"
TOXIC = f"toxic {RUN}/{RUN}_vpc-latency"
EFFECT = {"quantity": "added_latency_ms", "in_effect": True}
EVENTS: list[dict[str, Any]] = [
    {"event": "run.started"},
    {"event": "hypothesis.started"},
    {"event": "activity.started", "type": "probe", "name": "startups-succeed"},
    {"event": "fault.injected", "name": f"schema {RUN}", "effect": None},
    {"event": "startup.decided", "status": "ready"},
    {"event": "method.started"},
    {"event": "fault.injected", "name": TOXIC, "effect": EFFECT},
    {"event": "hypothesis.started"},
    {"event": "startup.decided", "status": "failed", "error": {"budget": "table_setup"}},
    {"event": "startup.decided", "status": "failed", "error": {"budget": "table_setup"}},
]


def after(events: list[dict[str, Any]]) -> Progress:
    progress = Progress()
    for event in events:
        progress = progress.after(event)
    return progress


def test_a_run_is_followed() -> None:
    assert after(EVENTS[:5]) == Progress("baseline", "startups-succeed", (), 1, 0)
    progress = after(EVENTS)
    assert (progress.phase, progress.faults) == ("under the fault", ("toxic vpc-latency",))
    assert (progress.ready, progress.failed) == (0, 2)
    assert progress.budgets == {"table_setup": 2}
    progress = after([*EVENTS, {"event": "rollbacks.started"}, {"event": "hypothesis.started"}])
    assert progress.phase == "recovery"
    assert progress.after({"event": "fault.undone", "name": TOXIC}).faults == ()


def test_a_startup_that_was_ready_without_its_session_failed() -> None:
    observed = {"event": "startup.observed", "decided": "ready", "status": "degraded"}
    progress = after([*EVENTS[:5], observed])
    assert (progress.ready, progress.failed) == (0, 1)
    # It was counted as it was decided, where that did not change.
    for status in ("ready", "degraded", "failed"):
        assert progress.after({**observed, "decided": status, "status": status}) == progress


values = st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.just({"budget": 3})


@given(
    st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from([*(event["event"] for event in EVENTS), "startup.observed"])},
            optional=dict.fromkeys(
                ("name", "type", "effect", "error", "status", "decided"), values
            ),
        )
    )
)
def test_events_may_hold_anything(events: list[dict[str, Any]]) -> None:
    after(events)


def test_names_of_faults_are_for_people() -> None:
    assert fault_label(TOXIC) == "toxic vpc-latency"
    long = f"scaling of projects/local/{'x' * 100}/services/orchestrator"
    assert len(fault_label(long)) == 60
    assert fault_label(long).endswith("/services/orchestrator")
    assert fault_label("a\nb\x1b[2J") == "a b [2J"


def panel(progress: Progress) -> Panel:
    return Panel("latency", 2, 4, 1, progress, 12, 600)


def test_the_panel_says_phase_faults_startups_budgets_and_deadline() -> None:
    text = "\n".join(panel_lines(panel(after(EVENTS))))
    for part in (
        "step 2 of 4: latency",
        "running 0:12, abort deadline in 10:00",
        "phase: under the fault",
        "faults: toxic vpc-latency",
        "startups: 0 ready, 2 not",
        "table_setup expired 2 times",
    ):
        assert part in text
    assert "startups not ready: 2" in one_panel_line(panel(after(EVENTS)))


def test_everything_of_ours_fits_in_80_columns() -> None:
    lines = [*panel_lines(panel(after(EVENTS))), KEYS, *HELP, TYPED]
    assert [line for line in lines if len(line) > 80] == []


def test_times_are_shown_short() -> None:
    assert [clock(seconds) for seconds in (-1, 59.9, 61, 3661)] == [
        "0:00",
        "0:59",
        "1:01",
        "1:01:01",
    ]


def test_only_whole_lines_are_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert tail.read() == []
    path.write_bytes(b'{"event": "a"}\nnot json\n[1]\n{"event": "b"')
    assert tail.read() == [{"event": "a"}]
    with path.open("ab") as file:
        file.write(b"}\n")
    assert tail.read() == [{"event": "b"}]
    assert tail.read() == []


def test_a_run_that_left_no_journal_proves_nothing(tmp_path: Path) -> None:
    assert result_of(tmp_path).verdict == "inconclusive"
    assert "it left no journal" in result_of(tmp_path).reason
    assert str(tmp_path.parent) not in result_of(tmp_path).reason


def test_somebody_elses_journal_is_judged(tmp_path: Path) -> None:
    journal = {"experiment": {"title": "x"}, "status": "interrupted", "run": [], "rollbacks": []}
    (tmp_path / "journal.json").write_text(json.dumps(journal))
    result = result_of(tmp_path)
    assert result.verdict == "inconclusive"
    assert "interrupted" in result.reason


@pytest.mark.parametrize(("event", "seconds"), [(EVENTS[3], None), (EVENTS[6], 3)])
def test_a_startup_is_under_the_fault_where_one_was_felt(
    tmp_path: Path, event: dict[str, Any], seconds: float | None
) -> None:
    output = {"held": True, "startups": [{"status": "ready", "seconds": 3}]}
    probe = {"activity": {"name": "p"}, "output": output, "tolerance_met": True}
    state = {"steady_state_met": True, "probes": [probe]}
    journal = {
        "experiment": {"title": "x", "steady-state-hypothesis": {"probes": [{"name": "p"}]}},
        "status": "completed",
        "steady_states": {"before": state, "after": state},
    }
    (tmp_path / "journal.json").write_text(json.dumps(journal))
    (tmp_path / "journal.events.jsonl").write_text(f"{json.dumps(event)}\n")
    assert result_of(tmp_path).startup_seconds == seconds

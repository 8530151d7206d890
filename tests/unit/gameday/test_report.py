"""The report of a day: complete, and deaf to what people type."""

import json
import re
from pathlib import Path

import pytest

from chaosnetra.errors import Unreadable
from chaosnetra.gameday.plan.reading import read_gameday
from chaosnetra.gameday.record.record import Record
from chaosnetra.gameday.record.states import Kind
from chaosnetra.gameday.report.comparing import compare_days, days_text
from chaosnetra.gameday.report.happened import Note, read_day
from chaosnetra.gameday.report.plot import timeline_plot
from chaosnetra.gameday.report.writing import write_reports
from tests.unit.gameday.test_progress import EFFECT, TOXIC
from tests.unit.gameday.test_reading import plan, step, written

HOSTILE = "<script>alert(1)</script> | **bold** [x](javascript:y) \u202e"


def led(tmp_path: Path, verdict: str, probability: float) -> Path:
    """A whole day of one run that somebody predicted and talked about."""
    day, _ = read_gameday(written(tmp_path, plan(title=HOSTILE, steps=[step(), step(name="b")])))
    assert day is not None
    folder = tmp_path / f"day-{verdict}"
    record = Record.opened(folder, day.acting(rehearsal=False), {})
    record.write(Kind.CHECKED, {"present": ["Ada"], "checks": [{"fine": True, "text": HOSTILE}]})
    record.write(Kind.ANNOUNCED, {"step": "first"})
    record.write(Kind.GO, {"step": "first", "by": "Ada"})
    said = {"by": "Ada", "asked": "held", "held_probability": probability}
    record.write(Kind.PREDICTED, said)
    run = folder / "steps" / "01-first-1"
    run.mkdir(parents=True)
    begun = record.write(
        Kind.RUN_BEGUN,
        {"step": "first", "folder": "steps/01-first-1", "parameters": {"a": HOSTILE}},
    )
    note = {"by": "Ada", "text": HOSTILE, "step": 0, "typing_seconds": 0.0}
    record.write(Kind.NOTED, {"what": "observation", **note})
    record.write(Kind.NOTED, {"what": "surprise", **note})
    due = {"what_to_do": HOSTILE, "owner": "Ada", "due": "2026-12-10"}
    record.write(Kind.NOTED, {"what": "follow-up", **note, **due})
    events = [
        {"event": "fault.injected", "name": TOXIC, "effect": EFFECT, "elapsed_seconds": 1},
        {"event": "fault.undone", "name": TOXIC, "elapsed_seconds": 3},
    ]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    (run / "journal.events.jsonl").write_text(lines)
    met = verdict == "held"
    probe = {"activity": {"name": "p"}, "output": {"held": met}, "tolerance_met": met}
    state = {"steady_state_met": True, "probes": []}
    after = {"steady_state_met": met, "probes": [probe]}
    hypothesis = {"title": "t", "probes": [{"name": "p"}]}
    journal = {
        "experiment": {"title": "x", "steady-state-hypothesis": hypothesis, "method": []},
        "status": "completed",
        "steady_states": {"before": state, "after": after},
    }
    (run / "journal.json").write_text(json.dumps(journal))
    result = {"verdict": verdict, "reason": HOSTILE, "proofs": [], "startup_seconds": None}
    record.write(Kind.RUN_ENDED, {**result, "events_began": begun.monotonic_seconds + 2})
    record.write(Kind.FINISHED, {"step": "first"})
    record.write(Kind.ANNOUNCED, {"step": "b"})
    record.write(Kind.NO_GO, {"step": "b", "by": "Ada", "reason": HOSTILE})
    record.write(Kind.CLOSED, {})
    record.close()
    return folder


def test_faults_lie_on_the_axis_of_the_day_by_the_clocks_that_were_compared(tmp_path: Path) -> None:
    day = read_day(led(tmp_path, "held", 0.9))
    (attempt,) = day.attempts
    (fault,) = attempt.faults
    assert (fault.name, fault.begin) == ("toxic vpc-latency", pytest.approx(attempt.begin + 3))
    assert fault.end == pytest.approx(attempt.begin + 5)
    assert day.calibration.brier == pytest.approx(0.01)


def test_what_people_type_does_nothing_in_a_report(tmp_path: Path) -> None:
    folder = led(tmp_path, "violated", 0.5)
    assert [path.name for path in write_reports(folder)] == ["report.md", "report.html"]
    html = (folder / "report.html").read_text()
    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert 'href="steps/01-first-1/journal.json"' in html
    for part in ("toxic vpc-latency", "Follow-ups", "Brier score", "not run", "2026-12-10"):
        assert part in html
    text = (folder / "report.md").read_text()
    assert "<script>" not in text.replace("\\<script\\>", "")
    rows = [line for line in text.splitlines() if line.startswith("| first")]
    assert rows
    assert all(row.replace("\\|", "").count("|") in (4, 6) for row in rows)
    assert len([line for line in text.splitlines() if line.startswith("- [ ] ")]) == 1


def test_numbers_of_notes_that_are_near_lie_in_rows_of_their_own() -> None:
    notes = [
        Note(number, "observation", "Ada", "x", at, "", {})
        for number, at in enumerate((50.0, 10.0, 10.5, 11.0), start=1)
    ]
    drawn = str(timeline_plot("t", [], notes, 0.0, 100.0))
    found = re.findall(r'y="([-\d.]+)" text-anchor="middle" class="small">(\d)<', drawn)
    row = {number: y for y, number in found}
    assert len({row["2"], row["3"], row["4"]}) == 3
    assert row["1"] == row["2"]


def test_a_record_alone_makes_the_same_report_again(tmp_path: Path) -> None:
    folder = led(tmp_path, "held", 0.9)
    list(write_reports(folder))
    before = (folder / "report.html").read_text()
    list(write_reports(folder))
    assert (folder / "report.html").read_text() == before


def test_two_days_side_by_side(tmp_path: Path) -> None:
    worse, better = led(tmp_path, "violated", 0.9), led(tmp_path, "held", 0.9)
    compared = compare_days(worse, better)
    assert compared.better == [
        "first: previously failing, now holds",
        "predictions: Brier score 0.01 after 0.81 (0 is best)",
    ]
    assert compared.worse == []
    assert not compared.steps.regressed
    back = compare_days(better, worse)
    assert back.steps.regressed
    assert len(back.worse) == 1
    assert "## Worse" in days_text(back)
    assert json.loads(json.dumps(back.to_json()))["worse"] == back.worse


def test_a_day_without_a_journal_cannot_be_compared(tmp_path: Path) -> None:
    one, other = led(tmp_path, "held", 0.9), led(tmp_path, "violated", 0.9)
    (one / "steps" / "01-first-1" / "journal.json").unlink()
    with pytest.raises(Unreadable, match="no run of this day left a journal"):
        compare_days(one, other)

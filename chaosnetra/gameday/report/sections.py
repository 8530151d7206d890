"""What the report of a day says, part by part, whatever it is written as."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.record.states import Kind
from chaosnetra.gameday.report.calibration import Calibration
from chaosnetra.gameday.report.happened import Happened, Note, StepAttempt
from chaosnetra.gameday.report.verdicts import against, stopped_text, verdict_line
from chaosnetra.report.structure import Cell, Content, Link, Section, Verdict, items, table
from chaosnetra.runner.files import RunFiles
from chaosnetra.text import how_many


def facts(day: Happened) -> Iterator[tuple[str, str]]:
    """Names and values of what is said of the day as a whole."""
    where = "rehearsal on the local stand" if day.rehearsal else day.day.environment
    yield "environment", where
    yield "began", f"{day.began[:19].replace('T', ' ')} UTC"
    yield "took", f"{clock(day.seconds)}, planned {clock(day.day.duration_minutes * 60)}"
    if day.day.starts_at:
        yield "planned for", day.day.starts_at
    yield "roles", ", ".join(f"{role.role}: {role.person}" for role in day.day.roles)
    if day.present:
        yield "present", ", ".join(day.present)
    if day.aborted is not None:
        yield "aborted", day.aborted
    elif not day.closed:
        yield "state", "not ended"
    for jump in day.clock_jumps:
        yield "clock", jump


def sections(day: Happened) -> Iterator[Section]:
    """All parts, in order."""
    steps = ("step", "with", "startup under the fault", "verdict", "journal")
    yield Section("Steps", table(steps, _steps(day)), "No step was run.")
    yield Section("Predictions", _predictions(day), "Nobody predicted anything.")
    timeline = table(("at", "what", ""), _timeline(day), "Everything that happened")
    yield Section("Timeline", timeline)
    yield Section("Surprises", items(_note(note) for note in day.notes_of("surprise")))
    decided = [(turn.at, turn.text) for turn in day.decisions]
    decided += [(note.at, f"{note.text} ({note.by})") for note in day.notes_of("decision")]
    yield Section("Decisions", items(f"{clock(at)} {text}" for at, text in sorted(decided)))
    yield Section("Follow-ups", items((_task(n) for n in day.notes_of("follow-up")), to_do=True))
    checks = (f"{_ok(check.get('fine'))}: {check.get('text')}" for check in day.checks)
    yield Section("Checked before the first step", items(checks))


def attempt_name(attempt: StepAttempt) -> str:
    """A step, with the number of its attempt where it is not the first."""
    return f"{attempt.step} (attempt {attempt.number})" if attempt.number > 1 else attempt.step


def _steps(day: Happened) -> Iterator[Sequence[Cell]]:
    for attempt in day.attempts:
        seconds = attempt.outcome.startup_seconds
        line = verdict_line(attempt.ended) if attempt.ended else f"lost: {attempt.lost}"
        outcome, _, why = line.partition(": ")
        journal = quote(f"{attempt.folder}/{RunFiles.JOURNAL}")
        yield (
            attempt_name(attempt),
            " ".join(f"{key}={value}" for key, value in attempt.parameters.items()),
            "" if seconds is None else f"{seconds:.3g} s",
            Verdict(outcome, why),
            Link("journal", journal) if attempt.has_journal else "none",
        )
    run = {attempt.step for attempt in day.attempts}
    left_out = {}
    for decision in day.decisions:
        if decision.kind in (Kind.NO_GO, Kind.SKIPPED):
            step, _, left_out[step] = decision.text.partition(": ")
    for planned in day.day.steps:
        if planned.name not in run:
            why = left_out.get(planned.name, "not reached")
            yield planned.name, "", "", Verdict("not run", why), ""


def _predictions(day: Happened) -> Sequence[Content]:
    if not day.predictors:
        return ()
    rows = []
    for attempt in day.attempts:
        for prediction in attempt.predictions:
            by, _, text = against(prediction, attempt.outcome).partition(": ")
            rows.append((attempt_name(attempt), by, text))
    people = [(person, day.calibration_of(person)) for person in day.predictors]
    lines = (f"{who}: {_calibration(side)}" for who, side in [*people, ("all", day.calibration)])
    return (*table(("step", "who said it", "said, and what happened"), rows), *items(lines))


def _calibration(side: Calibration) -> str:
    """How well predictions were calibrated, as a line."""
    parts = []
    if side.brier is not None:
        parts.append(
            f"Brier score {side.brier:.2f} (n = {side.judged}; 0 is best, 0.25 is what 50% for "
            f"everything gets); said to hold {side.expected_held:.0%} on average, "
            f"{side.observed_held:.0%} held"
        )
    if side.median_error_seconds is not None and side.median_bias_seconds is not None:
        way = "longer" if side.median_bias_seconds > 0 else "shorter"
        parts.append(
            f"times: off by {side.median_error_seconds:.2g} s (median, n = {side.times}), startups "
            f"took {abs(side.median_bias_seconds):.2g} s {way} than said"
        )
    if side.coverage is not None:
        hold = "holds" if side.ranges == 1 else "hold"
        ranges = how_many(side.ranges, "range")
        parts.append(f"{side.covered} of {ranges} {hold} what was measured")
    return "; ".join(parts) or "nothing that can be judged"


def _timeline(day: Happened) -> Iterator[Sequence[str]]:
    """Everything on one axis: when in the day, what it is, and its text."""
    found = [(note.at, note.what, f"{note.by}: {note.text}") for note in day.notes]
    found += [(turn.at, "turn", turn.text) for turn in day.decisions]
    for attempt in day.attempts:
        found.append((attempt.begin, "run", f"{attempt.step}: run {attempt.number} begins"))
        if attempt.end is not None:
            text = f"{attempt.step}: {attempt.verdict}{stopped_text(attempt.ended)}"
            found.append((attempt.end, "run", text))
        for fault in attempt.faults:
            found.append((fault.begin, "fault", f"{fault.name} in place"))
            if fault.end is not None:
                found.append((fault.end, "fault", f"{fault.name} undone"))
    for at, what, text in sorted(found, key=lambda one: one[0]):
        yield clock(at), what, text


def _note(note: Note) -> str:
    where = f" ({note.step})" if note.step else ""
    return f"{clock(note.at)}{where} {note.by}: {note.text}"


def _task(note: Note) -> str:
    what, owner, due = (note.data.get(key) for key in ("what_to_do", "owner", "due"))
    return f"{what} (owner: {owner}, due: {due})"


def _ok(fine: object) -> str:
    return "ok" if fine else "NOT ok"

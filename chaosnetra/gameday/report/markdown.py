"""The report of a day as Markdown: plain enough for an issue, a wiki or a terminal."""

from collections.abc import Iterator
from urllib.parse import quote

from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.record.states import Kind
from chaosnetra.gameday.report.calibration import Calibration
from chaosnetra.gameday.report.happened import Happened, Note, StepAttempt
from chaosnetra.gameday.report.verdicts import against, stopped_text, verdict_line
from chaosnetra.runner.files import RunFiles
from chaosnetra.text import markdown


def markdown_report(day: Happened) -> str:
    """The whole report."""
    return "\n".join(_lines(day)) + "\n"


def _lines(day: Happened) -> Iterator[str]:
    yield f"# {markdown(day.day.title)}"
    yield ""
    if day.day.purpose:
        yield markdown(day.day.purpose)
        yield ""
    yield from (f"- {name}: {markdown(text)}" for name, text in facts(day))
    for heading, lines in (
        ("Steps", _steps(day)),
        ("Predictions", _predictions(day)),
        ("Timeline", _timeline(day)),
        ("Surprises", _notes(day.notes_of("surprise"))),
        ("Decisions", _decisions(day)),
        ("Follow-ups", _follow_ups(day)),
        ("Checked before the first step", _checks(day)),
    ):
        found = list(lines)
        yield ""
        yield f"## {heading}"
        yield ""
        yield from found or ["None."]


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


def journal_link(attempt: StepAttempt) -> str:
    """Where the journal of a run is, seen from the report."""
    return quote(f"{attempt.folder}/{RunFiles.JOURNAL}")


def verdict_text(attempt: StepAttempt) -> str:
    """A verdict with its bounds, or why there is none."""
    if not attempt.ended:
        return f"lost: {attempt.lost}"
    return verdict_line(attempt.ended)


def shown_parameters(attempt: StepAttempt) -> str:
    return " ".join(f"{key}={value}" for key, value in attempt.parameters.items())


def left_out(day: Happened) -> Iterator[tuple[str, str]]:
    """Steps that were not run, and why."""
    run = {attempt.step for attempt in day.attempts}
    decided = {}
    for decision in day.decisions:
        if decision.kind in (Kind.NO_GO, Kind.SKIPPED):
            step, _, decided[step] = decision.text.partition(": ")
    for planned in day.day.steps:
        if planned.name not in run:
            yield planned.name, decided.get(planned.name, "not reached")


def calibration_line(side: Calibration) -> str:
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
        parts.append(f"{side.covered} of {side.ranges} ranges hold what was measured")
    return "; ".join(parts) or "nothing that can be judged"


def _steps(day: Happened) -> Iterator[str]:
    if day.attempts:
        yield "| step | with | startup under the fault | verdict | journal |"
        yield "| --- | --- | --- | --- | --- |"
    for attempt in day.attempts:
        number = f" (attempt {attempt.number})" if attempt.number > 1 else ""
        link = f"[journal]({journal_link(attempt)})" if attempt.has_journal else "none"
        yield (
            f"| {markdown(attempt.step)}{number} | {markdown(shown_parameters(attempt))} "
            f"| {startup_text(attempt)} | {markdown(verdict_text(attempt))} | {link} |"
        )
    for step, why in left_out(day):
        yield f"| {markdown(step)} | | | not run: {markdown(why)} | |"


def startup_text(attempt: StepAttempt) -> str:
    """The median time of its startups under the fault."""
    seconds = attempt.outcome.startup_seconds
    return "" if seconds is None else f"{seconds:.3g} s"


def _predictions(day: Happened) -> Iterator[str]:
    if not day.predictors:
        return
    yield "| step | who said it | said, and what happened |"
    yield "| --- | --- | --- |"
    for attempt in day.attempts:
        number = f" (attempt {attempt.number})" if attempt.number > 1 else ""
        for prediction in attempt.predictions:
            by, _, text = against(prediction, attempt.outcome).partition(": ")
            yield f"| {markdown(attempt.step)}{number} | {markdown(by)} | {markdown(text)} |"
    yield ""
    for person in day.predictors:
        yield f"- {markdown(person)}: {calibration_line(day.calibration_of(person))}"
    yield f"- all: {calibration_line(day.calibration)}"


def timeline(day: Happened) -> list[tuple[float, str, str]]:
    """Everything on one axis: seconds of the day, what it is, and its text; in order."""
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
    return sorted(found, key=lambda one: one[0])


def _timeline(day: Happened) -> Iterator[str]:
    yield "| at | what | |"
    yield "| --- | --- | --- |"
    for at, what, text in timeline(day):
        yield f"| {clock(at)} | {what} | {markdown(text)} |"


def _notes(notes: list[Note]) -> Iterator[str]:
    for note in notes:
        where = f" ({note.step})" if note.step else ""
        yield f"- {clock(note.at)}{markdown(where)} {markdown(note.by)}: {markdown(note.text)}"


def decisions(day: Happened) -> list[tuple[float, str]]:
    """What was decided: each go and no-go, and what people said; in order."""
    found = [(turn.at, turn.text) for turn in day.decisions]
    found += [(note.at, f"{note.text} ({note.by})") for note in day.notes_of("decision")]
    return sorted(found)


def _decisions(day: Happened) -> Iterator[str]:
    yield from (f"- {clock(at)} {markdown(text)}" for at, text in decisions(day))


def follow_up_texts(note: Note) -> tuple[str, str, str]:
    """What, who and until when."""
    return str(note.data.get("what_to_do")), str(note.data.get("owner")), str(note.data.get("due"))


def _follow_ups(day: Happened) -> Iterator[str]:
    """A task list, as issue trackers take it."""
    for note in day.notes_of("follow-up"):
        what, owner, due = (markdown(text) for text in follow_up_texts(note))
        yield f"- [ ] {what} (owner: {owner}, due: {due})"


def _checks(day: Happened) -> Iterator[str]:
    for check in day.checks:
        yield f"- {'ok' if check.get('fine') else 'NOT ok'}: {markdown(str(check.get('text')))}"

"""The report of a day as one HTML file, in the frame that reports of runs have too."""

from collections.abc import Iterator

from markupsafe import Markup

from chaosnetra import __version__
from chaosnetra.gameday.people.panel import clock
from chaosnetra.gameday.report.calibration import Calibration
from chaosnetra.gameday.report.happened import Happened, StepAttempt
from chaosnetra.gameday.report.markdown import (
    calibration_line,
    decisions,
    facts,
    follow_up_texts,
    journal_link,
    left_out,
    shown_parameters,
    startup_text,
    timeline,
    verdict_text,
)
from chaosnetra.gameday.report.plot import Numbered, timeline_plot
from chaosnetra.gameday.report.verdicts import against
from chaosnetra.report.markup import Content, element, void
from chaosnetra.report.page import (
    details,
    document,
    facts_list,
    figure,
    section,
    table,
    verdict_badge,
)


def html_report(day: Happened) -> str:
    """The whole page."""
    footer = f"chaosnetra {__version__}; written from record.jsonl, which lies beside this file"
    return document(
        day.day.title,
        element("p", day.day.purpose) if day.day.purpose else None,
        facts_list(facts(day)),
        _steps(day),
        _timeline(day),
        _predictions(day),
        *_notes(day),
        _follow_ups(day),
        _checks(day),
        footer=footer,
    )


def _steps(day: Happened) -> Markup:
    rows: list[list[Content]] = []
    for attempt in day.attempts:
        link = element("a", "journal", href=journal_link(attempt)) if attempt.has_journal else ""
        _, _, why = verdict_text(attempt).partition(": ")
        rows.append(
            [
                _name(attempt),
                shown_parameters(attempt),
                startup_text(attempt),
                verdict_badge(attempt.verdict),
                element("span", why, class_="wide"),
                link,
            ]
        )
    rows += [[step, "", "", verdict_badge("not run"), why, ""] for step, why in left_out(day)]
    headers = ("step", "with", "startup under the fault", "verdict", "evidence", "journal")
    return section("Steps", table(headers, rows) if rows else element("p", "No step was run."))


def _timeline(day: Happened) -> Markup:
    numbered = [Numbered(number, note) for number, note in enumerate(day.notes, start=1)]
    whole = timeline_plot("The day", day.attempts, numbered, 0.0, day.seconds)
    plots = []
    for attempt in day.attempts:
        end = attempt.end if attempt.end is not None else day.seconds
        inside = [one for one in numbered if attempt.begin <= one.note.at <= end]
        if attempt.faults or inside:
            drawn = timeline_plot(_name(attempt), [attempt], inside, attempt.begin, end)
            plots.append(figure(drawn, f"Run: {_name(attempt)}"))
    said = [
        [
            one.number,
            clock(one.note.at),
            one.note.step,
            one.note.what,
            f"{one.note.by}: {one.note.text}",
        ]
        for one in numbered
    ]
    everything = [[clock(at), what, text] for at, what, text in timeline(day)]
    return section(
        "Timeline",
        figure(whole, "The whole day; minutes and seconds since it began."),
        details("Each run by itself", *plots) if plots else None,
        table(("number", "at", "step", "what", "said"), said) if said else None,
        details("Everything that happened", table(("at", "what", ""), everything)),
    )


def _predictions(day: Happened) -> Markup:
    if not day.predictors:
        return section("Predictions", element("p", "Nobody predicted anything.", class_="quiet"))
    rows = []
    for attempt in day.attempts:
        for prediction in attempt.predictions:
            by, _, text = against(prediction, attempt.outcome).partition(": ")
            rows.append([_name(attempt), by, text])
    people = [_calibration_row(person, day.calibration_of(person)) for person in day.predictors]
    headers = ("who", "Brier score", "said to hold", "held", "time off by", "ranges that hold it")
    return section(
        "Predictions",
        table(("step", "who", "said, and what happened"), rows),
        table(
            headers,
            [*people, _calibration_row("all", day.calibration)],
            "How well calibrated: 0 is the best Brier score, 0.25 is what 50 % for everything gets",
        ),
        element("p", calibration_line(day.calibration), class_="note"),
    )


def _calibration_row(who: str, side: Calibration) -> list[Content]:
    return [
        who,
        _number(side.brier, ".2f"),
        _number(side.expected_held, ".0%"),
        _number(side.observed_held, ".0%"),
        _number(side.median_error_seconds, ".2g", " s"),
        f"{side.covered} of {side.ranges}" if side.ranges else "",
    ]


def _notes(day: Happened) -> Iterator[Markup]:
    surprises = [f"{clock(note.at)} {note.by}: {note.text}" for note in day.notes_of("surprise")]
    decided = [f"{clock(at)} {text}" for at, text in decisions(day)]
    for heading, texts in (("Surprises", surprises), ("Decisions", decided)):
        items = element("ul", *(element("li", text) for text in texts))
        yield section(heading, items if texts else element("p", "None.", class_="quiet"))


def _follow_ups(day: Happened) -> Markup:
    items = []
    for note in day.notes_of("follow-up"):
        what, owner, due = follow_up_texts(note)
        check = void("input", type="checkbox", disabled=True, aria_label="to do")
        items.append(element("li", check, f" {what} (owner: {owner}, due: {due})"))
    found = element("ul", *items) if items else element("p", "None.", class_="quiet")
    hint = element("p", "report.md has them as a task list for an issue tracker.", class_="note")
    return section("Follow-ups", found, hint if items else None)


def _checks(day: Happened) -> Markup:
    rows = [
        [element("span", str(check.get("text"))), "ok" if check.get("fine") else "NOT ok"]
        for check in day.checks
    ]
    return section(
        "Checked before the first step", table(("what", ""), rows) if rows else element("p", "None")
    )


def _name(attempt: StepAttempt) -> str:
    return f"{attempt.step} (attempt {attempt.number})" if attempt.number > 1 else attempt.step


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"

"""Faults, and the connector over time."""

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from chaosnetra.evidence.journal.timeline import ConnectorTimeline
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.facts import PlacedFault, RunFacts
from chaosnetra.report.markup import element
from chaosnetra.report.page import details, figure, met_mark, table
from chaosnetra.report.plots.scales import number_text
from chaosnetra.report.plots.timeline import connector_plot, thinned
from chaosnetra.report.safe_text import as_json, one_visible_line
from chaosnetra.report.sections import Part
from chaosnetra.text import how_many, value_text

MOST_ROWS = 40
GAUGES = ("instances", "slots", "in_use", "most_in_use", "queued", "most_queued", "refused")


def faults(facts: RunFacts) -> Part:
    """What was injected, and whether its effect was measured."""
    return "Faults", _in_effect(facts.faults), _parameters(facts.faults), _prepared(facts.faults)


def _in_effect(found: Sequence[PlacedFault]) -> Markup:
    rows = []
    for placed in found:
        effect = placed.fault.effect
        if effect is None or not placed.is_in_effect:
            continue
        rows.append(
            (
                element("span", placed.name, class_="wide"),
                one_visible_line(effect.get("quantity"), 60),
                one_visible_line(value_text(effect.get("expected")), 60),
                one_visible_line(value_text(effect.get("observed")), 60),
                met_mark(effect.get("in_effect") is True, ("yes", "no")),
                _at(placed.start),
                _at(placed.end),
                one_visible_line(placed.fault.undo or "not undone", 40),
            )
        )
    if not rows:
        return element("p", "No fault with an effect was injected.", class_="note")
    return table(
        ("fault", "quantity", "expected", "measured", "in effect", "from", "to", "undo"),
        rows,
        "Times are seconds since the run began.",
    )


def _prepared(found: Sequence[PlacedFault]) -> Markup | None:
    """What a run made for itself, and how it was taken away."""
    rows = [
        (placed.name, one_visible_line(placed.fault.undo or "not undone", 40))
        for placed in found
        if not placed.is_in_effect
    ]
    return details("Prepared for the run", table(("what", "undo"), rows)) if rows else None


def _parameters(found: Sequence[PlacedFault]) -> Markup | None:
    rows = [
        (placed.name, element("code", as_json(dict(placed.fault.parameters), 2_000)))
        for placed in found
        if placed.is_in_effect and placed.fault.parameters
    ]
    if not rows:
        return None
    return details("Parameters of the faults", table(("fault", "parameters"), rows))


def connector(facts: RunFacts) -> Iterator[Part]:
    """The connector's slots, queue and instances, drawn."""
    timeline = facts.connector
    if timeline is None or not timeline.samples:
        return
    known = facts.connector_start is not None
    yield (
        "The connector over time",
        figure(
            connector_plot(
                timeline,
                facts.connector_start or 0.0,
                facts.faults if known else [],
                facts.spans if known else [],
                facts.seconds if known else None,
            ),
            "Seconds since the run began; checks of the steady state are marked above."
            if known
            else "Seconds since the connector began; the journal does not say when that was.",
        ),
    )


def connector_numbers(facts: RunFacts) -> Iterator[Part]:
    """The same in numbers."""
    timeline = facts.connector
    if timeline is None or not timeline.samples:
        return
    offset = facts.connector_start or 0.0
    events = _events(timeline, offset) if timeline.events else None
    yield (
        "The connector",
        details("Gauges over time", _gauges(timeline, offset)),
        details("What happened to it", events) if events is not None else None,
    )


def _gauges(timeline: ConnectorTimeline, offset: float) -> Markup:
    samples = sorted(timeline.samples, key=lambda sample: sample["at_seconds"])
    each = -(-len(samples) // MOST_ROWS)
    shown = [name for name in GAUGES if any(name in sample for sample in samples)]
    rows = [
        (
            _at(offset + sample["at_seconds"]),
            *(number_text(sample[name]) if name in sample else None for name in shown),
        )
        for sample in thinned(samples, MOST_ROWS)
    ]
    caption = (
        f"The most in each {each} of {how_many(len(samples), 'sample')}." if each > 1 else None
    )
    return table(("at", *(name.replace("_", " ") for name in shown)), rows, caption)


def _events(timeline: ConnectorTimeline, offset: float) -> Markup:
    rows = [
        (
            _at(offset + float(event["at_seconds"])),
            one_visible_line(event.get("event"), 60),
            element("span", _told(event), class_="wide"),
        )
        for event in timeline.events[:MOST_ROWS]
    ]
    left_out = len(timeline.events) - len(rows)
    return table(("at", "event", "told"), rows, f"{left_out:,} more." if left_out > 0 else None)


def _told(event: Mapping[str, object]) -> str:
    flat = {**event, **(model if isinstance(model := event.get("model"), dict) else {})}
    parts = [
        f"{key.replace('_', ' ')} {_value(value)}"
        for key, value in flat.items()
        if key not in ("at_seconds", "event", "model") and value is not None
    ]
    return one_visible_line(", ".join(parts[:30]), 500)


def _value(value: object) -> str:
    number = finite_or_none(value)
    return number_text(number) if number is not None else str(value)[:100]


def _at(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.2f} s"

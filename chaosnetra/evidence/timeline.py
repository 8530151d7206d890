"""What a journal tells over time: faults, and the connector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chaosnetra.evidence.values import objects, text_or_none
from chaosnetra.quantities import finite_or_none


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault and when it was in place.

    Attributes:
        name: within the run.
        parameters: as injected.
        effect: as measured: `quantity`, `expected`, `observed`, `in_effect`; None for a change
            that the system does not feel.
        undo: how its undo ended; None when it was not undone.
        injected_at: UTC; None when the journal does not say.
        undone_at: UTC, of the rollbacks' beginning where the journal says no more.
    """

    name: str
    parameters: Mapping[str, Any]
    effect: Mapping[str, Any] | None
    undo: str | None
    injected_at: str | None
    undone_at: str | None


@dataclass(frozen=True, slots=True)
class ConnectorTimeline:
    """A connector over time; see `chaosnetra.connector.history.History.to_json`.

    Attributes:
        samples: each with `at_seconds` and, of `instances`, `slots`, `in_use`, `queued`,
            `most_in_use`, `most_queued` and `refused`, those that the journal has.
        events: each with `at_seconds` and `event`.
        started_at: what the seconds count from, UTC; None when the journal does not say.
    """

    samples: Sequence[Mapping[str, float]]
    events: Sequence[Mapping[str, Any]]
    started_at: str | None


def faults(journal: Mapping[str, Any]) -> Iterator[FaultSpan]:
    """Each fault of the run, in the order in which they were injected."""
    rolled_back = next((run["start"] for run in journal["rollbacks"] if run["start"]), None)
    for fault in journal["chaosnetra"]["faults"]:
        name, parameters = fault.get("name"), fault.get("parameters")
        undo = text_or_none(fault.get("undo"))
        yield FaultSpan(
            str(name),
            parameters if isinstance(parameters, dict) else {},
            fault["effect"],
            undo,
            text_or_none(fault.get("injected_at")) or _returned_at(journal, name),
            text_or_none(fault.get("undone_at")) or (rolled_back if undo else None),
        )


def in_place(journal: Mapping[str, Any]) -> list[tuple[datetime, datetime | None]] | None:
    """When faults that are to be felt were in place; the end is None for one that stayed.

    Returns:
        A span for each; None where there was no such fault, or the journal does not say when.
    """
    felt = [fault for fault in faults(journal) if fault.effect is not None]
    spans = [(moment(fault.injected_at), moment(fault.undone_at)) for fault in felt]
    known = [(start, end) for start, end in spans if start is not None]
    return known if known and len(known) == len(spans) else None


def moment(text: str | None) -> datetime | None:
    """A time of a journal; those that do not say so are UTC, as the core's older ones are."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def connector(journal: Mapping[str, Any]) -> ConnectorTimeline | None:
    """The connector's timeline; None when the run had no connector."""
    found = journal["chaosnetra"].get("connector")
    if not isinstance(found, dict):
        return None
    samples = [
        {
            key: number
            for key, value in sample.items()
            if (number := finite_or_none(value)) is not None
        }
        for sample in objects(found.get("samples"))
    ]
    return ConnectorTimeline(
        [sample for sample in samples if "at_seconds" in sample],
        [
            event
            for event in objects(found.get("events"))
            if finite_or_none(event.get("at_seconds")) is not None
        ],
        text_or_none(found.get("started_at")),
    )


def _returned_at(journal: Mapping[str, Any], name: Any) -> str | None:
    """When the action that injected a fault had measured it."""
    for run in journal["run"]:
        if isinstance(run["output"], dict) and run["output"].get("name") == name:
            return text_or_none(run["end"])
    return None

"""What a journal tells over time: faults, and the connector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosnetra.evidence.journal.dry import carries_out_actions
from chaosnetra.evidence.journal.order import (
    Moment,
    Period,
    began,
    clock_was_set,
    ended,
    moment,
    seconds_of_run,
)
from chaosnetra.evidence.journal.values import objects, text_or_none
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import plain_names


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault and when it was in place.

    Attributes:
        name: within the run.
        parameters: as injected.
        effect: as measured: `quantity`, `expected`, `observed`, `in_effect`; None for a change
            that the system does not feel.
        undo: how its undo ended; None when it was not undone.
        injected: when; not known where the journal does not say.
        undone: when, of the rollbacks' beginning where the journal says no more; None for one
            that stayed.
    """

    name: str
    parameters: Mapping[str, Any]
    effect: Mapping[str, Any] | None
    undo: str | None
    injected: Moment
    undone: Moment | None


@dataclass(frozen=True, slots=True)
class ConnectorTimeline:
    """A connector over time; see `chaosnetra.connector.history.History.to_json`.

    Attributes:
        samples: each with `at_seconds` and, of `instances`, `slots`, `in_use`, `queued`,
            `most_in_use`, `most_queued` and `refused`, those that the journal has.
        events: each with `at_seconds` and `event`.
        started: what the seconds count from; not known where the journal does not say.
    """

    samples: Sequence[Mapping[str, float]]
    events: Sequence[Mapping[str, Any]]
    started: Moment


def faults(journal: Mapping[str, Any]) -> Iterator[FaultSpan]:
    """Each fault of the run, in the order in which they were injected."""
    first = next((run for run in journal["rollbacks"] if run["start"]), None)
    for fault in journal["chaosnetra"]["faults"]:
        name = fault.get("name")
        undo = text_or_none(fault.get("undo"))
        injected, undone = _noted(fault, "injected"), _noted(fault, "undone")
        if not injected.is_known and (run := _injecting(journal, name)) is not None:
            injected = ended(run)
        if not undone.is_known and undo and first is not None:
            undone = began(first)
        yield FaultSpan(
            plain_names(str(name)),
            fault["parameters"],
            fault["effect"],
            undo,
            injected,
            undone if undone.is_known else None,
        )


def _noted(data: Mapping[str, Any], what: str) -> Moment:
    """When something was injected, undone or started, by both clocks, as far as it was noted."""
    at = moment(text_or_none(data.get(f"{what}_at")))
    return Moment(seconds_of_run(data.get(f"{what}_seconds")), at)


def in_place(journal: Mapping[str, Any]) -> list[Period] | None:
    """When faults that are to have an effect were in place.

    Returns:
        A period for each, none of a dry run that carried out no action; None where there was no
        such fault, or the journal does not say when: also where only its wall clock does, and
        that was set during the run.
    """
    in_effect = [fault for fault in faults(journal) if fault.effect is not None]
    dry = journal["chaosnetra"].get("dry")
    if not in_effect and dry and not carries_out_actions(dry, journal["experiment"]):
        return []
    if not in_effect or not all(fault.injected.is_known for fault in in_effect):
        return None
    by_wall_clock = any(fault.injected.seconds is None for fault in in_effect)
    if by_wall_clock and clock_was_set(journal):
        return None
    return [Period(fault.injected, fault.undone) for fault in in_effect]


def order_is_unknown(journal: Mapping[str, Any]) -> bool:
    """Whether faults have times, and it is not known all the same what ran under them."""
    in_effect = [fault for fault in faults(journal) if fault.effect is not None]
    return any(fault.injected.is_known for fault in in_effect) and in_place(journal) is None


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
        _noted(found, "started"),
    )


def _injecting(journal: Mapping[str, Any], name: Any) -> Mapping[str, Any] | None:
    """The action that injected a fault: it ended when it had measured it."""
    runs: list[Mapping[str, Any]] = journal["run"]
    for run in runs:
        if isinstance(run["output"], dict) and run["output"].get("name") == name:
            return run
    return None

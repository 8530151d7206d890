"""What spans say of startups, their connections, and faults.

Names of attributes are OpenTelemetry's where it has one, else they begin with `chaosnetra.`. What a
service printed and what an action answered is left to the journal: it may hold a statement with
its literals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.faults import Injected
from chaosnetra.startup.outcome import EndedBy, StartupOutcome, Status
from chaosnetra.wire.observation import Connection, End, Reached

_FAILED_ENDS = (End.SERVER, End.SERVER_RESET, End.REFUSED, End.UNANSWERED)


@dataclass(frozen=True)
class Moment:
    """Something within a span; `at` by `time.monotonic()`."""

    at: float
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanFacts:
    """A span that has ended.

    Attributes:
        name: of what it is one, the same for all of them.
        began_at: by `time.monotonic()`.
        ended_at: likewise.
        attributes: whose value is None is left out.
        error: what kind of error it ended with; None: with none.
        told: the error in a few words.
        moments: within it.
        is_client: whether it is a call to another system.
    """

    name: str
    began_at: float
    ended_at: float
    attributes: Mapping[str, Any]
    error: str | None = None
    told: str = ""
    moments: Sequence[Moment] = ()
    is_client: bool = False


def startup_span(
    outcome: StartupOutcome, began_at: float, stage: str | None, faults: Sequence[str]
) -> SpanFacts:
    """The span of a startup: from the start of its process until it was ready, ended, or late."""
    wire, error = outcome.wire, outcome.error
    attributes: dict[str, Any] = {
        "chaosnetra.startup.number": outcome.number,
        "chaosnetra.startup.outcome": outcome.status.value,
        "chaosnetra.startup.phase": outcome.phase,
        "chaosnetra.startup.exit_reason": outcome.exit_reason,
        "chaosnetra.stage": stage,
        "chaosnetra.faults": list(faults) or None,
    }
    if outcome.ended_by is EndedBy.ITSELF:
        attributes["process.exit.code"] = outcome.exit_code
        attributes["chaosnetra.startup.signal"] = outcome.signal
    if error is not None:
        attributes["chaosnetra.startup.budget"] = error.budget
        attributes["chaosnetra.startup.budget_seconds"] = error.budget_seconds
        attributes["db.response.status_code"] = error.sqlstate
    if wire is not None:
        attributes |= {
            "chaosnetra.connections": wire.connection_count,
            "chaosnetra.connections_left_out": wire.connection_count - len(wire.connections),
            "chaosnetra.round_trips": wire.round_trips,
            "chaosnetra.round_trips_one_after_the_other": wire.serial_round_trips,
            "chaosnetra.waited_for_database_seconds": wire.waited_seconds,
        }
    return SpanFacts(
        "startup",
        began_at,
        began_at + outcome.seconds,
        attributes,
        None if outcome.status is Status.READY else _error_type(outcome),
        _told(outcome),
        [
            Moment(began_at + began, "phase", {"chaosnetra.startup.phase": phase})
            for phase, (began, _) in outcome.phase_spans.items()
        ],
    )


def connection_spans(
    outcome: StartupOutcome, began_at: float, database: DatabaseAddress
) -> Iterator[SpanFacts]:
    """Those of the connections of a startup that its observation has: the first ones."""
    if outcome.wire is None:
        return
    for one in outcome.wire.connections:
        ended = outcome.wire.seconds if one.ended_seconds is None else one.ended_seconds
        error = _error_of(one)
        yield SpanFacts(
            "postgresql connection",
            began_at + one.opened_seconds,
            began_at + max(ended, one.opened_seconds),
            {
                "db.system.name": "postgresql",
                "db.namespace": one.database,
                "db.query.text": one.unanswered_statement,  # without literals
                "db.response.status_code": one.sqlstate,
                "server.address": database.host,
                "server.port": database.port,
                "chaosnetra.connection.number": one.number,
                "chaosnetra.connection.end": one.end.value,
                "chaosnetra.connection.reached": one.reached.value,
                "chaosnetra.connection.encryption": one.encryption.value,
                "chaosnetra.round_trips": one.round_trips,
                "chaosnetra.setup_round_trips": one.setup_round_trips,
                "chaosnetra.waited_for_database_seconds": one.waited_seconds,
                "chaosnetra.unanswered_seconds": one.unanswered_seconds,
                "chaosnetra.sent_bytes": one.sent_bytes,
                "chaosnetra.received_bytes": one.received_bytes,
            },
            error,
            f"{one.end.value}, reached {one.reached.value}",
            []
            if one.session_seconds is None
            else [Moment(began_at + one.session_seconds, "ready for queries")],
            is_client=True,
        )


def setup_seconds(connection: Connection) -> float | None:
    """From when a connection was opened until its first query could be asked; None: never."""
    ready = connection.session_seconds
    return None if ready is None else ready - connection.opened_seconds


def fault_span(fault: Injected, name: str, now: float) -> SpanFacts | None:
    """The span of a fault: from when it was in place until it was undone, or until now.

    None: it has no effect to speak of, as a new proxy, or never was in place.

    Args:
        fault: it.
        name: as people are told it.
        now: by `time.monotonic()`.
    """
    effect, after = fault.effect, fault.effect_after
    if effect is None or fault.injected_monotonic is None:
        return None
    attributes = {
        "chaosnetra.fault.name": name,
        "chaosnetra.fault.quantity": effect.quantity,
        "chaosnetra.fault.expected": effect.expected,
        "chaosnetra.fault.observed": effect.observed,
        "chaosnetra.fault.in_effect": effect.in_effect,
        "chaosnetra.fault.observed_before_undo": after.observed if after else None,
        "chaosnetra.fault.in_effect_before_undo": after.in_effect if after else None,
        "chaosnetra.fault.undo": fault.report.result.value if fault.report else None,
    }
    for key, value in _figures(fault.parameters):
        attributes[f"chaosnetra.fault.parameter.{key}"] = value
    error, told = None, ""
    if fault.report is None:
        error, told = "not_undone", "it was not undone"
    elif not effect.in_effect:
        error, told = "no_effect", "no effect was measured"
    elif fault.is_gone:
        error, told = "gone", "it was gone before its undo"
    ended = fault.undone_monotonic or now
    return SpanFacts(f"fault {name}", fault.injected_monotonic, ended, attributes, error, told)


def _figures(parameters: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers among parameters, also within those that are objects."""
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _figures(value)
        elif isinstance(value, (int, float)):
            yield key, value


def _error_type(outcome: StartupOutcome) -> str:
    error = outcome.error
    named = (error.sqlstate or error.error_class) if error is not None else None
    return named or outcome.exit_reason or outcome.status.value


def _told(outcome: StartupOutcome) -> str:
    """How a startup ended that is not ready, without a word of its own."""
    error = outcome.error
    parts = [outcome.status.value.replace("_", " ")]
    if outcome.phase:
        parts.append(f"in phase {outcome.phase}")
    if error is not None and error.budget:
        length = "" if error.budget_seconds is None else f" of {error.budget_seconds:g} s"
        parts.append(f"budget {error.budget}{length}")
    if error is not None and error.sqlstate:
        parts.append(f"SQLSTATE {error.sqlstate}")
    if outcome.exit_code is not None and outcome.ended_by is EndedBy.ITSELF:
        parts.append(f"exit code {outcome.exit_code}")
    return ", ".join(parts)


def _error_of(one: Connection) -> str | None:
    """What kind of error a connection ended with; None: with none."""
    if one.sqlstate is not None:
        return one.sqlstate
    if one.reached is Reached.CANCEL:  # which the server ends
        return None
    if one.end in _FAILED_ENDS:
        return one.end.value
    given_up = one.end is not End.OPEN and one.unanswered_seconds is not None
    return "unanswered" if given_up else None

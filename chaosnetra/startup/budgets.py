"""Whether the budgets of a profile suffice: arithmetic on figures, nothing is run.

What contains what. Budgets are nested where one `with` block stands in another, in the reference
orchestrator as on the platform that it is modelled on:

- the platform's startup deadline contains all phases, one after the other: initialization,
  table_setup, schema validation (which no budget bounds, in any published profile), critical_path
  and validation;
- table_setup contains taking a connection from the pool (pool), which contains opening the first
  real one (connection), because building the engine is lazy: initialization contains no
  connection. That is why 25 s of initialization did not help where table_setup was 10 s;
- critical_path contains health_check, which uses a connection that is open already.

An outer limit that is shorter than an inner one is no fault by itself: the inner one then never
runs out, and the outer is what bounds. The published remedy of issue 1278 is like that (table_setup
30 s around connection 45 s) and works. So a limit is not compared with the limits inside it, but
the shortest of the limits around a piece of work with what that work needs. Only limits in a
sequence are added up, as the startup deadline has to hold them all.

What work needs under pressure is known in two forms, which are the same pressure seen twice and so
are not added: a new connection waits for the connector (the seed's 10 to 20 s, the profile's
`pressure_delay_seconds`), or each round trip is slow. The larger of the two counts, and counts as
too little what the round trips themselves take in the first.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.profiles import Profile
from chaosnetra.quantities import duration

LOAD_SOURCE = "Cloud SQL under load takes 45 to 60 s to give connections reliably"


@dataclass(frozen=True)
class Demands:
    """What the budgets are held against, in seconds at time scale 1.

    Attributes:
        under_load_seconds: initialization that Cloud SQL under load takes.
        base_seconds: initialization without pressure on the connector.
        pressure_delay_seconds: what a connector under pressure adds to a new connection.
        round_trip_seconds: one round trip to the database through a slow connector.
    """

    under_load_seconds: float
    base_seconds: float
    pressure_delay_seconds: float
    round_trip_seconds: float


@dataclass(frozen=True)
class Finding:
    """One rule, applied to one budget.

    Attributes:
        rule: its name.
        budget: the budget that really bounds the work.
        has_seconds: its length; None when the profile does not have it.
        needs_seconds: what the work takes, at least.
        holds: whether it suffices.
        why: where the need comes from, or what is missing.
        around: every budget around the work, outermost first: each has to hold it.
    """

    rule: str
    budget: str
    has_seconds: float | None
    needs_seconds: float
    holds: bool
    why: str
    around: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "around": list(self.around)}


def lines_of(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings for people, one line for each budget: what it has, and what it needs and why."""
    needs: dict[tuple[str, float | None], dict[float, list[str]]] = {}
    for one in findings:
        of_budget = needs.setdefault((one.budget, one.has_seconds), {})
        of_budget.setdefault(one.needs_seconds, []).append(one.why)
    for (budget, seconds), whys in needs.items():
        has = "is not set" if seconds is None else f"has {seconds:g} s"
        told = (f"{need:g} s ({'; or '.join(whys[need])})" for need in sorted(whys, reverse=True))
        yield f"{budget} {has}, needs {' and '.join(told)}"


@dataclass(frozen=True)
class Work:
    """A piece of a startup, and the budgets around it, outermost first."""

    rule: str
    what: str
    budgets: tuple[str, ...]
    round_trips: str
    opens_connection: bool


WORK = (
    Work(
        "first-connection",
        "opening the first real connection",
        ("table_setup", "pool", "connection"),
        "connection",
        opens_connection=True,
    ),
    Work(
        "first-table-check",
        "the first connection and the table check",
        ("table_setup",),
        "first_table_check",
        opens_connection=True,
    ),
    Work(
        "health-check",
        "the health check at the end",
        ("critical_path", "health_check"),
        "finalize",
        opens_connection=False,
    ),
)
# One after the other within the startup deadline, besides the schema validation.
SEQUENCE = ("initialization", "table_setup", "critical_path", "validation")
SCHEMA_VALIDATION_STEPS = ("second_table_check", "schema_validation")


def pressure_delay_of(profile: Profile) -> float:
    """What the profile says that a connector under pressure adds, in seconds.

    Raises:
        InvalidInput: it says nothing, or no duration.
    """
    name = "infrastructure.vpc_connector.pressure_delay_seconds"
    value = profile.infrastructure.get("vpc_connector", {}).get("pressure_delay_seconds")
    if value is None:
        raise InvalidInput(f"profile {profile.name} has no {name}", "it there")
    return duration(f"profile {profile.name}: {name}", value)


def find(profile: Profile, round_trips: Mapping[str, int], demands: Demands) -> list[Finding]:
    """Hold a profile's budgets against what startups need.

    Args:
        profile: at time scale 1.
        round_trips: to the database, by step: those that `WORK` and the schema validation name.
        demands: what startups need.

    Returns:
        One finding for each rule, in a fixed order.
    """
    return [
        _initialization(
            "initialization-under-load", profile, demands.under_load_seconds, LOAD_SOURCE
        ),
        _initialization(
            "initialization-with-connector-pressure",
            profile,
            demands.base_seconds + demands.pressure_delay_seconds,
            f"{demands.base_seconds:g} s, and {demands.pressure_delay_seconds:g} s that a VPC "
            "connector under pressure adds",
        ),
        *(_bounded(work, profile, round_trips[work.round_trips], demands) for work in WORK),
        _deadline(profile, round_trips, demands),
    ]


def _initialization(rule: str, profile: Profile, needs: float, why: str) -> Finding:
    has = profile.budgets.initialization_seconds
    return Finding(rule, "initialization", has, needs, has >= needs, why, ("initialization",))


def _bounded(work: Work, profile: Profile, trips: int, demands: Demands) -> Finding:
    """Whether a piece of work fits in the shortest of the budgets around it."""
    slow = trips * demands.round_trip_seconds
    waits = demands.pressure_delay_seconds if work.opens_connection else 0.0
    needs = max(slow, waits)
    why = f"{work.what}: " + (
        f"{waits:g} s for a connector under pressure"
        if waits >= slow
        else f"{trips} round trips of {demands.round_trip_seconds:g} s"
    )
    lengths = {budget: profile.budgets.seconds(budget) for budget in work.budgets}
    missing = [budget for budget, length in lengths.items() if length is None]
    if missing:
        why = f"the profile has no {' and no '.join(missing)}, so nothing is known to bound {why}"
        return Finding(work.rule, missing[0], None, needs, False, why, work.budgets)
    has, bounding = min((length, budget) for budget, length in _set(lengths))
    if len(work.budgets) > 1:
        why += f"; of {', '.join(work.budgets)} the shortest bounds it"
    return Finding(work.rule, bounding, has, needs, has >= needs, why, work.budgets)


def _deadline(profile: Profile, round_trips: Mapping[str, int], demands: Demands) -> Finding:
    """Whether a startup that keeps all of its budgets is ready before the platform gives up."""
    rule, budget = "startup-deadline", "startup_deadline"
    trips = sum(round_trips[step] for step in SCHEMA_VALIDATION_STEPS)
    lengths = {name: profile.budgets.seconds(name) for name in SEQUENCE}
    schema = profile.budgets.schema_validation_seconds
    parts = [f"{name} {length:g} s" for name, length in _set(lengths)]
    unbounded = trips * demands.round_trip_seconds if schema is None else schema
    parts.append(
        f"schema validation {unbounded:g} s"
        + (f" ({trips} round trips, which no budget bounds)" if schema is None else "")
    )
    needs = sum(length for _, length in _set(lengths)) + unbounded
    missing = [name for name, length in lengths.items() if length is None]
    has = profile.startup_deadline_seconds
    if missing:
        why = f"the profile has no {' and no '.join(missing)}; without: {', '.join(parts)}"
        return Finding(rule, budget, has, needs, False, why)
    return Finding(
        rule, budget, has, needs, has >= needs, f"one after the other: {', '.join(parts)}"
    )


def _set(lengths: Mapping[str, float | None]) -> Iterator[tuple[str, float]]:
    """The budgets that the profile has."""
    return ((name, length) for name, length in lengths.items() if length is not None)

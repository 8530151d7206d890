"""Which work of a startup each budget bounds, as the report draws and tells it.

The reference orchestrator enforces each budget around one part of a phase, and its startups tell
how long each step took; a budget that an error names is in force in the phase that the error
names, whoever's phases they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.journal.steps import StartupStep
from chaosnetra.evidence.journal.values import object_or_empty, objects, seconds_or_none
from chaosnetra.quantities import finite_or_none

MOST = 20


class Enforced(NamedTuple):
    """What a budget of the reference orchestrator bounds.

    Attributes:
        phase: that the work is in.
        what: the work, in words.
    """

    phase: str
    what: str


ENFORCED = {
    "initialization": Enforced("database", "building the engine, which connects to nothing"),
    "table_setup": Enforced("database", "the first connection and the first table check"),
    "connection": Enforced("database", "opening the first connection"),
    "pool": Enforced("database", "taking the first connection from the pool"),
    "schema_validation": Enforced(
        "database", "the second table check and the validation of the schema"
    ),
    "health_check": Enforced("finalize", "the database part of the last check"),
    "validation": Enforced("finalize", "the last check of the service itself"),
    "critical_path": Enforced("finalize", "the last check of the critical path"),
}


@dataclass(frozen=True)
class Budget:
    """A budget as it was enforced.

    Attributes:
        name: of the budget.
        phase: that the work is in which it bounds.
        seconds: real: the profile's, times the time scale.
        expired: how many startups it ended.
    """

    name: str
    phase: str
    seconds: float
    expired: int = 0

    @property
    def what(self) -> str:
        """The work that it bounds, in words."""
        enforced = ENFORCED.get(self.name)
        is_there = enforced is not None and enforced.phase == self.phase
        return enforced.what if enforced is not None and is_there else f"phase {self.phase}"

    def ended(self, startup: Startup) -> bool:
        """Whether it was this one that ended a startup."""
        return startup.error.get("budget") == self.name and startup.phase == self.phase


class Work(NamedTuple):
    """Work that a budget bounds, in seconds since the startup's process began."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def budgets_of(
    section: Mapping[str, Any], phases: list[str], expired: Mapping[tuple[str, str, float], int]
) -> list[Budget]:
    """The budgets of a run, those that ran out first, then by length.

    Args:
        section: our section of a journal.
        phases: that were seen; budgets of others are left out.
        expired: how often a budget ran out, by its name, phase and seconds.
    """
    found = [Budget(*key, expired=count) for key, count in expired.items() if key[2] > 0]
    known = {(budget.name, budget.phase) for budget in found}
    profile = section.get("profile")
    lengths = profile.get("budgets") if isinstance(profile, dict) else None
    scale = time_scale_of(section)
    if isinstance(lengths, dict) and scale is not None:
        for name, (phase, _) in ENFORCED.items():
            seconds = finite_or_none(lengths.get(f"{name}_seconds"))
            if (name, phase) not in known and phase in phases and seconds and seconds > 0:
                found.append(Budget(name, phase, seconds * scale))
    return sorted(found, key=lambda budget: (-budget.expired, budget.seconds))[:MOST]


def time_scale_of(section: Mapping[str, Any]) -> float | None:
    """The run's time scale; None when the journal does not say."""
    scale = finite_or_none(section.get("time_scale"))
    return scale if scale is not None and scale > 0 else None


def phase_start(startup: Startup, phase: str) -> float | None:
    """When a phase began, as far as the startup's figures tell; None when it was not reached."""
    at = startup.boot_seconds or 0.0
    for name, seconds in startup.phase_seconds.items():
        if name == phase:
            return at
        at += seconds
    return at if startup.phase == phase else None


def work_of(startup: Startup, budget: Budget) -> Work | None:
    """The work of a startup that a budget bounds.

    Returns:
        None where it was not reached, or nothing tells when it was. Of a startup that told no
        steps the whole phase is taken, unless that took longer than the budget and went on: then
        the budget bounds less than that.
    """
    start = phase_start(startup, budget.phase)
    if start is None:
        return None
    took = startup.phase_seconds.get(budget.phase)
    end = min(startup.seconds, startup.seconds if took is None else start + took)
    phase = Work(start, max(start, end))
    steps = _steps_in(startup, budget.phase)
    bounded = _BOUNDED.get(budget.name) if steps else None
    if bounded is not None:
        return bounded(phase, _placed(startup, phase, steps))
    return phase if phase.seconds <= budget.seconds or budget.ended(startup) else None


Placed = list[tuple[StartupStep, Work]]


def _steps_in(startup: Startup, phase: str) -> list[StartupStep]:
    """The steps of a phase, which each tell the budgets around them."""
    return [
        step
        for step in startup.steps
        if isinstance(step, StartupStep)
        and step.seconds is not None
        and any(name in ENFORCED and ENFORCED[name].phase == phase for name in step.budgets)
    ]


def _placed(startup: Startup, phase: Work, steps: list[StartupStep]) -> Placed:
    """Steps follow each other; the first of a startup begins by opening its connection."""
    whole = sum(step.seconds or 0.0 for step in steps)
    at = phase.start
    if steps[0] == next((one for one in startup.steps if isinstance(one, StartupStep)), None):
        opened = next(objects(object_or_empty(startup.wire).get("connections")), {})
        began = seconds_or_none(opened.get("opened_seconds"))
        latest = max(phase.start, phase.end - whole)
        at = phase.start if began is None else min(max(phase.start, began), latest)
    found = []
    for step in steps:
        end = at + (step.seconds or 0.0)
        found.append((step, Work(at, end)))
        at = end
    return found


def _within(name: str) -> Callable[[Work, Placed], Work | None]:
    """All steps that say that the budget is around them."""

    def bounded(_: Work, steps: Placed) -> Work | None:
        inside = [work for step, work in steps if name in step.budgets]
        return Work(inside[0].start, inside[-1].end) if inside else None

    return bounded


def _connecting(_: Work, steps: Placed) -> Work:
    step, work = steps[0]
    return work if step.connected is None else Work(work.start, work.start + step.connected)


_BOUNDED: dict[str, Callable[[Work, Placed], Work | None]] = {
    "initialization": lambda phase, steps: Work(phase.start, steps[0][1].start),
    "connection": _connecting,
    "pool": _connecting,
    "validation": lambda phase, steps: Work(
        min(steps[-1][1].end, phase.end), max(steps[-1][1].end, phase.end)
    ),
    **{
        name: _within(name)
        for name in ("table_setup", "schema_validation", "health_check", "critical_path")
    },
}

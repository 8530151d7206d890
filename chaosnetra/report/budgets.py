"""Which budgets bound which phase, as the report draws them.

The reference orchestrator enforces each budget within one of its phases; a budget that an error
names is in force in the phase that the error names, whoever's phases they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.quantities import finite_or_none

PHASES = {
    "initialization": "database",
    "table_setup": "database",
    "connection": "database",
    "pool": "database",
    "schema_validation": "database",
    "health_check": "finalize",
    "validation": "finalize",
    "critical_path": "finalize",
}
MOST = 20


@dataclass(frozen=True)
class Budget:
    """A budget as it was enforced.

    Attributes:
        name: of the budget.
        phase: that it bounds.
        seconds: real: the profile's, times the time scale.
        expired: how many startups it ended.
    """

    name: str
    phase: str
    seconds: float
    expired: int = 0


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
        for name, phase in PHASES.items():
            seconds = finite_or_none(lengths.get(f"{name}_seconds"))
            if (name, phase) not in known and phase in phases and seconds and seconds > 0:
                found.append(Budget(name, phase, seconds * scale))
    return sorted(found, key=lambda budget: (-budget.expired, budget.seconds))[:MOST]


def time_scale_of(section: Mapping[str, Any]) -> float | None:
    """The run's time scale; None when the journal does not say."""
    scale = finite_or_none(section.get("time_scale"))
    return scale if scale is not None and scale > 0 else None

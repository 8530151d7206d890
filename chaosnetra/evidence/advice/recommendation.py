"""One thing to change, with the figures that say so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Of a measured or estimated need; of a need of which only a lower bound is known.
MARGIN = 0.25
MARGIN_OF_A_BOUND = 1.0
# Of counts of connections and of throughput.
HEADROOM = 0.1


@dataclass(frozen=True)
class Recommendation:
    """What to change, why, and how to check that it helped.

    Attributes:
        area: `budgets`, `pool`, `connector`, `cloud_sql`, `cloud_run`, `orchestrator` or `service`.
        subject: what is changed, as the profile or the platform names it.
        current: its value as it was in the runs; None where it has none.
        proposed: the value to give it, or the change to make.
        reason: one line for people.
        evidence: measured figures, each with where it was measured.
        check: a command that shows whether it helped.
        changes: new values of the profile, by their place: `("budgets", "pool_seconds")`.
    """

    area: str
    subject: str
    current: str | None
    proposed: str
    reason: str
    evidence: tuple[str, ...]
    check: str
    changes: Mapping[tuple[str, ...], Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        told = {key: value for key, value in vars(self).items() if key != "changes"}
        return {**told, "evidence": list(self.evidence)}

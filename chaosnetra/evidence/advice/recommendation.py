"""One thing to change, with the figures that say so."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Recommendation:
    """What to change, why, and how to check that it helped.

    Attributes:
        area: `budgets`, `pool`, `connector`, `cloud_sql`, `cloud_run` or `orchestrator`.
        subject: what is changed, as the profile or the platform names it.
        current: its value as it was in the runs; None where it has none.
        proposed: the value to give it, or the change to make.
        reason: one line for people.
        evidence: measured figures, each with where it was measured.
        check: a command that shows whether it helped.
    """

    area: str
    subject: str
    current: str | None
    proposed: str
    reason: str
    evidence: tuple[str, ...]
    check: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "evidence": list(self.evidence)}

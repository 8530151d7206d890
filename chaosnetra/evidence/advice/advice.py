"""A recommendation together with what it changes in a profile."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.evidence.advice.recommendation import Recommendation

# Of a measured or estimated need; of a need of which only a lower bound is known.
MARGIN = 0.25
MARGIN_OF_A_BOUND = 1.0
# Of counts of connections and of throughput.
HEADROOM = 0.1


@dataclass(frozen=True)
class Advice:
    """One thing to change.

    Attributes:
        recommendation: for people.
        changes: new values of the profile, by their place: `("budgets", "pool_seconds")`.
    """

    recommendation: Recommendation
    changes: Mapping[tuple[str, ...], Any] = field(default_factory=dict)

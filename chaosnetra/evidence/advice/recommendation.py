"""One thing to change, with the figures that say so."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.text import cut, markdown, one_line

# Of a measured or estimated need; of a need of which only a lower bound is known.
MARGIN = 0.25
MARGIN_OF_A_BOUND = 1.0
# Of counts of connections and of throughput.
HEADROOM = 0.1
LONGEST_TEXT = 600


def with_margin(seconds: float, *, is_bound: bool) -> int:
    """A limit for a need of so many seconds: whole seconds, with the margin.

    Args:
        seconds: measured or estimated.
        is_bound: the need is at least so much; nobody knows how much more.
    """
    margin = MARGIN_OF_A_BOUND if is_bound else MARGIN
    return max(1, math.ceil(round(seconds * (1 + margin), 6)))


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


def recommendation_text(found: Sequence[Recommendation]) -> str:
    """The recommendations for people: plain text that is Markdown too.

    In order, each with its figures and its check.
    """
    return "\n".join(_lines(found))


def _lines(found: Sequence[Recommendation]) -> Iterator[str]:
    plural = "recommendation" if len(found) == 1 else "recommendations"
    yield f"**{len(found)} {plural}**"
    for number, one in enumerate(found, start=1):
        what = f"{_shown(one.subject)} ({_shown(one.area)})"
        current = f"{_shown(one.current)} → " if one.current is not None else ""
        yield ""
        yield f"{number}. {what}: {current}{_shown(one.proposed)}"
        yield f"   - why: {_shown(one.reason)}"
        yield from (f"   - figure: {_shown(line)}" for line in one.evidence)
        yield f"   - check: `{one_line(one.check).replace('`', ' ')}`"


def _shown(text: str) -> str:
    return markdown(cut(text, LONGEST_TEXT))

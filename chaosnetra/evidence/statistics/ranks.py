"""Whether one group of times is longer than another, and by how much: by ranks alone.

What never happened counts as longer than whatever did: give it as infinity. Two that never
happened are equal.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

# Cliff's delta from which an effect is called small, medium, large.
# Source: Romano, Kromrey, Coraggio and Skowronek, Florida Association of Institutional
# Research (2006).
SMALL, MEDIUM, LARGE = 0.147, 0.33, 0.474
_EFFECTS = ((LARGE, "large"), (MEDIUM, "medium"), (SMALL, "small"))
# The exact distribution is wanted for small groups; for larger ones the normal one is as good.
MOST_PAIRS_FOR_EXACT = 10_000


@dataclass(frozen=True)
class RankTest:
    """A comparison of two groups of times.

    Attributes:
        u: the Mann-Whitney U statistic of the group after; None when either group is empty.
        p_value: two-sided: how probable so large a difference is if there were none.
        cliffs_delta: how much more often a time after is longer than one before, than shorter:
            -1 to 1, 0 for no difference, positive for slower.
        probability_of_longer: that a time after is longer than one before, ties counted half:
            the common-language effect size.
        before: times in the group before.
        after: times in the group after.
        method: `exact` or `asymptotic`; empty without a test.
    """

    u: float | None
    p_value: float | None
    cliffs_delta: float | None
    probability_of_longer: float | None
    before: int
    after: int
    method: str

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "effect": self.effect}

    @property
    def effect(self) -> str | None:
        """The size of the effect as a word: negligible, small, medium or large."""
        if self.cliffs_delta is None:
            return None
        size = abs(self.cliffs_delta)
        found = (word for least, word in _EFFECTS if size >= least)
        return next(found, "negligible")


def compare_times(before: Sequence[float], after: Sequence[float]) -> RankTest:
    """Mann-Whitney's test, with Cliff's delta and the common-language effect size.

    Args:
        before: times; infinity for what never happened.
        after: likewise.

    Returns:
        Without a statistic when a group is empty. Groups that are all one value differ in
        nothing: p is 1.

    Source: Mann and Whitney, Annals of Mathematical Statistics 18 (1947), 50-60; Cliff,
    Psychological Bulletin 114 (1993), 494-509; McGraw and Wong, Psychological Bulletin 111
    (1992), 361-365.
    """
    if not before or not after:
        return RankTest(None, None, None, None, len(before), len(after), "")
    from scipy.stats import mannwhitneyu

    pairs = len(before) * len(after)
    values = {*before, *after}
    ties = len(values) < len(before) + len(after)
    is_exact = not ties and pairs <= MOST_PAIRS_FOR_EXACT
    method: Literal["exact", "asymptotic"] = "exact" if is_exact else "asymptotic"
    found = mannwhitneyu(after, before, alternative="two-sided", method=method)
    u = float(found.statistic)
    return RankTest(
        u,
        float(found.pvalue) if len(values) > 1 else 1.0,  # scipy's answer depends on its version
        2 * u / pairs - 1,
        u / pairs,
        len(before),
        len(after),
        method,
    )


def adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """p values of several tests at once, corrected so that none is found by their number.

    Args:
        p_values: in any order; None for a test that was not made.

    Returns:
        In the same order.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    made = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    result: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(made):
        highest = max(highest, min(1.0, p * (len(made) - rank)))
        result[index] = highest
    return result

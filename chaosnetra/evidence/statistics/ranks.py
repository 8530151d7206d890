"""Whether one group of times is longer than another, and by how much: by ranks alone.

What never happened counts as longer than whatever did: give it as infinity. Two that never
happened are equal.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

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

    def can_tell(self, confidence: float) -> bool:
        """Whether so many times could show a difference at all.

        The least two-sided p value of the exact test is that of groups wholly apart, 2 of all
        orders of the times. At 95 % four and four can show a difference, three and five, two and
        eight, one and forty; three and three, whose least p value is 0.1, cannot.

        Args:
            confidence: with which a difference is to be shown, 0 to 1.
        """
        orders = math.comb(self.before + self.after, self.before)
        return 2 / orders < 1 - confidence

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
    pairs = len(before) * len(after)
    counts = Counter([*before, *after])
    is_exact = len(counts) == len(before) + len(after) and pairs <= MOST_PAIRS_FOR_EXACT
    u = _u(before, after)
    furthest = min(u, pairs - u)
    if is_exact:
        p_value = _exact(int(furthest), len(before), len(after))
    else:
        p_value = _asymptotic(furthest, len(before), len(after), counts.values())
    return RankTest(
        u,
        p_value,
        2 * u / pairs - 1,
        u / pairs,
        len(before),
        len(after),
        "exact" if is_exact else "asymptotic",
    )


def _u(before: Sequence[float], after: Sequence[float]) -> float:
    """How many pairs have the longer time after; those of equal ones count half."""
    ordered = sorted(before)
    return sum((bisect_left(ordered, time) + bisect_right(ordered, time)) / 2 for time in after)


def _exact(furthest: int, first: int, second: int) -> float:
    """The two-sided p value without ties, from all orders of the times.

    The number of orders with each U are the coefficients of the Gaussian binomial coefficient,
    which is the product of (1 - q^(second + i)) / (1 - q^i) for i from 1 to `first`.

    Args:
        furthest: the smaller one of U and its mirror image.
        first: times in one group.
        second: times in the other.
    """
    few, many = sorted((first, second))
    orders = [1] + [0] * furthest
    for number in range(1, few + 1):
        for u in range(furthest, many + number - 1, -1):
            orders[u] -= orders[u - many - number]
        for u in range(number, furthest + 1):
            orders[u] += orders[u - number]
    return min(1.0, 2 * sum(orders) / math.comb(few + many, few))


def _asymptotic(furthest: float, first: int, second: int, ties: Iterable[int]) -> float:
    """The two-sided p value by the normal distribution, corrected for ties and continuity.

    Args:
        furthest: the smaller one of U and its mirror image.
        first: times in one group.
        second: times in the other.
        ties: how many times have each value.

    Source: Lehmann, Nonparametrics (1975), 1.3 and 1.4.
    """
    count = first + second
    tied = sum(number**3 - number for number in ties) / (count * (count - 1))
    variance = first * second / 12 * (count + 1 - tied)
    if variance <= 0:  # all are one value
        return 1.0
    z = (first * second / 2 - furthest - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))


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

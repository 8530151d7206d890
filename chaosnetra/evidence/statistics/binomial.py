"""The binomial distribution: how likely so few are, and its inverses.

Loading a library for these three takes longer than all that a verdict does besides.
"""

import math

# A term that no longer changes the sum.
NEGLIGIBLE = 1e-17


def chance_of_at_most(count: int, trials: int, rate: float) -> float:
    """How likely at most `count` of `trials` are, each of which happens with chance `rate`.

    Args:
        count: below 0 it is impossible, from `trials` on it is certain.
        trials: 0 or more.
        rate: 0 to 1.

    Returns:
        To nine digits, up to millions of trials. The terms are summed from the largest one on, so
        that none of them is too small for a number where the sum is not.
    """
    if count < 0:
        return 0.0
    if count >= trials or rate <= 0:
        return 1.0
    if rate >= 1:
        return 0.0
    if count > trials * rate:
        return 1.0 - chance_of_at_most(trials - count - 1, trials, 1 - rate)
    others = trials - count
    ways = math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(others + 1)
    term = total = math.exp(ways + count * math.log(rate) + others * math.log1p(-rate))
    odds = (1 - rate) / rate
    for number in range(count, 0, -1):
        term *= number / (trials - number + 1) * odds
        total += term
        if term <= total * NEGLIGIBLE:
            break
    return total


def rate_with_so_few(count: int, trials: int, chance: float) -> float:
    """The rate at which at most `count` of `trials` have this chance, by bisection.

    Args:
        count: 0 or more, below `trials`.
        trials: at least 1.
        chance: above 0, below 1.
    """
    low, high = 0.0, 1.0
    while True:
        rate = (low + high) / 2
        if not low < rate < high:
            return rate
        if chance_of_at_most(count, trials, rate) > chance:
            low = rate
        else:
            high = rate


def number_with_chance(chance: float, trials: int, rate: float) -> int:
    """The smallest number that is not exceeded with at least this chance.

    Args:
        chance: above 0, below 1.
        trials: 0 or more.
        rate: above 0, below 1.
    """
    from statistics import NormalDist  # it loads fractions, which little else needs

    spread = math.sqrt(trials * rate * (1 - rate))
    guess = trials * rate + NormalDist().inv_cdf(chance) * spread
    number = min(max(0, math.ceil(guess)), trials)
    while number > 0 and chance_of_at_most(number - 1, trials, rate) >= chance:
        number -= 1
    while number < trials and chance_of_at_most(number, trials, rate) < chance:
        number += 1
    return number

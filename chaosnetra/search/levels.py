"""From how likely a trial is violated to the share of attempts that fail then."""

from chaosnetra.evidence.statistics.binomial import rate_with_so_few


def failing_share(max_failure_rate: float, attempts: int, chance: float) -> float:
    """The share of failing attempts at which a trial is violated with a given chance.

    Args:
        max_failure_rate: that a trial allows.
        attempts: of one trial.
        chance: above 0 and below 1.

    Returns:
        Above 0 and below 1; `chance` itself where no number of failures violates it.
    """
    allowed = int(max_failure_rate * attempts + 1e-9)
    if allowed >= attempts:
        return chance
    return rate_with_so_few(allowed, attempts, 1 - chance)

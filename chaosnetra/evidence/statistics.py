"""What a number of trials can prove."""

from typing import NamedTuple


class Bound(NamedTuple):
    """An upper bound of a failure rate, and the confidence it holds with."""

    rate: float
    confidence: float


def failure_rate_upper_bound(failures: int, trials: int, confidence: float = 0.95) -> Bound:
    """The one-sided Clopper-Pearson upper bound of a failure rate.

    Args:
        failures: trials that failed, 0 to `trials`.
        trials: at least 1.
        confidence: with which the true rate is not above the bound, between 0 and 1.

    Returns:
        The bound; 1.0 when every trial failed.

    Source: Clopper and Pearson, Biometrika 26 (1934), 404-413; as a quantile of the beta
    distribution with parameters failures + 1 and trials - failures.
    """
    if failures >= trials:
        return Bound(1.0, confidence)
    from scipy.special import betaincinv

    return Bound(float(betaincinv(failures + 1, trials - failures, confidence)), confidence)

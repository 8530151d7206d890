"""What a number of trials can prove."""


def failure_rate_upper_bound(failures: int, trials: int, confidence: float = 0.95) -> float:
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
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(failures + 1, trials - failures, confidence))


def failure_rate_lower_bound(failures: int, trials: int, confidence: float = 0.95) -> float:
    """The one-sided lower bound; see `failure_rate_upper_bound`. 0.0 when no trial failed."""
    return 1.0 - failure_rate_upper_bound(trials - failures, trials, confidence)

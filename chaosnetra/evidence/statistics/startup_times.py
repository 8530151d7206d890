"""How long the phases of startups took, with those that were cut short."""

from collections.abc import Sequence

from chaosnetra.evidence.journal.samples import Startup
from chaosnetra.evidence.statistics.quantiles import Quantile, quantile


def seconds_of_phase(found: Sequence[Startup], phase: str, share: float) -> Quantile:
    """A quantile of a phase's time.

    A startup that failed or ran out of time in the phase is censored: at the time that the phase
    took until it failed, else at what is left when boot and the phases before are taken off. One
    that never reached the phase does not count.
    """
    ended: list[float] = []
    cut: list[float] = []
    for startup in found:
        time = time_in_phase(startup, phase)
        if time is not None:
            (ended if time[1] else cut).append(time[0])
    return quantile(ended, share, cut)


def time_in_phase(startup: Startup, phase: str) -> tuple[float, bool] | None:
    """Seconds that a startup spent in a phase, and whether the phase did its work.

    See `seconds_of_phase`; None for a startup that never reached the phase.
    """
    seconds = startup.phase_seconds.get(phase)
    if not startup.ready and startup.phase == phase:
        return (_spent_in_last_phase(startup) if seconds is None else seconds), False
    return None if seconds is None else (seconds, True)


def _spent_in_last_phase(startup: Startup) -> float:
    rest = startup.seconds - (startup.boot_seconds or 0.0) - sum(startup.phase_seconds.values())
    return max(0.0, rest)

"""What startups of a search took, held against their own time and round trips."""

from dataclasses import dataclass
from itertools import groupby
from statistics import median

from chaosnetra.report.plots.start_times import StartTimes
from chaosnetra.search.record import Search, SearchTrial

MOST_MARKS = 200


@dataclass(frozen=True)
class Against:
    """The model against the startups of one latency that were ready.

    Attributes:
        value: of the latency; 0: without.
        predicted_seconds: that the model says.
        measured_seconds: of each startup, the shortest first, at least one.
    """

    value: float
    predicted_seconds: float
    measured_seconds: tuple[float, ...]

    @property
    def off_by(self) -> float:
        """How far the model is off, as a share of the median that was measured."""
        middle = median(self.measured_seconds)
        return (self.predicted_seconds - middle) / middle if middle else 0.0


def start_times(search: Search) -> StartTimes | None:
    """All startups that were ready; None: what a startup takes is not known."""
    model, scale = search.model, search.time_scale
    if model is None or scale is None:
        return None
    measured = [(0.0, seconds) for trial in search.counted for seconds in trial.baseline_seconds]
    measured += [
        (trial.applied, seconds)
        for trial in search.counted
        for seconds in trial.under_fault_seconds
    ]
    if not any(value for value, _ in measured):
        return None
    return StartTimes(
        search.key,
        measured[-MOST_MARKS:],
        model.own_seconds,
        model.round_trips * scale / 1000,
    )


def against(search: Search) -> list[Against]:
    """The model against what was measured at each latency, the lowest first; empty: no model."""
    times = start_times(search)
    if times is None:
        return []

    def value_of(trial: SearchTrial) -> float:
        return trial.applied

    found = [
        (value, [seconds for trial in trials for seconds in trial.under_fault_seconds])
        for value, trials in groupby(sorted(search.counted, key=value_of), key=value_of)
    ]
    plain = [seconds for trial in search.counted for seconds in trial.baseline_seconds]
    return [
        Against(value, times.predicted(value), tuple(sorted(seconds)))
        for value, seconds in [(0.0, plain), *found]
        if seconds
    ]

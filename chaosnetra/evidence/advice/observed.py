"""A run's startups as they were seen on the wire: what advice on any service rests on."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from typing import Any

from chaosnetra.evidence.advice.needs import added_to_round_trip
from chaosnetra.evidence.advice.runs import Run
from chaosnetra.evidence.advice.steps import MOST_LOOKED_AT, steps_of
from chaosnetra.evidence.journal.samples import DEGRADED, Startup, checks, startups, startups_of
from chaosnetra.evidence.journal.timeline import faults
from chaosnetra.evidence.journal.values import seconds_or_none
from chaosnetra.evidence.statistics.round_trips import Prediction, RoundTrips, check, fit, recounted
from chaosnetra.evidence.wire.limits import Failed
from chaosnetra.evidence.wire.named_limits import named_seconds
from chaosnetra.wire.observation import Observation

# Toxics under which an answer that is not there yet may be on its way.
NARROW = ("bandwidth", "slicer")


@dataclass(frozen=True)
class ObservedStartups:
    """What was seen of a run's startups.

    Attributes:
        without: ready, without the fault.
        under: ready, under it; where a latency was added, under that.
        failed: not ready, under it, by probe; likewise.
        lost: not ready, under another fault of a run that also added a latency, by probe.
        added_seconds: that the fault added to each round trip; 0 where it is another one.
        model: of those without it.
        prediction: of those under it; None where none became ready, or no latency was added.
        is_narrow: whether a fault let answers come slowly, and in pieces.
        is_recounted: whether the round trips of the model are those of startups under the latency.
    """

    without: Sequence[Observation]
    under: Sequence[Observation]
    failed: dict[str, list[Failed]]
    added_seconds: float
    model: RoundTrips | None
    prediction: Prediction | None
    is_narrow: bool = False
    is_recounted: bool = False
    lost: Mapping[str, Sequence[Failed]] = field(default_factory=dict)

    @property
    def typical(self) -> Observation | None:
        """One that became ready, with as many round trips as most have.

        It is one under the latency where what ran side by side shows only there.
        """
        found = self.under if self.is_recounted else self.without or self.under
        ready = sorted(found, key=lambda seen: seen.serial_round_trips)
        return ready[len(ready) // 2] if ready else None

    @property
    def to_first_connection_seconds(self) -> float:
        """From the start of a process to its first connection, a median."""
        begun = [seen.connections[0].opened_seconds for seen in self.without if seen.connections]
        return median(begun) if begun else 0.0


def observed_startups(run: Run) -> ObservedStartups | None:
    """What was seen of a run's startups on the wire.

    Returns:
        None where none was looked at, or where they tell their steps: then they tell more.
    """
    looked_at: Counter[tuple[str, bool]] = Counter()
    without: list[Observation] = []
    under: list[Observation] = []
    failed: dict[str, list[Failed]] = {}
    lost: dict[str, list[Failed]] = {}
    added = added_to_round_trip(run)
    for startup, is_slow in _startups(run.data):
        key = startup.probe, startup.under_fault
        looked_at[key] += 1
        seen = startup.observation if looked_at[key] <= MOST_LOOKED_AT else None
        if seen is None:
            continue
        # What ends at once, or never, because of another fault says nothing of what a latency does.
        is_other = startup.under_fault and added > 0 and not is_slow
        if startup.ready and not is_other:
            (under if startup.under_fault else without).append(seen)
        elif startup.ready:
            continue
        elif startup.under_fault:
            serving = startup.status == DEGRADED
            named = named_seconds(str(startup.error.get("text") or ""))
            one = Failed(seen, startup.ended_itself, serving, named, startup.delayed_seconds)
            (lost if is_other else failed).setdefault(startup.probe, []).append(one)
    first = islice(startups(run.data), MOST_LOOKED_AT)
    if not (without or under or failed) or any(map(steps_of, first)):
        return None
    model = counted = fit(without)
    if counted is not None and added:
        model = recounted(counted, under)
    prediction = check(model, added, under) if model is not None and added else None
    narrow = any(one.parameters.get("type") in NARROW for one in faults(run.data))
    is_recounted = model != counted
    return ObservedStartups(
        without, under, failed, added, model, prediction, narrow, is_recounted, lost
    )


def _startups(data: Mapping[str, Any]) -> Iterator[tuple[Startup, bool]]:
    """Startups that were looked at, and whether a latency may have been in place; where nobody
    measured that, it may."""
    for one in checks(data):
        is_slow = seconds_or_none(one.output.get("added_round_trip_ms")) != 0
        for startup in startups_of(one, _is_looked_at):
            yield startup, is_slow


def _is_looked_at(data: Mapping[str, Any]) -> bool:
    """Whether a startup was seen on the wire; one that may fail, but has to say why, needs no
    advice on how not to."""
    return bool(data.get("wire")) and ("unsaid" not in data or data.get("status") == "ready")

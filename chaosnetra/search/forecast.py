"""Where an experiment under latency is expected to break, from what one journal shows.

Work inside a limit takes its own time, and a latency longer for each round trip that it waits for:
it breaks at (limit - own time) / round trips.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from chaosnetra.evidence.journal.samples import Startup, checks, startup_of
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.steps import StartupStep, step_of
from chaosnetra.evidence.journal.values import count_or_none, object_or_empty, objects
from chaosnetra.quantities import finite_or_none
from chaosnetra.search.record import BUDGET, Forecast, Limit, StartModel
from chaosnetra.wire.observation import MOST_WAITS, Observation

SPREAD = 0.05
# A limit of its own that trials show is known less well than a budget that is written down, until
# it is the same under latencies that differ clearly: it does not follow from them.
OWN_SPREAD = 0.1
# Where the work inside was measured close to where it breaks, what is left to be wrong is when a
# limit is noticed, and what the work takes by itself, which startups show.
NEAR_SPREAD = 0.02
PLATFORM = "startup timeout"


def model_of(*journals: Mapping[str, Any]) -> StartModel | None:
    """What a startup takes, from those that were ready before the fault; None: nothing shows it."""
    seen = [
        (startup.seconds, trips)
        for journal in journals
        for startup, wire in _startups(journal, Stage.BEFORE)
        if startup.ready and (trips := count_or_none(wire.get("serial_round_trips"))) is not None
        if wire.get("complete") is True
    ]
    if not seen:
        return None
    return StartModel(
        median(seconds for seconds, _ in seen), round(median(trips for _, trips in seen))
    )


def limits_of(journal: Mapping[str, Any]) -> list[Limit]:
    """The limits that a baseline's journal names, with the work that each bounds."""
    facts = journal["chaosnetra"]
    scale = finite_or_none(facts.get("time_scale")) or 1.0
    budgets = object_or_empty(object_or_empty(facts.get("profile")).get("budgets"))
    found = []
    for name, (own, spread, trips) in _budgeted(journal).items():
        length = finite_or_none(budgets.get(f"{name}_seconds"))
        if length is not None and trips:
            found.append(Limit(f"{BUDGET}{name}", length * scale, own, trips, spread))
    model = model_of(journal)
    most = [
        seconds
        for check in checks(journal)
        if check.stage is Stage.BEFORE
        if (seconds := finite_or_none(check.output.get("startup_timeout_seconds"))) is not None
    ]
    if model is not None and model.round_trips and most:
        found.append(Limit(PLATFORM, min(most), model.own_seconds, model.round_trips))
    return found


def forecast_of(limits: Sequence[Limit], time_scale: float) -> Forecast | None:
    """Where the first of some limits breaks; None: none of them ever does.

    Args:
        limits: in real seconds.
        time_scale: that multiplies the latency that is varied.
    """
    values = [
        (1000 * (limit.seconds - limit.own_seconds) / limit.round_trips / time_scale, limit)
        for limit in limits
        if limit.round_trips > 0 and limit.seconds > limit.own_seconds
    ]
    if not values:
        return None
    value, limit = min(values, key=lambda one: one[0])
    least = OWN_SPREAD if limit.shown_under == 1 else SPREAD
    if limit.is_near:
        least = NEAR_SPREAD
    spread = max(least, limit.spread_seconds / (limit.seconds - limit.own_seconds))
    trips = f"{limit.round_trips} round trip{'' if limit.round_trips == 1 else 's'}"
    if limit.round_trips > 1:
        trips += " one after the other"
    how = (
        f"{limit.name} of {limit.seconds:.3g} s, of which {limit.own_seconds:.2g} s pass anyway, "
        f"over {trips}"
    )
    if time_scale != 1:
        how += f", at time scale {time_scale:g}"
    return Forecast(value, spread, limit, how)


def _budgeted(journal: Mapping[str, Any]) -> dict[str, tuple[float, float, int]]:
    """By budget, of the steps inside it before the fault: seconds, their spread, round trips."""
    seconds: dict[str, list[float]] = defaultdict(list)
    trips: dict[str, list[int]] = defaultdict(list)
    for startup, _ in _startups(journal, Stage.BEFORE):
        if not startup.ready:
            continue
        inside: dict[str, list[StartupStep]] = defaultdict(list)
        for step in _steps(startup):
            for budget in step.budgets:
                inside[budget].append(step)
        for budget, steps in inside.items():
            seconds[budget].append(sum(step.seconds or 0.0 for step in steps))
            trips[budget].append(sum(step.round_trips for step in steps))
    return {
        name: (median(taken), (max(taken) - min(taken)) / 2, round(median(trips[name])))
        for name, taken in seconds.items()
    }


def _steps(startup: Startup) -> Iterator[StartupStep]:
    for told in startup.steps:
        step = told if isinstance(told, StartupStep) else None
        if step is None and isinstance(told, dict):
            step = step_of(told)
        if step is not None:
            yield step


def _startups(
    journal: Mapping[str, Any], stage: Stage
) -> Iterator[tuple[Startup, Mapping[str, Any]]]:
    """The startups of a stage, with what was seen of each on the wire."""
    for check in checks(journal):
        if check.stage is stage:
            for data in objects(check.output.get("startups")):
                startup = startup_of(check, data)
                if startup is not None:
                    yield startup, object_or_empty(data.get("wire"))


def round_trip_seconds(journal: Mapping[str, Any]) -> float | None:
    """What a round trip takes without the fault, a median over startups; None: not known.

    Of each startup half of the waits took less: one for a statement that takes long at the server
    says nothing of the path.
    """
    found = [
        taken
        for startup, _ in _startups(journal, Stage.BEFORE)
        if startup.ready
        if (seen := startup.observation) is not None and (taken := _usual_wait(seen)) > 0
    ]
    return median(found) if found else None


def _usual_wait(seen: Observation) -> float:
    if 0 < len(seen.waits) < MOST_WAITS:
        return median(end - start for start, end in seen.waits)
    # They are left out, or merged.
    return seen.waited_seconds / max(1, seen.serial_round_trips)

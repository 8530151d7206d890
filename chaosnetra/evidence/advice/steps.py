"""The steps of startups, as a journal holds them; see `chaosnetra.orchestrator.steps`."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median

from chaosnetra.evidence.advice.runs import Run, count_or_none, seconds_or_none
from chaosnetra.evidence.samples import UNDER_FAULT, Startup, objects, startups, text_or_none

MOST_STEPS = 50
# All startups of a probe have the same steps.
MOST_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Step:
    """A step as a startup told it; real seconds."""

    name: str
    budgets: tuple[str, ...]
    round_trips: int
    statements: int
    answered: int
    connected: float | None
    seconds: float | None

    @property
    def is_complete(self) -> bool:
        return self.answered >= self.statements


@dataclass(frozen=True)
class KnownSteps:
    """What is known of a run's steps before its startups under the fault are looked at.

    Attributes:
        forms: each step by probe and name, as one of the first startups told it; those without
            the fault count for every probe.
        seconds: what each step takes without the fault, a median; real seconds.
    """

    forms: Mapping[str, Mapping[str, Step]]
    seconds: Mapping[str, float]


def known_steps(run: Run) -> KnownSteps:
    """Look at the startups without the fault, and at the first of each probe under it."""
    times: dict[str, list[float]] = defaultdict(list)
    normal: dict[str, Step] = {}
    forms: dict[str, dict[str, Step]] = defaultdict(dict)
    looked_at: Counter[str] = Counter()
    for startup in startups(run.data):
        if startup.stage == "before":
            for step in steps_of(startup):
                _keep(normal, step)
                if step.is_complete and step.seconds is not None:
                    times[step.name].append(step.seconds)
        elif startup.stage in UNDER_FAULT and looked_at[startup.probe] < MOST_LOOKED_AT:
            looked_at[startup.probe] += 1
            for step in steps_of(startup):
                _keep(forms[startup.probe], step)
    return KnownSteps(
        {probe: {**normal, **forms[probe]} for probe in looked_at},
        {name: median(found) for name, found in times.items()},
    )


def _keep(found: dict[str, Step], step: Step) -> None:
    if step.name in found or len(found) < MOST_STEPS:
        found[step.name] = step


def steps_of(startup: Startup) -> list[Step]:
    """The steps that a startup told, in order."""
    found = []
    for told in islice(objects(startup.data.get("steps")), MOST_STEPS):
        name, budgets = text_or_none(told.get("step")), told.get("budgets")
        counts = [count_or_none(told.get(key)) for key in ("round_trips", "statements", "answered")]
        trips, statements, answered = counts
        if name and isinstance(budgets, list) and statements is not None and answered is not None:
            found.append(
                Step(
                    name,
                    tuple(budget for budget in budgets if isinstance(budget, str)),
                    trips or 0,
                    statements,
                    answered,
                    seconds_or_none(told.get("connected_seconds")),
                    seconds_or_none(told.get("seconds")),
                )
            )
    return found

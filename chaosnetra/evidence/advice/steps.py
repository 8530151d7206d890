"""The steps of startups, as a journal holds them; see `chaosnetra.orchestrator.steps`."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import median

from chaosnetra.evidence.advice.runs import Run
from chaosnetra.evidence.journal.samples import Startup, checks, startups_of
from chaosnetra.evidence.journal.steps import StartupStep, step_of

MOST_STEPS = 50
# All startups of a probe have the same steps.
MOST_LOOKED_AT = 100


@dataclass(frozen=True)
class KnownSteps:
    """What is known of a run's steps before its startups under the fault are looked at.

    Attributes:
        forms: each step by probe and name, as one of the first startups told it; those without
            the fault count for every probe.
        seconds: what each step takes without the fault, a median; real seconds.
    """

    forms: Mapping[str, Mapping[str, StartupStep]]
    seconds: Mapping[str, float]


def known_steps(run: Run) -> KnownSteps:
    """Look at the startups without the fault, and at the first of each probe under it."""
    times: dict[str, list[float]] = defaultdict(list)
    normal: dict[str, StartupStep] = {}
    forms: dict[str, dict[str, StartupStep]] = defaultdict(dict)
    looked_at: Counter[str] = Counter()
    for check in checks(run.data):
        if check.stage == "before":
            for startup in startups_of(check):
                for step in steps_of(startup):
                    _keep(normal, step)
                    if step.is_complete and step.seconds is not None:
                        times[step.name].append(step.seconds)
        elif check.under_fault:
            left = MOST_LOOKED_AT - looked_at[check.probe]
            for startup in islice(startups_of(check), left):
                looked_at[check.probe] += 1
                for step in steps_of(startup):
                    _keep(forms[check.probe], step)
    return KnownSteps(
        {probe: {**normal, **forms[probe]} for probe in looked_at},
        {name: median(found) for name, found in times.items()},
    )


def _keep(found: dict[str, StartupStep], step: StartupStep) -> None:
    if step.name in found or len(found) < MOST_STEPS:
        found[step.name] = step


def steps_of(startup: Startup) -> list[StartupStep]:
    """The steps that a startup told, in order."""
    found = (step_of(one) if isinstance(one, dict) else one for one in startup.steps[:MOST_STEPS])
    return [step for step in found if isinstance(step, StartupStep)]

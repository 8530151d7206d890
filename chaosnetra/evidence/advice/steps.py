"""The steps of startups, as a journal holds them; see `chaosnetra.orchestrator.steps`."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from chaosnetra.evidence.advice.runs import Run, count_or_none, seconds_or_none
from chaosnetra.evidence.samples import Startup, objects, startups, text_or_none


@dataclass(frozen=True)
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


def seconds_without_fault(run: Run) -> dict[str, float]:
    """What each step takes without the fault: medians, real seconds."""
    found: dict[str, list[float]] = defaultdict(list)
    for startup in startups(run.data):
        if startup.stage == "before":
            for step in steps_of(startup):
                if step.is_complete and step.seconds is not None:
                    found[step.name].append(step.seconds)
    return {name: median(times) for name, times in found.items()}


def known_steps(run: Run, found: Sequence[Startup]) -> dict[str, Step]:
    """Each step by its name, as any startup told it, those without the fault too."""
    before = [startup for startup in startups(run.data) if startup.stage == "before"]
    return {step.name: step for startup in (*before, *found) for step in steps_of(startup)}


def step_of(startup: Startup, name: str) -> Step | None:
    """A startup's step of that name; None when it did not come so far."""
    return next((step for step in steps_of(startup) if step.name == name), None)


def steps_of(startup: Startup) -> list[Step]:
    """The steps that a startup told, in order."""
    found = []
    for told in objects(startup.data.get("steps")):
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

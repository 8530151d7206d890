"""A step of a startup, as `chaosnetra.orchestrator.steps` tells it and a journal holds it."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from chaosnetra.evidence.journal.values import count_or_none, seconds_or_none


class StartupStep(NamedTuple):
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


def step_of(told: Mapping[str, Any]) -> StartupStep | None:
    """The step that an object tells; None when it lacks what makes it one."""
    name, budgets = told.get("step"), told.get("budgets")
    statements = count_or_none(told.get("statements"))
    answered = count_or_none(told.get("answered"))
    if not name or type(name) is not str or type(budgets) is not list:
        return None
    if statements is None or answered is None:
        return None
    # There may be very many steps with the same few names and budgets.
    try:
        shared_name, shared_budgets = _shared(name, *budgets)
    except TypeError:  # one of them cannot be a key
        texts = [budget for budget in budgets if type(budget) is str]
        shared_name, shared_budgets = _shared(name, *texts)
    return StartupStep(
        shared_name,
        shared_budgets,
        count_or_none(told.get("round_trips")) or 0,
        statements,
        answered,
        seconds_or_none(told.get("connected_seconds")),
        seconds_or_none(told.get("seconds")),
    )


@lru_cache(maxsize=1000)
def _shared(name: str, *budgets: Any) -> tuple[str, tuple[str, ...]]:
    return sys.intern(name), tuple(budget for budget in budgets if type(budget) is str)

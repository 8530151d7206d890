"""Budgets: named timeouts that say which one of them ran out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chaosnetra.errors import BudgetExpired
from chaosnetra.profiles import Budgets


class RunningBudgets:
    """Enforces the budgets of a profile.

    Args:
        budgets: lengths at time scale 1.
        time_scale: multiplies each of them.
    """

    def __init__(self, budgets: Budgets, time_scale: float) -> None:
        self._budgets = budgets
        self._time_scale = time_scale

    def seconds(self, budget: str) -> float | None:
        """The budget's length as it is enforced; None when nothing bounds the step."""
        seconds = self._budgets.seconds(budget)
        return None if seconds is None else seconds * self._time_scale

    @asynccontextmanager
    async def within(self, budget: str, phase: str) -> AsyncIterator[None]:
        """Bound what is inside by the budget of that name, on the event loop's clock.

        A timeout that comes from somewhere else inside passes through as it is, so that the
        budget that is named is the one that ran out.

        Raises:
            BudgetExpired: the budget ran out.
        """
        seconds = self.seconds(budget)
        if seconds is None:
            yield
            return
        try:
            async with asyncio.timeout(seconds) as limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise BudgetExpired(budget, seconds, phase=phase) from error
            raise

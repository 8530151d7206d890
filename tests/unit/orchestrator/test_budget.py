"""Budgets, on a clock that jumps."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosnetra.errors import BudgetExpired
from chaosnetra.orchestrator.budget import RunningBudgets
from chaosnetra.profiles import Budgets, known_profiles, load_profile
from tests.support.virtual_time import run_virtually

NAMES = [field.name.removesuffix("_seconds") for field in fields(Budgets)]
ISSUE_1263 = load_profile("issue-1263").budgets
ISSUE_1278 = load_profile("issue-1278").budgets


def timed(work: Callable[[], Awaitable[None]]) -> tuple[float, Exception | None]:
    """Virtual seconds that `work` takes, and how it ends."""

    async def main() -> tuple[float, Exception | None]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - it is the result
            return loop.time() - started, error
        return loop.time() - started, None

    result: tuple[float, Exception | None] = run_virtually(main())
    return result


def nested(
    supervisor: RunningBudgets, names: list[str], seconds: float
) -> Callable[[], Awaitable[None]]:
    """Sleeps inside budgets, the first outermost."""

    async def work(left: tuple[str, ...] = tuple(names)) -> None:
        if not left:
            await asyncio.sleep(seconds)
            return
        async with supervisor.within(left[0], f"phase of {left[0]}"):
            await work(left[1:])

    return work


@pytest.mark.parametrize("profile", known_profiles())
@pytest.mark.parametrize("name", NAMES)
def test_each_budget_of_each_profile_ends_its_step_in_time(profile: str, name: str) -> None:
    budgets = load_profile(profile).budgets
    limit = budgets.seconds(name)
    took, error = timed(nested(RunningBudgets(budgets, 1), [name], 1000))
    if limit is None:
        assert (took, error) == (pytest.approx(1000), None)
        return
    assert took == pytest.approx(limit)
    assert isinstance(error, BudgetExpired)
    assert (error.budget, error.budget_seconds) == (name, limit)
    assert error.phase == f"phase of {name}"
    assert str(error) == f"the {name} budget of {limit:g} s ran out"
    assert isinstance(error.__cause__, TimeoutError)


@pytest.mark.parametrize("profile", known_profiles())
def test_work_within_its_budget_is_left_alone(profile: str) -> None:
    budgets = load_profile(profile).budgets
    work = nested(RunningBudgets(budgets, 1), ["initialization"], 7.9)
    assert timed(work) == (pytest.approx(7.9), None)


@pytest.mark.parametrize(
    ("budgets", "names", "expired"),
    [
        (ISSUE_1263, ["table_setup", "pool", "connection"], "table_setup"),
        (ISSUE_1278, ["table_setup", "pool", "connection"], "table_setup"),
        (load_profile("before-1263").budgets, ["table_setup", "connection"], "connection"),
        (ISSUE_1263, ["initialization", "table_setup"], "table_setup"),
        (ISSUE_1278, ["schema_validation", "pool", "connection"], "connection"),
        (ISSUE_1263, ["health_check", "validation"], "health_check"),
        (ISSUE_1263, ["validation", "health_check"], "health_check"),
    ],
)
def test_in_nested_budgets_the_shortest_is_named(
    budgets: Budgets, names: list[str], expired: str
) -> None:
    took, error = timed(nested(RunningBudgets(budgets, 1), names, 1000))
    assert isinstance(error, BudgetExpired)
    assert error.budget == expired
    assert error.phase == f"phase of {expired}"
    assert took == pytest.approx(budgets.seconds(expired))


def test_what_an_outer_budget_has_spent_counts() -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)

    async def work() -> None:
        async with supervisor.within("initialization", "database"):
            await asyncio.sleep(18)
            async with supervisor.within("table_setup", "database"):
                await asyncio.sleep(9)

    took, error = timed(work)
    assert isinstance(error, BudgetExpired)
    assert (error.budget, took) == ("initialization", pytest.approx(25))


def test_budgets_in_a_row_do_not_share_their_time() -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)

    async def work() -> None:
        for _ in range(3):
            async with supervisor.within("table_setup", "database"):
                await asyncio.sleep(9)

    assert timed(work) == (pytest.approx(27), None)


def test_a_timeout_from_elsewhere_passes_through() -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)
    elsewhere = TimeoutError("the driver gave up")

    async def work() -> None:
        async with supervisor.within("table_setup", "database"):
            await asyncio.sleep(1)
            raise elsewhere

    assert timed(work) == (pytest.approx(1), elsewhere)


def test_an_inner_timeout_of_asyncio_is_not_taken_for_the_budget() -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)

    async def work() -> None:
        async with supervisor.within("table_setup", "database"), asyncio.timeout(3):
            await asyncio.sleep(1000)

    took, error = timed(work)
    assert type(error) is TimeoutError
    assert took == pytest.approx(3)


@pytest.mark.parametrize("error", [KeyError("x"), ConnectionRefusedError(), ValueError()])
def test_errors_inside_pass_through(error: Exception) -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)

    async def work() -> None:
        async with supervisor.within("table_setup", "database"):
            raise error

    assert timed(work)[1] is error


def test_a_cancellation_from_outside_is_no_expired_budget() -> None:
    supervisor = RunningBudgets(ISSUE_1263, 1)

    async def main() -> asyncio.Task[None]:
        async def work() -> None:
            async with supervisor.within("table_setup", "database"):
                await asyncio.sleep(1000)

        task = asyncio.create_task(work())
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])
        return task

    assert run_virtually(main()).cancelled()


@pytest.mark.parametrize("scale", [0.1, 0.5, 1, 3])
def test_the_time_scale_multiplies_every_budget(scale: float) -> None:
    supervisor = RunningBudgets(ISSUE_1278, scale)
    assert supervisor.seconds("initialization") == pytest.approx(90 * scale)
    assert supervisor.seconds("schema_validation") is None
    took, error = timed(nested(supervisor, ["table_setup"], 1000))
    assert isinstance(error, BudgetExpired)
    assert took == error.budget_seconds == pytest.approx(30 * scale)


@given(
    lengths=st.lists(st.integers(1, 100), min_size=3, max_size=3, unique=True),
    seconds=st.integers(0, 120),
    order=st.permutations(["table_setup", "pool", "connection"]),
)
@settings(max_examples=60)
def test_whatever_the_nesting_the_first_to_run_out_is_named(
    lengths: list[int], seconds: int, order: list[str]
) -> None:
    limits: dict[str, Any] = dict(zip(("table_setup", "pool", "connection"), lengths, strict=True))
    budgets = Budgets(
        initialization_seconds=1,
        health_check_seconds=1,
        **{f"{name}_seconds": limit for name, limit in limits.items()},
    )
    took, error = timed(nested(RunningBudgets(budgets, 1), order, seconds + 0.5))
    shortest = min(limits, key=lambda name: limits[name])
    if seconds + 0.5 < limits[shortest]:
        assert (took, error) == (pytest.approx(seconds + 0.5), None)
    else:
        assert isinstance(error, BudgetExpired)
        assert error.budget == shortest
        assert took == pytest.approx(limits[shortest])

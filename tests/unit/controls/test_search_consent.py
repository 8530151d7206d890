"""What a search asks consent for, read from the experiment alone."""

from typing import Any

import pytest

from chaosnetra.consent.search_plan import Range
from chaosnetra.controls.search_consent import Asked, executions_uncounted, recovery_checks
from chaosnetra.settings import Settings
from tests.support.experiments import control
from tests.support.repository import EXPERIMENTS

LATENCY = Range("latency_ms", 20.0, 2000.0)


def asked(*ranges: Range, **variables: str) -> Asked:
    return Asked(EXPERIMENTS / "vpc_latency.json", ranges, variables, 5, None)


def test_the_corners_of_what_is_varied_bound_it() -> None:
    assert asked(LATENCY).ends == [{"latency_ms": 20.0}, {"latency_ms": 2000.0}]
    assert asked(LATENCY, Range("count", 1, 9)).ends == [
        {"latency_ms": latency, "count": count} for latency in (20.0, 2000.0) for count in (1, 9)
    ]


def test_an_experiment_is_loaded_as_its_trials_will_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHAOSNETRA_COUNT", "7")
    variables = {"max_failure_rate": "0", "time_scale": "0.2"}
    _, configuration = asked(LATENCY, **variables).loaded({"latency_ms": 150.0})
    assert configuration["latency_ms"] == "150"
    assert (configuration["count"], configuration["max_failure_rate"]) == ("7", "0")
    assert configuration["time_scale"] == "0.2", "a setting, which the experiment does not declare"


@pytest.mark.parametrize(
    ("controls", "barrier", "checks"),
    [
        ([], "1", 1),
        ([control()], "1", 1),
        ([control(recovery_timeout_seconds=0)], "1", 1),
        # So many checks as long as a barrier, and one that begins just before the end.
        ([control(recovery_timeout_seconds=12)], "1", 12),
        ([control(recovery_timeout_seconds=12)], "auto", 2),
    ],
)
def test_a_recovery_that_is_waited_for_is_checked_more_often(
    controls: list[dict[str, Any]], barrier: str, checks: int
) -> None:
    staging = {"environment": "staging", "database_url": "postgresql://u@h/d"}
    settings = Settings.from_configuration({**staging, "barrier_seconds": barrier}, {})
    assert recovery_checks({"controls": controls}, settings) == checks


@pytest.mark.parametrize("strategy", ["continuously", "during-method-only", "default", None])
def test_a_steady_state_that_is_checked_all_the_time_is_not_counted(
    strategy: str | None,
) -> None:
    said = executions_uncounted({"runtime": {"hypothesis": {"strategy": strategy}}})
    assert bool(said) is (strategy in ("continuously", "during-method-only"))
    assert executions_uncounted({}) == ""
    assert executions_uncounted({"runtime": []}) == ""

"""Searches with simulated trials."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chaosnetra.search.endings import End
from chaosnetra.search.judging import end_of, next_values
from chaosnetra.search.record import VERSION, Axis, Forecast, Limit, Search, SearchTrial
from chaosnetra.search.span import Span

ATTEMPTS = 5
MAX_FAILURE_RATE = 0.2
LIMIT = Limit("budget table_setup", 1.0, 0.1, 24)


def forecast(value: float, spread: float = 0.05) -> Forecast:
    return Forecast(value, spread, LIMIT, "budget table_setup of 1 s")


def search(*trials: SearchTrial, **keys: Any) -> Search:
    """A search from 20 to 2,000, with what else is given."""
    values: dict[str, Any] = {
        "version": VERSION, "chaosnetra": "0.1.0", "experiment": "vpc.json",
        "fingerprint": "0" * 64, "title": "Startups survive", "key": "latency_ms",
        "feeds": "latency_ms of add_latency", "span": Span(20, 2000), "resolution": 0.0, "seed": 0,
        "precision": 0.1, "most_trials": 40, "most_seconds": None, "operating_point": None,
        "operating_point_measured": False, "at_least": None, "variables": (),
        "profile": "issue-1278", "target": "app", "time_scale": 1.0,
    }  # fmt: skip
    return Search(**{**values, **keys, "trials": trials})


def trial(value: float, failures: int = 0, number: int = 1, **keys: Any) -> SearchTrial:
    """One that says something, of five attempts."""
    violated = failures > MAX_FAILURE_RATE * ATTEMPTS
    values: dict[str, Any] = {
        "number": number, "value": value, "applied": value,
        "outcome": "violated" if violated else "held", "attempts": ATTEMPTS, "failures": failures,
        "max_failure_rate": MAX_FAILURE_RATE,
        "line": "violated: too many" if violated else "held: it did",
        "breaks_first": "budget table_setup" if violated else None,
        "journal": f"trials/{number:03}/journal.json", "seconds": 10.0,
    }  # fmt: skip
    return SearchTrial(**{**values, **keys})


def nothing(value: float, number: int = 1) -> SearchTrial:
    """One that proves nothing."""
    return trial(
        value, 0, number, outcome="inconclusive", attempts=0, line="inconclusive: no effect"
    )


def with_trial(made: Search, one: SearchTrial) -> Search:
    return replace(made, trials=(*made.trials, one))


def conducted(made: Search, outcomes: Callable[[float], int]) -> Search:
    """A search to its end; `outcomes` gives the failures of five at a value."""
    while end_of(made) is End.GOES_ON:
        value = next_values(made)[made.key]
        made = with_trial(made, trial(value, outcomes(value), len(made.trials) + 1))
    return made


SECOND = Axis("count", "count of startups_succeed", Span(1, 20, whole=True), 1.0)


def mapped(*trials: SearchTrial, **keys: Any) -> Search:
    """A search from 20 to 2,000 of latency_ms and from 1 to 20 of count."""
    return search(*trials, **{"second": SECOND, **keys})


def conducted_map(made: Search, outcomes: Callable[[float, float], int]) -> Search:
    """A search over two keys to its end; `outcomes` gives the failures of five at two values."""
    while end_of(made) is End.GOES_ON:
        first, second = next_values(made).values()
        number = len(made.trials) + 1
        made = with_trial(made, trial(first, outcomes(first, second), number, second=second))
    return made


def values_of(made: Search) -> Sequence[float]:
    return [one.value for one in made.trials]

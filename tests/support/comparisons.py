"""Runs before and after a change, and what comparing them finds."""

import json
from pathlib import Path
from typing import Any

from chaosnetra.evidence.compare.changes import ExperimentChange
from chaosnetra.evidence.compare.comparison import Comparison, compare
from chaosnetra.evidence.compare.comparison_text import comparison_text
from chaosnetra.evidence.compare.experiment_runs import gather
from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.section import complete
from chaosnetra.evidence.journal.shape import normalized
from tests.support.journals import journal, state
from tests.support.journals import startups as startups_probe
from tests.support.observations import observation

FAST = [2.0, 2.1, 2.2, 2.3, 2.4]
SLOW = [3.0, 3.1, 3.2, 3.3, 3.4]


def check(times: list[float], attempts: int, held: bool) -> dict[str, Any]:
    """A check with startups: those with a time were ready, the rest failed after 9 s."""
    listed = [
        {"number": n, "status": "ready", "seconds": seconds, "phase_seconds": {}}
        for n, seconds in enumerate(times, 1)
    ]
    listed += [{"number": 9, "status": "failed", "seconds": 9.0}] * (attempts - len(times))
    probe = startups_probe(len(times), attempts, startups=listed)
    return {**state(probe), "steady_state_met": held, "probes": [{**probe, "tolerance_met": held}]}


def run(
    under: list[float],
    *,
    attempts: int = 5,
    without: tuple[float, ...] = (1.0, 1.1, 1.2, 1.3, 1.4),
    held: bool | None = None,
    title: str = "t",
    **facts: Any,
) -> dict[str, Any]:
    """A journal with startups without the fault, under it, and after the rollbacks."""
    facts = {"time_scale": 0.1, "profile": {"name": "p"}, **facts}
    met = len(under) >= 0.8 * attempts if held is None else held
    data = journal(
        before=check(list(without), len(without), held=True),
        after=check(under, attempts, held=met),
        deviated=not met,
    )
    data["experiment"]["title"] = title
    complete(data, {"recovery": check(list(without), len(without), held=True), **facts})
    return data


def compared(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Comparison:
    one, other = (
        gather(Journal(Path("j"), normalized(data), 1) for data in side) for side in (before, after)
    )
    found = compare(one, other)
    json.dumps(found.to_json(), allow_nan=False)
    text = comparison_text(found)
    assert all(line == line.rstrip() for line in text.split("\n"))
    return found


def only(before: dict[str, Any], after: dict[str, Any]) -> ExperimentChange:
    (found,) = compared([before], [after]).experiments
    return found


def add_latency(milliseconds: Any, **more: Any) -> dict[str, Any]:
    arguments = {"latency_ms": milliseconds, **more}
    provider = {
        "type": "python",
        "module": "chaosnetra.toxiproxy.actions",
        "func": "add_latency",
        "arguments": arguments,
    }
    return {"type": "action", "name": "inject", "provider": provider}


def with_method(data: dict[str, Any], *method: dict[str, Any]) -> dict[str, Any]:
    data["experiment"]["method"] = list(method)
    return data


def in_environment(
    name: str, round_trips: int, set_up: int, method: str, **launch: Any
) -> dict[str, Any]:
    """A run whose startups asked so often, one question after the other."""
    data = with_method(run(FAST, environment=name), add_latency(50))
    asked = observation(1.0, serial_round_trips=round_trips, serial_setup_round_trips=set_up)
    seen = json.loads(json.dumps(asked.to_json()))
    for stage in ("before", "after"):
        output = data["steady_states"][stage]["probes"][0]["output"]
        output |= {"startup_method": method, **launch}
        for startup in output["startups"]:
            startup["wire"] = seen
    return data

"""Journals with the figures that recommendations rest on, small and at time scale 0.1."""

from pathlib import Path
from typing import Any

from chaosnetra.evidence.journal.reading import Journal
from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.profiles import load_profile
from tests.support.journals import GOOD, journal, probe, run_of, startups, state

SCALE = 0.1
OLD = load_profile("issue-1263")
PROFILE = {
    "name": OLD.name, "date": OLD.date, "source": OLD.source, "environment": OLD.environment,
    "budgets": vars(OLD.budgets), "pool": vars(OLD.pool), "orchestrator": vars(OLD.orchestrator),
    "infrastructure": OLD.infrastructure,
}  # fmt: skip
STEPS = {
    "first_table_check": (["table_setup"], 24, 6),
    "finalize": (["critical_path", "health_check"], 22, 17),
}


def step(
    name: str, seconds: float | None, *, answered: int | None = None, connected: float | None = 0.02
) -> dict[str, Any]:
    """One step as a startup tells it; complete unless `answered` says otherwise."""
    budgets, round_trips, statements = STEPS[name]
    return {
        "step": name,
        "budgets": budgets,
        "round_trips": round_trips,
        "statements": statements,
        "answered": statements if answered is None else answered,
        "connected_seconds": connected,
        "seconds": seconds,
    }


def startup(number: int, *steps: dict[str, Any], **told: Any) -> dict[str, Any]:
    """One startup; ready unless it has an error."""
    return {
        "number": number, "status": "failed" if "error" in told else "ready", "seconds": 1.0,
        "phase": "database", "phase_seconds": {}, "steps": list(steps), "error": None, **told,
    }  # fmt: skip


def expired(budget: str, seconds: float, text: str = "it took too long") -> dict[str, Any]:
    return {"text": text, "budget": budget, "budget_seconds": seconds}


def checked(*found: dict[str, Any], rate: float = 0.2, **told: Any) -> dict[str, Any]:
    """The probe of startups, with those."""
    ready = sum(one["status"] == "ready" for one in found)
    run = startups(
        ready, len(found), "startups-succeed", startups=list(found), max_failure_rate=rate, **told
    )
    run["output"]["held"] = run["tolerance_met"] = ready >= (1 - rate) * len(found)
    return run


def fault(name: str, parameters: dict[str, Any], **effect: Any) -> dict[str, Any]:
    """A fault that was felt."""
    return {
        "name": name,
        "parameters": parameters,
        "effect": {"in_effect": True, "added_round_trip_seconds": 0.0, **effect},
        "undo": "done",
    }


def measured(*, after: dict[str, Any], before: dict[str, Any] | None = None, **facts: Any) -> Any:
    """A journal of a run with the profile of issue 1263."""
    method = facts.pop("method", (run_of("inject"),))
    whole = {"profile": PROFILE, "time_scale": SCALE, "recovery": GOOD, **facts}
    return journal(before=before or GOOD, after=after, method=method, **whole)


def read(data: dict[str, Any], name: str = "journal.json") -> Journal:
    """As if it were read from a file."""
    return Journal(Path(name), normalized(data), 1)


READY = [startup(n, step("first_table_check", 0.1), step("finalize", 0.05)) for n in range(1, 6)]


def behind_latency(added: float = 0.05, answered: int = 2) -> dict[str, Any]:
    """Five startups that 50 ms on each round trip made run out of their table_setup budget."""
    cut = [
        startup(
            n,
            step("first_table_check", 1.0, answered=answered, connected=0.7),
            error=expired("table_setup", 1.0),
        )
        for n in range(1, 6)
    ]
    data: dict[str, Any] = measured(
        before=state(checked(*READY)),
        after=state(checked(*cut, added_round_trip_ms=1000 * added)),
        faults=[
            fault(
                "latency",
                {"kind": "toxic"},
                quantity="added_latency_ms",
                expected=1000 * added,
                observed=1000 * added,
                added_round_trip_seconds=added,
            )
        ],
        experiment_file="experiments/vpc_latency.json",
    )
    return data


def attempt(number: int, outcome: str, seconds: float, **told: Any) -> dict[str, Any]:
    censored = outcome in ("timed_out", "pool_timeout")
    return {
        "number": number,
        "outcome": outcome,
        "seconds": seconds,
        "intended_seconds": 0.0,
        "censored": censored,
        **told,
    }


def storm(*found: dict[str, Any], rate: float = 0.1, **told: Any) -> dict[str, Any]:
    """The probe of connections, with those."""
    failures = sum(one["outcome"] != "ok" for one in found)
    output = {"connections": list(found), "max_failure_rate": rate, "sqlstates": {}, **told}
    run = startups(len(found) - failures, len(found), "connections-succeed", **output)
    run["output"]["held"] = run["tolerance_met"] = failures <= rate * len(found)
    return run


LIMITS = {
    "kind": "connector",
    "instances": 2,
    "connections_per_instance": 25,
    "pressure_threshold": 0.7,
    "throughput_mbps_per_instance": 1000.0,
    "background_mbps": 0.0,
}


def through_a_full_connector() -> dict[str, Any]:
    """Sixty connections at once through a connector with fifty slots."""
    found = [attempt(n, "ok", 0.3) for n in range(1, 36)]
    found += [attempt(n, "slow", 2.3) for n in range(36, 51)]
    found += [attempt(n, "timed_out", 3.0) for n in range(51, 61)]
    sample = {"at_seconds": 1.0, "most_in_use": 50, "most_queued": 10, "refused": 0}
    begun = {"at_seconds": 1.0, "event": "scale-up begun", "delay_seconds": 3.0}
    data: dict[str, Any] = measured(
        after=state(storm(*found)),
        faults=[fault("connector change 1", LIMITS, quantity="slots", expected=50, observed=50)],
        connector={
            "samples": [sample],
            "events": [begun, {"at_seconds": 4.2, "event": "scaled up"}],
        },
    )
    return data


def beside_full_pools() -> dict[str, Any]:
    """Fifty connections where the pools of four instances leave 37 of 197 slots."""
    found = [attempt(n, "refused", 0.1, sqlstate="53300") for n in range(1, 14)]
    found += [attempt(n, "ok", 0.1) for n in range(14, 51)]
    held = {"kind": "connections held", "by": "count", "amount": 160, "instances": 4}
    data: dict[str, Any] = measured(
        after=state(storm(*found, sqlstates={"53300": 13})),
        faults=[fault("held", held, quantity="free_slots", expected=37, observed=37)],
    )
    return data


def in_a_pool_too_slow() -> dict[str, Any]:
    """Forty checkouts that work for 6.5 s, and five that wait 6 s for them."""
    found = [attempt(n, "ok", 0.5, work_seconds=6.0) for n in range(1, 41)]
    found += [attempt(n, "pool_timeout", 6.0, work_seconds=None) for n in range(41, 46)]
    told = {
        "checkouts": found,
        "pool": {"size": 15, "max_overflow": 25, "timeout_seconds": 6.0},
        "pool_timeout": 5,
        "max_failure_rate": 0.0,
    }
    data: dict[str, Any] = measured(after=state(startups(40, 45, "checkouts", **told)))
    return data


def swallowing_and_hiding() -> dict[str, Any]:
    """A startup that serves without its database, and one whose message names another budget."""
    serving = startup(1, status="degraded", phase="database", error={"text": "refused"})
    hiding = startup(2, error=expired("table_setup", 1.0, "initialization timeout after 2.5s"))
    data: dict[str, Any] = measured(after=state(checked(serving, hiding)))
    return data


def short_of_the_rules() -> dict[str, Any]:
    """Rules on the budgets that do not hold."""
    finding = {
        "rule": "first-connection",
        "budget": "table_setup",
        "has_seconds": 10,
        "needs_seconds": 20,
        "holds": False,
        "why": "opening the first real connection",
        "around": ["table_setup", "pool", "connection"],
    }
    output = {"held": False, "expected": "e", "observed": "o", "findings": [finding]}
    data: dict[str, Any] = measured(after=state(probe("budgets", met=False, output=output)))
    return data


EVERY = (
    behind_latency,
    through_a_full_connector,
    beside_full_pools,
    in_a_pool_too_slow,
    swallowing_and_hiding,
    short_of_the_rules,
)

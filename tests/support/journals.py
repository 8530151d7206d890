"""Journals as Chaos Toolkit writes them, small."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.verdict import Verdict, judge
from chaosnetra.evidence.verdict.violations import Violation
from tests.support.experiments import HELD


def probe(name: str = "starts", *, met: bool = True, output: Any = True) -> dict[str, Any]:
    """A probe of the hypothesis that answered."""
    return {
        "activity": {
            "type": "probe", "name": name, "tolerance": HELD if isinstance(output, dict) else True,
        },
        "output": output, "status": "succeeded", "start": "2026-01-01T00:00:00",
        "end": "2026-01-01T00:00:01", "tolerance_met": met,
    }  # fmt: skip


def failed_probe(name: str = "starts", text: str = "it broke") -> dict[str, Any]:
    """A probe that failed itself, as the core records it."""
    return {
        **probe(name, met=False, output=None),
        "status": "failed",
        "exception": [
            "Traceback (most recent call last):\n",
            f"chaoslib.exceptions.ActivityFailed: chaoslib.exceptions.ActivityFailed: {text}\n",
        ],
    }


def startups(ready: int, attempts: int, name: str = "startups", **told: Any) -> dict[str, Any]:
    """The hypothesis' probe with an output that counts trials."""
    held = ready == attempts
    output = {
        "held": held, "expected": "at most 0% fail", "observed": f"{ready} of {attempts} ready",
        "attempts": attempts, "ready": ready, "failures": attempts - ready, **told,
    }  # fmt: skip
    return probe(name, met=held, output=output)


def state(*probes: dict[str, Any]) -> dict[str, Any]:
    """One check of the hypothesis."""
    return {"steady_state_met": all(run["tolerance_met"] for run in probes), "probes": list(probes)}


GOOD = state(probe())
BAD = state(probe(met=False, output=False))


def run_of(
    name: str, *, status: str = "succeeded", text: str = "it broke", kind: str = "action"
) -> dict[str, Any]:
    """An activity of the method or the rollbacks."""
    run: dict[str, Any] = {
        "activity": {"type": kind, "name": name},
        "output": None,
        "status": status,
    }
    if status == "failed":
        run["exception"] = [f"chaoslib.exceptions.ActivityFailed: {text}\n"]
    return run


INJECT = run_of("inject")


def judged(data: Mapping[str, Any]) -> tuple[Verdict, list[Violation]]:
    """The verdict on a journal as it was written."""
    return judge(normalized(data))


def journal(
    *,
    before: dict[str, Any] | None = GOOD,
    after: dict[str, Any] | None = GOOD,
    during: tuple[dict[str, Any], ...] = (),
    method: tuple[dict[str, Any], ...] = (INJECT,),
    rollbacks: tuple[dict[str, Any], ...] = (),
    status: str = "completed",
    deviated: bool = False,
    hypothesis: bool = True,
    **facts: Any,
) -> dict[str, Any]:
    """A journal; without changes, of a run whose steady state held."""
    experiment: dict[str, Any] = {
        "title": "t",
        "method": [dict(run["activity"]) for run in method] or [dict(INJECT["activity"])],
        "rollbacks": [dict(run["activity"]) for run in rollbacks],
    }
    if hypothesis:
        experiment["steady-state-hypothesis"] = {"title": "h", "probes": [{"name": "starts"}]}
    return {
        "experiment": experiment,
        "status": status,
        "deviated": deviated,
        "steady_states": {"before": before, "after": after, "during": list(during)},
        "run": list(method),
        "rollbacks": list(rollbacks),
        "chaosnetra": facts,
    }

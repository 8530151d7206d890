"""Journals by what our section says of startups and their database."""

from typing import Any

from chaosnetra.evidence.journal.shape import normalized
from chaosnetra.evidence.verdict.start_state import baseline_advice

Facts = dict[str, Any]


def advice_on(data: dict[str, Any], section: Facts) -> str | None:
    return baseline_advice(normalized({**data, "chaosnetra": section}))


def known(section: Facts) -> Facts:
    """A section as the verdict gets it."""
    found: Facts = normalized({"chaosnetra": section})["chaosnetra"]
    return found


def journal(held: bool = True, **section: Any) -> Facts:
    probe = {
        "activity": {"type": "probe", "name": "startups"},
        "status": "succeeded",
        "output": {"held": held, "expected": "all ready", "observed": "some"},
        "tolerance_met": held,
    }
    met = {"steady_state_met": True, "probes": []}
    return {
        "status": "completed",
        "deviated": not held,
        "experiment": {
            "steady-state-hypothesis": {"title": "t", "probes": [probe["activity"]]},
            "method": [{"type": "action", "name": "slow"}],
        },
        "steady_states": {
            "before": met,
            "during": [],
            "after": {"steady_state_met": held, "probes": [probe]},
        },
        "run": [{"activity": {"type": "action", "name": "slow"}, "status": "succeeded"}],
        "rollbacks": [],
        "chaosnetra": section,
    }

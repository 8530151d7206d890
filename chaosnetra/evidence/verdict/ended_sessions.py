"""Sessions that somebody else ended: what failed by it says nothing of the fault.

Of startups the server's own counter tells, which the run reads around each launch; of single
connections and checkouts their own SQLSTATE does.
"""

from collections.abc import Mapping
from typing import Any

from chaosnetra.evidence.journal.values import count_or_none, objects

# PostgreSQL's admin_shutdown: "terminating connection due to administrator command".
ADMINISTRATOR_COMMAND = "57P01"


def sessions_ended(journal: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """That somebody else ended sessions of trials, as a sentence; None: not to all knowledge.

    What ends sessions itself does so in the baseline too.

    Args:
        journal: Chaos Toolkit's journal.
        facts: its section `chaosnetra`.
    """
    startups = _of_startups(facts)
    if startups:
        return _sentence(startups, "startups used the database")
    attempts = _of_attempts(journal)
    return _sentence(attempts, "trials used the database") if attempts else None


def _of_startups(facts: Mapping[str, Any]) -> int:
    exposure = facts.get("exposure")
    launches = objects(exposure.get("launches")) if isinstance(exposure, dict) else []
    killed = [count_or_none(one.get("killed")) for one in launches]
    if not killed or killed[0] != 0:  # the first launch is the baseline's
        return 0
    return sum(one or 0 for one in killed)


def _of_attempts(journal: Mapping[str, Any]) -> int:
    if _has_action_of_others(journal):
        return 0  # the experiment itself may have ended them
    from chaosnetra.evidence.journal.reading import normalized
    from chaosnetra.evidence.journal.samples import attempts

    ended = [
        attempt.stage
        for attempt in attempts(normalized(journal))
        if attempt.sqlstate == ADMINISTRATOR_COMMAND
    ]
    return 0 if "before" in ended else len(ended)


def _has_action_of_others(journal: Mapping[str, Any]) -> bool:
    experiment = journal.get("experiment")
    method = experiment.get("method") if isinstance(experiment, dict) else None
    for activity in objects(method):
        provider = activity.get("provider")
        module = provider.get("module") if isinstance(provider, dict) else None
        if activity.get("type") != "probe" and not str(module).startswith("chaosnetra."):
            return True
    return False


def _sentence(count: int, what: str) -> str:
    sessions = "1 session was" if count == 1 else f"{count} sessions were"
    return (
        f"{sessions} ended by an administrator's command while {what}, which neither the "
        "experiment nor a fault of it did, so nobody knows what else they failed for"
    )

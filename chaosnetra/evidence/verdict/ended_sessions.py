"""Sessions that somebody else ended: what failed by it says nothing of the fault.

Of startups the server's own counter tells, which the run reads around each launch; of single
connections and checkouts their own SQLSTATE does.
"""

from collections.abc import Mapping
from typing import Any

from chaosnetra.evidence.journal.samples import attempts
from chaosnetra.evidence.journal.shape import Stage
from chaosnetra.evidence.journal.values import count_or_none
from chaosnetra.evidence.verdict.activities import is_ours
from chaosnetra.text import how_many, were

# PostgreSQL's admin_shutdown: "terminating connection due to administrator command".
ADMINISTRATOR_COMMAND = "57P01"


def sessions_ended(journal: Mapping[str, Any]) -> str | None:
    """That somebody else ended sessions of trials, as a sentence; None: not to all knowledge.

    What ends sessions itself does so in the baseline too.
    """
    startups = _of_startups(journal)
    if startups:
        return _sentence(startups, "startups used the database")
    attempts = _of_attempts(journal)
    return _sentence(attempts, "trials used the database") if attempts else None


def _of_startups(journal: Mapping[str, Any]) -> int:
    launches = journal["chaosnetra"]["exposure"].get("launches", ())
    killed = [count_or_none(one.get("killed")) for one in launches]
    if not killed or killed[0] != 0:  # the first launch is the baseline's
        return 0
    return sum(one or 0 for one in killed)


def _of_attempts(journal: Mapping[str, Any]) -> int:
    method = journal["experiment"]["method"]
    if any(one.get("type") != "probe" and not is_ours(one) for one in method):
        return 0  # the experiment itself may have ended them
    stages = [
        attempt.stage for attempt in attempts(journal) if attempt.sqlstate == ADMINISTRATOR_COMMAND
    ]
    return 0 if Stage.BEFORE in stages else len(stages)


def _sentence(count: int, what: str) -> str:
    sessions = f"{how_many(count, 'session')} {were(count)}"
    return (
        f"{sessions} ended by an administrator's command while {what}, which neither the "
        "experiment nor a fault of it did, so nobody knows what else they failed for"
    )

"""Errors of the server that startups met under the fault alone, and were ready all the same."""

from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.evidence.journal.shape import Stage, checked_probes
from chaosnetra.evidence.journal.values import object_or_empty, objects, text_or_none
from chaosnetra.text import how_many, were

MOST_CODES = 5


def hidden_errors(journal: Mapping[str, Any]) -> str | None:
    """What the service may hide: a statement for people; None: there is nothing to say.

    Args:
        journal: as `chaosnetra.evidence.journal.shape.normalized` returns it.
    """
    known: set[str] = set()
    under: list[set[str]] = []
    for stage, run in checked_probes(journal):
        for startup in objects(object_or_empty(run["output"]).get("startups")):
            met = set(_codes(startup))
            if stage is Stage.BEFORE:
                known |= met
            elif stage is not Stage.RECOVERY and startup.get("status") == "ready":
                under.append(met)
    new = [met - known for met in under]
    count = sum(map(bool, new))
    if not count:
        return None
    codes = sorted(set().union(*new))
    shown = ", ".join(codes[:MOST_CODES]) + (", …" if len(codes) > MOST_CODES else "")
    ready = f"{how_many(len(under), 'startup')} that {were(len(under))} ready under the fault"
    new_errors = f"errors of the server that none met before it (SQLSTATE {shown})"
    return f"{count} of {ready} had met {new_errors}"


def _codes(startup: Mapping[str, Any]) -> Iterator[str]:
    for error in objects(object_or_empty(startup.get("wire")).get("errors")):
        code = text_or_none(error.get("sqlstate"))
        if code:
            yield code[:5]

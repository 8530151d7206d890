"""Whether the startups used the path that a fault was on; from the journal's facts.

`facts["exposure"]` holds, as the run counted it:

    variables    names of the environment variables that carry the database's address
    proxy        name of the run's proxy before its database
    counted_by   where the figures come from
    launches     one object each: `faults` in place; `startups`, and of these: `connected` opened
                 a connection at the address of their own, `answered` got an answer there,
                 `ready_without` were ready and had opened none, `fewer_sessions` were ready and had
                 lost a connection, so that they had fewer sessions open than each had before the
                 fault, of which `sessions_open` was the fewest; `connections`, `sessions` and
                 `round_trips` of all; `killed`: sessions that somebody else's command ended;
                 None: not known

A startup is observed before it reaches any fault, so those under one tell as well as others.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from chaosnetra.evidence.journal.values import count_or_none
from chaosnetra.evidence.verdict.counted_exposure import (
    AT_SERVER,
    ON_PATH,
    REMEMBERS,
    TARGET_ENVIRONMENT,
    given,
    not_counted,
    was_prepared,
)
from chaosnetra.quantities import finite_or_none
from chaosnetra.text import how_many, none_of, plain_names, were

# That a fault on a share of the connections was on none of them must be less likely.
LIKELY = 0.05
_Launches = Sequence[Mapping[str, Any]]


def not_exposed(facts: Mapping[str, Any]) -> str | None:
    """Why no startup was exposed to a fault, as a sentence; None: one was, or may have been."""
    exposure = facts["exposure"]
    if not exposure:
        return None  # of a version that did not count
    launches = exposure["launches"]
    if not all("connected" in one for one in launches):
        return not_counted(facts, exposure)
    if not _on_path(facts, exposure):
        return None
    before, under = _before_and_under(launches)
    if before and not _sum(before, "answered"):
        which = f"{_startups(before)} before the fault"
    elif under and not _sum(under, "connected"):
        which = f"{_startups(under)} under {_names(under)}"
        if before:
            return (
                f"{which} opened a connection to the database, as those before the fault did: "
                f"none of them used the path that the fault is on. Where the target {REMEMBERS}"
            )
    else:
        return _not_welcome(before)
    tried = _sum([*before, *under], "connected")
    what = "got an answer" if tried else "opened a connection"
    only_first = (
        f". The one start that prepared the database did: where the target {REMEMBERS}"
        if was_prepared(facts)
        else ""
    )
    return (
        f"{which} {what} at the address of the database that it was given, so none used the path "
        f"that the fault is on{only_first}. The target was given {given(exposure)}: name the "
        f"variables that it reads, with {{url}}, {{host}} and {{port}}, in {TARGET_ENVIRONMENT}; "
        "where it connects only once it is used, let readiness ask for what needs the database"
    )


def _not_welcome(before: _Launches) -> str | None:
    """That the server refused whatever startups tried before the fault, as a sentence."""
    if not before or not all("welcomed" in one for one in before) or _sum(before, "welcomed"):
        return None
    told = next((one["refused_with"] for one in before if one.get("refused_with")), None)
    how = (
        "the server declined the encryption that they asked for, or refused their logins in TLS, "
        "where its errors cannot be read"
        if told is None
        else f"the server refused their logins with SQLSTATE {told}"
    )
    return (
        f"{_startups(before)} before the fault had a session of the database: {how}, so there was "
        "none that the fault could take. Give the target a user, a password, a database and "
        f"options of TLS that the server accepts, in {TARGET_ENVIRONMENT}"
    )


def partly_exposed(facts: Mapping[str, Any]) -> str | None:
    """That some startups under a fault were not exposed to it, as a sentence; None: none such."""
    exposure = facts["exposure"]
    if not exposure or not _on_path(facts, exposure):
        return None
    before, under = _before_and_under(exposure["launches"])
    ready, had = _sum(before, "ready"), _sum(before, "ready_with_session")
    if 0 < had < ready:
        return (
            f"of {how_many(ready, 'startup')} that were ready before the fault only "
            f"{had} had a session of the database by then, so readiness does not wait for it, "
            "and does not tell what the fault does to it: let readiness ask for what needs the "
            "database"
        )
    mixed = [one for one in under if count_or_none(one.get("connected"))]
    without = _sum(mixed, "ready_without")
    if not without:
        return None
    startups = _sum(mixed, "startups")
    return (
        f"{without} of {how_many(startups, 'startup')} under {_names(mixed)} "
        f"{were(without)} ready without a connection of "
        f"{'its' if without == 1 else 'their'} own to the database, as the others had, and so not "
        f"exposed to the fault. Each startup was given an address of its own, {given(exposure)}: "
        "it must use that one, and not one that another startup was given"
    )


def untried(facts: Mapping[str, Any], ended_at: str | None = None) -> str | None:
    """That no startup is known to have met a fault, as a sentence; None: one met each.

    Of a run without startups there is nothing to say: its trials are its own.

    Args:
        facts: our section of the journal.
        ended_at: the probe that ended the check after the method, so that later ones were not
            asked; None: all were.
    """
    exposure = facts["exposure"]
    if not exposure or not _sum(exposure["launches"], "startups"):
        return None
    faults = [
        fault
        for fault in facts["faults"]
        # A journal of a version that did not count them tells nothing of it.
        if fault["effect"] is not None and fault["tried"] and _is_on_path(fault, exposure)
    ]
    missing = [_plain_name(one) for one in faults if not count_or_none(one["tried"]["startups"])]
    if missing:
        names = list(dict.fromkeys(missing))
        if ended_at is not None:
            return (
                f"no startup was tried under {', '.join(names)}: the check after the method ended "
                f"at {ended_at}, which did not hold"
            )
        undone = f"{', '.join(names)}, which {were(len(names))} undone or replaced before"
        return (
            f"no startup was tried under {undone} the next one began: launch startups in the "
            "method while a fault is in place, or leave its undo to the rollbacks, which come "
            "after the last check"
        )
    return next(filter(None, map(_by_chance_alone, faults)), None)


def _by_chance_alone(fault: Mapping[str, Any]) -> str | None:
    """That a fault on a share of the connections may well have been on none of the startups'."""
    share = finite_or_none(fault["parameters"].get("toxicity"))
    connections = count_or_none(fault["tried"].get("connections"))
    if share is None or not 0 < share < 1 or connections is None:
        return None
    chance = (1 - share) ** connections
    if chance <= LIKELY:
        return None
    enough = math.ceil(math.log(LIKELY) / math.log(1 - share))
    return (
        f"{_plain_name(fault)} is on about {share:.0%} of the connections, and startups opened "
        f"{connections} under it: with a chance of {chance:.0%} it was on none of them. "
        f"Launch more startups, until they open {enough} together"
    )


def _plain_name(fault: Mapping[str, Any]) -> str:
    return plain_names(str(fault.get("name")))


def fewer_sessions(facts: Mapping[str, Any]) -> str | None:
    """That startups were ready under a fault with fewer sessions than before, as a clause."""
    launches = facts["exposure"].get("launches") or []
    before, under = _before_and_under(launches)
    fewer = [one for one in under if count_or_none(one.get("fewer_sessions"))]
    had = [
        count for one in before if (count := count_or_none(one.get("sessions_open"))) is not None
    ]
    if not fewer or not had:
        return None
    count = _sum(fewer, "fewer_sessions")
    have = min(count_or_none(one.get("sessions_open")) or 0 for one in fewer)
    return (
        f"{count} of {how_many(_sum(fewer, 'startups'), 'startup')} under {_names(fewer)} "
        f"{were(count)} ready with fewer sessions of the database than before the fault ({have} in "
        f"place of {min(had)}): a connection had broken off, and none was opened in its place. "
        "Where it needs all of them, let its readiness ask for that"
    )


def _before_and_under(launches: _Launches) -> tuple[_Launches, _Launches]:
    """The launches before the first one under a fault, and all under one."""
    before = list(takewhile(lambda one: one.get("faults") == [], launches))
    return before, [one for one in launches if one.get("faults")]


def _on_path(facts: Mapping[str, Any], exposure: Mapping[str, Any]) -> bool:
    """Whether a fault that was measured is on the run's path, or at its end."""
    measured = [fault for fault in facts["faults"] if fault["effect"] is not None]
    return any(_is_on_path(fault, exposure) for fault in measured)


def _is_on_path(fault: Mapping[str, Any], exposure: Mapping[str, Any]) -> bool:
    proxy, parameters = exposure.get("proxy"), fault["parameters"]
    return parameters.get("kind") in (*AT_SERVER, *ON_PATH) or (
        proxy is not None and parameters.get("proxy") == proxy
    )


def _startups(launches: _Launches) -> str:
    return none_of(_sum(launches, "startups"), "startup")


def _names(launches: _Launches) -> str:
    """The faults in place, each once."""
    return ", ".join(
        dict.fromkeys(
            " ".join(str(name).split())  # without the run's own name there may be a gap
            for one in launches
            if isinstance(one.get("faults"), list)
            for name in one["faults"]
        )
    )


def _sum(launches: Iterable[Mapping[str, Any]], key: str) -> int:
    return sum(count_or_none(one.get(key)) or 0 for one in launches)

"""Whether the startups used the path that a fault was on, by what earlier versions counted of it.

Each of the `launches` of `facts["exposure"]` has `startups`; `faults` in place; `sessions` that
were opened in their databases; and `path`: what the proxy counted of them; None: not known.

Under a fault a startup may try and reach nothing, so launches without one tell. Where a fault only
slows the path, `path` was counted under it too, and has to be more than 0.
"""

from collections.abc import Mapping
from typing import Any

from chaosnetra.evidence.journal.values import count_or_none
from chaosnetra.text import none_of

# Faults of the database itself: whoever opens a session there is exposed to them.
AT_SERVER = ("connections held", "catalog locked", "database pressed")
ON_PATH = ("connector",)
TARGET_ENVIRONMENT = (
    "target_environment in the experiment's configuration or CHAOSNETRA_TARGET_ENVIRONMENT"
)
REMEMBERS = (
    "keeps outside the database that it has started once, let it keep that in {state_folder}, "
    "which is new for each start"
)


def not_counted(facts: Mapping[str, Any], exposure: Mapping[str, Any]) -> str | None:
    """Why no startup was exposed to a fault, as a sentence; None: one was, or may have been."""
    launches = [one for one in exposure["launches"] if one.get("faults") == []]
    if not launches:
        return None
    sessions = _sum(one.get("sessions") for one in launches)
    path = _sum(one.get("path") for one in launches)
    startups = _sum(one.get("startups") for one in launches)
    for fault in facts["faults"]:
        if fault["effect"] is None or not startups:
            continue
        used = _used(fault, exposure.get("proxy"), sessions, path)
        if used != 0:
            if unused := _only_before(exposure, fault):
                return unused
            continue
        if sessions:
            # Without the run's own name, which its toxics and proxies begin with.
            name, proxy = str(fault.get("name")), exposure.get("proxy")
            name = name.replace(f"{proxy}/", "").replace(f"{proxy}_", "")
            what = (
                f"{sessions} sessions were opened in the database, and none of them on the path "
                f"of {name}, so the target reaches it "
                "by another address, or they are sessions of others"
            )
        else:
            what = "no session was opened in the database"
            if was_prepared(facts):
                what += f" but by the one start that prepared it. Where the target {REMEMBERS}"
        return (
            f"{none_of(startups, 'startup')} without a fault used the path that the fault is on: "
            f"{what}. The target was given {given(exposure)}; name others, with {{url}}, {{host}} "
            f"and {{port}}, in {TARGET_ENVIRONMENT}"
        )
    return None


def _used(
    fault: Mapping[str, Any], proxy: Any, sessions: int | None, path: int | None
) -> int | None:
    """By how much the startups used what the fault is on; None: not known."""
    parameters = fault["parameters"]
    kind = parameters.get("kind")
    # Who opens no session may still have tried, which the proxy sees.
    if kind in AT_SERVER:
        return path or sessions
    if kind in ON_PATH or (proxy is not None and parameters.get("proxy") == proxy):
        return sessions if path is None else path
    return None


def _only_before(exposure: Mapping[str, Any], fault: Mapping[str, Any]) -> str | None:
    """That all startups under faults which only slow the run's path left it unused."""
    under = [one for one in exposure["launches"] if one.get("faults")]
    if not under or fault["parameters"].get("proxy") != exposure.get("proxy"):
        return None
    if any(count_or_none(one.get("path")) != 0 for one in under):
        return None
    startups = _sum(one.get("startups") for one in under)
    names = dict.fromkeys(str(name) for one in under for name in one["faults"])
    return (
        f"{none_of(startups or 0, 'startup')} under {', '.join(names)} used the path that the "
        f"fault is on, as those without a fault did. Where the target {REMEMBERS}"
    )


def was_prepared(facts: Mapping[str, Any]) -> bool:
    """Whether the one start before the baseline is known to have used the database."""
    prepared = facts["database_state"].get("prepared", {})
    return bool(count_or_none(prepared.get("tables_after")))


def given(exposure: Mapping[str, Any]) -> str:
    """Which variables the target was given the address in."""
    names = exposure.get("variables")
    listed = ", ".join(str(name) for name in names) if isinstance(names, list) else ""
    return f"the address in {listed}" if listed else "the address in no variable"


def _sum(values: Any) -> int | None:
    """Their sum; None where one is not known and the others are 0, so that it may be any."""
    counts = [count_or_none(value) for value in values]
    total = sum(count for count in counts if count is not None)
    return total if total or None not in counts else None

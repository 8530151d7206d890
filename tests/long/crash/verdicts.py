"""Is what a run says of itself true? Told from its events and from what was done to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Check:
    """One check of the steady state."""

    started: datetime
    ended: datetime
    met: bool = False
    startups: list[str] = field(default_factory=list)


def checks(events: list[dict[str, Any]]) -> Iterator[Check]:
    """Checks that came to an end."""
    check: Check | None = None
    for event in events:
        match event["event"]:
            case "hypothesis.started":
                at = datetime.fromisoformat(event["at"])
                check = Check(at, at)
            case "startup.decided" if check is not None:
                check.startups.append(event["status"])
            case "hypothesis.ended" if check is not None:
                check.met = event["met"]
                check.ended = datetime.fromisoformat(event["at"])
                yield check
                check = None


def contradictions(
    section: dict[str, Any],
    events: list[dict[str, Any]],
    returncode: int | None,
    expected: list[list[str]],
    path_lost_at: datetime | None,
    own_lost_at: datetime | None,
    part_lost: tuple[str, datetime] | None = None,
    fault_taken_at: datetime | None = None,
) -> list[str]:
    """Why the verdict cannot be true, or the exit code another one's.

    Args:
        section: the journal's section.
        events: of the run.
        returncode: of the run.
        expected: how startups end in each check of a run that nobody disturbs.
        path_lost_at: when the server of the proxy went away that all startups need.
        own_lost_at: when a server was killed that was started for the run.
        part_lost: a part of the test bed that was taken away, and when.
        fault_taken_at: when a fault was taken away.
    """
    verdict = section.get("verdict")
    found = []
    ended_by_itself = returncode is not None and returncode >= 0
    if ended_by_itself and (returncode == 0) != (verdict == "held"):
        found.append(f"exit code {returncode} with verdict {verdict}")
    if verdict in ("held", "violated"):
        if part_lost is not None and _used_at(events, *part_lost):
            found.append(f"{verdict}, and {part_lost[0]} was lost while it was used")
        if fault_taken_at is not None and _undone_after(events, fault_taken_at):
            found.append(f"{verdict}, and a fault was taken away before its undo")
    if verdict != "held":
        return found
    made = list(checks(events))
    proxied_at = min(
        (
            datetime.fromisoformat(event["at"])
            for event in events
            if event["event"] == "fault.injected" and event["parameters"].get("kind") == "proxy"
        ),
        default=None,
    )
    lost = path_lost_at is not None and proxied_at is not None and path_lost_at > proxied_at
    if len(made) < len(expected):
        found.append(f"held after {len(made)} of {len(expected)} checks")
    # Of an experiment whose startups are to fail, a failed one says nothing.
    all_ready = {status for statuses in expected for status in statuses} == {"ready"}
    for check in made:
        if not check.met:
            found.append("held, and a check was not met")
        if all_ready and set(check.startups) - {"ready"}:
            found.append(f"held with startups that were {check.startups}")
        # That they all fail may be what is to be shown.
        through = not check.startups or "ready" in check.startups
        if lost and path_lost_at and check.started > path_lost_at and through:
            found.append("held with a check through a proxy that was lost before it")
        if own_lost_at is not None and check.ended > own_lost_at:
            found.append("held with a check that a server of the run's own did not live to see")
    undone = {event["name"] for event in events if event["event"] == "fault.undone"}
    for event in events:
        if event["event"] != "fault.injected":
            continue
        if event["effect"] is not None and not event["effect"]["in_effect"]:
            found.append(f"held without an effect of {event['name']}")
        if event["name"] not in undone:
            found.append(f"held, and {event['name']} was not undone")
    return found


def _used_at(events: list[dict[str, Any]], part: str, at: datetime) -> bool:
    """Whether the run had such a part by then, and still had something to try with it."""
    brought = any(
        event["event"] == "stand.part"
        and event["kind"] == part
        and datetime.fromisoformat(event["at"]) < at
        for event in events
    )
    return brought and any(check.ended > at for check in checks(events))


def _undone_after(events: list[dict[str, Any]], at: datetime) -> bool:
    """Whether a fault that was in effect at a time was still to be undone."""
    in_effect: set[str] = set()
    for event in events:
        if datetime.fromisoformat(event["at"]) >= at:
            break
        if event["event"] == "fault.injected" and event["effect"] is not None:
            in_effect.add(event["name"])
        elif event["event"] == "fault.undone":
            in_effect.discard(event["name"])
    return bool(in_effect)

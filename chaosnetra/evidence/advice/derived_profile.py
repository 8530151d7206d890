"""A profile with what was recommended, from the journals that it was recommended from."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.advice.recommending import Advised, Advising
from chaosnetra.evidence.advice.runs import SUFFIX
from chaosnetra.text import one_line


def derived_profile(advising: Advising, name: str, date: str) -> dict[str, Any]:
    """The profile that the runs had, with every recommended change.

    Args:
        advising: of runs with one profile.
        name: of the new profile.
        date: of today, ISO 8601.

    Returns:
        What `chaosnetra.profiles.load_profile` reads.

    Raises:
        InvalidInput: the runs had several profiles, or none that could be read.
    """
    if not advising.profiles:
        raise InvalidInput(
            f"no profile can be written: nothing was learned ({advising.why_nothing})"
        )
    if len(advising.profiles) > 1:
        names = ", ".join(sorted({one_line(one.ran.name) for one in advising.profiles}))
        raise InvalidInput(
            f"the journals are of runs with several profiles ({names}); one can be written only "
            "from those of one profile, as they were at one time"
        )
    (advised,) = advising.profiles
    return _profile(advised, name, date)


def _profile(advised: Advised, name: str, date: str) -> dict[str, Any]:
    ran = advised.ran
    profile: dict[str, Any] = {
        "name": name,
        "date": date,
        "environment": one_line(ran.environment),
        "description": _description(advised),
        "budgets": {f"{budget}{SUFFIX}": seconds for budget, seconds in ran.budgets.items()},
        "pool": copy.deepcopy(dict(ran.pool)),
        "orchestrator": dict(ran.orchestrator),
        "infrastructure": copy.deepcopy(
            {section: dict(figures) for section, figures in ran.infrastructure.items()}
        ),
    }
    _apply(profile, (advice.changes for advice in advised.advice))
    return profile


def _apply(profile: dict[str, Any], changes: Iterable[Mapping[tuple[str, ...], Any]]) -> None:
    """Put every change in its place, in order: a later one rests on those before it."""
    for each in changes:
        for (*sections, key), value in each.items():
            place = profile
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = value


def _description(advised: Advised) -> str:
    journals = ", ".join(one_line(name) for name in advised.journals)
    plural = "run" if advised.runs == 1 else "runs"
    return (
        f"Derived by `chaosnetra recommend` from the journals of {advised.runs} {plural} with "
        f"profile {one_line(advised.ran.name)}: {journals}. Raised budgets hold the largest need "
        "that was seen and a margin; a second run is to confirm them."
    )

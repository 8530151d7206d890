"""A profile with what was recommended, from the journals that it was recommended from.

It is written to a file whole, readable as a profile, and over nothing else.
"""

import copy
import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosnetra.errors import InvalidInput
from chaosnetra.evidence.advice.recommending import Advised, Advising
from chaosnetra.evidence.advice.runs import SUFFIX
from chaosnetra.evidence.journal.jsonsafe import strict
from chaosnetra.profiles import load_profile
from chaosnetra.text import one_line
from chaosnetra.whole_file import partial_path, written_whole

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def profile_path(name: str, directory: Path) -> Path:
    """Where a profile of that name will be.

    Raises:
        InvalidInput: the name is none, the folder is none, or there is a file already.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"a profile's name has letters, digits, ., _ and -, at most 100, got {name[:120]!r}",
            "--write-profile",
        )
    path = directory / f"{name.removesuffix('.json')}.json"
    try:
        if not directory.is_dir():
            raise InvalidInput(f"{directory} is no folder", "--directory")
        if os.path.lexists(path):
            raise InvalidInput(
                f"{path} is there already and was left alone", "--write-profile to another name"
            )
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: {error}", "--directory") from None
    return path


def write_profile(advising: Advising, path: Path) -> None:
    """Write the derived profile, once it has been read back as a profile.

    Args:
        advising: of runs with one profile.
        path: from `profile_path`; the profile's name is its stem.

    Raises:
        InvalidInput: there is nothing to write, what the journals hold makes no profile, or the
            file cannot be written. Nothing is left then.
    """
    profile = derived_profile(advising, path.stem, datetime.now(UTC).date().isoformat())
    if not advising.recommendations:
        raise InvalidInput(f"no profile was written: {advising.why_nothing}")
    if not any(advice.changes for one in advising.profiles for advice in one.advice):
        raise InvalidInput(
            "no profile was written: what is recommended changes none of a profile's figures"
        )
    try:
        with written_whole(path, new=True) as file:
            file.write(f"{json.dumps(strict(profile), indent=2)}\n")
            file.flush()
            _check(partial_path(path), path.stem)
    except FileExistsError:
        raise InvalidInput(f"{path} is there already and was left alone") from None
    except OSError as error:
        raise InvalidInput(f"the profile cannot be written: {error}", "--directory") from None


def _check(written: Path, name: str) -> None:
    try:
        load_profile(str(written.absolute()))
    except InvalidInput as error:
        text = str(error).replace(str(written.resolve()), name)
        raise InvalidInput(f"what the journals hold makes no profile: {text}") from None


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

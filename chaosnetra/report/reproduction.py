"""How to run an experiment again, from its journal alone."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosnetra.evidence.reading import Journal
from chaosnetra.quantities import finite_or_none
from chaosnetra.report.safe_text import one_visible_line

# What the section records, by the setting's variable.
RECORDED = {
    "CHAOSNETRA_ENVIRONMENT": "environment",
    "CHAOSNETRA_TIME_SCALE": "time_scale",
    "CHAOSNETRA_SEED": "seed",
    "CHAOSNETRA_TARGET": "target",
}
MOST_VARIABLES = 60


@dataclass(frozen=True)
class Reproduction:
    """Commands that run the experiment again.

    Attributes:
        commands: lines for a POSIX shell: take the experiment out of the journal, run it.
        variables: names of the other variables of the environment that it reads; what they were
            the journal does not say.
    """

    commands: tuple[str, ...]
    variables: tuple[str, ...]


def reproduction(journal: Journal) -> Reproduction:
    """How to run a journal's experiment again with the settings that the journal records."""
    section = journal.section
    given = {}
    profile = section.get("profile")
    source = profile.get("source") if isinstance(profile, dict) else None
    if (isinstance(source, str) and source) or journal.profile:
        given["CHAOSNETRA_PROFILE"] = source if isinstance(source, str) else str(journal.profile)
    for variable, key in RECORDED.items():
        value = section.get(key)
        number = finite_or_none(value)
        if number is not None:
            given[variable] = f"{number:g}" if number != int(number) else f"{int(number)}"
        elif isinstance(value, str) and value:
            given[variable] = value
    settings = " ".join(
        f"{variable}={shlex.quote(one_visible_line(value, 300))}"
        for variable, value in given.items()
    )
    path = shlex.quote(one_visible_line(journal.path, 300))
    take = (
        "python3 -c 'import json, sys; "
        'json.dump(json.load(open(sys.argv[1]))["experiment"], open("experiment.json", "w"))\' '
        f"{path}"
    )
    run = f"{settings} chaos run experiment.json".strip()
    return Reproduction((take, run), tuple(_variables(journal.data, given)))


def _variables(data: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    configuration = data["experiment"].get("configuration")
    if not isinstance(configuration, dict):
        return []
    names = [
        str(value["key"])
        for value in configuration.values()
        if isinstance(value, dict) and value.get("type") == "env" and "key" in value
    ]
    others = [one_visible_line(name, 100) for name in names if name not in given]
    return others[:MOST_VARIABLES]

"""What a profile means for a service that is not the reference orchestrator."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from chaosnetra.settings import SETTINGS, Settings
from chaosnetra.stand.persistent import find_persistent_stand

# What of a profile an activity takes, whatever it is that starts.
_TAKEN_BY = {
    "limit_connector": "the connector's limits",
    "pool_checkouts_succeed": "the pool that the experiment opens",
    "hold_connections": "the connections of an instance that the experiment holds",
    "connections_succeed": "when a connection is slow, if the experiment does not say",
    "budgets_suffice": "the budgets that the experiment checks",
}


def profile_meaning(
    settings: Settings, experiment: Mapping[str, Any], configuration: Mapping[str, Any]
) -> str:
    """What of it counts, as one line for the log.

    Args:
        settings: of the run; its target is not the reference orchestrator.
        experiment: as it is written.
        configuration: that the settings were read from.
    """
    name = settings.profile.name
    given = []
    if SETTINGS["startup_timeout_seconds"].raw(configuration, os.environ) in ("", None):
        given.append(f"the limit of a startup ({settings.profile.startup_deadline_seconds:g} s)")
    if settings.database is None and find_persistent_stand() is None:
        given.append(f"max_connections of its PostgreSQL ({settings.profile.max_connections})")
    used = set(_functions(experiment))
    given += [text for function, text in _TAKEN_BY.items() if function in used]
    if not given:
        return f"Profile {name}: nothing of it applies to this service"
    return f"Profile {name}: for this service it gives {', '.join(given)}, and nothing else"


def _functions(data: Any) -> Iterator[str]:
    """Names of all functions of ours that an experiment names, also within arguments."""
    if isinstance(data, Mapping):
        if str(data.get("module")).startswith("chaosnetra."):
            yield str(data.get("func"))
        data = list(data.values())
    if isinstance(data, list):
        for value in data:
            yield from _functions(value)

"""The allow-list of a persistent stand, so that a run in staging can be rehearsed against it."""

import json
from collections.abc import Mapping
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.safety.allowlist import VERSION
from chaosnetra.stand.folders import state_folder
from chaosnetra.whole_file import written_whole


def allow_list_path() -> Path:
    """Where `chaosnetra stand up --cloud-run` writes it."""
    return state_folder() / "rehearsal-allow-list.json"


def write_allow_list(names: Mapping[str, str], database: DatabaseAddress) -> None:
    """Allow what the stand itself owns, with the caps by default.

    Args:
        names: of its Cloud Run: see `PersistentStand.cloud_run`.
        database: its database.
    """
    allowed = {
        "version": VERSION,
        "project": names["project"],
        "project_number": names["project_number"],
        "region": names["region"],
        "service": names["service"],
        "job": names.get("job", ""),
        "database_host": database.host,
        "database_name": database.database,
    }
    with written_whole(allow_list_path(), private=True) as file:
        json.dump(allowed, file, indent=2)

"""Staging for tests: an allow-list, and consent as the journal control of a run asks for it."""

import json
from pathlib import Path
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.controls.consent import ask_for_consent
from chaosnetra.running.session import Session, current_session

NAMES = {"project": "staging-123", "project_number": "314159265358", "region": "europe-west1"}


def staging_settings(
    folder: Path, database: DatabaseAddress | None = None, **allowed: str
) -> dict[str, str]:
    """Settings of a run in staging that its owner allows, and that is consented to.

    Args:
        folder: where the allow-list goes.
        database: that may be touched.
        **allowed: what else the allow-list says.
    """
    listed: dict[str, Any] = {"version": 1, **NAMES}
    settings = {"environment": "staging", "consent": "yes"}
    if database is not None:
        listed |= {"database_host": database.host, "database_name": database.database}
        settings["database_url"] = database.url
    path = folder / "allow.json"
    path.write_text(json.dumps({**listed, **allowed}))
    return {**settings, "allow_list": str(path)}


def consented(configuration: dict[str, Any], *steps: dict[str, Any]) -> Session:
    """The session of these settings, with a plan of these steps consented to."""
    session = current_session(configuration)
    ask_for_consent(session, {"title": "a test's", "method": steps}, configuration)
    return session

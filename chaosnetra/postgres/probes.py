"""Probes of PostgreSQL."""

import asyncio

from chaoslib.types import Configuration, Secrets

from chaosnetra.activity import Result, activity
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.postgres.connect import slots
from chaosnetra.quantities import whole_number
from chaosnetra.settings import setting_hint

__all__ = ["free_connection_slots"]

LIMIT_SECONDS = 10.0


def free_connection_slots(
    minimum: int = 1, configuration: Configuration = None, secrets: Secrets = None
) -> Result:
    """Count the connection slots of the database that an ordinary role can still take.

    Asked on the direct path, beside the fault. For abort conditions, and before a run that
    needs many.

    Args:
        minimum: so many must be free, 0 or more.
        configuration: the experiment's settings.
        secrets: not used.

    Returns:
        `held`, `expected`, `observed`; `free`, `max_connections`, `reserved`, `sessions` (None
        when the database does not answer), `error` and `sqlstate`.
    """
    with activity(configuration) as session:
        wanted = whole_number("minimum", minimum, minimum=0, setting=setting_hint("minimum"))
        result: Result = {
            "held": False,
            "expected": f"at least {wanted} free connection slots",
            "observed": "the database does not answer",
            "free": None,
            "max_connections": None,
            "reserved": None,
            "sessions": None,
            "error": None,
            "sqlstate": None,
        }
        try:
            found = asyncio.run(slots(session.database, LIMIT_SECONDS))
        except DatabaseUnavailable as error:
            text = session.redactor.text(str(error))
            return {**result, "error": text, "sqlstate": error.sqlstate}
        return {
            **result,
            "held": found.free >= wanted,
            "observed": f"{found.free} of {found.max_connections} free",
            "free": found.free,
            "max_connections": found.max_connections,
            "reserved": found.reserved,
            "sessions": found.sessions,
        }

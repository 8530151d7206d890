"""Finds the password for an address that was written down without one.

Undos name a database but hold no secret. Within the run that wrote them the password is
remembered here; another process takes it from `CHAOSNETRA_DATABASE_URL`.
"""

import os
from dataclasses import replace

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import UndoFailed, changed_by

_remembered: dict[tuple[str, int, str], str] = {}


def remember(address: DatabaseAddress) -> None:
    """Keep the address's password for this process."""
    _remembered[(address.host, address.port, address.user)] = address.password


def with_password(shown: str) -> DatabaseAddress:
    """The full address for one that was written with `DatabaseAddress.shown`.

    Raises:
        UndoFailed: no password is known for it.
    """
    address = DatabaseAddress.parse(shown)
    key = (address.host, address.port, address.user)
    if key in _remembered:
        return replace(address, password=_remembered[key])
    url = os.environ.get("CHAOSNETRA_DATABASE_URL", "")
    if url:
        with changed_by("CHAOSNETRA_DATABASE_URL"):
            given = DatabaseAddress.parse(url)
        if (given.host, given.port, given.user) == key:
            return replace(address, password=given.password)
    raise UndoFailed(
        f"no password is known for {shown}; set CHAOSNETRA_DATABASE_URL to its URL and try again"
    )

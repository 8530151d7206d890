"""Who holds connections in a test."""

import os

import psutil

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres import sessions
from chaosnetra.postgres.holders import Amount, ConnectionsHeld

# Of this process alone: tests of another may hold sessions at the same time.
NAME = f"chaosnetra_test_held_{os.getpid()}"


def held(
    address: DatabaseAddress, by: str, amount: float, through: DatabaseAddress | None = None
) -> ConnectionsHeld:
    return ConnectionsHeld(address, NAME, through or address, Amount.parse(by, amount))


def processes() -> list[int]:
    """Those that keep sessions of this test, supervisors not counted."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[1:] == [*sessions.PROGRAM, NAME]
    ]

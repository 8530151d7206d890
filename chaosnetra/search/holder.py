"""Holds the parts for the trials of one search: `python -m chaosnetra.search.holder FOLDER`.

It is asked to end when the search has ended or is gone, however it went. The parts stay until the
trial that was running has undone what it injected, which it does by itself then.
"""

import asyncio
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.errors import ChaosnetraError
from chaosnetra.processes.signals import noted
from chaosnetra.stand.part import write_private
from chaosnetra.stand.persistent import stand_up

STAND = "stand.json"
# What a trial that is interrupted may take to undo everything.
UNUSED_SECONDS = 60.0
# With what stopping the parts takes; then whoever holds them is killed, and they with it.
GRACE_SECONDS = UNUSED_SECONDS + 20.0
POLL_SECONDS = 0.1
QUERY_SECONDS = 5.0
# Each run has a database of its own on a stand that is kept.
_OF_RUNS = r"SELECT count(*) FROM pg_database WHERE datname LIKE 'chaosnetra\_%'"


def main(folder: Path) -> None:
    """Bring the parts up, say where they are, and hold them until asked to end."""
    stops = noted()
    with stand_up() as (stand, parts):
        write_private(folder / STAND, asdict(stand))
        while not stops and not any(part.process.exited for part in parts):
            time.sleep(POLL_SECONDS)
        deadline = Deadline.after(UNUSED_SECONDS)
        admin = DatabaseAddress.parse(stand.admin_url)
        while _runs(admin) and not deadline.passed:
            time.sleep(POLL_SECONDS)


def _runs(admin: DatabaseAddress) -> int:
    """How many runs have something here; 0 where the server has ended."""
    with suppress(Exception):
        return asyncio.run(_count(admin))
    return 0


async def _count(admin: DatabaseAddress) -> int:
    import asyncpg

    connection = await asyncpg.connect(admin.url, timeout=QUERY_SECONDS)
    try:
        return int(await connection.fetchval(_OF_RUNS, timeout=QUERY_SECONDS))
    finally:
        await connection.close(timeout=QUERY_SECONDS)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except ChaosnetraError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)

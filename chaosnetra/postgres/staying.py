"""Sessions that stay: a program of its own, so that they end with it, however we end.

Run as `python -P -m chaosnetra.postgres.staying NAME`, where NAME is what its sessions
are called at the server (`application_name`), by which it can be found too. The variable
`CHAOSNETRA_SESSIONS` holds a JSON object:

    url              the database, password included: a command line would show it
    count            sessions to open
    limit_seconds    how long opening one may take
    setup            SQL to run in each once it is open
    work             SQL to run in each over and over; null: it stays idle

It prints one line: `{"opened": …}`, or `{"opened": …, "error": …, "sqlstate": …}` and ends. It
also ends when it has no session left.
"""

import asyncio
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.durations import Deadline
from chaosnetra.postgres.attempts import failure_of
from chaosnetra.postgres.dialing import Dial, dialing

if TYPE_CHECKING:
    import asyncpg

VARIABLE = "CHAOSNETRA_SESSIONS"
AT_ONCE = 10
TOO_MANY_CONNECTIONS = "53300"
# A slot is free only some time after its session was closed: that of whoever counted, too.
FULL_SECONDS = 2.0
FULL_POLL_SECONDS = 0.05


class Opening:
    """Opens the sessions, a few at once."""

    def __init__(self, name: str, order: dict[str, Any], dial: Dial) -> None:
        self._dial = dial
        self._name = name
        self._order = order
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.opened: list[asyncpg.Connection[Any]] = []

    async def all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._order["count"]):
                group.create_task(self._one())

    async def _one(self) -> None:
        async with self._turn:
            full = Deadline.after(FULL_SECONDS)
            while True:
                try:
                    await self._open()
                except Exception as error:
                    state = getattr(error, "sqlstate", None)
                    if state != TOO_MANY_CONNECTIONS or full.passed:
                        raise
                    await asyncio.sleep(FULL_POLL_SECONDS)
                else:
                    return

    async def _open(self) -> None:
        async with asyncio.timeout(self._order["limit_seconds"]):
            session = await self._dial(
                timeout=None,
                statement_cache_size=0,
                server_settings={"application_name": self._name},
            )
            self.opened.append(session)
            for statement in self._order["setup"]:
                await session.execute(statement)


async def keep(session: "asyncpg.Connection[Any]", work: str | None) -> None:
    """Until the session ends."""
    ended = asyncio.Event()
    session.add_termination_listener(lambda _: ended.set())
    if work is None:
        if not session.is_closed():
            await ended.wait()
        return
    with contextlib.suppress(Exception):  # it was ended; so be it
        while not session.is_closed():
            await session.execute(work)


async def run(name: str, order: dict[str, Any]) -> int:
    async with dialing(DatabaseAddress.parse(order["url"])) as dial:
        return await open_and_keep(name, order, dial)


async def open_and_keep(name: str, order: dict[str, Any], dial: Dial) -> int:
    opening = Opening(name, order, dial)
    report: dict[str, Any] = {}
    try:
        await opening.all()
    except* Exception as group:  # noqa: BLE001 - whoever ordered the sessions gets it
        failure = failure_of(group.exceptions[0], order["limit_seconds"])
        report = {"error": failure.error, "sqlstate": failure.sqlstate}
    print(json.dumps({"opened": len(opening.opened), **report}), flush=True)  # noqa: T201
    if report:
        return 1
    await asyncio.gather(*(keep(session, order["work"]) for session in opening.opened))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], json.loads(os.environ.pop(VARIABLE)))))

"""More checkouts than a pool has connections: a real SQLAlchemy pool with a profile's settings."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.attempts import Attempt, AttemptOutcome, failure_of
from chaosnetra.postgres.dialing import Dial, dialing
from chaosnetra.postgres.storm import CLOSE_SECONDS, Progress, check_open_files, gather_attempts
from chaosnetra.profiles import PoolSettings

if TYPE_CHECKING:
    import asyncpg
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

# Queries that take longer than this hang.
LONGEST_WORK_SECONDS = 600.0


@dataclass(frozen=True)
class PoolPlan:
    """What to do with a pool; times in real seconds.

    Attributes:
        pool: its settings, their times in real seconds too.
        connect_timeout_seconds: limit of one connection attempt of the driver.
        extra: checkouts beyond what the pool can have open.
        queries: what each asks after its first query, one after the other.
        hold_seconds: how long each keeps its connection after that.
    """

    pool: PoolSettings
    connect_timeout_seconds: float
    extra: int
    queries: int
    hold_seconds: float

    @property
    def checkouts(self) -> int:
        return self.pool.connections + self.extra

    @property
    def limit_seconds(self) -> float:
        """A checkout that has neither succeeded nor failed by then hangs.

        The pool bounds the wait for a free connection, and the driver that for a new one.
        """
        return self.pool.timeout_seconds + self.connect_timeout_seconds


async def run_checkouts(
    address: DatabaseAddress,
    plan: PoolPlan,
    application_name: str,
    interrupted: Callable[[], bool] = lambda: False,
    progress: Progress = lambda attempt: None,
) -> list[Attempt]:
    """Take all connections of a pool and some more, all at once.

    A checkout that was answered later than the pool's timeout is slow.

    Args:
        address: the database, by the path to be tried.
        plan: the pool and what to do with it.
        application_name: what the sessions are called at the server.
        interrupted: asked often; once true, everything is given up.
        progress: called with each checkout once its connection is back in the pool.

    Returns:
        The checkouts as attempts: connecting is waiting for the pool.

    Raises:
        InvalidInput: this process may not open so many files.
        Interrupted: `interrupted` became true.
    """
    check_open_files(plan.pool.connections)
    connections: list[asyncpg.Connection[Any]] = []
    async with dialing(address) as dial:
        engine = _engine(dial, plan, application_name, connections)
        started = asyncio.get_running_loop().time()
        try:
            return await gather_attempts(
                [_checkout(engine, plan, each, started) for each in range(1, plan.checkouts + 1)],
                interrupted,
                progress,
            )
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await engine.dispose()
            for connection in connections:  # on a path with a fault a polite close may not end
                connection.terminate()


def _engine(
    dial: Dial,
    plan: PoolPlan,
    application_name: str,
    connections: "list[asyncpg.Connection[Any]]",
) -> "AsyncEngine":
    from sqlalchemy.ext.asyncio import create_async_engine

    async def connect() -> "asyncpg.Connection[Any]":
        async with asyncio.timeout(plan.connect_timeout_seconds):
            connection: asyncpg.Connection[Any] = await dial(
                timeout=None, server_settings={"application_name": application_name}
            )
        connections.append(connection)
        return connection

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        **plan.pool.engine_options(),
    )


async def _checkout(engine: "AsyncEngine", plan: PoolPlan, number: int, started: float) -> Attempt:
    from sqlalchemy import text
    from sqlalchemy.exc import TimeoutError as PoolTimeout

    clock = asyncio.get_running_loop().time
    lag = clock() - started
    taken: AsyncConnection | None = None
    connected: float | None = None
    try:
        async with asyncio.timeout_at(started + plan.limit_seconds):
            taken = await engine.connect()
            connected = clock() - started
            await taken.execute(text("SELECT 1"))
        answered = clock() - started
        async with asyncio.timeout(LONGEST_WORK_SECONDS):
            for _ in range(plan.queries):
                await taken.execute(text("SELECT 1"))
        await asyncio.sleep(plan.hold_seconds)
        worked = clock() - started
    except Exception as error:  # noqa: BLE001 - whatever the pool raises is how it ended
        waited = min(clock() - started, plan.limit_seconds)
        failure = failure_of(error, waited)
        if isinstance(error, PoolTimeout):
            failure = replace(failure, outcome=AttemptOutcome.POOL_TIMEOUT)
        return Attempt(
            number, 0.0, lag, seconds=waited, connect_seconds=connected, **asdict(failure)
        )
    finally:
        await _give_back(taken)
    return Attempt(
        number,
        0.0,
        lag,
        AttemptOutcome.SLOW if answered > plan.pool.timeout_seconds else AttemptOutcome.OK,
        answered,
        connected,
        answered - connected,
        work_seconds=worked - answered,
    )


async def _give_back(taken: "AsyncConnection | None") -> None:
    """Return a connection to the pool; one that cannot be reset is not worth waiting for."""
    if taken is None:
        return
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await taken.close()

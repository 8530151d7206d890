"""Measures the path to PostgreSQL, through a proxy and beside it."""

import asyncio
import secrets
import struct
import time
from dataclasses import dataclass
from typing import Any

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.errors import DatabaseUnavailable
from chaosnetra.first_answers import SSL_REQUEST, first_answers
from chaosnetra.paths import FirstAnswer, FirstAnswerTiming, added_by_rank
from chaosnetra.postgres.connect import connection
from chaosnetra.streams import open_stream

CLOSE_POLL_SECONDS = 0.01
ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class PostgresPath:
    """A `chaosnetra.paths.DatabasePath` to one database.

    Attributes:
        direct: the database itself.
        proxied: the same database as the system under experiment reaches it.
    """

    direct: DatabaseAddress
    proxied: DatabaseAddress

    def added_round_trips(self, samples: int, timeout_seconds: float) -> list[float]:
        return asyncio.run(self._added(samples, timeout_seconds))

    def first_answers(
        self, connections: int, timeout_seconds: float, *, direct: bool = False
    ) -> list[FirstAnswerTiming]:
        address = self.direct if direct else self.proxied
        return first_answers(address.place, SSL_REQUEST, connections, timeout_seconds)

    def transfer_seconds(
        self, size_bytes: int, direction: str, timeout_seconds: float, *, direct: bool = False
    ) -> float:
        address = self.direct if direct else self.proxied
        return asyncio.run(_transfer(address, size_bytes, direction, timeout_seconds))

    def close_seconds(self, direction: str, timeout_seconds: float) -> float:
        closing = self._close_downstream if direction == "downstream" else self._close_upstream
        return asyncio.run(closing(timeout_seconds))

    async def _added(self, samples: int, timeout_seconds: float) -> list[float]:
        async with (
            connection(self.direct, timeout_seconds) as direct,
            connection(self.proxied, timeout_seconds) as proxied,
        ):
            times: tuple[list[float], list[float]] = ([], [])
            # In turn, so that what else the machine does meanwhile meets both. Prepared once: every
            # later one is one round trip.
            for number in range(samples + 1):
                for opened, seconds in zip((direct, proxied), times, strict=True):
                    started = time.perf_counter()
                    await opened.fetchval("SELECT 1")
                    if number:
                        seconds.append(time.perf_counter() - started)
        return added_by_rank(*times)

    async def _close_downstream(self, timeout_seconds: float) -> float:
        reader, writer = await _open(self.proxied, timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                writer.write(SSL_REQUEST)
                await reader.readexactly(1)
                # Not a valid start-up packet: the server hangs up on it.
                started = time.perf_counter()
                writer.write(struct.pack("!ii", 8, 0))
                while await reader.read(1024):
                    pass
                return time.perf_counter() - started
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            raise DatabaseUnavailable(f"no clean close was seen: {error!r}") from error
        finally:
            writer.transport.abort()

    async def _close_upstream(self, timeout_seconds: float) -> float:
        name = f"chaosnetra-close-{secrets.token_hex(6)}"
        async with connection(self.direct, timeout_seconds) as watcher:
            async with connection(self.proxied, timeout_seconds, application_name=name) as opened:
                # Closed without the protocol's goodbye, which the server would act upon at once
                # (asyncpg's `terminate` says it).
                driver: Any = opened
                driver._transport.abort()
                started = time.perf_counter()
            async with asyncio.timeout(timeout_seconds):
                while await watcher.fetchval(  # noqa: ASYNC110 - the server has no event to wait for
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name
                ):
                    await asyncio.sleep(CLOSE_POLL_SECONDS)
            return time.perf_counter() - started


def answers(address: DatabaseAddress) -> str | None:
    """Why a server does not answer its first byte; None: it does.

    No session of it is used, so that it works even on a server that is full.
    """
    [timing] = first_answers(address.place, SSL_REQUEST, 1, ANSWER_SECONDS)
    if timing.answer is FirstAnswer.ANSWERED:
        return None
    return f"a new connection to it was {timing.answer.value} after {timing.seconds:.1f} s"


async def _transfer(
    address: DatabaseAddress, size_bytes: int, direction: str, timeout_seconds: float
) -> float:
    async with connection(address, timeout_seconds) as opened:
        started = time.perf_counter()
        if direction == "downstream":
            await opened.fetchval("SELECT repeat('x', $1::int)", size_bytes)
        else:
            await opened.fetchval("SELECT length($1::text)", "x" * size_bytes)
        return time.perf_counter() - started


async def _open(
    address: DatabaseAddress, timeout_seconds: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        async with asyncio.timeout(timeout_seconds):
            return await open_stream(address.place)
    except (TimeoutError, OSError) as error:
        raise DatabaseUnavailable(
            f"cannot connect to {address.network_address}: {error}"
        ) from error

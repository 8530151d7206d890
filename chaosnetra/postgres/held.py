"""One connection to a server that is held for a run: it needs no slot while the server is full."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.postgres.connect import APPLICATION_NAME, connection, unavailable

if TYPE_CHECKING:
    import asyncpg

Result = TypeVar("Result")
# Databases are made and dropped by a session in none of them.
MAINTENANCE = "postgres"
_held: "dict[str, HeldConnection]" = {}


class HeldConnection:
    """A connection that stays open between uses; opened again when the server ended it.

    Args:
        address: the server; the connection is to its maintenance database.
        limit_seconds: for opening it, and for each statement.
    """

    def __init__(self, address: DatabaseAddress, limit_seconds: float) -> None:
        self._address = address.named(MAINTENANCE)
        self._limit_seconds = limit_seconds
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._stack: AbstractAsyncContextManager[asyncpg.Connection[Any]] | None = None
        self._opened: asyncpg.Connection[Any] | None = None

    def use(
        self, name: str, work: "Callable[[asyncpg.Connection[Any]], Awaitable[Result]]"
    ) -> Result:
        """Do something by the connection, which is called `name` meanwhile.

        Raises:
            DatabaseUnavailable: it cannot be opened, or broke.
        """
        with self._lock:
            return self._loop.run_until_complete(self._use(name, work))

    def close(self) -> None:
        """End the connection, if it is open."""
        _held.pop(_key(self._address), None)
        with self._lock:
            if not self._loop.is_closed():
                self._loop.run_until_complete(self._leave())
                self._loop.close()

    async def _use(
        self, name: str, work: "Callable[[asyncpg.Connection[Any]], Awaitable[Result]]"
    ) -> Result:
        import asyncpg

        opened = await self._living()
        try:
            await opened.execute("SELECT set_config('application_name', $1, false)", name)
            result = await work(opened)
            await opened.execute(
                "SELECT set_config('application_name', $1, false)", APPLICATION_NAME
            )
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable(self._address, error) from error
        return result

    async def _living(self) -> "asyncpg.Connection[Any]":
        if self._opened is not None:
            try:
                await self._opened.fetchval("SELECT 1")
            except Exception:  # noqa: BLE001 - whatever it was, a new one is opened
                await self._leave()
            else:
                return self._opened
        self._stack = connection(self._address, self._limit_seconds)
        self._opened = await self._stack.__aenter__()
        return self._opened

    async def _leave(self) -> None:
        stack, self._stack, self._opened = self._stack, None, None
        if stack is not None:
            await stack.__aexit__(None, None, None)


def hold_connection(address: DatabaseAddress, limit_seconds: float = 30.0) -> HeldConnection:
    """A connection to a server that whoever makes or drops a database in this process uses.

    Raises:
        DatabaseUnavailable: it cannot be opened.
    """
    held = HeldConnection(address, limit_seconds)
    try:
        held.use(APPLICATION_NAME, _nothing)
    except BaseException:
        held.close()
        raise
    _held[_key(address)] = held
    return held


def maintain(
    address: DatabaseAddress,
    name: str,
    work: "Callable[[asyncpg.Connection[Any]], Awaitable[Result]]",
    limit_seconds: float,
) -> Result:
    """Do something in the server's maintenance database: by the held connection, or a new one.

    Args:
        address: any database of the server.
        name: the session's application_name meanwhile.
        work: what to do.
        limit_seconds: for opening a new one, and for each of its statements.

    Raises:
        DatabaseUnavailable: it cannot be opened, or broke.
    """
    held = _held.get(_key(address))
    if held is not None:
        return held.use(name, work)

    async def by_new() -> Result:
        async with connection(address.named(MAINTENANCE), limit_seconds, name) as opened:
            return await work(opened)

    return asyncio.run(by_new())


def _key(address: DatabaseAddress) -> str:
    return f"{address.user}@{address.network_address}"


async def _nothing(opened: "asyncpg.Connection[Any]") -> None:
    """Opening it is all."""

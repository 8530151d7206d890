"""How a session is opened: by host and port, by a Unix socket, or by the Cloud SQL connector."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from chaosnetra.addresses import DatabaseAddress

# Takes what `asyncpg.connect` takes besides the address, `timeout` among it.
Dial = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def dialing(address: DatabaseAddress) -> AsyncIterator[Dial]:
    """What opens sessions of a database, for as long as the block lasts.

    The connector belongs to the event loop that made it, and keeps certificates: one for many
    sessions asks the Admin API once.

    Raises:
        CloudSqlUnavailable: the connector cannot be had.
    """
    if not address.cloud_sql_instance:
        yield _dial(address)
        return
    from chaosnetra.postgres.cloudsql import connector_dialing

    async with connector_dialing(address) as dial:
        yield dial


def _dial(address: DatabaseAddress) -> Dial:
    async def dial(*, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109 - asyncpg's name
        import asyncpg

        given = (timeout, address.connect_timeout_seconds)
        options["timeout"] = min((limit for limit in given if limit is not None), default=None)
        return await asyncpg.connect(address.driver_url, **options)

    return dial

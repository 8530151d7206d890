"""How a session is opened: by host and port, or by the Cloud SQL connector."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
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
        import asyncpg

        yield partial(asyncpg.connect, address.url)
        return
    from chaosnetra.postgres.cloudsql import connector_dialing

    async with connector_dialing(address) as dial:
        yield dial

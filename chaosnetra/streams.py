"""Opens a stream to a place: host and port, or a Unix socket."""

import asyncio

from chaosnetra.addresses import Place


async def open_stream(place: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect; the caller sets the time limit.

    Raises:
        OSError: nobody can be connected to there.
    """
    if isinstance(place, str):
        return await asyncio.open_unix_connection(place)
    return await asyncio.open_connection(*place)

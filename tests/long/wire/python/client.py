"""A startup by a Python driver: what it does is said in tests/long/wire_clients.py.

python client.py DRIVER
"""

import asyncio
import contextlib
import io
import os
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

NAMES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
PLACE: dict[str, Any] = {key: os.environ[name] for key, name in NAMES.items()}
DATABASE = os.environ["PGDATABASE"]
MODE: Any = os.environ["PGSSLMODE"]
SIZE = int(os.environ["COPY_BYTES"])
LINE = b"x" * 999 + b"\n"
CANCEL_AFTER_SECONDS = 0.5


async def copied_and_cancelled(opened: Any) -> None:
    import asyncpg

    async def lines() -> AsyncIterator[bytes]:
        for _ in range(SIZE // len(LINE)):
            yield LINE

    taken = 0

    async def take(data: bytes) -> None:
        nonlocal taken
        taken += len(data)

    await opened.execute("CREATE TEMP TABLE lines (line text)")
    await opened.copy_to_table("lines", source=lines())
    await opened.copy_from_table("lines", output=take)
    assert taken == SIZE
    try:
        await opened.execute("SELECT pg_sleep(60)", timeout=CANCEL_AFTER_SECONDS)
    except TimeoutError:
        pass
    else:
        raise AssertionError("it was not cancelled")
    assert isinstance(opened, asyncpg.Connection)


async def by_asyncpg() -> None:
    import asyncpg

    opened = await asyncpg.connect(**PLACE, database=DATABASE, ssl=MODE)
    kept = await opened.prepare("SELECT $1::int")
    for number in range(3):
        await opened.fetchval(f"SELECT $1::int + {number}", number)
        await kept.fetchval(number)
    await opened.executemany("SELECT $1::int", [(number,) for number in range(20)])  # pipelined
    await copied_and_cancelled(opened)
    await opened.close()


async def by_sqlalchemy() -> None:
    from sqlalchemy import URL, text
    from sqlalchemy.ext.asyncio import create_async_engine

    url = URL.create(
        "postgresql+asyncpg",
        username=PLACE["user"],
        password=PLACE["password"],
        host=PLACE["host"],
        port=int(PLACE["port"]),
        database=DATABASE,
    )
    engine = create_async_engine(url, connect_args={"ssl": MODE})
    async with engine.connect() as opened:
        for number in range(3):
            await opened.execute(text(f"SELECT CAST(:n AS int) + {number}"), {"n": number})
            await opened.execute(text("SELECT CAST(:n AS int)"), {"n": number})
        await opened.commit()
        raw = await opened.get_raw_connection()
        await copied_and_cancelled(raw.driver_connection)
    await engine.dispose()


def by_psycopg() -> None:
    import psycopg

    opened = psycopg.connect(**PLACE, dbname=DATABASE, sslmode=MODE, autocommit=True)
    for number in range(3):
        opened.execute(f"SELECT %s::int + {number}", [number])
        opened.execute("SELECT %s::int", [number], prepare=True)
    with opened.pipeline():
        for number in range(20):
            opened.execute("SELECT %s::int", [number])
    opened.execute("CREATE TEMP TABLE lines (line text)")
    with opened.cursor().copy("COPY lines FROM STDIN") as copy:
        for _ in range(SIZE // len(LINE)):
            copy.write(LINE)
    with opened.cursor().copy("COPY lines TO STDOUT") as copy:
        assert sum(len(data) for data in copy) == SIZE

    def cancel() -> None:
        # In TLS the server's end may come without a farewell; the query tells whether it was done.
        with contextlib.suppress(psycopg.OperationalError):
            opened.cancel_safe()

    timer = threading.Timer(CANCEL_AFTER_SECONDS, cancel)
    timer.start()
    try:
        opened.execute("SELECT pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        timer.join()
    else:
        raise AssertionError("it was not cancelled")
    opened.close()


class Lines(io.RawIOBase):
    """So many lines to be read; counts what is written."""

    def __init__(self) -> None:
        self.left, self.written = SIZE, 0

    def read(self, size: int = -1) -> bytes:
        size = min(size - size % len(LINE) or len(LINE), self.left)
        self.left -= size
        return LINE * (size // len(LINE))

    def write(self, data: Any) -> int:
        self.written += len(data)
        return len(data)


def by_psycopg2() -> None:
    import psycopg2  # type: ignore[import-untyped]

    opened = psycopg2.connect(**PLACE, dbname=DATABASE, sslmode=MODE)
    opened.autocommit = True
    lines = Lines()
    with opened.cursor() as cursor:
        cursor.execute("PREPARE kept AS SELECT $1::int")
        for number in range(3):
            cursor.execute("SELECT %s", [number])
            cursor.execute("EXECUTE kept(%s)", [number])
        cursor.execute("CREATE TEMP TABLE lines (line text)")
        cursor.copy_expert("COPY lines FROM STDIN", lines)
        cursor.copy_expert("COPY lines TO STDOUT", lines)
        assert lines.written == SIZE
        timer = threading.Timer(CANCEL_AFTER_SECONDS, opened.cancel)
        timer.start()
        try:
            cursor.execute("SELECT pg_sleep(60)")
        except psycopg2.errors.QueryCanceled:
            timer.join()
        else:
            raise AssertionError("it was not cancelled")
    opened.close()


def main() -> None:
    work = {
        "asyncpg": lambda: asyncio.run(by_asyncpg()),
        "sqlalchemy": lambda: asyncio.run(by_sqlalchemy()),
        "psycopg": by_psycopg,
        "psycopg2": by_psycopg2,
    }
    work[sys.argv[1]]()


main()

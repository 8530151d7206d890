"""A startup by a Python driver: what it does is said in tests/long/wire_prediction.py.

python startup.py DRIVER VARIANT
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

HOST, PORT = os.environ["PGHOST"], os.environ["PGPORT"]
USER, PASSWORD = os.environ["PGUSER"], os.environ["PGPASSWORD"]
DATABASE = os.environ["PGDATABASE"]
TASKS, CONNECTIONS = 12, 4


async def by_asyncpg(variant: str) -> None:
    import asyncpg

    url = f"postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{DATABASE}"
    if variant == "sequential":
        first = await asyncpg.connect(url)
        for number in range(6):
            await first.fetchval(f"SELECT $1::int + {number}", number)
        kept = await first.prepare("SELECT $1::int")
        for number in range(6):
            await kept.fetchval(number)
        async with first.transaction():
            for number in range(3):
                await first.execute(f"SELECT {number}")
        second = await asyncpg.connect(url)
        for _ in range(3):
            await second.fetchval("SELECT 1")
            await first.fetchval("SELECT 2")
        await second.close()
        await first.close()
        return
    least = CONNECTIONS if variant == "warm" else 1
    async with asyncpg.create_pool(url, min_size=least, max_size=CONNECTIONS) as pool:

        async def transaction(_number: int) -> None:
            async with pool.acquire() as one, one.transaction():
                for _ in range(3):
                    await one.fetchval("SELECT 1")

        async def autocommit(_number: int) -> None:
            await pool.fetchval("SELECT 1")
            await pool.fetchval("SELECT 2")

        await parallel(variant, transaction, autocommit)


async def by_sqlalchemy(variant: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    url = f"postgresql+asyncpg://{USER}:{PASSWORD}@{HOST}:{PORT}/{DATABASE}"
    level = "AUTOCOMMIT" if variant == "autocommit" else "READ COMMITTED"
    engine = create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0, isolation_level=level)
    if variant == "sequential":
        async with engine.connect() as first:
            for number in range(12):
                await first.execute(text(f"SELECT :n + {number % 6}"), {"n": number})
            await first.commit()
            async with engine.connect() as second:
                for _ in range(3):
                    await second.execute(text("SELECT 1"))
                    await first.execute(text("SELECT 2"))
    else:
        # Its pool opens connections as they are asked for.
        opened = await asyncio.gather(*(engine.connect() for _ in range(CONNECTIONS)))
        for one in opened:
            await one.close()

        async def transaction(_number: int) -> None:
            async with engine.begin() as one:
                for _ in range(3):
                    await one.execute(text("SELECT 1"))

        async def autocommit(_number: int) -> None:
            async with engine.connect() as one:
                await one.execute(text("SELECT 1"))
                await one.execute(text("SELECT 2"))

        await parallel(variant, transaction, autocommit)
    await engine.dispose()


async def parallel(
    variant: str,
    transaction: Callable[[int], Awaitable[None]],
    autocommit: Callable[[int], Awaitable[None]],
) -> None:
    if variant == "warm":
        for number in range(4):
            await transaction(number)
        return
    task = transaction if variant == "transactions" else autocommit
    await asyncio.gather(*(task(number) for number in range(TASKS)))


def by_libpq(connect: Callable[..., Any], variant: str) -> None:
    """psycopg and psycopg2: one connection of each thread's own."""

    def opened() -> Any:
        return connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE)

    def asks(connection: Any, times: int) -> None:
        with connection.cursor() as cursor:
            for number in range(times):
                cursor.execute("SELECT %s + 1", (number,))
                cursor.fetchall()

    if variant == "sequential":
        first = opened()
        asks(first, 12)  # psycopg prepares it after the fifth
        first.commit()
        second = opened()
        second.autocommit = True
        for _ in range(3):
            asks(second, 1)
            asks(first, 1)
        first.rollback()
        second.close()
        first.close()
        return

    def task(connection: Any) -> None:
        connection.autocommit = variant == "autocommit"
        for _ in range(TASKS // CONNECTIONS):
            asks(connection, 3)
            if not connection.autocommit:
                connection.commit()

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        connections = list(threads.map(lambda _number: opened(), range(CONNECTIONS)))
        if variant == "warm":
            for one in connections:
                task(one)
        else:
            list(threads.map(task, connections))
    for one in connections:
        one.close()


def main() -> None:
    driver, variant = sys.argv[1:]
    if driver == "asyncpg":
        asyncio.run(by_asyncpg(variant))
    elif driver == "sqlalchemy":
        asyncio.run(by_sqlalchemy(variant))
    elif driver == "psycopg":
        import psycopg

        by_libpq(psycopg.connect, variant)
    else:
        import psycopg2  # type: ignore[import-untyped]

        by_libpq(psycopg2.connect, variant)


main()

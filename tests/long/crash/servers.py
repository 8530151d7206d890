"""The servers that runs use, and what a run left on them."""

import asyncio
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress
from chaosnetra.toxiproxy.client import ToxiproxyClient
from tests.long.crash.run import MARK

# What runs differ in besides the experiment: which parts they use, and how.
VARIANTS: dict[str, dict[str, str]] = {
    "configured parts": {},
    "configured parts, fresh databases": {"CHAOSNETRA_DATABASE_STATE": "fresh"},
    "own stand": {},
    "own PostgreSQL, configured Toxiproxy": {},
}


@dataclass(frozen=True)
class Servers:
    """Real parts that outlive the runs."""

    database: DatabaseAddress
    admin: DatabaseAddress
    toxiproxy_url: str

    def environment(self, variant: str) -> dict[str, str]:
        given = dict(VARIANTS[variant])
        if variant.startswith("configured"):
            given["CHAOSNETRA_DATABASE_URL"] = self.database.url
        if variant != "own stand":
            given["CHAOSNETRA_TOXIPROXY_URL"] = self.toxiproxy_url
        return given

    def left(self) -> list[str]:
        """What bears a run's name, or belongs to one, on these servers."""
        return toxiproxy_left(ToxiproxyClient(self.toxiproxy_url)) + postgres_left(
            self.admin, self.database
        )

    def sweep(self) -> None:
        """Remove what a run left, so that the next is not blamed for it."""
        client = ToxiproxyClient(self.toxiproxy_url)
        for name in client.proxies():
            if name.startswith(MARK):
                client.delete_proxy(name)
        asyncio.run(_sweep(self.admin, self.database))


def toxiproxy_left(client: ToxiproxyClient) -> list[str]:
    found = []
    for proxy in client.proxies().values():
        if proxy.name.startswith(MARK):
            found.append(f"proxy {proxy.name}")
        found += [
            f"toxic {toxic.name} on proxy {proxy.name}"
            for toxic in proxy.toxics
            if toxic.name.startswith(MARK) or proxy.name.startswith(MARK)
        ]
    return found


def postgres_left(admin: DatabaseAddress, database: DatabaseAddress) -> list[str]:
    """Databases, schemas and roles named for a run, and sessions of the role that runs use."""
    return asyncio.run(_postgres_left(admin, database))


async def _postgres_left(admin: DatabaseAddress, database: DatabaseAddress) -> list[str]:
    import asyncpg

    found = []
    queries = {
        "database": "SELECT datname FROM pg_database WHERE datname LIKE $1",
        "role": "SELECT rolname FROM pg_roles WHERE rolname LIKE $1",
        "schema": "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1",
    }
    connection = await asyncpg.connect(admin.named(database.database).url, timeout=10)
    try:
        for kind, query in queries.items():
            rows = await connection.fetch(query, f"{MARK}%", timeout=10)
            found += [f"{kind} {row[0]}" for row in rows]
        sessions = await connection.fetch(
            "SELECT usename, datname, application_name, state, query FROM pg_stat_activity "
            "WHERE usename = $1 OR datname LIKE $2 OR application_name LIKE $2",
            database.user,
            f"{MARK}%",
            timeout=10,
        )
        found += [f"session {tuple(row)}" for row in sessions]
    finally:
        await connection.close()
    return found


async def _sweep(admin: DatabaseAddress, database: DatabaseAddress) -> None:
    import asyncpg

    connection = await asyncpg.connect(admin.named(database.database).url, timeout=10)
    try:
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE $1"
        for row in await connection.fetch(schemas, f"{MARK}%"):
            await connection.execute(f'DROP SCHEMA "{row[0]}" CASCADE')
        databases = "SELECT datname FROM pg_database WHERE datname LIKE $1"
        for row in await connection.fetch(databases, f"{MARK}%"):
            await connection.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
    finally:
        await connection.close()

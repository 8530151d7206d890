"""The bed of a campaign: its own servers, which it takes away and brings back on the same ports."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import asyncpg
import requests

from chaosnetra.ports import LOOPBACK
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic
from tests.long.crash.servers import Servers
from tests.support.restartable import RestartablePostgres, RestartableToxiproxy

NEIGHBOUR = "somebody_elses"


class Bed:
    """A PostgreSQL and a Toxiproxy for one run at a time; somebody else's proxy is there too."""

    def __init__(self, postgres: RestartablePostgres, toxiproxy: RestartableToxiproxy) -> None:
        self.postgres = postgres
        self.toxiproxy = toxiproxy
        self.servers = Servers(postgres.database, postgres.admin, toxiproxy.url)
        self.client = ToxiproxyClient(toxiproxy.url)
        self._neighbour = self._make_neighbour()

    def bring_back(self) -> None:
        """Start again what is away; somebody else makes their proxy again."""
        self.postgres.start()
        self.toxiproxy.start()
        if self.client.proxy(NEIGHBOUR) is None and not self.client.proxies():
            self._neighbour = self._make_neighbour()

    def reset(self) -> None:
        """What somebody calls who takes the server for theirs alone: every toxic goes."""
        answer = requests.post(f"{self.toxiproxy.url}/reset", timeout=5, proxies={"http": ""})
        answer.raise_for_status()
        self.client.delete_proxy(NEIGHBOUR)
        self._neighbour = self._make_neighbour()

    def end_sessions(self, mark: str) -> int:
        """End the sessions that hold or press something for a run; how many they were."""

        async def end() -> int:
            opened = await asyncpg.connect(self.postgres.admin.url, timeout=10)
            try:
                ended: int = await opened.fetchval(
                    "SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity"
                    " WHERE starts_with(application_name, $1 || '_')",
                    mark,
                )
                return ended
            finally:
                await opened.close()

        return asyncio.run(end())

    def neighbour_changed(self) -> bool:
        return self.client.proxy(NEIGHBOUR) != self._neighbour

    def _make_neighbour(self) -> Proxy | None:
        self.client.create_proxy(NEIGHBOUR, f"{LOOPBACK}:0", f"{LOOPBACK}:9")
        toxic = Toxic("theirs", "latency", "downstream", 1.0, {"latency": 7, "jitter": 0})
        self.client.add_toxic(NEIGHBOUR, toxic)
        return self.client.proxy(NEIGHBOUR)


@contextmanager
def own_beds(count: int = 1) -> Iterator[list[Bed]]:
    """Beds of the campaign's own, for `count` runs at a time."""
    with ExitStack() as stack:
        beds = []
        for _ in range(count):
            postgres = RestartablePostgres()
            stack.callback(postgres.remove)
            toxiproxy = RestartableToxiproxy()
            stack.callback(toxiproxy.stop)
            beds.append(Bed(postgres, toxiproxy))
        yield beds

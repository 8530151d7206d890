"""The stand that the pytest plug-in gives to tests of one's own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.stand.postgres import start_postgres
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient

PROXY = "database"


@dataclass(frozen=True)
class ChaosStand:
    """Real parts on loopback.

    Attributes:
        database: PostgreSQL directly; `.url` has everything, the password too.
        proxied_database: the same through Toxiproxy; give this to what is under test.
        toxiproxy: a client for the server.
        proxy: name of the proxy to the database.
    """

    database: DatabaseAddress
    proxied_database: DatabaseAddress
    toxiproxy: ToxiproxyClient
    proxy: str = PROXY

    def reset(self) -> None:
        """Undo what a test did to proxies and toxics.

        Raises:
            ToxiproxyUnavailable: the server is gone.
        """
        for name, proxy in self.toxiproxy.proxies().items():
            if name != self.proxy:
                self.toxiproxy.delete_proxy(name)
                continue
            for toxic in proxy.toxics:
                self.toxiproxy.delete_toxic(name, toxic.name)
        listen = self.proxied_database.network_address
        upstream = self.database.network_address
        if self.toxiproxy.proxy(self.proxy) is None:
            self.toxiproxy.create_proxy(self.proxy, listen, upstream)
        else:
            self.toxiproxy.update_proxy(self.proxy, enabled=True, listen=listen, upstream=upstream)


@contextmanager
def stand() -> Iterator[ChaosStand]:
    """The parts, started; at the end they are stopped, and their data is removed.

    Raises:
        PartUnavailable: one of them cannot be had; says what to change.
    """
    with ExitStack() as stack:
        postgres = start_postgres()
        stack.callback(postgres.stop)
        server = start_toxiproxy()
        stack.callback(server.stop)
        toxiproxy = ToxiproxyClient(server.url)
        made = toxiproxy.create_proxy(PROXY, "127.0.0.1:0", postgres.database.network_address)
        proxied = postgres.database.at(*parse_network_address("listen", made.listen))
        yield ChaosStand(postgres.database, proxied, toxiproxy)

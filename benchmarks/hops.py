"""What may stand between a client and its server: nothing, the real Toxiproxy, or one of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chaosnetra.addresses import parse_network_address
from chaosnetra.connector.client import ConnectorClient
from chaosnetra.processes.program import start_server
from chaosnetra.processes.supervised import SupervisedProcess
from chaosnetra.stand.hops import start_connector
from chaosnetra.stand.toxiproxy import start_toxiproxy
from chaosnetra.toxiproxy.client import ToxiproxyClient


@dataclass(frozen=True)
class Hop:
    """What stands between a client and its server; `toxics` where it has them."""

    address: tuple[str, int]
    stop: Callable[[], None] = lambda: None
    pid: int | None = None
    toxics: ToxiproxyClient | None = None


def direct(upstream: str) -> Hop:
    return Hop(parse_network_address("upstream", upstream))


def real_toxiproxy(upstream: str) -> Hop:
    server = start_toxiproxy()
    return proxied(server.url, server.process, upstream)


def embedded_toxiproxy(upstream: str) -> Hop:
    module = "chaosnetra.toxiproxy.embedded"
    return proxied(*start_server("the embedded Toxiproxy", module), upstream)


def proxied(url: str, process: SupervisedProcess, upstream: str) -> Hop:
    """A server that speaks Toxiproxy's API, with a proxy named `hop`."""
    client = ToxiproxyClient(url)
    listen = client.create_proxy("hop", "127.0.0.1:0", upstream).listen
    return Hop(parse_network_address("listen", listen), process.stop, process.pid, client)


def connector(upstream: str) -> Hop:
    server = start_connector(upstream, seed=0)
    listen = ConnectorClient(server.url).state()["listen"]
    return Hop(parse_network_address("listen", listen), server.stop, server.process.pid)


REAL = "toxiproxy"
CANDIDATES: Mapping[str, Callable[[str], Hop]] = {
    "direct": direct,
    REAL: real_toxiproxy,
    "embedded": embedded_toxiproxy,
    "connector": connector,
}

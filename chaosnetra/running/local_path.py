"""What stands between the system under experiment and its database, on one's own machine."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import ChaosnetraError, ToxiproxyUnavailable
from chaosnetra.running.resources import Keeping, Part
from chaosnetra.running.watching import FAILED_LOOKS, of_process
from chaosnetra.safety.injector import Injector
from chaosnetra.settings import Settings

if TYPE_CHECKING:
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.toxiproxy.client import ToxiproxyClient

# True of the real server and of the embedded one: an application sees another failure than without.
RESETS = (
    "a reset by the server reaches the client as the end of the stream, and the other way round"
)


def bring_toxiproxy(keeping: Keeping, settings: Settings) -> "ToxiproxyClient":
    """A Toxiproxy server: configured, a persistent stand's, or the run's own.

    Raises:
        PartUnavailable: there is none that can be used; says what to change.
    """
    from chaosnetra.stand.persistent import find_persistent_stand
    from chaosnetra.stand.toxiproxy import start_toxiproxy, suits
    from chaosnetra.toxiproxy.client import ToxiproxyClient

    wanted = settings.toxiproxy_server
    kept = None if settings.toxiproxy_url else find_persistent_stand()
    if kept is not None and not suits(kept.toxiproxy_version, wanted):
        kept = None
    if settings.toxiproxy_url:
        source, url = "configured", settings.toxiproxy_url
    elif kept is not None:
        source, url = "persistent stand", kept.toxiproxy_url
    else:
        keeping.expect_folders()
        server = start_toxiproxy(keeping.run.id, wanted, settings.seed, counting=True)
        keeping.own("Toxiproxy", server.url.removeprefix("http://"), server.process)
        keeping.add(Part("Toxiproxy", "started for this run", server.url, server.version, RESETS))
        return ToxiproxyClient(server.url)
    client = ToxiproxyClient(url)
    client.proxies()  # answers only when the server is well
    version = kept.toxiproxy_version if kept is not None else client.version()
    keeping.add(Part("Toxiproxy", source, url, version, RESETS))
    address = urlsplit(url).netloc.rpartition("@")[2]
    pid = keeping.process_at(address)

    def look() -> str | None:
        try:
            client.proxies()
        except ToxiproxyUnavailable as error:
            return str(error)
        return None

    if pid is None:
        keeping.watch("Toxiproxy", source, url, look, failed_looks=FAILED_LOOKS)
    else:
        keeping.forgets(address, pid)
        keeping.watch("Toxiproxy", source, url, of_process(pid))
    return client


def bring_proxy(
    keeping: Keeping,
    toxiproxy: "ToxiproxyClient",
    database: DatabaseAddress,
    settings: Settings,
    injector: Injector,
    name: str,
) -> DatabaseAddress:
    """The run's proxy before its database; watched for what others put on it.

    Args:
        keeping: the run's.
        toxiproxy: the server that it is made on.
        database: where it leads.
        settings: the run's.
        injector: makes it.
        name: of the proxy; so begin those of the toxics that the run puts on it.

    Returns:
        The database through it.
    """
    from chaosnetra.toxiproxy.faults import ProxyCreated, existing_proxy

    host = settings.toxiproxy_listen_host
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"
    upstream, seed = database.network_address, str(settings.seed)
    injector.inject(ProxyCreated(toxiproxy, name, listen, upstream, seed=seed))
    listens = existing_proxy(toxiproxy, name).listen
    keeping.watch(
        "path to the database",
        "made for this run",
        listens,
        lambda: _foreign_toxics(toxiproxy, name),
    )
    return database.at(*parse_network_address("listen", listens))


def _foreign_toxics(toxiproxy: "ToxiproxyClient", name: str) -> str | None:
    """What somebody else put on the run's proxy; what cannot be seen tells nothing."""
    try:
        proxy = toxiproxy.proxy(name)
    except ChaosnetraError:
        return None
    toxics = proxy.toxics if proxy is not None else ()
    foreign = [toxic for toxic in toxics if not toxic.name.startswith(f"{name}_")]
    if not foreign:
        return None
    said = ", ".join(f"{toxic.name!r} ({toxic.type} {toxic.direction})" for toxic in foreign)
    return f"somebody else put toxics on proxy {name}: {said}"


def bring_connector(
    keeping: Keeping, settings: Settings, proxied: DatabaseAddress
) -> tuple["ConnectorClient", DatabaseAddress]:
    """The connector emulator before the run's proxy, and the database through both."""
    from chaosnetra import __version__
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.stand.connector import start_connector

    server = start_connector(proxied.network_address, settings.seed)
    keeping.own("connector emulator", server.url.removeprefix("http://"), server.process)
    client = ConnectorClient(server.url)
    listen = client.state()["listen"]
    keeping.add(Part("connector emulator", "started for this run", listen, __version__))
    return client, proxied.at(*parse_network_address("listen", listen))

"""What stands between the system under experiment and its database, on one's own machine.

In staging the same stands before what the run itself opens, where its plan has faults on the path:
nobody else's connections pass it. The run's startups are tasks there; each has a path of its own
with the same faults, see `chaosnetra.running.in_tasks`.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.errors import (
    ChaosnetraError,
    ConnectorUnavailable,
    InvalidInput,
    NotAllowed,
    ToxiproxyUnavailable,
)
from chaosnetra.ports import is_loopback
from chaosnetra.running.database import Database
from chaosnetra.running.resources import Part, Resources
from chaosnetra.running.watching import FAILED_LOOKS, WatchedPart, of_process
from chaosnetra.settings import setting_hint

if TYPE_CHECKING:
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.postgres.path import PostgresPath
    from chaosnetra.running.foreign_proxies import ForeignProxy
    from chaosnetra.toxiproxy.client import ToxiproxyClient
    from chaosnetra.toxiproxy.effects import OnPath

logger = logging.getLogger("chaostoolkit")

BRIDGE = "Unix socket bridge"
# What an experiment calls the proxy to the run's database.
DATABASE_PROXY = "database"

# True of the real server and of the embedded one: an application sees another failure than without.
RESETS = (
    "a reset by the server reaches the client as the end of the stream, and the other way round"
)


class LocalPath:
    """The path from the system under experiment to the run's database, on one's own machine.

    Its parts are brought when they are first needed.

    Args:
        resources: the run's.
        database: that it leads to.
        may_stand: whether something of ours may stand before the database of a run in staging.

    Attributes:
        connector_history: of the connector emulator, once the run has ended; None: there is none.
    """

    def __init__(
        self,
        resources: Resources,
        database: Database,
        may_stand: Callable[[], bool] = lambda: True,
    ) -> None:
        self._resources = resources
        self._database = database
        self._may_stand = may_stand
        self._toxiproxy: ToxiproxyClient | None = None
        self._connector: ConnectorClient | None = None
        self._proxied: DatabaseAddress | None = None
        self.connector_history: dict[str, Any] | None = None

    @property
    def toxiproxy(self) -> "ToxiproxyClient":
        """The Toxiproxy server: configured, a persistent stand's, or the run's own.

        Raises:
            NotAllowed: the run acts in staging, and its plan has no fault on the path.
            PartUnavailable: there is none that can be used; says what to change.
        """
        if not self.stands:
            raise NotAllowed(
                "in staging nothing stands before the database but for a fault that is in the "
                "plan that was consented to: name it in the experiment's method"
            )
        with self._resources.lock:
            if self._toxiproxy is None:
                self._toxiproxy = bring_toxiproxy(self._resources)
            return self._toxiproxy

    @property
    def proxied_database(self) -> DatabaseAddress:
        """The database as the system under experiment reaches it.

        Through the run's proxy, and where the settings ask for one, a connector before it; in
        staging only where a fault is on the path. Startups reach it through an observer, see
        `chaosnetra.running.observing`, which what measures the path goes without.
        """
        resources, database = self._resources, self._database
        if not self.stands:
            return database.address
        with resources.lock:
            if self._proxied is None:
                toxiproxy = self.toxiproxy
                upstream = bring_tcp_end(resources, database.address, toxiproxy.url)
                proxied = bring_proxy(resources, toxiproxy, upstream)
                if resources.settings.connector == "emulator":
                    self._connector, proxied = bring_connector(resources, proxied)
                self._proxied = proxied
            return self._proxied

    @property
    def connector(self) -> "ConnectorClient":
        """The connector emulator in front of the run's proxy.

        Raises:
            InvalidInput: the settings ask for none.
        """
        self.require_connector()
        with self._resources.lock:
            _ = self.proxied_database
            if self._connector is None:
                raise ConnectorUnavailable("there is no connector in the path")
            return self._connector

    @property
    def stands(self) -> bool:
        """Whether what the run opens by the path passes what stands before the database."""
        return not self._resources.settings.in_staging or self._may_stand()

    @property
    def measured(self) -> "PostgresPath":
        """Measures the proxied path beside the direct one."""
        from chaosnetra.postgres.path import PostgresPath

        return PostgresPath(direct=self._database.address, proxied=self.proxied_database)

    def require_local(self, what: str) -> None:
        """Refuse in staging what is made for one's own machine.

        Args:
            what: it is, for the message.

        Raises:
            InvalidInput: the run acts in staging.
        """
        if self._resources.settings.in_staging:
            raise InvalidInput(
                f"{what} is for one's own machine; in staging the pressure is a fault on the path "
                "of the tasks, scale_service or hold_connections, which apply_pressure can choose",
                f"{setting_hint('environment')} to local",
            )

    def require_connector(self) -> None:
        """Refuse what needs the connector emulator where the settings ask for none.

        Raises:
            InvalidInput: they do.
        """
        if self._resources.settings.connector != "emulator":
            raise InvalidInput(
                "there is no connector in the path", f"{setting_hint('connector')} to emulator"
            )

    def proxy_name(self, proxy: str) -> str:
        """The name on the server of a proxy that an experiment names.

        Raises:
            InvalidInput: see `check_proxy`.
            NotAllowed: see `toxiproxy`.
        """
        self.check_proxy(proxy)
        if proxy != DATABASE_PROXY:
            return proxy
        _ = self.toxiproxy, self.proxied_database
        return self._resources.identifier

    def check_proxy(self, proxy: str) -> None:
        """Refuse in staging any proxy but the one to the run's database: only that one is ours.

        Raises:
            InvalidInput: it is another one, and the run acts in staging.
        """
        if proxy != DATABASE_PROXY:
            self.require_local(f"the proxy {proxy!r}")

    def effects_on(self, proxy: str) -> "OnPath | ForeignProxy":
        """What measures the effect of a fault on a proxy that an experiment names."""
        from chaosnetra.toxiproxy.effects import OnPath

        resources, name = self._resources, self.proxy_name(proxy)
        if name == resources.identifier:
            return OnPath(self.measured)
        from chaosnetra.running.foreign_proxies import ForeignProxy

        return ForeignProxy(
            self.toxiproxy,
            name,
            self._database.known,
            resources.injector,
            lambda: f"{resources.identifier}_twin_{resources.next_number()}",
        )

    def keep_history(self) -> None:
        """Ask the connector for what it knows, and would take with it."""
        if self._connector is None:
            return
        try:
            self.connector_history = self._connector.history()
        except ConnectorUnavailable as error:
            logger.error(f"the connector's history is lost: {error}")


def bring_toxiproxy(resources: Resources) -> "ToxiproxyClient":
    """A Toxiproxy server: configured, a persistent stand's, or the run's own.

    Raises:
        PartUnavailable: there is none that can be used; says what to change.
    """
    from chaosnetra.stand.persistent import find_persistent_stand
    from chaosnetra.stand.toxiproxy import start_toxiproxy, suits
    from chaosnetra.toxiproxy.client import ToxiproxyClient

    settings = resources.settings
    wanted = settings.toxiproxy_server
    kept = None if settings.toxiproxy_url else find_persistent_stand()
    if kept is not None and not suits(kept.toxiproxy_version, wanted):
        kept = None
    if settings.toxiproxy_url:
        source, url = "configured", settings.toxiproxy_url
    elif kept is not None:
        source, url = "persistent stand", kept.toxiproxy_url
    else:
        resources.expect_folders()
        server = start_toxiproxy(resources.run.id, wanted, settings.seed)
        resources.own("Toxiproxy", server.url.removeprefix("http://"), server.process)
        resources.add(Part("Toxiproxy", "started for this run", server.url, server.version, RESETS))
        return ToxiproxyClient(server.url)
    client = ToxiproxyClient(url)
    client.proxies()  # answers only when the server is well
    version = kept.toxiproxy_version if kept is not None else client.version()
    resources.add(Part("Toxiproxy", source, url, version, RESETS))
    address = urlsplit(url).netloc.rpartition("@")[2]
    pid = resources.process_at(address)

    def look() -> str | None:
        try:
            client.proxies()
        except ToxiproxyUnavailable as error:
            return str(error)
        return None

    if pid is None:
        resources.watch(WatchedPart("Toxiproxy", source, url, look, failed_looks=FAILED_LOOKS))
    else:
        resources.forgets(address, pid)
        resources.watch(WatchedPart("Toxiproxy", source, url, of_process(pid)))
    return client


def bring_tcp_end(
    resources: Resources, database: DatabaseAddress, toxiproxy_url: str
) -> DatabaseAddress:
    """The database by an address that a proxy can lead to: itself, unless it is behind a socket.

    Then: target -> socket of the observer -> proxy -> bridge -> the database's socket.

    Args:
        resources: the run's.
        database: its address, directly.
        toxiproxy_url: control URL of the server that has the proxy.

    Raises:
        InvalidInput: that server is on another machine, from where no socket of this one is
            reached.
        PartUnavailable: the bridge does not start.
    """
    if not database.is_socket:
        return database
    if not is_loopback(urlsplit(toxiproxy_url).hostname or ""):
        raise InvalidInput(
            f"the database is behind a Unix socket of this machine, which Toxiproxy at "
            f"{toxiproxy_url} cannot reach: name a server of this machine by 127.0.0.1",
            setting_hint("toxiproxy_url"),
        )
    from chaosnetra import __version__
    from chaosnetra.stand.hops import bridge_to_socket

    bridge = bridge_to_socket(database.network_address)
    shown = f"{bridge.listen} to {database.network_address}"
    resources.own(BRIDGE, bridge.listen, bridge.process)
    resources.add(Part(BRIDGE, "started for this run", shown, __version__))
    return database.at(*parse_network_address("listen", bridge.listen))


def bring_proxy(
    resources: Resources, toxiproxy: "ToxiproxyClient", database: DatabaseAddress
) -> DatabaseAddress:
    """The run's proxy before its database; watched for what others put on it.

    Args:
        resources: the run's; its identifier is the proxy's name, and begins those of the toxics
            that the run puts on it.
        toxiproxy: the server that it is made on.
        database: where it leads.

    Returns:
        The database through it.
    """
    from chaosnetra.toxiproxy.faults import ProxyCreated, existing_proxy

    settings, name = resources.settings, resources.identifier
    host = settings.toxiproxy_listen_host
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"
    upstream, seed = database.network_address, str(settings.seed)
    resources.injector.inject(ProxyCreated(toxiproxy, name, listen, upstream, seed=seed))
    listens = existing_proxy(toxiproxy, name).listen
    look = partial(_foreign_toxics, toxiproxy, name)
    resources.watch(WatchedPart("path to the database", "made for this run", listens, look))
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
    shown = ", ".join(f"{toxic.name!r} ({toxic.type} {toxic.direction})" for toxic in foreign)
    return f"somebody else put toxics on proxy {name}: {shown}"


def bring_connector(
    resources: Resources, proxied: DatabaseAddress
) -> tuple["ConnectorClient", DatabaseAddress]:
    """The connector emulator before the run's proxy, and the database through both."""
    from chaosnetra import __version__
    from chaosnetra.connector.client import ConnectorClient
    from chaosnetra.stand.hops import start_connector

    server = start_connector(proxied.network_address, resources.settings.seed)
    resources.own("connector emulator", server.url.removeprefix("http://"), server.process)
    client = ConnectorClient(server.url)
    listen = client.state()["listen"]
    resources.add(Part("connector emulator", "started for this run", listen, __version__))
    return client, proxied.at(*parse_network_address("listen", listen))

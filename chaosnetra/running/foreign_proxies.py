"""Faults on a proxy that is not the run's own, measured by what the proxy leads to.

PostgreSQL and HTTP are measured through the proxy itself. What cannot be measured so is by the
same toxic on a twin: a proxy of ours on the same server, before an echo of ours.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from chaosnetra.addresses import DatabaseAddress, shown_address
from chaosnetra.errors import InvalidInput
from chaosnetra.faults import Effect, Look
from chaosnetra.first_answers import CONNECTION, HTTP, POSTGRESQL, AnswerPath, Service, speaks
from chaosnetra.paths import DatabasePath
from chaosnetra.ports import is_loopback
from chaosnetra.safety.injector import Injector
from chaosnetra.toxiproxy.blackhole import stops_data
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.echo import EchoPath
from chaosnetra.toxiproxy.effects import effect_of, effect_of_switch, look, look_at_switch
from chaosnetra.toxiproxy.faults import ProxyCreated, existing_proxy, proxy_fault_name
from chaosnetra.toxiproxy.toxics import Toxic

# A service that needs longer for its first answer is not told from one that is silent.
PROMPT_SECONDS = 0.5
# What the first answer alone shows.
BY_FIRST_ANSWER = ("latency", "timeout", "reset_peer")

Address = tuple[str, int]


@dataclass(frozen=True)
class ForeignProxy:
    """A proxy that is not the run's own.

    Attributes:
        client: of its server.
        name: of it.
        database: the run's database, if it has one by now: other proxies may lead to it too.
        injector: makes the twin, its undo on disk first.
        twin_name: a new name for a proxy.
    """

    client: ToxiproxyClient
    name: str
    database: DatabaseAddress | None
    injector: Injector
    twin_name: Callable[[], str]
    _services: dict[Address, Service] = field(default_factory=dict, init=False)

    def look(self, toxic: Toxic) -> Look:
        """What a toxic that is not on it yet would change; nothing where a twin will show it."""
        path, _, _ = self._path_for(toxic)
        return Look("nothing", 0.0) if path is None else look(toxic, path)

    def effect_of(self, toxic: Toxic, without: Look | None = None) -> Effect:
        """What a toxic on it does; the effect says how it was measured."""
        path, leads_to, service = self._path_for(toxic)
        if path is not None:
            effect = effect_of(toxic, path, without)
            return effect.with_detail(f"measured through proxy {self.name}, to {leads_to}")
        proxy = existing_proxy(self.client, self.name)
        why = (
            f"{proxy.upstream} answers neither PostgreSQL nor HTTP"
            if service is CONNECTION
            else f"{service.name} does not show a {toxic.type}"
        )
        return self._effect_on_twin(toxic, proxy).with_detail(
            f"measured by the same toxic on a twin of proxy {self.name}, before an echo ({why})",
        )

    def look_at_switch(self) -> Look:
        """How it answers before it is put up or taken down."""
        return look_at_switch(self._answer_path())

    def effect_of_switch(self, enabled: bool, without: Look | None = None) -> Effect:
        """Whether it refuses connections, or takes them."""
        path = self._answer_path()
        effect = effect_of_switch(enabled, path, without)
        return effect.with_detail(f"measured through proxy {self.name}, to {path.service.name}")

    def _path_for(self, toxic: Toxic) -> tuple[DatabasePath | None, str, Service]:
        """What a toxic is measured through, what that leads to, and what listens there.

        None where only a twin shows it.
        """
        answers = self._answer_path()
        if self.database is not None and _same(answers.direct, self.database):
            through = _to_database(self.database, answers.proxied)
            return through, "the run's database", POSTGRESQL
        service = answers.service
        if service is not CONNECTION and (toxic.type in BY_FIRST_ANSWER or stops_data(toxic)):
            return answers, service.name, service
        return None, "", service

    def _answer_path(self) -> AnswerPath:
        proxy = existing_proxy(self.client, self.name)
        listen, upstream = self._reach(proxy.listen), self._reach(proxy.upstream)
        return AnswerPath(self._service(upstream), upstream, listen)

    def _effect_on_twin(self, toxic: Toxic, proxy: Proxy) -> Effect:
        echo = EchoPath(self._own_host())
        twin = self.twin_name()
        try:
            upstream = shown_address(*echo.direct)
            listen = f"{proxy.listen.rpartition(':')[0]}:0"
            self.injector.inject(ProxyCreated(self.client, twin, listen, upstream), admitted=True)
            try:
                self.client.add_toxic(twin, toxic)
                echo.proxied = self._reach(existing_proxy(self.client, twin).listen)
                return effect_of(toxic, echo)
            finally:
                self.injector.undo(proxy_fault_name(twin))
        finally:
            echo.close()

    def _service(self, upstream: Address) -> Service:
        """What listens there; `CONNECTION` where it is none of those that we know."""
        if upstream not in self._services:
            known = (each for each in (POSTGRESQL, HTTP) if speaks(upstream, each, PROMPT_SECONDS))
            self._services[upstream] = next(known, CONNECTION)
        return self._services[upstream]

    def _reach(self, address: str) -> Address:
        """An address of the server's as it is reached from here."""
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        server = urlsplit(self.client.url).hostname or ""
        everywhere = host in ("", "::", "0.0.0.0")  # noqa: S104 - what the server says
        if everywhere or (is_loopback(host) and not is_loopback(server)):
            host = server
        try:
            return host, int(port)
        except ValueError:
            raise InvalidInput(f"proxy {self.name} has the address {address!r}") from None

    def _own_host(self) -> str:
        """The address of this machine that the server sees us by."""
        parts = urlsplit(self.client.url)
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)
        family, kind, _, _, address = found[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # sends nothing
            return str(probe.getsockname()[0])


def _to_database(database: DatabaseAddress, listen: Address) -> DatabasePath:
    from chaosnetra.postgres.path import PostgresPath

    return PostgresPath(direct=database, proxied=database.at(*listen))


def _same(address: Address, database: DatabaseAddress) -> bool:
    if database.is_socket:
        return False
    host, port = database.host, database.port
    if port != address[1]:
        return False
    return host == address[0] or bool(_resolved(host) & _resolved(address[0]))


def _resolved(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()

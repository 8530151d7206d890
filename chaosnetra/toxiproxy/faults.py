"""Proxies and toxics as faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.errors import InjectionFailed, InvalidInput
from chaosnetra.faults import Effect, Undo
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.toxics import Toxic

Measure = Callable[[], Effect]


@dataclass(frozen=True)
class ProxyCreated:
    """A proxy of our own. It changes nothing for the system, so it has no effect to measure.

    `seed`: text that the random numbers of its toxics come from, where the server can repeat them.
    """

    client: ToxiproxyClient
    proxy: str
    listen: str
    upstream: str
    enabled: bool = True
    seed: str | None = None

    @property
    def name(self) -> str:
        return f"proxy {self.proxy}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "proxy",
            "server": self.client.url,
            "proxy": self.proxy,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
        }

    def prepare(self) -> Undo:
        if self.client.proxy(self.proxy) is not None:
            raise InjectionFailed(
                f"Toxiproxy at {self.client.url} has a proxy {self.proxy} already, "
                "and it is not this run's; choose another name"
            )
        return Undo(
            "toxiproxy.delete_proxy",
            f"delete proxy {self.proxy}",
            {"url": self.client.url, "name": self.proxy, "upstream": self.upstream},
        )

    def inject(self) -> None:
        made = self.client.create_proxy(
            self.proxy, self.listen, self.upstream, enabled=self.enabled, seed=self.seed
        )
        if made.enabled != self.enabled or made.upstream != self.upstream:
            raise InjectionFailed(f"Toxiproxy made proxy {self.proxy} otherwise: {made}")

    def measure(self) -> None:
        return None


@dataclass(frozen=True)
class ProxySwitched:
    """A proxy that is taken down (its connections drop, new ones are refused) or put up."""

    client: ToxiproxyClient
    proxy: str
    enabled: bool
    measured: Measure = field(compare=False)

    @property
    def name(self) -> str:
        return f"proxy {self.proxy} {'up' if self.enabled else 'down'}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "proxy state",
            "server": self.client.url,
            "proxy": self.proxy,
            "enabled": self.enabled,
        }

    def prepare(self) -> Undo:
        before = existing_proxy(self.client, self.proxy)
        return Undo(
            "toxiproxy.restore_proxy",
            f"{'enable' if before.enabled else 'disable'} proxy {self.proxy}",
            {"url": self.client.url, "name": self.proxy, "enabled": before.enabled},
        )

    def inject(self) -> None:
        if self.client.update_proxy(self.proxy, enabled=self.enabled).enabled != self.enabled:
            raise InjectionFailed(f"proxy {self.proxy} did not change its state")

    def measure(self) -> Effect:
        return self.measured()


@dataclass(frozen=True)
class ToxicAdded:
    """A toxic on a proxy."""

    client: ToxiproxyClient
    proxy: str
    toxic: Toxic
    measured: Measure = field(compare=False)

    @property
    def name(self) -> str:
        return toxic_fault_name(self.proxy, self.toxic.name)

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "toxic",
            "server": self.client.url,
            "proxy": self.proxy,
            **self.toxic.to_server(),
        }

    def prepare(self) -> Undo:
        before = existing_proxy(self.client, self.proxy)
        if before.toxic(self.toxic.name) is not None:
            raise InjectionFailed(f"proxy {self.proxy} has a toxic {self.toxic.name} already")
        return Undo(
            "toxiproxy.remove_toxic",
            f"remove toxic {self.toxic.name} from proxy {self.proxy}",
            {
                "url": self.client.url,
                "proxy": self.proxy,
                "toxic": self.toxic.to_server(),
                "before": {
                    "listen": before.listen,
                    "upstream": before.upstream,
                    "enabled": before.enabled,
                    "toxics": [toxic.to_server() for toxic in before.toxics],
                },
            },
        )

    def inject(self) -> None:
        self.client.add_toxic(self.proxy, self.toxic)
        _read_back(self.client, self.proxy, self.toxic)

    def measure(self) -> Effect:
        return self.measured()


@dataclass(frozen=True)
class ToxicUpdated:
    """Other values for a toxic that is there; `number` tells updates of one toxic apart."""

    client: ToxiproxyClient
    proxy: str
    toxic: Toxic
    number: int
    measured: Measure = field(compare=False)

    @property
    def name(self) -> str:
        return f"{toxic_fault_name(self.proxy, self.toxic.name)} update {self.number}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": "toxic update",
            "server": self.client.url,
            "proxy": self.proxy,
            **self.toxic.to_server(),
        }

    def prepare(self) -> Undo:
        before = existing_toxic(self.client, self.proxy, self.toxic.name)
        return Undo(
            "toxiproxy.restore_toxic",
            f"give toxic {self.toxic.name} of proxy {self.proxy} its former values back",
            {
                "url": self.client.url,
                "proxy": self.proxy,
                "ours": self.toxic.to_server(),
                "before": before.to_server(),
            },
        )

    def inject(self) -> None:
        self.client.update_toxic(
            self.proxy, self.toxic.name, self.toxic.attributes, self.toxic.toxicity
        )
        _read_back(self.client, self.proxy, self.toxic)

    def measure(self) -> Effect:
        return self.measured()


def toxic_fault_name(proxy: str, toxic: str) -> str:
    """What the injector calls a toxic."""
    return f"toxic {proxy}/{toxic}"


def existing_proxy(client: ToxiproxyClient, name: str) -> Proxy:
    """The proxy of that name.

    Raises:
        InvalidInput: there is none; lists those that exist.
    """
    proxy = client.proxy(name)
    if proxy is None:
        known = ", ".join(sorted(client.proxies())) or "none"
        raise InvalidInput(f"Toxiproxy at {client.url} has no proxy {name!r}; it has {known}")
    return proxy


def existing_toxic(client: ToxiproxyClient, proxy: str, name: str) -> Toxic:
    """The toxic of that name on the proxy.

    Raises:
        InvalidInput: there is none; lists those that exist.
    """
    found = existing_proxy(client, proxy)
    toxic = found.toxic(name)
    if toxic is None:
        known = ", ".join(sorted(toxic.name for toxic in found.toxics)) or "none"
        raise InvalidInput(f"proxy {proxy} has no toxic {name!r}; it has {known}")
    return toxic


def _read_back(client: ToxiproxyClient, proxy: str, toxic: Toxic) -> None:
    stored = existing_toxic(client, proxy, toxic.name)
    if not stored.same_as(toxic):
        raise InjectionFailed(f"Toxiproxy stored {stored.to_server()}, not {toxic.to_server()}")

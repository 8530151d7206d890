"""Proxies and toxics as faults.

Each is looked at by one call of the control API: is it listed as we put it in place?
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosnetra.errors import InjectionFailed, InvalidInput
from chaosnetra.faults import Effect, Undo
from chaosnetra.toxiproxy.blackhole import close_holder_name, stops_data, with_ends_told
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
        return proxy_fault_name(self.proxy)

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

    @property
    def subject(self) -> str:
        return f"state of proxy {self.proxy}"

    @property
    def within(self) -> tuple[str, ...]:
        return ()

    @property
    def place(self) -> str:
        return self.proxy

    def look(self) -> str | None:
        return _look_at_proxy(self.client, self.proxy, self.enabled, self.upstream)


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
            {
                "url": self.client.url,
                "name": self.proxy,
                "enabled": before.enabled,
                "unchanged": before.enabled == self.enabled,
            },
        )

    def inject(self) -> None:
        if self.client.update_proxy(self.proxy, enabled=self.enabled).enabled != self.enabled:
            raise InjectionFailed(f"proxy {self.proxy} did not change its state")

    def measure(self) -> Effect:
        return self.measured()

    @property
    def subject(self) -> str:
        return f"state of proxy {self.proxy}"

    @property
    def within(self) -> tuple[str, ...]:
        return (proxy_fault_name(self.proxy),)

    @property
    def place(self) -> str:
        return self.proxy

    def look(self) -> str | None:
        return _look_at_proxy(self.client, self.proxy, self.enabled)


@dataclass(frozen=True)
class ToxicAdded:
    """A toxic on a proxy.

    `holder`: a toxic that comes and goes with it; see `chaosnetra.toxiproxy.blackhole`.
    """

    client: ToxiproxyClient
    proxy: str
    toxic: Toxic
    measured: Measure = field(compare=False)
    holder: Toxic | None = None

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
        for toxic in (self.toxic, self.holder):
            if toxic is not None and before.toxic(toxic.name) is not None:
                raise InjectionFailed(f"proxy {self.proxy} has a toxic {toxic.name} already")
        return Undo(
            "toxiproxy.remove_toxic",
            f"remove toxic {self.toxic.name} from proxy {self.proxy}",
            {
                "url": self.client.url,
                "proxy": self.proxy,
                "toxic": self.toxic.to_server(),
                "close_holder": self.holder.to_server() if self.holder else None,
                "before": {
                    "listen": before.listen,
                    "upstream": before.upstream,
                    "enabled": before.enabled,
                    "toxics": [toxic.to_server() for toxic in before.toxics],
                },
            },
        )

    def inject(self) -> None:
        # The holder comes first, so that the server's end is held back before it gets anywhere.
        for toxic in (self.holder, self.toxic):
            if toxic is not None:
                self.client.add_toxic(self.proxy, toxic)
                _read_back(self.client, self.proxy, toxic)

    def measure(self) -> Effect:
        return with_ends_told(self.toxic, self.measured(), self.holder is not None)

    @property
    def subject(self) -> str:
        return self.name

    @property
    def within(self) -> tuple[str, ...]:
        return (proxy_fault_name(self.proxy),)

    @property
    def place(self) -> str:
        return self.proxy

    def look(self) -> str | None:
        return _look_at_toxics(self.client, self.proxy, self.toxic, self.holder)


@dataclass(frozen=True)
class ToxicUpdated:
    """Other values for a toxic that is there; `number` tells updates of one toxic apart."""

    client: ToxiproxyClient
    proxy: str
    toxic: Toxic
    number: int
    measured: Measure = field(compare=False)
    holder: Toxic | None = None

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
        proxy = existing_proxy(self.client, self.proxy)
        before = existing_toxic(self.client, self.proxy, self.toxic.name)
        there = proxy.toxic(close_holder_name(self.toxic))
        adds = self.holder is not None and there is None
        takes = there is not None and not stops_data(self.toxic)
        return Undo(
            "toxiproxy.restore_toxic",
            f"give toxic {self.toxic.name} of proxy {self.proxy} its former values back",
            {
                "url": self.client.url,
                "proxy": self.proxy,
                "ours": self.toxic.to_server(),
                "before": before.to_server(),
                "close_holder": self.holder.to_server() if self.holder and adds else None,
                "taken_holder": there.to_server() if there and takes else None,
                "unchanged": before.same_as(self.toxic),
            },
        )

    def inject(self) -> None:
        name = close_holder_name(self.toxic)
        is_held = existing_proxy(self.client, self.proxy).toxic(name) is not None
        if self.holder is not None and not is_held:
            self.client.add_toxic(self.proxy, self.holder)
        self.client.update_toxic(
            self.proxy, self.toxic.name, self.toxic.attributes, self.toxic.toxicity
        )
        _read_back(self.client, self.proxy, self.toxic)
        if is_held and not stops_data(self.toxic):
            # What passes again may also end again. Only now: Toxiproxy 2.12 crashes when a rate
            # of 0 is changed after the toxic before it was removed, with data waiting.
            self.client.delete_toxic(self.proxy, name)

    def measure(self) -> Effect:
        return with_ends_told(self.toxic, self.measured(), self.holder is not None)

    @property
    def subject(self) -> str:
        return toxic_fault_name(self.proxy, self.toxic.name)

    @property
    def within(self) -> tuple[str, ...]:
        return (proxy_fault_name(self.proxy), self.subject)

    @property
    def place(self) -> str:
        return self.proxy

    def look(self) -> str | None:
        return _look_at_toxics(self.client, self.proxy, self.toxic, self.holder)


def toxic_fault_name(proxy: str, toxic: str) -> str:
    """What the injector calls a toxic."""
    return f"toxic {proxy}/{toxic}"


def proxy_fault_name(proxy: str) -> str:
    """What the injector calls a proxy of the run's."""
    return f"proxy {proxy}"


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


def _look_at_proxy(
    client: ToxiproxyClient, name: str, enabled: bool, upstream: str | None = None
) -> str | None:
    """What of a proxy is not as it was put in place."""
    proxy = client.proxy(name)
    if proxy is None:
        return f"Toxiproxy at {client.url} has no proxy {name} any more"
    if upstream is not None and proxy.upstream != upstream:
        return f"proxy {name} leads to {proxy.upstream} by now"
    if proxy.enabled != enabled:
        return f"proxy {name} was {'enabled' if proxy.enabled else 'disabled'} by somebody else"
    return None


def _look_at_toxics(client: ToxiproxyClient, proxy: str, *toxics: Toxic | None) -> str | None:
    """What of toxics is not as it was put in place."""
    found = client.proxy(proxy)
    if found is None:
        return f"Toxiproxy at {client.url} has no proxy {proxy} any more"
    for toxic in toxics:
        if toxic is None:
            continue
        stored = found.toxic(toxic.name)
        if stored is None:
            return f"proxy {proxy} has no toxic {toxic.name} any more"
        if not stored.same_as(toxic):
            return f"toxic {toxic.name} of proxy {proxy} was changed to {stored.to_server()}"
    return None

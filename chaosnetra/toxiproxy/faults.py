"""Proxies and toxics as faults.

Each is inspected by one call of the control API: is it listed as we put it in place?
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaosnetra.errors import InjectionFailed, InvalidInput
from chaosnetra.faults import Effect, Undo
from chaosnetra.toxiproxy.blackhole import (
    close_holder,
    close_holder_name,
    stops_data,
    with_server_ends,
)
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.effects import Effects
from chaosnetra.toxiproxy.toxics import Toxic


@dataclass(frozen=True)
class _OnProxy:
    """What faults on a proxy have in common; its undo ends them too."""

    kind: ClassVar[str]
    client: ToxiproxyClient
    proxy: str

    @property
    def details(self) -> Mapping[str, Any]:
        raise NotImplementedError

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "server": self.client.url,
            "proxy": self.proxy,
            **self.details,
        }

    @property
    def within(self) -> tuple[str, ...]:
        return (proxy_fault_name(self.proxy),)

    @property
    def place(self) -> str:
        return self.proxy


@dataclass(frozen=True)
class ProxyCreated(_OnProxy):
    """A proxy of our own. It changes nothing for the system, so it has no effect to measure.

    `seed`: text that the random numbers of its toxics come from, where the server can repeat them.
    """

    kind: ClassVar[str] = "proxy"
    listen: str
    upstream: str
    enabled: bool = True
    seed: str | None = None

    @property
    def name(self) -> str:
        return proxy_fault_name(self.proxy)

    @property
    def details(self) -> Mapping[str, Any]:
        return {"listen": self.listen, "upstream": self.upstream, "enabled": self.enabled}

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

    def look(self) -> str | None:
        return _proxy_change(self.client, self.proxy, self.enabled, self.upstream)


@dataclass(frozen=True)
class ProxySwitched(_OnProxy):
    """A proxy that is taken down (its connections drop, new ones are refused) or put up."""

    kind: ClassVar[str] = "proxy state"
    enabled: bool
    effects: Effects = field(compare=False)

    @property
    def name(self) -> str:
        return f"proxy {self.proxy} {'up' if self.enabled else 'down'}"

    @property
    def details(self) -> Mapping[str, Any]:
        return {"enabled": self.enabled}

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
        return self.effects.effect_of_switch(self.enabled)

    @property
    def subject(self) -> str:
        return f"state of proxy {self.proxy}"

    def look(self) -> str | None:
        return _proxy_change(self.client, self.proxy, self.enabled)


@dataclass(frozen=True)
class _ToxicInPlace(_OnProxy):
    """What a new toxic and other values of one have in common."""

    toxic: Toxic
    effects: Effects = field(compare=False)

    @property
    def holder(self) -> Toxic | None:
        """The toxic that comes and goes with it; see `chaosnetra.toxiproxy.blackhole`."""
        return close_holder(self.toxic)

    @property
    def details(self) -> Mapping[str, Any]:
        return self.toxic.to_server()

    @property
    def subject(self) -> str:
        return toxic_fault_name(self.proxy, self.toxic.name)

    def measure(self) -> Effect:
        effect = self.effects.effect_of(self.toxic)
        return with_server_ends(self.toxic, effect, self.holder is not None)

    def look(self) -> str | None:
        found = self.client.proxy(self.proxy)
        if found is None:
            return f"Toxiproxy at {self.client.url} has no proxy {self.proxy} any more"
        for toxic in (self.toxic, self.holder):
            if toxic is None:
                continue
            stored = found.toxic(toxic.name)
            if stored is None:
                return f"proxy {self.proxy} has no toxic {toxic.name} any more"
            if not stored.same_as(toxic):
                return (
                    f"toxic {toxic.name} of proxy {self.proxy} was changed to {stored.to_server()}"
                )
        return None

    def _read_back(self, toxic: Toxic) -> None:
        stored = existing_toxic(self.client, self.proxy, toxic.name)
        if not stored.same_as(toxic):
            raise InjectionFailed(f"Toxiproxy stored {stored.to_server()}, not {toxic.to_server()}")


@dataclass(frozen=True)
class ToxicAdded(_ToxicInPlace):
    """A toxic on a proxy."""

    kind: ClassVar[str] = "toxic"

    @property
    def name(self) -> str:
        return self.subject

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
                self._read_back(toxic)


@dataclass(frozen=True)
class ToxicUpdated(_ToxicInPlace):
    """Other values for a toxic that is there; `number` tells updates of one toxic apart."""

    kind: ClassVar[str] = "toxic update"
    number: int

    @property
    def name(self) -> str:
        return f"{self.subject} update {self.number}"

    def prepare(self) -> Undo:
        proxy = existing_proxy(self.client, self.proxy)
        before = existing_toxic(self.client, self.proxy, self.toxic.name)
        there = proxy.toxic(close_holder_name(self.toxic))
        added = self.holder if there is None else None
        removed = None if stops_data(self.toxic) else there
        return Undo(
            "toxiproxy.restore_toxic",
            f"give toxic {self.toxic.name} of proxy {self.proxy} its former values back",
            {
                "url": self.client.url,
                "proxy": self.proxy,
                "ours": self.toxic.to_server(),
                "before": before.to_server(),
                "close_holder": added.to_server() if added else None,
                "taken_holder": removed.to_server() if removed else None,
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
        self._read_back(self.toxic)
        if is_held and not stops_data(self.toxic):
            # What passes again may also end again. Only now: Toxiproxy 2.12 crashes when a rate
            # of 0 is changed after the toxic before it was removed, with data waiting.
            self.client.delete_toxic(self.proxy, name)

    @property
    def within(self) -> tuple[str, ...]:
        return (*super().within, self.subject)


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


def _proxy_change(
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

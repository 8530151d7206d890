"""Proxies as faults; toxics are in `chaosnetra.toxiproxy.toxic_faults`.

Each is inspected by one call of the control API: is it listed as we put it in place?
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaosnetra.errors import InjectionFailed, InvalidInput
from chaosnetra.faults import Effect, Look, Undo
from chaosnetra.toxiproxy.client import Proxy, ToxiproxyClient
from chaosnetra.toxiproxy.effects import Effects
from chaosnetra.toxiproxy.toxics import Toxic


@dataclass(frozen=True)
class OnProxy:
    """What faults on a proxy have in common; its undo ends them too."""

    kind: ClassVar[str]
    # Fields of its own that are parameters.
    own: ClassVar[tuple[str, ...]] = ()
    client: ToxiproxyClient
    proxy: str

    @property
    def parameters(self) -> Mapping[str, Any]:
        own = {name: getattr(self, name) for name in self.own}
        return {"kind": self.kind, "server": self.client.url, "proxy": self.proxy, **own}

    @property
    def subject(self) -> str:
        return f"state of proxy {self.proxy}"

    @property
    def within(self) -> tuple[str, ...]:
        return (proxy_fault_name(self.proxy),)

    @property
    def place(self) -> str:
        return self.proxy


@dataclass(frozen=True)
class ProxyCreated(OnProxy):
    """A proxy of our own. It changes nothing for the system, so it has no effect to measure.

    `seed`: text that the random numbers of its toxics come from, where the server can repeat them.
    """

    kind: ClassVar[str] = "proxy"
    own: ClassVar[tuple[str, ...]] = ("listen", "upstream", "enabled")
    listen: str
    upstream: str
    enabled: bool = True
    seed: str | None = None

    @property
    def name(self) -> str:
        return proxy_fault_name(self.proxy)

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
    def within(self) -> tuple[str, ...]:
        return ()

    def inspect(self) -> str | None:
        return _proxy_change(self.client, self.proxy, self.enabled, self.upstream)


@dataclass(frozen=True)
class ProxySwitched(OnProxy):
    """A proxy that is taken down (its connections drop, new ones are refused) or put up."""

    kind: ClassVar[str] = "proxy state"
    own: ClassVar[tuple[str, ...]] = ("enabled",)
    enabled: bool
    effects: Effects = field(compare=False)

    @property
    def name(self) -> str:
        return f"proxy {self.proxy} {'up' if self.enabled else 'down'}"

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

    is_partial: ClassVar[bool] = False

    def look(self) -> Look:
        return self.effects.look_at_switch()

    def measure(self) -> Effect:
        return self.effects.effect_of_switch(self.enabled)

    def measure_beside(self, without: Look) -> Effect:
        return self.effects.effect_of_switch(self.enabled, without)

    def inspect(self) -> str | None:
        return _proxy_change(self.client, self.proxy, self.enabled)


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

"""Toxics as faults: a new one, and other values for one that is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from chaosnetra.errors import InjectionFailed
from chaosnetra.faults import Effect, Look, Undo
from chaosnetra.toxiproxy.blackhole import (
    close_holder,
    close_holder_name,
    stops_data,
    with_server_ends,
)
from chaosnetra.toxiproxy.effects import Effects
from chaosnetra.toxiproxy.faults import (
    OnProxy,
    existing_proxy,
    existing_toxic,
    toxic_fault_name,
)
from chaosnetra.toxiproxy.toxics import Toxic


@dataclass(frozen=True)
class _ToxicInPlace(OnProxy):
    """What a new toxic and other values of one have in common."""

    toxic: Toxic
    effects: Effects = field(compare=False)

    @property
    def holder(self) -> Toxic | None:
        """The toxic that comes and goes with it; see `chaosnetra.toxiproxy.blackhole`."""
        return close_holder(self.toxic)

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {**super().parameters, **self.toxic.to_server()}

    @property
    def subject(self) -> str:
        return toxic_fault_name(self.proxy, self.toxic.name)

    @property
    def is_partial(self) -> bool:
        return self.toxic.toxicity < 1

    def look(self) -> Look:
        return self.effects.look(self.toxic)

    def measure(self) -> Effect:
        return self._told(self.effects.effect_of(self.toxic))

    def measure_beside(self, without: Look) -> Effect:
        return self._told(self.effects.effect_of(self.toxic, without))

    def _told(self, effect: Effect) -> Effect:
        return with_server_ends(self.toxic, effect, self.holder is not None)

    def inspect(self) -> str | None:
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

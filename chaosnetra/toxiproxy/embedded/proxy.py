"""One proxy: a relay, and the toxics on it."""

from dataclasses import replace
from typing import Any

from chaosnetra.addresses import shown_address
from chaosnetra.relay.connection import Route
from chaosnetra.relay.relay import Relay
from chaosnetra.relay.stage import StreamStage
from chaosnetra.toxiproxy.embedded.bodies import ProxySpec
from chaosnetra.toxiproxy.embedded.live_toxic import LiveToxic
from chaosnetra.toxiproxy.embedded.refusals import Refused
from chaosnetra.toxiproxy.toxics import Toxic


class EmbeddedProxy:
    """A proxy of the embedded server; lives on the event loop's thread.

    It is made disabled. Its connections end when it is disabled, deleted, or leads elsewhere.

    Args:
        spec: what it should be, `enabled` apart.
        seed: text that the random numbers of its toxics come from.
    """

    def __init__(self, spec: ProxySpec, seed: str) -> None:
        self.spec = replace(spec, enabled=False)
        self._seed = seed
        # As the real server does: a peer's reset ends the other side's stream, and no more.
        self.relay = Relay(Route(spec.upstream, stages=self._stages, passes_resets=False))
        self._toxics: list[LiveToxic] = []
        self._toxics_ever = 0

    @property
    def toxics(self) -> list[Toxic]:
        """Those upstream first, each direction in the order that data passes them."""
        return sorted(
            (live.toxic for live in self._toxics),
            key=lambda toxic: toxic.direction == "downstream",
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.spec.name,
            "listen": self.spec.listen_text,
            "upstream": self.spec.upstream_text,
            "enabled": self.spec.enabled,
            "toxics": [toxic.to_server() for toxic in self.toxics],
        }

    def enable(self) -> None:
        """Accept clients.

        Raises:
            Refused: the address cannot be used.
        """
        if self.spec.enabled:
            return
        try:
            listen = self.relay.listen(*self.spec.listen)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise Refused(
                500, f"listen tcp {shown_address(*self.spec.listen)}: bind: {why}"
            ) from None
        self.spec = replace(
            self.spec, listen=listen, listen_text=shown_address(*listen), enabled=True
        )

    def disable(self) -> None:
        """Accept nobody, and end every connection at once."""
        self.relay.close()
        self.spec = replace(self.spec, enabled=False)

    def change(self, spec: ProxySpec) -> None:
        """Become `spec`.

        Raises:
            Refused: its address cannot be used; it is disabled then.
        """
        if spec.leads != self.spec.leads:
            self.disable()
            self.relay.lead_to(spec.upstream)
            self.spec = replace(spec, enabled=False)
        if spec.enabled:
            self.enable()
        else:
            self.disable()

    def toxic(self, name: str) -> Toxic:
        """The toxic of that name.

        Raises:
            Refused: there is none.
        """
        return self._live(name).toxic

    def add_toxic(self, toxic: Toxic) -> None:
        """Put a toxic behind the others, on every connection.

        Raises:
            Refused: there is one of the name.
        """
        if any(live.toxic.name == toxic.name for live in self._toxics):
            raise Refused(409, "toxic already exists")
        self._toxics_ever += 1
        live = LiveToxic(toxic, self.relay, f"{self._seed}/{self._toxics_ever}")
        self._toxics.append(live)
        live.put_in()

    def change_toxic(self, toxic: Toxic) -> None:
        """Give the toxic of that name other values, on every connection."""
        self._live(toxic.name).change(toxic)

    def remove_toxic(self, name: str) -> None:
        """Take a toxic off every connection.

        Raises:
            Refused: there is none of the name.
        """
        live = self._live(name)
        self._toxics.remove(live)
        live.take_out()

    def remove_all_toxics(self) -> None:
        for toxic in self.toxics:
            self.remove_toxic(toxic.name)

    def _live(self, name: str) -> LiveToxic:
        for live in self._toxics:
            if live.toxic.name == name:
                return live
        raise Refused(404, "toxic not found")

    def _stages(self, downstream: bool) -> list[StreamStage]:
        direction = "downstream" if downstream else "upstream"
        return [live.new_stage() for live in self._toxics if live.toxic.direction == direction]

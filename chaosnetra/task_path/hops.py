"""The hops of a task's path, all in one process; live on its event loop.

startup -> observer -> [connector emulator] -> toxics -> database
"""

from typing import Any

from chaosnetra.addresses import Place, shown_address
from chaosnetra.connector.emulator import Emulator
from chaosnetra.connector.model import OPEN_CONNECTOR, parse_model
from chaosnetra.errors import PartUnavailable
from chaosnetra.ports import LOOPBACK
from chaosnetra.toxiproxy.embedded.bodies import ProxySpec, new_toxic
from chaosnetra.toxiproxy.embedded.proxy import EmbeddedProxy
from chaosnetra.wire.observer import Observer
from chaosnetra.wire.observing import Spans, observe

STARTUP = "startup"
PROXY = "database"


class Hops:
    """What stands between one startup and one database.

    Args:
        upstream: of the database, directly.
        seed: of everything that is drawn.
        has_connector: whether a connector emulator is among them; it holds nobody back yet.
    """

    def __init__(self, upstream: Place, seed: int, *, has_connector: bool) -> None:
        listen = (LOOPBACK, 0)
        shown = upstream if isinstance(upstream, str) else shown_address(*upstream)
        spec = ProxySpec(PROXY, listen, shown_address(*listen), upstream, shown, enabled=False)
        self._proxy = EmbeddedProxy(spec, str(seed))
        self._proxy.enable()
        self._emulator: Emulator | None = None
        self.measured = self._proxy.spec.listen
        if has_connector:
            self._emulator = Emulator(OPEN_CONNECTOR, self.measured, seed)
            self._emulator.start(LOOPBACK, 0)
            assert self._emulator.listen is not None  # noqa: S101 - it listens
            self.measured = self._emulator.listen
        self._observer = Observer(self.measured)

    def listen(self, place: Place) -> str:
        """Listen for the startup.

        Args:
            place: where: address and port, 0 for any; or the path of a Unix socket.

        Returns:
            `host:port`, or the path.

        Raises:
            OSError: it cannot be used.
            InvalidInput: likewise, of a socket.
        """
        if isinstance(place, str):
            return self._observer.add(STARTUP, place)
        return self._observer.add(STARTUP, port=place[1])

    # What the program is asked for, by name

    def add_toxic(self, toxic: dict[str, Any]) -> None:
        self._proxy.add_toxic(new_toxic(toxic))

    def remove_toxic(self, name: str) -> None:
        self._proxy.remove_toxic(name)

    def switch(self, enabled: bool) -> None:
        if enabled:
            self._proxy.enable()
        else:
            self._proxy.disable()

    def change_connector(self, model: dict[str, Any]) -> dict[str, Any]:
        """Another model for the connector; answers with its state."""
        emulator = self._connector
        emulator.change(parse_model(model))
        return emulator.state()

    def connector(self) -> dict[str, Any]:
        """The state of the connector."""
        return self._connector.state()

    def state(self) -> dict[str, Any]:
        """What is in place, and whether the observer saw all that passed."""
        return {
            "proxy": self._proxy.to_json(),
            "model": self._emulator.model.to_json() if self._emulator else None,
            "observer": self._observer.state(),
        }

    def observe(self, began_at: float, until_at: float, phases: Spans) -> dict[str, Any]:
        """What was seen of the startup; see `chaosnetra.wire.observing.observe`."""
        return observe(self._observer.log(STARTUP), began_at, until_at, phases).to_json()

    @property
    def _connector(self) -> Emulator:
        if self._emulator is None:
            raise PartUnavailable("there is no connector in the task's path")
        return self._emulator

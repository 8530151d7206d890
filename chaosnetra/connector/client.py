"""A client for the emulator's control API; every call has a deadline."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.connector.model import ConnectorModel, parse_model
from chaosnetra.errors import ConnectorUnavailable
from chaosnetra.relay.control import ControlClient


class ConnectorClient(ControlClient):
    """Calls one emulator.

    Every call raises `ConnectorUnavailable` when nothing answers as an emulator, and
    `InvalidInput` when the emulator says that a value cannot be used.
    """

    what = "connector emulator"
    unavailable = ConnectorUnavailable

    def state(self) -> dict[str, Any]:
        """Model, gauges and counters: see `chaosnetra.connector.emulator.Emulator.state`."""
        state: dict[str, Any] = self.call("GET", "/state")
        return state

    def model(self) -> ConnectorModel:
        """How it behaves now."""
        return parse_model(self.state()["model"])

    def change(self, changes: Mapping[str, Any]) -> ConnectorModel:
        """Replace some of the model's values; answers with the whole model."""
        return parse_model(self.call("PATCH", "/model", changes))

    def history(self) -> dict[str, Any]:
        """Samples and events: see `chaosnetra.connector.history.History.to_json`."""
        history: dict[str, Any] = self.call("GET", "/history")
        return history

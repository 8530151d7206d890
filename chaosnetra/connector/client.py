"""A client for the emulator's control API; every call has a deadline."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.connector.model import ConnectorModel, parse_model
from chaosnetra.errors import ConnectorUnavailable, InvalidInput

TIMEOUT_SECONDS = 5.0


class ConnectorClient:
    """Calls one emulator.

    Args:
        url: control URL, `http://127.0.0.1:port`.

    Every call raises `ConnectorUnavailable` when nothing answers as an emulator, and
    `InvalidInput` when the emulator says that a value cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> dict[str, Any]:
        """Model, gauges and counters: see `chaosnetra.connector.emulator.Emulator.state`."""
        state: dict[str, Any] = self._call("GET", "/state")
        return state

    def model(self) -> ConnectorModel:
        """How it behaves now."""
        return parse_model(self.state()["model"])

    def change(self, changes: Mapping[str, Any]) -> ConnectorModel:
        """Replace some of the model's values; answers with the whole model."""
        return parse_model(self._call("PATCH", "/model", changes))

    def history(self) -> dict[str, Any]:
        """Samples and events: see `chaosnetra.connector.history.History.to_json`."""
        history: dict[str, Any] = self._call("GET", "/history")
        return history

    def _call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        import requests

        try:
            answer = requests.request(
                method,
                f"{self.url}{path}",
                json=data,
                timeout=TIMEOUT_SECONDS,
                proxies={"http": ""},  # an HTTP proxy of the environment cannot reach it
            )
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ConnectorUnavailable(
                f"no connector emulator answers at {self.url} ({type(error).__name__})"
            ) from None
        if answer.status_code == 400:
            raise InvalidInput(str(body.get("error")))
        if not answer.ok:
            raise ConnectorUnavailable(
                f"{self.url} answered {method} {path} with HTTP {answer.status_code}"
            )
        return body

"""Calls of a relay's control API; every one has a deadline."""

from collections.abc import Mapping
from typing import Any

from chaosnetra.errors import InvalidInput, PartUnavailable

TIMEOUT_SECONDS = 5.0


class ControlClient:
    """Calls one relay that is a program; see `chaosnetra.relay.service`.

    Args:
        url: control URL, `http://127.0.0.1:port`.

    Attributes:
        what: the relay is, for messages.
        unavailable: raised when nothing answers as one. `InvalidInput` is raised when it says
            that a value cannot be used.
    """

    what: str
    unavailable: type[PartUnavailable]

    def __init__(self, url: str) -> None:
        self.url = url

    def call(
        self,
        method: str,
        path: str,
        data: Mapping[str, Any] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> Any:
        """The JSON that it answers with."""
        import requests

        try:
            answer = requests.request(
                method,
                f"{self.url}{path}",
                json=data,
                timeout=timeout_seconds,
                proxies={"http": ""},  # an HTTP proxy of the environment cannot reach it
            )
            body = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise self.unavailable(
                f"no {self.what} answers at {self.url} ({type(error).__name__})"
            ) from None
        if answer.status_code == 400:
            raise InvalidInput(str(body.get("error")))
        if not answer.ok:
            said = f": {body['error']}" if isinstance(body, dict) and body.get("error") else ""
            raise self.unavailable(
                f"{self.url} answered {method} {path} with HTTP {answer.status_code}{said}"
            )
        return body

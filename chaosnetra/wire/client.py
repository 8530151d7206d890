"""A client for the observer's control API; every call has a deadline."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from chaosnetra.addresses import DatabaseAddress, parse_network_address
from chaosnetra.addresses.database_url import socket_path
from chaosnetra.errors import InvalidInput, ObserverUnavailable
from chaosnetra.relay.control import ControlClient
from chaosnetra.wire.observation import MOST_PHASES, Observation

# Of a startup of some hundred thousand round trips, behind others of the kind.
OBSERVATION_TIMEOUT_SECONDS = 60.0


class ObserverClient(ControlClient):
    """Calls one observer.

    Every call raises `ObserverUnavailable` when nothing answers as an observer, and `InvalidInput`
    when the observer says that a value cannot be used.
    """

    what = "observer"
    unavailable = ObserverUnavailable

    def state(self) -> dict[str, Any]:
        """Figures: see `chaosnetra.wire.observer.Observer.state`."""
        state: dict[str, Any] = self.call("GET", "/state")
        return state

    def database_for(
        self, name: str, database: DatabaseAddress, folder: Path | None = None
    ) -> DatabaseAddress:
        """The database behind an address of one startup's own.

        Args:
            name: of the startup, which no other one has.
            database: what the startup would be given without an observer.
            folder: where a Unix socket is put; none is needed for an address of host and port.
        """
        if not database.is_socket:
            return database.at(*parse_network_address("address", self._add(name)))
        if folder is None:
            raise InvalidInput("the observer of a Unix socket needs a folder for its own")
        self._add(name, socket_path(str(folder), database.port))
        return database.in_folder(str(folder))

    def observation(
        self,
        name: str,
        began_at: float,
        until_at: float,
        phases: Mapping[str, tuple[float, float | None]] | None = None,
    ) -> Observation:
        """What was seen of one startup.

        Args:
            name: of the startup.
            began_at: when it began, by `time.monotonic()`.
            until_at: when it was ready, or ended.
            phases: of each phase that it told of, its beginning and its end in seconds from
                `began_at`; None: it had not ended. The first `MOST_PHASES` are counted.
        """
        spans = dict(islice((phases or {}).items(), MOST_PHASES))
        asked = {"name": name, "began_at": began_at, "until_at": until_at, "phases": spans}
        answer = self.call("POST", "/observations", asked, OBSERVATION_TIMEOUT_SECONDS)
        try:
            return Observation.from_json(answer)
        except (ValueError, KeyError, TypeError) as error:
            raise ObserverUnavailable(
                f"{self.url} answered with something else than an observation: {error!r}"
            ) from None

    def forget(self, names: Iterable[str]) -> None:
        """Close the addresses of these startups, and forget what was seen; unknown ones are."""
        self.call("DELETE", "/startups", {"names": list(names)})

    def _add(self, name: str, path: str | None = None) -> str:
        asked = {"name": name} if path is None else {"name": name, "socket_path": path}
        return str(self.call("POST", "/startups", asked)["address"])


def missed(state: Mapping[str, Any]) -> str:
    """What an observer in that state did not see of what passed; empty: nothing."""
    if state["healthy"]:
        return ""
    return (
        "the observer did not see all that passed: "
        f"{state['faults']} connections could not be followed ({state['last_fault']}), "
        f"{state['accept_errors']} could not be accepted, and for {state['dial_errors']} this "
        "machine had no descriptor or port to pass them on"
    )

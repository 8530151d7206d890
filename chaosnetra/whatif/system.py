"""What instances start through, and how long they may take: the resources of the model."""

from dataclasses import asdict, dataclass
from typing import Any

from chaosnetra.connector.model import ConnectorModel

# PostgreSQL's default: only superusers get the last ones.
RESERVED_CONNECTIONS = 3


@dataclass(frozen=True)
class OwnLimits:
    """When a startup gives up by itself; None: never, as far as was seen.

    Attributes:
        answer_seconds: of waiting for one answer.
        connection_seconds: from the opening of a connection.
        first_connection_seconds: from the opening of its first connection.
        start_seconds: from its start.
        call_seconds: of preparing a statement and executing it, a round trip each.
    """

    answer_seconds: float | None = None
    connection_seconds: float | None = None
    first_connection_seconds: float | None = None
    start_seconds: float | None = None
    call_seconds: float | None = None

    def at_time_scale_1(self, time_scale: float) -> "OwnLimits":
        """What they are of a run at a time scale that shortens limits."""
        return OwnLimits(
            *(None if value is None else value / time_scale for value in vars(self).values())
        )

    @property
    def are_known(self) -> bool:
        return any(value is not None for value in asdict(self).values())


@dataclass(frozen=True)
class System:
    """What instances start through.

    Attributes:
        latency_seconds: that each round trip takes longer than in the journals without a fault.
        connector: between them and the database; None: there is none.
        max_connections: of the database; None: as many as are asked for.
        pool: connections of one instance at once; None: as many as it opened in the journals.
        pool_timeout_seconds: how long it waits for one of these.
        startup_timeout_seconds: when a startup is given up; None: never.
        own_limits: of the service.
        connector_from: where the connector is from, or why there is none; for people.
        max_connections_from: likewise.
    """

    latency_seconds: float = 0.0
    connector: ConnectorModel | None = None
    max_connections: int | None = None
    pool: int | None = None
    pool_timeout_seconds: float | None = None
    startup_timeout_seconds: float | None = None
    own_limits: OwnLimits = OwnLimits()
    connector_from: str = ""
    max_connections_from: str = ""

    @property
    def sessions(self) -> int | None:
        """Connections that the database gives to instances."""
        if self.max_connections is None:
            return None
        return max(0, self.max_connections - RESERVED_CONNECTIONS)

    def to_json(self) -> dict[str, Any]:
        connector = None if self.connector is None else self.connector.to_json()
        return {**asdict(self), "connector": connector, "sessions": self.sessions}

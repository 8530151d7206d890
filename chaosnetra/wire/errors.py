"""The server's errors, like ones together."""

from collections.abc import Sequence

from chaosnetra.wire.as_of import ConnectionAsOf
from chaosnetra.wire.log import ErrorSeen
from chaosnetra.wire.observation import Reached, ServerError


def error_table(
    connections: Sequence[ConnectionAsOf], texts: Sequence[str], began_at: float
) -> tuple[list[ServerError], int]:
    """Different errors, first ones first, and how many there were in all."""
    alike: dict[tuple[str, str, str, int, Reached], list[ErrorSeen]] = {}
    count = 0
    for connection in connections:
        for error in connection.errors():
            count += 1
            kind = (error.sqlstate, error.severity, error.message, error.statement, error.reached)
            alike.setdefault(kind, []).append(error)
    errors = [
        ServerError(
            sqlstate=sqlstate,
            severity=severity,
            message=message,
            times=len(seen),
            first_seconds=max(0.0, min(error.at for error in seen) - began_at),
            statement=texts[statement] if 0 <= statement < len(texts) else None,
            reached=reached,
        )
        for (sqlstate, severity, message, statement, reached), seen in alike.items()
    ]
    errors.sort(key=lambda error: error.first_seconds)
    return errors, count

"""Traffic that cannot be read: turns of direction."""

from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.questions import log_trip

# An answer goes on while no longer pause is in it; what comes later was not asked for then.
LONGEST_PAUSE_SECONDS = 1.0


class Turns:
    """What the client sends and then the server is a round trip.

    It lasts until the last that the server sends before the client does, pauses of more than
    `LONGEST_PAUSE_SECONDS` aside.
    """

    __slots__ = ("_connection", "_last_at", "_log", "_trip")

    def __init__(self, log: StartupLog, connection: ConnectionLog) -> None:
        self._log = log
        self._connection = connection
        self._trip = -1  # that may go on
        self._last_at = 0.0

    def client_sent(self, at: float) -> None:
        self._trip = -1
        if self._connection.waiting_since is None:
            self._connection.waiting_since = at
            self._connection.waiting_for = NO_STATEMENT

    def server_sent(self, at: float) -> None:
        connection = self._connection
        since = connection.waiting_since
        if since is not None:
            kept = len(connection.sent_at)
            log_trip(self._log, connection, since, at, connection.waiting_for)
            connection.waiting_since = None
            connection.waiting_for = NO_STATEMENT
            self._trip = kept if len(connection.sent_at) > kept else -1
        elif self._trip >= 0 and at - self._last_at <= LONGEST_PAUSE_SECONDS:
            connection.answered_at[self._trip] = at
        else:
            self._trip = -1
        self._last_at = at

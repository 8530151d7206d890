"""Logs of traffic, built by hand."""

from dataclasses import dataclass, field

from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, ErrorSeen, StartupLog
from chaosnetra.wire.observation import Encryption, End, Reached

LOGIN_TRIPS = 4  # a request for TLS, the startup message, and two messages of SCRAM


@dataclass
class Logs:
    """A startup's log that grows as its parts are told, in order of time."""

    log: StartupLog = field(default_factory=StartupLog)

    def opened(self, at: float, *, dialed: float | None = 0.0) -> "Traffic":
        """A connection; `dialed` seconds later the next hop had accepted it; None: it never has."""
        connection = ConnectionLog(
            opened_at=at,
            dialed_at=None if dialed is None else at + dialed,
            stages=[(at, Reached.TCP)],
        )
        self.log.connections.append(connection)
        self.log.opened += 1
        return Traffic(self.log, connection)

    def session(self, at: float, until: float, trips: int = LOGIN_TRIPS) -> "Traffic":
        """A connection that logs in with round trips of the same length, one after the other."""
        traffic = self.opened(at)
        step = (until - at) / trips
        stages = [Reached.TLS, Reached.STARTUP, Reached.AUTHENTICATION, Reached.AUTHENTICATION]
        for trip in range(trips):
            begin = at + trip * step
            traffic.stage(begin, stages[4 - trips + trip])
            traffic.asks(begin, begin + step if trip + 1 < trips else until)
        traffic.stage(until, Reached.SESSION)
        return traffic


@dataclass
class Traffic:
    """One connection of it."""

    log: StartupLog
    connection: ConnectionLog

    def stage(self, at: float, reached: Reached) -> "Traffic":
        self.connection.stages.append((at, reached))
        return self

    def asks(self, sent: float, answered: float, text: str | None = None) -> "Traffic":
        """A round trip; with a text, it executes that."""
        self.prepares(sent, answered, text)
        if text is not None:
            self.executes(sent, text)
        return self

    def prepares(self, sent: float, answered: float, text: str | None) -> "Traffic":
        """A round trip in which nothing is executed."""
        self.connection.sent_at.append(sent)
        self.connection.answered_at.append(answered)
        self.connection.statements.append(self.text(text))
        self.log.trips += 1
        return self

    def executes(self, at: float, text: str) -> "Traffic":
        self.connection.executed_at.append(at)
        self.connection.executed.append(self.text(text))
        return self

    def waits(self, since: float, text: str | None = None) -> "Traffic":
        self.connection.waiting_since = since
        self.connection.waiting_for = self.text(text)
        return self

    def fails(
        self, at: float, sqlstate: str, severity: str = "ERROR", text: str | None = None
    ) -> "Traffic":
        reached = self.connection.stages[-1][1]
        self.connection.errors.append(
            ErrorSeen(at, sqlstate, severity, f"error {sqlstate}", self.text(text), reached)
        )
        return self

    def ends(self, at: float, end: End = End.CLIENT) -> "Traffic":
        self.connection.ended_at = at
        self.connection.end = end
        return self

    def cannot_be_read(self, at: float, encryption: Encryption = Encryption.TLS) -> "Traffic":
        self.connection.encryption = encryption
        return self.stage(at, Reached.UNREAD)

    def text(self, text: str | None) -> int:
        if text is None:
            return NO_STATEMENT
        if text not in self.log.texts:
            self.log.texts.append(text)
        return self.log.texts.index(text)

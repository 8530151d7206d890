"""A connection whose bytes tests give, and what was written down of it."""

from chaosnetra.wire.conversation import Conversation
from chaosnetra.wire.log import NO_STATEMENT, ConnectionLog, StartupLog
from chaosnetra.wire.observation import End, Reached
from tests.support.wire import logged_in


class Seen:
    """A connection whose bytes come at 1, 2, 3 … seconds."""

    def __init__(self, log: StartupLog | None = None) -> None:
        self.log = StartupLog() if log is None else log
        self.connection = ConnectionLog(opened_at=0.0)
        self.conversation = Conversation(self.log, self.connection)
        self.conversation.dialed(0.5)
        self.now = 0.0

    def client(self, data: bytes) -> "Seen":
        self.now += 1
        self.conversation.client_sent(data, self.now)
        return self

    def server(self, data: bytes) -> "Seen":
        self.now += 1
        self.conversation.server_sent(data, self.now)
        return self

    def ended(self, end: End = End.CLIENT) -> "Seen":
        self.now += 1
        self.conversation.ended(end, self.now)
        return self

    @property
    def stages(self) -> list[Reached]:
        return [stage for _, stage in self.connection.stages]

    @property
    def trips(self) -> list[tuple[float, float, str | None]]:
        of = self.connection
        return [
            (sent, answered, self.text(statement))
            for sent, answered, statement in zip(
                of.sent_at, of.answered_at, of.statements, strict=True
            )
        ]

    def text(self, statement: int) -> str | None:
        return None if statement == NO_STATEMENT else self.log.texts[statement]

    @property
    def executed(self) -> list[str | None]:
        return [self.text(one) for one in self.connection.executed]

    @property
    def errors(self) -> list[tuple[str, str | None]]:
        return [(one.sqlstate, self.text(one.statement)) for one in self.connection.errors]


def in_session() -> Seen:
    """Logged in; the clock starts anew, and the login's round trip is forgotten."""
    seen = Seen()
    for side, data in logged_in():
        getattr(seen, side)(data)
    of = seen.connection
    del of.sent_at[:], of.answered_at[:], of.statements[:]
    seen.log.trips = 0
    seen.now = 0.0
    return seen
